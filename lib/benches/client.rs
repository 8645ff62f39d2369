//! The client against C programs that do the same, on the same real daemon, taking turns.
//!
//! `cargo bench -p xenbus --bench client [-- ROUNDS] [WORD…]`: only the lines that contain all the words. Needs Debian's `xenstored` and `oxenstored`, a C compiler and
//! libxenstore; what is missing is said and skipped. Only ratios mean something: the machine may be busy with other
//! work, and that is why the two sides alternate within one run.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise"
)]

#[path = "common/runner.rs"]
mod runner;

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use xenbus::client::{Client, ClientOptions, Operations as _, Pending};
use xenbus::path::StorePath;
use xenbus::transport::socket::SocketConnector;
use xenbus::transport::{Connector, InFlight, Ready, Traits, Transport};
use xenbus::tree::{Snapshot, WalkOptions};
use xenbus_harness::Daemon;

use runner::{Sample, compile, median};

/// Nodes that are read, below one hundred directories.
const NODES: usize = 10_000;
/// Requests under way, on both sides.
const WINDOW: usize = 128;
/// The same for the walks: what a tree walk uses by itself.
const WALK_WINDOW: usize = 384;

fn main() {
    let (mut rounds, mut words) = (7, Vec::new());
    for argument in std::env::args().skip(1).filter(|word| word != "--bench") {
        match argument.parse() {
            Ok(number) => rounds = number,
            Err(_) => words.push(argument),
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let Some(peer) = compile(dir.path()) else {
        return;
    };
    for kind in xenbus_harness::available() {
        let daemon = Daemon::start(kind);
        let scene = Scene::new(&daemon, &peer, dir.path());
        println!("{} with {NODES} nodes, median of {rounds}", kind.program());
        let list = scene.list.to_str().unwrap();
        let socket = scene.socket.to_str().unwrap();
        let [window, walk_window] = [WINDOW, WALK_WINDOW].map(|window| window.to_string());
        let compare = |what, ours: &dyn Fn() -> Sample, peer, theirs: &dyn Fn() -> Sample| {
            let line = format!("{} {what} {peer}", kind.program());
            if words.iter().all(|word| line.contains(word)) {
                compare(rounds, what, ours, peer, theirs);
            }
        };
        compare(
            "sequential read",
            &|| scene.sequential(),
            "xs_read in a loop",
            &|| scene.peer(&["xs", list]),
        );
        compare(
            "pipelined read",
            &|| scene.pipelined(&scene.client()),
            "bare C loop",
            &|| scene.peer(&["raw", &window, list, socket]),
        );
        compare(
            "tree snapshot",
            &|| scene.snapshot(),
            "bare C walk",
            &|| scene.peer(&["walk", &walk_window, socket]),
        );
        compare(
            "tree snapshot",
            &|| scene.snapshot(),
            "xenstore-ls -f -p",
            &|| scene.xenstore_ls(),
        );
        // The limit that the daemon sets to anything that asks for every node.
        compare(
            "bare C walk",
            &|| scene.peer(&["walk", &walk_window, socket]),
            "xenstore-ls -f -p",
            &|| scene.xenstore_ls(),
        );
        // What the width of a device's pool is worth: the same socket, one request on each of eight connections.
        compare(
            "read, pool of 8",
            &|| scene.pipelined(&scene.pool(8)),
            "pool of 1",
            &|| scene.pipelined(&scene.pool(1)),
        );
    }
}

/// Measures both sides in turns and prints medians and the ratio of the rates.
fn compare(
    rounds: usize,
    what: &str,
    ours: &dyn Fn() -> Sample,
    peer: &str,
    theirs: &dyn Fn() -> Sample,
) {
    // One turn each that does not count: page faults, the daemon's first growth.
    black_box((ours().wall, theirs().wall));
    let (mut mine, mut other) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        mine.push(ours());
        other.push(theirs());
    }
    let rate = |sample: &Sample| sample.units / sample.wall;
    let ratios: Vec<f64> = mine
        .iter()
        .zip(&other)
        .map(|(mine, other)| rate(mine) / rate(other))
        .collect();
    let cpu =
        |samples: &[Sample]| median(samples.iter().map(|sample| 1e6 * sample.cpu / sample.units));
    let [low, high] = [
        ratios.iter().copied().fold(f64::MAX, f64::min),
        ratios.iter().copied().fold(0.0, f64::max),
    ];
    println!(
        "  {what:<18} {:>9.0}/s {:>6.2} us CPU | {peer:<18} {:>9.0}/s {:>6.2} us CPU | ratio {:.2} ({low:.2}-{high:.2})",
        median(mine.iter().map(rate)),
        cpu(&mine),
        median(other.iter().map(rate)),
        cpu(&other),
        median(ratios.iter().copied()),
    );
}

/// A daemon with nodes in it.
struct Scene {
    socket: PathBuf,
    peer: PathBuf,
    /// A file with the nodes' paths, one a line.
    list: PathBuf,
    paths: Vec<StorePath>,
}

impl Scene {
    fn new(daemon: &Daemon, peer: &Path, dir: &Path) -> Self {
        let names = (0..NODES).map(|n| format!("/bench/d{}/node{n}", n % 100));
        let paths: Vec<StorePath> = names.map(|name| StorePath::parse(name).unwrap()).collect();
        let list = dir.join(daemon.kind().program());
        let mut lines = String::new();
        for path in &paths {
            writeln!(lines, "{path}").unwrap();
        }
        std::fs::write(&list, lines).unwrap();
        let scene = Self {
            socket: daemon.socket().to_owned(),
            peer: peer.to_owned(),
            list,
            paths,
        };
        let client = scene.client();
        let writes: Vec<Pending<()>> = scene
            .paths
            .iter()
            .map(|path| client.submit_write(path, b"a value of 20 bytes."))
            .collect();
        for write in writes {
            write.wait().unwrap();
        }
        scene
    }

    fn client(&self) -> Client {
        let connector = Arc::new(SocketConnector::new(&self.socket));
        Client::with_connector(connector, ClientOptions::default()).unwrap()
    }

    fn sequential(&self) -> Sample {
        let client = self.client();
        measure(NODES, || {
            for path in &self.paths {
                black_box(client.read(path).unwrap());
            }
        })
    }

    /// A client that treats the daemon as a device: one request on each connection.
    fn pool(&self, opens: usize) -> Client {
        let mut options = ClientOptions::default();
        options.device_opens = opens;
        let connector = OneAtATime(SocketConnector::new(&self.socket));
        Client::with_connector(Arc::new(connector), options).unwrap()
    }

    fn snapshot(&self) -> Sample {
        let client = self.client();
        let nodes = std::cell::Cell::new(0);
        let mut sample = measure(1, || {
            let snapshot = Snapshot::take(&client, &StorePath::root(), WalkOptions::full());
            nodes.set(black_box(snapshot.unwrap()).nodes().len());
        });
        assert!(nodes.get() > NODES);
        sample.units = f64::from(u32::try_from(nodes.get()).unwrap());
        sample
    }

    fn xenstore_ls(&self) -> Sample {
        let cpu = children_cpu();
        let start = Instant::now();
        let output = Command::new("xenstore-ls")
            .args(["-f", "-p"])
            .env("XENSTORED_PATH", &self.socket)
            .output()
            .unwrap();
        let wall = start.elapsed().as_secs_f64();
        let lines = output.stdout.iter().filter(|byte| **byte == b'\n');
        let lines = lines.fold(0_u32, |lines, _| lines + 1);
        assert!(lines as usize > NODES, "{output:?}");
        Sample {
            units: f64::from(lines),
            wall,
            cpu: children_cpu() - cpu,
        }
    }

    fn pipelined(&self, client: &Client) -> Sample {
        measure(NODES, || {
            let mut under_way = std::collections::VecDeque::with_capacity(WINDOW);
            for path in &self.paths {
                if under_way.len() == WINDOW {
                    // Refilled when half of the window is answered, as the peer does.
                    for pending in under_way.drain(..WINDOW / 2) {
                        black_box(Pending::wait(pending).unwrap());
                    }
                }
                under_way.push_back(client.submit_read(path));
            }
            for pending in under_way {
                black_box(pending.wait().unwrap());
            }
        })
    }

    /// Runs the C program, which measures itself.
    fn peer(&self, arguments: &[&str]) -> Sample {
        runner::peer(&self.peer, &self.socket, arguments)
    }
}

fn measure(units: usize, body: impl FnOnce()) -> Sample {
    let cpu = own_cpu();
    let start = Instant::now();
    body();
    let wall = start.elapsed().as_secs_f64();
    Sample {
        units: f64::from(u32::try_from(units).unwrap()),
        wall,
        cpu: own_cpu() - cpu,
    }
}

/// CPU time of this process in seconds, user and system.
fn own_cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    std::time::Duration::try_from(time).unwrap().as_secs_f64()
}

