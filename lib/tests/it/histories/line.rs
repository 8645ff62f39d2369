//! A client's connection, and bugs that may be planted between it and the store.

use std::collections::HashMap;

use xenbus::wire::Op;

use crate::support::Raw;

/// What a client of a history speaks to; answers as [`Raw::ask`] gives them.
pub(super) trait Line: Send {
    fn ask_in(&mut self, tx: u32, op: Op, payload: &str) -> String;
    fn next_event(&mut self) -> String;
}

/// The store itself.
pub(super) struct Honest(pub(super) Raw);

impl Line for Honest {
    fn ask_in(&mut self, tx: u32, op: Op, payload: &str) -> String {
        self.0.ask_in(tx, op, payload)
    }

    fn next_event(&mut self) -> String {
        self.0.next_event()
    }
}

/// Now and then a value that the client has seen already, though it knows a newer one.
pub(super) struct Stale {
    pub(super) inner: Honest,
    pub(super) seen: HashMap<String, Vec<String>>,
}

impl Line for Stale {
    fn ask_in(&mut self, tx: u32, op: Op, payload: &str) -> String {
        let answer = self.inner.ask_in(tx, op, payload);
        if op != Op::READ || tx != 0 || answer.starts_with('!') {
            return answer;
        }
        let seen = self.seen.entry(payload.to_owned()).or_default();
        if let Some(old) = seen.iter().find(|old| **old != answer) {
            return old.clone();
        }
        seen.push(answer.clone());
        answer
    }

    fn next_event(&mut self) -> String {
        self.inner.next_event()
    }
}

/// Transactions whose writes are done at once, one by one.
pub(super) struct Torn(pub(super) Honest);

impl Line for Torn {
    fn ask_in(&mut self, tx: u32, op: Op, payload: &str) -> String {
        match op {
            Op::TRANSACTION_END => {
                self.0.ask_in(tx, op, "F\0");
                "OK|".into()
            }
            Op::WRITE if tx != 0 => {
                let answer = self.0.ask_in(0, op, payload);
                // Long enough for somebody to look.
                for _ in 0..20 {
                    self.0.ask_in(0, Op::GET_DOMAIN_PATH, "0\0");
                }
                answer
            }
            _ => self.0.ask_in(tx, op, payload),
        }
    }

    fn next_event(&mut self) -> String {
        self.0.next_event()
    }
}

/// A watcher to whom events come late, or not at all.
pub(super) struct Careless {
    pub(super) inner: Honest,
    pub(super) way: Way,
    pub(super) held: Option<String>,
    pub(super) count: usize,
}

/// In what a [`Careless`] one is so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    Loses,
    Swaps,
}

impl Line for Careless {
    fn ask_in(&mut self, tx: u32, op: Op, payload: &str) -> String {
        self.inner.ask_in(tx, op, payload)
    }

    fn next_event(&mut self) -> String {
        if let Some(held) = self.held.take() {
            return held;
        }
        let event = self.inner.next_event();
        self.count += 1;
        // Not the very first one, which the watch itself causes.
        if self.count != 9 {
            return event;
        }
        let after = self.inner.next_event();
        if self.way == Way::Swaps {
            self.held = Some(event);
        }
        after
    }
}
