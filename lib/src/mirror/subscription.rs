//! Changes of a mirror, told to whoever wants to know.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::view::Mirrored;
use crate::path::StorePath;
use crate::watch::Bell;

/// What a mirror tells.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MirrorEvent {
    /// A node differs: `old` is `None` if it is new, `new` if it is gone.
    Changed {
        /// As it was.
        old: Option<Arc<Mirrored>>,
        /// As it is.
        new: Option<Arc<Mirrored>>,
    },
    /// The store told of this place, which is not mirrored ([`super::MirrorOptions::tell_all`]).
    Outside(StorePath),
    /// From now on the copy may differ from the store.
    Stale,
    /// The copy is true again.
    Fresh,
    /// So many events were dropped because the queue was full: look at everything again.
    Dropped(u64),
    /// The mirror has ended: [`super::MirrorStatus::ended`] says why.
    Ended,
}

/// The receiving end of [`super::Mirror::subscribe`]; dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription {
    pub(super) queue: Arc<Queue>,
}

impl Subscription {
    /// The next event if there is one now.
    pub fn try_next(&self) -> Option<MirrorEvent> {
        self.queue.pop()
    }

    /// Waits for the next event until `deadline`. Not for several threads, nor together with a shared bell.
    pub fn next_until(&self, deadline: Instant) -> Option<MirrorEvent> {
        loop {
            if let Some(event) = self.queue.pop() {
                return Some(event);
            }
            if !self.queue.bell.wait_until(Some(deadline)) {
                return self.queue.pop();
            }
        }
    }
}

/// Between a mirror's thread, which never waits, and a subscriber.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    most: usize,
    bell: Bell,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<MirrorEvent>,
    dropped: u64,
}

impl Queue {
    pub(super) fn new(most: usize, bell: Option<Bell>) -> Self {
        Self {
            waiting: Mutex::default(),
            most: most.max(1),
            bell: bell.unwrap_or_default(),
        }
    }

    pub(super) fn push(&self, event: MirrorEvent) {
        let mut waiting = self.lock();
        // Once some are dropped, all are until the subscriber was told: it looks at everything then.
        if waiting.dropped > 0 || waiting.events.len() >= self.most {
            waiting.dropped += 1;
        } else {
            waiting.events.push_back(event);
        }
        drop(waiting);
        self.bell.ring();
    }

    fn pop(&self) -> Option<MirrorEvent> {
        let mut waiting = self.lock();
        if let Some(event) = waiting.events.pop_front() {
            return Some(event);
        }
        match std::mem::take(&mut waiting.dropped) {
            0 => None,
            dropped => Some(MirrorEvent::Dropped(dropped)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_and_says_how_many() {
        let queue = Queue::new(2, None);
        for _ in 0..5 {
            queue.push(MirrorEvent::Fresh);
        }
        assert_eq!(queue.pop(), Some(MirrorEvent::Fresh));
        queue.push(MirrorEvent::Stale);
        assert_eq!(queue.pop(), Some(MirrorEvent::Fresh));
        assert_eq!(queue.pop(), Some(MirrorEvent::Dropped(4)));
        queue.push(MirrorEvent::Stale);
        assert_eq!(queue.pop(), Some(MirrorEvent::Stale));
        assert_eq!(queue.pop(), None);
    }
}
