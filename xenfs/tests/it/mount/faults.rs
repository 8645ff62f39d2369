//! A store that goes away and comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use xenbus::{ClientOptions, Operations};
use xenbus_harness::{Daemon, available, requires_fuse};
use xenfs::settings::Settings;

use super::inotify::Listener;
use super::rig::{Mount, path};
use crate::count::Count;
use crate::stores::Store;

fn short() -> ClientOptions {
    let mut options = ClientOptions::default();
    options.timeout = Duration::from_secs(1);
    options.transaction_timeout = Duration::from_secs(1);
    options
}

fn settings() -> Settings {
    Settings {
        timeout: short().timeout,
        ..Settings::default()
    }
}

#[test]
fn a_mount_works_again_after_its_daemon_was_restarted() {
    if !requires_fuse() {
        return;
    }
    for kind in available() {
        let store = Store::Real(Daemon::start(kind));
        let mount = Mount::of(
            store.client_with(short()),
            Arc::new(Count::default()),
            store.client_with(short()),
            &settings(),
        );
        let Store::Real(daemon) = &store else {
            return;
        };
        mount.put("/t/d/x", "1");
        let inode = mount.sh("cd t/d; cat x > /dev/null; stat -c %i .");
        let working = std::fs::File::open(mount.file("t/d/x")).unwrap();
        daemon.kill();
        let start = Instant::now();
        let error = mount.fails("cat t/d/x");
        assert!(error.contains("Input/output error"), "{error}");
        mount.fails("ls t");
        mount.fails("echo 1 > t/d/x");
        mount.fails("mkdir t/new");
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{kind:?}: an error takes too long"
        );
        daemon.restart();
        Mount::until(|| mount.store.write(&path("/t/d/x"), b"2").is_ok());
        Mount::until(|| mount.run("cat t/d/x").out == "2\n");
        assert_eq!(mount.sh("cd t/d; stat -c %i ."), inode);
        assert_eq!(std::io::read_to_string(&working).unwrap(), "2\n");
        mount.sh("mkdir t/new; echo 3 > t/new/x; rm -r t");
    }
}

#[test]
fn a_daemon_that_hangs_costs_an_error_and_no_more_than_the_deadline() {
    use rustix::process::{Pid, Signal, kill_process};
    if !requires_fuse() {
        return;
    }
    for kind in available() {
        let store = Store::Real(Daemon::start(kind));
        let mount = Mount::of(
            store.client_with(short()),
            Arc::new(Count::default()),
            store.client_with(short()),
            &settings(),
        );
        let Store::Real(daemon) = &store else {
            return;
        };
        mount.put("/t/x", "1");
        assert_eq!(mount.sh("cat t/x"), "1\n");
        let pid = daemon
            .pid()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()))
            .unwrap();
        kill_process(pid, Signal::STOP).unwrap();
        let start = Instant::now();
        // Many at once: none of them may wait for another's deadline.
        let ran = mount.run("for i in $(seq 40); do cat t/x & done; wait");
        assert_eq!(
            ran.err.matches("Input/output error").count(),
            40,
            "{ran:#?}"
        );
        assert!(
            start.elapsed() < Duration::from_secs(15),
            "{:?}",
            start.elapsed()
        );
        kill_process(pid, Signal::CONT).unwrap();
        Mount::until(|| mount.run("cat t/x").out == "1\n");
    }
}

#[test]
fn nothing_that_was_kept_is_believed_when_the_store_is_away() {
    if !requires_fuse() {
        return;
    }
    for kind in available() {
        let store = Store::Real(Daemon::start(kind));
        let mount = Mount::of(
            store.client_with(short()),
            Arc::new(Count::default()),
            store.client_with(short()),
            &settings(),
        );
        let Store::Real(daemon) = &store else {
            return;
        };
        mount.put("/t/d/x", "1");
        mount.put("/t/y", "1");
        mount.quiet();
        mount.sh("find t; stat t/d/x t/y");
        let listener = Listener::new(&mount, &["-r", "-e", "delete,create"], &["./t"]);
        daemon.kill();
        Mount::until(|| mount.stats().stale_since().is_some());
        let start = Instant::now();
        assert!(mount.fails("stat t/d/x").contains("Input/output error"));
        assert!(start.elapsed() < Duration::from_secs(10), "{kind:?}");
        daemon.restart();
        // The daemons begin with nothing: what vanished is told.
        let told = listener.until("DELETE,ISDIR ./t/d");
        assert!(told.contains(&"DELETE ./t/d/x".to_owned()), "{told:#?}");
        Mount::until(|| mount.store.write(&path("/t/z"), b"2").is_ok());
        Mount::until(|| mount.run("cat t/z").out == "2\n");
        assert!(mount.stats().stale_since().is_none());
        let ls = mount.sh("ls t");
        assert_eq!(ls, "z\n", "{kind:?}");
    }
}
