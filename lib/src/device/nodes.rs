//! Where the model gets its nodes from: anything that can look up a path and list children.

use std::borrow::Cow;
use std::cell::RefCell;

use super::reading::{self, BadValue, Reading, Text};
use crate::path::StorePath;

/// A tree of nodes that is already in memory: a snapshot, a mirror, a map.
///
/// The model asks often and for nodes that may not exist; answers must be cheap.
pub trait Nodes {
    /// The value at `path`.
    fn value(&self, path: &StorePath) -> Reading<Cow<'_, [u8]>>;

    /// The names of the nodes directly below `path`, each a valid element of a path.
    fn children(&self, path: &StorePath) -> Reading<Vec<String>>;
}

impl<N: Nodes + ?Sized> Nodes for &N {
    fn value(&self, path: &StorePath) -> Reading<Cow<'_, [u8]>> {
        (**self).value(path)
    }

    fn children(&self, path: &StorePath) -> Reading<Vec<String>> {
        (**self).children(path)
    }
}

/// A value in the store that is not what belongs there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// The node.
    pub path: StorePath,
    /// Its value, and what is wrong with it.
    pub value: BadValue,
}

/// Most notes that are kept of one device or domain: who writes nonsense does not get our memory.
const NOTES: usize = 32;

/// Collects [`Note`]s while something is read.
#[derive(Debug, Default)]
pub(crate) struct Notes(RefCell<Vec<Note>>);

impl Notes {
    pub(crate) fn add(&self, path: StorePath, value: BadValue) {
        let mut list = self.0.borrow_mut();
        if list.len() < NOTES {
            list.push(Note { path, value });
        }
    }

    pub(crate) fn into_list(self) -> Vec<Note> {
        self.0.into_inner()
    }
}

/// A node whose children are keys, and where to complain about their values.
#[derive(Clone)]
pub(crate) struct Folder<'a> {
    nodes: &'a dyn Nodes,
    notes: &'a Notes,
    path: StorePath,
}

impl<'a> Folder<'a> {
    pub(crate) fn new(nodes: &'a dyn Nodes, remarks: &'a Notes, path: StorePath) -> Self {
        Self {
            nodes,
            notes: remarks,
            path,
        }
    }

    pub(crate) fn path(&self) -> &StorePath {
        &self.path
    }

    pub(crate) fn notes(&self) -> &'a Notes {
        self.notes
    }

    /// Whether the node itself is there.
    pub(crate) fn presence(&self) -> Reading<()> {
        self.nodes.value(&self.path).map(|_| ())
    }

    pub(crate) fn names(&self) -> Reading<Vec<String>> {
        self.nodes.children(&self.path)
    }

    /// The folder at a relative path; `None` if that is too long to exist.
    pub(crate) fn inside(&self, below: &str) -> Option<Self> {
        let path = self.path.join(below).ok()?;
        Some(Self {
            path,
            ..self.clone()
        })
    }

    pub(crate) fn bytes(&self, key: &str) -> Reading<Cow<'a, [u8]>> {
        match self.path.join(key) {
            Ok(path) => self.nodes.value(&path),
            Err(_) => Reading::Missing,
        }
    }

    /// Reads a key; a value that `parse` refuses is noted.
    pub(crate) fn read<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, &'static str>,
    ) -> Reading<T> {
        let reading = self.bytes(key).parse(parse);
        if let (Reading::Unreadable(bad), Ok(path)) = (&reading, self.path.join(key)) {
            self.notes.add(path, bad.clone());
        }
        reading
    }

    pub(crate) fn number(&self, key: &str, max: u32) -> Reading<u32> {
        self.read(key, |bytes| reading::decimal32(bytes, max))
    }

    pub(crate) fn text(&self, key: &str) -> Reading<Text> {
        self.read(key, reading::text)
    }
}
