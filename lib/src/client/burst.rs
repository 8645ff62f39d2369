//! Very many readings by one thread, over a connection of its own.
//!
//! A request of a [`super::Client`] may be waited for by any thread; that costs a lock, a clock and a ticket each. Who
//! reads a whole tree needs none of that: requests leave many at a time, and answers are looked at where they arrived.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::{Connection, Lost};
use super::inbox::Inbox;
use super::request::Pending;
use super::shared::Shared;
use super::{Client, Operations as _};
use crate::error::{Error, Result};
use crate::id::{ReqId, TxId};
use crate::path::StorePath;
use crate::tap::Direction;
use crate::transport::{InFlight, Ready};
use crate::wire::{Errno, Header, Op, REPLY_MAX};

/// Most requests without an answer: about what the socket buffers of both directions hold with small messages.
const WINDOW: usize = 512;

/// The size of the buffer for answers: a part of what a window brings, so that the store has more to do while a buffer
/// is looked at.
const BUFFER: usize = 16 << 10;

/// From how many readings on a connection of their own is worth while.
const MANY: usize = 32;

impl Client {
    /// The values of many nodes, in the order of their paths, each or why it could not be read. All are asked for at
    /// once.
    ///
    /// # Errors
    /// If the store is lost.
    pub fn read_many(&self, paths: &[StorePath]) -> Result<Vec<Result<Vec<u8>>>> {
        let burst = if paths.len() < MANY {
            None
        } else {
            Burst::open(self.shared())?
        };
        let Some(mut burst) = burst else {
            let waiting: Vec<_> = paths.iter().map(|path| self.submit_read(path)).collect();
            return Ok(waiting.into_iter().map(Pending::wait).collect());
        };
        let mut values: Vec<Option<Result<Vec<u8>>>> = paths.iter().map(|_| None).collect();
        let mut next = 0;
        while next < paths.len() || !burst.is_idle() {
            for _ in 0..burst.room().min(paths.len() - next) {
                burst.ask(Op::READ, paths[next].as_bytes(), next);
                next += 1;
            }
            burst.turn(|index, answer| {
                values[index] = Some(answer.map(<[u8]>::to_vec).map_err(|errno| Error::Store {
                    op: Op::READ,
                    path: paths[index].to_string(),
                    errno,
                }));
            })?;
        }
        Ok(values.into_iter().flatten().collect())
    }
}

/// Requests under way, each with a tag that comes back with its answer.
pub(crate) struct Burst<T> {
    connection: Arc<Connection>,
    timeout: Duration,
    inbox: Inbox,
    outbox: Vec<u8>,
    written: usize,
    slots: Vec<Option<(Op, T)>>,
    free: Vec<usize>,
    under_way: usize,
    is_lost: bool,
}

impl<T> Burst<T> {
    /// Opens a connection; `None` on a transport that takes one request at a time.
    pub(crate) fn open(shared: &Shared) -> Result<Option<Self>> {
        if !shared.takes_many() {
            return Ok(None);
        }
        let connection = shared.dial()?;
        if connection.traits.in_flight == InFlight::One {
            return Ok(None);
        }
        Ok(Some(Self {
            connection,
            timeout: shared.options.timeout,
            inbox: Inbox::new(BUFFER),
            outbox: Vec::new(),
            written: 0,
            slots: (0..WINDOW).map(|_| None).collect(),
            free: (0..WINDOW).rev().collect(),
            under_way: 0,
            is_lost: false,
        }))
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way == 0
    }

