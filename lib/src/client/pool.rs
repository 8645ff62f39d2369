//! The connections for requests: one to a store, several opens of a device.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::connection::Connection;
use super::dialer::Dialer;
use crate::error::Result;
use crate::transport::InFlight;

/// The connections for requests.
///
/// A store takes any number of requests on one connection. A device takes one on each open file, so there is a pool of
/// opens that grows on demand; a transaction takes its open out of the pool.
pub(super) struct Pool {
    dialer: Arc<Dialer>,
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    opens: Vec<Arc<Connection>>,
    next: usize,
    /// Grows whenever a connection was lost: what was learnt about the store may be out of date.
    epoch: u64,
}

impl Pool {
    /// A pool with its first connection.
    pub(super) fn open(dialer: Arc<Dialer>, most: usize, deadline: Instant) -> Result<Self> {
        let first = dialer.dial(dialer.attempts(), deadline)?;
        Ok(Self {
            dialer,
            most: most.clamp(1, 8),
            state: Mutex::new(State {
                opens: vec![first],
                next: 0,
                epoch: 0,
            }),
        })
    }

    /// A connection for a request; on a device an unused one if there can be one.
    pub(super) fn pick(&self, deadline: Instant) -> Result<Arc<Connection>> {
        let seen = self.dialer.attempts();
        let mut state = self.lock();
        if let [only] = &state.opens[..]
            && only.traits.in_flight == InFlight::Many
            && only.is_usable()
        {
            return Ok(Arc::clone(only));
        }
        Self::prune(&mut state);
        let several = match state.opens.first() {
            Some(first) if first.traits.in_flight == InFlight::Many => {
                return Ok(Arc::clone(first));
            }
            Some(_) => {
                if let Some(idle) = state.opens.iter().find(|open| open.is_idle()) {
                    return Ok(Arc::clone(idle));
                }
                state.opens.len() >= self.most
            }
            None => false,
        };
        if several {
            state.next = (state.next + 1) % state.opens.len();
            return Ok(Arc::clone(&state.opens[state.next]));
        }
        match self.dialer.dial(seen, deadline) {
            Ok(open) => {
                state.opens.push(Arc::clone(&open));
                Ok(open)
            }
            // The kernel may allow fewer opens than we would like.
            Err(_) if !state.opens.is_empty() => {
                state.next = (state.next + 1) % state.opens.len();
                Ok(Arc::clone(&state.opens[state.next]))
            }
            Err(error) => Err(error),
        }
    }

    /// A connection for a transaction: the common one of a store, an open of its own on a device.
    pub(super) fn take_out(&self, deadline: Instant) -> Result<Arc<Connection>> {
        let seen = self.dialer.attempts();
        let mut state = self.lock();
        Self::prune(&mut state);
        match state.opens.first() {
            Some(first) if first.traits.in_flight == InFlight::Many => Ok(Arc::clone(first)),
            Some(_) => match state.opens.iter().position(|open| open.is_idle()) {
                Some(idle) => Ok(state.opens.swap_remove(idle)),
                None => self.dialer.dial(seen, deadline),
            },
            None => {
                let open = self.dialer.dial(seen, deadline)?;
                if open.traits.in_flight == InFlight::Many {
                    state.opens.push(Arc::clone(&open));
                }
                Ok(open)
            }
        }
    }

    /// Gives back what [`Pool::take_out`] gave, its transaction ended.
    pub(super) fn give_back(&self, open: Arc<Connection>) {
        if open.traits.in_flight == InFlight::Many {
            return;
        }
        let mut state = self.lock();
        if state.opens.len() < self.most {
            state.opens.push(open);
        }
    }

    /// Whether requests of several callers share a connection.
    pub(super) fn takes_many(&self) -> bool {
        let state = self.lock();
        let first = state.opens.first();
        first.is_some_and(|open| open.traits.in_flight == InFlight::Many)
    }

    /// A number that changes whenever the store behind may have changed.
    pub(super) fn epoch(&self) -> u64 {
        self.lock().epoch
    }

    /// Ends all connections.
    pub(super) fn close(&self) {
        for open in &self.lock().opens {
            open.close("the client is gone");
        }
    }

    fn prune(state: &mut State) {
        let before = state.opens.len();
        state.opens.retain(|open| open.is_usable());
        if state.opens.len() < before {
            state.epoch += 1;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
