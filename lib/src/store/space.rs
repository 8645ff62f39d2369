//! What a request works on: the store itself, or a transaction's view of it.

mod creation;
mod removal;

use super::access::{Caller, settled};
use super::node::{Acl, Node, variable_size};
use super::quota::reached;
use super::transaction::Transaction;
use super::tree::parent_of;
use super::world::{USED, World};
use crate::perms::Access;
use crate::wire::Errno;

/// The nodes as a request sees and changes them.
pub(super) struct Space<'a> {
    pub(super) world: &'a mut World,
    pub(super) transaction: Option<&'a mut Transaction>,
    pub(super) caller: Caller,
}

impl Space<'_> {
    /// Looks at a node: a transaction fixes it by that. Whether it is there.
    pub(super) fn look(&mut self, path: &str) -> Result<bool, Errno> {
        let Some(transaction) = &mut self.transaction else {
            return Ok(self.world.tree.get(path).is_some());
        };
        if !transaction.has_used(path) {
            if !self.caller.privileged
                && reached(
                    transaction.len(),
                    self.world.limits(self.caller.domid).transaction_nodes,
                )
            {
                transaction.failed = true;
                return Err(Errno::ENOSPC);
            }
            if !self.caller.privileged {
                let (domid, used) = (self.caller.domid, transaction.len() + 1);
                self.world
                    .domains
                    .note(domid, |seen| seen.transaction_nodes = used);
            }
            let bytes = USED + path.len();
            if !self.world.has_room(bytes, 0) {
                transaction.failed = true;
                return Err(Errno::ENOMEM);
            }
            let acl = self
                .world
                .tree
                .get(path)
                .map(|node| settled(node, &self.world.domains));
            transaction.fix(path, &self.world.tree, acl);
            transaction.memory += bytes;
            self.world.memory += bytes;
        }
        Ok(transaction.get(path).is_some())
    }

    /// A node that was looked at.
    pub(super) fn node(&self, path: &str) -> Option<&Node> {
        match &self.transaction {
            None => self.world.tree.get(path),
            Some(transaction) => transaction.get(path),
        }
    }

    /// Looks at a node that must be there and grant `wanted`.
    ///
    /// A missing node is told as such only to a caller who has that access to the nearest node above.
    pub(super) fn find(&mut self, path: &str, wanted: Access) -> Result<&Node, Errno> {
        if !self.look(path)? {
            return Err(self.missing(path, wanted)?);
        }
        let node = self.node(path).ok_or(Errno::ENOENT)?;
        if grants(self.caller.access(node, &self.world.domains), wanted) {
            // Looked up again, because a node returned on one way only would stay borrowed on the other.
            return self.node(path).ok_or(Errno::ENOENT);
        }
        Err(self.refusal(path)?)
    }

    /// The error for a caller without rights on a node that is there. The nodes above are used for it, as for one
    /// that is missing.
    pub(super) fn refusal(&mut self, path: &str) -> Result<Errno, Errno> {
        self.nearest_above(path)?;
        Ok(Errno::EACCES)
    }

    /// What a caller who wants `wanted` is told about a missing node.
    fn missing(&mut self, path: &str, wanted: Access) -> Result<Errno, Errno> {
        let above = self.nearest_above(path)?;
        let node = self.node(above).ok_or(Errno::EIO)?;
        let may = grants(self.caller.access(node, &self.world.domains), wanted);
        Ok(if may { Errno::ENOENT } else { Errno::EACCES })
    }

    /// Path of the nearest existing node above.
    pub(super) fn nearest_above<'p>(&mut self, path: &'p str) -> Result<&'p str, Errno> {
        let mut above = parent_of(path);
        while !self.look(above)? {
            if above == "/" {
                return Err(Errno::EIO);
            }
            above = parent_of(above);
        }
        Ok(above)
    }

    /// Changes a node that was looked at; `size` is its variable size afterwards.
    pub(super) fn change(
        &mut self,
        path: &str,
        size: usize,
        change: impl FnOnce(&mut Node),
    ) -> Result<(), Errno> {
        let node = self.node(path).ok_or(Errno::ENOENT)?;
        let owner = node.acl.owner();
        let old = self.world.footprint(path.len(), node);
        self.check_growth(owner, path, (0, old), size)
            .inspect_err(|_| self.fail())?;
        if let Some(transaction) = &mut self.transaction {
            transaction.memory += size;
            self.world.memory += size;
        }
        self.change_unchecked(path, change);
        Ok(())
    }

    /// Changes a node that was looked at, whatever the quotas say: it becomes smaller.
    pub(super) fn change_unchecked(&mut self, path: &str, change: impl FnOnce(&mut Node)) {
        let Some(node) = self.node(path) else {
            return;
        };
        // Entries whose domain has gone must be marked before the new generation hides their age.
        let acl = settled(node, &self.world.domains);
        let generation = self.world.tree.advance();
        let apply = |node: &mut Node| {
            node.acl = acl;
            node.generation = generation;
            change(node);
        };
        if let Some(transaction) = &mut self.transaction {
            if let Some(node) = transaction.get_mut(path) {
                apply(node);
            }
            return;
        }
        if let Some(id) = self.world.tree.find(path) {
            self.world.uncharge_node(id, path.len());
            if let Some(node) = self.world.tree.node_mut(id) {
                apply(node);
            }
            self.world.charge_node(id, path.len());
        }
    }

    /// Gives a node that was looked at to another owner, with other permissions.
    pub(super) fn set_acl(&mut self, path: &str, acl: Acl) -> Result<(), Errno> {
        let node = self.node(path).ok_or(Errno::ENOENT)?;
        let (old_owner, new_owner) = (node.acl.owner(), acl.owner());
        let size = variable_size(acl.len(), node.value.len(), node.children.bytes());
        self.change(path, size, |node| node.acl = acl)?;
        for (owner, change) in [(old_owner, -1), (new_owner, 1)] {
            match &mut self.transaction {
                // Noted though nothing may come of it: at the commit both must still exist.
                Some(transaction) => transaction.note_owned(owner, change),
                None => self.world.count_node(owner, change),
            }
        }
        Ok(())
    }

    /// A change was done by half or refused: a transaction can no longer be committed.
    fn fail(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.failed = true;
        }
    }

    /// Whether the caller may start a further transaction.
    pub(super) fn may_begin(&self) -> bool {
        let used = self.world.domains.usage(self.caller.domid).transactions;
        let limit = self.world.limits(self.caller.domid).transactions;
        self.caller.privileged || !self.world.is_full(used, limit)
    }
}

/// Whether an access includes what is wanted.
fn grants(has: Access, wanted: Access) -> bool {
    (!wanted.can_read() || has.can_read()) && (!wanted.can_write() || has.can_write())
}
