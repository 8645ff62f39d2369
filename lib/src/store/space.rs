//! What a request works on: the store itself, or a transaction's view of it.

use std::sync::Arc;

use super::access::{Caller, settled};
use super::children::name_of;
use super::domain::Domains;
use super::node::{Acl, Node, variable_size};
use super::personality::Rules;
use super::quota::{Quotas, exceeded, reached};
use super::transaction::{Reach, Transaction};
use super::tree::{NodeId, Tree, parent_of};
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
    /// Bytes of the nodes, watches and open transactions of everybody, without what each costs at least.
    pub(super) memory: usize,
    /// The most that [`World::has_room`] allows.
    pub(super) memory_max: usize,
}

/// Bytes that a node costs beyond what quotas count, about.
const NODE: usize = 96;
/// Bytes that a node costs a transaction that has used it, beyond its path and value, about.
const USED: usize = 256;

impl World {
    /// Whether so many bytes more may be held, while others are given back.
    pub(super) fn has_room(&self, gained: usize, lost: usize) -> bool {
        let held = self.memory + NODE * self.tree.len();
        held + gained <= self.memory_max.saturating_add(lost)
    }

    /// A transaction is over.
    pub(super) fn release(&mut self, transaction: &Transaction) {
        self.memory = self.memory.saturating_sub(transaction.memory);
    }

    /// Bytes that a node counts in its owner's memory.
    pub(super) fn footprint(&self, path_len: usize, node: &Node) -> usize {
        self.rules.node_overhead + node.variable_size() + path_len
    }

    /// Takes bytes out of a domain's memory.
    pub(super) fn discharge(&mut self, owner: DomId, bytes: usize) {
        self.memory = self.memory.saturating_sub(bytes);
        self.domains.charge(owner, |usage| {
            usage.memory = usage.memory.saturating_sub(bytes);
        });
    }

    /// Takes a node out of its owner's memory, before it is changed or removed.
    pub(super) fn uncharge(&mut self, path: &str) {
        if let Some(id) = self.tree.find(path) {
            self.uncharge_node(id, path.len());
        }
    }

    fn uncharge_node(&mut self, id: NodeId, path_len: usize) {
        if let Some(node) = self.tree.node(id) {
            let (owner, bytes) = (node.acl.owner(), self.footprint(path_len, node));
            self.discharge(owner, bytes);
        }
    }

    /// Puts a node into its owner's memory, after it was made or changed.
    pub(super) fn charge(&mut self, path: &str) {
        if let Some(id) = self.tree.find(path) {
            self.charge_node(id, path.len());
        }
    }

    fn charge_node(&mut self, id: NodeId, path_len: usize) {
        if let Some(node) = self.tree.node(id) {
            let (owner, bytes) = (node.acl.owner(), self.footprint(path_len, node));
            self.memory += bytes;
            self.domains.charge(owner, |usage| usage.memory += bytes);
        }
    }

    /// Changes a node's permissions, of the same owner, without further ado.
    pub(super) fn set_acl(&mut self, path: &str, acl: Acl) {
        if let Some(id) = self.tree.find(path) {
            self.uncharge_node(id, path.len());
            if let Some(node) = self.tree.node_mut(id) {
                node.acl = acl;
            }
            self.charge_node(id, path.len());
        }
    }

    /// The limits that hold for a domain.
    pub(super) fn limits(&self, domid: DomId) -> Quotas {
        let own = self.domains.get(domid).map(|domain| &domain.quotas);
        self.quotas.with(own.into_iter().flatten())
    }

    /// Whether a domain that uses so much already may use one more.
    pub(super) fn is_full(&self, used: usize, limit: u32) -> bool {
        if self.rules.limits_are_ends {
            reached(used + 1, limit)
        } else {
            exceeded(used, limit)
        }
    }

    /// Changes the list of a node's children.
    pub(super) fn change_list(
        &mut self,
        id: NodeId,
        path_len: usize,
        change: impl FnOnce(&mut Tree),
    ) {
        self.uncharge_node(id, path_len);
        change(&mut self.tree);
        self.charge_node(id, path_len);
    }

