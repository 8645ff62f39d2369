//! Nodes to be written, in order.

use crate::client::Operations;
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

    /// Writes the nodes one after the other: a node takes its permissions from its parent's.
    pub(in crate::demo) fn write(&self, ops: &impl Operations) -> Result<()> {
        for (path, value, perms) in &self.nodes {
            let path = StorePath::parse(path)?;
            ops.write(&path, value.as_bytes())?;
            if let Some(perms) = perms {
                ops.set_perms(&path, perms)?;
            }
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
