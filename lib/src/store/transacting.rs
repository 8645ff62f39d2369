//! TRANSACTION_START and TRANSACTION_END.

use std::collections::HashMap;
use std::sync::Arc;

use super::access::Caller;
use super::children::name_of;
use super::core::{Call, ConnId, Core, Identity};
use super::node::Acl;
use super::output::Sink;
use super::quota::reached;
use super::transaction::{Reach, Transaction, Used};
use super::tree::parent_of;
use super::watching::Parent;
use crate::id::DomId;
use crate::wire::Errno;

/// Open transactions that a privileged connection may have; no daemon limits them, but memory has an end.
const PRIVILEGED_MAX: usize = 100_000;

/// A change that a commit has carried out.
struct Done {
    path: Arc<str>,
    /// Permissions before, if the node was there.
    acl: Option<Acl>,
    event: Option<Reach>,
}

/// How many levels a path is below the root.
fn depth(path: &str) -> usize {
    if path == "/" {
        0
    } else {
        path.matches('/').count()
    }
}

impl Core {
    pub(super) fn transaction_start(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        if call.transaction.is_some() {
            return Err(Errno::EBUSY);
        }
        let from = call.request.from;
        let open = self
            .connections
            .get(&from)
            .map_or(0, |c| c.transactions.len());
        if !self.space(None, call.caller).may_begin() || open >= PRIVILEGED_MAX {
            return Err(Errno::ENOSPC);
        }
        let number = self.begin(from).ok_or(Errno::EIO)?;
        self.world.tree.advance();
        self.count_transactions(from, 1);
        call.request.reply(sink, format!("{number}\0").as_bytes());
        Ok(())
    }

    pub(super) fn transaction_end(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let commit = match call.request.one_string()? {
            b"T" => true,
            b"F" => false,
            _ => return Err(Errno::EINVAL),
        };
        let transaction = call.transaction.take().ok_or(Errno::ENOENT)?;
        self.world.release(&transaction);
        self.count_transaction_end(call.request.from);
        if commit {
            self.commit(transaction, call.caller, sink)?;
        }
        call.request.ack(sink);
        Ok(())
    }

    fn commit(
        &mut self,
        transaction: Transaction,
        caller: Caller,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        if transaction.failed {
            return Err(Errno::ENOMEM);
        }
        let limited = transaction.created && !caller.privileged;
        for (domid, change) in transaction.owned() {
            let generation = self.world.tree.generation();
            let domain = self.world.domains.existing(domid, generation);
            let nodes = domain.ok_or(Errno::ENOMEM)?.usage.nodes;
            let after = nodes.saturating_add_signed(change);
            let limit = self.world.limits(domid).nodes;
            if limited && domid != DomId::DOM0 && reached(after, limit) {
                return Err(Errno::ENOSPC);
            }
        }
        if transaction.conflicts(&self.world.tree) {
            return Err(Errno::EAGAIN);
        }
        let owned: Vec<_> = transaction.owned().collect();
        let events = self.apply(transaction.into_changes());
        for (domid, change) in owned {
            self.world.count_node(domid, change);
        }
        self.fire_commit(&events, sink);
        Ok(())
    }

    /// Carries out the changes of a commit.
    fn apply(&mut self, mut changes: Vec<Used>) -> Vec<Done> {
        let world = &mut self.world;
        for used in &mut changes {
            if let Some(node) = &mut used.node {
                node.generation = world.tree.advance();
            }
        }
        // What goes, from the bottom up; then what comes, from the top down: a parent's list promises its new children.
        let mut order: Vec<usize> = (0..changes.len()).collect();
        order.sort_by_key(|at| depth(&changes[*at].path));
        for at in order.iter().rev() {
            let used = &changes[*at];
            if used.generation.is_some() && (used.remade || used.node.is_none()) {
                world.uncharge(&used.path);
                let parent = world.tree.find(parent_of(&used.path));
                if let Some(parent) = parent {
                    let name = name_of(&used.path).as_bytes();
                    world.change_list(parent, parent_of(&used.path).len(), |tree| {
                        drop(tree.detach(parent, name));
                    });
                }
            }
        }
        for at in order {
            let used = &mut changes[at];
            let Some(node) = used.node.take() else {
                continue;
            };
            if used.generation.is_some() && !used.remade {
                if let Some(id) = world.tree.find(&used.path) {
                    world.uncharge(&used.path);
                    world.tree.replace(id, node);
                }
            } else if let Some(parent) = world.tree.find(parent_of(&used.path)) {
                world
                    .tree
                    .fulfil(parent, name_of(&used.path).as_bytes(), node);
            }
            world.charge(&used.path);
        }
        let done = changes.into_iter().map(|used| Done {
            path: used.path,
            acl: used.acl,
            event: used.event,
        });
        done.collect()
    }

    /// The events of a commit, in the order of the changes. Each is for those who may know of it when this change and
    /// those before it are done, and the others are not yet.
    fn fire_commit(&self, done: &[Done], sink: &mut dyn Sink) {
        if !self.watches.any() {
            return;
        }
        let places: HashMap<&str, usize> = done
            .iter()
            .enumerate()
            .map(|(at, d)| (&*d.path, at))
            .collect();
        for (at, change) in done.iter().enumerate() {
            let Some(reach) = change.event else {
                continue;
            };
            let later = places
                .get(parent_of(&change.path))
                .filter(|place| **place > at);
            let parent = match later.map(|place| &done[*place]) {
                None => Parent::AsIs,
                Some(parent) => parent.acl.as_ref().map_or(Parent::Missing, Parent::With),
            };
            self.fire_at(&change.path, reach, change.acl.as_ref(), parent, sink);
        }
    }

    /// A transaction of this connection has ended.
    pub(super) fn count_transaction_end(&mut self, from: ConnId) {
        self.count_transactions(from, -1);
    }

    fn count_transactions(&mut self, from: ConnId, change: isize) {
        if let Some(Identity::Domain(domid)) = self.connections.get(&from).map(|c| c.identity) {
            self.world.domains.charge(domid, |usage| {
                usage.transactions = usage.transactions.saturating_add_signed(change);
            });
        }
    }
}
