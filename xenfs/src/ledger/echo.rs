//! What local operations leave behind. The kernel has told their inotify events already; the events that the store sends
//! for them are echoes.
//!
//! Nothing depends on the order of replies and events, which daemons choose differently: an event is an echo if an
//! operation on the node was just done, and the node is as that operation left it; and has not been seen otherwise since
//! the answer: then somebody else has brought it back there. While one is under way, nobody looks.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::{Duration, Instant};

use xenbus::{Perms, StorePath};

use super::{Digest, Ledger};
use crate::inode::View;

/// For how long after its answer an operation's event may still come, at least.
const JUST: Duration = Duration::from_secs(2);

/// What an operation leaves: only what it sets is compared.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Left {
    /// The node is not there.
    pub missing: bool,
    /// Its value.
    pub value: Option<Digest>,
    /// Its permissions.
    pub perms: Option<Perms>,
}

impl Left {
    /// The node was made: it is there, and empty.
    pub fn empty() -> Self {
        Self::value(b"")
    }

    /// The node is not there.
    pub fn missing() -> Self {
        Self {
            missing: true,
            ..Self::default()
        }
    }

    /// The node has this value.
    pub fn value(value: &[u8]) -> Self {
        Self {
            value: Some(Digest::of(value)),
            ..Self::default()
        }
    }

    /// The node has these permissions.
    pub fn perms(perms: &Perms) -> Self {
        Self {
            perms: Some(perms.clone()),
            ..Self::default()
        }
    }

    /// Whether a node that was `found` so is what this operation has left, as far as the `aspect` goes.
    fn is(&self, found: &Self, aspect: Aspect) -> bool {
        self.missing == found.missing
            && match aspect {
                Aspect::Existence => true,
                Aspect::Value => self.value.is_some() && self.value == found.value,
                Aspect::Perms => self.perms.is_some() && self.perms == found.perms,
                Aspect::All => {
                    agree(self.value.as_ref(), found.value.as_ref())
                        && agree(self.perms.as_ref(), found.perms.as_ref())
                }
            }
    }
}

/// Whether two things do not differ, as far as both are known.
fn agree<T: PartialEq>(left: Option<&T>, found: Option<&T>) -> bool {
    left.is_none() || found.is_none() || left == found
}

/// In what a node differs from what it was: only an operation that sets this can have done it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Aspect {
    /// In being there or not.
    Existence,
    /// In its value.
    Value,
    /// In its permissions.
    Perms,
    /// In nothing: it was written with what it had.
    All,
}

#[derive(Default)]
pub(super) struct Echoes {
    next: u64,
    /// In the order of the tree, so that a subtree is a range.
    operations: BTreeMap<StorePath, Vec<Operation>>,
}

struct Operation {
    number: u64,
    view: View,
    left: Left,
    answered: Option<Instant>,
    /// Somebody waits for its answer.
    awaited: bool,
}

impl Echoes {
    /// Whether a local operation has just made or changed the node at `path`.
    pub(super) fn has(&self, path: &StorePath) -> bool {
        let operations = self.operations.get(path);
        operations
            .into_iter()
            .flatten()
            .any(|operation| operation.answered.is_some() && !operation.left.missing)
    }

    pub(super) fn seen(&mut self, path: &StorePath, found: &Left, asked: Instant) {
        let last = if found.missing {
            Bound::Unbounded
        } else {
            Bound::Included(path)
        };
        self.end(path, last, |_, _| true, found, asked);
    }

    /// The children of the node at `path` had these names.
    pub(super) fn listed(&mut self, path: &StorePath, names: &[String], asked: Instant) {
        let is_listed = |below: &StorePath, left: &[Operation]| {
            left.iter().any(|operation| operation.left.missing)
                && below
                    .below(path)
                    .is_some_and(|name| names.iter().any(|listed| listed == name))
        };
        self.end(path, Bound::Unbounded, is_listed, &Left::default(), asked);
    }

    /// Ends operations on nodes at and below `path`, not behind `last`, that were `found` otherwise.
    fn end(
        &mut self,
        path: &StorePath,
        last: Bound<&StorePath>,
        concerns: impl Fn(&StorePath, &[Operation]) -> bool,
        found: &Left,
        asked: Instant,
    ) {
        let mut over = Vec::new();
        for (below, left) in self
            .operations
            .range_mut::<StorePath, _>((Bound::Included(path), last))
            .take_while(|(below, _)| below.is_within(path))
        {
            if concerns(below, left) {
                left.retain(|operation| {
                    operation.answered.is_none_or(|answered| answered >= asked)
                        || operation.left.is(found, Aspect::All)
                });
                if left.is_empty() {
                    over.push(below.clone());
                }
            }
        }
        for below in over {
            self.operations.remove(&below);
        }
    }
}

/// A local operation under way. If this is dropped before it is [`Echo::done`], it was refused and leaves nothing.
#[must_use]
pub struct Echo<'a> {
    ledger: &'a Ledger,
    path: StorePath,
    number: u64,
}