    /// Whether it is of no more use.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost || !self.connection.is_usable()
    }

    /// How many requests may be added now. None until a quarter of the window is free, so that many leave together.
    pub(crate) fn room(&self) -> usize {
        match self.free.len() {
            free if free < WINDOW / 4 => 0,
            free => free,
        }
    }

    /// Adds a request about a path; it leaves with the next [`Burst::turn`]. There must be room.
    pub(crate) fn ask(&mut self, op: Op, path: &[u8], tag: T) {
        let Some(slot) = self.free.pop() else {
            debug_assert!(false, "asked without room");
            return;
        };
        let length = path.len() + 1;
        let header = Header {
            op,
            req_id: request_of(slot),
            tx_id: TxId::NONE,
            // Paths are far shorter.
            len: u32::try_from(length).unwrap_or(u32::MAX),
        };
        self.outbox.extend_from_slice(&header.to_bytes());
        self.outbox.extend_from_slice(path);
        self.outbox.push(0);
        if let Some(tap) = &self.connection.context.tap {
            let payload = &self.outbox[self.outbox.len() - length..];
            tap.message(
                self.connection.context.number,
                Direction::Sent,
                header,
                payload,
            );
        }
        self.slots[slot] = Some((op, tag));
        self.under_way += 1;
    }

    /// Sends what was asked, waits for answers, and hands over those that came.
    ///
    /// # Errors
    /// If the connection is lost, or nothing comes for the time of a request. It is of no use then.
    pub(crate) fn turn(
        &mut self,
        mut take: impl FnMut(T, std::result::Result<&[u8], Errno>),
    ) -> Result<()> {
        let outcome = self.exchange().and_then(|()| self.deliver(&mut take));
        outcome.map_err(|lost| {
            self.is_lost = true;
            let first = self.slots.iter().flatten().next();
            let op = first.map_or(Op::READ, |(op, _)| *op);
            match lost {
                Failed::Silent => Error::TimedOut {
                    op,
                    path: "the nodes that are read".into(),
                    after: self.timeout,
                },
                Failed::Lost(lost) => {
                    let path = "the nodes that are read".into();
                    self.connection.error(&lost, op, path)
                }
            }
        })
    }

    /// Writes as much as is taken, and reads once.
    fn exchange(&mut self) -> std::result::Result<(), Failed> {
        let deadline = Some(Instant::now() + self.timeout);
        let transport = &self.connection.transport;
        loop {
            while self.written < self.outbox.len() {
                match transport.try_write(&self.outbox[self.written..]) {
                    Ok(count) => self.written += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
            if self.written == self.outbox.len() {
                self.outbox.clear();
                self.written = 0;
                break;
            }
            let wanted = Ready {
                read: true,
                write: true,
            };
            if transport.wait(wanted, deadline)?.read {
                break;
            }
        }
        match transport.read(self.inbox.space(), deadline)? {
            0 => Err(Failed::Lost(Lost::Stream("it was closed".into()))),
            count => {
                self.inbox.arrived(count);
                Ok(())
            }
        }
    }

    fn deliver(
        &mut self,
        take: &mut impl FnMut(T, std::result::Result<&[u8], Errno>),
    ) -> std::result::Result<(), Failed> {
        let broken = |what: String| Failed::Lost(Lost::Protocol(what.into()));
        loop {
            let (header, payload) = match self.inbox.next() {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(()),
                Err(length) => {
                    return Err(broken(format!(
                        "a message of {length} bytes, over the limit of {REPLY_MAX}"
                    )));
                }
            };
            if let Some(tap) = &self.connection.context.tap {
                let number = self.connection.context.number;
                tap.message(number, Direction::Received, header, payload);
            }
            let slot = slot_of(header.req_id);
            let Some((op, tag)) = slot.and_then(|slot| self.slots.get_mut(slot)?.take()) else {
                return Err(broken(format!(
                    "a reply of type {} to the unknown request {}",
                    header.op, header.req_id.0
                )));
            };
            self.free.extend(slot);
            self.under_way -= 1;
            if header.op == op {
                take(tag, Ok(payload));
            } else if header.op == Op::ERROR {
                take(tag, Err(Errno::from_wire(payload)));
            } else {
                return Err(broken(format!("a reply of type {} to {op}", header.op)));
            }
        }
    }
}

enum Failed {
    /// Nothing came in time.
    Silent,
    Lost(Lost),
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Silent,
            _ => Self::Lost(Lost::Stream(error.to_string().into())),
        }
    }
}

/// The number of the request in a slot; never 0, which watch events carry.
fn request_of(slot: usize) -> ReqId {
    ReqId(u32::try_from(slot + 1).unwrap_or(u32::MAX))
}

fn slot_of(request: ReqId) -> Option<usize> {
    usize::try_from(request.0).ok()?.checked_sub(1)
}
