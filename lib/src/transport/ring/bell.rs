//! Being notified: event channels, and threads that wait for one together.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// Our end of an event channel to the peer of a ring.
pub trait Doorbell: Send + Sync + fmt::Debug {
    /// Notifies the peer.
    ///
    /// # Errors
    /// If the channel is lost.
    fn ring(&self) -> io::Result<()>;

    /// Waits, not past `deadline` (`None`: for ever), until the peer has notified us since the last call, or
    /// [`Doorbell::wake`] was called. Returning without a reason does no harm; losing a notification does.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] at the deadline; anything else if the channel is lost.
    fn wait(&self, deadline: Option<Instant>) -> io::Result<()>;

    /// Makes the call of [`Doorbell::wait`] that is under way, or else the next one, return.
    fn wake(&self);
}

/// An event channel within a machine: two event counters of the kernel.
#[derive(Debug)]
pub struct EventPair {
    own: Arc<OwnedFd>,
    peer: Arc<OwnedFd>,
}

impl EventPair {
    /// The two ends.
    ///
    /// # Errors
    /// The system's, when it has no more descriptors.
    pub fn new() -> io::Result<(Self, Self)> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let (one, other) = (Arc::new(eventfd(0, flags)?), Arc::new(eventfd(0, flags)?));
        Ok((
            Self {
                own: Arc::clone(&one),
                peer: Arc::clone(&other),
            },
            Self {
                own: other,
                peer: one,
            },
        ))
    }
}

impl EventPair {
    /// Takes the notification, if there is one, without waiting: the descriptor is readable again at the next.
    ///
    /// # Errors
    /// The system's.
    pub fn clear(&self) -> io::Result<()> {
        match rustix::io::read(&*self.own, &mut [0; 8]) {
            // Somebody else took the notification: returning for nothing does no harm.
            Ok(_) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for EventPair {
    /// Readable when the peer has notified.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.own.as_fd()
    }
}

impl Doorbell for EventPair {
    fn ring(&self) -> io::Result<()> {
        add_one(&self.peer)
    }

    fn wait(&self, deadline: Option<Instant>) -> io::Result<()> {
        wait_readable(&self.own, deadline)?;
        self.clear()
    }

    fn wake(&self) {
        // Fails only when the counter is full, and then the waiter wakes anyway.
        drop(add_one(&self.own));
    }
}

fn add_one(counter: &OwnedFd) -> io::Result<()> {
    match rustix::io::write(counter, &1u64.to_ne_bytes()) {
        Ok(_) | Err(rustix::io::Errno::AGAIN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn wait_readable(fd: &OwnedFd, deadline: Option<Instant>) -> io::Result<()> {
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::new(fd, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Lets several threads wait for one doorbell: one listens, and all look when it rings.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    state: Mutex<Listening>,
    heard: Condvar,
}

#[derive(Debug, Default)]
struct Listening {
    /// Whether a thread listens to the doorbell.
    taken: bool,
    /// Counts what was heard, so that nothing is missed between looking and waiting.
    rings: u64,
}

impl Listeners {
    /// Waits until `look` finds something; looks again whenever the bell rings, and once more at the deadline, because
    /// a store that gives up does not always ring.
    ///
    /// # Errors
    /// Those of `look` and of the bell; [`io::ErrorKind::TimedOut`] at the deadline.
    pub(crate) fn wait<T>(
        &self,
        bell: &dyn Doorbell,
        deadline: Option<Instant>,
        mut look: impl FnMut() -> io::Result<Option<T>>,
    ) -> io::Result<T> {
        loop {
            let rings = self.lock().rings;
            if let Some(found) = look()? {
                return Ok(found);
            }
            let mut state = self.lock();
            if state.rings != rings {
                continue;
            }
            if state.taken {
                let wait = deadline.map_or(std::time::Duration::from_hours(1), |at| {
                    at.saturating_duration_since(Instant::now())
                });
                if wait.is_zero() {
                    drop(state);
                    return look()?.ok_or_else(|| io::ErrorKind::TimedOut.into());
                }
                drop(
                    self.heard
                        .wait_timeout(state, wait)
                        .unwrap_or_else(PoisonError::into_inner),
                );
                continue;
            }
            state.taken = true;
            drop(state);
            let heard = bell.wait(deadline);
            let mut state = self.lock();
            state.taken = false;
            state.rings = state.rings.wrapping_add(1);
            drop(state);
            // Also after an error: another thread has to listen now.
            self.heard.notify_all();
            match heard {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return look()?.ok_or(error);
                }
                other => other?,
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Listening> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
