//! What changed in the store: bounded, and shared between snapshots.

use std::sync::Arc;
use std::time::Duration;

use xenbus::StorePath;
use xenbus::device::history::Moment;

use super::chain::Chain;

/// Most changes that are remembered.
const KEPT: usize = 20_000;
/// Bytes of a value that are kept.
const VALUE: usize = 256;

/// The last changes, oldest first. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct EventLog(Chain<LogRow>);

/// One change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogRow {
    /// Its number since the beginning.
    pub number: u64,
    /// When it was seen.
    pub at: Moment,
    /// The same since the Unix epoch.
    pub wall_clock: Duration,
    /// Where.
    pub path: StorePath,
    /// What.
    pub change: Change,
}

/// What happened to a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// It is new.
    Added(Shown),
    /// It is gone.
    Removed(Shown),
    /// It has another value.
    Changed {
        /// As it was.
        old: Shown,
        /// As it is.
        new: Shown,
    },
    /// The store told of it, and nobody asked what it holds.
    Touched,
}

impl Change {
    /// One character: `+`, `-`, `~`, or `.`.
    pub fn sign(&self) -> char {
        match self {
            Self::Added(_) => '+',
            Self::Removed(_) => '-',
            Self::Changed { .. } => '~',
            Self::Touched => '.',
        }
    }
}

/// A value as far as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Shown {
    /// The first bytes, and how many there are in all.
    Value(Arc<[u8]>, usize),
    /// It could not be read, or nobody asked.
    Unknown,
}

impl Shown {
    /// Keeps the beginning of a value.
    pub fn of(value: Option<&[u8]>) -> Self {
        match value {
            Some(value) => Self::Value(value[..value.len().min(VALUE)].into(), value.len()),
            None => Self::Unknown,
        }
    }

    /// The bytes that are kept.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Value(bytes, _) => Some(bytes),
            Self::Unknown => None,
        }
    }

    /// Bytes that are not kept.
    pub fn missing(&self) -> usize {
        match self {
            Self::Value(bytes, length) => length - bytes.len(),
            Self::Unknown => 0,
        }
    }
}

impl Default for EventLog {
    fn default() -> Self {
        Self(Chain::new(KEPT))
    }
}

impl EventLog {
    /// Adds changes.
    pub(super) fn extend(&mut self, rows: Vec<LogRow>) {
        self.0.extend(rows);
    }

    /// The changes that are remembered, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &LogRow> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// The number that the next change will have.
    pub fn next_number(&self) -> u64 {
        self.0.iter().next_back().map_or(0, |row| row.number + 1)
    }
}
