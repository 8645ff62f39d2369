//! What a request works on: the store itself, or a transaction's view of it.

use std::sync::Arc;

use super::access::{Caller, settled};
use super::domain::Domains;
use super::node::{Acl, Node, variable_size};
use super::personality::Rules;
use super::quota::{Quotas, exceeded, reached};
use super::transaction::Transaction;
use super::tree::{Tree, parent_of};
use crate::id::DomId;
use crate::perms::Access;
use crate::wire::Errno;

/// The state of the store without its connections.
#[derive(Debug)]
pub(super) struct World {
    pub(super) tree: Tree,
    pub(super) domains: Domains,
    pub(super) quotas: Quotas,
    pub(super) rules: &'static Rules,
}

impl World {
    /// Bytes that a node counts in its owner's memory.
    fn footprint(&self, path: &str, node: &Node) -> usize {
        self.rules.node_overhead + node.variable_size() + path.len()
    }

    /// Takes a node out of its owner's memory, before it is changed or removed.
    pub(super) fn uncharge(&mut self, path: &str) {
        if let Some(node) = self.tree.get(path) {
            let (owner, bytes) = (node.acl.owner(), self.footprint(path, node));
            self.domains.charge(owner, |usage| {
                usage.memory = usage.memory.saturating_sub(bytes);
            });
        }
    }

    /// Puts a node into its owner's memory, after it was made or changed.
    pub(super) fn charge(&mut self, path: &str) {
        if let Some(node) = self.tree.get(path) {
            let (owner, bytes) = (node.acl.owner(), self.footprint(path, node));
            self.domains.charge(owner, |usage| usage.memory += bytes);
        }
    }

