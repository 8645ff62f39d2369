//! A transaction: the nodes that it used, as it sees them.
//!
//! As in C xenstored it is no snapshot: each node is fixed when it is first used (looked for is used, found or not),
//! and the commit fails if any of them has changed since. Starting costs nothing, committing costs what was used.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::node::{Acl, Node};
use super::tree::Tree;
use crate::id::DomId;

/// An open transaction.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    used: Vec<Used>,
    index: HashMap<Arc<str>, usize>,
    /// Change of the number of nodes that a domain owns.
    owned: BTreeMap<DomId, isize>,
    /// Bytes that it holds, about.
    pub(super) memory: usize,
    /// Something was done by half: it can only be given up.
    pub(super) failed: bool,
    /// Something was made: the limit on nodes is looked at in the end.
    pub(super) created: bool,
}

/// A node that the transaction used.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) path: Arc<str>,
    /// Generation when first used; `None`: it was missing.
    pub(super) generation: Option<u64>,
    /// Permissions when first used.
    pub(super) acl: Option<Acl>,
    /// The node as the transaction sees it.
    pub(super) node: Option<Node>,
    /// It was there and was removed; if it is there now it is another.
    pub(super) remade: bool,
    pub(super) modified: bool,
    /// An event is due at the commit.
    pub(super) event: Option<Reach>,
}

/// Which watches an event is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reach {
    /// Those on the node itself.
    Exact,
    /// Those on the node and on everything above.
    Above,
}

impl Transaction {
    /// Whether the node was used already.
    pub(super) fn has_used(&self, path: &str) -> bool {
        self.index.contains_key(path)
    }

    /// How many nodes were used.
    pub(super) fn len(&self) -> usize {
        self.used.len()
    }

    /// Fixes a node that is used for the first time.
    pub(super) fn fix(&mut self, path: &str, tree: &Tree, acl: Option<Acl>) {
        let path: Arc<str> = path.into();
        let node = tree.get(&path).cloned();
        self.index.insert(Arc::clone(&path), self.used.len());
        self.used.push(Used {
            path,
            generation: node.as_ref().map(|n| n.generation),
            acl,
            node,
            remade: false,
            modified: false,
            event: None,
        });
    }

    /// A node that was used, as the transaction sees it.
    pub(super) fn get(&self, path: &str) -> Option<&Node> {
        self.used[*self.index.get(path)?].node.as_ref()
    }

    /// A node that was used, to be changed.
    pub(super) fn get_mut(&mut self, path: &str) -> Option<&mut Node> {
        let used = &mut self.used[*self.index.get(path)?];
        used.modified = true;
        used.node.as_mut()
    }

    /// Makes or removes a node that was used.
    pub(super) fn set(&mut self, path: &str, node: Option<Node>) {
        if let Some(at) = self.index.get(path) {
            let used = &mut self.used[*at];
            used.modified = true;
            used.remade |= node.is_none() && used.generation.is_some();
            used.node = node;
        }
    }

    /// Remembers that an event is due.
    pub(super) fn note_event(&mut self, path: &str, reach: Reach) {
        match self.index.get(path) {
            Some(at) => {
                let event = &mut self.used[*at].event;
                if *event != Some(Reach::Above) {
                    *event = Some(reach);
                }
            }
            None => self.failed = true,
        }
    }

    /// Notes that a domain owns more or fewer nodes.
    pub(super) fn note_owned(&mut self, domid: DomId, change: isize) {
        *self.owned.entry(domid).or_default() += change;
    }

    /// Changes of the numbers of nodes.
    pub(super) fn owned(&self) -> impl Iterator<Item = (DomId, isize)> + '_ {
        self.owned.iter().map(|(domid, change)| (*domid, *change))
    }

    /// Whether something used has changed since.
    pub(super) fn conflicts(&self, tree: &Tree) -> bool {
        self.used
            .iter()
            .any(|used| used.generation != tree.get(&used.path).map(|node| node.generation))
    }

    /// What was changed, in the order of first use.
    pub(super) fn into_changes(self) -> Vec<Used> {
        // Unchanged nodes give up their share before anything is written, so that nothing is copied for them.
        let (changed, unchanged): (Vec<_>, Vec<_>) =
            self.used.into_iter().partition(|used| used.modified);
        drop(unchanged);
        changed
    }
}
