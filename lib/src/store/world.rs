//! The state of the store without its connections, and what of it everybody uses.

use super::domain::Domains;
use super::node::{Acl, Node};
use super::personality::Rules;
use super::quota::{Quotas, exceeded, reached};
use super::transaction::Transaction;
use super::tree::{NodeId, Tree};
use crate::id::DomId;

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
pub(super) const USED: usize = 256;

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

    pub(super) fn uncharge_node(&mut self, id: NodeId, path_len: usize) {
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

    pub(super) fn charge_node(&mut self, id: NodeId, path_len: usize) {
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
            let usage = domain.usage;
            self.domains.note(owner, |seen| seen.usage = usage);
        }
    }
}
