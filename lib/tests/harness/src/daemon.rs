//! One running daemon.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::raw::{self, Raw};
use crate::run_dir::RunDir;
use crate::{shim, skip, spawn};

/// How long a daemon may take to answer its first request (10 to 30 ms is usual).
const START: Duration = Duration::from_secs(20);

/// How long a daemon may take to end by itself: oxenstored does not while a transaction is open.
const STOP: Duration = Duration::from_millis(200);

/// Which implementation of the store.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// `xenstored`, in C.
    C,
    /// `oxenstored`, in OCaml.
    OCaml,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::C, Self::OCaml];

    /// Name of the program.
    pub fn program(self) -> &'static str {
        match self {
            Self::C => "xenstored",
            Self::OCaml => "oxenstored",
        }
    }
}

/// The daemons that can run here; a visible skip for every other.
///
/// # Panics
/// If one cannot run and `CI=true` is set.
pub fn available() -> Vec<Kind> {
    Kind::ALL
        .into_iter()
        .filter(|kind| {
            skip::requires(kind.program(), || {
                shim::library()?;
                program(*kind).map(drop)
            })
        })
        .collect()
}

/// Runs `test` with a fresh daemon of each kind; a visible skip for a kind that cannot run here.
///
/// # Panics
/// If a daemon does not start, or as `test` does.
pub fn for_each_daemon(mut test: impl FnMut(&Daemon)) {
    for kind in available() {
        test(&Daemon::start(kind));
    }
}

/// A real daemon without Xen. It is ended, and its directory removed, when this is dropped, and it dies with the test.
///
/// If the test is panicking then, what the daemon said is printed.
pub struct Daemon {
    kind: Kind,
    run: Arc<RunDir>,
    child: Mutex<Option<Child>>,
    socket: PathBuf,
}

impl Daemon {
    /// Starts a daemon with a fresh store in a directory of its own and waits for its first answer.
    ///
    /// # Panics
    /// If it does not start, with its log.
    pub fn start(kind: Kind) -> Self {
        let run = RunDir::create().expect("a directory for the daemon");
        let daemon = Self {
            kind,
            socket: run.file("socket"),
            run: Arc::new(run),
            child: Mutex::new(None),
        };
        daemon.launch();
        daemon
    }

    /// Which implementation it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The daemon's socket, the same after a restart. Its clients have full privilege.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The daemon's process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// Ends the daemon, if it runs, and starts it again with a fresh store. Domains stay, but are not introduced.
    ///
    /// # Panics
    /// If it does not start, with its log.
    pub fn restart(&self) {
        self.stop();
        self.launch();
    }

    /// Ends the daemon as the system would: SIGTERM, and SIGKILL if it does not obey.
    pub fn stop(&self) {
        if let Some(mut child) = self.child().take() {
            // A stopped process sees a signal only once it goes on.
            signal(&child, Signal::CONT);
            signal(&child, Signal::TERM);
            if wait(&mut child, STOP).is_none() {
                self.finish(child);
            }
        }
    }

    /// Kills the daemon where it stands; its socket file stays.
    pub fn kill(&self) {
        if let Some(child) = self.child().take() {
            self.finish(child);
        }
    }

    /// Stops the daemon (SIGSTOP): it answers nothing, and nobody sees an end of file.
    pub fn pause(&self) {
        self.child()
            .as_ref()
            .into_iter()
            .for_each(|child| signal(child, Signal::STOP));
    }

    /// Lets a paused daemon go on.
    pub fn resume(&self) {
        self.child()
            .as_ref()
            .into_iter()
            .for_each(|child| signal(child, Signal::CONT));
    }

    /// What the daemon said so far: its output and log files, the last lines of each.
    pub fn log(&self) -> String {
        ["output", "xenstored.log", "xenstored-access.log"]
            .into_iter()
            .filter_map(|name| {
                let text = std::fs::read(self.run.file(name)).ok()?;
                let text = String::from_utf8_lossy(&text);
                let lines: Vec<&str> = text.lines().collect();
                let tail = lines[lines.len().saturating_sub(30)..].join("\n");
                (!tail.is_empty()).then(|| format!("--- {name}\n{tail}\n"))
            })
            .collect()
    }

    pub(crate) fn run(&self) -> &Arc<RunDir> {
        &self.run
    }

