//! Another client that changes a node at the very moment in which an operation of ours on it is done.

use std::fs;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use xenbus::tap::{Direction, Tap};
use xenbus::wire::{Header, Op};
use xenbus::{Client, ClientOptions, Operations as _};
use xenbus_harness::requires_fuse;
use xenfs::settings::Settings;

use super::looker::Looker;
use super::rig::{Mount, path};
use crate::ops::model::in_store;
use crate::stores::{Store, for_each_store};

/// Another client's change.
type Change = Box<dyn FnOnce() + Send>;

/// Does something when the answer to a transaction's end has come, before anybody else knows it.
#[derive(Default)]
struct Meddler {
    next: Mutex<Option<Change>>,
}

impl Tap for Meddler {
    fn message(&self, _: u32, direction: Direction, header: Header, _: &[u8]) {
        if direction == Direction::Received && header.op == Op::TRANSACTION_END {
            let change = self.next.lock().unwrap().take();
            if let Some(change) = change {
                change();
            }
        }
    }
}

impl Meddler {
    /// A mount whose next transaction will be meddled with.
    fn mount(self: &Arc<Self>, store: &Store) -> Mount {
        let mut options = ClientOptions::default();
        options.tap = Some(Arc::clone(self) as _);
        let client = store.client_with(options);
        Mount::of(client, Arc::default(), store.client(), &Settings::default())
    }

    fn will(&self, store: &Store, change: impl FnOnce(&Client) + Send + 'static) {
        let client = store.client();
        *self.next.lock().unwrap() = Some(Box::new(move || change(&client)));
    }

    fn is_done(&self) -> bool {
        self.next.lock().unwrap().is_none()
    }
}

/// On each store: `make` makes something in `/a` while another client does its `change`, several times. A listener knows
/// in the end what the store has, and then it is to `look` right.
fn race(change: fn(&Client), make: fn(&Mount), look: fn(&Mount)) {
    if !requires_fuse() {
        return;
    }
    for_each_store(|store| {
        let meddler = Arc::new(Meddler::default());
        let mount = meddler.mount(store);
        for round in 0..10 {
            mount.put("/a/keep", "");
            mount.quiet();
            let mut looker = Looker::new(&mount);
            meddler.will(store, change);
            make(&mount);
            assert!(meddler.is_done());
            mount.quiet();
            looker.listen();
            assert_eq!(looker.seen, in_store(&mount.store), "round {round}");
            look(&mount);
            mount.sh("rm -r a");
            assert!(!mount.store.exists(&path("/a")).unwrap());
        }
    });
}

#[test]
fn a_new_file_was_made_although_another_client_makes_a_directory_of_it_at_once() {
    race(
        |other| other.write(&path("/a/n/b"), b"1").unwrap(),
        |mount| {
            let mut file = fs::File::create_new(mount.file("a/n")).unwrap();
            file.write_all(b"2").unwrap();
            assert_eq!(mount.get("/a/n"), "2");
        },
        |mount| {
            let shown = mount.sh("ls -A a/n; cat a/n/.value");
            assert_eq!(shown, ".value\nb\n2\n");
        },
    );
}

#[test]
fn a_directory_was_made_although_another_client_makes_a_file_of_it_at_once() {
    race(
        |other| {
            other.rm(&path("/a/n")).unwrap();
            other.write(&path("/a/n"), b"1").unwrap();
        },
        |mount| fs::create_dir(mount.file("a/n")).unwrap(),
        |mount| assert_eq!(mount.get("/a/n"), "1"),
    );
}
