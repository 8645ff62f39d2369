//! Counts the requests that reach a store.

use std::sync::{Mutex, PoisonError};

use xenbus::StorePath;
use xenbus::tap::{Direction, Tap};
use xenbus::wire::{Header, Op};

/// The requests that a client sent.
#[derive(Default)]
pub(crate) struct Count {
    sent: Mutex<Vec<(Op, Vec<u8>)>>,
}

impl Count {
    /// The payloads of all requests of one kind since the last call of [`Count::clear`].
    pub(crate) fn of(&self, op: Op) -> Vec<Vec<u8>> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = sent.iter().filter(|(sent, _)| *sent == op);
        of_kind.map(|(_, payload)| payload.clone()).collect()
    }

    /// Number of all requests since the last call of [`Count::clear`].
    pub(crate) fn total(&self) -> usize {
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// The values that were written to a node.
    pub(crate) fn writes(&self, path: &str) -> Vec<String> {
        let path = [StorePath::parse(path).unwrap().as_bytes(), b"\0"].concat();
        self.of(Op::WRITE)
            .iter()
            .filter_map(|payload| payload.strip_prefix(&path[..]))
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// Starts from nothing.
    pub(crate) fn clear(&self) {
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl Tap for Count {
    fn message(&self, _: u32, direction: Direction, header: Header, payload: &[u8]) {
        if direction == Direction::Sent {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.push((header.op, payload.to_vec()));
        }
    }
}
