//! What the kernel knows: which presentations of which nodes it was told and has not forgotten.
//!
//! An inotify mark pins its inode, so nobody can be watching what the kernel does not know. The helper that repeats
//! changes makes the kernel know nodes, too; only what somebody else has looked up counts as *used*.

use xenbus::StorePath;

use super::record::{self, Record};
use super::{Inodes, Kind, Node, Presentation, Shape, View};

/// What the kernel knows of a node.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sight {
    presentations: u8,
    /// Somebody has looked it up.
    pub used: bool,
}

impl Sight {
    fn of(record: &Record) -> Self {
        let known = record.lookups.iter().enumerate();
        Self {
            presentations: known
                .filter(|(_, lookups)| **lookups > 0)
                .fold(0, |bits, (bit, _)| bits | 1 << bit),
            used: record.used,
        }
    }

    /// Whether the kernel knows this presentation.
    pub fn has(self, view: View, shape: Shape) -> bool {
        self.presentations & 1 << record::bits(Presentation { view, shape }) != 0
    }

    /// Whether somebody may be looking at this presentation.
    pub fn uses(self, view: View, shape: Shape) -> bool {
        self.used && self.has(view, shape)
    }

    /// Whether the kernel knows any presentation.
    pub fn is_known(self) -> bool {
        self.presentations != 0
    }

    /// The presentations that the kernel knows.
    pub fn presentations(self) -> impl Iterator<Item = Presentation> {
        (0..8)
            .filter(move |bit| self.presentations & 1 << bit != 0)
            .map(record::presentation)
    }
}

/// What is above a node. Where every node is a directory, a file is known as one, too: it counts as a file.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Above {
    /// The nearest directory that the kernel knows, and what leads from there to the node: its child.
    pub directory: Option<(StorePath, StorePath)>,
    /// The highest node below that directory that is remembered as a file. Those below it are not there any more, or are
    /// others, whatever is remembered of them.
    pub file: Option<StorePath>,
}

impl Inodes {
    /// What the kernel knows of the node at `path`.
    pub fn sight(&self, path: &StorePath) -> Sight {
        let record = self.numbers.get(path).and_then(|n| self.records.get(n));
        record.map(Sight::of).unwrap_or_default()
    }

    /// The nodes at and below `path` that the kernel knows, each before those below it.
    pub fn known_within(&self, path: &StorePath) -> Vec<(StorePath, Sight)> {
        self.numbers
            .range(path.clone()..)
            .take_while(|(other, _)| other.is_within(path))
            .filter_map(|(path, number)| {
                let record = self.records.get(number)?;
                record.is_known().then(|| (path.clone(), Sight::of(record)))
            })
            .collect()
    }

    /// Whether the kernel knows a node at or below `path`.
    pub fn knows_within(&self, path: &StorePath) -> bool {
        self.numbers
            .range(path.clone()..)
            .take_while(|(other, _)| other.is_within(path))
            .any(|(_, number)| self.records.get(number).is_some_and(Record::is_known))
    }

    /// What is above `path`, up to the nearest directory that the kernel knows.
    pub fn above(&self, path: &StorePath) -> Above {
        let mut above = Above::default();
        let mut child = path.clone();
        while let Some(parent) = child.parent() {
            let record = self.numbers.get(&parent).and_then(|n| self.records.get(n));
            if record.is_some_and(|record| record.known.kind == Some(Kind::File)) {
                above.file = Some(parent.clone());
            } else if record.is_some_and(Record::is_known_directory) {
                above.directory = Some((parent, child));
                break;
            }
            child = parent;
        }
        above
    }

    /// How often somebody was told of a node until now.
    pub fn uses(&self) -> u64 {
        self.uses
    }

    /// Somebody was told that the node of a nodeid is there. `false` if it is gone.
    pub fn use_again(&mut self, id: u64) -> bool {
        let (number, _) = self.split(id);
        self.uses += 1;
        let record = self
            .records
            .get_mut(&number)
            .filter(|record| !record.detached);
        if let Some(record) = record {
            record.used_at = self.uses;
            return true;
        }
        false
    }

    /// Whether somebody was told of a node at or below `path` after the use number `since`.
    pub fn is_used_since(&self, path: &StorePath, since: u64) -> bool {
        self.within(path).iter().any(|number| {
            let record = self.records.get(number);
            record.is_some_and(|record| record.is_known() && record.used_at > since)
        })
    }

    /// The nodeid of a presentation of the node at `path`; a record is made if there is none.
    pub fn id_of(&mut self, path: &StorePath, presentation: Presentation) -> u64 {
        let number = self.record(path);
        self.join(number, presentation)
    }

    /// A nodeid for a node that is gone and that the kernel never knew: only to be named once more while it is removed. It
    /// lives until it is forgotten as often as it was told.
    pub fn departed(&mut self, path: &StorePath, presentation: Presentation) -> u64 {
        let mut number = self.free_number(path);
        // Where the next node at this path must not go.
        while self.numbers.get(path) == Some(&number) {
            number += 1;
        }
        let mut record = Record::new(path.clone());
        record.detached = true;
        self.records.insert(number, record);
        self.join(number, presentation)
    }

    /// The kernel is told a nodeid once more, by the helper; `None` if there is none such any more.
    pub fn tell(&mut self, id: u64) -> Option<Node> {
        let (number, presentation) = self.split(id);
        let path = self.records.get(&number)?.path.clone();
        self.retain(number, presentation);
        Some(Node {
            id,
            number,
            presentation,
            path,
        })
    }

    /// Whether a nodeid is that of a directory.
    pub fn is_directory_id(id: u64) -> bool {
        id == super::ROOT || record::presentation(id).shape == Shape::Directory
    }
}
