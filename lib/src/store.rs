//! The embedded XenStore: a state machine without I/O, and listeners around it.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::id::DomId;
use crate::transport::Connector;

/// How a [`Server`] behaves.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StoreOptions {}

/// An embedded store with its listeners. Dropping the last clone stops it.
#[derive(Clone, Debug)]
pub struct Server {}

impl Server {
    /// Starts a store that nobody can reach yet; see [`Server::listen`] and [`Server::connector`].
    pub fn start(_options: StoreOptions) -> Result<Self> {
        Err(Error::Invalid {
            what: "store".into(),
            reason: "not built in this revision".into(),
        })
    }

    /// Serves a Unix socket at `path` (mode 0600), with full privilege for every client, as the daemons do.
    pub fn listen(&self, _path: &std::path::Path) -> Result<()> {
        Err(Error::Invalid {
            what: "store".into(),
            reason: "not built in this revision".into(),
        })
    }

    /// Streams to this store that act as `domid`.
    pub fn connector(&self, _domid: DomId) -> Arc<dyn Connector> {
        Arc::new(crate::transport::socket::SocketConnector::new(
            "/nonexistent",
        ))
    }
}
