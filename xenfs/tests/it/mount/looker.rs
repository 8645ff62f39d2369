//! A program that keeps a picture of the mount as programs do: it watches every directory with inotify, and looks again at
//! what the events name.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use proptest::prelude::*;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use xenbus::Operations as _;
use xenbus_harness::requires_fuse;
use xenfs::settings::Settings;

use super::model::{fresh, runner, take_all};
use super::rig::{Mount, path};
use crate::ops::model::{in_store, shared_steps};
use crate::stores::for_each_store;

/// What is looked at.
const TOPS: [&str; 2] = ["/a", "/b"];

pub(super) struct Looker<'a> {
    root: &'a Path,
    inotify: OwnedFd,
    /// Which directory each watch is on.
    watched: HashMap<i32, String>,
    /// What is at and below `/a` and `/b`: values by path.
    pub(super) seen: BTreeMap<String, String>,
}

impl<'a> Looker<'a> {
    pub(super) fn new(mount: &'a Mount) -> Self {
        let mut looker = Self {
            root: mount.path(),
            inotify: inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap(),
            watched: HashMap::new(),
            seen: BTreeMap::new(),
        };
        looker.watch("");
        for top in TOPS {
            looker.look(top);
        }
        looker
    }

    fn file(&self, node: &str) -> std::path::PathBuf {
        self.root.join(node.trim_start_matches('/'))
    }

    fn watch(&mut self, node: &str) {
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MODIFY
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        // It may be gone again.
        if let Ok(watch) = inotify::add_watch(&self.inotify, self.file(node), flags) {
            self.watched.insert(watch, node.into());
        }
    }

    fn value(&self, file: &str) -> String {
        let content = fs::read_to_string(self.file(file)).unwrap_or_default();
        content.strip_suffix('\n').unwrap_or(&content).to_owned()
    }

    /// Looks at a node and at all below it.
    fn look(&mut self, node: &str) {
        self.forget(node);
        let Ok(found) = fs::symlink_metadata(self.file(node)) else {
            return;
        };
        if !found.is_dir() {
            self.seen.insert(node.into(), self.value(node));
            return;
        }
        // First: what is made meanwhile is seen or told.
        self.watch(node);
        self.seen
            .insert(node.into(), self.value(&format!("{node}/.value")));
        let names = fs::read_dir(self.file(node)).into_iter().flatten();
        for name in names.map_while(Result::ok) {
            let name = name.file_name().into_string().unwrap();
            if name != ".value" {
                self.look(&format!("{node}/{name}"));
            }
        }
    }

    fn forget(&mut self, node: &str) {
        let is_within = |other: &str| {
            let below = other.strip_prefix(node);
            below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        };
        self.seen.retain(|other, _| !is_within(other));
        let gone = self.watched.extract_if(|_, other| is_within(other));
        for (watch, _) in gone {
            // The kernel has ended those on what is gone.
            inotify::remove_watch(&self.inotify, watch).unwrap_or_default();
        }
    }

    /// Looks at whatever was told until now.
    pub(super) fn listen(&mut self) {
        loop {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut told = inotify::Reader::new(&self.inotify, &mut buffer);
            let mut named = Vec::new();
            match told.next() {
                Err(Errno::WOULDBLOCK) => return,
                Err(error) => panic!("{error}"),
                Ok(event) => {
                    assert!(!event.events().contains(ReadFlags::QUEUE_OVERFLOW));
                    let name = event.file_name().map(|name| name.to_str().unwrap());
                    named.push((event.wd(), name.unwrap_or_default().to_owned()));
                }
            }
            while !told.is_buffer_empty() {
                let event = told.next().unwrap();
                let name = event.file_name().map(|name| name.to_str().unwrap());
                named.push((event.wd(), name.unwrap_or_default().to_owned()));
            }
            for (watch, name) in named {
                let Some(above) = self.watched.get(&watch).cloned() else {
                    continue;
                };
                let node = format!("{above}/{name}");
                if name == ".value" {
                    let value = self.value(&node);
                    self.seen.insert(above, value);
                } else if TOPS.iter().any(|top| node.starts_with(top)) {
                    self.look(&node);
                }
            }
        }
    }
}

#[test]
fn who_looks_at_what_inotify_names_knows_what_the_store_has() {
    if !requires_fuse() {
        return;
    }
    for_each_store(|store| {
        let tried = runner().run(&shared_steps(), |steps| {
            let mount = fresh(store);
            let mut looker = Looker::new(&mount);
            for burst in steps.chunks(5) {
                take_all(&mount, burst);
                looker.listen();
                let nodes = in_store(&mount.store);
                prop_assert_eq!(&looker.seen, &nodes, "{:?}", burst);
            }
            Ok(())
        });
        tried.unwrap();
    });
}

/// What a user does at the moment of another's change: so early that nothing has told of it yet.
#[derive(Clone, Copy, Debug)]
enum Look {
    /// Opens what is gone.
    Open,
    /// Moves what is gone.
    Move,
    /// Makes what was made by the way.
    Make,
    /// Moves what was a file and is a directory now.
    MoveTurned,
}

impl Look {
    fn race(self, mount: &Mount) -> std::io::Result<()> {
        let (a, b) = (mount.file("a"), mount.file("b/b"));
        match self {
            Self::Open | Self::Move => mount.store.rm(&path("/a")).unwrap(),
            Self::Make => mount.put("/a/n/a", "1"),
            Self::MoveTurned => mount.put("/a/a/b", "1"),
        }
        match self {
            Self::Open => fs::File::options().append(true).open(a).map(drop),
            Self::Move | Self::MoveTurned => fs::rename(a, b),
            Self::Make => fs::create_dir(mount.file("a/n")),
        }
    }
}

#[test]
fn a_change_is_told_also_when_a_users_look_comes_first() {
    if !requires_fuse() {
        return;
    }
    for_each_store(|store| {
        let mount = Mount::noted(store.client(), store.client(), &Settings::default());
        for look in [Look::Open, Look::Move, Look::Make, Look::MoveTurned] {
            for round in 0..20 {
                for name in ["/a", "/b"] {
                    drop(mount.store.rm(&path(name)));
                }
                mount.put("/a", "xx");
                mount.put("/b/c", "xx");
                mount.quiet();
                let mut looker = Looker::new(&mount);
                // Whether it can be done depends on who was faster.
                drop(look.race(&mount));
                mount.quiet();
                looker.listen();
                let nodes = in_store(&mount.store);
                assert_eq!(looker.seen, nodes, "{look:?}, round {round}");
            }
        }
    });
}
