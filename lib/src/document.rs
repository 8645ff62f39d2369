//! Export and import of subtrees as YAML and JSON documents.
//!
//! A document is a flat, sorted map from paths to nodes, because a path may have over a thousand elements and the YAML
//! readers stop at about sixty levels:
//!
//! ```yaml
//! xenstore: 1
//! root: /local/domain/3
//! nodes:
//!   .: {value: "", perms: [n3, r0]}
//!   name: {value: guest, perms: [n3, r0]}
//!   device/vif/0/mac: {value: "00:16:3e:00:00:01", perms: [n3, r0]}
//!   data/blob: {base64: "AP8=", perms: [n3]}
//! ```
//!
//! | field | meaning |
//! | --- | --- |
//! | `xenstore` | version of the format, 1 |
//! | `root` | absolute path that the others are relative to; `.` is the root itself (no name contains a dot) |
//! | `value` | the value as text; any byte string is written either so or as `base64` |
//! | `base64` | the value's bytes (RFC 4648, with padding), where they are no UTF-8 or hold control characters |
//! | `perms` | the permissions, the owner's entry first |
//! | `denied` | what the store did not let the exporter read: some of `value`, `perms`, `children` |
//!
//! A node without a value, or without permissions, says nothing of them: an import leaves them as they are. Every byte
//! and every permission comes back as it was. Texts that a reader of YAML 1.1 takes for something else (`no`, `12:30`,
//! `0x1F`) are quoted. [`Writer`] writes a node at a time; [`Plan`] says what an import would change, [`apply`] does
//! it.

mod apply;
mod plan;
mod read;
mod scalar;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use apply::{Applied, ApplyOptions, apply};
pub use plan::{Change, Mode, Plan};
pub use read::INPUT_MAX;
pub use write::Writer;

use crate::path::{PathKind, StorePath};
use crate::perms::Perms;
use crate::tree::{Field, Node, Snapshot};

/// Version of the format.
pub const VERSION: u64 = 1;

/// How a document is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// YAML, one line for each node. Readers of YAML 1.1 and 1.2 understand it alike.
    #[default]
    Yaml,
    /// JSON, one line for each node.
    Json,
}

/// A subtree as a document tells it: what is known of the nodes at and below a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Document {
    root: StorePath,
    nodes: BTreeMap<StorePath, Entry>,
}

/// What a document knows of one node.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Entry {
    /// Its value, if that is known.
    pub value: Option<Vec<u8>>,
    /// Its permissions, if they are known.
    pub perms: Option<Perms>,
    /// What the store denied when it was read.
    pub denied: Denied,
}

/// Parts of a node that the store did not let be read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Denied {
    /// The value.
    pub value: bool,
    /// The permissions.
    pub perms: bool,
    /// The names of its children: there may be nodes below it that the document does not have.
    pub children: bool,
}

impl Denied {
    /// Whether anything was denied.
    pub fn any(self) -> bool {
        self.value || self.perms || self.children
    }

    /// The denied parts by the words of the format.
    fn words(self) -> impl Iterator<Item = &'static str> {
        [
            (self.value, "value"),
            (self.perms, "perms"),
            (self.children, "children"),
        ]
        .into_iter()
        .filter_map(|(denied, word)| denied.then_some(word))
    }
}

impl From<&Node> for Entry {
    fn from(node: &Node) -> Self {
        Self {
            value: node.value.known().cloned(),
            perms: node.perms.known().cloned(),
            denied: Denied {
                value: node.value == Field::Denied,
                perms: node.perms == Field::Denied,
                children: node.children == Field::Denied,
            },
        }
    }
}

impl Document {
    /// A document without nodes; `None` if `root` is not absolute.
    pub fn new(root: StorePath) -> Option<Self> {
        (root.kind() == PathKind::Absolute).then(|| Self {
            root,
            nodes: BTreeMap::new(),
        })
    }

    /// Puts a node in, in the place of what the document had of it; `false`, and nothing is done, if it lies elsewhere.
    pub fn insert(&mut self, path: StorePath, entry: Entry) -> bool {
        let inside = path.is_within(&self.root);
        if inside {
            self.nodes.insert(path, entry);
        }
        inside
    }

    /// The path that the nodes are at or below.
    pub fn root(&self) -> &StorePath {
        &self.root
    }

    /// The nodes, sorted, each before those below it.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (&StorePath, &Entry)> {
        self.nodes.iter()
    }

    /// What is known of the node at `path`.
    pub fn get(&self, path: &StorePath) -> Option<&Entry> {
        self.nodes.get(path)
    }

    /// The same nodes at and below another path.
    ///
    /// # Errors
    /// If `root` is not absolute, or a path becomes too long.
    pub fn moved(&self, root: &StorePath) -> crate::error::Result<Self> {
        let mut moved = Self::new(root.clone()).ok_or_else(|| not_absolute(root))?;
        for (path, entry) in &self.nodes {
            let path = match path.below(&self.root) {
                None | Some("") => root.clone(),
                Some(below) => root.join(below)?,
            };
            moved.nodes.insert(path, entry.clone());
        }
        Ok(moved)
    }
}

impl From<&Snapshot> for Document {
    /// What a snapshot knows.
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            root: snapshot.top().clone(),
            nodes: snapshot
                .nodes()
                .iter()
                .map(|node| (node.path.clone(), Entry::from(node)))
                .collect(),
        }
    }
}

fn not_absolute(root: &StorePath) -> crate::error::Error {
    crate::error::Error::Invalid {
        what: format!("root '{root}'"),
        reason: "a document's root is an absolute path such as /local/domain/3".into(),
    }
}
