//! What is asked for about the nodes of a tree of which much is known.

use crate::path::StorePath;

/// What is asked for about a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Want {
    /// Nothing: the node and all below it are left out.
    Nothing,
    /// Its value. It is taken for a leaf: what may be below it is left out.
    Value,
    /// The names of its children, not its value.
    Names,
    /// Both.
    Both,
}

/// What is asked for about a node, and how to tell the same of each of its children by its name.
///
/// Where much is known of a tree, that halves the requests. A name costs one call, however deep it lies.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What is asked for about the node.
    pub want: Want,
    /// The same about the child of this name.
    pub below: fn(&str) -> Plan,
}

impl Plan {
    /// The node and all below it are left out.
    pub const NOTHING: Self = Self::new(Want::Nothing, nothing);

    /// A leaf whose value is read.
    pub const VALUE: Self = Self::new(Want::Value, nothing);

    /// The names of the children, and of each child what `below` says.
    pub const fn names(below: fn(&str) -> Self) -> Self {
        Self::new(Want::Names, below)
    }

    /// What is asked for about a node and its children.
    pub const fn new(want: Want, below: fn(&str) -> Self) -> Self {
        Self { want, below }
    }

    /// The plan for the node at a path, if this is that of the root.
    #[must_use]
    pub fn at(self, path: &StorePath) -> Self {
        path.elements().fold(self, |plan, name| (plan.below)(name))
    }
}

fn nothing(_: &str) -> Plan {
    Plan::NOTHING
}
