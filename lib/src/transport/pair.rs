//! Two connected ends in memory.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Ready, Traits, Transport};

/// Makes two connected ends, each of which buffers up to `capacity` bytes (at least one) that the other has not read.
pub fn pair(capacity: usize) -> (Pair, Pair) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State::default()),
        changed: Condvar::new(),
        capacity: capacity.max(1),
    });
    let end = |me| Pair {
        shared: Arc::clone(&shared),
        me,
    };
    (end(0), end(1))
}

/// One end of a connection in memory. Dropping it ends the connection.
#[derive(Debug)]
pub struct Pair {
    shared: Arc<Shared>,
    /// Index of the direction that this end reads; it writes the other one.
    me: usize,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes on their way to end 0 and to end 1.
    bytes: [VecDeque<u8>; 2],
    ended: bool,
}

impl Pair {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self, state: &State) -> Ready {
        Ready {
            read: state.ended || !state.bytes[self.me].is_empty(),
            write: state.ended || state.bytes[1 - self.me].len() < self.shared.capacity,
        }
    }

    fn wait_in<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        wanted: Ready,
        deadline: Option<Instant>,
    ) -> io::Result<MutexGuard<'a, State>> {
        loop {
            let ready = self.ready(&state);
            if ready.read && wanted.read || ready.write && wanted.write {
                return Ok(state);
            }
            let changed = &self.shared.changed;
            state = match deadline {
                None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }
}

impl Transport for Pair {
    fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        let wanted = Ready {
            read: true,
            write: false,
        };
        let mut state = self.wait_in(self.lock(), wanted, deadline)?;
        let bytes = &mut state.bytes[self.me];
        let count = io::Read::read(bytes, buffer)?;
        drop(state);
        self.shared.changed.notify_all();
        Ok(count)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.lock();
        if state.ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let queue = &mut state.bytes[1 - self.me];
        let count = bytes.len().min(self.shared.capacity - queue.len());
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        queue.extend(&bytes[..count]);
        drop(state);
        self.shared.changed.notify_all();
        Ok(count)
    }

    fn wait(&self, wanted: Ready, deadline: Option<Instant>) -> io::Result<Ready> {
        let state = self.wait_in(self.lock(), wanted, deadline)?;
        Ok(self.ready(&state))
    }

    fn shutdown(&self) {
        self.lock().ended = true;
        self.shared.changed.notify_all();
    }

    fn traits(&self) -> Traits {
        Traits::STORE
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.shutdown();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[test]
    fn bytes_cross_in_both_directions_and_the_buffer_is_bounded() {
        let (a, b) = pair(4);
        assert_eq!(a.try_write(b"abcdef").unwrap(), 4);
        assert_eq!(
            a.try_write(b"ef").unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        assert_eq!(b.try_write(b"xy").unwrap(), 2);
        let mut buffer = [0; 8];
        assert_eq!(b.read(&mut buffer, Some(soon())).unwrap(), 4);
        assert_eq!(&buffer[..4], b"abcd");
        assert_eq!(a.read(&mut buffer, Some(soon())).unwrap(), 2);
        assert_eq!(a.try_write(b"ef").unwrap(), 2);
    }

    #[test]
    fn a_read_ends_at_its_deadline_and_with_the_other_end() {
        let (a, b) = pair(4);
        let now = Some(Instant::now());
        assert_eq!(
            a.read(&mut [0; 1], now).unwrap_err().kind(),
            io::ErrorKind::TimedOut
        );
        let reader = std::thread::spawn(move || a.read(&mut [0; 1], Some(soon())).unwrap());
        b.try_write(b"z").unwrap();
        assert_eq!(reader.join().unwrap(), 1);
        assert_eq!(b.read(&mut [0; 1], Some(soon())).unwrap(), 0);
        assert!(b.try_write(b"z").is_err());
    }
}
