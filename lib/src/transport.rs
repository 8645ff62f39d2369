//! Byte streams to a store: Unix socket, xenbus character device, shared ring, socket pair.
//!
//! A [`Transport`] moves bytes and knows nothing of messages except what its [`Traits`] demand of the sender. These
//! modules are the only places with I/O.

pub mod device;
pub mod pair;
pub mod ring;
pub mod socket;

use std::fmt;
use std::io;
use std::time::Instant;

use crate::error::Result;
use crate::wire::{Op, PAYLOAD_MAX};

/// One open stream to a store. Shared between threads: one reads while another writes.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Waits for bytes, not past `deadline` (`None`: for ever), and reads some of them into `buffer`.
    ///
    /// `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] at the deadline; anything else means that the stream is lost.
    fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize>;

    /// Writes as much as fits now and returns how much that was (never 0 for a non-empty `bytes`).
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing fits. On a device an error other than that is the kernel's answer to
    /// this very request; on any other transport it means that the stream is lost.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Waits, not past `deadline`, until one of the wanted directions is ready, or the stream has ended (then all are).
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] at the deadline.
    fn wait(&self, wanted: Ready, deadline: Option<Instant>) -> io::Result<Ready>;

    /// Ends the stream: every call that waits on it returns, now and later. Never half of it: a store that sees the
    /// end of our requests drops replies that it has not sent yet.
    fn shutdown(&self);

    /// What the peer demands.
    fn traits(&self) -> Traits;
}

/// Directions in which a transport is ready, or is wanted to be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ready {
    /// Bytes can be read, or the end of the stream.
    pub read: bool,
    /// Bytes can be written.
    pub write: bool,
}

/// What a kind of transport demands of its user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Traits {
    /// Largest payload that may be sent.
    pub payload_max: usize,
    /// How many requests may be in flight on one open stream.
    pub in_flight: InFlight,
    /// Who does the watches.
    pub watches: Watches,
    /// The operations that are let through; `None`: all. Others are refused without asking.
    pub operations: Option<&'static [Op]>,
}

impl Traits {
    /// A stream straight to a store: Unix socket, ring, socket pair.
    pub const STORE: Self = Self {
        payload_max: PAYLOAD_MAX,
        in_flight: InFlight::Many,
        watches: Watches::Store,
        operations: None,
    };

    /// Whether an operation can reach the store.
    pub fn lets_through(&self, op: Op) -> bool {
        self.operations.is_none_or(|known| known.contains(&op))
    }
}

/// How many requests may be in flight on one open stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InFlight {
    /// One; with more, replies are silently wrong (measured on Linux's `/dev/xen/xenbus`).
    One,
    /// Any number.
    Many,
}

/// Who does the watches of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Watches {
    /// The store itself.
    Store,
    /// A kernel, for all its users: depth is lost, and RESET_WATCHES would take the kernel's own watches away.
    Kernel,
    /// Nobody (NetBSD's device): look again at intervals.
    None,
}

/// Opens streams to one store, as often as a client needs one.
pub trait Connector: Send + Sync + fmt::Debug {
    /// Opens a stream, not past `deadline`.
    ///
    /// # Errors
    /// [`crate::Error::Connect`], saying what was tried and what to do.
    fn connect(&self, deadline: Option<Instant>) -> Result<Box<dyn Transport>>;

    /// Where the streams lead, for messages; printable.
    fn address(&self) -> String;
}
