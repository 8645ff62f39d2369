//! What inotify tells of changes that others make.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use xenbus::Operations as _;
use xenfs::settings::Settings;

use super::rig::{Mount, for_each_mount, for_each_mount_with, path};
use crate::watchdog::Watchdog;

/// `inotifywait -m`, and the lines that it prints: `events path`.
pub(crate) struct Listener {
    child: Child,
    lines: Receiver<String>,
}

impl Listener {
    /// Listens on `targets`, relative to the root of the mount.
    pub(crate) fn new(mount: &Mount, arguments: &[&str], targets: &[&str]) -> Self {
        let mut child = Command::new("inotifywait")
            .arg("-m")
            .args(arguments)
            .args(["--format", "%e %w%f"])
            .args(targets)
            .current_dir(mount.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("Watches established") {
            assert!(errors.read_line(&mut said).unwrap() > 0, "{said}");
        }
        // Somebody has to read what it complains of: it would stop when the pipe is full, and end if it were closed.
        std::thread::spawn(move || drop(std::io::copy(&mut errors, &mut std::io::sink())));
        Self { child, lines }
    }

    /// The next events, up to the first about `last`, and until then no more come.
    pub(crate) fn until(&self, last: &str) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(20)) {
                Ok(line) if line == last => return told,
                Ok(line) => told.push(line),
                Err(error) => panic!("{error}: {told:#?}, and not {last}"),
            }
        }
    }

    /// Takes the events that are there, and waits a moment if there are none; how many they were.
    pub(crate) fn heard(&self) -> usize {
        let first = self.lines.recv_timeout(Duration::from_millis(100));
        usize::from(first.is_ok()) + self.lines.try_iter().count()
    }

    /// Waits for so many events.
    pub(crate) fn wait_for(&self, count: usize) {
        for _ in 0..count {
            self.lines.recv_timeout(Duration::from_secs(20)).unwrap();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Without those that say only that somebody looked.
fn changes(mut told: Vec<String>) -> VecDeque<String> {
    // Whether inotify merges two equal ones depends on how fast they are read.
    told.dedup();
    let looks = [
        "OPEN,ISDIR ",
        "ACCESS,ISDIR ",
        "CLOSE_NOWRITE,CLOSE,ISDIR ",
        "ACCESS ",
        "CLOSE_NOWRITE,CLOSE ",
    ];
    told.into_iter()
        .filter(|line| !looks.iter().any(|look| line.starts_with(look)))
        .collect()
}

/// Makes a change and returns what was told of it. `t/end` is written afterwards: its event ends the list.
pub(crate) fn told_of(mount: &Mount, listener: &Listener, change: impl FnOnce()) -> Vec<String> {
    change();
    mount.put("/t/end", "now");
    let told = listener.until("CLOSE_WRITE,CLOSE ./t/end");
    changes(told)
        .into_iter()
        .filter(|line| !line.ends_with("/t/end"))
        .collect()
}

#[test]
fn others_changes_are_told_with_the_events_of_a_local_change() {
    for_each_mount(|mount| {
        for node in ["end", "x", "d/below", "gone", "g/a/b", "g/c", "f"] {
            mount.put(&format!("/t/{node}"), "1");
        }
        mount.quiet();
        let listener = Listener::new(mount, &["-r"], &["./t"]);
        let told = |change: &dyn Fn()| told_of(mount, &listener, change);
        let write = ["OPEN ./t/x", "MODIFY ./t/x", "CLOSE_WRITE,CLOSE ./t/x"];
        assert_eq!(told(&|| mount.put("/t/x", "2")), write);
        assert_eq!(told(&|| mount.put("/t/x", "2")), write, "the same value");
        assert_eq!(told(&|| mount.perms("/t/x", "n0,r5")), ["ATTRIB ./t/x"]);
        assert_eq!(
            told(&|| mount.perms("/t/d", "n0,r5")),
            ["ATTRIB,ISDIR ./t/d", "ATTRIB,ISDIR ./t/d/"]
        );
        assert_eq!(
            told(&|| mount.put("/t/new", "1")),
            [
                "CREATE ./t/new",
                "OPEN ./t/new",
                "MODIFY ./t/new",
                "CLOSE_WRITE,CLOSE ./t/new"
            ]
        );
        let mkdir = told(&|| mount.store.mkdir(&path("/t/empty")).unwrap());
        assert_eq!(mkdir, ["CREATE ./t/empty"]);
        let rm = told(&|| mount.store.rm(&path("/t/gone")).unwrap());
        assert_eq!(rm, ["DELETE ./t/gone"]);
        let rm = told(&|| mount.store.rm(&path("/t/g")).unwrap());
        assert_eq!(
            rm.iter()
                .filter(|line| line.starts_with("DELETE"))
                .collect::<Vec<_>>(),
            [
                "DELETE ./t/g/a/b",
                "DELETE ./t/g/c",
                "DELETE_SELF ./t/g/a/",
                "DELETE,ISDIR ./t/g/a",
                "DELETE_SELF ./t/g/",
                "DELETE,ISDIR ./t/g"
            ],
            "{rm:#?}"
        );
        assert_eq!(
            told(&|| mount.put("/t/f/child", "1"))[..2],
            ["DELETE ./t/f", "CREATE,ISDIR ./t/f"]
        );
        let deep = told(&|| mount.put("/t/p/q/r", "1"));
        assert_eq!(deep[0], "CREATE,ISDIR ./t/p");
        assert_eq!(
            told(&|| mount.put("/t/d", "own")),
            [
                "CREATE ./t/d/.value",
                "OPEN ./t/d/.value",
                "MODIFY ./t/d/.value",
                "CLOSE_WRITE,CLOSE ./t/d/.value"
            ]
        );
        assert_eq!(told(&|| mount.put("/t/d", "")), ["DELETE ./t/d/.value"]);
    });
}

#[test]
fn own_changes_are_told_once_by_the_kernel_and_not_again() {
    for_each_mount(|mount| {
        for node in ["end", "x", "y", "d/a", "d/b/c"] {
            mount.put(&format!("/t/{node}"), "1");
        }
        mount.quiet();
        let listener = Listener::new(mount, &["-r"], &["./t"]);
        let told = |change: &str| told_of(mount, &listener, || drop(mount.sh(change)));
        let write = ["OPEN ./t/x", "MODIFY ./t/x", "CLOSE_WRITE,CLOSE ./t/x"];
        assert_eq!(told("echo 2 > t/x"), write);
        assert_eq!(
            told("echo 2 > t/n"),
            [
                "CREATE ./t/n",
                "OPEN ./t/n",
                "MODIFY ./t/n",
                "CLOSE_WRITE,CLOSE ./t/n"
            ]
        );
        assert_eq!(told("mkdir t/m")[0], "CREATE,ISDIR ./t/m");
        assert_eq!(told("rm t/n"), ["DELETE ./t/n"]);
        assert_eq!(told("mv t/x t/z"), ["MOVED_FROM ./t/x", "MOVED_TO ./t/z"]);
        assert_eq!(
            told("setfattr -n user.xenstore.perms -v n0,r5 t/y"),
            ["ATTRIB ./t/y"]
        );
        let moved = told("mv t/d t/e");
        assert!(moved.iter().all(|line| line.contains("MOVE")), "{moved:#?}");
        let removed = told("rm -r t/e");
        let deleted = removed
            .iter()
            .filter(|line| line.starts_with("DELETE ") || line.starts_with("DELETE,"));
        assert_eq!(deleted.count(), 4, "{removed:#?}");
    });
}

#[test]
fn what_others_do_to_a_node_again_is_told_also_just_after_the_same_was_done_here() {
    for_each_mount(|mount| {
        mount.put("/t/x", "0");
        mount.put("/t/end", "");
        mount.quiet();
        let listener = Listener::new(mount, &["-r"], &["./t"]);
        let here = |change: &str| drop(told_of(mount, &listener, || drop(mount.sh(change))));
        let there = |node: &str, value| told_of(mount, &listener, || mount.put(node, value));
        let written = ["OPEN ./t/x", "MODIFY ./t/x", "CLOSE_WRITE,CLOSE ./t/x"];
        here("echo 1 > t/x");
        assert_eq!(there("/t/x", "2"), written);
        assert_eq!(there("/t/x", "1"), written);
        here("mkdir t/d; rmdir t/d");
        assert_eq!(there("/t/d/x", "")[0], "CREATE,ISDIR ./t/d");
        let removed = told_of(mount, &listener, || mount.store.rm(&path("/t/d")).unwrap());
        assert!(
            removed.contains(&"DELETE,ISDIR ./t/d".to_owned()),
            "{removed:#?}"
        );
    });
}

#[test]
fn a_read_only_mount_tells_changes_too_and_still_refuses_to_change() {
    let settings = Settings {
        read_only: true,
        ..Settings::default()
    };
    for_each_mount_with(&settings, |mount| {
        mount.put("/t/end", "1");
        mount.quiet();
        let listener = Listener::new(mount, &["-r"], &["./t"]);
        let told = told_of(mount, &listener, || mount.put("/t/x", "1"));
        assert_eq!(told[0], "CREATE ./t/x");
        assert!(
            mount
                .fails("echo 1 > t/x")
                .contains("Read-only file system")
        );
        assert!(mount.fails("mkdir t/y").contains("Read-only file system"));
        assert_eq!(mount.get("/t/x"), "1");
    });
}

#[test]
fn a_helper_that_is_killed_is_replaced_and_nothing_is_missed() {
    for_each_mount(|mount| {
        for node in ["end", "x"] {
            mount.put(&format!("/t/{node}"), "1");
        }
        mount.quiet();
        let listener = Listener::new(mount, &["-r"], &["./t"]);
        for round in 1..=3 {
            // What it has done and not reported would be done twice.
            mount.quiet();
            let helper = mount.helper();
            let pid = Pid::from_raw(helper.cast_signed()).unwrap();
            kill_process(pid, Signal::KILL).unwrap();
            let told = told_of(mount, &listener, || mount.put("/t/x", "2"));
            assert_eq!(
                told,
                ["OPEN ./t/x", "MODIFY ./t/x", "CLOSE_WRITE,CLOSE ./t/x"]
            );
            assert_ne!(mount.helper(), helper);
            assert_eq!(mount.stats().helpers.get(), round);
            assert_eq!(mount.stats().failed.get(), 0);
        }
    });
}

#[test]
fn a_storm_of_changes_is_told_and_the_mount_can_be_taken_away_in_the_middle_of_it() {
    for_each_mount(|mount| {
        mount.put_many((0..50).map(|i| format!("/t/n{i}")));
        mount.quiet();
        let listener = Listener::new(mount, &["-r"], &["./t"]);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut round = 0_u32;
                while !done.load(Ordering::Relaxed) {
                    round += 1;
                    // A daemon on a busy machine may be late: that is its storm.
                    let node = |name: &str| path(&format!("/t/{name}"));
                    let (old, new) = (
                        node(&format!("n{}", round % 50)),
                        node(&format!("new{round}")),
                    );
                    drop(mount.store.write(&old, round.to_string().as_bytes()));
                    drop(mount.store.write(&new, b"1"));
                    drop(mount.store.rm(&new));
                }
            });
            listener.wait_for(500);
            drop(listener);
            let _watchdog = Watchdog::new(mount.path(), Duration::from_secs(90));
            let umount = Command::new("umount").arg(mount.path()).status().unwrap();
            done.store(true, Ordering::Relaxed);
            assert!(umount.success(), "busy because of us");
            mount.ended();
        });
    });
}

#[test]
fn a_file_listener_hears_its_file_though_its_directories_are_forgotten() {
    for_each_mount(|mount| {
        mount.put("/t/a/b/x", "1");
        mount.quiet();
        let listener = Listener::new(mount, &[], &["./t/a/b/x"]);
        std::fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
        mount.put("/t/a/b/x", "2");
        assert_eq!(
            listener.until("CLOSE_WRITE,CLOSE ./t/a/b/x"),
            ["OPEN ./t/a/b/x", "MODIFY ./t/a/b/x"]
        );
        mount.store.rm(&path("/t/a")).unwrap();
        let told = listener.until("DELETE_SELF ./t/a/b/x");
        assert_eq!(told, ["ATTRIB ./t/a/b/x"]);
    });
}
