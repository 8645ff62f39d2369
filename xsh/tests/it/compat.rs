//! The drop-in for xenstore-utils beside the originals: the same commands on two stores of a kind, one for each.

mod battery;
mod deviations;
mod live_update;
mod terminal;
mod trees;
mod watches;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xenbus_harness::{Daemon, available, requires_tool};

use crate::process::Serve;
use crate::stores::Store;

/// Two fresh stores of a kind.
pub(super) struct Pair {
    pub(super) kind: String,
    pub(super) theirs: Store,
    pub(super) ours: Store,
}

/// Runs a test on two stores of each kind; not where the originals are missing.
pub(super) fn for_each_pair(mut test: impl FnMut(&Pair)) {
    if requires_tool("xenstore-ls").is_none() {
        return;
    }
    for kind in available() {
        test(&Pair {
            kind: format!("{kind:?}"),
            theirs: Store::Real(Daemon::start(kind)),
            ours: Store::Real(Daemon::start(kind)),
        });
    }
    for personality in ["c", "oxenstored"] {
        let start = || Store::Embedded(Serve::start(&["--personality", personality]));
        test(&Pair {
            kind: format!("embedded {personality}"),
            theirs: start(),
            ours: start(),
        });
    }
}

/// Which of the two.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    Theirs,
    Ours,
}

impl Pair {
    /// A tool of one side, under the same name, on its own store.
    pub(super) fn tool(&self, side: Side, name: &str) -> Command {
        let (program, store) = match side {
            Side::Theirs => (original(name), &self.theirs),
            Side::Ours => (env!("CARGO_BIN_EXE_xsh").into(), &self.ours),
        };
        let mut command = Command::new(program);
        command
            .arg0(name)
            .env("XENSTORED_PATH", store.socket())
            .env_remove("POSIXLY_CORRECT")
            .stdin(Stdio::null());
        command
    }

    /// Runs a tool on both sides and fails if anything that can be seen differs; what it printed.
    pub(super) fn same(&self, name: &str, arguments: &[&[u8]]) -> Seen {
        let run = |side| {
            let mut command = self.tool(side, name);
            command.args(arguments.iter().map(|a| std::ffi::OsStr::from_bytes(a)));
            let store = match side {
                Side::Theirs => &self.theirs,
                Side::Ours => &self.ours,
            };
            // A daemon may name its own directory.
            Seen::of(&mut command).without(store.socket().parent().unwrap())
        };
        let (theirs, ours) = (run(Side::Theirs), run(Side::Ours));
        let arguments: Vec<_> = arguments
            .iter()
            .map(|a| a.escape_ascii().to_string())
            .collect();
        assert_eq!(
            ours, theirs,
            "{}: {name} {arguments:?} (left: ours)",
            self.kind
        );
        ours
    }
}

fn original(name: &str) -> PathBuf {
    requires_tool(name).unwrap_or_default()
}

/// What can be seen of a program.
#[derive(Eq, PartialEq)]
pub(super) struct Seen {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
}

impl Seen {
    pub(super) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            stdout: output.stdout,
            stderr: output.stderr,
            code: output.status.code(),
            signal: output.status.signal(),
        }
    }

    /// With a word for a directory.
    fn without(mut self, directory: &Path) -> Self {
        let directory = directory.to_str().unwrap();
        for text in [&mut self.stdout, &mut self.stderr] {
            if let Ok(readable) = str::from_utf8(text) {
                *text = readable.replace(directory, "DIRECTORY").into_bytes();
            }
        }
        self
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "[code {:?} signal {:?}\nstdout: {}\nstderr: {}]",
            self.code,
            self.signal,
            self.stdout.escape_ascii(),
            self.stderr.escape_ascii()
        )
    }
}

/// Links to the program under the names of the tools, as an administrator installs them.
pub(super) fn links() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in [
        "read", "write", "ls", "list", "exists", "rm", "chmod", "watch", "control",
    ] {
        let link = directory.path().join(format!("xenstore-{name}"));
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_xsh"), link).unwrap();
    }
    directory
}

#[test]
fn links_and_the_command_compat_do_the_same() {
    let serve = Serve::start(&[]);
    let links = links();
    let run = |command: &mut Command| Seen::of(command.env("XENSTORED_PATH", serve.socket()));
    let linked = |name: &str| Command::new(links.path().join(name));
    assert_eq!(
        run(linked("xenstore-write").args(["/a", "v\\n"])).code,
        Some(0)
    );
    let by_link = run(linked("xenstore-read").args(["-p", "/a"]));
    assert_eq!(by_link.stdout, b"/a: v\\n\n");
    for name in ["read", "xenstore-read"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xsh"));
        assert_eq!(run(command.args(["compat", name, "-p", "/a"])), by_link);
    }
    let mut help = Command::new(env!("CARGO_BIN_EXE_xsh"));
    let help = run(help.args(["compat", "read", "-h"]));
    let expected = b"xenstore-read: Usage: xenstore-read [-h] [-p] [-s] [-R] key [...]\n";
    assert_eq!((help.code, &help.stderr[..]), (Some(1), &expected[..]));
    for wrong in [&["compat"][..], &["compat", "frob"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xsh"));
        let seen = run(command.args(wrong));
        assert_eq!(seen.code, Some(2), "{seen:?}");
        let said = seen.stderr.escape_ascii().to_string();
        assert!(said.contains("NAME"), "{seen:?}");
    }
}

#[test]
fn an_unreachable_store_is_the_same_error() {
    let Some(original) = requires_tool("xenstore-read") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let dead = directory.path().join("dead");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    for path in [
        OsString::from("/nonexistent/store"),
        dead.into_os_string(),
        directory.path().into(),
    ] {
        for option in [&[][..], &["-s"]] {
            let run = |program: &Path| {
                let mut command = Command::new(program);
                command.arg0("xenstore-read").args(option).arg("/a");
                Seen::of(command.env("XENSTORED_PATH", &path))
            };
            assert_eq!(
                run(env!("CARGO_BIN_EXE_xsh").as_ref()),
                run(&original),
                "{}",
                path.display()
            );
        }
    }
}
