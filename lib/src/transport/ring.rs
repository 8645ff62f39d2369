//! Shared rings: one page of memory with two rings of 1024 bytes, and an event channel.
//!
//! This is how a domain reaches a store in another domain, without a kernel between them. The layout is
//! `xenstore_domain_interface` (`xen/include/public/io/xs_wire.h`, `docs/misc/xenstore-ring.txt`). The memory is a
//! [`Page`], the event channel anything that is a [`Doorbell`].
//!
//! A domain has one ring, that is one stream. [`RingConnector`] makes as many streams of it as a client opens.

mod bell;
mod lane;
mod page;
mod shared;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use self::bell::Listeners;

pub use self::bell::{Doorbell, EventPair};
pub use self::lane::Broken;
pub(crate) use self::lane::{Consumer, Lane, Producer};
pub use self::page::{Features, Interface, PAGE_SIZE, Page, RING_SIZE, RingError};
pub use self::shared::RingConnector;

use super::{Ready, Traits, Transport};

/// A domain's end of a shared ring, as one stream.
#[derive(Debug)]
pub struct Ring {
    page: Page,
    bell: Arc<dyn Doorbell>,
    ends: Mutex<Ends>,
    listeners: Listeners,
    closed: AtomicBool,
    pristine: bool,
}

#[derive(Debug)]
struct Ends {
    requests: Producer,
    replies: Consumer,
}

impl Ring {
    /// Takes the ring in `page`. If it was used before and the store offers reconnection, it is started anew (the
    /// store then forgets watches and transactions); else replies left in it are dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] if the store is not there before `deadline`; an error if the store has given the
    /// ring up, or its indexes are impossible.
    pub fn open(
        page: Page,
        bell: Arc<dyn Doorbell>,
        deadline: Option<Instant>,
    ) -> io::Result<Self> {
        let interface = page.interface();
        let listeners = Listeners::default();
        let pristine = [
            &interface.req_cons,
            &interface.req_prod,
            &interface.rsp_cons,
            &interface.rsp_prod,
        ]
        .into_iter()
        .all(|index| index.load(Ordering::Acquire) == 0);
        let features = Features(interface.server_features.load(Ordering::Acquire));
        let reconnects = !pristine && features.has(Features::RECONNECTION);
        if reconnects {
            interface.connection.store(1, Ordering::SeqCst);
            bell.ring()?;
        }
        // Before the store runs (dom0less) it is 1 as well.
        listeners.wait(&*bell, deadline, || {
            Ok((interface.connection.load(Ordering::Acquire) == 0).then_some(()))
        })?;
        let mut ends = Ends {
            requests: Producer::new(Lane::requests(interface)),
            replies: Consumer::new(Lane::replies(interface)),
        };
        if !reconnects {
            ends.replies.discard(Lane::replies(interface));
        }
        let ring = Self {
            page,
            bell,
            ends: Mutex::new(ends),
            listeners,
            closed: AtomicBool::new(false),
            pristine: pristine || reconnects,
        };
        ring.look(ring.ends())?;
        Ok(ring)
    }

    /// What the store says that it can do.
    pub fn features(&self) -> Features {
        Features(
            self.page
                .interface()
                .server_features
                .load(Ordering::Acquire),
        )
    }

    /// Whether the store starts with nothing of an earlier user: no watches, no transactions, no half request.
    fn is_pristine(&self) -> bool {
        self.pristine
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is ready now. An end of the stream is ready in both directions.
    fn look(&self, ends: MutexGuard<'_, Ends>) -> io::Result<Ready> {
        if self.closed.load(Ordering::Acquire) {
            return Ok(Ready {
                read: true,
                write: true,
            });
        }
        let interface = self.page.interface();
        let available = ends.replies.available(Lane::replies(interface));
        let space = ends.requests.space(Lane::requests(interface));
        drop(ends);
        let ready = Ready {
            read: available.map_err(broken)? > 0,
            write: space.map_err(broken)? > 0,
        };
        // Replies that arrived before the error are still good.
        if !ready.read {
            self.check_error_word()?;
        }
        Ok(ready)
    }

    fn check_error_word(&self) -> io::Result<()> {
        let error = RingError(self.page.interface().error.load(Ordering::Acquire));
        if error.0 == 0 {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            format!("the store gave the ring up: {error}"),
        ))
    }
}

impl Transport for Ring {
    fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        loop {
            if self.closed.load(Ordering::Acquire) || buffer.is_empty() {
                return Ok(0);
            }
            let count = self
                .ends()
                .replies
                .read(Lane::replies(self.page.interface()), buffer)
                .map_err(broken)?;
            if count > 0 {
                // The store may wait for the room.
                self.bell.ring()?;
                return Ok(count);
            }
            let wanted = Ready {
                read: true,
                write: false,
            };
            self.wait(wanted, deadline)?;
        }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed.load(Ordering::Acquire) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.check_error_word()?;
        let count = self
            .ends()
            .requests
            .write(Lane::requests(self.page.interface()), bytes)
            .map_err(broken)?;
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.bell.ring()?;
        Ok(count)
    }

    fn wait(&self, wanted: Ready, deadline: Option<Instant>) -> io::Result<Ready> {
        self.listeners.wait(&*self.bell, deadline, || {
            let ready = self.look(self.ends())?;
            let found = (wanted.read && ready.read) || (wanted.write && ready.write);
            Ok(found.then_some(ready))
        })
    }

    fn shutdown(&self) {
        self.closed.store(true, Ordering::Release);
        self.bell.wake();
    }

    fn traits(&self) -> Traits {
        Traits::STORE
    }
}

fn broken(why: Broken) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, why)
}

#[cfg(test)]
mod tests;
