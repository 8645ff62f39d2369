//! A running `xsh serve`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// The program under test.
pub(crate) fn xsh() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xsh"));
    command.stdin(Stdio::null());
    command
}

/// `xsh serve` on a socket of its own; ended when dropped.
pub(crate) struct Serve {
    child: Child,
    stderr: BufReader<ChildStderr>,
    socket: PathBuf,
    directory: Option<tempfile::TempDir>,
}

impl Serve {
    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_by(xsh(), options)
    }

    /// As [`Serve::start`], by a command that runs the program.
    pub(crate) fn start_by(command: Command, options: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("xsh-").tempdir().unwrap();
        Self::start_in(command, options, directory)
    }

    /// As [`Serve::start_by`], on the socket `s` of a directory.
    pub(crate) fn start_in(
        command: Command,
        options: &[&str],
        directory: tempfile::TempDir,
    ) -> Self {
        let socket = directory.path().join("s");
        let mut serve = Self::start_on(command, options, &socket);
        serve.directory = Some(directory);
        serve
    }

    /// As [`Serve::start`], on a socket in a directory of the caller's.
    pub(crate) fn start_at(socket: &Path, options: &[&str]) -> Self {
        Self::start_on(xsh(), options, socket)
    }

    fn start_on(mut command: Command, options: &[&str], socket: &Path) -> Self {
        command.arg("serve").arg("--socket").arg(socket);
        let mut child = command
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let mut serve = Self {
            child,
            stderr: BufReader::new(stderr),
            socket: socket.to_owned(),
            directory: None,
        };
        assert_eq!(
            serve.line(),
            format!("serving on {}", serve.socket.display())
        );
        let hint = serve.line();
        assert!(hint.contains("XENSTORED_PATH="), "{hint}");
        serve
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line on its standard error.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Sends a signal, waits for the end, and returns how it ended and what else it said.
    pub(crate) fn end(mut self, signal: Signal) -> (ExitStatus, String) {
        self.signal(signal);
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        assert!(!self.socket.exists(), "the socket is left");
        (status, rest)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
