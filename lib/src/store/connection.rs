//! One client's stream: bytes in, cut into requests; replies and events out, in as few system calls as possible.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno as OsError;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::output::{Output, Waiting};
use super::server::ring::RingEnd;
use crate::transport::ring::{Broken, RingError};
use crate::wire::{HEADER_SIZE, Header, PAYLOAD_MAX};

/// Unsent bytes above which a client's further requests wait until it takes its answers.
const THROTTLE: usize = 256 * 1024;

/// A client's stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) link: Link,
    /// Bytes of requests not yet carried out.
    input: Vec<u8>,
    pub(super) output: Output,
    /// Whether it is noted as having something to send.
    pub(super) dirty: bool,
    /// The client is to be dropped, and why.
    pub(super) doomed: Option<Doom>,
    /// What the poller was last told to look for.
    pub(super) interest: Interest,
}

/// What carries a client's bytes.
#[derive(Debug)]
pub(super) enum Link {
    Socket(OwnedFd),
    Ring(Box<RingEnd>),
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Doom {
    /// The client has gone.
    Gone,
    /// A header announced more than [`PAYLOAD_MAX`].
    Oversize(u32),
    /// It does not read, and too much waits for it.
    NotReading,
    /// Its domain has gone.
    Released,
    /// The domain left the rules of the ring.
    Broken(Broken),
}

impl Doom {
    /// What a domain is told in its ring.
    pub(super) fn error_word(self) -> Option<RingError> {
        match self {
            Self::Released => None,
            Self::Gone | Self::NotReading => Some(RingError::COMMUNICATION),
            Self::Oversize(_) => Some(RingError::PROTOCOL),
            Self::Broken(_) => Some(RingError::INDEX),
        }
    }
}

/// What is looked for on a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Interest {
    pub(super) read: bool,
    pub(super) write: bool,
}

impl Stream {
    /// Takes a non-blocking connected socket, or a ring.
    pub(super) fn new(link: Link, waiting: &Waiting) -> Self {
        Self {
            link,
            input: Vec::new(),
            output: Output::new(waiting.clone()),
            dirty: false,
            doomed: None,
            interest: Interest {
                read: true,
                write: false,
            },
        }
    }

    /// What the poller looks at.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        match &self.link {
            Link::Socket(socket) => socket.as_fd(),
            Link::Ring(ring) => ring.channel().descriptor(),
        }
    }

    /// What should be looked for now.
    pub(super) fn wanted(&self) -> Interest {
        if matches!(self.link, Link::Ring(_)) {
            // One notification for both directions.
            return Interest {
                read: true,
                write: false,
            };
        }
        Interest {
            read: !self.is_throttled(),
            write: !self.output.unsent().is_empty(),
        }
    }

    /// Whether its requests have to wait until it takes its answers.
    pub(super) fn is_throttled(&self) -> bool {
        self.output.unsent().len() > THROTTLE
    }

    /// Sends what fits now.
    pub(super) fn flush(&mut self) {
        while !self.output.unsent().is_empty() && self.doomed != Some(Doom::Gone) {
            let unsent = self.output.unsent();
            let socket = match &mut self.link {
                Link::Socket(socket) => socket,
                Link::Ring(ring) => {
                    match ring.send(unsent) {
                        Ok(0) => break,
                        Ok(sent) => self.output.advance(sent),
                        Err(broken) => {
                            self.doomed.get_or_insert(Doom::Broken(broken));
                            break;
                        }
                    }
                    continue;
                }
            };
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match send(socket, unsent, flags) {
                Ok(sent) => self.output.advance(sent),
                Err(OsError::INTR) => {}
                Err(OsError::AGAIN) => break,
                // The peer is gone; whatever else it may be, nothing can be sent any more.
                Err(_) => self.doomed = Some(Doom::Gone),
            }
        }
    }

    /// Receives what fits into `buffer`; 0 if there is nothing now.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Doom> {
        let socket = match &mut self.link {
            Link::Socket(socket) => socket,
            Link::Ring(ring) => return ring.receive(buffer).map_err(Doom::Broken),
        };
        loop {
            match recv(&*socket, &mut *buffer, RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Err(Doom::Gone),
                Ok((count, _)) => return Ok(count),
                Err(OsError::INTR) => {}
                Err(OsError::AGAIN) => return Ok(0),
                Err(_) => return Err(Doom::Gone),
            }
        }
    }

    /// Starts anew if the client asks for it: what was under way in both directions is dropped.
    pub(super) fn reconnects(&mut self) -> bool {
        let Link::Ring(ring) = &mut self.link else {
            return false;
        };
        if !ring.reconnects() {
            return false;
        }
        self.input = Vec::new();
        self.output.clear();
        true
    }

    /// Tells the peer that bytes were moved, where the kernel does not.
    pub(super) fn tell(&mut self) {
        if let Link::Ring(ring) = &mut self.link
            && ring.tell().is_err()
        {
            self.doomed.get_or_insert(Doom::Gone);
        }
    }

    /// Takes out the bytes kept from before, to be given back with [`Stream::keep`].
    pub(super) fn take_input(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.input)
    }

    /// Keeps bytes of requests that could not be carried out yet.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.input.extend_from_slice(rest);
        }
    }

    /// Whether a whole request waits.
    pub(super) fn has_request(&self) -> bool {
        matches!(next_message(&self.input), Next::Message(..))
    }
}

/// What stands at the front of a client's bytes.
pub(super) enum Next<'a> {
    /// A whole request and the bytes after it.
    Message(Header, &'a [u8], &'a [u8]),
    /// Too little to say.
    Partial,
    /// More is announced than may be sent: no allocation follows from it, the connection ends.
    Oversize(u32),
}

/// Cuts the next request from a client's bytes.
pub(super) fn next_message(bytes: &[u8]) -> Next<'_> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEADER_SIZE>() else {
        return Next::Partial;
    };
    let header = Header::from_bytes(head);
    let len = header.len as usize;
    if len > PAYLOAD_MAX {
        return Next::Oversize(header.len);
    }
    match rest.split_at_checked(len) {
        Some((payload, rest)) => Next::Message(header, payload, rest),
        None => Next::Partial,
    }
}
