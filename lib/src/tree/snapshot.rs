//! A subtree as it was.

use super::Node;
use super::walk::{Order, Walk, WalkOptions};
use crate::client::{Client, Operations};
use crate::error::Result;
use crate::path::StorePath;

/// All nodes at and below a path, sorted, each before the nodes below it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    top: StorePath,
    nodes: Vec<Node>,
    vanished: u64,
    unreachable: u64,
}

impl Snapshot {
    /// Reads everything at and below `top`. Others may change the store meanwhile: the nodes need not belong to one
    /// moment unless `ops` is a transaction; see [`Snapshot::take_at_once`].
    ///
    /// # Errors
    /// If `top` is missing, or the store is lost.
    pub fn take<O: Operations + ?Sized>(
        ops: &O,
        top: &StorePath,
        options: WalkOptions,
    ) -> Result<Self> {
        let options = WalkOptions {
            order: Order::Sorted,
            ..options
        };
        let mut walk = Walk::new(ops, top, options);
        let nodes = walk.by_ref().collect::<Result<Vec<_>>>()?;
        Ok(Self {
            top: top.clone(),
            nodes,
            vanished: walk.vanished(),
            unreachable: walk.unreachable(),
        })
    }

    /// Reads everything at and below `top` as it was at one moment, in a transaction.
    ///
    /// C xenstored has no snapshots: any change by others conflicts, and the reading starts again. On a busy store a
    /// large subtree may never be read at once.
    ///
    /// # Errors
    /// As [`Snapshot::take`], and [`crate::Error::Conflict`] when it gave up.
    pub fn take_at_once(client: &Client, top: &StorePath, options: &WalkOptions) -> Result<Self> {
        client.transaction(|transaction| Self::take(transaction, top, options.clone()))
    }

    /// What was read.
    pub fn top(&self) -> &StorePath {
        &self.top
    }

    /// All nodes, sorted.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node at `path`.
    pub fn get(&self, path: &StorePath) -> Option<&Node> {
        let at = self.nodes.binary_search_by(|node| node.path.cmp(path));
        Some(&self.nodes[at.ok()?])
    }

    /// The node at `path` and all below it; none if there is no such node.
    pub fn subtree(&self, path: &StorePath) -> &[Node] {
        let start = self.nodes.partition_point(|node| node.path < *path);
        let rest = &self.nodes[start..];
        let length = rest.partition_point(|node| node.path.is_within(path));
        &rest[..length]
    }

    /// How many nodes disappeared while it was taken.
    pub fn vanished(&self) -> u64 {
        self.vanished
    }

    /// How many nodes were left out because their paths are too long for a request.
    pub fn unreachable(&self) -> u64 {
        self.unreachable
    }
}
