//! Our own store, with its pretended hypervisor.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use xenbus::id::DomId;
use xenbus::store::{Server, StoreOptions};

use super::guest::Life;

/// A store of our own that can be restarted.
#[derive(Debug)]
pub(crate) struct Embedded {
    /// `None` only during a restart.
    server: Mutex<Option<Server>>,
    socket: PathBuf,
    _directory: tempfile::TempDir,
}

impl Embedded {
    pub(crate) fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("xs-").tempdir().unwrap();
        let socket = directory.path().join("socket");
        Self {
            server: Mutex::new(Some(serve(&socket))),
            socket,
            _directory: directory,
        }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn server(&self) -> Server {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.clone().unwrap()
    }

    /// Ends the store and starts another on the same socket.
    pub(crate) fn restart(&self) {
        let mut server = self.server.lock().unwrap();
        drop(server.take());
        *server = Some(serve(&self.socket));
    }

    pub(crate) fn set_domain(&self, domid: u32, life: Life) {
        let (server, domid) = (self.server(), DomId(domid));
        match life {
            Life::Running => server.create_domain(domid),
            Life::ShutDown | Life::Crashed => server.shutdown_domain(domid),
            Life::Dying | Life::Dead | Life::Gone => server.destroy_domain(domid),
        }
    }
}

fn serve(socket: &Path) -> Server {
    let server = Server::start(StoreOptions::default()).unwrap();
    server.listen(socket).unwrap();
    server
}
