//! The shell beside xenstore-utils: both do the same on the same store, one after the other, again and again; what
//! counts is the ratio of the medians.
//!
//! `cargo bench -p xsh`; `XSH_BENCH_ROUNDS` says how often (default 7).

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise"
)]

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use xenbus::address::Address;
use xenbus::document::{ApplyOptions, Document, Entry, apply};
use xenbus::tree::{Walk, WalkOptions};
use xenbus::{Client, ClientOptions, Perms, StorePath};
use xenbus_harness::{Daemon, Kind, requires_tool};

/// Nodes of the tree.
const NODES: usize = 10_000;
/// Nodes that are written with a process for each; the time is taken for all by proportion.
const SAMPLE: usize = 400;

const XSH: &str = env!("CARGO_BIN_EXE_xsh");

/// A store with the tree in it.
enum Store {
    Real(Daemon),
    Embedded(
        Child,
        PathBuf,
        #[expect(dead_code, reason = "kept until the end")] tempfile::TempDir,
    ),
}

impl Store {
    fn embedded() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s");
        let mut child = Command::new(XSH)
            .args(["serve", "--socket"])
            .arg(&socket)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self::Embedded(child, socket, directory)
    }

    fn socket(&self) -> &Path {
        match self {
            Self::Real(daemon) => daemon.socket(),
            Self::Embedded(_, socket, _) => socket,
        }
    }

    fn client(&self) -> Client {
        let mut options = ClientOptions::default();
        options.timeout = Duration::from_mins(1);
        Client::connect(&Address::Unix(self.socket().to_owned()), options).unwrap()
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env("XENSTORED_PATH", self.socket());
        command
            .stdin(Stdio::null())
            .stdout(File::create("/dev/null").unwrap());
        command
    }

    /// Seconds that a program takes.
    fn time(&self, program: &Path, arguments: &[&str]) -> f64 {
        let start = Instant::now();
        let status = self.command(program, arguments).status().unwrap();
        assert!(status.success(), "{arguments:?}");
        start.elapsed().as_secs_f64()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Self::Embedded(child, ..) = self {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

/// Fills the store: directories of 40 nodes each.
fn plant(store: &Store) {
    let mut document = Document::new(path("/bench")).unwrap();
    for node in 0..NODES {
        let entry = Entry {
            value: Some(format!("value of {node}").into_bytes()),
            perms: Some(Perms::parse("n0,r1").unwrap()),
            ..Entry::default()
        };
        document.insert(path(&format!("/bench/d{}/n{node}", node / 40)), entry);
    }
    apply(&store.client(), &document, &ApplyOptions::default()).unwrap();
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs the sides in turn; their medians.
fn in_turn<const N: usize>(rounds: usize, mut sides: [&mut dyn FnMut() -> f64; N]) -> [f64; N] {
    let mut times: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..rounds {
        for (times, side) in times.iter_mut().zip(&mut sides) {
            times.push(side());
        }
    }
    times.map(|mut times| median(&mut times))
}

fn report(what: &str, ours: f64, theirs: f64, goal: &str) {
    println!(
        "{what:<58} {:>9.2} ms {:>10.2} ms {:>7.2}x   {goal}",
        ours * 1e3,
        theirs * 1e3,
        theirs / ours
    );
}

/// Seconds until a program has written its first line, and until it has ended.
fn first_line(store: &Store, arguments: &[&str]) -> (f64, f64) {
    let start = Instant::now();
    let mut command = store.command(XSH.as_ref(), arguments);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = Vec::new();
    output.read_until(b'\n', &mut line).unwrap();
    let first = start.elapsed().as_secs_f64();
    assert!(!line.is_empty(), "{arguments:?}");
    std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    child.wait().unwrap();
    (first, start.elapsed().as_secs_f64())
}

fn main() {
    let rounds = std::env::var("XSH_BENCH_ROUNDS").ok();
    let rounds = rounds.and_then(|text| text.parse().ok()).unwrap_or(7);
    let tools = [
        "xenstore-ls",
        "xenstore-read",
        "xenstore-write",
        "xenstore-chmod",
    ]
    .map(requires_tool);
    let [Some(ls), Some(read), Some(write), Some(chmod)] = tools else {
        return;
    };
    let xsh = Path::new(XSH);
    println!(
        "{:<58} {:>12} {:>13} {:>8}",
        "", "xsh", "the other", "ratio"
    );
    let goals = [
        ("C", Store::Real(Daemon::start(Kind::C)), ">= 2.1"),
        ("OCaml", Store::Real(Daemon::start(Kind::OCaml)), ">= 1.35"),
        ("embedded", Store::embedded(), ">= 4"),
    ];
    for (name, store, goal) in &goals {
        plant(store);
        let client = store.client();
        let [ours, theirs, walk] = in_turn(
            rounds,
            [
                &mut || store.time(xsh, &["ls", "-lR", "/bench"]),
                &mut || store.time(&ls, &["-f", "-p", "/bench"]),
                &mut || {
                    let start = Instant::now();
                    let nodes = Walk::new(&client, &path("/bench"), WalkOptions::full()).count();
                    assert!(nodes > NODES);
                    start.elapsed().as_secs_f64()
                },
            ],
        );
        let what = format!("{name}: ls -lR of {NODES} nodes, xenstore-ls -f -p");
        report(&what, ours, theirs, goal);
        report(
            &format!("{name}: the same, a bare pipelined walk"),
            ours,
            walk,
            ">= 0.9",
        );
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("d.yaml");
        let file = file.to_str().unwrap();
        let [ours, sample] = in_turn(
            3,
            [
                &mut || {
                    let start = Instant::now();
                    let mut export = store.command(xsh, &["export", "/bench"]);
                    assert!(
                        export
                            .stdout(File::create(file).unwrap())
                            .status()
                            .unwrap()
                            .success()
                    );
                    store.time(xsh, &["import", "--replace", "-f", "--to", "/copy", file]);
                    let seconds = start.elapsed().as_secs_f64();
                    store.time(xsh, &["rm", "-rf", "/copy"]);
                    seconds
                },
                &mut || {
                    let start = Instant::now();
                    for node in 0..SAMPLE {
                        let path = format!("/loop/d{}/n{node}", node / 40);
                        let value = format!("value of {node}");
                        store.time(&write, &[&path, &value]);
                        store.time(&chmod, &[&path, "n0", "r1"]);
                    }
                    start.elapsed().as_secs_f64()
                },
            ],
        );
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let all = sample * NODES as f64 / SAMPLE as f64;
        let what = format!("{name}: export, import --replace; xenstore-write, -chmod each");
        report(&what, ours, all, ">= 10");
        let [ours, theirs] = in_turn(
            rounds * 30,
            [
                &mut || store.time(xsh, &["read", "/bench/d0/n0"]),
                &mut || store.time(&read, &["/bench/d0/n0"]),
            ],
        );
        report(
            &format!("{name}: read of one value, xenstore-read"),
            ours,
            theirs,
            ">= 0.83 (1/1.2)",
        );
        for arguments in [
            &["find", "/bench", "--name", "n1*"][..],
            &["grep", "-r", "value", "/bench"],
        ] {
            let (mut first, mut whole) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                let (at, end) = first_line(store, arguments);
                first.push(at);
                whole.push(end);
            }
            let what = format!("{name}: {}: first hit, all", arguments[0]);
            report(&what, median(&mut first), median(&mut whole), "at once");
        }
    }
}
