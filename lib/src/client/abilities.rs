//! Which optional operations a store has.

use std::sync::{Mutex, PoisonError};

use crate::wire::Op;

/// What is known of a store's optional operations, until its connection is lost: the next daemon may be another.
#[derive(Default)]
pub(super) struct Abilities {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    epoch: u64,
    missing: Vec<Op>,
    features: Option<bool>,
}

impl Abilities {
    /// Whether the store is known not to have `op`.
    pub(super) fn is_missing(&self, epoch: u64, op: Op) -> bool {
        self.with(epoch, |known| known.missing.contains(&op))
    }

    /// Remembers that the store does not have `op`.
    pub(super) fn set_missing(&self, epoch: u64, op: Op) {
        self.with(epoch, |known| {
            if !known.missing.contains(&op) {
                known.missing.push(op);
            }
        });
    }

    /// Whether the store is known to have GET_FEATURE (Xen 4.21 and later).
    pub(super) fn features(&self, epoch: u64) -> Option<bool> {
        self.with(epoch, |known| known.features)
    }

    /// Remembers whether the store has GET_FEATURE.
    pub(super) fn set_features(&self, epoch: u64, there: bool) {
        self.with(epoch, |known| known.features = Some(there));
    }

    fn with<T>(&self, epoch: u64, body: impl FnOnce(&mut Known) -> T) -> T {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.epoch != epoch {
            *known = Known {
                epoch,
                ..Known::default()
            };
        }
        body(&mut known)
    }
}
