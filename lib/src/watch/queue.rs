//! The bounded queue between a connection and the owner of a watch.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::waiters::Waiters;
use super::{Bell, WatchEvent};
use crate::error::{Error, Result};
use crate::path::StorePath;

/// Room that an empty queue keeps for the next events; what a storm has needed is given back.
const KEPT: usize = 1024;

/// Events between the thread that reads a connection, which never waits, and the owner of the watch.
pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Waiters,
    most: usize,
    bell: Option<Bell>,
    keeps_equal: bool,
}

struct State {
    events: VecDeque<WatchEvent>,
    /// Events dropped since the queue was full.
    dropped: u64,
    /// What the store's first event means when it comes.
    first: First,
    /// Whether a Lost was put in that no Reset followed.
    is_lost: bool,
    /// What `next` says once the queue is empty.
    end: Option<Error>,
}

/// What the store's first event, which comes with the setting of a watch, means to the owner.
#[derive(Clone, Copy, Eq, PartialEq)]
enum First {
    /// The watch is new.
    Initial,
    /// The watch was set again.
    Reset,
    /// It was told already.
    Told,
    /// It came.
    Past,
}

impl Queue {
    pub(crate) fn new(most: usize, bell: Option<Bell>) -> Self {
        Self {
            state: Mutex::new(State {
                events: VecDeque::new(),
                dropped: 0,
                first: First::Initial,
                is_lost: false,
                end: None,
            }),
            arrived: Waiters::default(),
            most: most.max(1),
            bell,
            keeps_equal: false,
        }
    }

    /// Hands out every event, also one like the last that still waits.
    pub(crate) fn keeping_equal(mut self, keeps: bool) -> Self {
        self.keeps_equal = keeps;
        self
    }

    /// An event of the store about `path`, of a watch on `watched`.
    pub(crate) fn changed(&self, path: StorePath, watched: &StorePath) {
        let mut state = self.lock();
        let first = state.first;
        if path == *watched && first != First::Past {
            state.first = First::Past;
            match first {
                First::Initial => self.push(state, WatchEvent::Initial),
                First::Reset => self.reset(state),
                First::Told | First::Past => {}
            }
        } else {
            self.push(state, WatchEvent::Changed(path));
        }
    }

    /// An event whose path made no sense.
    pub(crate) fn garbled(&self) {
        let mut state = self.lock();
        state.dropped += 1;
        drop(state);
        self.tell();
    }

    /// The connection was lost.
    pub(crate) fn lost(&self) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.is_lost, true) {
            state.events.push_back(WatchEvent::Lost);
        }
        state.first = First::Reset;
        drop(state);
        self.tell();
    }

    /// The watch will be set again though its connection was not lost.
    pub(crate) fn expect_reset(&self) {
        self.lock().first = First::Reset;
    }

    /// The watch was set again, as the store's reply says; its first event may have said so already.
    pub(crate) fn set_again(&self) {
        let mut state = self.lock();
        if state.first == First::Reset {
            state.first = First::Told;
            self.reset(state);
        }
    }

    /// There will be no more events; `next` says `why` after those that are there.
    pub(crate) fn end(&self, why: Error) {
        self.lock().end.get_or_insert(why);
        self.tell();
    }

    /// The next event, `None` if there is none by `deadline`.
    pub(crate) fn next_until(&self, deadline: Option<Instant>) -> Result<Option<WatchEvent>> {
        let mut state = self.lock();
        loop {
            if let Some(event) = state.events.pop_front() {
                return Ok(Some(event));
            }
            if state.events.capacity() > KEPT {
                state.events = VecDeque::new();
            }
            if state.dropped > 0 {
                return Ok(Some(WatchEvent::Overflow(std::mem::take(
                    &mut state.dropped,
                ))));
            }
            if let Some(end) = &state.end {
                return Err(end.clone());
            }
            match self.arrived.wait(state, deadline) {
                Some(guard) => state = guard,
                None => return Ok(None),
            }
        }
    }

    fn push(&self, mut state: MutexGuard<'_, State>, event: WatchEvent) {
        if state.dropped > 0 || state.events.len() >= self.most {
            // Everything from here on is one "look at everything again", told when the rest was fetched.
            state.dropped += 1;
        } else if self.keeps_equal || state.events.back() != Some(&event) {
            state.events.push_back(event);
        }
        drop(state);
        self.tell();
    }

    /// Whoever sees a Reset looks at everything: of what waits before it, only the turns of the connection are kept.
    fn reset(&self, mut state: MutexGuard<'_, State>) {
        state.dropped = 0;
        state.is_lost = false;
        let waiting = std::mem::take(&mut state.events);
        for event in [WatchEvent::Initial, WatchEvent::Lost] {
            if waiting.contains(&event) {
                state.events.push_back(event);
            }
        }
        state.events.push_back(WatchEvent::Reset);
        drop(state);
        self.tell();
    }

    fn tell(&self) {
        self.arrived.wake();
        if let Some(bell) = &self.bell {
            bell.ring();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_was_full_gives_its_memory_back_once_it_is_empty() {
        let watched = StorePath::parse("/a").unwrap();
        let queue = Queue::new(2 * KEPT, None).keeping_equal(true);
        let next = || queue.next_until(Some(Instant::now())).unwrap();
        for _ in 0..3 * KEPT {
            queue.changed(watched.clone(), &watched);
        }
        for _ in 0..2 * KEPT {
            assert_ne!(next(), None);
        }
        assert!(queue.lock().events.capacity() > KEPT);
        assert_eq!(next(), Some(WatchEvent::Overflow(KEPT as u64)));
        assert_eq!(next(), None);
        assert!(queue.lock().events.capacity() <= KEPT);
    }

    #[test]
    fn equal_events_that_wait_are_told_as_one_unless_each_is_wanted() {
        let watched = StorePath::parse("/a").unwrap();
        let child = StorePath::parse("/a/b").unwrap();
        for (keeps, wanted) in [(false, 2), (true, 3)] {
            let queue = Queue::new(10, None).keeping_equal(keeps);
            queue.changed(watched.clone(), &watched);
            queue.changed(child.clone(), &watched);
            queue.changed(child.clone(), &watched);
            let told = std::iter::from_fn(|| queue.next_until(Some(Instant::now())).unwrap());
            assert_eq!(told.count(), wanted);
        }
    }
}
