//! Nodes to be written, in order.

use crate::client::{Operations, Pending};
use crate::demo::scenario::Node;
use crate::error::Result;
use crate::id::DomId;
use crate::path::StorePath;
use crate::perms::{Access, Perms};

/// Nodes with values and, where they are not the parent's, permissions.
#[derive(Debug, Default)]
pub(in crate::demo) struct Plan {
    base: String,
    nodes: Vec<(String, String, Option<Perms>)>,
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "values are literals and numbers: references would only be noise"
)]
impl Plan {
    /// Nodes with absolute paths.
    pub(in crate::demo) fn new() -> Self {
        Self::default()
    }

    /// What follows is below `base`.
    pub(in crate::demo) fn below(&mut self, base: &str) -> &mut Self {
        base.clone_into(&mut self.base);
        self
    }

    /// A node with the permissions of its parent. An empty `key` is the base itself.
    pub(in crate::demo) fn node(&mut self, key: &str, value: impl ToString) -> &mut Self {
        self.add(key, value.to_string(), None)
    }

    /// A node with its own permissions.
    pub(in crate::demo) fn with(
        &mut self,
        key: &str,
        value: impl ToString,
        perms: &Perms,
    ) -> &mut Self {
        self.add(key, value.to_string(), Some(perms.clone()))
    }

    fn add(&mut self, key: &str, value: String, perms: Option<Perms>) -> &mut Self {
        let separator = if key.is_empty() || self.base.is_empty() {
            ""
        } else {
            "/"
        };
        let path = format!("{}{separator}{key}", self.base);
        self.nodes.push((path, value, perms));
        self
    }

    /// A node as a scenario gives it.
    pub(in crate::demo) fn given(&mut self, node: &Node) -> Result<()> {
        let perms = node.perms.as_ref().map(|perms| perms.parse()).transpose()?;
        self.nodes
            .push((node.path.clone(), node.value.clone(), perms));
        Ok(())
    }

    /// How many nodes are named; those above them come on top.
    pub(in crate::demo) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Gives a node that is there already another value.
    pub(in crate::demo) fn replace(&mut self, path: &str, value: &str) {
        if let Some(node) = self.nodes.iter_mut().find(|(other, ..)| other == path) {
            value.clone_into(&mut node.1);
        }
    }

    /// Adds the nodes of another plan.
    pub(in crate::demo) fn append(&mut self, mut other: Self) {
        self.nodes.append(&mut other.nodes);
    }

    /// Writes the nodes one after the other: a node takes its permissions from its parent's.
    pub(in crate::demo) fn write(&self, ops: &impl Operations) -> Result<()> {
        // Many are under way at once, on the one connection that a store in this process has.
        const BATCH: usize = 256;
        for nodes in self.nodes.chunks(BATCH) {
            let mut answers = Vec::with_capacity(2 * nodes.len());
            for (path, value, perms) in nodes {
                let path = StorePath::parse(path)?;
                answers.push(ops.submit_write(&path, value.as_bytes()));
                if let Some(perms) = perms {
                    answers.push(ops.submit_set_perms(&path, perms));
                }
            }
            answers.into_iter().try_for_each(Pending::wait)?;
        }
        Ok(())
    }
}

/// Nobody but domain 0.
pub(in crate::demo) fn private() -> Perms {
    Perms::new(Access::None, DomId::DOM0)
}

/// Owned by `owner`, readable by `reader`.
pub(in crate::demo) fn shared(owner: DomId, reader: DomId) -> Perms {
    Perms::new(Access::None, owner).with(Access::Read, reader)
}

/// Owned by `owner` alone.
pub(in crate::demo) fn owned(owner: DomId) -> Perms {
    Perms::new(Access::None, owner)
}
