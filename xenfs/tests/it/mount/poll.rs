//! `poll`, `epoll` and `select` on open files.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};

use super::rig::{Mount, for_each_mount, path};
use xenbus::Operations as _;

fn content(file: &mut File) -> String {
    let mut content = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut content).unwrap();
    content
}

/// What `poll` says, at the latest after so many milliseconds.
fn polled(file: &File, patience: i64) -> PollFlags {
    let mut fds = [PollFd::new(file, PollFlags::PRI | PollFlags::ERR)];
    let patience = Timespec {
        tv_sec: patience / 1000,
        tv_nsec: patience % 1000 * 1_000_000,
    };
    poll(&mut fds, Some(&patience)).unwrap();
    fds[0].revents()
}

const CHANGED: PollFlags = PollFlags::PRI.union(PollFlags::ERR);

#[test]
fn an_open_file_says_that_it_changed_as_an_attribute_of_sysfs_does() {
    for_each_mount(|mount| {
        mount.put("/t/x", "1");
        mount.quiet();
        let mut file = File::open(mount.file("t/x")).unwrap();
        assert_eq!(content(&mut file), "1\n");
        for round in 2..6 {
            assert_eq!(polled(&file, 0), PollFlags::empty());
            mount.put("/t/x", &round.to_string());
            assert_eq!(polled(&file, 20_000), CHANGED);
            assert_eq!(polled(&file, 0), CHANGED, "until it is read");
            assert_eq!(content(&mut file), format!("{round}\n"));
        }
        mount.store.rm(&path("/t/x")).unwrap();
        assert_eq!(polled(&file, 20_000), CHANGED);
    });
}

#[test]
fn epoll_wakes_for_each_change_level_and_edge_triggered() {
    for_each_mount(|mount| {
        mount.put("/t/x", "1");
        mount.quiet();
        for edge in [false, true] {
            let mut file = File::open(mount.file("t/x")).unwrap();
            content(&mut file);
            let waiter = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
            let mut flags = epoll::EventFlags::PRI;
            if edge {
                flags |= epoll::EventFlags::ET;
            }
            epoll::add(&waiter, &file, epoll::EventData::new_u64(7), flags).unwrap();
            let wait = |patience| {
                let mut events = Vec::with_capacity(4);
                let patience = Timespec {
                    tv_sec: patience,
                    tv_nsec: 0,
                };
                epoll::wait(
                    &waiter,
                    rustix::buffer::spare_capacity(&mut events),
                    Some(&patience),
                )
                .unwrap();
                events.len()
            };
            assert_eq!(wait(0), 0);
            for round in 0..3 {
                mount.put("/t/x", &format!("{edge} {round}"));
                assert_eq!(wait(20), 1);
                assert_eq!(wait(0), usize::from(!edge), "until it is read, or once");
                assert_eq!(content(&mut file), format!("{edge} {round}\n"));
                assert_eq!(wait(0), 0);
            }
        }
    });
}

#[test]
fn select_tells_changes_as_exceptions_in_python() {
    for_each_mount(|mount| {
        mount.put("/t/x", "1");
        mount.quiet();
        let script = "import select, sys\n\
            f = open('t/x'); f.read(); print('ready', flush=True)\n\
            print(select.select([], [], [f], 20)[2] == [f]); f.seek(0); print(f.read(), end='')";
        let mut python = std::process::Command::new("python3")
            .args(["-c", script])
            .current_dir(mount.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = python.stdout.take().unwrap();
        let mut ready = [0; 6];
        output.read_exact(&mut ready).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        mount.put("/t/x", "2");
        assert_eq!(std::io::read_to_string(output).unwrap(), "True\n2\n");
        python.wait().unwrap();
    });
}

#[test]
fn writing_through_the_mount_wakes_who_polls() {
    for_each_mount(|mount: &Mount| {
        mount.put("/t/x", "1");
        mount.quiet();
        let mut file = File::open(mount.file("t/x")).unwrap();
        content(&mut file);
        mount.sh("echo 2 > t/x");
        assert_eq!(polled(&file, 20_000), CHANGED);
        assert_eq!(content(&mut file), "2\n");
    });
}
