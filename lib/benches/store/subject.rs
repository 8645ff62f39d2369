//! The stores that are measured, each in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use xenbus::store::{Server, StoreOptions};
use xenbus_harness::{Daemon, Kind};

use crate::raw::Raw;

/// First argument of the process that serves the embedded store.
pub(crate) const SERVE: &str = "--serve-embedded";

/// First argument of the process that serves no store; see [`crate::bare`].
pub(crate) const SERVE_BARE: &str = "--serve-bare";

/// Serves the embedded store until standard input ends.
pub(crate) fn serve(socket: &str) {
    let server = Server::start(StoreOptions::default()).unwrap();
    server.listen(Path::new(socket)).unwrap();
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// A store that is measured.
pub(crate) struct Subject {
    store: Store,
    /// A connection that stays, for sequential and pipelined rows.
    pub(crate) raw: Raw,
}

enum Store {
    Own(Own),
    Real(Daemon),
}

impl Subject {
    /// Our own and every real daemon that can run here, fresh.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::of(Store::Own(Own::start(SERVE)))];
        let daemons = xenbus_harness::available().into_iter();
        all.extend(daemons.map(|kind| Self::of(Store::Real(Daemon::start(kind)))));
        all
    }

    /// What answers without being a store.
    pub(crate) fn bare() -> Self {
        Self::of(Store::Own(Own::start(SERVE_BARE)))
    }

    fn of(store: Store) -> Self {
        let raw = Raw::connect(store.socket());
        Self { store, raw }
    }

    pub(crate) fn name(&self) -> &'static str {
        match &self.store {
            Store::Own(own) => own.name,
            Store::Real(daemon) if daemon.kind() == Kind::C => "C xenstored",
            Store::Real(_) => "oxenstored",
        }
    }

    pub(crate) fn socket(&self) -> &Path {
        self.store.socket()
    }

    /// CPU time that the store has used, user and system, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        threads
            .map(|thread| {
                let file = thread.unwrap().path().join("schedstat");
                let text = std::fs::read_to_string(file).unwrap();
                text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
            })
            .sum()
    }

    /// Bytes of memory that only this process costs, and its share of what others use too.
    pub(crate) fn memory(&self) -> f64 {
        let file = format!("/proc/{}/smaps_rollup", self.pid());
        let text = std::fs::read_to_string(file).unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix("Pss:")).unwrap();
        1024.0 * line.trim().trim_end_matches(" kB").parse::<f64>().unwrap()
    }

    fn pid(&self) -> u32 {
        match &self.store {
            Store::Own(own) => own.child.id(),
            Store::Real(daemon) => daemon.pid().unwrap(),
        }
    }
}

impl Store {
    fn socket(&self) -> &Path {
        match self {
            Self::Own(own) => &own.socket,
            Self::Real(daemon) => daemon.socket(),
        }
    }
}

/// A server of ours in a process of its own: this program, started once more.
struct Own {
    name: &'static str,
    child: Child,
    socket: std::path::PathBuf,
    _directory: tempfile::TempDir,
}

impl Own {
    fn start(word: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("xs-").tempdir().unwrap();
        let socket = directory.path().join("socket");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(word)
            .arg(&socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n");
        Self {
            name: if word == SERVE { "embedded" } else { "bare" },
            child,
            socket,
            _directory: directory,
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}
