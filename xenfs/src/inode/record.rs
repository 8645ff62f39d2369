//! What is kept about one node, and how its presentations are counted.

use std::time::SystemTime;

use xenbus::StorePath;

use super::{Presentation, Shape, View};

/// How many of a nodeid's lowest bits tell the presentation.
pub(super) const BITS: u32 = 3;

const PRESENTATIONS: usize = 1 << BITS;

/// What a node is in the plain view; it does not change by itself as long as it is remembered, except from file to
/// directory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
}

/// What the mount remembers about a node and the store does not know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// What it is shown as.
    pub kind: Option<Kind>,
    /// It was made through this mount, so chmod and chown of the program that made it are let pass.
    pub made_here: bool,
    /// Its permissions were set through this mount, so they are meant.
    pub perms_set: bool,
    /// When this mount last changed it, or was told a time for it.
    pub modified: Option<SystemTime>,
}

/// One node.
pub(super) struct Record {
    pub(super) path: StorePath,
    pub(super) known: Known,
    /// How often the kernel was told of each presentation.
    pub(super) lookups: [u64; PRESENTATIONS],
    /// Somebody looked it up, not only the helper that repeats changes.
    pub(super) used: bool,
    /// When it was used last: the number of that use.
    pub(super) used_at: u64,
    /// Removed; the path may be another node's now.
    pub(super) detached: bool,
    /// Key in the list of idle records.
    pub(super) idle_since: Option<u64>,
}

impl Record {
    pub(super) fn new(path: StorePath) -> Self {
        Self {
            path,
            known: Known::default(),
            lookups: [0; PRESENTATIONS],
            used: false,
            used_at: 0,
            detached: false,
            idle_since: None,
        }
    }

    /// Whether the kernel knows it as a directory, in any view.
    pub(super) fn is_known_directory(&self) -> bool {
        let shape = Shape::Directory;
        [View::Plain, View::Directories]
            .into_iter()
            .any(|view| self.lookups[bits(Presentation { view, shape })] > 0)
    }

    /// Whether the kernel knows any presentation.
    pub(super) fn is_known(&self) -> bool {
        self.lookups.iter().any(|lookups| *lookups > 0)
    }
}

/// The lowest bits of a presentation's nodeid.
pub(super) fn bits(presentation: Presentation) -> usize {
    let shape = match presentation.shape {
        Shape::Directory => 0,
        Shape::File => 1,
        Shape::Value => 2,
        Shape::Events => 3,
    };
    match presentation.view {
        View::Plain => shape,
        View::Directories => shape | 4,
    }
}

/// The presentation of a nodeid; the inverse of [`bits`].
pub(super) fn presentation(id: u64) -> Presentation {
    Presentation {
        view: if id & 4 == 0 {
            View::Plain
        } else {
            View::Directories
        },
        shape: match id & 3 {
            0 => Shape::Directory,
            1 => Shape::File,
            2 => Shape::Value,
            _ => Shape::Events,
        },
    }
}
