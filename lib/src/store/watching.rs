//! WATCH, UNWATCH, RESET_WATCHES, and who is told of a change.

use super::access::Caller;
use super::core::{Call, ConnId, Core, Identity};
use super::lax;
use super::names;
use super::node::{Acl, Node};
use super::output::Sink;
use super::personality::WATCH_DEPTH;
use super::quota::reached;
use super::transaction::Reach;
use super::tree::parent_of;
use super::watch::Watch;
use crate::id::DomId;
use crate::path::PHANTOM_NODES;
use crate::wire::{Errno, PAYLOAD_MAX};

/// Watches that a privileged connection may have; no daemon limits them, but memory has an end.
const PRIVILEGED_MAX: usize = 100_000;

/// Bytes that a watch costs beyond its path and token, about.
pub(super) const WATCH: usize = 256;

/// What the parent of a changed node was like when the change was made.
#[derive(Clone, Copy)]
pub(super) enum Parent<'a> {
    /// As it is now.
    AsIs,
    /// With these permissions.
    With(&'a Acl),
    /// Not there yet.
    Missing,
}

impl Core {
    pub(super) fn watch(&mut self, call: &mut Call<'_>, sink: &mut dyn Sink) -> Result<(), Errno> {
        let [name, token] = call.request.first_strings()?;
        let rules = self.world.rules;
        let depth = match call.request.strings().nth(2) {
            None => None,
            Some(depth) if rules.features & WATCH_DEPTH != 0 => {
                if call.request.strings().count() > 3 || depth.starts_with(b"-") {
                    return Err(Errno::EINVAL);
                }
                Some(lax::atoi(depth))
            }
            Some(_) => return Err(Errno::EINVAL),
        };
        let limits = self.limits(call);
        let (path, hidden) = names::watch_path(name, call.caller, &limits, rules)?;
        self.note_path(call, &path);
        let from = call.request.from;
        let connection = self.connections.get_mut(&from).ok_or(Errno::EIO)?;
        if connection.watches.contains(&path, token) {
            return Err(Errno::EEXIST);
        }
        let bytes = path.len() + token.len();
        if !self.world.has_room(bytes + WATCH, 0) {
            return Err(Errno::ENOMEM);
        }
        if call.caller.privileged {
            if connection.watches.len() >= PRIVILEGED_MAX {
                return Err(Errno::ENOSPC);
            }
        } else {
            let usage = self.world.domains.usage(call.caller.domid);
            if self.world.is_full(usage.watches, limits.watches) {
                return Err(rules.watch_quota.clone());
            }
            if reached(usage.memory + bytes, limits.memory) {
                return Err(Errno::ENOMEM);
            }
        }
        self.world.memory += bytes + WATCH;
        if let Identity::Domain(domid) = connection.identity {
            self.world.domains.charge(domid, |usage| {
                usage.watches += 1;
                usage.memory += bytes;
            });
        }
        let watch = Watch {
            connection: from,
            token: token.into(),
            hidden,
            depth,
        };
        self.watches
            .add(&mut connection.watches, &path, watch.clone());
        call.request.ack(sink);
        send(&watch, &path, sink, true);
        Ok(())
    }

