//! Brings watch events to their queues.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connection::EventSink;
use crate::path::StorePath;
use crate::watch::queue::Queue;

/// The watches of a client by token.
#[derive(Default)]
pub(crate) struct Registry {
    watches: Mutex<HashMap<u64, Entry>>,
}

/// A watch as its connection needs it.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) path: StorePath,
    pub(crate) depth: Option<u32>,
    /// How often to look, where nobody does watches.
    pub(crate) interval: Duration,
    pub(crate) queue: Arc<Queue>,
}

/// A token as it goes on the wire: short, and unlike that of other programs where tokens must be unique per open file.
pub(super) fn token(number: u64) -> String {
    format!("xb{number:x}")
}

impl Registry {
    pub(super) fn insert(&self, number: u64, entry: Entry) {
        self.lock().insert(number, entry);
    }

    pub(super) fn remove(&self, number: u64) -> Option<Entry> {
        self.lock().remove(&number)
    }

    pub(super) fn get(&self, number: u64) -> Option<Entry> {
        self.lock().get(&number).cloned()
    }

    /// All watches, in the order in which they were set.
    pub(super) fn all(&self) -> Vec<(u64, Entry)> {
        let mut all: Vec<_> = self
            .lock()
            .iter()
            .map(|(number, entry)| (*number, entry.clone()))
            .collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for Registry {
    /// `epath|token|`. An unknown token is that of a watch which was just ended: dropped.
    fn event(&self, payload: &[u8]) {
        let mut parts = payload.split(|byte| *byte == 0);
        let (Some(path), Some(token)) = (parts.next(), parts.next()) else {
            return;
        };
        let number = token
            .strip_prefix(b"xb")
            .and_then(|digits| str::from_utf8(digits).ok())
            .and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let Some(entry) = number.and_then(|number| self.get(number)) else {
            return;
        };
        match StorePath::parse(path) {
            Ok(path) => {
                let below = path.below(&entry.path);
                let depth = below.map_or(0, |below| {
                    below.split('/').filter(|e| !e.is_empty()).count()
                });
                if entry.depth.is_none_or(|most| depth <= most as usize) {
                    entry.queue.changed(path, &entry.path);
                }
            }
            // Something happened, and the store garbled where.
            Err(_) => entry.queue.garbled(),
        }
    }
}
