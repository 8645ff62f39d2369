//! One thread, many watches.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::waiters::Waiters;

/// Rings when something happened at any of the watches that share it ([`super::WatchOptions::bell`]), or when somebody
/// rings it: one thread can wait for many watches and for its owner's wishes at once, and then look at each.
///
/// It only says "look": it does not count, and a ring with nothing to see is possible.
#[derive(Clone, Debug, Default)]
pub struct Bell {
    shared: Arc<(Mutex<bool>, Waiters)>,
}

impl Bell {
    /// A silent bell.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes whoever waits, or whoever will.
    pub fn ring(&self) {
        let (rung, heard) = &*self.shared;
        *rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        heard.wake();
    }

    /// Waits until it was rung since the last wait, or until `deadline` (`None`: for ever). Whether it was rung.
    pub fn wait_until(&self, deadline: Option<Instant>) -> bool {
        let (rung, heard) = &*self.shared;
        let mut was = rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !*was {
            match heard.wait(was, deadline) {
                Some(guard) => was = guard,
                None => return false,
            }
        }
        std::mem::take(&mut *was)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_ring_before_the_wait_is_heard_once() {
        let bell = Bell::new();
        bell.ring();
        bell.clone().ring();
        assert!(bell.wait_until(None));
        assert!(!bell.wait_until(Some(Instant::now() + Duration::from_millis(1))));
    }

    #[test]
    fn a_ring_from_another_thread_ends_the_wait() {
        let bell = Bell::new();
        let other = bell.clone();
        let ringer = std::thread::spawn(move || other.ring());
        assert!(bell.wait_until(Some(Instant::now() + Duration::from_secs(10))));
        ringer.join().unwrap();
    }
}
