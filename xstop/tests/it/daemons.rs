//! Against the real daemons: their restarts, and guests.

use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use xenbus::client::{Client, ClientOptions, Operations, Pending};
use xenbus::transport::Connector;
use xenbus::transport::ring::{Doorbell, Page, RingConnector};
use xenbus::transport::socket::SocketConnector;
use xenbus::{Access, DomId, Perms, StorePath};
use xenbus_harness::{Daemon, Guest, for_each_daemon};
use xstop::collect::{Options, Update, start};
use xstop::model::Snapshot;

use crate::host::{printed, xstop};

/// What a real host showed: two guests, all well.
const TREE: &str = include_str!("../../../lib/tests/it/fixtures/host_model/tree-c.txt");

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn client(daemon: &Daemon) -> Client {
    let connector = Arc::new(SocketConnector::new(daemon.socket()));
    Client::with_connector(connector, ClientOptions::default()).unwrap()
}

/// Puts the captured host into a daemon.
pub(crate) fn fill(daemon: &Daemon) {
    let client = client(daemon);
    let writes: Vec<Pending<()>> = TREE
        .lines()
        .map(|line| {
            let (at, value) = line.split_once(" =").unwrap();
            let path = StorePath::parse(at).unwrap();
            client.submit_write(&path, value.trim_start().as_bytes())
        })
        .collect();
    for write in writes {
        write.wait().unwrap();
    }
}

fn wait(
    updates: &Receiver<Update>,
    what: &str,
    wanted: impl Fn(&Snapshot) -> bool,
) -> Arc<Snapshot> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match updates.recv_timeout(left) {
            Ok(Update::Snapshot(snapshot)) if wanted(&snapshot) => return snapshot,
            Ok(Update::Snapshot(_)) => {}
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// Streams over the ring of a domain.
fn ring(guest: &Guest) -> Arc<dyn Connector> {
    #[derive(Debug)]
    struct EventChannel(xenbus_harness::Doorbell);
    impl Doorbell for EventChannel {
        fn ring(&self) -> io::Result<()> {
            self.0.ring()
        }
        fn wait(&self, deadline: Option<Instant>) -> io::Result<()> {
            self.0.wait(deadline)
        }
        fn wake(&self) {
            self.0.wake();
        }
    }
    let page = Page::map(guest.page(), 0).unwrap();
    let bell = Arc::new(EventChannel(guest.doorbell()));
    Arc::new(RingConnector::new(page, bell, "domain 1"))
}

#[test]
fn the_same_host_looks_the_same_in_every_daemon() {
    let mut seen: Vec<Vec<String>> = Vec::new();
    for_each_daemon(|daemon| {
        fill(daemon);
        let connect = format!("--connect=unix:{}", daemon.socket().display());
        let text = printed(xstop().args([&connect, "--once", "-o", "json"]));
        let sample: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(sample["store"]["daemon"], daemon.kind().program());
        assert_eq!(sample["totals"]["critical"], 0, "{}", sample["findings"]);
        assert_eq!(sample["totals"]["warning"], 0, "{}", sample["findings"]);
        let devices = sample["devices"].as_array().unwrap().iter();
        let row = |device: &Value| {
            let rings = &device["ring_list"];
            let of = |name: &str| device[name].to_string();
            let cells = [
                "domain",
                "class",
                "device",
                "front_state",
                "back_state",
                "entries",
            ];
            format!("{:?} {rings}", cells.map(of))
        };
        seen.push(devices.map(row).collect());
    });
    for other in &seen {
        assert_eq!(other, &seen[0]);
        assert_eq!(other.len(), 8);
    }
}

#[test]
fn a_daemon_that_restarts_is_said_and_history_stays() {
    for_each_daemon(|daemon| {
        fill(daemon);
        let (sender, updates) = channel();
        let sink = move |update| drop(sender.send(update));
        let handle = start(client(daemon), Options::default(), sink).unwrap();
        let first = wait(&updates, "everything", |s| s.link.loading.is_none());
        daemon.kill();
        let stale = wait(&updates, "the loss", |s| s.link.stale.is_some());
        assert_eq!(stale.devices.len(), first.devices.len());
        daemon.restart();
        fill(daemon);
        wait(&updates, "the return", |s| {
            // Only its store is new: what was seen before is still known.
            s.link.stale.is_none()
                && s.devices.len() == first.devices.len()
                && s.log.len() >= stale.log.len()
        });
        drop(handle);
    });
}

#[test]
fn without_a_daemon_the_first_words_say_what_to_do() {
    let output = xstop()
        .args(["-b", "-n", "1", "--connect=unix:/nowhere/at/all"])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("/nowhere/at/all") && text.contains("--demo"),
        "{text}"
    );
}

#[test]
fn a_guest_sees_its_devices_through_a_real_daemon() {
    for_each_daemon(|daemon| {
        let own = DomId(1);
        let guest = daemon.introduce(own.0);
        fill(daemon);
        let host = client(daemon);
        // What toolstacks give: a guest reads its home, and the backends of its devices.
        for line in TREE.lines() {
            let at = line.split_once(" =").unwrap().0;
            let path = StorePath::parse(at).unwrap();
            let is_served =
                at.starts_with("/local/domain/0/backend/") && path.elements().nth(5) == Some("1");
            if path.is_within(&StorePath::home(own)) || is_served {
                let perms = Perms::new(Access::None, DomId::DOM0).with(Access::Read, own);
                host.set_perms(&path, &perms).unwrap();
            }
        }
        let (sender, updates) = channel();
        let sink = move |update| drop(sender.send(update));
        let client = Client::with_connector(ring(&guest), ClientOptions::default()).unwrap();
        let handle = start(client, Options::default(), sink).unwrap();
        let seen = wait(&updates, "both ends", |s| {
            s.link.loading.is_none()
                && s.devices.iter().filter(|row| row.is_connected()).count() == 3
        });
        assert_eq!(seen.link.scope, xstop::model::Scope::Domain(own));
        assert!(seen.devices.iter().all(|row| row.device.id.domain() == own));
        drop(handle);
    });
}
