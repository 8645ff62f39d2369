//! The client: every operation of the protocol, thread-safe, pipelined, with deadlines and reconnection.

mod abilities;
mod admin;
mod burst;
mod completion;
mod connection;
mod dialer;
mod directory;
mod inbox;
mod leader;
mod operations;
mod optional;
mod patience;
pub(crate) mod polling;
mod pool;
mod registry;
mod request;
mod shared;
mod slots;
mod ticket;
mod watching;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use burst::Burst;
pub use directory::DirectoryPart;
pub(crate) use directory::submit as submit_directory;
pub use operations::Operations;
pub use request::{NameList, Pending, Request, Subject};
pub(crate) use shared::Route;
pub(crate) use watching::Hub;

use crate::address::Address;
use crate::error::Result;
use crate::path::StorePath;
use crate::tap::Tap;
use crate::transaction::Transaction;
use crate::transport::Connector;
use crate::watch::{Watch, WatchOptions};
use crate::wire::Op;

/// A connection to a store: cheap to clone, usable from any thread. Dropping the last clone ends its threads.
#[derive(Clone)]
pub struct Client {
    shared: Arc<shared::Shared>,
}

/// How a [`Client`] behaves.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientOptions {
    /// How long a request may take, connecting included. Time in which this program could not run does not count.
    pub timeout: Duration,
    /// How long TRANSACTION_START may take: a live update of the daemon holds it back up to 60 s.
    pub transaction_timeout: Duration,
    /// Most open files of a device that takes one request at a time each (1…8).
    pub device_opens: usize,
    /// Sees every message.
    pub tap: Option<Arc<dyn Tap>>,
    /// Told once when an answer whose deadline is far (that of a TRANSACTION_START) takes longer than
    /// [`ClientOptions::notice_after`].
    pub notice: Option<Arc<dyn Fn(Op, Duration) + Send + Sync>>,
    /// When [`ClientOptions::notice`] is told.
    pub notice_after: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            transaction_timeout: Duration::from_secs(90),
            device_opens: 8,
            tap: None,
            notice: None,
            notice_after: Duration::from_secs(5),
        }
    }
}

impl Client {
    /// Connects to the store at `address`.
    ///
    /// # Errors
    /// [`crate::Error::Connect`] if no connection can be made now.
    pub fn connect(address: &Address, options: ClientOptions) -> Result<Self> {
        Self::with_connector(address.connector()?, options)
    }

    /// Connects through `connector`: an embedded store, a ring, a test's own peer.
    ///
    /// # Errors
    /// [`crate::Error::Connect`] if no connection can be made now.
    pub fn with_connector(connector: Arc<dyn Connector>, options: ClientOptions) -> Result<Self> {
        Ok(Self {
            shared: shared::Shared::connect(connector, options)?,
        })
    }

    /// Where the store is, for messages; printable.
    pub fn address(&self) -> String {
        self.shared.address()
    }

    /// Starts a transaction. It is aborted when dropped without a commit.
    pub fn begin(&self) -> Result<Transaction> {
        Transaction::begin(self)
    }

    /// Runs `body` in a transaction and commits, again from the start when the store reports a conflict.
    ///
    /// # Errors
    /// Those of `body` (the transaction is aborted then), and [`crate::Error::Conflict`] when it gave up.
    pub fn transaction<T>(&self, body: impl FnMut(&Transaction) -> Result<T>) -> Result<T> {
        Transaction::run(self, body)
    }

    /// Watches `path` and everything below it.
    pub fn watch(&self, path: &StorePath) -> Result<Watch> {
        self.watch_with(path, WatchOptions::default())
    }

    /// Watches `path` as `options` say.
    pub fn watch_with(&self, path: &StorePath, options: WatchOptions) -> Result<Watch> {
        Watch::start(self, path, options)
    }

    /// Sends a request and calls `done` with its answer from the client's completion thread, which is started with
    /// the first of these. Answers are given in the order of the requests; `done` should be brief and not panic.
    pub fn submit_with(
        &self,
        request: Request,
        done: impl FnOnce(Result<Vec<u8>>) + Send + 'static,
    ) {
        self.shared
            .submit_with(request, &Route::Any, Box::new(done));
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.shared.hub
    }

    pub(crate) fn shared(&self) -> &Arc<shared::Shared> {
        &self.shared
    }
}

impl Operations for Client {
    fn submit(&self, request: Request) -> Pending<Vec<u8>> {
        self.shared.submit(request, &Route::Any)
    }

    fn submit_directory(&self, path: &StorePath) -> Pending<NameList> {
        submit_directory(&self.shared, &Route::Any, path)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}
