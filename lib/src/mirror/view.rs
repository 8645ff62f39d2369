//! What a mirror shows.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use super::tree::{Branch, Tree};
use crate::error::Error;
use crate::path::StorePath;
use crate::perms::Perms;
use crate::tree::{Field, Node};

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
    /// Whether it has had children that are left out of the copy ([`super::MirrorOptions`]) since it was last read.
    pub more: bool,
}

impl From<Node> for Mirrored {
    fn from(node: Node) -> Self {
        Self {
            listed: node.children != Field::Denied,
            more: false,
            path: node.path,
            value: node.value,
            perms: node.perms,
        }
    }
}

/// The copy at one moment.
#[derive(Clone, Copy, Debug)]
pub struct View<'a>(Nodes<'a>);

#[derive(Clone, Copy, Debug)]
enum Nodes<'a> {
    Tree(&'a Tree),
    /// Parents may be missing.
    Map(&'a BTreeMap<StorePath, Arc<Mirrored>>),
}

/// What is known of the node at a path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    There(&'a Arc<Mirrored>),
    /// It certainly is not there.
    Missing,
    /// It may be there: it lies elsewhere, or below a node that could not be listed.
    Unknown,
}

impl<'a> View<'a> {
    /// Nodes that somebody has kept, as a mirror shows its own. The first of them is taken for the top.
    pub fn new(nodes: &'a BTreeMap<StorePath, Arc<Mirrored>>) -> Self {
        Self(Nodes::Map(nodes))
    }

    pub(super) fn of(nodes: &'a Tree) -> Self {
        Self(Nodes::Tree(nodes))
    }

    /// The node at `path`.
    pub fn get(self, path: &StorePath) -> Option<&'a Arc<Mirrored>> {
        match self.0 {
            Nodes::Tree(tree) => tree.get(path).map(Branch::node),
            Nodes::Map(map) => map.get(path),
        }
    }

    /// The node at `path` with all below it, where the copy has it so.
    pub fn branch(self, path: &StorePath) -> Option<&'a Branch> {
        match self.0 {
            Nodes::Tree(tree) => tree.get(path),
            Nodes::Map(_) => None,
        }
    }

    /// The value of the node at `path`, if it is there and readable.
    pub fn value(self, path: &StorePath) -> Option<&'a [u8]> {
        Some(self.get(path)?.value.known()?)
    }

    /// The node at `path` and all below it, sorted, each before the nodes below it.
    pub fn subtree(self, path: &StorePath) -> impl Iterator<Item = &'a Arc<Mirrored>> + use<'a> {
        let (tree, map) = match self.0 {
            Nodes::Tree(tree) => (tree.get(path).map(Branch::each), None),
            Nodes::Map(map) => {
                let top = path.clone();
                let from = map.range(path.clone()..).map(|(_, node)| node);
                (
                    None,
                    Some(from.take_while(move |node| node.path.is_within(&top))),
                )
            }
        };
        tree.into_iter().flatten().chain(map.into_iter().flatten())
    }

    /// The nodes directly below `path`, sorted.
    pub fn children(self, path: &StorePath) -> impl Iterator<Item = &'a Arc<Mirrored>> + use<'a> {
        let depth = path.depth() + 1;
        let (tree, map) = match self.0 {
            Nodes::Tree(tree) => {
                let below = tree.get(path).map_or(&[][..], Branch::children);
                (Some(below.iter().map(Branch::node)), None)
            }
            Nodes::Map(_) => {
                let below = self.subtree(path);
                (
                    None,
                    Some(below.filter(move |node| node.path.depth() == depth)),
                )
            }
        };
        tree.into_iter().flatten().chain(map.into_iter().flatten())
    }

    /// What is known of the node at `path`.
    pub(crate) fn place(self, path: &StorePath) -> Place<'a> {
        match self.0 {
            Nodes::Tree(tree) => match tree.find(path) {
                Some(Ok(branch)) => Place::There(branch.node()),
                Some(Err(last)) if last.node().listed => Place::Missing,
                _ => Place::Unknown,
            },
            Nodes::Map(map) => match map.get(path) {
                Some(node) => Place::There(node),
                // Without the top nothing is known: it may not have been read yet.
                None => match map.first_key_value() {
                    Some((top, _)) if path.is_within(top) => Place::Missing,
                    _ => Place::Unknown,
                },
            },
        }
    }

    /// The name of the first node below a path that the copy itself lacks, and that therefore exists: one on the way to
    /// the copy's top.
    pub(crate) fn leads_to(self, path: &StorePath) -> Option<&'a str> {
        let below = match self.0 {
            Nodes::Tree(tree) => tree.root().and(tree.top().below(path)),
            Nodes::Map(map) => {
                let mut next = map.range::<StorePath, _>((Bound::Excluded(path), Bound::Unbounded));
                next.next().and_then(|(next, _)| next.below(path))
            }
        };
        below?.split('/').next().filter(|name| !name.is_empty())
    }

    /// Nodes that somebody has kept.
    pub(crate) fn map(self) -> Option<&'a BTreeMap<StorePath, Arc<Mirrored>>> {
        match self.0 {
            Nodes::Map(map) => Some(map),
            Nodes::Tree(_) => None,
        }
    }

    /// How many nodes there are.
    pub fn len(self) -> usize {
        match self.0 {
            Nodes::Tree(tree) => tree.len(),
            Nodes::Map(map) => map.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// How a mirror is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MirrorStatus {
    /// How many nodes it has.
    pub nodes: usize,
    /// While everything is read for the first time and parts are shown: how many nodes were found so far, read or not.
    pub found: Option<usize>,
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
