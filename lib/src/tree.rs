//! Whole subtrees: walking, snapshots, differences, copies.
//!
//! A walk keeps many requests under way: it costs about one round trip per level, not per node, and holds no more than
//! its window and the names still to be visited.

mod copy;
mod diff;
mod flight;
mod plan;
mod snapshot;
mod walk;

pub use copy::{CopyPerms, copy};
pub use diff::{Change, diff};
pub use plan::{Plan, Want};
pub use snapshot::Snapshot;
pub(crate) use walk::Found;
pub use walk::{Filter, Order, Walk, WalkOptions};

use crate::path::StorePath;
use crate::perms::Perms;

/// A node as a walk found it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Node {
    /// Where it is.
    pub path: StorePath,
    /// Its value.
    pub value: Field<Vec<u8>>,
    /// Its permissions.
    pub perms: Field<Perms>,
    /// How many children it has; the names are in the nodes that follow.
    pub children: Field<usize>,
}

impl Node {
    /// Whether some of it could not be read because the store denies it.
    pub fn is_denied(&self) -> bool {
        self.value == Field::Denied || self.perms == Field::Denied || self.children == Field::Denied
    }
}

/// A part of a node that may be unknown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Field<T> {
    /// It was read.
    Known(T),
    /// The store denies reading it.
    Denied,
    /// It was not asked for.
    #[default]
    Unasked,
}

impl<T> Field<T> {
    /// What was read, if it was.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            _ => None,
        }
    }
}
