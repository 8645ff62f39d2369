//! Makes connections, with back-off after failures.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connection::{Connection, Context, EventSink};
use crate::error::{Error, Result};
use crate::tap::Tap;
use crate::transport::Connector;

/// Makes the connections of one client.
pub(super) struct Dialer {
    connector: Arc<dyn Connector>,
    tap: Option<Arc<dyn Tap>>,
    events: Arc<dyn EventSink>,
    made: AtomicU32,
    /// Attempts that ended, so that threads which waited for the same attempt share its result.
    attempts: AtomicU32,
    last: Mutex<Option<Refusal>>,
}

struct Refusal {
    error: Error,
    at: Instant,
    backoff: Backoff,
}

impl Dialer {
    pub(super) fn new(
        connector: Arc<dyn Connector>,
        tap: Option<Arc<dyn Tap>>,
        events: Arc<dyn EventSink>,
    ) -> Self {
        Self {
            connector,
            tap,
            events,
            made: AtomicU32::new(0),
            attempts: AtomicU32::new(0),
            last: Mutex::new(None),
        }
    }

    pub(super) fn address(&self) -> String {
        self.connector.address()
    }

    /// Number of the latest attempt, for [`Dialer::dial`].
    pub(super) fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Acquire)
    }

    /// Makes a connection. After a failure it waits a little first, longer after each; a caller that began when
    /// `seen` attempts had ended is content with the failure of a later one.
    pub(super) fn dial(&self, seen: u32, deadline: Instant) -> Result<Arc<Connection>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(250));
        if let Some(refusal) = last.take() {
            if self.attempts() != seen {
                let error = refusal.error.clone();
                *last = Some(refusal);
                return Err(error);
            }
            let pause = refusal.at + refusal.backoff.now();
            std::thread::sleep(
                pause
                    .min(deadline)
                    .saturating_duration_since(Instant::now()),
            );
            backoff = refusal.backoff.next();
        }
        let result = self.connector.connect(Some(deadline));
        self.attempts.fetch_add(1, Ordering::AcqRel);
        match result {
            Ok(transport) => {
                let context = Context {
                    address: self.connector.address().into(),
                    number: self.made.fetch_add(1, Ordering::Relaxed) + 1,
                    tap: self.tap.clone(),
                    events: Arc::clone(&self.events),
                };
                Ok(Arc::new(Connection::new(transport, context)))
            }
            Err(error) => {
                *last = Some(Refusal {
                    error: error.clone(),
                    at: Instant::now(),
                    backoff,
                });
                Err(error)
            }
        }
    }
}

/// Pauses that double up to a limit.
#[derive(Clone, Copy)]
pub(super) struct Backoff {
    pause: Duration,
    most: Duration,
}

impl Backoff {
    pub(super) fn new(first: Duration, most: Duration) -> Self {
        Self { pause: first, most }
    }

    /// This time's pause.
    pub(super) fn now(self) -> Duration {
        self.pause
    }

    /// The next one.
    pub(super) fn next(self) -> Self {
        Self {
            pause: (self.pause * 2).min(self.most),
            most: self.most,
        }
    }
}