    pub(crate) fn raw(&self) -> io::Result<Raw> {
        Raw::connect(&self.socket, START)
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launch(&self) {
        if let Err(why) = self.try_launch() {
            panic!(
                "{} in {} does not start: {why}\n{}",
                self.kind.program(),
                self.run.path().display(),
                self.log()
            );
        }
    }

    fn try_launch(&self) -> Result<(), String> {
        let text = |error: io::Error| error.to_string();
        // A stale socket file would refuse connections instead of being missing.
        drop(std::fs::remove_file(&self.socket));
        self.run.make_fifo("evtchn").map_err(text)?;
        let mut child = spawn::spawn(self.command()?).map_err(text)?;
        let deadline = Instant::now() + START;
        let answered = loop {
            let answer = self
                .raw()
                .and_then(|mut raw| raw.request(raw::READ, b"/\0"));
            match answer {
                Ok(_) => break Ok(()),
                Err(error) if Instant::now() > deadline => {
                    break Err(format!("no answer within {START:?}: {error}"));
                }
                Err(_) => {}
            }
            // There is nothing to wait on before the daemon listens, except its end.
            if let Some(status) = wait(&mut child, Duration::from_millis(2)) {
                break Err(format!("it ended: {status}"));
            }
        };
        if answered.is_err() {
            self.finish(child);
        } else {
            *self.child() = Some(child);
        }
        answered
    }

    fn command(&self) -> Result<Command, String> {
        let directory = self.run.path();
        let output = File::options()
            .create(true)
            .append(true)
            .open(self.run.file("output"))
            .map_err(|error| error.to_string())?;
        let mut command = Command::new(program(self.kind)?);
        command
            .arg("--no-fork")
            .env("LD_PRELOAD", shim::library()?)
            .env("FAKE_XEN_DIR", directory)
            .env("FAKE_XEN_PARENT", std::process::id().to_string())
            .env("XENSTORED_RUNDIR", directory)
            .env_remove("XENSTORED_PATH")
            .env_remove("XENSTORED_ROOTDIR")
            .env_remove("XENSTORED_TRACE")
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(|error| error.to_string())?)
            .stderr(output);
        if self.kind == Kind::OCaml {
            let file = self.run.file("oxenstored.conf");
            std::fs::write(&file, configuration(directory)).map_err(|error| error.to_string())?;
            command.arg("--config-file").arg(file);
        }
        Ok(command)
    }

    fn finish(&self, mut child: Child) {
        drop(child.kill());
        if let Err(error) = child.wait() {
            eprintln!("{} cannot be waited for: {error}", self.kind.program());
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{self:?} said:\n{}", self.log());
        }
        self.stop();
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in {}",
            self.kind.program(),
            self.run.path().display()
        )
    }
}

fn program(kind: Kind) -> Result<PathBuf, String> {
    skip::find_tool(kind.program())
        .ok_or_else(|| "it is not installed (Debian: xen-utils-4.17 or the like)".to_owned())
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // Fails only for a process that has ended, and ours is not waited for yet.
        kill_process(pid, signal).ok();
    }
}

/// Waits for the end of a process, not longer than `limit`.
fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let pid = Pid::from_raw(i32::try_from(child.id()).ok()?)?;
    let ended = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    let timeout = Timespec::try_from(limit).ok()?;
    poll(&mut [PollFd::new(&ended, PollFlags::IN)], Some(&timeout)).ok()?;
    child.try_wait().ok().flatten()
}

/// oxenstored's settings as Debian ships them, with the paths of `directory`.
fn configuration(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "pid-file = {directory}/pid
test-eagain = false
merge-activate = true
conflict-burst-limit = 5.0
conflict-max-history-seconds = 0.05
conflict-rate-limit-is-aggregate = true
perms-activate = true
perms-watch-activate = true
quota-activate = true
quota-maxentity = 1000
quota-maxsize = 2048
quota-maxwatch = 100
quota-transaction = 10
quota-maxrequests = 1024
quota-path-max = 1024
quota-maxoutstanding = 1024
quota-maxwatchevents = 1024
persistent = false
xenstored-log-file = {directory}/xenstored.log
access-log-file = {directory}/xenstored-access.log
xenstored-kva = {directory}/xsd_kva
xenstored-port = {directory}/xsd_port
"
    )
}

#[cfg(test)]
mod tests;
