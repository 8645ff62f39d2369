//! The time on a host: since its devices were connected.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::scenario::Time;

/// A clock that all parts of a host share.
#[derive(Clone, Debug)]
pub(super) struct Clock(Arc<Mutex<Hands>>);

#[derive(Debug)]
enum Hands {
    /// Counts by itself from a moment on.
    Running(Instant),
    /// Stands until somebody moves it.
    Standing(Duration),
}

impl Clock {
    pub(super) fn new(time: Time) -> Self {
        Self(Arc::new(Mutex::new(match time {
            Time::Real => Hands::Running(Instant::now()),
            Time::Stepped => Hands::Standing(Duration::ZERO),
        })))
    }

    pub(super) fn now(&self) -> Duration {
        match *self.hands() {
            Hands::Running(since) => since.elapsed(),
            Hands::Standing(now) => now,
        }
    }

    /// Begins at zero again, when it runs.
    pub(super) fn reset(&self) {
        if let Hands::Running(since) = &mut *self.hands() {
            *since = Instant::now();
        }
    }

    /// Moves a standing clock on; whether it is one.
    pub(super) fn set(&self, to: Duration) -> bool {
        match &mut *self.hands() {
            Hands::Running(_) => false,
            Hands::Standing(now) => {
                *now = to.max(*now);
                true
            }
        }
    }

    /// When a moment on this clock will be; never for a standing one.
    pub(super) fn instant(&self, moment: Duration) -> Option<Instant> {
        match *self.hands() {
            Hands::Running(since) => since.checked_add(moment),
            Hands::Standing(_) => None,
        }
    }

    fn hands(&self) -> std::sync::MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
