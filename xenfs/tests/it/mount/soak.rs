//! Local and foreign changes of the same few names at once. Afterwards the mount shows what the store has.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use xenbus::Operations as _;
use xenfs::settings::Settings;

use super::inotify::Listener;
use super::model::everything;
use super::rig::{Chance, Mount, path};
use crate::ops::model::{in_store_below, stored};
use crate::stores::for_each_store;
use crate::watchdog::Watchdog;

/// One of 30 colliding names below `t`.
fn some_name(chance: &mut Chance) -> String {
    let top = ["a", "b", "c", "d", "e"][usize::try_from(chance.below(5)).unwrap()];
    match chance.below(6) {
        0 => format!("t/{top}"),
        n => format!("t/{top}/n{n}"),
    }
}

/// Whether it goes on for ten minutes on each store.
fn is_long() -> bool {
    std::env::var_os("XENBUS_LONG").is_some()
}

/// For how long it goes on: so many rounds, or ten minutes.
fn go_on(round: &mut u64, start: Instant) -> bool {
    *round += 1;
    if is_long() {
        start.elapsed() < Duration::from_mins(10)
    } else {
        *round <= 300
    }
}

/// Any of these may fail: somebody else was faster.
fn change_here(mount: &Mount, chance: &mut Chance) {
    let name = mount.file(&some_name(chance));
    let what = chance.below(8);
    let begin = Instant::now();
    let result = match what {
        0 => fs::create_dir(name),
        1 => fs::remove_file(name),
        2 => fs::remove_dir(name),
        3 => fs::remove_dir_all(name),
        4 => fs::rename(name, mount.file(&some_name(chance))),
        5 => fs::read(name).map(drop),
        6 => fs::read_dir(name).map(|list| list.for_each(drop)),
        _ => fs::write(name, chance.below(1000).to_string()),
    };
    if let Err(error) = result {
        let fault = error.raw_os_error();
        // EIO would be ours; or, if it took as long as the store may, the store's.
        assert_ne!(fault, Some(5), "operation {what}, {:?}", begin.elapsed());
    }
}

fn change_there(mount: &Mount, chance: &mut Chance) {
    let node = path(&format!("/{}", some_name(chance)));
    let result = match chance.below(4) {
        0 => mount.store.rm(&node),
        1 => mount.store.mkdir(&node),
        _ => mount
            .store
            .write(&node, chance.below(1000).to_string().as_bytes()),
    };
    if let Err(error) = result {
        assert!(error.is_not_found(), "{error}");
    }
}

/// Somebody edits what he finds.
fn edit(mount: &Mount, chance: &mut Chance) {
    let edited = Command::new("sed")
        .args(["-i", "s/[0-9]/7/"])
        .arg(mount.file(&some_name(chance)))
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&edited.stderr);
    assert!(!said.contains("Input/output error"), "{said}");
}

/// What a process uses.
#[derive(Clone, Copy, Debug)]
struct Used {
    descriptors: usize,
    kib: u64,
}

impl Used {
    fn by(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.unwrap().trim().trim_end_matches(" kB");
        Self {
            descriptors: fs::read_dir(format!("/proc/{process}/fd")).unwrap().count(),
            kib: kib.parse().unwrap(),
        }
    }

    /// Waits until the process uses no more than before, but for what an allocator keeps: what is free is given back
    /// after a while.
    #[track_caller]
    fn is_again(self, process: u32, what: &str) {
        let begin = Instant::now();
        loop {
            let after = Self::by(process);
            let is_as_before =
                after.descriptors == self.descriptors && after.kib < self.kib + 8 * 1024;
            if is_as_before || begin.elapsed() > Duration::from_mins(1) {
                println!("{what}: {self:?} before, {after:?} after");
                assert!(is_as_before, "{what}");
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Everybody at once. How many events inotify has told.
fn collide(mount: &Mount, listener: &Listener) -> usize {
    let start = Instant::now();
    let mut heard = 0;
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for seed in 1..=3 {
            workers.push(scope.spawn(move || {
                let (mut chance, mut round) = (Chance(0x9e37_79b9 * seed), 0);
                while go_on(&mut round, start) {
                    change_here(mount, &mut chance);
                }
            }));
        }
        for seed in 4..=5 {
            workers.push(scope.spawn(move || {
                let (mut chance, mut round) = (Chance(0x9e37_79b9 * seed), 0);
                while go_on(&mut round, start) {
                    change_there(mount, &mut chance);
                }
            }));
        }
        workers.push(scope.spawn(move || {
            let (mut chance, mut round) = (Chance(0x9e37_79b9 * 6), 0);
            while go_on(&mut round, start) && (is_long() || round <= 30) {
                edit(mount, &mut chance);
            }
        }));
        while workers.iter().any(|worker| !worker.is_finished()) {
            heard += listener.heard();
        }
    });
    heard
}

#[test]
fn after_colliding_changes_the_mount_shows_what_the_store_has() {
    if !xenbus_harness::requires_fuse() {
        return;
    }
    for_each_store(|store| {
        // What is counted is kept.
        let mount = &Mount::noted(store.client(), store.client(), &Settings::default());
        mount.put("/t/a/keep", "");
        mount.quiet();
        let helper = mount.helper();
        mount.settled();
        let (before, own) = (Used::by(helper), Used::by(std::process::id()));
        let listener = Listener::new(mount, &["-r"], &["./t"]);
        let mut events = Command::new("cat")
            .arg(mount.file("t/.events"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let _watchdog = Watchdog::new(mount.path(), Duration::from_mins(15));
        let heard = collide(mount, &listener);
        mount.settled();
        mount.put("/t/a/keep", "");
        mount.quiet();
        // A part of it all: inotifywait ends when a directory is gone before it comes to watch it.
        assert!(heard > 0);
        drop(listener);
        events.kill().unwrap();
        events.wait().unwrap();
        let there = in_store_below(&mount.store, &["/t"]);
        assert_eq!(stored(&everything(mount, &["t"])), there);
        Mount::until(|| mount.stats().streams.get() == 0);
        assert_eq!(mount.helper(), helper, "it has never died");
        // Trees of the same size are weighed.
        for name in mount.store.directory(&path("/t")).unwrap() {
            mount.store.rm(&path(&format!("/t/{name}"))).unwrap();
        }
        mount.put("/t/a/keep", "");
        mount.quiet();
        mount.settled();
        before.is_again(helper, "the helper");
        println!(
            "{}",
            fs::read_to_string(mount.file(".xenfs/status")).unwrap()
        );
        // In the short form other tests run in this process at the same time.
        if is_long() {
            own.is_again(std::process::id(), "the mount's process");
        }
    });
}
