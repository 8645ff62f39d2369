//! `.events`: the stream of what changes in a directory.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use xenbus::Operations as _;
use xenbus_harness::requires_tool;

use super::rig::{Mount, for_each_mount, path};

/// A reader of `t/.events`.
fn open(mount: &Mount) -> BufReader<File> {
    BufReader::new(File::open(mount.file("t/.events")).unwrap())
}

/// The next line, as `kind path value`.
fn next(reader: &mut impl std::io::BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    let text = |key: &str| line[key].as_str().unwrap_or("-").to_owned();
    format!("{} {} {}", text("kind"), text("path"), text("value"))
}

#[test]
fn every_change_in_the_subtree_is_a_line() {
    for_each_mount(|mount| {
        mount.put("/t/x", "1");
        mount.put("/t/d/e/f", "1");
        mount.quiet();
        assert!(!mount.sh("ls -A t").contains(".events"));
        let mut events = open(mount);
        mount.put("/t/x", "2");
        assert_eq!(next(&mut events), "modified /t/x 2");
        mount.put("/t/x", "2");
        assert_eq!(next(&mut events), "modified /t/x 2");
        mount.put("/t/d/e/f", "3");
        assert_eq!(next(&mut events), "modified /t/d/e/f 3");
        mount.put("/t/p/q/r", "4");
        assert_eq!(next(&mut events), "created /t/p ");
        assert_eq!(next(&mut events), "created /t/p/q ");
        assert_eq!(next(&mut events), "created /t/p/q/r 4");
        mount.perms("/t/x", "n0,r5");
        assert_eq!(next(&mut events), "perms /t/x 2");
        mount.put("/elsewhere", "1");
        mount.store.rm(&path("/t/d")).unwrap();
        assert_eq!(next(&mut events), "removed /t/d/e/f -");
        assert_eq!(next(&mut events), "removed /t/d/e -");
        assert_eq!(next(&mut events), "removed /t/d -");
        // What is done through the mount is done, too.
        mount.sh("echo 5 > t/new");
        assert_eq!(next(&mut events), "created /t/new 5");
        assert_eq!(mount.stats().streams.get(), 1);
        drop(events);
        Mount::until(|| mount.stats().streams.get() == 0);
    });
}

#[test]
fn a_reader_that_does_not_wait_is_told_so_and_can_poll() {
    for_each_mount(|mount| {
        mount.put("/t/x", "1");
        mount.quiet();
        let mut options = File::options();
        options
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let mut events = options.open(mount.file("t/.events")).unwrap();
        let mut buffer = [0; 4096];
        let error = events.read(&mut buffer).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        let ready = |patience| {
            let mut fds = [PollFd::new(&events, PollFlags::IN)];
            let patience = Timespec {
                tv_sec: patience,
                tv_nsec: 0,
            };
            poll(&mut fds, Some(&patience)).unwrap() == 1
        };
        assert!(!ready(0));
        mount.put("/t/x", "2");
        assert!(ready(20));
        assert!(events.read(&mut buffer).unwrap() > 0);
        assert!(
            File::options()
                .write(true)
                .open(mount.file("t/.events"))
                .is_err()
        );
    });
}

fn start(mount: &Mount, script: &str) -> Child {
    Command::new("bash")
        .args(["-c", script])
        .current_dir(mount.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn common_tools_read_the_stream() {
    if requires_tool("jq").is_none() {
        return;
    }
    for_each_mount(|mount| {
        mount.put("/t/x", "1");
        mount.quiet();
        let readers = [
            "exec cat t/.events",
            "exec head -n 1 t/.events",
            // It writes its output in blocks, but to a terminal.
            "exec stdbuf -oL tail -n +1 -f t/.events",
            "while read -r line; do echo \"$line\"; done < t/.events",
            "exec jq --unbuffered -c . < t/.events",
            "exec grep --line-buffered . t/.events",
        ];
        let mut children: Vec<_> = readers.iter().map(|reader| start(mount, reader)).collect();
        Mount::until(|| mount.stats().streams.get() == readers.len() as u64);
        mount.put("/t/x", "2");
        for (child, reader) in children.iter_mut().zip(readers) {
            let mut output = BufReader::new(child.stdout.take().unwrap());
            assert_eq!(next(&mut output), "modified /t/x 2", "{reader}");
            if reader.contains("head") {
                assert!(child.wait().unwrap().success());
            }
            // Nothing more until it is told: it waits.
        }
        for child in &mut children {
            drop(child.kill());
            drop(child.wait());
        }
        Mount::until(|| mount.stats().streams.get() == 0);
    });
}

#[test]
fn a_reader_that_waits_can_be_interrupted_and_killed_and_holds_nobody_up() {
    for_each_mount(|mount| {
        mount.put("/t/x", "1");
        mount.quiet();
        // More than there are threads of the session.
        let mut readers: Vec<_> = (0..8)
            .map(|_| {
                let mut cat = Command::new("cat");
                cat.arg(mount.file("t/.events")).stdout(Stdio::null());
                cat.spawn().unwrap()
            })
            .collect();
        Mount::until(|| mount.stats().streams.get() == 8);
        assert_eq!(mount.sh("cat t/x"), "1\n");
        for (at, reader) in readers.iter_mut().enumerate() {
            let signal = [Signal::INT, Signal::KILL, Signal::TERM][at % 3];
            let pid = Pid::from_raw(reader.id().cast_signed()).unwrap();
            let start = Instant::now();
            kill_process(pid, signal).unwrap();
            reader.wait().unwrap();
            // 150 ms on an idle machine; here others work beside.
            assert!(start.elapsed() < Duration::from_secs(2), "{signal:?}");
        }
        Mount::until(|| mount.stats().streams.get() == 0);
    });
}

#[test]
fn a_signal_that_a_program_handles_does_not_end_its_reading() {
    for_each_mount(|mount| {
        mount.put("/t/x", "1");
        mount.quiet();
        let script =
            "trap 'echo trapped' USR1; while read -r line; do echo \"$line\"; done < t/.events";
        let mut child = start(mount, script);
        Mount::until(|| mount.stats().streams.get() == 1);
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        // The shell may not have begun to read.
        let trapped = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !trapped.load(Ordering::Relaxed) {
                    kill_process(pid, Signal::USR1).unwrap();
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            trapped.store(true, Ordering::Relaxed);
            assert_eq!(line, "trapped\n");
        });
        mount.put("/t/x", "2");
        let mut lines = output.lines().map_while(Result::ok);
        let told = lines.find(|line| line != "trapped").unwrap();
        assert!(told.contains("modified"), "{told}");
        child.kill().unwrap();
        child.wait().unwrap();
    });
}
