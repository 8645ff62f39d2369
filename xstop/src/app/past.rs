//! The moments that can be looked at: the present, and as much of the past as is kept.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::Snapshot;

/// Most moments that are kept: ten minutes at one a second.
const KEPT: usize = 600;

/// Snapshots, the latest last. Those that follow share what has not changed.
#[derive(Debug, Default)]
pub struct Past {
    moments: VecDeque<Arc<Snapshot>>,
    /// Which one is shown; none means the latest, whatever comes.
    shown: Option<usize>,
    version: u64,
}

impl Past {
    /// A new present.
    pub fn push(&mut self, snapshot: Arc<Snapshot>) {
        if self.shown.is_none() {
            self.version += 1;
        }
        // A recording may go back; what comes after is the future then.
        if self
            .moments
            .back()
            .is_some_and(|last| last.now > snapshot.now)
        {
            self.moments.clear();
            self.shown = None;
        }
        // Several within the least distance replace each other: what they have passed on is in the log.
        let is_close = self.moments.len() > 1
            && self
                .moments
                .get(self.moments.len() - 2)
                .is_some_and(|before| {
                    snapshot.now.since(before.now) < std::time::Duration::from_millis(900)
                });
        if is_close && self.shown != Some(self.moments.len() - 1) {
            self.moments.pop_back();
        }
        self.moments.push_back(snapshot);
        if self.moments.len() > KEPT {
            match self.shown {
                // What is looked at stays.
                Some(0) => {
                    self.moments.remove(1);
                }
                Some(at) => {
                    self.moments.pop_front();
                    self.shown = Some(at - 1);
                }
                None => {
                    self.moments.pop_front();
                }
            }
        }
    }

    /// What is shown.
    pub fn shown(&self) -> Option<&Arc<Snapshot>> {
        match self.shown {
            Some(at) => self.moments.get(at),
            None => self.moments.back(),
        }
    }

    /// The present.
    pub fn latest(&self) -> Option<&Arc<Snapshot>> {
        self.moments.back()
    }

    /// Whether what is shown stays, whatever comes.
    pub fn is_frozen(&self) -> bool {
        self.shown.is_some()
    }

    /// Keeps what is shown.
    pub fn freeze(&mut self) {
        self.shown = self.shown.or(self.moments.len().checked_sub(1));
    }

    /// Shows the present from now on.
    pub fn go_on(&mut self) {
        self.shown = None;
        self.version += 1;
    }

    /// Changes whenever another moment is shown.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Moves by this many moments; past the last it stays at the last. Whether another moment is shown.
    pub fn step(&mut self, by: isize) -> bool {
        let Some(last) = self.moments.len().checked_sub(1) else {
            return false;
        };
        let before = self.shown.unwrap_or(last);
        let at = before.saturating_add_signed(by).min(last);
        self.shown = Some(at);
        self.version += 1;
        at != before
    }

    /// Which of how many moments is shown, from 1.
    pub fn position(&self) -> (usize, usize) {
        let count = self.moments.len();
        (self.shown.map_or(count, |at| at + 1), count)
    }

    /// The moments up to the one that is shown, the latest last.
    pub fn up_to_shown(&self) -> impl DoubleEndedIterator<Item = &Arc<Snapshot>> {
        let (shown, _) = self.position();
        self.moments.iter().take(shown)
    }
}
