//! The children of a node in the order of their creation.
//!
//! A B-tree over ever growing positions: children are only added at the end, removed anywhere. Its pages are shared
//! between copies, so that a transaction's copy of a directory costs nothing, and a change of a shared copy costs one
//! page per level. Every page knows how many bytes its names take, so that a long list can be entered at an offset.

mod page;

use std::sync::Arc;

use super::bytes::Bytes;
use super::tree::NodeId;
use page::{Below, Page};

pub(super) use page::Iter;

/// A child in its parent's list.
#[derive(Clone, Debug)]
pub(super) struct Child {
    name: Bytes,
    order: u64,
    /// `None`: it is made by a transaction that is not committed yet.
    node: Option<NodeId>,
}

const _: () = assert!(size_of::<Child>() == 40, "every node has one");

impl Child {
    /// The child's name.
    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    /// The child's full path, below a parent's.
    pub(super) fn path_below(&self, parent: &str) -> Arc<str> {
        // Names were checked with the paths that they came with: they are ASCII.
        let name = str::from_utf8(&self.name).unwrap_or_default();
        let parent = if parent == "/" { "" } else { parent };
        [parent, "/", name].concat().into()
    }

    /// The child's position, by which it is found again.
    pub(super) fn order(&self) -> u64 {
        self.order
    }

    /// The child itself.
    pub(super) fn node(&self) -> Option<NodeId> {
        self.node
    }

    /// Bytes of the name in a list of children: with its NUL.
    fn bytes(&self) -> usize {
        self.name.len() + 1
    }
}

/// The last element of an absolute path.
pub(super) fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The children of one node. Nothing is allocated for a node without any.
#[derive(Clone, Debug, Default)]
pub(super) struct Children(Option<Arc<List>>);

#[derive(Clone, Debug)]
struct List {
    root: Page,
    /// Position of the next child.
    next: u64,
    count: usize,
    bytes: usize,
}

impl Children {
    /// Bytes of all names with their NULs: the length of the payload of DIRECTORY.
    pub(super) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |list| list.bytes)
    }

    /// Number of children.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |list| list.count)
    }

    /// Position that the next child will have.
    pub(super) fn next_order(&self) -> u64 {
        self.0.as_ref().map_or(0, |list| list.next)
    }

    /// Adds a child at the end and returns its position.
    pub(super) fn push(&mut self, name: &[u8], node: Option<NodeId>) -> u64 {
        let list = self.0.get_or_insert_with(|| {
            Arc::new(List {
                root: Page::Leaf(Vec::new()),
                next: 0,
                count: 0,
                bytes: 0,
            })
        });
        let list = Arc::make_mut(list);
        let order = list.next;
        let child = Child {
            name: name.into(),
            order,
            node,
        };
        list.next += 1;
        list.count += 1;
        list.bytes += child.bytes();
        if let Some(sibling) = list.root.push(child) {
            let root = std::mem::replace(&mut list.root, Page::Leaf(Vec::new()));
            let left = Below {
                first: 0,
                bytes: root.bytes(),
                page: Arc::new(root),
            };
            list.root = Page::Inner(vec![left, sibling]);
        }
        order
    }

    /// The child at a position.
    pub(super) fn get(&self, order: u64) -> Option<&Child> {
        self.0.as_ref()?.root.get(order)
    }

    /// The child with this name, by looking at all: only for short lists.
    pub(super) fn find(&self, name: &[u8]) -> Option<&Child> {
        self.iter().find(|child| child.name() == name)
    }

    /// Says which node a child is.
    pub(super) fn set_node(&mut self, order: u64, node: NodeId) {
        if let Some(list) = &mut self.0
            && let Some(child) = Arc::make_mut(list).root.get_mut(order)
        {
            child.node = Some(node);
        }
    }

    /// Removes the child with this name, which may be at a position.
    pub(super) fn remove_named(&mut self, hint: Option<u64>, name: &[u8]) -> bool {
        let hinted = hint.and_then(|order| self.get(order));
        let found = hinted
            .filter(|child| child.name() == name)
            .or_else(|| self.find(name))
            .map(Child::order);
        found.is_some_and(|order| self.remove(order))
    }

    /// Removes the child at a position.
    pub(super) fn remove(&mut self, order: u64) -> bool {
        let Some(list) = &mut self.0 else {
            return false;
        };
        if list.root.get(order).is_none() {
            return false;
        }
        if list.count == 1 {
            // Positions may begin anew: nobody is left to be found by one.
            self.0 = None;
            return true;
        }
        let list = Arc::make_mut(list);
        if let Some(bytes) = list.root.remove(order) {
            list.bytes -= bytes;
            list.count -= 1;
        }
        while let Page::Inner(below) = &mut list.root
            && below.len() == 1
            && let Some(only) = below.pop()
        {
            list.root = Arc::unwrap_or_clone(only.page);
        }
        true
    }

    /// The children in order.
    pub(super) fn iter(&self) -> Iter<'_> {
        Iter::new(self.0.as_ref().map(|list| &list.root))
    }

    /// The children from the one that contains byte `offset` of the list of names, and where in it the byte is.
    pub(super) fn iter_from(&self, offset: usize) -> (Iter<'_>, usize) {
        Iter::from_offset(self.0.as_ref().map(|list| &list.root), offset)
    }

    /// The children from a position on.
    pub(super) fn iter_since(&self, order: u64) -> Iter<'_> {
        Iter::from_order(self.0.as_ref().map(|list| &list.root), order)
    }
}

#[cfg(test)]
mod tests;
