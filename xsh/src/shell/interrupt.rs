//! Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use xenbus::watch::Bell;

use crate::exit::Failure;

/// Says that the running command is to stop. Cheap to clone; raised from another thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    raised: Arc<AtomicBool>,
    bell: Bell,
    /// Whether a command runs.
    busy: Arc<(Mutex<bool>, Condvar)>,
}

impl Interrupt {
    /// Stops the running command.
    pub(crate) fn raise(&self) {
        self.raised.store(true, Ordering::SeqCst);
        self.bell.ring();
    }

    /// Before a command.
    pub(crate) fn begin(&self) {
        self.clear();
        *self.lock() = true;
    }

    /// After a command: whether it was stopped.
    pub(crate) fn end(&self) -> bool {
        *self.lock() = false;
        self.busy.1.notify_all();
        self.raised.swap(false, Ordering::SeqCst)
    }

    /// Waits until no command runs, so long at most; whether that is so.
    pub(crate) fn wait_idle(&self, patience: Duration) -> bool {
        let idle = self
            .busy
            .1
            .wait_timeout_while(self.lock(), patience, |busy| *busy);
        !*idle.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.busy.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clear(&self) {
        self.raised.store(false, Ordering::SeqCst);
    }

    /// Whether it was raised.
    pub(crate) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::SeqCst)
    }

    /// To be called by everything that takes long.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.is_raised() {
            Err(Failure::Interrupted)
        } else {
            Ok(())
        }
    }

    /// Rung when it is raised: for whoever waits, who may let others ring it, too.
    pub(crate) fn bell(&self) -> Bell {
        self.bell.clone()
    }
}
