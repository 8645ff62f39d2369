//! Answers of the store that are overtaken by events, and connections that are lost.

use std::fs;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use xenbus::transport::{Connector, Ready, Traits, Transport, Watches};
use xenbus::{Client, ClientOptions, DomId, Operations as _};
use xenbus_harness::requires_fuse;
use xenfs::settings::Settings;

use super::rig::{Mount, path};
use crate::count::Count;
use crate::stores::Store;

/// Holds back what the store says on its first connection, the one for requests, while it is closed.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// Bytes wait in front of it.
    held: bool,
    opened: usize,
    no_watches: bool,
}

impl Gate {
    fn close(&self) {
        let mut state = self.state.lock().unwrap();
        (state.closed, state.held) = (true, false);
    }

    fn wait_held(&self) {
        let state = self.state.lock().unwrap();
        let patience = Duration::from_secs(20);
        let waited = self
            .changed
            .wait_timeout_while(state, patience, |state| !state.held);
        assert!(waited.unwrap().0.held, "nothing was asked");
    }

    fn open(&self) {
        self.state.lock().unwrap().closed = false;
        self.changed.notify_all();
    }
}

#[derive(Debug)]
struct Gated {
    inner: Arc<dyn Connector>,
    gate: Arc<Gate>,
}

impl Connector for Gated {
    fn connect(&self, deadline: Option<Instant>) -> xenbus::Result<Box<dyn Transport>> {
        let mut state = self.gate.state.lock().unwrap();
        state.opened += 1;
        Ok(Box::new(Stream {
            inner: self.inner.connect(deadline)?,
            gate: Arc::clone(&self.gate),
            gated: state.opened == 1,
        }))
    }

    fn address(&self) -> String {
        self.inner.address()
    }
}

#[derive(Debug)]
struct Stream {
    inner: Box<dyn Transport>,
    gate: Arc<Gate>,
    gated: bool,
}

impl Transport for Stream {
    fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        let count = self.inner.read(buffer, deadline)?;
        let mut state = self.gate.state.lock().unwrap();
        while self.gated && state.closed {
            state.held = true;
            self.gate.changed.notify_all();
            state = self.gate.changed.wait(state).unwrap();
        }
        Ok(count)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.try_write(bytes)
    }

    fn wait(&self, wanted: Ready, deadline: Option<Instant>) -> io::Result<Ready> {
        self.inner.wait(wanted, deadline)
    }

    fn shutdown(&self) {
        self.inner.shutdown();
    }

    fn traits(&self) -> Traits {
        let mut traits = self.inner.traits();
        if self.gate.state.lock().unwrap().no_watches {
            traits.watches = Watches::None;
        }
        traits
    }
}

fn gated(store: &Store, gate: &Arc<Gate>) -> Client {
    let Store::Embedded(server) = store else {
        unreachable!()
    };
    let connector = Gated {
        inner: server.connector(DomId::DOM0),
        gate: Arc::clone(gate),
    };
    Client::with_connector(Arc::new(connector), ClientOptions::default()).unwrap()
}

fn mount(gate: &Arc<Gate>) -> Option<(Store, Mount)> {
    if !requires_fuse() {
        return None;
    }
    let store = Store::embedded();
    let client = gated(&store, gate);
    let mount = Mount::of(
        client,
        Arc::new(Count::default()),
        store.client(),
        &Settings::default(),
    );
    Some((store, mount))
}

#[test]
fn an_answer_that_is_overtaken_by_an_event_is_not_kept() {
    let gate = Arc::new(Gate::default());
    let Some((_store, mount)) = mount(&gate) else {
        return;
    };
    mount.put("/t/x", "1");
    mount.quiet();
    for round in 0..20 {
        let file = mount.file("t/x");
        let old = "v".repeat(round + 1);
        mount.put("/t/x", &old);
        mount.quiet();
        gate.close();
        std::thread::scope(|scope| {
            let size = scope.spawn(|| fs::metadata(&file).map(|found| found.len()));
            gate.wait_held();
            // Asked and answered; the change and its event come before the answer gets through.
            mount.put("/t/x", &"v".repeat(100));
            mount.put("/t/x", &"v".repeat(200));
            gate.open();
            size.join().unwrap().unwrap();
        });
        mount.quiet();
        assert_eq!(fs::metadata(&file).unwrap().len(), 201, "round {round}");
        // One that nobody has listed yet.
        let name = format!("t/d{round}");
        mount.put(&format!("/{name}/a"), "1");
        mount.quiet();
        fs::metadata(mount.file(&name)).unwrap();
        let list = || fs::read_dir(mount.file(&name)).unwrap().count();
        gate.close();
        std::thread::scope(|scope| {
            let listed = scope.spawn(list);
            gate.wait_held();
            mount.put(&format!("/{name}/b"), "1");
            gate.open();
            listed.join().unwrap();
        });
        mount.quiet();
        assert_eq!(list(), 2);
    }
}

#[test]
fn without_watches_lifetimes_are_short() {
    if !requires_fuse() {
        return;
    }
    let gate = Arc::new(Gate::default());
    gate.state.lock().unwrap().no_watches = true;
    let store = Store::embedded();
    let client = gated(&store, &gate);
    let settings = Settings::default();
    let mount = Mount::noted(client, store.client(), &settings);
    assert!(
        mount.notes()[0].contains("watches cannot be used"),
        "{:?}",
        mount.notes()
    );
    for round in 1..10 {
        mount.put("/t/x", &"v".repeat(round));
        let size = fs::metadata(mount.file("t/x")).unwrap().len();
        assert_eq!(size, round as u64 + 1, "a file's name is not believed");
        mount.put(&format!("/t/n{round}"), "1");
        assert_eq!(fs::read_dir(mount.file("t")).unwrap().count(), round + 1);
    }
    assert!(mount.store.exists(&path("/t/x")).unwrap());
    assert!(fs::File::open(mount.file("t/.events")).is_err());
}
