//! Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use xenbus::watch::Bell;

use crate::exit::Failure;

/// Says that the running command is to stop. Cheap to clone; raised from another thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    raised: Arc<AtomicBool>,
    bell: Bell,
}

impl Interrupt {
    /// Stops the running command.
    pub(crate) fn raise(&self) {
        self.raised.store(true, Ordering::SeqCst);
        self.bell.ring();
    }

    /// Before a command.
    pub(crate) fn clear(&self) {
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
