//! Where the model gets its nodes from: anything that can look up a path and list children.

use std::borrow::Cow;
use std::cell::RefCell;

use super::parallel::map_all;
use super::reading::{self, BadValue, Reading, Text};
use super::sources::{names_of, value_of};
use crate::mirror::Branch;
use crate::path::StorePath;

/// A tree of nodes that is already in memory: a snapshot, a mirror, a map.
///
/// The model asks often and for nodes that may not exist; answers must be cheap.
pub trait Nodes {
    /// The value at `path`.
    fn value(&self, path: &StorePath) -> Reading<Cow<'_, [u8]>>;

    /// The names of the nodes directly below `path`, each a valid element of a path.
    fn children(&self, path: &StorePath) -> Reading<Vec<String>>;

    /// The same for several threads, if it can be.
    fn shared(&self) -> Option<&(dyn Nodes + Sync)> {
        None
    }

    /// The node at `path` with all below it, if the tree is one of those in which that saves the search for each.
    fn branch(&self, _path: &StorePath) -> Option<&Branch> {
        None
    }
}

/// What `each` makes of all of them, on all processors if the tree can be read by several threads.
pub(super) fn map_nodes<'a, T: Sync, R: Send>(
    nodes: &'a dyn Nodes,
    things: &[T],
    each: impl Fn(&'a dyn Nodes, &T) -> R + Sync,
) -> Vec<R> {
    match nodes.shared() {
        Some(nodes) => map_all(things, |thing| each(nodes, thing)),
        None => things.iter().map(|thing| each(nodes, thing)).collect(),
    }
}

impl<N: Nodes + ?Sized> Nodes for &N {
    fn value(&self, path: &StorePath) -> Reading<Cow<'_, [u8]>> {
        (**self).value(path)
    }

    fn children(&self, path: &StorePath) -> Reading<Vec<String>> {
        (**self).children(path)
    }

    fn branch(&self, path: &StorePath) -> Option<&Branch> {
        (**self).branch(path)
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

/// A node, and where the tree has it.
#[derive(Clone)]
pub(crate) struct Spot<'a> {
    pub(crate) path: StorePath,
    branch: Option<&'a Branch>,
}

impl<'a> Spot<'a> {
    pub(crate) fn new(nodes: &'a dyn Nodes, path: StorePath) -> Self {
        Self {
            branch: nodes.branch(&path),
            path,
        }
    }

    /// Its name; empty for the root.
    pub(crate) fn name(&self) -> &str {
        match self.branch {
            Some(branch) => branch.name(),
            None => self.path.name().unwrap_or_default(),
        }
    }

    /// The nodes directly below it; none if they cannot be listed.
    pub(crate) fn below(&self, nodes: &'a dyn Nodes) -> Vec<Self> {
        if let Some(branch) = self.branch {
            let child = |branch: &'a Branch| Self {
                path: branch.node().path.clone(),
                branch: Some(branch),
            };
            return branch.children().iter().map(child).collect();
        }
        let Reading::Known(names) = nodes.children(&self.path) else {
            return Vec::new();
        };
        let paths = names.iter().filter_map(|name| self.path.child(name).ok());
        paths.map(|path| Self { path, branch: None }).collect()
    }

    /// The node at a relative path below it, if it is there and may be read.
    pub(crate) fn inside(&self, nodes: &'a dyn Nodes, below: &str) -> Option<Self> {
        let spot = match self.branch {
            Some(branch) => {
                let branch = branch.find(below).ok()?;
                Self {
                    path: branch.node().path.clone(),
                    branch: Some(branch),
                }
            }
            None => Self::new(nodes, self.path.join(below).ok()?),
        };
        let value = match spot.branch {
            Some(branch) => value_of(branch.node()),
            None => nodes.value(&spot.path),
        };
        value.known().is_some().then_some(spot)
    }

    /// The value of a node at a relative path below it.
    pub(crate) fn bytes(&self, nodes: &'a dyn Nodes, key: &str) -> Reading<Cow<'a, [u8]>> {
        if let Some(branch) = self.branch {
            return match branch.find(key) {
                Ok(found) => value_of(found.node()),
                Err(last) if last.node().listed => Reading::Missing,
                Err(_) => Reading::Denied,
            };
        }
        match self.path.join(key) {
            Ok(path) => nodes.value(&path),
            Err(_) => Reading::Missing,
        }
    }
}

/// A node whose children are keys, and where to complain about their values.
#[derive(Clone)]
pub(crate) struct Folder<'a> {
    nodes: &'a dyn Nodes,
    notes: &'a Notes,
    spot: Spot<'a>,
}

impl<'a> Folder<'a> {
    pub(crate) fn new(nodes: &'a dyn Nodes, remarks: &'a Notes, path: StorePath) -> Self {
        Self::at(nodes, remarks, Spot::new(nodes, path))
    }

    pub(crate) fn at(nodes: &'a dyn Nodes, remarks: &'a Notes, spot: Spot<'a>) -> Self {
        Self {
            nodes,
            notes: remarks,
            spot,
        }
    }

    pub(crate) fn path(&self) -> &StorePath {
        &self.spot.path
    }

    pub(crate) fn notes(&self) -> &'a Notes {
        self.notes
    }

    /// Whether the node itself is there.
    pub(crate) fn presence(&self) -> Reading<()> {
        match self.spot.branch {
            Some(branch) => value_of(branch.node()).map(|_| ()),
            None => self.nodes.value(&self.spot.path).map(|_| ()),
        }
    }

    pub(crate) fn names(&self) -> Reading<Vec<String>> {
        match self.spot.branch {
            Some(branch) => names_of(branch),
            None => self.nodes.children(&self.spot.path),
        }
    }

    /// Whether there is anything in it, known or not.
    pub(crate) fn is_filled(&self) -> bool {
        if self.spot.branch.is_some_and(|branch| branch.node().more) {
            return true;
        }
        matches!(self.names(), Reading::Known(names) if !names.is_empty())
    }

    /// The folder at a relative path; `None` if that is too long to exist.
    pub(crate) fn inside(&self, below: &str) -> Option<Self> {
        let spot = match self.spot.branch.map(|branch| branch.find(below)) {
            Some(Ok(branch)) => Spot {
                path: branch.node().path.clone(),
                branch: Some(branch),
            },
            _ => Spot {
                path: self.spot.path.join(below).ok()?,
                branch: None,
            },
        };
        Some(Self::at(self.nodes, self.notes, spot))
    }

    pub(crate) fn bytes(&self, key: &str) -> Reading<Cow<'a, [u8]>> {
        self.spot.bytes(self.nodes, key)
    }

    /// Reads a key; a value that `parse` refuses is noted.
    pub(crate) fn read<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, &'static str>,
    ) -> Reading<T> {
        let reading = self.bytes(key).parse(parse);
        if let Reading::Unreadable(bad) = &reading
            && let Ok(path) = self.spot.path.join(key)
        {
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
