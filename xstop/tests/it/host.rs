//! A simulated host that this process serves, as another machine's store and files, and the program that looks at it.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;
use xenbus::demo::{Host, Scenario};

/// A host with a socket and a directory of files.
pub(crate) struct Served {
    pub(crate) host: Host,
    directory: TempDir,
}

impl Served {
    pub(crate) fn start(scenario: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut host = Host::start(&Scenario::find(scenario).unwrap()).unwrap();
        host.keep_sysroot(&directory.path().join("root")).unwrap();
        let served = Self { host, directory };
        served.host.server().listen(&served.socket()).unwrap();
        served
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// The dashboard, looking at it.
    pub(crate) fn xstop(&self) -> Command {
        let mut command = xstop();
        command
            .arg(format!("--connect=unix:{}", self.socket().display()))
            .arg("--sysroot")
            .arg(self.directory.path().join("root"));
        command
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

pub(crate) fn xstop() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xstop"));
    command.stdin(Stdio::null());
    command
}

/// What a program that has to succeed prints.
pub(crate) fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Everything that a program said, and how it ended.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "{}\n{}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    )
}

/// A program that is ended with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// The first line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        let out = self.0.stdout.as_mut().unwrap();
        let mut byte = [0];
        while out.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Whether a program is there; a visible skip if not.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    xenbus_harness::requires_tool(name)
}

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
