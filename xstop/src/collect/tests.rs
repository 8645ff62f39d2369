use std::sync::mpsc::Receiver;
use std::time::Instant;

use xenbus::DomId;
use xenbus::client::{ClientOptions, Operations};
use xenbus::demo::{Host, Scenario};

use super::*;
use crate::model::{Counts, Scope};

const PATIENCE: Duration = Duration::from_secs(20);

/// A collector on the demo host `small`, as one of its domains sees it.
struct Rig {
    host: Host,
    handle: Handle,
    updates: Receiver<Update>,
}

impl Rig {
    fn new(domain: DomId) -> Self {
        let host = Host::start(&Scenario::find("quiet").unwrap()).unwrap();
        let client =
            Client::with_connector(host.connector(domain), ClientOptions::default()).unwrap();
        let (sender, updates) = channel();
        let sink = move |update| drop(sender.send(update));
        let handle = start(client, Options::default(), sink).unwrap();
        Self {
            host,
            handle,
            updates,
        }
    }

    /// The first snapshot that is as wanted.
    fn wait(&self, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        while let Ok(update) = self
            .updates
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            if let Update::Snapshot(snapshot) = &update {
                let mut counts = Counts::default();
                snapshot
                    .devices
                    .iter()
                    .for_each(|row| counts.add(&row.device));
                assert_eq!(snapshot.counts, counts, "kept along the way");
            }
            match update {
                Update::Snapshot(snapshot) if wanted(&snapshot) => return snapshot,
                Update::Snapshot(snapshot) => last = Some(snapshot),
                Update::Fatal(why) => panic!("{what}: {why}"),
            }
        }
        panic!("{what}: {last:#?}");
    }

    fn client(&self) -> Client {
        Client::with_connector(self.host.connector(DomId::DOM0), ClientOptions::default()).unwrap()
    }
}

fn is_complete(snapshot: &Snapshot) -> bool {
    snapshot.link.loading.is_none()
}

#[test]
fn the_domains_come_first_and_then_their_devices() {
    let rig = Rig::new(DomId::DOM0);
    let first = rig.wait("the first snapshot", |_| true);
    assert!(first.link.loading.is_some() && first.domains.len() > 1);
    assert_eq!(first.findings.len(), 0);
    let all = rig.wait("everything", is_complete);
    let counts = all.counts;
    assert!(counts.total > 2);
    assert_eq!(counts.total, counts.connected, "{counts:?}");
    assert_eq!(all.link.scope, Scope::Host);
    assert_eq!(all.link.daemon, Some("xenstored"));
    assert_eq!(all.domains.len(), first.domains.len());
}

#[test]
fn what_a_guest_writes_beside_the_model_shows_that_it_has_run() {
    let rig = Rig::new(DomId::DOM0);
    rig.wait("everything", is_complete);
    let client = rig.client();
    let home = StorePath::home(DomId(77));
    for name in ["name", "data", "attr"] {
        let path = home.child(name).unwrap();
        client.write(&path, b"").unwrap();
    }
    let has_run = |snapshot: &Snapshot| {
        let mut rows = snapshot.domains.iter();
        let row = rows.find(|row| row.domain.id == DomId(77));
        row.map(|row| row.domain.has_run)
    };
    rig.wait("the new domain", |all| has_run(all) == Some(false));
    client
        .write(&home.join("data/agent").unwrap(), b"1")
        .unwrap();
    rig.wait("its first words", |all| has_run(all) == Some(true));
}

