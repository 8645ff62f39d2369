//! The guard: a small process that lets go of the mount's users when this one is killed.
//!
//! The kernel gives a killed process' `/dev/fuse` back only when its last thread has ended. The thread that tells of
//! changes may be waiting for the lock of a directory, which no signal ends, and the lock's holder waits for an answer
//! of ours: neither would ever go on, nor anybody who comes to that directory. What ends it is a write into the
//! connection's `abort` file (Documentation/filesystems/fuse.rst, "The control filesystem"). The guard does that as
//! soon as the thread that started it has ended; after an orderly end there is nothing left to abort.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::fs::{Mode, OFlags, open, openat};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

/// Set for the guard's process: who it looks after.
pub const VARIABLE: &str = "_XENFS_GUARD";

/// Where the kernel lists its FUSE connections, if it is mounted.
const CONNECTIONS: &str = "/sys/fs/fuse/connections";

/// A running guard; dropping it ends it without consequences.
#[derive(Debug)]
pub struct Guard {
    child: Child,
}

impl Guard {
    /// Looks after the mount with the device number `device`, for as long as the calling thread lives. `program` is the
    /// file of this program.
    ///
    /// # Errors
    /// The control file system cannot be reached, or the process cannot be started.
    pub fn start(program: &Path, device: (u32, u32)) -> io::Result<Self> {
        let child = Command::new(program)
            .arg0("xenfs-guard")
            .env_clear()
            .env(VARIABLE, getpid().as_raw_nonzero().to_string())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(File::from(abort_file(device)?))
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The file that ends a connection. The kernel names connections by the number of their file system's device, which
/// has no major number.
fn abort_file(device: (u32, u32)) -> io::Result<OwnedFd> {
    let (0, number) = device else {
        return Err(Errno::NODEV.into());
    };
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let name = format!("{number}/abort");
    match open(Path::new(CONNECTIONS).join(&name), flags, Mode::empty()) {
        // Not mounted here, as in many containers: a mount that nobody sees will do.
        Err(Errno::NOENT) => {
            let context = fsopen("fusectl", FsOpenFlags::FSOPEN_CLOEXEC)?;
            fsconfig_create(context.as_fd())?;
            let root = fsmount(
                context.as_fd(),
                FsMountFlags::FSMOUNT_CLOEXEC,
                MountAttrFlags::empty(),
            )?;
            Ok(openat(root, name, flags, Mode::empty())?)
        }
        opened => Ok(opened?),
    }
}

/// Waits until the process named by `ward` has died, then ends its connection, which is standard output.
pub fn run(ward: &str) {
    // Its own session: signals of a terminal are for the mount's process. Those of a service manager, which go to all
    // processes alike, end that one in its own time, and the guard with it.
    let _not_needed = rustix::process::setsid();
    let _only_a_name = rustix::thread::set_name(c"xenfs-guard");
    let Ok(mut signals) = Signals::new([SIGUSR1, SIGTERM, SIGINT, SIGHUP]) else {
        return;
    };
    // Comes when the thread that started us ends: the first thread, which waits for nothing that a signal does not end.
    if set_parent_process_death_signal(Some(Signal::USR1)).is_err() {
        return;
    }
    let is_there = getppid().is_some_and(|pid| pid.as_raw_nonzero().to_string() == ward);
    if is_there {
        signals.forever().find(|signal| *signal == SIGUSR1);
    }
    // Refused where there is nothing left to abort.
    drop(
        io::stdout()
            .write_all(b"1")
            .and_then(|()| io::stdout().flush()),
    );
}
