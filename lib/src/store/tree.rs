//! All nodes, by path.
//!
//! A flat table: reading is one look-up whatever the depth, and nothing recurses. Nodes are shared with transactions
//! that have used them and copied only when changed while shared.

use std::collections::HashMap;
use std::sync::Arc;

use super::node::Node;

/// The committed state of the store.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: HashMap<Arc<str>, Arc<Node>>,
    /// Counts changes and starts of transactions; a node's generation is its value at the node's last change.
    generation: u64,
}

impl Tree {
    /// The node at an absolute path.
    pub(super) fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path).map(|node| &**node)
    }

    /// The node at an absolute path, to keep a copy of.
    pub(super) fn share(&self, path: &str) -> Option<Arc<Node>> {
        self.nodes.get(path).cloned()
    }

    /// The node at an absolute path, to be changed.
    pub(super) fn get_mut(&mut self, path: &str) -> Option<&mut Node> {
        self.nodes.get_mut(path).map(Arc::make_mut)
    }

    /// Puts a node in place of what there may be.
    pub(super) fn put(&mut self, path: &Arc<str>, node: Arc<Node>) {
        match self.nodes.get_mut(path) {
            Some(place) => *place = node,
            None => drop(self.nodes.insert(Arc::clone(path), node)),
        }
    }

    /// Takes a node out. Its parent and children are the caller's business.
    pub(super) fn take(&mut self, path: &str) -> Option<Arc<Node>> {
        self.nodes.remove(path)
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Counts the generations anew, with these nodes as the first.
    pub(super) fn restart<'a>(&mut self, paths: impl Iterator<Item = &'a str>) {
        self.generation = 0;
        for path in paths {
            let generation = self.advance();
            if let Some(node) = self.get_mut(path) {
                node.generation = generation;
            }
        }
    }

    /// The current generation.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The next generation.
    pub(super) fn advance(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }
}

/// The path of the node above; the root is above itself.
pub(super) fn parent_of(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_end_at_the_root() {
        assert_eq!(parent_of("/a/b"), "/a");
        assert_eq!(parent_of("/a"), "/");
        assert_eq!(parent_of("/"), "/");
    }
}
