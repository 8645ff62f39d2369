//! TRANSACTION_START and TRANSACTION_END.

use std::sync::Arc;

use super::core::{Call, ConnId, Core, Identity};
use super::output::Sink;
use super::quota::reached;
use super::transaction::{Transaction, Used};
use crate::id::DomId;
use crate::wire::Errno;

/// Open transactions that a privileged connection may have; no daemon limits them, but memory has an end.
const PRIVILEGED_MAX: usize = 100_000;

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
        self.count_transaction_end(call.request.from);
        if commit {
            self.commit(transaction, sink)?;
        }
        call.request.ack(sink);
        Ok(())
    }

    fn commit(&mut self, transaction: Transaction, sink: &mut dyn Sink) -> Result<(), Errno> {
        if transaction.failed {
            return Err(Errno::ENOMEM);
        }
        for (domid, change) in transaction.owned() {
            let generation = self.world.tree.generation();
            let domain = self.world.domains.existing(domid, generation);
            let nodes = domain.ok_or(Errno::ENOMEM)?.usage.nodes;
            let after = nodes.saturating_add_signed(change);
            if domid != DomId::DOM0 && reached(after, self.world.quotas.nodes) {
                return Err(Errno::ENOSPC);
            }
        }
        if transaction.conflicts(&self.world.tree) {
            return Err(Errno::EAGAIN);
        }
        let owned: Vec<_> = transaction.owned().collect();
        for used in transaction.into_changes() {
            self.apply(used, sink);
        }
        for (domid, change) in owned {
            self.world.count_node(domid, change);
        }
        Ok(())
    }

    /// Carries out one change of a commit, with its event.
    fn apply(&mut self, used: Used, sink: &mut dyn Sink) {
        let world = &mut self.world;
        world.uncharge(&used.path);
        match used.node {
            Some(mut node) => {
                Arc::make_mut(&mut node).generation = world.tree.advance();
                world.tree.put(&used.path, node);
                world.charge(&used.path);
            }
            None => drop(world.tree.take(&used.path)),
        }
        if let Some(reach) = used.event {
            self.fire(&used.path, reach, used.acl.as_ref(), sink);
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
