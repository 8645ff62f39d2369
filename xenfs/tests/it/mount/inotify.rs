//! What inotify tells of changes that others make.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use xenbus::Operations as _;

use super::rig::{Mount, for_each_mount, path};

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

    /// All events until none came for a while.
    pub(crate) fn rest(&self) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_millis(300)) {
                Ok(line) => told.push(line),
                Err(RecvTimeoutError::Timeout) => return told,
                Err(error) => panic!("{error}: {told:#?}"),
            }
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
fn changes(told: Vec<String>) -> VecDeque<String> {
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
fn told_of(mount: &Mount, listener: &Listener, change: impl FnOnce()) -> Vec<String> {
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
