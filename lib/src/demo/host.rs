//! The simulated host, running.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::scenario::Scenario;
use crate::error::Result;
use crate::id::DomId;
use crate::store::{Server, StoreOptions};
use crate::transport::{Connector, Transport};

/// A simulated host, running until it is dropped.
#[derive(Debug)]
pub struct Host {
    server: Server,
}

impl Host {
    /// Starts the host. All devices are connected when this returns.
    ///
    /// # Errors
    /// When the system refuses a thread or a socket.
    pub fn start(_scenario: &Scenario) -> Result<Self> {
        Ok(Self {
            server: Server::start(StoreOptions::default())?,
        })
    }

    /// Its store.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Streams to its store that act as `domid`. They do not keep the host alive.
    pub fn connector(&self, domid: DomId) -> Arc<dyn Connector> {
        self.server.connector(domid)
    }

    /// Streams to its store that act as domain 0 and keep the host alive.
    pub fn into_connector(self) -> Arc<dyn Connector> {
        Arc::new(Owner {
            streams: self.server.connector(DomId::DOM0),
            host: self,
        })
    }
}

/// A connector that owns its host.
struct Owner {
    streams: Arc<dyn Connector>,
    host: Host,
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("demo::Owner").field(&self.host).finish()
    }
}

impl Connector for Owner {
    fn connect(&self, deadline: Option<Instant>) -> Result<Box<dyn Transport>> {
        self.streams.connect(deadline)
    }

    fn address(&self) -> String {
        "demo:".into()
    }
}
