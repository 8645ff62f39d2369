//! Waiting for many descriptors at once.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::io::Errno as OsError;

use crate::store::connection::Interest;

/// Token of the wake-up descriptor.
const WAKE: u64 = u64::MAX;
/// Events fetched at once.
const BATCH: usize = 256;

/// An epoll instance and a way to wake its thread.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: OwnedFd,
    wake: OwnedFd,
}

/// A descriptor that is ready.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadyEvent {
    pub(super) token: u64,
    pub(super) read: bool,
    pub(super) write: bool,
}

impl Poller {
    pub(super) fn new() -> io::Result<Self> {
        let poller = Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        };
        let interest = Interest {
            read: true,
            write: false,
        };
        poller.add(&poller.wake, WAKE, interest)?;
        Ok(poller)
    }

    /// Looks for something on a descriptor.
    pub(super) fn add(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        Ok(epoll::add(&self.epoll, fd, data, flags(interest))?)
    }

    /// Looks for something else.
    pub(super) fn modify(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        Ok(epoll::modify(&self.epoll, fd, data, flags(interest))?)
    }

    /// Looks no longer at a descriptor.
    pub(super) fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// Ends a wait that is under way, or the next one.
    pub(super) fn wake(&self) {
        // Fails only if the counter is full, and then the thread is woken anyway.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    /// Waits until something is ready, or only looks.
    pub(super) fn wait(&self, ready: &mut Vec<ReadyEvent>, wait: bool) -> io::Result<()> {
        let mut room = [MaybeUninit::uninit(); BATCH];
        let at_once = Timespec::default();
        let timeout = (!wait).then_some(&at_once);
        let events = loop {
            match epoll::wait(&self.epoll, &mut room, timeout) {
                Ok((events, _)) => break events,
                Err(OsError::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        };
        ready.clear();
        for event in events {
            let token = event.data.u64();
            if token == WAKE {
                let mut count = [0; 8];
                // Reading resets the counter; there is nothing to learn from it.
                let _ = rustix::io::read(&self.wake, &mut count);
                continue;
            }
            let flags = event.flags;
            let ended = epoll::EventFlags::HUP | epoll::EventFlags::ERR;
            ready.push(ReadyEvent {
                token,
                read: flags.intersects(epoll::EventFlags::IN | ended),
                write: flags.intersects(epoll::EventFlags::OUT | ended),
            });
        }
        Ok(())
    }
}

fn flags(interest: Interest) -> epoll::EventFlags {
    let mut flags = epoll::EventFlags::empty();
    flags.set(epoll::EventFlags::IN, interest.read);
    flags.set(epoll::EventFlags::OUT, interest.write);
    flags
}
