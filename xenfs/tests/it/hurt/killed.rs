//! The process that serves a mount is killed, at the worst moment.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use xenbus::Operations as _;

use super::proxy::{Fault, Proxy};
use super::{client, leave};
use crate::mount::rig::path;
use crate::process::{DEADLINE, Daemon, Place, succeed};
use crate::watchdog::Watchdog;

/// Whether the thread that tells the kernel of changes waits where no signal ends it.
fn waits_for_a_lock(daemon: &Daemon) -> bool {
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid)).unwrap();
    tasks.filter_map(Result::ok).any(|task| {
        let read = |file| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let state = read("stat");
        let state = state.rsplit(") ").next().unwrap_or_default().to_owned();
        read("comm").trim_end() == "xenfs-watcher" && state.starts_with('D')
    })
}

/// The user holds the directory's lock and waits for an answer; the thread that tells of a change in there waits for
/// the lock; then the process is killed.
#[test]
fn a_process_killed_while_it_tells_of_a_change_leaves_nobody_waiting() {
    let Some(place) = Place::new() else { return };
    let proxy = Proxy::start(&place.file("proxy"), place.socket());
    let store = client(place.socket());
    store.write(&path("/t/a"), b"1").unwrap();
    store.write(&path("/t/b"), b"2").unwrap();
    let address = format!("unix:{}", proxy.path().display());
    succeed(
        place
            .xenfs()
            .args(["-o", "timeout=60", &address])
            .arg(&place.point),
    );
    let daemon = place.daemon();
    let _watchdog = Watchdog::new(&place.point, Duration::from_mins(1));
    let directory = place.point.join("t");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);

    let asks = thread::spawn({
        let directory = directory.clone();
        move || {
            Command::new("mkdir")
                .arg(directory.join("new"))
                .stdin(Stdio::null())
                .stderr(Stdio::piped())
                .output()
                .unwrap()
        }
    });
    proxy.inject(Fault::Nothing);
    let start = Instant::now();
    let mut changes = 0_u32;
    while !waits_for_a_lock(&daemon) {
        assert!(start.elapsed() < DEADLINE, "nothing waits for the lock");
        store.write(&path(&format!("/t/c{changes}")), b"").unwrap();
        changes += 1;
        thread::sleep(Duration::from_millis(5));
    }

    let start = Instant::now();
    daemon.signal(Signal::KILL);
    daemon.ends();
    let output = asks.join().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{error}");
    println!(
        "killed in the middle: all go on after {:?}: {error}",
        start.elapsed()
    );
    let error = fs::metadata(&directory).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotConnected, "{error}");
    leave(&place);
}

#[test]
fn an_orderly_end_takes_the_guard_along() {
    let Some(place) = Place::new() else { return };
    let daemon = place.mount();
    let guards = || {
        let ward = format!("_XENFS_GUARD={}", daemon.pid);
        let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let environments =
            processes.filter_map(|process| fs::read(process.path().join("environ")).ok());
        environments
            .filter(|environment| {
                environment
                    .split(|byte| *byte == 0)
                    .any(|word| word == ward.as_bytes())
            })
            .count()
    };
    assert_eq!(guards(), 1);
    place.unmount();
    daemon.ends();
    assert_eq!(guards(), 0);
}
