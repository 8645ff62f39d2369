//! Programs that people use to be told of changes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use xenbus::Operations as _;
use xenbus_harness::requires_tool;

use super::rig::{Mount, for_each_mount, path};

/// Starts a command in the mount and returns its lines.
fn start(
    mount: &Mount,
    command: &mut Command,
) -> (std::process::Child, impl Iterator<Item = String> + use<>) {
    let mut child = command
        .current_dir(mount.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.map_while(Result::ok))
}

#[test]
fn tail_f_follows_a_value() {
    for_each_mount(|mount| {
        mount.put("/t/log", "one");
        mount.quiet();
        let (mut tail, mut lines) = start(
            mount,
            Command::new("tail").args(["-f", "-s", "0.05", "t/log"]),
        );
        assert_eq!(lines.next().unwrap(), "one");
        mount.put("/t/log", "one\ntwo");
        assert_eq!(lines.next().unwrap(), "two");
        tail.kill().unwrap();
        tail.wait().unwrap();
    });
}

#[test]
fn entr_runs_its_command_when_others_change_a_file() {
    if requires_tool("entr").is_none() {
        return;
    }
    for_each_mount(|mount| {
        mount.put("/t/x", "1");
        mount.quiet();
        let script = "exec entr -n sh -c 'cat t/x' <<END\nt/x\nEND\n";
        let (mut entr, mut lines) = start(mount, Command::new("sh").args(["-c", script]));
        assert_eq!(lines.next().unwrap(), "1");
        for round in 2..4 {
            // Whether it has begun to listen again only it knows.
            let told = std::sync::atomic::AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !told.load(std::sync::atomic::Ordering::Relaxed) {
                        mount.put("/t/x", &round.to_string());
                        std::thread::sleep(std::time::Duration::from_millis(100));
                    }
                });
                while lines.next().unwrap() != round.to_string() {}
                told.store(true, std::sync::atomic::Ordering::Relaxed);
            });
        }
        drop(entr.kill());
        drop(entr.wait());
    });
}

#[test]
fn pythons_watchdog_tells_what_was_made_changed_and_removed() {
    let script = "import time, sys\n\
        from watchdog.observers import Observer\n\
        from watchdog.events import FileSystemEventHandler\n\
        class Told(FileSystemEventHandler):\n\
        \x20   def on_any_event(self, event):\n\
        \x20       if event.event_type in ('created', 'modified', 'deleted') and not event.is_directory:\n\
        \x20           print(event.event_type, event.src_path, flush=True)\n\
        observer = Observer(); observer.schedule(Told(), 't', recursive=True); observer.start()\n\
        print('ready', flush=True)\n\
        time.sleep(60)";
    let python = || {
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", script]);
        python
    };
    let there = Command::new("/usr/bin/python3")
        .args(["-c", "import watchdog"])
        .output();
    if !there.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("CI").is_none(),
            "python3-watchdog is missing"
        );
        println!("skipped: python3-watchdog is missing");
        return;
    }
    for_each_mount(|mount| {
        mount.put("/t/d/x", "1");
        mount.quiet();
        let (mut child, mut lines) = start(mount, &mut python());
        assert_eq!(lines.next().unwrap(), "ready");
        mount.put("/t/d/x", "2");
        let mut until = |wanted: &str| while lines.next().unwrap() != wanted {};
        until("modified t/d/x");
        mount.put("/t/d/new", "1");
        until("created t/d/new");
        mount.store.rm(&path("/t/d/new")).unwrap();
        until("deleted t/d/new");
        child.kill().unwrap();
        child.wait().unwrap();
    });
}

/// The events that `PathChanged=` and `PathExists=` of systemd.path(5) listen for (`src/core/path.c`), as inotifywait names
/// them.
#[test]
fn the_masks_of_systemds_path_units_hear_others_changes() {
    if requires_tool("inotifywait").is_none() {
        return;
    }
    for_each_mount(|mount| {
        mount.put("/t/x", "1");
        mount.quiet();
        let masks = "attrib,close_write,move_self,create,delete,moved_to,moved_from,delete_self";
        let listener = super::inotify::Listener::new(mount, &["-e", masks], &["./t/x", "./t"]);
        mount.put("/t/x", "2");
        assert_eq!(listener.until("CLOSE_WRITE,CLOSE ./t/x").len(), 0);
        mount.put("/t/appears", "1");
        assert!(listener.until("CREATE ./t/appears").len() <= 1);
    });
}

const FANOTIFY: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/fanotify.h>
#include <unistd.h>
/* Marks: "inode" on the file, "name" on its directory with file handles and names, "mount". */
int main(int argc, char **argv)
{
    char buffer[4096];
    int name = argv[1][0] == 'n', mount = argv[1][0] == 'm';
    int fd = fanotify_init(name ? FAN_REPORT_DFID_NAME : FAN_CLASS_NOTIF, O_RDONLY);
    unsigned long long mask = name ? FAN_CREATE | FAN_MODIFY | FAN_DELETE | FAN_EVENT_ON_CHILD : FAN_CLOSE_WRITE;
    if (fd < 0 || fanotify_mark(fd, FAN_MARK_ADD | (mount ? FAN_MARK_MOUNT : 0), mask, AT_FDCWD, argv[2]))
        return perror("fanotify"), 1;
    puts("ready"); fflush(stdout);
    for (;;) {
        ssize_t length = read(fd, buffer, sizeof buffer);
        struct fanotify_event_metadata *event = (void *)buffer;
        for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
            if (event->mask & FAN_CREATE) puts("create");
            if (event->mask & FAN_DELETE) puts("delete");
            if (event->mask & FAN_MODIFY) puts("modify");
            if (event->mask & FAN_CLOSE_WRITE) puts("written");
            if (event->fd >= 0) close(event->fd);
        }
        fflush(stdout);
    }
}
"#;

#[test]
fn fanotify_marks_on_files_and_directories_hear_the_same() {
    let directory = tempfile::TempDir::new().unwrap();
    let source = directory.path().join("listen.c");
    let program = directory.path().join("listen");
    fs::write(&source, FANOTIFY).unwrap();
    if requires_tool("cc").is_none() {
        return;
    }
    let compiled = Command::new("cc")
        .arg("-o")
        .arg(&program)
        .arg(&source)
        .status();
    assert!(compiled.unwrap().success());
    for_each_mount(|mount| {
        mount.put("/t/x", "1");
        mount.quiet();
        let listen =
            |kind: &str, target: &str| start(mount, Command::new(&program).args([kind, target]));
        let (mut inode, mut inode_lines) = listen("inode", "t/x");
        let (mut name, mut name_lines) = listen("name", "t");
        let (mut all, mut all_lines) = listen("mount", ".");
        for lines in [
            &mut inode_lines as &mut dyn Iterator<Item = String>,
            &mut name_lines,
            &mut all_lines,
        ] {
            assert_eq!(lines.next().unwrap(), "ready");
        }
        mount.put("/t/x", "2");
        assert_eq!(inode_lines.next().unwrap(), "written");
        assert_eq!(name_lines.next().unwrap(), "modify");
        mount.put("/t/new", "1");
        assert_eq!(name_lines.next().unwrap(), "create");
        mount.store.rm(&path("/t/new")).unwrap();
        while name_lines.next().unwrap() != "delete" {}
        // The mark on the mount has heard nothing of all this, but hears what is done here.
        mount.sh("echo 3 > t/x");
        assert_eq!(all_lines.next().unwrap(), "written");
        for child in [&mut inode, &mut name, &mut all] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    });
}
