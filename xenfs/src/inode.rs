//! Inodes: which node of the store, and which of its presentations, a number stands for.
//!
//! One *record* per node that the kernel knows, and for the last [`REMEMBERED`] that it has forgotten, so that the
//! type of a node and its inode numbers stay what they were. A nodeid is the record's number and the presentation in
//! its lowest bits, because a node that changes from file to directory must get another nodeid: the kernel marks an
//! inode bad whose type changes. Its highest bits are the [`Space`]: each tree of nodes has a table of its own.

mod known;
mod record;
mod space;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use xenbus::StorePath;

pub use known::{Above, Sight};
use record::Record;
pub use record::{Kind, Known};
pub use space::Space;

use crate::errno::{Errno, Result};
use crate::heap;

/// How many nodes are remembered that the kernel does not know at present.
pub const REMEMBERED: usize = 65_536;

/// The root's nodeid, fixed by the FUSE protocol.
pub const ROOT: u64 = 1;

/// Bits of a record's number.
const NUMBER_BITS: u32 = Space::BITS_BELOW - record::BITS;

/// The root's presentation.
const TOP: Presentation = Presentation {
    view: View::Plain,
    shape: Shape::Directory,
};

/// How a node is shown.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Shape {
    /// As a directory of its children.
    Directory,
    /// As a file: its value.
    File,
    /// As `.value` in its own directory: its value.
    Value,
    /// As `.events` in its own directory: what changes at and below the node.
    Events,
}

impl From<Kind> for Shape {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::File => Self::File,
            Kind::Directory => Self::Directory,
        }
    }
}

/// Which tree a node is shown in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum View {
    /// The mount itself: a leaf is a file.
    Plain,
    /// Below `.dirs`: every node is a directory.
    Directories,
}

/// A node's presentation: what a nodeid stands for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Presentation {
    /// Which tree.
    pub view: View,
    /// Which form.
    pub shape: Shape,
}

/// A nodeid, taken apart and looked up.
#[derive(Clone, Debug)]
pub struct Node {
    /// The nodeid.
    pub id: u64,
    /// Number of the record.
    pub number: u64,
    /// How it is shown.
    pub presentation: Presentation,
    /// Where the node is.
    pub path: StorePath,
}

impl Node {
    /// Whether the node is shown as a directory.
    pub fn is_directory(&self) -> bool {
        self.presentation.shape == Shape::Directory
    }
}

/// The table of inodes.
pub struct Inodes {
    records: HashMap<u64, Record>,
    /// In the order of the tree, so that a subtree is a range.
    numbers: BTreeMap<StorePath, u64>,
    /// Records that the kernel does not know, the longest unused first.
    idle: BTreeMap<u64, u64>,
    clock: u64,
    /// How often somebody was told of a node.
    uses: u64,
    remembered: usize,
    hasher: RandomState,
    root: u64,
    space: Space,
}

impl Inodes {
    /// A table whose root is the node `root`.
    pub fn new(root: &StorePath, space: Space) -> Self {
        Self::remembering(root, space, REMEMBERED)
    }

    fn remembering(root: &StorePath, space: Space, remembered: usize) -> Self {
        let mut table = Self {
            records: HashMap::new(),
            numbers: BTreeMap::new(),
            idle: BTreeMap::new(),
            clock: 0,
            uses: 0,
            remembered,
            hasher: RandomState::new(),
            root: 0,
            space,
        };
        table.root = table.record(root);
        // Never forgotten; the kernel does not look the main tree's root up.
        table.look_up(root, TOP);
        table
    }

    /// Which tree this is.
    pub fn space(&self) -> Space {
        self.space
    }

    /// Where the root of the tree is.
    pub fn root(&self) -> Option<StorePath> {
        Some(self.records.get(&self.root)?.path.clone())
    }

    /// The root's nodeid.
    pub fn root_id(&self) -> u64 {
        self.join(self.root, TOP)
    }

    /// Whether a nodeid is the root of the tree.
    pub fn is_root(&self, id: u64) -> bool {
        self.split(id) == (self.root, TOP)
    }

    /// Whether the kernel knows a node of the tree.
    pub fn is_known(&self) -> bool {
        let lookups = |record: &Record| record.lookups.iter().sum::<u64>();
        self.records
            .iter()
            .any(|(number, record)| lookups(record) > u64::from(*number == self.root))
    }

    /// What is remembered of the nodes at and below `path`.
    pub fn remembered_within(&self, path: &StorePath) -> Vec<(StorePath, Known)> {
        let numbers = self.within(path);
        let records = numbers.iter().filter_map(|number| self.records.get(number));
        records
            .map(|record| (record.path.clone(), record.known))
            .collect()
    }

    /// What a nodeid stands for.
    ///
    /// # Errors
    /// ESTALE for a number that was never given out; ENOENT for a node that was removed through this mount.
    pub fn resolve(&self, id: u64) -> Result<Node> {
        let (number, presentation) = self.split(id);
        let record = self.records.get(&number).ok_or(Errno::ESTALE)?;
        if record.detached {
            return Err(Errno::ENOENT);
        }
        Ok(Node {
            id,
            number,
            presentation,
            path: record.path.clone(),
        })
    }

    /// Whether a nodeid is a node that was removed through this mount.
    pub fn is_detached(&self, number: u64) -> bool {
        self.records.get(&number).is_none_or(|r| r.detached)
    }

