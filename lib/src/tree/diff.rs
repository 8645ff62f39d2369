//! What differs between two subtrees.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::slice;

use super::{Field, Node, Snapshot};
use crate::path::StorePath;

/// A difference.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change<'a> {
    /// Only the new subtree has it.
    Added(&'a Node),
    /// Only the old subtree has it.
    Removed(&'a Node),
    /// Value or permissions differ.
    Changed {
        /// As it was.
        old: &'a Node,
        /// As it is.
        new: &'a Node,
    },
}

/// The differences between two subtrees, in order. Nodes are matched by their place below the top, so that a subtree
/// can be compared with a copy of it elsewhere. What one of the two did not ask for is not compared; what one could
/// not read differs from what the other could.
pub fn diff<'a>(old: &'a Snapshot, new: &'a Snapshot) -> impl Iterator<Item = Change<'a>> {
    Diff {
        old: Side::of(old),
        new: Side::of(new),
    }
}

/// Whether value and permissions are the same as far as both are known.
pub(crate) fn same(a: &Node, b: &Node) -> bool {
    same_field(&a.value, &b.value) && same_field(&a.perms, &b.perms)
}

struct Diff<'a> {
    old: Side<'a>,
    new: Side<'a>,
}

struct Side<'a> {
    top: &'a StorePath,
    nodes: Peekable<slice::Iter<'a, Node>>,
}

impl<'a> Side<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        Self {
            top: snapshot.top(),
            nodes: snapshot.nodes().iter().peekable(),
        }
    }

    /// Elements of the next node's path below the top.
    fn place(&mut self) -> Option<impl Iterator<Item = &'a str> + use<'a>> {
        let node: &'a Node = self.nodes.peek()?;
        let below = node.path.below(self.top).unwrap_or_default();
        Some(below.split('/').filter(|element| !element.is_empty()))
    }
}

impl<'a> Iterator for Diff<'a> {
    type Item = Change<'a>;

    fn next(&mut self) -> Option<Change<'a>> {
        loop {
            let order = match (self.old.place(), self.new.place()) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.cmp(new),
            };
            match order {
                Ordering::Less => return self.old.nodes.next().map(Change::Removed),
                Ordering::Greater => return self.new.nodes.next().map(Change::Added),
                Ordering::Equal => {
                    let (old, new) = (self.old.nodes.next()?, self.new.nodes.next()?);
                    if !same(old, new) {
                        return Some(Change::Changed { old, new });
                    }
                }
            }
        }
    }
}

fn same_field<T: PartialEq>(a: &Field<T>, b: &Field<T>) -> bool {
    a == b || matches!((a, b), (Field::Unasked, _) | (_, Field::Unasked))
}
