//! Removing nodes.

use std::sync::Arc;

use super::Space;
use crate::id::DomId;
use crate::store::children::name_of;
use crate::store::transaction::Reach;
use crate::store::tree::parent_of;
use crate::wire::Errno;

impl Space<'_> {
    /// Removes a node other than the root with all below, within the transaction, and notes the events.
    pub(in crate::store) fn remove_noted(&mut self, top: &str) -> Result<(), Errno> {
        let (doomed, whole) = self.doomed(top);
        for path in &doomed {
            let reach = if &**path == top {
                Reach::Above
            } else {
                Reach::Exact
            };
            if let Some(transaction) = &mut self.transaction {
                transaction.note_event(path, reach);
            }
        }
        for path in &doomed {
            self.note_removed(path);
        }
        let (parent, name) = (parent_of(top), name_of(top).as_bytes());
        // Where the child is in the store itself it mostly is here too.
        let hint = self.world.tree.find(parent);
        let hint = hint.and_then(|id| Some(self.world.tree.child(id, name)?.order()));
        let mut listed = false;
        if whole {
            self.change_unchecked(parent, |parent| {
                listed = parent.children.remove_named(hint, name);
            });
        }
        // A transaction may see a parent from before a change and a child from after it, or the other way round.
        if listed { Ok(()) } else { Err(Errno::EIO) }
    }

    /// The nodes of a subtree, children before parents, in order; and whether that is all: in a transaction, which uses
    /// them from the top down by this, a child may be listed and missing, and then nothing after it is looked at.
    pub(in crate::store) fn doomed(&mut self, top: &str) -> (Vec<Arc<str>>, bool) {
        enum Visit {
            Enter(Arc<str>),
            Leave(Arc<str>),
        }
        let mut found = Vec::new();
        let mut stack = vec![Visit::Enter(top.into())];
        while let Some(visit) = stack.pop() {
            let path = match visit {
                Visit::Leave(path) => {
                    found.push(path);
                    continue;
                }
                Visit::Enter(path) => path,
            };
            if self.transaction.is_some() && !self.look(&path).is_ok_and(|there| there) {
                return (found, false);
            }
            stack.push(Visit::Leave(Arc::clone(&path)));
            let start = stack.len();
            let children = self.node(&path).map(|node| &node.children);
            let children = children.into_iter().flat_map(|children| children.iter());
            stack.extend(children.map(|child| Visit::Enter(child.path_below(&path))));
            stack[start..].reverse();
        }
        (found, true)
    }

    /// Removes one node from the transaction, not caring for its parent or children.
    fn note_removed(&mut self, path: &str) {
        let owner = self.node(path).map(|node| node.acl.owner());
        if let Some(transaction) = &mut self.transaction
            && let Some(owner) = owner
        {
            transaction.set(path, None);
            transaction.note_owned(owner, -1);
        }
    }

    /// Removes a node other than the root with all below from the store itself.
    pub(in crate::store) fn remove_subtree(&mut self, path: &str) {
        let world = &mut *self.world;
        let Some(parent) = world.tree.find(parent_of(path)) else {
            return;
        };
        // Neighbours mostly have the same owner: counted together.
        let mut gone: Vec<(DomId, isize, usize)> = Vec::new();
        let overhead = world.rules.node_overhead;
        let name = name_of(path).as_bytes();
        let parent_len = parent_of(path).len();
        world.uncharge_node(parent, parent_len);
        world
            .tree
            .detach_all(parent, name, path.len(), |node, len| {
                let (owner, bytes) = (node.acl.owner(), overhead + node.variable_size() + len);
                match gone.last_mut() {
                    Some((of, nodes, sum)) if *of == owner => {
                        *nodes -= 1;
                        *sum += bytes;
                    }
                    _ => gone.push((owner, -1, bytes)),
                }
            });
        world.charge_node(parent, parent_len);
        for (owner, nodes, bytes) in gone {
            world.discharge(owner, bytes);
            world.count_node(owner, nodes);
        }
    }
}
