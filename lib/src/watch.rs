//! Watches: be told when something at or below a path changes.

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::path::StorePath;
use crate::wire::Op;

/// How to watch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WatchOptions {
    /// How many levels below the path count: `Some(0)` the node alone, `None` everything. Where the store cannot do
    /// it (before Xen 4.22), the client filters.
    pub depth: Option<u32>,
    /// Events that may wait to be fetched; more are dropped, which an [`WatchEvent::Overflow`] says.
    pub queue: usize,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            depth: None,
            queue: 65_536,
        }
    }
}

/// What a watch tells. Nothing is lost silently.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WatchEvent {
    /// The first event, which every store sends at once whether or not the path exists: look at it now.
    Initial,
    /// Something happened at this path: look again. Absolute for an absolute watch, relative for a relative one.
    Changed(StorePath),
    /// The queue was full and this many events were dropped: look at everything again.
    Overflow(u64),
    /// The connection was lost and the watch set again on a new one: look at everything again.
    Reset,
    /// The connection was lost; no event arrives until a [`WatchEvent::Reset`].
    Lost,
}

/// A watch; dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    path: StorePath,
}

impl Watch {
    pub(crate) fn start(
        _client: &Client,
        path: &StorePath,
        _options: WatchOptions,
    ) -> Result<Self> {
        Err(Error::Refused {
            op: Op::WATCH,
            path: path.to_string(),
            reason: "not built in this revision",
        })
    }

    /// What is watched.
    pub fn path(&self) -> &StorePath {
        &self.path
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// When the client is gone, or the watch cannot be set again (its path is refused by the new daemon).
    pub fn next(&self) -> Result<WatchEvent> {
        loop {
            if let Some(event) = self.next_until(Instant::now() + Duration::from_hours(1))? {
                return Ok(event);
            }
        }
    }

    /// Waits for the next event until `deadline`; `None` at the deadline.
    ///
    /// # Errors
    /// As [`Watch::next`].
    pub fn next_until(&self, _deadline: Instant) -> Result<Option<WatchEvent>> {
        Err(Error::Refused {
            op: Op::WATCH,
            path: self.path.to_string(),
            reason: "not built in this revision",
        })
    }
}