    /// Counts a node more or less for its owner.
    pub(super) fn count_node(&mut self, owner: DomId, change: isize) {
        let generation = self.tree.generation();
        if let Some(domain) = self.domains.existing(owner, generation) {
            domain.usage.nodes = domain.usage.nodes.saturating_add_signed(change);
        }
    }
}

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
                && reached(transaction.len(), self.world.quotas.transaction_nodes)
            {
                transaction.failed = true;
                return Err(Errno::ENOSPC);
            }
            let acl = self
                .world
                .tree
                .get(path)
                .map(|node| settled(node, &self.world.domains));
            transaction.fix(path, &self.world.tree, acl);
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
        let (owner, old_size) = (node.acl.owner(), node.variable_size());
        self.check_size(owner, path, Some(old_size), size)
            .inspect_err(|_| self.fail())?;
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
        self.world.uncharge(path);
        if let Some(node) = self.world.tree.get_mut(path) {
            apply(node);
        }
        self.world.charge(path);
    }

    /// Makes a node with everything missing above it. It must have been looked for.
    pub(super) fn create(&mut self, path: &str, value: &[u8]) -> Result<(), Errno> {
        let parent_path = self.nearest_above(path)?;
        let parent = self.node(parent_path).ok_or(Errno::EIO)?;
        let mut acl = settled(parent, &self.world.domains);
        let parent_size = parent.variable_size();
        if !self.caller.privileged {
            acl = acl.with_owner(self.caller.domid);
        }
        // Full paths of the new nodes, from the bottom.
        let mut missing: Vec<Arc<str>> = Vec::with_capacity(1);
        let mut at = path;
        while at != parent_path {
            missing.push(at.into());
            at = parent_of(at);
        }
        self.check_creation(&missing, &acl, value.len(), parent_path, parent_size)?;
        let top = missing.last().cloned().ok_or(Errno::EEXIST)?;
        let order = self
            .node(parent_path)
            .map_or(0, |parent| parent.children.next_order());
        let mut below: Option<Arc<str>> = None;
        for path in missing {
            let mut node = Node::new(acl.clone(), if below.is_none() { value } else { b"" });
            if Arc::ptr_eq(&path, &top) {
                node.order = order;
            }
            if let Some(child) = below {
                // The position is 0, which is also what a new node has.
                node.children.push(child);
            }
            self.insert(&path, node);
            below = Some(path);
        }
        let size = parent_size + super::children::name_of(&top).len() + 1;
        self.change(parent_path, size, |parent| {
            parent.children.push(top);
        })
    }

    /// Whether the quotas allow the nodes `missing` (from the bottom) below a parent.
    fn check_creation(
        &mut self,
        missing: &[Arc<str>],
        acl: &Acl,
        value: usize,
        parent: &str,
        parent_size: usize,
    ) -> Result<(), Errno> {
        let owner = acl.owner();
        let generation = self.world.tree.generation();
        // Within a transaction its owner may have gone, with the node itself; the commit finds that.
        let exists = self.world.domains.existing(owner, generation).is_some();
        if !exists && self.transaction.is_none() {
            return Err(Errno::ENOMEM);
        }
        let mut names = 0;
        let mut value = value;
        for (index, path) in missing.iter().enumerate() {
            // Within a transaction only the commit knows how many there will be.
            let new = if self.transaction.is_some() { 0 } else { index };
            let used = self.world.domains.usage(self.caller.domid).nodes + new;
            let full = !self.caller.privileged && reached(used, self.world.quotas.nodes);
            let result = if full {
                Err(Errno::ENOSPC)
            } else {
                self.check_size(owner, path, None, variable_size(acl.len(), value, names))
            };
            result.inspect_err(|_| {
                if index > 0 || !full {
                    self.fail();
                }
            })?;
            names = super::children::name_of(path).len() + 1;
            value = 0;
        }
        self.check_size(owner, parent, Some(parent_size), parent_size + names)
            .inspect_err(|_| self.fail())
    }

    /// Whether the quotas allow a node of this size.
    fn check_size(
        &self,
        owner: DomId,
        path: &str,
        old: Option<usize>,
        new: usize,
    ) -> Result<(), Errno> {
        let World {
            domains,
            quotas,
            rules,
            ..
        } = &*self.world;
        if self.caller.privileged {
            return Ok(());
        }
        if reached(rules.node_overhead + new, quotas.node_size) {
            return Err(Errno::ENOSPC);
        }
        let fixed = rules.node_overhead + path.len();
        let memory = domains.usage(owner).memory + new + fixed;
        let memory = memory.saturating_sub(old.map_or(0, |old| old + fixed));
        if owner != DomId::DOM0 && reached(memory, quotas.memory) {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    fn insert(&mut self, path: &Arc<str>, mut node: Node) {
        node.generation = self.world.tree.advance();
        let owner = node.acl.owner();
        if let Some(transaction) = &mut self.transaction {
            transaction.set(path, Some(node));
            transaction.note_owned(owner, 1);
        } else {
            self.world.tree.put(path, Arc::new(node));
            self.world.charge(path);
            self.world.count_node(owner, 1);
        }
    }

    /// Removes one node that was looked at, not caring for its parent or children.
    pub(super) fn remove(&mut self, path: &str) {
        let Some(owner) = self.node(path).map(|node| node.acl.owner()) else {
            return;
        };
        if let Some(transaction) = &mut self.transaction {
            transaction.set(path, None);
            transaction.note_owned(owner, -1);
        } else {
            self.world.uncharge(path);
            self.world.tree.take(path);
            self.world.count_node(owner, -1);
        }
    }

    /// Gives a node that was looked at to another owner, with other permissions.
    pub(super) fn set_acl(&mut self, path: &str, acl: Acl) -> Result<(), Errno> {
        let node = self.node(path).ok_or(Errno::ENOENT)?;
        let (old_owner, new_owner) = (node.acl.owner(), acl.owner());
        let size = variable_size(acl.len(), node.value.len(), node.children.bytes());
        self.change(path, size, |node| node.acl = acl)?;
        if old_owner != new_owner {
            for (owner, change) in [(old_owner, -1), (new_owner, 1)] {
                match &mut self.transaction {
                    Some(transaction) => transaction.note_owned(owner, change),
                    None => self.world.count_node(owner, change),
                }
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
        self.caller.privileged || !exceeded(used, self.world.quotas.transactions)
    }
}

/// Whether an access includes what is wanted.
fn grants(has: Access, wanted: Access) -> bool {
    (!wanted.can_read() || has.can_read()) && (!wanted.can_write() || has.can_write())
}