/// CPU time in seconds of the children that have ended, to a hundredth.
fn children_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // After the name, which may contain anything: the fields from the third on.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 1..]
        .split_whitespace()
        .collect();
    let ticks = [13, 14].map(|field: usize| fields[field].parse::<f64>().unwrap());
    ticks.iter().sum::<f64>() / 100.0
}

/// Lets a socket demand what a device does.
#[derive(Debug)]
struct OneAtATime(SocketConnector);

#[derive(Debug)]
struct OneAtATimeStream(Box<dyn Transport>);

impl Connector for OneAtATime {
    fn connect(&self, deadline: Option<Instant>) -> xenbus::Result<Box<dyn Transport>> {
        Ok(Box::new(OneAtATimeStream(self.0.connect(deadline)?)))
    }

    fn address(&self) -> String {
        self.0.address()
    }
}

impl Transport for OneAtATimeStream {
    fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> std::io::Result<usize> {
        self.0.read(buffer, deadline)
    }

    fn try_write(&self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn wait(&self, wanted: Ready, deadline: Option<Instant>) -> std::io::Result<Ready> {
        self.0.wait(wanted, deadline)
    }

    fn shutdown(&self) {
        self.0.shutdown();
    }

    fn traits(&self) -> Traits {
        Traits {
            in_flight: InFlight::One,
            ..self.0.traits()
        }
    }
}
