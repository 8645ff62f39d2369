//! A condition to wait for that costs nothing while nobody waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::Instant;

/// A [`Condvar`] that knows whether anybody waits: waking asks the kernel each time, also when there is nobody, and
/// events come by the thousand.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    changed: Condvar,
    /// Changed only by who holds the mutex.
    count: AtomicUsize,
}

impl Waiters {
    /// Waits for the next [`Waiters::wake`], not past `deadline` (`None`: for ever), or for nothing at all: look again.
    /// `None` if the deadline is past.
    pub(crate) fn wait<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Option<Instant>,
    ) -> Option<MutexGuard<'a, T>> {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return None;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        let guard = match left {
            None => self.changed.wait(guard),
            Some(left) => match self.changed.wait_timeout(guard, left) {
                Ok((guard, _)) => Ok(guard),
                Err(poisoned) => Err(PoisonError::new(poisoned.into_inner().0)),
            },
        };
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(guard.unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes all who wait, after what they wait for was changed under their mutex.
    pub(crate) fn wake(&self) {
        // Whoever has come since then has seen the change: the mutex orders both.
        if self.count.load(Ordering::Relaxed) > 0 {
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_wake_is_lost_between_threads_that_take_turns() {
        let turn = Mutex::new(0);
        let waiters = Waiters::default();
        let play = |own: i32| {
            for _ in 0..10_000 {
                let mut guard = turn.lock().unwrap();
                while *guard != own {
                    let deadline = Some(Instant::now() + Duration::from_mins(1));
                    guard = waiters.wait(guard, deadline).expect("a wake was lost");
                }
                *guard = 1 - own;
                drop(guard);
                waiters.wake();
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| play(0));
            scope.spawn(|| play(1));
        });
    }

    #[test]
    fn a_deadline_that_is_past_is_said() {
        let mutex = Mutex::new(());
        let waiters = Waiters::default();
        assert!(
            waiters
                .wait(mutex.lock().unwrap(), Some(Instant::now()))
                .is_none()
        );
    }
}
