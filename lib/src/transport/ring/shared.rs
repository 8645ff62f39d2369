//! Several streams over one ring.
//!
//! A domain has one ring, but a client opens a stream for its requests and another for its watches, and each is to live
//! and die on its own. So what the Linux kernel does for the users of its xenbus device is done here: requests get
//! numbers and watches get tokens that say which stream they belong to, replies and events find their way back, and
//! what a closed stream leaves behind (watches, transactions) is cleared away.

mod streams;

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::streams::{StreamId, Streams};
use super::{Doorbell, Lane, Page, Ring, Transport, broken};
use crate::error::{Error, Result};
use crate::id::{ReqId, TxId};
use crate::transport::{Connector, Ready, Traits};
use crate::value::escape;
use crate::wire::{HEADER_SIZE, Header, Op, REPLY_MAX};

/// Opens streams over the one ring of a domain. Dropping it ends them all.
#[derive(Debug)]
pub struct RingConnector {
    page: Page,
    bell: Arc<dyn Doorbell>,
    name: String,
    current: Mutex<Option<Running>>,
}

impl RingConnector {
    /// For the ring in `page`; `name` says in messages which it is. Nothing is touched before the first stream.
    pub fn new(page: Page, bell: Arc<dyn Doorbell>, name: impl Into<String>) -> Self {
        Self {
            page,
            bell,
            name: name.into(),
            current: Mutex::new(None),
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Running>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, deadline: Option<Instant>) -> io::Result<Running> {
        let ring = Ring::open(self.page.clone(), Arc::clone(&self.bell), deadline)?;
        if !ring.is_pristine() {
            clear(&ring, deadline)?;
        }
        let shared = Arc::new(Shared {
            ring,
            streams: Mutex::default(),
            changed: Condvar::new(),
        });
        let reader = std::thread::Builder::new()
            .name("xenstore-ring".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.run()
            })?;
        Ok(Running {
            shared,
            reader: Some(reader),
        })
    }
}

impl Connector for RingConnector {
    fn connect(&self, deadline: Option<Instant>) -> Result<Box<dyn Transport>> {
        let mut current = self.current();
        let running = match current.take_if(|running| running.shared.streams().is_lost()) {
            Some(lost) => {
                // Its thread must not take the notifications of the next one.
                drop(lost);
                None
            }
            None => current.take(),
        };
        let running = match running {
            Some(running) => running,
            None => self.start(deadline).map_err(|error| Error::Connect {
                address: self.address(),
                reason: error.to_string(),
                hint: "; the domain must be introduced to a running store".into(),
            })?,
        };
        let id = running.shared.streams().open();
        let stream = Stream {
            shared: Arc::clone(&running.shared),
            id,
        };
        *current = Some(running);
        Ok(Box::new(stream))
    }

    fn address(&self) -> String {
        format!("ring:{}", escape(self.name.as_bytes()))
    }
}

/// Drops what an earlier user of the ring left in the store, and with it replies that are still under way.
fn clear(ring: &Ring, deadline: Option<Instant>) -> io::Result<()> {
    const NUMBER: ReqId = ReqId(u32::MAX);
    let request = Header {
        op: Op::RESET_WATCHES,
        req_id: NUMBER,
        tx_id: TxId::NONE,
        len: 1,
    };
    let message = [&request.to_bytes()[..], b"\0"].concat();
    let mut rest = &message[..];
    while !rest.is_empty() {
        let wanted = Ready {
            read: false,
            write: true,
        };
        ring.wait(wanted, deadline)?;
        rest = &rest[ring.try_write(rest)?..];
    }
    loop {
        let mut head = [0; HEADER_SIZE];
        fill(ring, &mut head, deadline)?;
        let header = Header::from_bytes(&head);
        let len = header.len as usize;
        if len > REPLY_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the ring is out of step and must be introduced again",
            ));
        }
        fill(ring, &mut vec![0; len], deadline)?;
        if header.req_id == NUMBER && matches!(header.op, Op::RESET_WATCHES | Op::ERROR) {
            return Ok(());
        }
    }
}

fn fill(ring: &Ring, mut buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<()> {
    while !buffer.is_empty() {
        match ring.read(buffer, deadline)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => buffer = &mut buffer[count..],
        }
    }
    Ok(())
}