    /// The nodeid of a presentation of the node at `path`; the kernel knows it once more.
    pub fn look_up(&mut self, path: &StorePath, presentation: Presentation) -> Node {
        let number = self.record(path);
        self.retain(number, presentation);
        self.uses += 1;
        if let Some(record) = self.records.get_mut(&number) {
            record.used = true;
            record.used_at = self.uses;
        }
        Node {
            id: self.join(number, presentation),
            number,
            presentation,
            path: path.clone(),
        }
    }

    /// The inode number that the node at `path` has or would have, without making the kernel know it.
    pub fn number_of(&self, path: &StorePath, presentation: Presentation) -> u64 {
        let number = match self.numbers.get(path) {
            Some(number) => *number,
            None => self.free_number(path),
        };
        self.join(number, presentation)
    }

    /// The kernel forgets `lookups` look-ups of a nodeid. Returns the node's path if no presentation of it is known any
    /// more; not that of a node that is gone: there may be another one by now.
    pub fn forget(&mut self, id: u64, lookups: u64) -> Option<StorePath> {
        let (number, presentation) = self.split(id);
        if id == ROOT {
            return None;
        }
        let record = self.records.get_mut(&number)?;
        let known = &mut record.lookups[record::bits(presentation)];
        *known = known.saturating_sub(lookups);
        let forgotten = (!record.is_known() && !record.detached).then(|| {
            record.used = false;
            record.path.clone()
        });
        self.settle(number);
        forgotten
    }

    /// How many records there are.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// The number of the node at `path`, if it has a record.
    pub fn recorded(&self, path: &StorePath) -> Option<u64> {
        self.numbers.get(path).copied()
    }

    /// What is remembered about the node at `path`.
    pub fn known(&self, path: &StorePath) -> Known {
        self.numbers
            .get(path)
            .and_then(|n| self.records.get(n))
            .map(|r| r.known)
            .unwrap_or_default()
    }

    /// Remembers something about the node at `path`.
    pub fn remember(&mut self, path: &StorePath, change: impl FnOnce(&mut Known)) {
        let number = self.record(path);
        if let Some(record) = self.records.get_mut(&number) {
            change(&mut record.known);
        }
        self.settle(number);
    }

    /// The node at `path` was removed through this mount, with all below: a node made there later is another one.
    pub fn detach(&mut self, path: &StorePath) {
        for number in self.within(path) {
            if let Some(record) = self.records.get_mut(&number) {
                self.numbers.remove(&record.path);
                record.detached = true;
            }
            self.settle(number);
        }
        heap::shrink(&mut self.records);
    }

    /// The node at `from` is now at `to`, with all below; what was at `to` is gone.
    pub fn rename(&mut self, from: &StorePath, to: &StorePath) {
        self.detach(to);
        for number in self.within(from) {
            let Some(record) = self.records.get_mut(&number) else {
                continue;
            };
            self.numbers.remove(&record.path);
            match record.path.moved(from, to) {
                Ok(path) => {
                    record.path = path.clone();
                    self.numbers.insert(path, number);
                }
                Err(_) => record.detached = true,
            }
        }
    }

    /// The numbers of the records at or below `path`.
    fn within(&self, path: &StorePath) -> Vec<u64> {
        self.numbers
            .range(path.clone()..)
            .take_while(|(other, _)| other.is_within(path))
            .map(|(_, number)| *number)
            .collect()
    }

    /// The record of `path`, made if it is missing.
    fn record(&mut self, path: &StorePath) -> u64 {
        if let Some(number) = self.numbers.get(path) {
            return *number;
        }
        let number = self.free_number(path);
        self.numbers.insert(path.clone(), number);
        self.records.insert(number, Record::new(path.clone()));
        self.settle(number);
        number
    }

    /// A number that no record has. It comes from the path, so that an inode number survives being forgotten.
    fn free_number(&self, path: &StorePath) -> u64 {
        // 0 is for what is no node, and would collide with the root's fixed nodeid.
        let mut number = (self.hasher.hash_one(path) >> (u64::BITS - NUMBER_BITS)).max(1);
        while self.records.contains_key(&number) {
            number = ((number + 1) & (u64::MAX >> (u64::BITS - NUMBER_BITS))).max(1);
        }
        number
    }

    fn retain(&mut self, number: u64, presentation: Presentation) {
        if let Some(record) = self.records.get_mut(&number) {
            record.lookups[record::bits(presentation)] += 1;
            if let Some(stamp) = record.idle_since.take() {
                self.idle.remove(&stamp);
            }
        }
    }

    /// Puts a record that the kernel does not know at the young end of the idle ones, and drops the oldest.
    fn settle(&mut self, number: u64) {
        let Some(record) = self.records.get_mut(&number) else {
            return;
        };
        if record.is_known() {
            return;
        }
        if let Some(stamp) = record.idle_since.take() {
            self.idle.remove(&stamp);
        }
        if record.detached {
            self.records.remove(&number);
            return;
        }
        self.clock += 1;
        record.idle_since = Some(self.clock);
        self.idle.insert(self.clock, number);
        while self.idle.len() > self.remembered {
            let Some((_, oldest)) = self.idle.pop_first() else {
                break;
            };
            if let Some(record) = self.records.remove(&oldest) {
                self.numbers.remove(&record.path);
            }
        }
    }

    fn join(&self, number: u64, presentation: Presentation) -> u64 {
        if self.space == Space::MAIN && (number, presentation) == (self.root, TOP) {
            return ROOT;
        }
        self.space.first() | number << record::BITS | record::bits(presentation) as u64
    }

    fn split(&self, id: u64) -> (u64, Presentation) {
        if id == ROOT && self.space == Space::MAIN {
            return (self.root, TOP);
        }
        (Space::inside(id) >> record::BITS, record::presentation(id))
    }
}

#[cfg(test)]
mod tests;
