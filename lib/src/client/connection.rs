//! One stream to a store and the requests under way on it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::inbox::Inbox;
use super::slots::{Answer, Slots};
use crate::error::{Error, Result};
use crate::id::{ReqId, TxId};
use crate::tap::{Direction, Tap};
use crate::transport::{InFlight, Traits, Transport};
use crate::wire::{Header, Op};

/// Takes the watch events of a connection. Called by whichever thread reads: it must not block.
pub(super) trait EventSink: Send + Sync {
    fn event(&self, payload: &[u8]);
}

/// What a connection belongs to.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) address: Arc<str>,
    /// Number of the connection, from 1, for the tap.
    pub(super) number: u32,
    pub(super) tap: Option<Arc<dyn Tap>>,
    pub(super) events: Arc<dyn EventSink>,
}

/// One stream to a store and the requests under way on it.
///
/// There is no thread of its own: whoever waits takes the read half (becomes the *leader*), delivers other callers'
/// replies and hands the lead on when it has its own.
pub(crate) struct Connection {
    pub(super) transport: Box<dyn Transport>,
    pub(super) traits: Traits,
    pub(super) context: Context,
    window: usize,
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    pub(super) slots: Slots,
    pub(super) outbox: Outbox,
    /// The read half; absent while somebody leads.
    pub(super) inbox: Option<Inbox>,
    /// Threads that wait for something other than an answer: room in the window, or the lead for ever.
    pub(super) others: Vec<Thread>,
    pub(super) lost: Option<Lost>,
    /// When the store last sent something, or had nothing to answer.
    pub(super) heard: Instant,
}

/// Requests that wait to be written.
#[derive(Default)]
pub(super) struct Outbox {
    pub(super) bytes: Vec<u8>,
    /// Bytes of the front that are written.
    pub(super) written: usize,
    /// Requests in `bytes`.
    pub(super) requests: Vec<ReqId>,
    /// Whether somebody writes just now.
    pub(super) busy: bool,
    /// Whether the transport took no more.
    pub(super) blocked: bool,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() == self.written
    }
}

/// Why a connection is of no more use.
#[derive(Clone, Debug)]
pub(super) enum Lost {
    /// The stream ended, or we gave it up.
    Stream(Arc<str>),
    /// The peer broke the protocol.
    Protocol(Arc<str>),
}

/// Why there is no answer.
pub(super) enum Failure {
    TimedOut,
    /// The connection is lost; `unsent` if nothing of the request was ever written.
    Lost {
        lost: Lost,
        unsent: bool,
    },
}

impl Connection {
    /// Most requests without an answer on one stream: about what the socket buffers of both directions hold with small
    /// messages, so that a single-threaded daemon seldom finds them full.
    const WINDOW: usize = 512;

    /// Buffered bytes at which they are written though nobody waits yet: the store works while we build more.
    const BATCH: usize = 4096;

