//! The stores that commands are tried on.

use std::path::Path;
use std::process::{Command, Stdio};

use xenbus_harness::{Daemon, available};

use crate::process::{Serve, xsh};

/// A store of some kind.
pub(crate) enum Store {
    Real(Daemon),
    Embedded(Serve),
}

impl Store {
    pub(crate) fn socket(&self) -> &Path {
        match self {
            Self::Real(daemon) => daemon.socket(),
            Self::Embedded(serve) => serve.socket(),
        }
    }

    /// The shell on this store.
    pub(crate) fn xsh(&self, arguments: &[&str]) -> Command {
        let mut command = xsh();
        command.args(arguments).env("XENSTORED_PATH", self.socket());
        command
    }

    /// Runs the shell on this store: status, standard output and standard error.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        self.run_with(arguments, |_| {})
    }

    /// As [`Store::run`], with a change of the command.
    pub(crate) fn run_with(
        &self,
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> (Option<i32>, String, String) {
        let mut command = self.xsh(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        change(&mut command);
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    /// Runs commands that succeed; their output.
    pub(crate) fn does(&self, script: &str) -> String {
        let (code, stdout, stderr) = self.run(&["-c", script]);
        assert_eq!(code, Some(0), "{script}: {stderr}");
        stdout
    }
}

/// Runs a test with a fresh store of each kind.
pub(crate) fn for_each_store(mut test: impl FnMut(&Store)) {
    for kind in available() {
        test(&Store::Real(Daemon::start(kind)));
    }
    test(&Store::Embedded(Serve::start(&[])));
}
