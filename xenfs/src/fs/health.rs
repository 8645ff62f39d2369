//! Whether the store answers. When it hangs, every operation would wait for its own deadline, and the kernel lets those
//! on one path wait for each other: forty processes would wait forty deadlines. So, as soon as one has waited in vain,
//! a single thread asks the store again and again, and the others are refused until it gets an answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use xenbus::{Client, Error, Operations, StorePath};

use crate::errno::{Errno, Result};

/// How long the question may stay unanswered before operations are refused: one slow operation is no proof.
const PATIENCE: Duration = Duration::from_millis(250);

/// What is known of the store's health.
#[derive(Clone, Default)]
pub(super) struct Health {
    /// When the question was asked that has no answer yet.
    asked: Arc<Mutex<Option<Instant>>>,
}

impl Health {
    /// Whether it is worth asking the store.
    ///
    /// # Errors
    /// EIO while the store is known not to answer.
    pub(super) fn check(&self) -> Result<()> {
        match *self.asked() {
            Some(asked) if asked.elapsed() > PATIENCE => Err(Errno::EIO),
            _ => Ok(()),
        }
    }

    /// An operation took longer than it may: finds out whether the store still answers.
    pub(super) fn doubt(&self, client: &Client) {
        let mut asked = self.asked();
        if asked.is_some() {
            return;
        }
        let (health, client) = (self.clone(), client.clone());
        let spawned = thread::Builder::new()
            .name("xenfs-health".into())
            .spawn(move || {
                // Every answer is one, also a lost connection: the client tells that without a wait.
                while let Err(Error::TimedOut { .. }) = client.perms(&StorePath::root()) {
                    let unmounted = Arc::strong_count(&health.asked) == 1;
                    if unmounted {
                        break;
                    }
                }
                *health.asked() = None;
            });
        if spawned.is_ok() {
            *asked = Some(Instant::now());
        }
    }

    fn asked(&self) -> MutexGuard<'_, Option<Instant>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