    pub(super) fn new(transport: Box<dyn Transport>, context: Context) -> Self {
        let traits = transport.traits();
        let (window, buffer) = match traits.in_flight {
            InFlight::One => (1, 8 << 10),
            InFlight::Many => (Self::WINDOW, 64 << 10),
        };
        Self {
            transport,
            traits,
            context,
            window,
            state: Mutex::new(State {
                slots: Slots::default(),
                outbox: Outbox::default(),
                inbox: Some(Inbox::new(buffer)),
                others: Vec::new(),
                lost: None,
                heard: Instant::now(),
            }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it can be used, as far as is known: an end that nobody has noticed shows with the next write.
    pub(super) fn is_usable(&self) -> bool {
        self.lock().lost.is_none()
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.lock().slots.unanswered() == 0
    }

    /// Largest payload that may be sent.
    pub(super) fn payload_max(&self) -> usize {
        self.traits.payload_max
    }

    /// Puts a request into the outbox and perhaps sends it. While too many are under way it waits, at most `timeout`
    /// from the last sign of life of the store: of many callers before a store that hangs only the first ones wait.
    pub(super) fn submit(
        &self,
        op: Op,
        tx_id: TxId,
        payload: &[u8],
        timeout: Duration,
    ) -> std::result::Result<ReqId, Failure> {
        let mut state = self.lock();
        if let Some(lost) = &state.lost {
            return Err(Failure::Lost {
                lost: lost.clone(),
                unsent: true,
            });
        }
        if state.slots.unanswered() >= self.window {
            let deadline = state.heard + timeout;
            state = self.await_room(state, deadline)?;
        }
        let now = Instant::now();
        if state.slots.unanswered() == 0 {
            state.heard = now;
        }
        let Some(req_id) = state.slots.open(op, now) else {
            return Err(Failure::Lost {
                lost: Lost::Stream("too many answers were never fetched".into()),
                unsent: false,
            });
        };
        let header = Header {
            op,
            req_id,
            tx_id,
            // Checked against the transport's limit before.
            len: u32::try_from(payload.len()).unwrap_or(u32::MAX),
        };
        let outbox = &mut state.outbox;
        outbox.bytes.extend_from_slice(&header.to_bytes());
        outbox.bytes.extend_from_slice(payload);
        outbox.requests.push(req_id);
        let full = outbox.bytes.len() - outbox.written >= Self::BATCH;
        if let Some(tap) = &self.context.tap {
            tap.message(self.context.number, Direction::Sent, header, payload);
        }
        if (full || self.traits.in_flight == InFlight::One) && !outbox.busy && !outbox.blocked {
            drop(self.write_out(state));
        }
        Ok(req_id)
    }

    /// Whether somebody who found the window full may go on: when half of it is answered, so that the next requests
    /// leave together again and not one by one.
    pub(super) fn has_room(&self, state: &State) -> bool {
        state.slots.unanswered() <= self.window / 2
    }

    /// Writes what is in the outbox, until the transport takes no more.
    pub(super) fn write_out<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
    ) -> MutexGuard<'a, State> {
        state.outbox.busy = true;
        state.outbox.blocked = false;
        while !state.outbox.is_empty() && state.lost.is_none() {
            let now = Instant::now();
            let State { slots, outbox, .. } = &mut *state;
            for id in &outbox.requests {
                slots.set_sent(*id, now);
            }
            let mut requests = std::mem::take(&mut outbox.requests);
            let mut bytes = std::mem::take(&mut outbox.bytes);
            let from = std::mem::take(&mut outbox.written);
            drop(state);
            let result = self.transport.try_write(&bytes[from..]);
            state = self.lock();
            let done = match &result {
                Ok(count) => from + count,
                Err(_) => from,
            };
            if result.is_err() && from == 0 {
                // Nothing left, or perhaps never will.
                for id in &requests {
                    state.slots.set_unsent(*id);
                }
            }
            if done == 0 {
                requests.extend(&state.outbox.requests);
                state.outbox.requests = requests;
            } else if state.outbox.requests.is_empty() {
                requests.clear();
                state.outbox.requests = requests;
            }
            if done == bytes.len() {
                bytes.clear();
                if state.outbox.bytes.is_empty() {
                    // Keeps the memory for the next requests.
                    state.outbox.bytes = bytes;
                }
            } else {
                bytes.extend_from_slice(&state.outbox.bytes);
                state.outbox.bytes = bytes;
                state.outbox.written = done;
            }
            match result {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    state.outbox.blocked = true;
                    break;
                }
                Err(error) => {
                    self.write_failed(&mut state, &error);
                    break;
                }
            }
        }
        state.outbox.busy = false;
        if state.outbox.blocked {
            // This thread may not come back for the rest, and a leader that only reads does not notice.
            state.slots.any_parked().map(Thread::unpark);
        }
        for thread in &state.others {
            thread.unpark();
        }
        state
    }

    /// On a device the error of `write()` is the kernel's answer to the one request under way.
    fn write_failed(&self, state: &mut State, error: &std::io::Error) {
        if self.traits.in_flight == InFlight::One
            && let Some(errno) = crate::transport::device::errno_of(error)
            && let Some(id) = state.slots.any_unanswered()
        {
            state.outbox.bytes.clear();
            state.outbox.written = 0;
            let answer = Answer {
                op: Op::ERROR,
                payload: errno.to_wire(),
            };
            if let Ok(Some(waiter)) = state.slots.deliver(id, answer) {
                waiter.unpark();
            }
            return;
        }
        self.lose(state, Lost::Stream(error.to_string().into()));
    }

    /// Gives the stream up; everybody who waits learns it.
    pub(super) fn lose(&self, state: &mut State, lost: Lost) {
        state.lost.get_or_insert(lost);
        self.transport.shutdown();
        for thread in state.slots.take_parked() {
            thread.unpark();
        }
        for thread in &state.others {
            thread.unpark();
        }
    }

    /// Ends the connection.
    pub(super) fn close(&self, why: &str) {
        self.lose(&mut self.lock(), Lost::Stream(why.into()));
    }

    /// The error of a request that was lost with this connection.
    pub(super) fn error(&self, lost: &Lost, op: Op, path: String) -> Error {
        match lost {
            Lost::Stream(reason) => Error::Disconnected {
                op,
                path,
                address: self.context.address.to_string(),
                reason: reason.to_string(),
            },
            Lost::Protocol(what) => Error::Protocol {
                what: format!("{what} (at {})", self.context.address),
            },
        }
    }

    /// Refuses an operation that the transport does not let through.
    pub(super) fn check(&self, op: Op) -> Result<()> {
        if self.traits.lets_through(op) {
            Ok(())
        } else {
            Err(Error::Unsupported { op })
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.transport.shutdown();
    }
}
