//! Where a store is: `unix:PATH`, `dev:PATH`, or found as libxenstore finds it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Result;
use crate::transport::{Connector, socket::SocketConnector};

/// Where a store is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Address {
    /// Found as libxenstore does.
    #[default]
    Default,
    /// `unix:PATH`: a daemon's socket.
    Unix(PathBuf),
}

impl Address {
    /// How to open streams to it.
    pub fn connector(&self) -> Result<Arc<dyn Connector>> {
        match self {
            Self::Default => Ok(Arc::new(SocketConnector::new("/run/xenstored/socket"))),
            Self::Unix(path) => Ok(Arc::new(SocketConnector::new(path))),
        }
    }
}
