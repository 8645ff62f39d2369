//! The life of the process: background, errors, the ways in which a mount ends.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::Signal;

use crate::process::{Daemon, Place, fail, succeed};

#[test]
fn the_mount_is_live_when_the_command_returns() {
    let Some(place) = Place::new() else { return };
    succeed(place.xenfs().arg(&place.point));
    let line = place.line().expect("a line in /proc/mounts");
    assert!(line.starts_with("xenfs "), "{line}");
    assert!(line.contains(" fuse.xenfs rw,nosuid,nodev"), "{line}");
    assert!(line.contains("default_permissions"), "{line}");
    assert!(place.is_mounted());
    assert!(fs::read_dir(&place.point).is_ok());
    place.unmount();
}

#[test]
fn the_background_process_holds_nothing_of_its_caller() {
    let Some(place) = Place::new() else { return };
    let (mut end, kept) = io::pipe().unwrap();
    // Inherited as a shell's `9>&1` would be, besides the streams.
    fcntl_setfd(&kept, FdFlags::empty()).unwrap();
    let mut command = place.xenfs();
    command
        .arg(&place.point)
        .current_dir(place.file(""))
        .stdout(kept.try_clone().unwrap())
        .stderr(kept.try_clone().unwrap());
    assert!(command.status().unwrap().success());
    drop(command);
    drop(kept);
    let daemon = place.daemon();
    let mut said = String::new();
    // Would wait for ever if the daemon held the pipe.
    end.read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
    assert!(daemon.is_running());
    let proc = format!("/proc/{}", daemon.pid);
    assert_eq!(
        fs::read_link(format!("{proc}/cwd")).unwrap(),
        Path::new("/")
    );
    assert_eq!(
        fs::read_to_string(format!("{proc}/comm")).unwrap(),
        "xenfs\n"
    );
    for (number, leads) in daemon.descriptors() {
        let leads = leads.to_string_lossy().into_owned();
        assert_eq!(number < 3, leads == "/dev/null", "{number} -> {leads}");
        assert!(!leads.starts_with("pipe:"), "{number} -> {leads}");
    }
    let stat = fs::read_to_string(format!("{proc}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    assert_eq!(fields[3], daemon.pid.to_string(), "its own session");
    place.unmount();
    daemon.ends();
}

#[test]
fn unmounting_ends_the_process() {
    let Some(place) = Place::new() else { return };
    let daemon = place.mount();
    place.unmount();
    daemon.ends();
    assert!(!place.is_mounted());
}

#[test]
fn in_the_foreground_it_stays_until_the_mount_ends_and_then_succeeds() {
    let Some(place) = Place::new() else { return };
    for signal in [
        None,
        Some(Signal::TERM),
        Some(Signal::INT),
        Some(Signal::HUP),
    ] {
        let mut child = place.xenfs().arg("-f").arg(&place.point).spawn().unwrap();
        let process = Daemon::open(i32::try_from(child.id()).unwrap()).unwrap();
        await_mount(&place);
        match signal {
            None => place.unmount(),
            Some(signal) => process.signal(signal),
        }
        process.ends();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal:?}");
        assert!(!place.is_mounted(), "{signal:?}");
    }
}

#[test]
fn a_signal_unmounts_even_while_somebody_is_inside() {
    let Some(place) = Place::new() else { return };
    let daemon = place.mount();
    let inside = File::open(&place.point).unwrap();
    daemon.signal(Signal::TERM);
    daemon.ends();
    assert!(!place.is_mounted());
    drop(inside);
}

#[test]
fn a_signal_unmounts_also_after_a_directory_above_was_renamed_and_never_anything_else() {
    let Some(mut place) = Place::new() else {
        return;
    };
    let (before, after) = (place.file("before"), place.file("after"));
    fs::create_dir_all(before.join("xs")).unwrap();
    place.point = before.join("xs");
    let daemon = place.mount();
    fs::rename(&before, &after).unwrap();
    place.point = after.join("xs");
    assert!(place.line().is_some());
    daemon.signal(Signal::TERM);
    daemon.ends();
    assert!(place.line().is_none());

    let root = || {
        if rustix::process::geteuid().is_root() {
            Ok(())
        } else {
            Err("others cannot mount over it".into())
        }
    };
    if !xenbus_harness::requires("root", root) {
        return;
    }
    let daemon = place.mount();
    succeed(
        place
            .command("mount")
            .args(["-t", "tmpfs", "none"])
            .arg(&place.point),
    );
    daemon.signal(Signal::TERM);
    daemon.ends();
    assert!(place.line().is_some());
    fs::write(place.point.join("file"), "still there").unwrap();
    for _ in 0..2 {
        succeed(place.command("umount").arg(&place.point));
    }
}

#[test]
fn after_a_kill_the_leftover_is_explained_and_fusermount3_takes_it_away() {
    let Some(place) = Place::new() else { return };
    let daemon = place.mount();
    daemon.signal(Signal::KILL);
    daemon.ends();
    let left = fs::read_dir(&place.point).unwrap_err();
    assert_eq!(left.kind(), io::ErrorKind::NotConnected, "{left}");
    let error = fail(place.xenfs().arg(&place.point), 1);
    assert!(
        error.contains("has died") && error.contains("fusermount3 -u"),
        "{error}"
    );
    place.unmount();
    assert!(!place.is_mounted());
    let daemon = place.mount();
    place.unmount();
    daemon.ends();
}

#[test]
fn a_place_that_cannot_be_mounted_on_is_refused_with_the_reason() {
    let Some(place) = Place::new() else { return };
    let missing = place.file("missing");
    let error = fail(place.xenfs().arg(&missing), 1);
    assert!(
        error.contains("does not exist") && error.contains("mkdir"),
        "{error}"
    );
    let file = place.file("file");
    fs::write(&file, "").unwrap();
    let error = fail(place.xenfs().arg(&file), 1);
    assert!(error.contains("not a directory"), "{error}");
    let daemon = place.mount();
    let error = fail(place.xenfs().arg(&place.point), 1);
    assert!(error.contains("mounted there already"), "{error}");
    assert!(daemon.is_running());
    place.unmount();
}

#[test]
fn without_a_store_nothing_is_mounted_and_the_error_says_where_it_looked() {
    let Some(place) = Place::new() else { return };
    let nowhere = place.file("nowhere");
    for foreground in [true, false] {
        let mut command = place.xenfs();
        if foreground {
            command.arg("-f");
        }
        command.env("XENSTORED_PATH", &nowhere).arg(&place.point);
        let error = fail(&mut command, 1);
        assert!(error.contains(nowhere.to_str().unwrap()), "{error}");
        assert!(!place.is_mounted());
        assert!(place.daemons().is_empty());
    }
}

#[test]
fn a_store_that_never_answers_costs_the_deadline_and_not_more() {
    let Some(place) = Place::new() else { return };
    let silent = place.file("silent");
    let listener = UnixListener::bind(&silent).unwrap();
    let error = fail(
        place
            .xenfs()
            .args(["-o", "timeout=0.2", "--connect"])
            .arg(format!("unix:{}", silent.display()))
            .arg(&place.point),
        1,
    );
    assert!(error.contains("no answer"), "{error}");
    assert!(!place.is_mounted());
    drop(listener);
}

#[test]
fn a_parent_that_is_killed_while_it_waits_leaves_no_mount() {
    let Some(place) = Place::new() else { return };
    let silent = place.file("silent");
    let listener = UnixListener::bind(&silent).unwrap();
    let mut parent = place
        .xenfs()
        .env("XENSTORED_PATH", &silent)
        .args(["--timeout", "1"])
        .arg(&place.point)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The child is there once it connects.
    let held = listener.accept().unwrap();
    let parent_pid = i32::try_from(parent.id()).unwrap();
    let children: Vec<_> = place
        .daemons()
        .into_iter()
        .filter(|process| process.pid != parent_pid)
        .collect();
    assert_eq!(children.len(), 1);
    parent.kill().unwrap();
    parent.wait().unwrap();
    drop(held);
    children[0].ends();
    assert!(!place.is_mounted());
}

#[test]
fn wrong_arguments_exit_with_2_and_a_hint() {
    let Some(place) = Place::new() else { return };
    for arguments in [
        &["-o", "nonsense"][..],
        &["-o", "umask=9"],
        &["--nonsense"],
        &["unix:/a", "--demo"],
        &["nonsense"],
    ] {
        let error = fail(place.xenfs().args(arguments).arg(&place.point), 2);
        assert!(
            error.contains("xenfs") || error.contains("--help"),
            "{error}"
        );
        assert!(!place.is_mounted());
    }
    let error = fail(&mut place.xenfs(), 2);
    assert!(
        error.contains("Usage:") && error.contains("Unmount:"),
        "{error}"
    );
}

#[test]
fn the_demo_host_lives_in_the_background_process() {
    let Some(place) = Place::new() else { return };
    succeed(place.xenfs().arg("--demo").arg(&place.point));
    let daemon = place.daemon();
    assert!(place.line().unwrap().starts_with("demo "));
    let name = fs::read_to_string(place.point.join("local/domain/0/name")).unwrap();
    assert_eq!(name, "Domain-0\n");
    place.unmount();
    daemon.ends();
}

#[test]
fn a_home_that_the_shell_has_expanded_is_explained() {
    let Some(place) = Place::new() else { return };
    let error = fail(
        place
            .xenfs()
            .env("HOME", "/root")
            .args(["-o", "subdir=/root"])
            .arg(&place.point),
        1,
    );
    assert!(
        error.contains("/root") && error.contains("quote"),
        "{error}"
    );
    assert!(!place.is_mounted());
}

#[test]
fn relative_paths_hold_although_the_process_works_in_the_root() {
    let Some(place) = Place::new() else { return };
    let directory = place.file("");
    succeed(
        place
            .xenfs()
            .current_dir(&directory)
            .args(["unix:socket", "xs"]),
    );
    assert!(place.is_mounted());
    assert!(place.line().unwrap().starts_with("unix:socket "));
    assert!(fs::read_dir(&place.point).is_ok());
    place.unmount();
}

/// Waits until the mount is in the kernel's table: it announces changes by POLLERR | POLLPRI (proc_pid_mounts(5)).
fn await_mount(place: &Place) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let table = File::open("/proc/self/mounts").unwrap();
    let deadline = Timespec::try_from(crate::process::DEADLINE).unwrap();
    loop {
        for _ in BufReader::new(&table).lines() {}
        if place.line().is_some() {
            // It answers once the process has answered the kernel.
            fs::metadata(&place.point).unwrap();
            return;
        }
        let mut polled = [PollFd::new(&table, PollFlags::PRI)];
        assert_eq!(poll(&mut polled, Some(&deadline)).unwrap(), 1, "no mount");
    }
}
