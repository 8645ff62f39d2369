//! Watches: be told when something at or below a path changes.

mod bell;
pub(crate) mod queue;
pub(crate) mod waiters;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use bell::Bell;
use queue::Queue;

use crate::client::{Client, Hub, polling};
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
    /// Rung for every event: one thread can wait for many watches.
    pub bell: Option<Bell>,
    /// How often to look, where nobody does watches (NetBSD's device); nowhere else is it of meaning.
    pub interval: Duration,
    /// Hands out every event that the store sends. Otherwise equal ones that wait one behind the other are told as one,
    /// as C xenstored does before it sends them.
    pub keeps_equal: bool,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            depth: None,
            queue: 65_536,
            bell: None,
            interval: polling::INTERVAL,
            keeps_equal: false,
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

/// A watch; dropping it ends it. It does not keep its [`Client`] alive.
pub struct Watch {
    path: StorePath,
    number: u64,
    hub: Arc<Hub>,
    queue: Arc<Queue>,
}

impl Watch {
    pub(crate) fn start(client: &Client, path: &StorePath, options: WatchOptions) -> Result<Self> {
        let hub = Arc::clone(client.hub());
        let (number, queue) = hub.start(path, options)?;
        Ok(Self {
            path: path.clone(),
            number,
            hub,
            queue,
        })
    }

    /// What is watched.
    pub fn path(&self) -> &StorePath {
        &self.path
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// When the client is gone, or the watch cannot be set again (its path is refused by the new daemon), or
    /// [`Watch::close`] was called.
    pub fn next(&self) -> Result<WatchEvent> {
        loop {
            if let Some(event) = self.queue.next_until(None)? {
                return Ok(event);
            }
        }
    }

    /// Waits for the next event until `deadline`; `None` at the deadline.
    ///
    /// # Errors
    /// As [`Watch::next`].
    pub fn next_until(&self, deadline: Instant) -> Result<Option<WatchEvent>> {
        self.queue.next_until(Some(deadline))
    }

    /// The next event if there is one now.
    ///
    /// # Errors
    /// As [`Watch::next`].
    pub fn try_next(&self) -> Result<Option<WatchEvent>> {
        self.queue.next_until(Some(Instant::now()))
    }

    /// Ends the watch from another thread: whoever waits in [`Watch::next`] gets the events that are there, then a
    /// [`Error::Refused`].
    pub fn close(&self) {
        self.queue.end(Error::Refused {
            op: Op::WATCH,
            path: self.path.to_string(),
            reason: "the watch was closed",
        });
        self.hub.end(self.number);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.end(self.number);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
