//! All nodes of the committed store.
//!
//! Nodes lie in one table and are found by walking down the lists of children; a long list has an index by name.
//! Nothing recurses. Lists are shared with the transactions that have used them and copied, page by page, only when
//! changed while shared.

mod index;

use super::children::{Child, Children};
use super::node::{Acl, Node};
use index::Indexes;

/// Number of a node in the table.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct NodeId(std::num::NonZeroU32);

impl NodeId {
    const ROOT: Self = Self(std::num::NonZeroU32::MIN);

    fn place(self) -> usize {
        self.0.get() as usize - 1
    }

    fn at(place: usize) -> Option<Self> {
        let number = u32::try_from(place + 1).ok()?;
        std::num::NonZeroU32::new(number).map(Self)
    }
}

/// The committed state of the store.
#[derive(Debug)]
pub(super) struct Tree {
    places: Vec<Place>,
    /// First of the unused places.
    free: Option<NodeId>,
    len: usize,
    indexes: Indexes,
    /// Counts changes and starts of transactions; a node's generation is its value at the node's last change.
    generation: u64,
}

#[derive(Debug)]
enum Place {
    Used(Node),
    /// With the next unused one.
    Free(Option<NodeId>),
}

const _: () = assert!(size_of::<Place>() == 48, "every node has one");

impl Tree {
    /// A tree with nothing but a root.
    pub(super) fn new(root: Node) -> Self {
        Self {
            places: vec![Place::Used(root)],
            free: None,
            len: 1,
            indexes: Indexes::default(),
            generation: 0,
        }
    }

    /// The node at an absolute path.
    pub(super) fn get(&self, path: &str) -> Option<&Node> {
        self.node(self.find(path)?)
    }

    /// A node.
    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        match self.places.get(id.place())? {
            Place::Used(node) => Some(node),
            Place::Free(_) => None,
        }
    }

    /// The node at an absolute path, to be changed, but for its children.
    pub(super) fn get_mut(&mut self, path: &str) -> Option<&mut Node> {
        let id = self.find(path)?;
        self.node_mut(id)
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        match self.places.get_mut(id.place())? {
            Place::Used(node) => Some(node),
            Place::Free(_) => None,
        }
    }

    /// The node at an absolute path.
    pub(super) fn find(&self, path: &str) -> Option<NodeId> {
        let below = path.strip_prefix('/')?;
        let mut at = NodeId::ROOT;
        if !below.is_empty() {
            for name in below.split('/') {
                at = self.child(at, name.as_bytes())?.node()?;
            }
        }
        Some(at)
    }

    /// The child with this name.
    pub(super) fn child(&self, parent: NodeId, name: &[u8]) -> Option<&Child> {
        let children = &self.node(parent)?.children;
        match self.indexes.of(parent) {
            None => children.find(name),
            Some(index) => index.find(children, name),
        }
    }

    /// Changes a node's permissions and generation.
    pub(super) fn renew(&mut self, id: NodeId, acl: Acl, generation: u64) {
        if let Some(node) = self.node_mut(id) {
            node.acl = acl;
            node.generation = generation;
        }
    }

    /// Adds a child at the end of its parent's list. `None`: there is no such parent, or no more numbers.
    pub(super) fn attach(&mut self, parent: NodeId, name: &[u8], node: Node) -> Option<NodeId> {
        self.node(parent)?;
        let id = self.take_place(node)?;
        let children = self.children_mut(parent)?;
        let order = children.push(name, Some(id));
        self.note_added(parent, order);
        Some(id)
    }

    /// Makes the child that a parent's new list promises: see [`Tree::replace`].
    pub(super) fn fulfil(&mut self, parent: NodeId, name: &[u8], node: Node) -> Option<NodeId> {
        let order = self.child(parent, name)?.order();
        let id = self.take_place(node)?;
        self.children_mut(parent)?.set_node(order, id);
        self.note_added(id, 0);
        Some(id)
    }

    /// Puts a node in place of another, with a list of children that was made from the other's: those that are not
    /// there any more have been detached, and new ones are still to be made.
    pub(super) fn replace(&mut self, id: NodeId, node: Node) {
        let known = self.node(id).map_or(0, |old| old.children.next_order());
        if let Some(place) = self.node_mut(id) {
            *place = node;
        }
        self.note_added(id, known);
    }

    /// Takes a child without children out of the tree.
    pub(super) fn detach(&mut self, parent: NodeId, name: &[u8]) -> Option<Node> {
        let child = self.child(parent, name)?;
        let (id, order) = (child.node()?, child.order());
        self.indexes.forget(parent, name, order);
        self.children_mut(parent)?.remove(order);
        self.give_place_back(id)
    }

    /// Takes a node and everything below out of the tree; shows each, with how many bytes its path has.
    pub(super) fn detach_all(
        &mut self,
        parent: NodeId,
        name: &[u8],
        path_len: usize,
        mut gone: impl FnMut(&Node, usize),
    ) {
        let Some(child) = self.child(parent, name) else {
            return;
        };
        let (id, order) = (child.node(), child.order());
        self.indexes.forget(parent, name, order);
        if let Some(children) = self.children_mut(parent) {
            children.remove(order);
        }
        let mut stack: Vec<(NodeId, usize)> = id.map(|id| (id, path_len)).into_iter().collect();
        while let Some((id, path_len)) = stack.pop() {
            let Some(node) = self.give_place_back(id) else {
                continue;
            };
            gone(&node, path_len);
            stack.extend(
                node.children
                    .iter()
                    .filter_map(|child| Some((child.node()?, path_len + 1 + child.name().len()))),
            );
        }
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.len
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

    /// Whether long lists have their indexes, and these are right: for [`super::core::Core::check_store`].
    pub(super) fn is_indexed(&self, id: NodeId) -> bool {
        let Some(node) = self.node(id) else {
            return false;
        };
        match self.indexes.of(id) {
            Some(index) => index.is_right(&node.children),
            None => !index::is_long(&node.children),
        }
    }

    fn children_mut(&mut self, id: NodeId) -> Option<&mut Children> {
        Some(&mut self.node_mut(id)?.children)
    }

    fn note_added(&mut self, parent: NodeId, since: u64) {
        if let Some(Place::Used(node)) = self.places.get(parent.place()) {
            self.indexes.note_added(parent, &node.children, since);
        }
    }

    fn take_place(&mut self, node: Node) -> Option<NodeId> {
        let id = match self.free {
            Some(id) => id,
            None => NodeId::at(self.places.len())?,
        };
        match self.places.get_mut(id.place()) {
            Some(place) => {
                if let Place::Free(next) = place {
                    self.free = *next;
                }
                *place = Place::Used(node);
            }
            None => self.places.push(Place::Used(node)),
        }
        self.len += 1;
        Some(id)
    }

    fn give_place_back(&mut self, id: NodeId) -> Option<Node> {
        let place = self.places.get_mut(id.place())?;
        if matches!(place, Place::Free(_)) {
            return None;
        }
        let old = std::mem::replace(place, Place::Free(self.free));
        self.free = Some(id);
        self.len -= 1;
        self.indexes.drop_of(id);
        match old {
            Place::Used(node) => Some(node),
            Place::Free(_) => None,
        }
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
