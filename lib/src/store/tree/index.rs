//! Indexes by name for long lists of children.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::NodeId;
use crate::store::children::{Child, Children};

/// Children from which on a list has an index. A list that shrinks keeps it until nothing is left. Few in the tests of
/// this crate, so that these meet both kinds of lists.
const LONG: usize = if cfg!(test) { 3 } else { 48 };

/// The indexes of all long lists.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    of: HashMap<NodeId, Index>,
    hasher: RandomState,
}

/// The index of one list: positions, by name.
#[derive(Debug)]
pub(super) struct Index {
    positions: HashTable<u64>,
    hasher: RandomState,
}

/// Whether a list is to have an index.
pub(super) fn is_long(children: &Children) -> bool {
    children.len() >= LONG
}

impl Indexes {
    /// The index of a node's list, if it is long.
    pub(super) fn of(&self, id: NodeId) -> Option<&Index> {
        if self.of.is_empty() {
            return None;
        }
        self.of.get(&id)
    }

    /// The children from a position on were added to a list.
    pub(super) fn note_added(&mut self, id: NodeId, children: &Children, since: u64) {
        if let Some(index) = self.of.get_mut(&id) {
            for child in children.iter_since(since) {
                index.add(children, child.order());
            }
        } else if is_long(children) {
            let mut index = Index {
                positions: HashTable::new(),
                hasher: self.hasher.clone(),
            };
            for child in children.iter() {
                index.add(children, child.order());
            }
            self.of.insert(id, index);
        }
    }

    /// A child is removed from a list.
    pub(super) fn forget(&mut self, id: NodeId, name: &[u8], order: u64) {
        if let Some(index) = self.of.get_mut(&id) {
            index.remove(name, order);
            if index.positions.is_empty() {
                self.of.remove(&id);
            }
        }
    }

    /// A node is gone.
    pub(super) fn drop_of(&mut self, id: NodeId) {
        if !self.of.is_empty() {
            self.of.remove(&id);
        }
    }
}

impl Index {
    /// The child with this name.
    pub(super) fn find<'a>(&self, children: &'a Children, name: &[u8]) -> Option<&'a Child> {
        let is_it = |order: &u64| children.get(*order).is_some_and(|c| c.name() == name);
        let order = self.positions.find(self.hasher.hash_one(name), is_it)?;
        children.get(*order)
    }

    /// Whether exactly the children of the list are found.
    pub(super) fn is_right(&self, children: &Children) -> bool {
        let found = |child: &Child| {
            let found = self.find(children, child.name());
            found.is_some_and(|found| found.order() == child.order())
        };
        self.positions.len() == children.len() && children.iter().all(found)
    }

    fn add(&mut self, children: &Children, order: u64) {
        let hash = |order: &u64| {
            let name = children.get(*order).map(Child::name);
            self.hasher.hash_one(name.unwrap_or_default())
        };
        self.positions.insert_unique(hash(&order), order, hash);
    }

    fn remove(&mut self, name: &[u8], order: u64) {
        let hash = self.hasher.hash_one(name);
        if let Ok(found) = self.positions.find_entry(hash, |o| *o == order) {
            found.remove();
        }
    }
}
