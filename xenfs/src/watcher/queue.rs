//! Nodes that wait to be looked at: in the order in which they came, each once.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use xenbus::StorePath;

/// Why a node is looked at: one of these, or both.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Cause {
    /// An event named it: it was written, though perhaps with what it had.
    pub(super) event: bool,
    /// It may have changed in any way: only a difference is told.
    pub(super) doubt: bool,
}

impl Cause {
    pub(super) const EVENT: Self = Self {
        event: true,
        doubt: false,
    };
    pub(super) const DOUBT: Self = Self {
        event: false,
        doubt: true,
    };
}

/// The queue. It is never longer than the nodes that the kernel knows are many.
#[derive(Default)]
pub(super) struct Queue {
    /// Each with the time when it came.
    order: VecDeque<(StorePath, Instant)>,
    causes: HashMap<StorePath, Cause>,
}

impl Queue {
    /// Has a node looked at.
    pub(super) fn mark(&mut self, path: StorePath, cause: Cause) {
        if let Some(known) = self.causes.get_mut(&path) {
            known.event |= cause.event;
            known.doubt |= cause.doubt;
        } else {
            self.causes.insert(path.clone(), cause);
            self.order.push_back((path, Instant::now()));
        }
    }

    /// The next node.
    pub(super) fn pop(&mut self) -> Option<(StorePath, Cause)> {
        let (path, _) = self.order.pop_front()?;
        let cause = self.causes.remove(&path)?;
        Some((path, cause))
    }

    /// When the one came that is the next.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.order.front().map(|(_, came)| *came)
    }

    pub(super) fn contains(&self, path: &StorePath) -> bool {
        self.causes.contains_key(path)
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_one_node_are_one_and_keep_their_place() {
        let path = |text| StorePath::parse(text).unwrap();
        let mut queue = Queue::default();
        queue.mark(path("/b"), Cause::DOUBT);
        queue.mark(path("/a"), Cause::EVENT);
        queue.mark(path("/b"), Cause::EVENT);
        assert_eq!((queue.len(), queue.contains(&path("/b"))), (2, true));
        let both = Cause {
            event: true,
            doubt: true,
        };
        assert_eq!(queue.pop(), Some((path("/b"), both)));
        assert_eq!(queue.pop(), Some((path("/a"), Cause::EVENT)));
        assert_eq!(queue.pop(), None);
    }
}