#[test]
fn a_change_is_in_the_log_and_in_the_history() {
    let rig = Rig::new(DomId::DOM0);
    let all = rig.wait("everything", is_complete);
    let device = all
        .devices
        .iter()
        .find(|row| row.device.class.name == "vbd")
        .unwrap();
    let state = &device.device.front.known().unwrap().path;
    let state = state.child("state").unwrap();
    rig.client().write(&state, b"5").unwrap();
    let id = &device.device.id;
    let is_closing = |snapshot: &Snapshot| {
        let seen = |row: &Arc<crate::model::DeviceRow>| {
            let states = row.past.front.entries();
            states
                .filter_map(|entry| entry.seen.state())
                .any(|state| state.0 == 5)
        };
        snapshot.device(id).is_some_and(seen) && snapshot.log.iter().any(|row| row.path == state)
    };
    let later = rig.wait("the change", is_closing);
    let row = later.log.iter().find(|row| row.path == state).unwrap();
    match &row.change {
        crate::model::Change::Changed { old, new } => {
            assert_eq!(
                (old.bytes(), new.bytes()),
                (Some(&b"4"[..]), Some(&b"5"[..]))
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(later.activity.count > 0 && later.activity.total > 0.0);
}

#[test]
fn a_guest_sees_its_own_devices_with_both_ends() {
    let rig = Rig::new(DomId(1));
    let own = rig.wait("the guest's devices", |snapshot| {
        is_complete(snapshot)
            && snapshot.devices.iter().any(|row| row.is_connected())
            && snapshot
                .devices
                .iter()
                .all(|row| row.device.back.known().is_some())
    });
    assert_eq!(own.link.scope, Scope::Domain(DomId(1)));
    let others = |row: &&Arc<crate::model::DeviceRow>| row.device.id.domain() != DomId(1);
    assert_eq!(own.devices.iter().filter(others).count(), 0);
    drop(rig.handle);
}

#[test]
fn a_node_outside_of_the_model_is_told_without_a_value() {
    let rig = Rig::new(DomId::DOM0);
    rig.wait("everything", is_complete);
    let path = StorePath::parse("/somewhere/else").unwrap();
    rig.client().write(&path, b"x").unwrap();
    let touched = rig.wait("the change", |snapshot| {
        snapshot.log.iter().any(|row| row.path == path)
    });
    let row = touched.log.iter().find(|row| row.path == path).unwrap();
    assert_eq!(row.change, crate::model::Change::Touched);
}

/// Lets a host vanish when so many requests were sent.
struct Vanishes {
    left: std::sync::atomic::AtomicUsize,
    host: std::sync::Mutex<Option<Host>>,
}

impl xenbus::tap::Tap for Vanishes {
    fn message(
        &self,
        _: u32,
        direction: xenbus::tap::Direction,
        _: xenbus::wire::Header,
        _: &[u8],
    ) {
        use std::sync::atomic::Ordering;
        if direction == xenbus::tap::Direction::Sent
            && self.left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            let host = self.host.lock().unwrap().take();
            // Its end waits for its threads, which may wait for us.
            std::thread::spawn(move || drop(host));
        }
    }
}

#[test]
fn a_store_that_vanishes_while_it_is_read_first_is_said_to_be_gone() {
    // While it is found out what can be seen, in the list of domains, and among the nodes.
    for after in [1, 2, 4, 6, 12, 40, 100] {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let host = Host::start(&Scenario::find("quiet").unwrap()).unwrap();
        host.server().listen(&socket).unwrap();
        let connector = xenbus::transport::socket::SocketConnector::new(&socket);
        let mut options = ClientOptions::default();
        options.tap = Some(Arc::new(Vanishes {
            left: after.into(),
            host: std::sync::Mutex::new(Some(host)),
        }));
        let client = Client::with_connector(Arc::new(connector), options).unwrap();
        let (sender, updates) = channel();
        let handle = start(client, Options::default(), move |update| {
            drop(sender.send(update));
        });
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        let is_told = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match updates.recv_timeout(left) {
                Ok(Update::Snapshot(snapshot)) => {
                    if snapshot.link.stale.is_some() {
                        break true;
                    }
                    last = Some(snapshot.link.clone());
                }
                Ok(Update::Fatal(why)) => panic!("after {after} requests: {why}"),
                Err(_) => break false,
            }
        };
        assert!(is_told, "after {after} requests: {last:?}");
        drop(handle);
    }
}