/// A ring in use, with the thread that reads it.
#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.lose(
            &mut self.shared.streams(),
            &io::ErrorKind::BrokenPipe.into(),
        );
        if let Some(reader) = self.reader.take() {
            // A panic there was reported by the thread itself.
            drop(reader.join());
        }
    }
}

/// What the streams of a ring have in common.
#[derive(Debug)]
struct Shared {
    ring: Ring,
    streams: Mutex<Streams>,
    /// Something changed for some stream.
    changed: Condvar,
}

impl Shared {
    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reader: never runs foreign code and never waits for a stream.
    fn run(&self) {
        loop {
            let moved = self.move_bytes();
            {
                let mut streams = self.streams();
                if let Err(error) = moved {
                    self.lose(&mut streams, &error);
                }
                self.changed.notify_all();
                if streams.is_lost() {
                    return;
                }
            }
            if let Err(error) = self.ring.bell.wait(None) {
                self.lose(&mut self.streams(), &error);
                self.changed.notify_all();
                return;
            }
        }
    }

    /// Takes everything out of the ring, and puts what waits into it.
    fn move_bytes(&self) -> io::Result<()> {
        let mut buffer = [0; super::RING_SIZE];
        loop {
            let mut streams = self.streams();
            let count = self.ring.try_read(&mut buffer)?;
            if count == 0 {
                self.flush(&mut streams)?;
                return self.ring.check_error_word();
            }
            streams.receive(&buffer[..count])?;
        }
    }

    /// Puts as much into the ring as it takes.
    fn flush(&self, streams: &mut Streams) -> io::Result<()> {
        while !streams.outgoing().is_empty() {
            match self.ring.try_write(streams.outgoing()) {
                Ok(count) => streams.sent(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ends every stream.
    fn lose(&self, streams: &mut Streams, error: &io::Error) {
        streams.lose(error);
        // Wakes the reader, which sees that it is over.
        self.ring.shutdown();
        self.changed.notify_all();
    }

    /// Waits until `look` finds something, not past `deadline`.
    fn wait<T>(
        &self,
        deadline: Option<Instant>,
        mut look: impl FnMut(&mut Streams) -> io::Result<Option<T>>,
    ) -> io::Result<T> {
        let mut streams = self.streams();
        loop {
            if let Some(found) = look(&mut streams)? {
                return Ok(found);
            }
            let left = deadline.map_or(Duration::from_hours(1), |at| {
                at.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                // A store that gives up does not always ring the bell.
                if let Err(error) = self.ring.check_error_word() {
                    self.lose(&mut streams, &error);
                    return Err(error);
                }
                return Err(io::ErrorKind::TimedOut.into());
            }
            streams = self
                .changed
                .wait_timeout(streams, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Ring {
    /// Takes what is there, without waiting.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.closed.load(Ordering::Acquire) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let lane = Lane::replies(self.page.interface());
        let count = self.ends().replies.read(lane, buffer).map_err(broken)?;
        if count > 0 {
            self.bell.ring()?;
        }
        Ok(count)
    }
}

/// One of the streams.
#[derive(Debug)]
struct Stream {
    shared: Arc<Shared>,
    id: StreamId,
}

impl Transport for Stream {
    fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        self.shared
            .wait(deadline, |streams| streams.read(self.id, buffer))
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut streams = self.shared.streams();
        let count = streams.write(self.id, bytes)?;
        if let Err(error) = self.shared.flush(&mut streams) {
            self.shared.lose(&mut streams, &error);
            return Err(error);
        }
        // A request that is answered without the store (RESET_WATCHES).
        self.shared.changed.notify_all();
        Ok(count)
    }

    fn wait(&self, wanted: Ready, deadline: Option<Instant>) -> io::Result<Ready> {
        self.shared.wait(deadline, |streams| {
            let ready = streams.ready(self.id);
            let found = (wanted.read && ready.read) || (wanted.write && ready.write);
            Ok(found.then_some(ready))
        })
    }

    fn shutdown(&self) {
        let mut streams = self.shared.streams();
        streams.close(self.id);
        if let Err(error) = self.shared.flush(&mut streams) {
            self.shared.lose(&mut streams, &error);
        }
        self.shared.changed.notify_all();
    }

    fn traits(&self) -> Traits {
        Traits::STORE
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shutdown();
    }
}
