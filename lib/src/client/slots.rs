//! Requests under way, found by their number in constant time.

use std::thread::Thread;
use std::time::Instant;

use crate::id::ReqId;
use crate::wire::Op;

/// A reply as it came: its type (the request's, or ERROR) and payload.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) op: Op,
    pub(super) payload: Vec<u8>,
}

/// Why a reply cannot be taken.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Misfit {
    /// No request has this number.
    Unknown,
    /// The request is another operation.
    Type(Op),
}

/// The requests of one connection. A request's number is an index and a generation, so that a late reply never meets
/// a younger request.
#[derive(Default)]
pub(super) struct Slots {
    entries: Vec<Entry>,
    free: Vec<u32>,
    unanswered: usize,
}

struct Entry {
    generation: u32,
    state: State,
}

enum State {
    Free,
    Waiting {
        op: Op,
        /// When it was submitted, then when it left.
        since: Instant,
        sent: bool,
        waiter: Option<Thread>,
    },
    Done(Answer),
    /// Nobody wants the answer any more.
    Abandoned(Op),
}

const INDEX_BITS: u32 = 20;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;

impl Slots {
    /// Most requests that may exist at a time, answers not yet fetched included.
    pub(super) const MOST: usize = 1 << INDEX_BITS;

    /// Requests that have no reply yet, abandoned ones included.
    pub(super) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// A number for a new request; `None` if there are too many.
    pub(super) fn open(&mut self, op: Op, now: Instant) -> Option<ReqId> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.entries.len() < Self::MOST => {
                self.entries.push(Entry {
                    generation: 0,
                    state: State::Free,
                });
                u32::try_from(self.entries.len() - 1).ok()?
            }
            None => return None,
        };
        let entry = &mut self.entries[index as usize];
        // Never 0: watch events carry request number 0.
        entry.generation = entry.generation % (u32::MAX >> INDEX_BITS) + 1;
        entry.state = State::Waiting {
            op,
            since: now,
            sent: false,
            waiter: None,
        };
        self.unanswered += 1;
        Some(ReqId(entry.generation << INDEX_BITS | index))
    }

    /// Notes that a request leaves now.
    pub(super) fn set_sent(&mut self, id: ReqId, now: Instant) {
        if let Some(State::Waiting { since, sent, .. }) = self.state(id) {
            (*since, *sent) = (now, true);
        }
    }

    /// Notes that a request did not leave after all.
    pub(super) fn set_unsent(&mut self, id: ReqId) {
        if let Some(State::Waiting { sent, .. }) = self.state(id) {
            *sent = false;
        }
    }

    /// Whether a request left, and when that was; if it did not, when it was submitted.
    pub(super) fn progress(&mut self, id: ReqId) -> Option<(bool, Instant)> {
        match self.state(id) {
            Some(State::Waiting { since, sent, .. }) => Some((*sent, *since)),
            _ => None,
        }
    }

    /// Sets the thread to wake when the answer is there.
    pub(super) fn park(&mut self, id: ReqId, thread: Option<Thread>) {
        if let Some(State::Waiting { waiter, .. }) = self.state(id) {
            *waiter = thread;
        }
    }

    /// Some thread that waits for an answer.
    pub(super) fn any_parked(&self) -> Option<&Thread> {
        self.entries.iter().find_map(|entry| match &entry.state {
            State::Waiting { waiter, .. } => waiter.as_ref(),
            _ => None,
        })
    }

    /// Takes every thread that waits for an answer.
    pub(super) fn take_parked(&mut self) -> Vec<Thread> {
        let waiters = self
            .entries
            .iter_mut()
            .filter_map(|entry| match &mut entry.state {
                State::Waiting { waiter, .. } => waiter.take(),
                _ => None,
            });
        waiters.collect()
    }

    /// Brings a reply to its request; gives the thread to wake.
    pub(super) fn deliver(&mut self, id: ReqId, answer: Answer) -> Result<Option<Thread>, Misfit> {
        let index = (id.0 & INDEX_MASK) as usize;
        let entry = self
            .entries
            .get_mut(index)
            .filter(|entry| entry.generation == id.0 >> INDEX_BITS)
            .ok_or(Misfit::Unknown)?;
        let fits = |op: Op| answer.op == op || answer.op == Op::ERROR;
        match &mut entry.state {
            State::Waiting { op, waiter, .. } => {
                if !fits(*op) {
                    return Err(Misfit::Type(*op));
                }
                let waiter = waiter.take();
                entry.state = State::Done(answer);
                self.unanswered -= 1;
                Ok(waiter)
            }
            State::Abandoned(op) => {
                if !fits(*op) {
                    return Err(Misfit::Type(*op));
                }
                entry.state = State::Free;
                self.free.push(id.0 & INDEX_MASK);
                self.unanswered -= 1;
                Ok(None)
            }
            State::Free | State::Done(_) => Err(Misfit::Unknown),
        }
    }

    /// The number of a request of type `op` without an answer: old kernels answer WATCH and UNWATCH with number 0.
    pub(super) fn find(&self, op: Op) -> Option<ReqId> {
        self.find_unanswered(|of| of == op)
    }

    /// Some request without an answer.
    pub(super) fn any_unanswered(&self) -> Option<ReqId> {
        self.find_unanswered(|_| true)
    }

    fn find_unanswered(&self, wanted: impl Fn(Op) -> bool) -> Option<ReqId> {
        self.entries.iter().zip(0..).find_map(|(entry, index)| {
            let found = match &entry.state {
                State::Waiting { op, .. } | State::Abandoned(op) => wanted(*op),
                State::Free | State::Done(_) => false,
            };
            found.then_some(ReqId(entry.generation << INDEX_BITS | index))
        })
    }

    /// Whether the answer is there.
    pub(super) fn is_done(&mut self, id: ReqId) -> bool {
        matches!(self.state(id), Some(State::Done(_)))
    }

    /// Takes the answer, if it is there.
    pub(super) fn take(&mut self, id: ReqId) -> Option<Answer> {
        let state = self.state(id)?;
        if !matches!(state, State::Done(_)) {
            return None;
        }
        let State::Done(answer) = std::mem::replace(state, State::Free) else {
            return None;
        };
        self.free.push(id.0 & INDEX_MASK);
        Some(answer)
    }

    /// Gives a request up: a late reply is dropped when it comes.
    pub(super) fn abandon(&mut self, id: ReqId) {
        if self.take(id).is_none()
            && let Some(state) = self.state(id)
            && let State::Waiting { op, .. } = state
        {
            *state = State::Abandoned(*op);
        }
    }

    fn state(&mut self, id: ReqId) -> Option<&mut State> {
        self.entries
            .get_mut((id.0 & INDEX_MASK) as usize)
            .filter(|entry| entry.generation == id.0 >> INDEX_BITS)
            .map(|entry| &mut entry.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(op: Op) -> Answer {
        Answer {
            op,
            payload: vec![],
        }
    }

    #[test]
    fn a_late_reply_never_meets_a_younger_request() {
        let mut slots = Slots::default();
        let first = slots.open(Op::READ, Instant::now()).unwrap();
        slots.abandon(first);
        assert_eq!(slots.unanswered(), 1);
        slots.deliver(first, answer(Op::READ)).unwrap();
        let second = slots.open(Op::READ, Instant::now()).unwrap();
        assert_ne!(first, second);
        assert_eq!(
            slots.deliver(first, answer(Op::READ)).unwrap_err(),
            Misfit::Unknown
        );
        slots.deliver(second, answer(Op::ERROR)).unwrap();
        assert_eq!(slots.take(second).unwrap().op, Op::ERROR);
        assert_eq!(slots.unanswered(), 0);
    }

    #[test]
    fn a_reply_of_another_type_is_a_misfit() {
        let mut slots = Slots::default();
        let id = slots.open(Op::READ, Instant::now()).unwrap();
        assert_eq!(
            slots.deliver(id, answer(Op::WRITE)).unwrap_err(),
            Misfit::Type(Op::READ)
        );
    }

    #[test]
    fn numbers_are_never_zero_even_after_all_generations() {
        let mut slots = Slots::default();
        for _ in 0..10_000 {
            let id = slots.open(Op::READ, Instant::now()).unwrap();
            assert_ne!(id.0, 0);
            slots.deliver(id, answer(Op::READ)).unwrap();
            slots.take(id).unwrap();
        }
        assert_eq!(slots.entries.len(), 1);
    }
}
