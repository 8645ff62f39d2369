//! What this session changed, so that it can be undone.

use std::collections::VecDeque;

use xenbus::tree::{Node, Snapshot};
use xenbus::{Operations as _, Perms, Result, StorePath};

use super::Ops;

/// One command's changes.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// In words.
    pub(crate) what: String,
    /// To be undone from the last to the first.
    pub(crate) changes: Vec<Undo>,
    /// Bytes that it takes.
    size: usize,
}

/// A change of one node, or of a subtree that was removed.
#[derive(Clone, Debug)]
pub(crate) struct Undo {
    pub(crate) path: StorePath,
    pub(crate) before: Before,
    pub(crate) after: After,
}

/// What was there before.
#[derive(Clone, Debug)]
pub(crate) enum Before {
    /// Nothing; this is the topmost node that the change made on the way.
    Missing { topmost: StorePath },
    /// A node; what could not be read is not put back.
    Node {
        value: Option<Vec<u8>>,
        perms: Option<Perms>,
    },
    /// A whole subtree, which was removed.
    Tree(Snapshot),
}

/// What the change left: another state says that somebody else was there since.
#[derive(Clone, Debug)]
pub(crate) enum After {
    Missing,
    Node {
        value: Option<Vec<u8>>,
        perms: Option<Perms>,
    },
}

/// Most bytes that a journal holds.
const SIZE_MAX: usize = 64 << 20;

/// The changes of a session, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    is_kept: bool,
    entries: VecDeque<Entry>,
    size: usize,
    forgotten: u64,
}

impl Journal {
    pub(super) fn new(is_kept: bool) -> Self {
        Self {
            is_kept,
            ..Self::default()
        }
    }

    /// Whether it is worth asking what was there before.
    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Notes an entry; the oldest ones are forgotten when there is no room.
    pub(crate) fn add(&mut self, entry: Entry) {
        if !self.is_kept || entry.changes.is_empty() {
            return;
        }
        self.size += entry.size;
        self.entries.push_back(entry);
        while self.size > SIZE_MAX {
            match self.entries.pop_front() {
                Some(oldest) => self.size -= oldest.size,
                None => break,
            }
            self.forgotten += 1;
        }
    }

    /// Takes the newest entry out.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_back()?;
        self.size -= entry.size;
        Some(entry)
    }

    /// All entries, newest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    /// How many entries were forgotten because there was no room.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

impl Entry {
    pub(super) fn new(what: String, changes: Vec<Undo>) -> Self {
        let size = what.len() + changes.iter().map(Undo::size).sum::<usize>();
        Self {
            what,
            changes,
            size,
        }
    }
}

impl Undo {
    /// Whether the node is as the change left it.
    pub(crate) fn holds(&self, ops: &Ops) -> Result<bool> {
        let path = &self.path;
        Ok(match &self.after {
            After::Missing => !ops.exists(path)?,
            After::Node { value, perms } => {
                let same_value = match value {
                    Some(value) => is(ops.read(path), value)?,
                    None => ops.exists(path)?,
                };
                same_value
                    && match perms {
                        Some(perms) => is(ops.perms(path), perms)?,
                        None => true,
                    }
            }
        })
    }

    fn size(&self) -> usize {
        const EACH: usize = 160;
        let before = match &self.before {
            Before::Missing { .. } => 0,
            Before::Node { value, .. } => value.as_ref().map_or(0, Vec::len),
            Before::Tree(tree) => tree.nodes().iter().map(node_size).sum(),
        };
        let after = match &self.after {
            After::Missing => 0,
            After::Node { value, .. } => value.as_ref().map_or(0, Vec::len),
        };
        EACH + before + after + self.path.as_bytes().len()
    }
}

/// Whether the store has just that; what it does not tell is something else.
fn is<T: PartialEq>(answer: Result<T>, expected: &T) -> Result<bool> {
    match answer {
        Ok(found) => Ok(found == *expected),
        Err(error) if error.errno().is_some() => Ok(false),
        Err(error) => Err(error),
    }
}

fn node_size(node: &Node) -> usize {
    const EACH: usize = 160;
    EACH + node.path.as_bytes().len() + node.value.known().map_or(0, Vec::len)
}
