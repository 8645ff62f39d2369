//! Making nodes, and whether the limits allow it.

use std::sync::Arc;

use super::Space;
use crate::id::DomId;
use crate::store::access::settled;
use crate::store::children::name_of;
use crate::store::node::{Acl, Node, variable_size};
use crate::store::quota::reached;
use crate::store::tree::parent_of;
use crate::wire::Errno;

impl Space<'_> {
    /// Makes a node with everything missing above it. It must have been looked for.
    pub(in crate::store) fn create(&mut self, path: &str, value: &[u8]) -> Result<(), Errno> {
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
        if let Some(transaction) = &mut self.transaction {
            transaction.created = true;
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
        &mut self,
        owner: DomId,
        path: &str,
        others: usize,
        size: usize,
    ) -> Result<(), Errno> {
        self.check_growth(owner, path, (others, 0), size)
    }

    /// Whether the quotas allow a node of this size, while its owner gets and loses so many other bytes.
    pub(super) fn check_growth(
        &mut self,
        owner: DomId,
        path: &str,
        (gained, lost): (usize, usize),
        size: usize,
    ) -> Result<(), Errno> {
        let rules = self.world.rules;
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
        let (caller, whole) = (self.caller.domid, rules.node_overhead + size);
        self.world
            .domains
            .note(caller, |seen| seen.node_size = whole);
        let memory = self.world.domains.usage(owner).memory + gained + bytes;
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
}
