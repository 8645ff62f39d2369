//! Counts the requests that reach a store.

use std::sync::{Mutex, PoisonError};

use xenbus::tap::{Direction, Tap};
use xenbus::wire::{Header, Op};
use xenbus::{StorePath, TxId};

/// The requests that a client sent.
#[derive(Default)]
pub(crate) struct Count {
    sent: Mutex<Vec<(Op, Vec<u8>)>>,
    /// Those of transactions, without their beginnings and ends.
    inside: Mutex<Vec<(Op, Vec<u8>)>>,
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

    /// Operation and path of all requests inside a transaction since the last call of [`Count::clear`].
    pub(crate) fn in_transactions(&self) -> Vec<(Op, String)> {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let path = |payload: &[u8]| {
            let path = payload.split(|byte| *byte == 0).next();
            String::from_utf8_lossy(path.unwrap_or_default()).into_owned()
        };
        let inside = inside.iter();
        inside.map(|(op, payload)| (*op, path(payload))).collect()
    }

    /// Starts from nothing.
    pub(crate) fn clear(&self) {
        self.inside
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
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
            drop(sent);
            if header.tx_id != TxId::NONE && header.op != Op::TRANSACTION_END {
                let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
                inside.push((header.op, payload.to_vec()));
            }
        }
    }
}