impl Echo<'_> {
    /// The operation was answered: done.
    pub fn done(self) {
        let mut state = self.ledger.state();
        let Some(operations) = state.echoes.operations.get_mut(&self.path) else {
            return;
        };
        let this = |operation: &&mut Operation| operation.number == self.number;
        let Some(operation) = operations.iter_mut().find(this) else {
            return;
        };
        operation.answered = Some(Instant::now());
        let (view, left) = (operation.view, operation.left.clone());
        // Somebody who writes one node all the time leaves but the last of each kind.
        operations.retain(|other| {
            other.answered.is_none()
                || other.number == self.number
                || other.view != view
                || other.left != left
        });
    }
}

impl Drop for Echo<'_> {
    fn drop(&mut self) {
        let mut state = self.ledger.state();
        let mut awaited = false;
        if let Some(operations) = state.echoes.operations.get_mut(&self.path) {
            operations.retain_mut(|operation| {
                let this = operation.number == self.number;
                awaited |= this && std::mem::take(&mut operation.awaited);
                !this || operation.answered.is_some()
            });
            if operations.is_empty() {
                state.echoes.operations.remove(&self.path);
            }
        }
        drop(state);
        if awaited {
            self.ledger.bell().ring();
        }
    }
}

impl Ledger {
    /// An operation in `view` is about to leave the node at `path` so.
    pub fn echo(&self, path: &StorePath, view: View, left: Left) -> Echo<'_> {
        let mut state = self.state();
        let echoes = &mut state.echoes;
        echoes.next += 1;
        let number = echoes.next;
        let operations = echoes.operations.entry(path.clone()).or_default();
        operations.push(Operation {
            number,
            view,
            left,
            answered: None,
            awaited: false,
        });
        Echo {
            ledger: self,
            path: path.clone(),
            number,
        }
    }

    /// Whether an operation on the node at `path` is under way: what it will leave cannot be told from what others do. The
    /// bell is rung when it is answered.
    pub fn is_under_way(&self, path: &StorePath) -> bool {
        let mut state = self.state();
        let operations = state.echoes.operations.get_mut(path);
        let mut under_way = false;
        for operation in operations.into_iter().flatten() {
            if operation.answered.is_none() {
                operation.awaited = true;
                under_way = true;
            }
        }
        under_way
    }

    /// Whether the event that found the node at `path` as `found`, which is another in this `aspect`, is that of a local
    /// operation in `view`.
    pub fn is_echo(&self, path: &StorePath, view: View, found: &Left, aspect: Aspect) -> bool {
        let state = self.state();
        let operations = state.echoes.operations.get(path);
        operations
            .into_iter()
            .flatten()
            .filter(|operation| operation.answered.is_some() && operation.view == view)
            .any(|operation| operation.left.is(found, aspect))
    }

    /// The node at `path` was `found` so when the store was asked at `asked`: what an operation left that was answered
    /// before, and is not so, is over. With a node that is gone, all below it is.
    pub fn seen(&self, path: &StorePath, found: &Left, asked: Instant) {
        self.state().echoes.seen(path, found, asked);
    }

    /// Forgets operations whose events were dealt with: all events that had come by `oldest` are.
    pub fn settle_echoes(&self, oldest: Instant) {
        let operations = &mut self.state().echoes.operations;
        operations.retain(|_, operations| {
            operations.retain(|operation| {
                operation
                    .answered
                    .is_none_or(|answered| answered + JUST > oldest)
            });
            // A list does not shrink by itself.
            if operations.capacity() > 4 * operations.len() {
                operations.shrink_to_fit();
            }
            !operations.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> StorePath {
        StorePath::parse(text).unwrap()
    }

    #[test]
    fn an_event_is_an_echo_while_the_node_is_as_an_operation_left_it() {
        let ledger = Ledger::default();
        let node = path("/a");
        let found = |value: &[u8]| Left {
            perms: Perms::parse("n0").ok(),
            ..Left::value(value)
        };
        let is_echo = |path, view, found: &Left| ledger.is_echo(path, view, found, Aspect::Value);
        let plain = |value: &[u8]| is_echo(&node, View::Plain, &found(value));
        assert!(!plain(b"1"));
        let first = ledger.echo(&node, View::Plain, Left::value(b"1"));
        assert!(ledger.is_under_way(&node) && !plain(b"1"), "nobody knows");
        first.done();
        assert!(!ledger.is_under_way(&node) && plain(b"1"));
        ledger.echo(&node, View::Plain, Left::value(b"2")).done();
        assert!(plain(b"1") && plain(b"2"), "whichever was first");
        assert!(!plain(b"3"), "somebody else's value");
        assert!(!is_echo(&node, View::Directories, &found(b"2")));
        assert!(!is_echo(&node, View::Plain, &Left::missing()));
        let beside = path("/b");
        assert!(!is_echo(&beside, View::Plain, &found(b"2")));
        let now = Instant::now();
        ledger.settle_echoes(now);
        assert!(plain(b"2"), "the event may still come");
        let third = ledger.echo(&node, View::Plain, Left::value(b"3"));
        ledger.settle_echoes(now + 2 * JUST);
        assert!(!plain(b"2"), "what comes now is somebody else's");
        third.done();
        assert!(plain(b"3"));
        ledger.settle_echoes(Instant::now() + 2 * JUST);
        assert!(ledger.state().echoes.operations.is_empty());
    }

    #[test]
    fn what_was_seen_otherwise_since_the_answer_is_no_echo_any_more() {
        let ledger = Ledger::default();
        let node = path("/a");
        let before = Instant::now();
        let left = Left::value(b"1");
        let is_echo = || ledger.is_echo(&node, View::Plain, &left, Aspect::Value);
        let write = ledger.echo(&node, View::Plain, Left::value(b"1"));
        let other = Left::value(b"2");
        ledger.seen(&node, &other, Instant::now() + JUST);
        write.done();
        ledger.seen(&node, &other, before);
        assert!(is_echo(), "the question may be older than the operation");
        let now = Instant::now() + Duration::from_millis(1);
        ledger.seen(&node, &Left::value(b"1"), now);
        assert!(is_echo());
        ledger.seen(&node, &Left::perms(&Perms::parse("n0").unwrap()), now);
        assert!(is_echo(), "nothing was said of its value");
        ledger.seen(&path("/b"), &Left::missing(), now);
        ledger.seen(&StorePath::root(), &other, now);
        assert!(is_echo());
        ledger.seen(&node, &other, now);
        assert!(!is_echo());
        ledger.echo(&node, View::Plain, Left::value(b"1")).done();
        let now = Instant::now() + Duration::from_millis(1);
        ledger.seen(&StorePath::root(), &Left::missing(), now);
        assert!(!is_echo(), "it has gone with what it was in");
        ledger.echo(&node, View::Plain, Left::missing()).done();
        let now = Instant::now() + Duration::from_millis(1);
        let is_echo = || ledger.is_echo(&node, View::Plain, &Left::missing(), Aspect::Existence);
        let list = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            ledger
                .state()
                .echoes
                .listed(&StorePath::root(), &names, now);
        };
        list(&["b"]);
        assert!(is_echo());
        list(&["b", "a"]);
        assert!(!is_echo(), "it was there again");
        assert!(ledger.state().echoes.operations.is_empty());
    }

    #[test]
    fn a_refused_operation_leaves_nothing_and_wakes_who_waits_for_it() {
        let ledger = Ledger::default();
        let node = path("/a");
        let is_echo = || ledger.is_echo(&node, View::Plain, &Left::missing(), Aspect::Existence);
        let removal = || ledger.echo(&node, View::Plain, Left::missing());
        let rung = || ledger.bell().wait_until(Some(Instant::now()));
        removal().done();
        let refused = removal();
        assert!(!rung());
        drop(refused);
        assert!(is_echo(), "what was done before stays");
        assert!(!rung(), "nobody waits");
        let refused = removal();
        assert!(ledger.is_under_way(&node));
        drop(refused);
        assert!(rung() && !ledger.is_under_way(&node));
        ledger.settle_echoes(Instant::now() + 2 * JUST);
        assert!(!is_echo());
        drop(removal());
        assert!(ledger.state().echoes.operations.is_empty());
    }

    #[test]
    fn only_an_operation_that_sets_what_differs_can_have_done_it() {
        let ledger = Ledger::default();
        let node = path("/a");
        let perms = Perms::parse("n0").unwrap();
        let found = Left {
            perms: Some(perms.clone()),
            ..Left::value(b"1")
        };
        let aspects = [Aspect::Existence, Aspect::Value, Aspect::Perms, Aspect::All];
        for (left, expected) in [
            (Left::value(b"1"), [true, true, false, true]),
            (Left::empty(), [true, false, false, false]),
            (Left::perms(&perms), [true, false, true, true]),
            (Left::missing(), [false; 4]),
        ] {
            ledger.echo(&node, View::Plain, left.clone()).done();
            let is_echo = aspects.map(|aspect| ledger.is_echo(&node, View::Plain, &found, aspect));
            assert_eq!(is_echo, expected, "{left:?}");
            ledger.settle_echoes(Instant::now() + 2 * JUST);
        }
    }

    #[test]
    fn a_removal_is_an_echo_only_of_a_removal() {
        let ledger = Ledger::default();
        ledger
            .echo(&path("/a"), View::Plain, Left::missing())
            .done();
        let is_echo =
            |found: &Left| ledger.is_echo(&path("/a"), View::Plain, found, Aspect::Existence);
        assert!(is_echo(&Left::missing()));
        assert!(!is_echo(&Left::empty()));
    }
}
