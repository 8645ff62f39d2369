//! What local operations leave behind. The kernel has told their inotify events already; the events that the store sends
//! for them are echoes.
//!
//! Nothing depends on the order of replies and events, which daemons choose differently: an event is an echo if an
//! operation on the node is under way or was just answered, and the node is as that operation leaves it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use xenbus::{Perms, StorePath};

use super::{Digest, Ledger};
use crate::heap;
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
    /// The node is there, with whatever value and permissions.
    pub fn there() -> Self {
        Self::default()
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

    fn is(&self, found: &Self) -> bool {
        self.missing == found.missing
            && (self.value.is_none() || found.value.is_none() || self.value == found.value)
            && (self.perms.is_none() || found.perms.is_none() || self.perms == found.perms)
    }
}

#[derive(Default)]
pub(super) struct Echoes {
    next: u64,
    operations: HashMap<StorePath, Vec<Operation>>,
}

struct Operation {
    number: u64,
    view: View,
    left: Left,
    answered: Option<Instant>,
}

/// A local operation under way; it is answered when this is dropped.
#[must_use]
pub struct Echo<'a> {
    ledger: &'a Ledger,
    path: StorePath,
    number: u64,
}

impl Drop for Echo<'_> {
    fn drop(&mut self) {
        let mut state = self.ledger.state();
        let operations = state.echoes.operations.get_mut(&self.path);
        if let Some(operation) = operations
            .into_iter()
            .flatten()
            .find(|operation| operation.number == self.number)
        {
            operation.answered = Some(Instant::now());
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
        // Somebody who writes one node all the time leaves but the last of each kind that is answered.
        operations
            .retain(|other| other.answered.is_none() || other.view != view || other.left != left);
        operations.push(Operation {
            number,
            view,
            left,
            answered: None,
        });
        Echo {
            ledger: self,
            path: path.clone(),
            number,
        }
    }

    /// Whether the event that found the node at `path` as `found` is that of a local operation in `view`.
    pub fn is_echo(&self, path: &StorePath, view: View, found: &Left) -> bool {
        let state = self.state();
        let operations = state.echoes.operations.get(path);
        operations
            .into_iter()
            .flatten()
            .any(|operation| operation.view == view && operation.left.is(found))
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
        heap::shrink(operations);
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
        let plain = |value: &[u8]| ledger.is_echo(&node, View::Plain, &found(value));
        assert!(!plain(b"1"));
        let first = ledger.echo(&node, View::Plain, Left::value(b"1"));
        assert!(plain(b"1"), "before the answer");
        drop(first);
        let second = ledger.echo(&node, View::Plain, Left::value(b"2"));
        assert!(plain(b"1") && plain(b"2"), "whichever was first");
        assert!(!plain(b"3"), "somebody else's value");
        assert!(!ledger.is_echo(&node, View::Directories, &found(b"2")));
        assert!(!ledger.is_echo(&node, View::Plain, &Left::missing()));
        assert!(!ledger.is_echo(&path("/b"), View::Plain, &found(b"2")));
        drop(second);
        let now = Instant::now();
        ledger.settle_echoes(now);
        assert!(plain(b"2"), "the event may still come");
        let third = ledger.echo(&node, View::Plain, Left::value(b"3"));
        ledger.settle_echoes(now + 2 * JUST);
        assert!(!plain(b"2"), "what comes now is somebody else's");
        assert!(plain(b"3"), "it is under way");
        drop(third);
        ledger.settle_echoes(Instant::now() + 2 * JUST);
        assert!(ledger.state().echoes.operations.is_empty());
    }

    #[test]
    fn a_removal_is_an_echo_only_of_a_removal() {
        let ledger = Ledger::default();
        let _echo = ledger.echo(&path("/a"), View::Plain, Left::missing());
        assert!(ledger.is_echo(&path("/a"), View::Plain, &Left::missing()));
        assert!(!ledger.is_echo(&path("/a"), View::Plain, &Left::value(b"")));
    }
}