    /// Counts a node more or less for its owner.
    pub(super) fn count_node(&mut self, owner: DomId, change: isize) {
        let generation = self.tree.generation();
        if let Some(domain) = self.domains.existing(owner, generation) {
            domain.usage.nodes = domain.usage.nodes.saturating_add_signed(change);
            domain.note_peak();
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
                && reached(
                    transaction.len(),
                    self.world.limits(self.caller.domid).transaction_nodes,
                )
            {
                transaction.failed = true;
                return Err(Errno::ENOSPC);
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
        let name = name_of(&top);
        let size = parent_size + name.len() + 1;
        let mut nodes: Vec<(Arc<str>, Node)> = missing
            .into_iter()
            .enumerate()
            .map(|(index, path)| {
                let mut node = Node::new(acl.clone(), if index == 0 { value } else { b"" });
                node.generation = self.world.tree.advance();
                (path, node)
            })
            .collect();
        if self.transaction.is_some() {
            for index in 0..nodes.len() {
                if let Some((below, _)) = index.checked_sub(1).and_then(|b| nodes.get(b)) {
                    let below = Arc::clone(below);
                    nodes[index]
                        .1
                        .children
                        .push(name_of(&below).as_bytes(), None);
                }
            }
            for (path, node) in nodes {
                self.note_made(&path, node);
            }
            return self.change(parent_path, size, |parent| {
                parent.children.push(name.as_bytes(), None);
            });
        }
        self.attach(parent_path, nodes)
    }

    /// Puts new nodes (from the bottom, each the only child of the next) below a parent.
    fn attach(&mut self, parent_path: &str, nodes: Vec<(Arc<str>, Node)>) -> Result<(), Errno> {
        let world = &mut *self.world;
        let mut parent = world.tree.find(parent_path).ok_or(Errno::EIO)?;
        let generation = world.tree.advance();
        world.uncharge_node(parent, parent_path.len());
        if let Some(node) = world.tree.node(parent) {
            // Entries whose domain has gone must be marked before the new generation hides their age.
            let acl = settled(node, &world.domains);
            world.tree.renew(parent, acl, generation);
        }
        let mut made = vec![(parent, parent_path.len())];
        for (path, node) in nodes.into_iter().rev() {
            let owner = node.acl.owner();
            let name = name_of(&path).as_bytes();
            let Some(id) = world.tree.attach(parent, name, node) else {
                // Four thousand million nodes: the limit on memory is reached long before.
                break;
            };
            world.count_node(owner, 1);
            parent = id;
            made.push((parent, path.len()));
        }
        for (id, path_len) in made {
            // With the child in its list.
            world.charge_node(id, path_len);
        }
        Ok(())
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
        let limits = self.world.limits(self.caller.domid);
        let mut names = 0;
        let mut value = value;
        // Bytes of the new nodes, which their owner will have when the next is made.
        let mut made = 0;
        for (index, path) in missing.iter().enumerate() {
            // Within a transaction only the commit knows how many there will be.
            let new = if self.transaction.is_some() { 0 } else { index };
            let used = self.world.domains.usage(self.caller.domid).nodes + new;
            let used = used + usize::from(self.world.rules.limits_are_ends);
            let full = !self.caller.privileged && reached(used, limits.nodes);
            let result = if full {
                Err(Errno::ENOSPC)
            } else {
                let size = variable_size(acl.len(), value, names);
                let result = self.check_size(owner, path, made, size);
                if self.transaction.is_none() {
                    made += self.world.rules.node_overhead + size + path.len();
                }
                result
            };
            result.inspect_err(|_| {
                if index > 0 || !full {
                    self.fail();
                }
            })?;
            names = name_of(path).len() + 1;
            value = 0;
        }
        // The parent is counted as it was.
        let old = self.world.rules.node_overhead + parent_size + parent.len();
        self.check_growth(owner, parent, (made, old), parent_size + names)
            .inspect_err(|_| self.fail())
    }

    /// Whether the quotas allow a new node of this size, while its owner also gets so many bytes of others.
    fn check_size(
        &self,
        owner: DomId,
        path: &str,
        others: usize,
        size: usize,
    ) -> Result<(), Errno> {
        self.check_growth(owner, path, (others, 0), size)
    }

    /// Whether the quotas allow a node of this size, while its owner gets and loses so many other bytes.
    fn check_growth(
        &self,
        owner: DomId,
        path: &str,
        (gained, lost): (usize, usize),
        size: usize,
    ) -> Result<(), Errno> {
        let World { domains, rules, .. } = &*self.world;
        let bytes = rules.node_overhead + size + path.len();
        if !self.world.has_room(gained + bytes, lost) {
            return Err(Errno::ENOMEM);
        }
        if self.caller.privileged {
            return Ok(());
        }
        let limits = self.world.limits(self.caller.domid);
        if reached(rules.node_overhead + size, limits.node_size) {
            return Err(Errno::ENOSPC);
        }
        let memory = domains.usage(owner).memory + gained + bytes;
        let limit = self.world.limits(owner).memory;
        if owner != DomId::DOM0 && reached(memory.saturating_sub(lost), limit) {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    /// A node that the transaction has made.
    fn note_made(&mut self, path: &str, node: Node) {
        if let Some(transaction) = &mut self.transaction {
            transaction.memory += node.variable_size();
            self.world.memory += node.variable_size();
            transaction.note_owned(node.acl.owner(), 1);
            transaction.set(path, Some(node));
        }
    }

    /// Removes a node other than the root with all below, within the transaction, and notes the events.
    pub(super) fn remove_noted(&mut self, top: &str) -> Result<(), Errno> {
        let (doomed, whole) = self.doomed(top);
        for path in &doomed {
            let reach = if &**path == top {
                Reach::Above
            } else {
                Reach::Exact
            };
            if let Some(transaction) = &mut self.transaction {
                transaction.note_event(path, reach);
            }
        }
        for path in &doomed {
            self.note_removed(path);
        }
        let (parent, name) = (parent_of(top), name_of(top).as_bytes());
        // Where the child is in the store itself it mostly is here too.
        let hint = self.world.tree.find(parent);
        let hint = hint.and_then(|id| Some(self.world.tree.child(id, name)?.order()));
        let mut listed = false;
        if whole {
            self.change_unchecked(parent, |parent| {
                listed = parent.children.remove_named(hint, name);
            });
        }
        // A transaction may see a parent from before a change and a child from after it, or the other way round.
        if listed { Ok(()) } else { Err(Errno::EIO) }
    }

    /// The nodes of a subtree, children before parents, in order; and whether that is all: in a transaction, which uses
    /// them from the top down by this, a child may be listed and missing, and then nothing after it is looked at.
    pub(super) fn doomed(&mut self, top: &str) -> (Vec<Arc<str>>, bool) {
        enum Visit {
            Enter(Arc<str>),
            Leave(Arc<str>),
        }
        let mut found = Vec::new();
        let mut stack = vec![Visit::Enter(top.into())];
        while let Some(visit) = stack.pop() {
            let path = match visit {
                Visit::Leave(path) => {
                    found.push(path);
                    continue;
                }
                Visit::Enter(path) => path,
            };
            if self.transaction.is_some() && !self.look(&path).is_ok_and(|there| there) {
                return (found, false);
            }
            stack.push(Visit::Leave(Arc::clone(&path)));
            let start = stack.len();
            let children = self.node(&path).map(|node| &node.children);
            let children = children.into_iter().flat_map(|children| children.iter());
            stack.extend(children.map(|child| Visit::Enter(child.path_below(&path))));
            stack[start..].reverse();
        }
        (found, true)
    }

    /// Removes one node from the transaction, not caring for its parent or children.
    pub(super) fn note_removed(&mut self, path: &str) {
        let owner = self.node(path).map(|node| node.acl.owner());
        if let Some(transaction) = &mut self.transaction
            && let Some(owner) = owner
        {
            transaction.set(path, None);
            transaction.note_owned(owner, -1);
        }
    }

    /// Removes a node other than the root with all below from the store itself.
    pub(super) fn remove_subtree(&mut self, path: &str) {
        let world = &mut *self.world;
        let Some(parent) = world.tree.find(parent_of(path)) else {
            return;
        };
        // Neighbours mostly have the same owner: counted together.
        let mut gone: Vec<(DomId, isize, usize)> = Vec::new();
        let overhead = world.rules.node_overhead;
        let name = name_of(path).as_bytes();
        let parent_len = parent_of(path).len();
        world.uncharge_node(parent, parent_len);
        world
            .tree
            .detach_all(parent, name, path.len(), |node, len| {
                let (owner, bytes) = (node.acl.owner(), overhead + node.variable_size() + len);
                match gone.last_mut() {
                    Some((of, nodes, sum)) if *of == owner => {
                        *nodes -= 1;
                        *sum += bytes;
                    }
                    _ => gone.push((owner, -1, bytes)),
                }
            });
        world.charge_node(parent, parent_len);
        for (owner, nodes, bytes) in gone {
            world.discharge(owner, bytes);
            world.count_node(owner, nodes);
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
