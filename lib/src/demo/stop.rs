//! How the threads of a host learn that it is switched off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::watch::Bell;

/// Set once; rings the toolstack's bell.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop {
    asked: Arc<AtomicBool>,
    /// Rung when the host is switched off, and by whatever else the toolstack waits for.
    pub(super) bell: Bell,
}

impl Stop {
    pub(super) fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.bell.ring();
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }
}
