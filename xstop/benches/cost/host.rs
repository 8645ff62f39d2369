//! The host that is looked at, in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use xenbus::StorePath;
use xenbus::client::{Client, ClientOptions, Operations, Pending};
use xenbus::demo::Scenario;
use xenbus::transport::socket::SocketConnector;
use xenbus::tree::{Snapshot, WalkOptions};
use xenbus_harness::{Daemon, Kind};

/// A store that another process serves.
pub(crate) struct Host {
    pub(crate) socket: PathBuf,
    pub(crate) root: PathBuf,
    _directory: Option<TempDir>,
    _child: Option<Helper>,
    _daemon: Option<Daemon>,
}

/// This program again, in another part, until it is dropped.
pub(crate) struct Helper(Child);

impl Helper {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.as_mut().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

/// Says that all is there, and waits until nobody needs it any more.
fn ready() {
    println!("ready");
    drop(std::io::stdout().flush());
    drop(std::io::stdin().read_to_end(&mut Vec::new()));
}

/// The process that serves a scenario.
pub(crate) fn serve(scenario: &str, socket: &Path, root: &Path) {
    let mut host = xenbus::demo::Host::start(&Scenario::find(scenario).unwrap()).unwrap();
    host.keep_sysroot(root).unwrap();
    host.server().listen(socket).unwrap();
    ready();
}

/// The process that changes states of devices, so many a second, until nobody needs it any more.
pub(crate) fn churn(socket: &Path, rate: u32) {
    const PACE: Duration = Duration::from_millis(10);
    let client = client(socket);
    let states = states(&client);
    let done = std::thread::spawn(ready);
    let begin = Instant::now();
    let mut sent = 0_u32;
    while !done.is_finished() {
        let due = begin.elapsed().as_secs_f64() * f64::from(rate);
        let mut waiting = Vec::new();
        while f64::from(sent) < due {
            let number = usize::try_from(sent).unwrap();
            let path = &states[number.wrapping_mul(7919) % states.len()];
            let round = number / states.len();
            let state = if round.is_multiple_of(2) { b"5" } else { b"4" };
            waiting.push(client.submit_write(path, state));
            sent += 1;
        }
        for write in waiting {
            write.wait().unwrap();
        }
        std::thread::sleep(PACE);
    }
}

/// The state of every device's backend.
fn states(client: &Client) -> Vec<StorePath> {
    let top = StorePath::parse("/local/domain/0/backend").unwrap();
    let nodes = Snapshot::take(client, &top, WalkOptions::names()).unwrap();
    let nodes = nodes.nodes().iter();
    nodes
        .filter(|node| node.path.name() == Some("state") && !node.path.as_str().contains("console"))
        .map(|node| node.path.clone())
        .collect()
}

pub(crate) fn client(socket: &Path) -> Client {
    let connector = Arc::new(SocketConnector::new(socket));
    let mut options = ClientOptions::default();
    // To fill a daemon takes its time.
    options.timeout = Duration::from_mins(2);
    Client::with_connector(connector, options).unwrap()
}

impl Host {
    pub(crate) fn serve(scenario: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (socket, root) = (
            directory.path().join("socket"),
            directory.path().join("root"),
        );
        let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
        let child = Helper::start(&["serve", scenario, &text(&socket), &text(&root)]);
        Self {
            socket,
            root,
            _directory: Some(directory),
            _child: Some(child),
            _daemon: None,
        }
    }

    /// The same tree in C xenstored; its permissions are of no meaning to a client with privilege.
    pub(crate) fn load_real(other: &Self) -> Option<Self> {
        if !xenbus_harness::available().contains(&Kind::C) {
            return None;
        }
        let nodes = Snapshot::take(
            &client(&other.socket),
            &StorePath::root(),
            WalkOptions::default(),
        )
        .unwrap();
        let daemon = Daemon::start(Kind::C);
        let to = client(daemon.socket());
        for some in nodes.nodes().chunks(1000) {
            let writes: Vec<Pending<()>> = some
                .iter()
                .filter(|node| !node.path.is_root())
                .map(|node| {
                    let value = node.value.known().map_or(&[][..], |value| value);
                    to.submit_write(&node.path, value)
                })
                .collect();
            for write in writes {
                write.wait().unwrap();
            }
        }
        Some(Self {
            socket: daemon.socket().to_owned(),
            root: other.root.clone(),
            _directory: None,
            _child: None,
            _daemon: Some(daemon),
        })
    }
}
