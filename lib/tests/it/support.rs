//! The stores that the suites run against, and how to speak to them.

mod differences;
mod embedded;
mod guest;
mod raw;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use xenbus::client::{Client, ClientOptions};
use xenbus::transport::Connector;
use xenbus::transport::socket::SocketConnector;
use xenbus::{Error, StorePath};
use xenbus_harness::{Daemon, Kind, available};

pub(crate) use differences::StoreKind;
pub(crate) use embedded::Embedded;
pub(crate) use guest::{Guest, Life, ring_of, ring_parts};
pub(crate) use raw::{Raw, shown};

/// How long anything may take that should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A store of some kind, fresh, with a Unix socket.
#[derive(Debug)]
pub(crate) enum Store {
    /// Our own.
    Embedded(Embedded),
    /// A daemon.
    Real(Daemon),
}

impl Store {
    /// A fresh store of our own.
    pub(crate) fn embedded() -> Self {
        Self::Embedded(Embedded::start())
    }

    pub(crate) fn kind(&self) -> StoreKind {
        match self {
            Self::Embedded(_) => StoreKind::Embedded,
            Self::Real(daemon) if daemon.kind() == Kind::C => StoreKind::C,
            Self::Real(_) => StoreKind::OCaml,
        }
    }

    pub(crate) fn socket(&self) -> &Path {
        match self {
            Self::Embedded(embedded) => embedded.socket(),
            Self::Real(daemon) => daemon.socket(),
        }
    }

    /// Ends the store and starts it again, empty, on the same socket.
    pub(crate) fn restart(&self) {
        match self {
            Self::Embedded(embedded) => embedded.restart(),
            Self::Real(daemon) => daemon.restart(),
        }
    }

    pub(crate) fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(SocketConnector::new(self.socket()))
    }

    /// A privileged client over the socket.
    pub(crate) fn client(&self) -> Client {
        self.client_with(PATIENCE)
    }

    /// A privileged client over the socket with its own deadline.
    pub(crate) fn client_with(&self, timeout: Duration) -> Client {
        let mut options = ClientOptions::default();
        options.timeout = timeout;
        options.transaction_timeout = timeout;
        Client::with_connector(self.connector(), options).unwrap()
    }

    /// A privileged connection over the socket, message by message.
    pub(crate) fn raw(&self) -> Raw {
        Raw::new(self.connector())
    }
}

/// Runs a test with a fresh store of each kind, and says which it was if it fails.
pub(crate) fn for_each_store(mut test: impl FnMut(&Store)) {
    let mut run = |store: Store| {
        let guard = Named(store.kind());
        test(&store);
        drop(store);
        std::mem::forget(guard);
    };
    // The daemons first: they are right.
    for kind in available() {
        run(Store::Real(Daemon::start(kind)));
    }
    run(Store::embedded());
}

/// As [`for_each_store`], without our own.
pub(crate) fn for_each_daemon(mut test: impl FnMut(&Store)) {
    for kind in available() {
        let guard = Named(if kind == Kind::C {
            StoreKind::C
        } else {
            StoreKind::OCaml
        });
        test(&Store::Real(Daemon::start(kind)));
        std::mem::forget(guard);
    }
}

/// Dropped only by a panic.
struct Named(StoreKind);

impl Drop for Named {
    fn drop(&mut self) {
        eprintln!("the store was {:?}", self.0);
    }
}

pub(crate) fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

pub(crate) fn soon() -> Instant {
    Instant::now() + PATIENCE
}

/// Name of the error that a store answered with; anything else fails the test.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(error) => match error.errno() {
            Some(errno) => errno.name().to_owned(),
            None => panic!("not an answer of the store: {error}"),
        },
        Ok(value) => panic!("not refused: {value:?}"),
    }
}
