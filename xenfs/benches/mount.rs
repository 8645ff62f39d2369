//! Reading through the mount against the programs that one would use without it, on the same daemon, taking turns.
//!
//! `cargo bench -p xenfs [-- ROUNDS]`. Needs the real daemons, xenstore-utils and the right to mount; what is missing
//! is said and skipped. Only ratios mean something.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use xenbus::client::{Client, ClientOptions, Operations as _};
use xenbus::path::StorePath;
use xenbus::transport::socket::SocketConnector;
use xenbus_harness::Daemon;

/// Files that are read, below one hundred directories.
const NODES: usize = 10_000;

fn main() {
    let rounds = std::env::args()
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(3);
    if !xenbus_harness::requires_fuse()
        || xenbus_harness::requires_tool("xenstore-read").is_none()
        || xenbus_harness::requires_tool("xenstore-ls").is_none()
    {
        return;
    }
    for kind in xenbus_harness::available() {
        let daemon = Daemon::start(kind);
        let mount = Mount::new(&daemon);
        println!(
            "{} with {NODES} nodes, median of {rounds}, seconds",
            kind.program()
        );
        let each = "one process per node";
        let ours = "find DIR -type f | while read f; do cat $f; done";
        let theirs = "while read p; do xenstore-read $p; done";
        let (a, b) = mount.compare(
            rounds,
            "find BENCH -type f | while read -r f; do cat \"$f\"; done",
            "while read -r p; do xenstore-read \"$p\"; done <PATHS",
        );
        print(each, (ours, a), (theirs, b));
        let (a, b) = mount.compare(
            rounds,
            "grep -r . BENCH",
            "while read -r p; do xenstore-read \"$p\"; done <PATHS",
        );
        print("everything", ("grep -r . DIR", a), (theirs, b));
        let (a, b) = mount.compare(rounds, "grep -r . BENCH", "xenstore-ls -f /bench");
        print("everything", ("grep -r . DIR", a), ("xenstore-ls -f", b));
        let (a, b) = mount.compare(rounds, "find BENCH", "xenstore-ls -f /bench");
        print("the names", ("find DIR", a), ("xenstore-ls -f", b));
    }
}

fn print(what: &str, ours: (&str, Duration), theirs: (&str, Duration)) {
    let ratio = theirs.1.as_secs_f64() / ours.1.as_secs_f64();
    println!(
        "  {what}: {} {:.2}, {} {:.2}: {ratio:.2}x as fast",
        ours.0,
        ours.1.as_secs_f64(),
        theirs.0,
        theirs.1.as_secs_f64()
    );
}

/// A mount of a daemon with a tree in it; unmounted when dropped.
struct Mount {
    directory: TempDir,
    socket: PathBuf,
}

impl Mount {
    fn new(daemon: &Daemon) -> Self {
        let directory = TempDir::new().unwrap();
        let client = Client::with_connector(
            std::sync::Arc::new(SocketConnector::new(daemon.socket())),
            ClientOptions::default(),
        )
        .unwrap();
        let mut paths = String::new();
        for node in 0..NODES {
            let path = format!("/bench/{}/node{node}", node % 100);
            client
                .write(
                    &StorePath::parse(&path).unwrap(),
                    format!("value of {node}").as_bytes(),
                )
                .unwrap();
            paths.push_str(&path);
            paths.push('\n');
        }
        fs::write(directory.path().join("paths"), paths).unwrap();
        fs::create_dir(directory.path().join("xs")).unwrap();
        let mount = Self {
            directory,
            socket: daemon.socket().to_owned(),
        };
        let status = Command::new(env!("CARGO_BIN_EXE_xenfs"))
            .arg(format!("unix:{}", mount.socket.display()))
            .arg(mount.point())
            .status()
            .unwrap();
        assert!(status.success());
        mount
    }

    fn point(&self) -> PathBuf {
        self.directory.path().join("xs")
    }

    /// Runs the two shell commands in turns; the medians.
    fn compare(&self, rounds: usize, ours: &str, theirs: &str) -> (Duration, Duration) {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (side, command) in [ours, theirs].into_iter().enumerate() {
                times[side].push(self.run(command));
            }
        }
        let [a, b] = times.map(|mut times| {
            times.sort();
            times[times.len() / 2]
        });
        (a, b)
    }

    fn run(&self, command: &str) -> Duration {
        let shown = |path: &Path| path.display().to_string();
        let command = command
            .replace("BENCH", &shown(&self.point().join("bench")))
            .replace("PATHS", &shown(&self.directory.path().join("paths")));
        let start = Instant::now();
        let status = Command::new("sh")
            .args(["-c", &command])
            .env("XENSTORED_PATH", &self.socket)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        let taken = start.elapsed();
        assert!(status.success(), "{command}");
        taken
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(
            Command::new("fusermount3")
                .arg("-u")
                .arg(self.point())
                .status(),
        );
    }
}
