//! What a mirror shows.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use crate::error::Error;
use crate::path::StorePath;
use crate::perms::Perms;
use crate::tree::{Field, Node};

/// The nodes of a copy, sorted.
pub(super) type Nodes = BTreeMap<StorePath, Arc<Mirrored>>;

/// A node of the copy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mirrored {
    /// Where it is.
    pub path: StorePath,
    /// Its value.
    pub value: Field<Vec<u8>>,
    /// Its permissions.
    pub perms: Field<Perms>,
    /// Whether its children could be listed; if the store denies that, there may be some that the copy lacks.
    pub listed: bool,
}

impl From<Node> for Mirrored {
    fn from(node: Node) -> Self {
        Self {
            listed: node.children != Field::Denied,
            path: node.path,
            value: node.value,
            perms: node.perms,
        }
    }
}

/// The copy at one moment.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(super) nodes: &'a Nodes,
}

impl<'a> View<'a> {
    /// Nodes that somebody has kept, as a mirror shows its own. The first of them is taken for the top.
    pub fn new(nodes: &'a BTreeMap<StorePath, Arc<Mirrored>>) -> Self {
        Self { nodes }
    }

    /// The node at `path`.
    pub fn get(self, path: &StorePath) -> Option<&'a Arc<Mirrored>> {
        self.nodes.get(path)
    }

    /// The value of the node at `path`, if it is there and readable.
    pub fn value(self, path: &StorePath) -> Option<&'a [u8]> {
        Some(self.get(path)?.value.known()?)
    }

    /// The node at `path` and all below it, sorted, each before the nodes below it.
    pub fn subtree(self, path: &StorePath) -> impl Iterator<Item = &'a Arc<Mirrored>> + use<'a> {
        let top = path.clone();
        let from = self.nodes.range(path.clone()..);
        from.map(|(_, node)| node)
            .take_while(move |node| node.path.is_within(&top))
    }

    /// The nodes directly below `path`, sorted. Takes as long as looking at all below it.
    pub fn children(self, path: &StorePath) -> impl Iterator<Item = &'a Arc<Mirrored>> + use<'a> {
        let depth = path.depth() + 1;
        self.subtree(path)
            .filter(move |node| node.path.depth() == depth)
    }

    /// The first node in the order of paths at or after a bound.
    pub(crate) fn first(self, from: Bound<&StorePath>) -> Option<&'a Arc<Mirrored>> {
        let mut range = self.nodes.range::<StorePath, _>((from, Bound::Unbounded));
        range.next().map(|(_, node)| node)
    }

    /// How many nodes there are.
    pub fn len(self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.nodes.is_empty()
    }
}

/// How a mirror is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MirrorStatus {
    /// How many nodes it has.
    pub nodes: usize,
    /// Since when the copy may differ from the store: it was not read yet, or the store is out of reach.
    pub stale_since: Option<Instant>,
    /// How many events the store sent.
    pub events: u64,
    /// How often everything was read.
    pub scans: u64,
    /// Why reading failed the last time, while it is tried again.
    pub trouble: Option<Error>,
    /// Why the mirror has ended.
    pub ended: Option<Error>,
}
