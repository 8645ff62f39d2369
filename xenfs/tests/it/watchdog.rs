//! A watchdog: a mount that takes too long is cut off from its users, so that a bug does not wedge the machine.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

/// Where the kernel lets go of a mount's users.
const CONNECTIONS: &str = "/sys/fs/fuse/connections";

/// Aborts a mount's connection unless it is dropped in time.
pub(crate) struct Watchdog {
    call_off: Option<Sender<()>>,
    thread: Option<JoinHandle<bool>>,
}

impl Watchdog {
    /// Watches the mount at `point`.
    pub(crate) fn new(point: &Path, patience: Duration) -> Self {
        // The kernel's number of the connection is the minor number of the mount's device.
        let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
        let found = statx(CWD, point, flags, StatxFlags::TYPE).unwrap();
        let connection = PathBuf::from(format!("{CONNECTIONS}/{}", found.stx_dev_minor));
        let (call_off, called_off) = mpsc::channel();
        let thread = thread::spawn(move || {
            let bites = called_off.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
            if bites {
                eprintln!("the watchdog cuts {} off", connection.display());
                abort(&connection);
            }
            bites
        });
        Self {
            call_off: Some(call_off),
            thread: Some(thread),
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.call_off.take());
        let bit = self
            .thread
            .take()
            .is_some_and(|thread| thread.join().unwrap());
        assert!(
            !bit || thread::panicking(),
            "the mount was cut off by its watchdog"
        );
    }
}

fn abort(connection: &Path) {
    drop(control());
    drop(fs::write(connection.join("abort"), "1"));
}

/// Sees to it that the kernel's control files are there.
pub(crate) fn control() -> Result<(), String> {
    let is_there = || fs::metadata(CONNECTIONS).is_ok_and(|found| found.ino() == 1);
    if is_there() {
        return Ok(());
    }
    let none = rustix::mount::MountFlags::empty();
    rustix::mount::mount("fusectl", CONNECTIONS, "fusectl", none, None)
        .map_err(|error| format!("fusectl cannot be mounted on {CONNECTIONS}: {error}"))
}

/// A file system that never answers.
struct Silent;
impl fuser::Filesystem for Silent {
    fn getattr(
        &self,
        _: &fuser::Request,
        _: fuser::INodeNo,
        _: Option<fuser::FileHandle>,
        reply: fuser::ReplyAttr,
    ) {
        std::mem::forget(reply);
    }
}

#[test]
fn a_mount_that_never_answers_is_cut_off() {
    let controlled =
        || xenbus_harness::requires("the kernel's control of FUSE connections", control);
    if !xenbus_harness::requires_fuse() || !controlled() {
        return;
    }
    let directory = tempfile::TempDir::new().unwrap();
    let session = fuser::spawn_mount(Silent, directory.path(), &fuser::Config::default()).unwrap();
    let start = Instant::now();
    let mut watchdog = Watchdog::new(directory.path(), Duration::from_millis(200));
    let error = fs::metadata(directory.path()).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(10), "{error}");
    assert!(watchdog.thread.take().unwrap().join().unwrap());
    drop(session);
}