    pub(super) fn unwatch(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let [name, token] = call.request.first_strings()?;
        if call.request.strings().count() != 2 {
            return Err(Errno::EINVAL);
        }
        // What cannot be watched is not watched.
        let (path, _) = names::watch_path(name, call.caller, &self.limits(call), self.world.rules)
            .map_err(|_| Errno::ENOENT)?;
        let connection = self.connections.get_mut(&call.request.from);
        let connection = connection.ok_or(Errno::EIO)?;
        if !self.watches.remove(&mut connection.watches, &path, token) {
            return Err(Errno::ENOENT);
        }
        let bytes = path.len() + token.len();
        self.world.memory = self.world.memory.saturating_sub(bytes + WATCH);
        if let Identity::Domain(domid) = connection.identity {
            self.world.domains.charge(domid, |usage| {
                usage.watches = usage.watches.saturating_sub(1);
                usage.memory = usage.memory.saturating_sub(bytes);
            });
        }
        call.request.ack(sink);
        Ok(())
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "all operations have the same signature"
    )]
    pub(super) fn reset_watches(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        // A transaction that the request named goes with the others.
        if let Some(transaction) = call.transaction.take() {
            self.world.release(&transaction);
            self.count_transaction_end(call.request.from);
        }
        self.reset(call.request.from);
        call.request.ack(sink);
        Ok(())
    }

    /// Tells of a change of `path` whoever watches it and may know. `old`: permissions before the change, if they
    /// changed: who could read the node then is told too.
    pub(super) fn fire(&self, path: &str, reach: Reach, old: Option<&Acl>, sink: &mut dyn Sink) {
        self.fire_at(path, reach, old, Parent::AsIs, sink);
    }

    /// As [`Core::fire`], with the parent as it was when this change was made.
    pub(super) fn fire_at(
        &self,
        path: &str,
        reach: Reach,
        old: Option<&Acl>,
        parent: Parent<'_>,
        sink: &mut dyn Sink,
    ) {
        let concerned = self.watches.concerned(path, reach);
        if concerned.is_empty() {
            return;
        }
        let node = self.world.tree.get(path);
        let mut last: Option<(ConnId, bool)> = None;
        for watch in concerned {
            let told = match last {
                Some((connection, told)) if connection == watch.connection => told,
                _ => self
                    .caller_of(watch.connection)
                    .is_some_and(|watcher| self.may_know(watcher, path, node, old, parent)),
            };
            last = Some((watch.connection, told));
            if told {
                send(watch, path, sink, true);
            }
        }
    }

    /// Who can read the node (if it is there) or its parent, or could before, may know that it changed.
    fn may_know(
        &self,
        watcher: Caller,
        path: &str,
        node: Option<&Node>,
        old: Option<&Acl>,
        parent: Parent<'_>,
    ) -> bool {
        let domains = &self.world.domains;
        let reads = |node: &Node| watcher.access(node, domains).can_read();
        let read = |acl: &Acl| watcher.access_by(acl, u64::MAX, domains).can_read();
        old.is_some_and(read)
            || node.is_some_and(|node| {
                reads(node)
                    || match parent {
                        Parent::AsIs => self.world.tree.get(parent_of(path)).is_some_and(reads),
                        Parent::With(acl) => read(acl),
                        Parent::Missing => false,
                    }
            })
    }

    /// Tells those who watch `@introduceDomain` (`which` 0) or `@releaseDomain` (1), for all domains or this one.
    pub(super) fn fire_special(&self, which: usize, domid: DomId, sink: &mut dyn Sink) {
        let name = PHANTOM_NODES[which];
        if self.world.rules.oxenstored {
            self.oxen_tell_special(name, sink);
            return;
        }
        let Some(acl) = self.special_acl(name.as_bytes()) else {
            return;
        };
        let of_domain = format!("{name}/{domid}");
        let with_domain = self.world.rules.features & WATCH_DEPTH != 0;
        let mut watches: Vec<(&Watch, &str)> = self
            .watches
            .concerned(name, Reach::Exact)
            .into_iter()
            .map(|watch| {
                let numbered = with_domain && watch.depth.is_some_and(|depth| depth > 0);
                (watch, if numbered { &of_domain } else { name })
            })
            .collect();
        if with_domain {
            let one = self.watches.concerned(&of_domain, Reach::Exact);
            watches.extend(one.into_iter().map(|watch| (watch, &*of_domain)));
        }
        for (watch, path) in watches {
            let may = self.caller_of(watch.connection).is_some_and(|watcher| {
                watcher
                    .access_by(acl, u64::MAX, &self.world.domains)
                    .can_read()
            });
            if may {
                send(watch, path, sink, false);
            }
        }
    }
}

/// Sends an event, unless it is too long for a message.
fn send(watch: &Watch, path: &str, sink: &mut dyn Sink, merge: bool) {
    let seen = &path[watch.hidden.min(path.len())..];
    let seen = if watch.hidden > 0 {
        seen.strip_prefix('/').unwrap_or(seen)
    } else {
        seen
    };
    if seen.len() + watch.token.len() + 2 <= PAYLOAD_MAX {
        let mergeable = merge && !seen.starts_with('@');
        sink.event(watch.connection, seen.as_bytes(), &watch.token, mergeable);
    }
}
