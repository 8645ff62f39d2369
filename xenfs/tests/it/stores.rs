//! The stores that every test runs against.

mod domain;

use std::path::PathBuf;
use std::sync::Arc;

use xenbus::address::Address;
use xenbus::store::{Server, StoreOptions};
use xenbus::{Client, ClientOptions, DomId};
use xenbus_harness::{Daemon, available};

use crate::count::Count;

/// One store, running.
pub(crate) enum Store {
    /// The embedded one.
    Embedded(Server),
    /// A real daemon.
    Real(Daemon),
}

impl Store {
    /// A fresh embedded store.
    pub(crate) fn embedded() -> Self {
        Self::Embedded(Server::start(StoreOptions::default()).unwrap())
    }

    /// What it is, for messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded store",
            Self::Real(daemon) => daemon.kind().program(),
        }
    }

    /// A client with full privilege.
    pub(crate) fn client(&self) -> Client {
        self.client_with(ClientOptions::default())
    }

    /// A client with full privilege whose requests are counted.
    pub(crate) fn counted(&self) -> (Client, Arc<Count>) {
        let count = Arc::new(Count::default());
        let mut options = ClientOptions::default();
        options.tap = Some(Arc::clone(&count) as _);
        (self.client_with(options), count)
    }

    /// A client with full privilege.
    pub(crate) fn client_with(&self, options: ClientOptions) -> Client {
        match self {
            Self::Embedded(server) => {
                Client::with_connector(server.connector(DomId::DOM0), options).unwrap()
            }
            Self::Real(daemon) => {
                let socket = PathBuf::from(daemon.socket());
                Client::connect(&Address::Unix(socket), options).unwrap()
            }
        }
    }
}

/// Runs `test` against a fresh store of each kind.
pub(crate) fn for_each_store(test: impl Fn(&Store)) {
    let mut stores = vec![Store::embedded()];
    stores.extend(
        available()
            .into_iter()
            .map(|kind| Store::Real(Daemon::start(kind))),
    );
    // Long runs can be done one by one.
    let only = std::env::var("XENBUS_STORE").ok();
    for store in stores {
        if only.as_ref().is_some_and(|only| store.name() != *only) {
            println!("not with the {}: XENBUS_STORE", store.name());
            continue;
        }
        println!("with the {}:", store.name());
        test(&store);
    }
}
