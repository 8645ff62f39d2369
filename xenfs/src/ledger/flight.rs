//! Requests of the kernel that are being answered.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Instant;

use xenbus::StorePath;

use super::{Ledger, State};

/// One request's question about a node.
#[derive(Debug)]
pub struct Flight {
    path: StorePath,
    hits: AtomicU8,
    /// The kernel was told that it may believe the answer for ever; for a directory's entry or a file's.
    promised: AtomicU8,
    listing: AtomicBool,
    asked: Instant,
}

/// An event on the node or above it.
const AT_OR_ABOVE: u8 = 1;
/// An event below it.
const BELOW: u8 = 2;

impl Flight {
    /// The node.
    pub fn path(&self) -> &StorePath {
        &self.path
    }

    /// Since when the store has been asked.
    pub(super) fn asked(&self) -> Instant {
        self.asked
    }

    /// Whether anything may have changed since the question.
    pub fn is_hit(&self) -> bool {
        self.hits.load(Ordering::Acquire) != 0
    }

    /// Whether the node itself may have changed since the question.
    pub fn is_hit_at_or_above(&self) -> bool {
        self.hits.load(Ordering::Acquire) & AT_OR_ABOVE != 0
    }

    /// The answer is a directory's list, which the kernel keeps.
    pub fn set_listing(&self) {
        self.listing.store(true, Ordering::Release);
    }

    pub(super) fn hit_at_or_above(&self) {
        self.hits.fetch_or(AT_OR_ABOVE, Ordering::AcqRel);
    }

    pub(super) fn hit_below(&self) {
        self.hits.fetch_or(BELOW, Ordering::AcqRel);
    }

    /// Which hits make the answer old. A directory stays one whatever changes in it; a file that gains a child is none.
    fn matters(directory: bool) -> u8 {
        if directory {
            AT_OR_ABOVE
        } else {
            AT_OR_ABOVE | BELOW
        }
    }

    fn promise(&self, directory: bool) -> bool {
        let matters = Self::matters(directory);
        // First the promise, then the look: a hit in between is seen here or at the end of the scope.
        self.promised.fetch_or(matters, Ordering::AcqRel);
        self.hits.load(Ordering::Acquire) & matters == 0
    }

    fn is_broken(&self) -> bool {
        let hits = self.hits.load(Ordering::Acquire);
        let listed = self.listing.load(Ordering::Acquire) && hits != 0;
        listed || hits & self.promised.load(Ordering::Acquire) != 0
    }
}

thread_local! {
    static SCOPE: RefCell<Option<Vec<Arc<Flight>>>> = const { RefCell::new(None) };
}

/// The time from the arrival of a request to when the kernel has its reply, on one thread.
#[must_use]
pub struct Scope<'a> {
    ledger: &'a Ledger,
}

impl<'a> Scope<'a> {
    /// A request has arrived.
    pub fn new(ledger: &'a Ledger) -> Self {
        SCOPE.with_borrow_mut(|scope| *scope = Some(Vec::new()));
        Self { ledger }
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let flights = SCOPE.take().unwrap_or_default();
        for flight in flights {
            if flight.is_broken() {
                self.ledger.recheck(&flight.path);
            }
        }
    }
}

impl Ledger {
    /// Registers a question about the node at `path`, before the store is asked.
    pub fn flight(&self, path: &StorePath) -> Arc<Flight> {
        let flight = Arc::new(Flight {
            path: path.clone(),
            hits: AtomicU8::new(0),
            promised: AtomicU8::new(0),
            listing: AtomicBool::new(false),
            asked: Instant::now(),
        });
        let mut state = self.state();
        state.flights.retain(|flight| flight.strong_count() > 0);
        state.flights.push(Arc::downgrade(&flight));
        drop(state);
        SCOPE.with_borrow_mut(|scope| {
            if let Some(flights) = scope {
                flights.push(Arc::clone(&flight));
            }
        });
        flight
    }

    /// Whether the kernel may believe for ever what this request says of the node at `path`: its question was registered,
    /// and nothing happened since.
    pub fn promise(&self, path: &StorePath, directory: bool) -> bool {
        self.is_certain()
            && SCOPE.with_borrow(|scope| {
                let mut flights = scope.iter().flatten().filter(|flight| flight.path == *path);
                let first = flights.next();
                first.is_some_and(|flight| flight.promise(directory))
            })
    }

    /// An event arrived: whatever is being answered about the node, those below and those above may be older.
    pub fn hit(&self, path: &StorePath) {
        for flight in self.state().flights() {
            if flight.path.is_within(path) {
                flight.hit_at_or_above();
            } else if path.is_within(&flight.path) {
                flight.hit_below();
            }
        }
    }
}

impl State {
    pub(super) fn flights(&self) -> impl Iterator<Item = Arc<Flight>> {
        self.flights.iter().filter_map(std::sync::Weak::upgrade)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> StorePath {
        StorePath::parse(text).unwrap()
    }

    fn trusting() -> Ledger {
        let ledger = Ledger::default();
        ledger.trust();
        ledger
    }

    #[test]
    fn an_event_before_the_decision_makes_the_lifetime_short() {
        let ledger = trusting();
        ledger.set_followed(true);
        for (event, file, directory) in [
            ("/a/b", false, false),
            ("/a", false, false),
            ("/", false, false),
            ("/a/b/c", false, true),
            ("/a/bc", true, true),
            ("/c", true, true),
        ] {
            for (is_directory, expected) in [(false, file), (true, directory)] {
                let scope = Scope::new(&ledger);
                let _flight = ledger.flight(&path("/a/b"));
                ledger.hit(&path(event));
                assert_eq!(
                    ledger.promise(&path("/a/b"), is_directory),
                    expected,
                    "{event}"
                );
                drop(scope);
            }
        }
        drop(ledger.take_rechecks());
    }

    #[test]
    fn an_event_between_decision_and_reply_makes_the_kernel_look_again() {
        let ledger = trusting();
        ledger.set_followed(true);
        let scope = Scope::new(&ledger);
        let _flight = ledger.flight(&path("/a"));
        assert!(ledger.promise(&path("/a"), true));
        ledger.hit(&path("/a/b"));
        drop(scope);
        assert_eq!(ledger.take_rechecks(), [], "a directory stays one");
        let scope = Scope::new(&ledger);
        let _flight = ledger.flight(&path("/a"));
        assert!(ledger.promise(&path("/a"), false));
        ledger.hit(&path("/a/b"));
        drop(scope);
        assert_eq!(ledger.take_rechecks(), [path("/a")]);
    }

    #[test]
    fn nothing_is_promised_without_certainty_or_without_a_question() {
        let ledger = trusting();
        let scope = Scope::new(&ledger);
        let _flight = ledger.flight(&path("/a"));
        assert!(!ledger.promise(&path("/a"), true));
        ledger.set_followed(true);
        assert!(!ledger.promise(&path("/b"), true));
        assert!(ledger.promise(&path("/a"), true));
        ledger.set_followed(false);
        drop(scope);
        assert_eq!(ledger.take_rechecks(), [path("/a")]);
    }

    #[test]
    fn a_request_that_has_ended_is_not_looked_at_any_more() {
        let ledger = trusting();
        drop(ledger.flight(&path("/a")));
        drop(ledger.flight(&path("/b")));
        assert!(ledger.state().flights.len() <= 1);
    }
}
