//! The stores, filled, and mounts of them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;
use xenbus::client::{Client, ClientOptions, Operations as _};
use xenbus::demo::Host;
use xenbus::demo::scenario::Scenario;
use xenbus::path::StorePath;
use xenbus::store::{Server, StoreOptions};
use xenbus::transport::socket::SocketConnector;
use xenbus::tree::{Snapshot, WalkOptions};
use xenbus_harness::Daemon;

/// A store with a socket.
pub(crate) enum Store {
    Embedded { directory: TempDir, _server: Server },
    Real(Daemon),
}

impl Store {
    pub(crate) fn all() -> Vec<Self> {
        let server = Server::start(StoreOptions::default()).unwrap();
        let directory = TempDir::new().unwrap();
        server.listen(&directory.path().join("socket")).unwrap();
        let mut all = vec![Self::Embedded {
            directory,
            _server: server,
        }];
        let real = xenbus_harness::available().into_iter();
        all.extend(real.map(|kind| Self::Real(Daemon::start(kind))));
        all
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Embedded { .. } => "embedded store",
            Self::Real(daemon) => daemon.kind().program(),
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        match self {
            Self::Embedded { directory, .. } => directory.path().join("socket"),
            Self::Real(daemon) => daemon.socket().to_owned(),
        }
    }

    pub(crate) fn client(&self) -> Client {
        let connector = Arc::new(SocketConnector::new(self.socket()));
        Client::with_connector(connector, ClientOptions::default()).unwrap()
    }

    /// Replaces everything by a busy host's tree of about so many nodes; how many they are.
    pub(crate) fn fill(&self, nodes: usize) -> usize {
        let scenario = Scenario::find(&format!("busy:{nodes}nodes")).unwrap();
        let host = Host::start(&scenario).unwrap();
        let from = Client::with_connector(
            host.connector(xenbus::DomId::DOM0),
            ClientOptions::default(),
        )
        .unwrap();
        let tree = Snapshot::take(&from, &StorePath::root(), WalkOptions::default()).unwrap();
        self.clear();
        let client = self.client();
        for window in tree.nodes().chunks(256) {
            let writes: Vec<_> = window
                .iter()
                .map(|node| {
                    let value = node.value.known().cloned().unwrap_or_default();
                    client.submit_write(&node.path, &value)
                })
                .collect();
            // What a daemon of another kind refuses is as little of it as of the others.
            for write in writes {
                drop(write.wait());
            }
        }
        tree.nodes().len()
    }

    /// Puts `count` leaves into directories of a hundred each.
    pub(crate) fn leaves(&self, count: usize) -> Vec<StorePath> {
        self.clear();
        let client = self.client();
        let paths: Vec<_> = (0..count)
            .map(|i| StorePath::parse(format!("/bench/d{}/n{i}", i / 100)).unwrap())
            .collect();
        for window in paths.chunks(256) {
            let writes: Vec<_> = window
                .iter()
                .map(|path| client.submit_write(path, b"some value"))
                .collect();
            for write in writes {
                write.wait().unwrap();
            }
        }
        paths
    }

    fn clear(&self) {
        let client = self.client();
        for name in client.directory(&StorePath::root()).unwrap() {
            if name != "tool" {
                drop(client.rm(&StorePath::root().child(&name).unwrap()));
            }
        }
    }
}

/// A mount by the program; unmounted when dropped.
pub(crate) struct Mount {
    directory: TempDir,
    child: Child,
}

impl Mount {
    pub(crate) fn new(store: &Store) -> Self {
        let directory = TempDir::new().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_xenfs"))
            .arg("-f")
            .arg(format!("unix:{}", store.socket().display()))
            .arg(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mount = Self { directory, child };
        while std::fs::read_to_string(mount.path().join(".xenfs/status")).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        mount
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The process that serves it.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// A number of `.xenfs/status`.
    pub(crate) fn status(&self, pointer: &str) -> u64 {
        let text = std::fs::read_to_string(self.path().join(".xenfs/status")).unwrap();
        let status: serde_json::Value = serde_json::from_str(&text).unwrap();
        status
            .pointer(pointer)
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.path()).status());
        drop(self.child.wait());
    }
}
