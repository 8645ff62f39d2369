//! Real processes: a store, a place to mount on, and the program, each cleaned up whatever happens.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use tempfile::TempDir;
use xenbus::store::{Server, StoreOptions};

/// How long anything may take before a test says that it never comes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A store, and a directory to mount on.
pub(crate) struct Place {
    pub(crate) point: PathBuf,
    socket: PathBuf,
    _store: Server,
    directory: TempDir,
}

impl Place {
    /// `None` (after a visible skip) where FUSE is missing.
    pub(crate) fn new() -> Option<Self> {
        if !xenbus_harness::requires_fuse() {
            return None;
        }
        let directory = TempDir::new().unwrap();
        // Foreign users must get through.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let point = directory.path().join("xs");
        fs::create_dir(&point).unwrap();
        let socket = directory.path().join("socket");
        let store = Server::start(StoreOptions::default()).unwrap();
        store.listen(&socket).unwrap();
        Some(Self {
            point,
            socket,
            _store: store,
            directory,
        })
    }

    /// The store, as `--connect` takes it.
    pub(crate) fn address(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// A file beside the mount point.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program, which finds this place's store by default as any client of libxenstore would.
    pub(crate) fn xenfs(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_xenfs"))
    }

    /// Any program, with the store as the default one and our program first on PATH.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let own = Path::new(env!("CARGO_BIN_EXE_xenfs")).parent().unwrap();
        let mut path = OsString::from(own);
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        path.push(":/usr/sbin:/sbin:/usr/bin:/bin");
        let mut command = Command::new(program);
        command
            .env("PATH", path)
            .env("XENSTORED_PATH", &self.socket)
            .env_remove("XENBUS_TRACE")
            .stdin(Stdio::null());
        command
    }

    /// Mounts in the background.
    pub(crate) fn mount(&self) -> Daemon {
        succeed(self.xenfs().arg(&self.point));
        self.daemon()
    }

    /// The process that serves this place's mount.
    pub(crate) fn daemon(&self) -> Daemon {
        self.daemons().pop().expect("a process serves the mount")
    }

    /// All processes with this place's mount point among their arguments.
    pub(crate) fn daemons(&self) -> Vec<Daemon> {
        let point = self.point.as_os_str().as_bytes();
        fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| {
                let number: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
                let line = fs::read(format!("/proc/{number}/cmdline")).ok()?;
                let named = line.split(|byte| *byte == 0).any(|word| word == point);
                named.then(|| Daemon::open(number)).flatten()
            })
            .collect()
    }

    /// This place's line of /proc/mounts, as this thread sees it.
    pub(crate) fn line(&self) -> Option<String> {
        let point = self.point.to_str().unwrap();
        fs::read_to_string("/proc/thread-self/mounts")
            .unwrap()
            .lines()
            .find(|line| line.split(' ').nth(1) == Some(point))
            .map(str::to_owned)
    }

    /// Whether another file system than the directory's own is there.
    pub(crate) fn is_mounted(&self) -> bool {
        match fs::metadata(&self.point) {
            Ok(metadata) => metadata.dev() != fs::metadata(self.directory.path()).unwrap().dev(),
            // Left behind by a dead program, or not for us to look at.
            Err(_) => true,
        }
    }

    pub(crate) fn unmount(&self) {
        succeed(self.command("fusermount3").arg("-u").arg(&self.point));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.line().is_some() {
            // Only what a failing test has left.
            drop(Command::new("umount").arg("-l").arg(&self.point).output());
        }
        for daemon in self.daemons() {
            daemon.signal(Signal::KILL);
        }
    }
}

/// A process that is not our child.
pub(crate) struct Daemon {
    pub(crate) pid: i32,
    handle: OwnedFd,
}

impl Daemon {
    pub(crate) fn open(pid: i32) -> Option<Self> {
        let handle = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        Some(Self { pid, handle })
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // It may have ended already.
        pidfd_send_signal(&self.handle, signal).ok();
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.wait(Duration::ZERO)
    }

    /// Waits for its end.
    pub(crate) fn ends(&self) {
        assert!(self.wait(DEADLINE), "process {} goes on", self.pid);
    }

    fn wait(&self, longest: Duration) -> bool {
        let longest = Timespec::try_from(longest).unwrap();
        let mut polled = [PollFd::new(&self.handle, PollFlags::IN)];
        poll(&mut polled, Some(&longest)).unwrap() == 1
    }

    /// Where file descriptors 0, 1, … lead.
    pub(crate) fn descriptors(&self) -> Vec<(u32, PathBuf)> {
        fs::read_dir(format!("/proc/{}/fd", self.pid))
            .unwrap()
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let number = entry.file_name().to_str()?.parse().ok()?;
                Some((number, fs::read_link(entry.path()).ok()?))
            })
            .collect()
    }
}

/// Runs a command that must succeed silently.
pub(crate) fn succeed(command: &mut Command) {
    let output = run(command);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{command:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs a command that must fail with `code` and says what it said.
pub(crate) fn fail(command: &mut Command, code: i32) -> String {
    let Output { status, stderr, .. } = run(command);
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(code), "{command:?}: {stderr}");
    assert!(!stderr.is_empty(), "{command:?}: failed silently");
    stderr
}

/// Runs a command that says little, and never longer than the deadline.
fn run(command: &mut Command) -> Output {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let process = Daemon::open(i32::try_from(child.id()).unwrap()).unwrap();
    let ended = process.wait(DEADLINE);
    if !ended {
        process.signal(Signal::KILL);
    }
    let output = child.wait_with_output().unwrap();
    assert!(ended, "{command:?} goes on: {output:?}");
    output
}

/// Runs `test` where only it and its processes see what is mounted, with our program where the system's are: mount(8)
/// runs it without the caller's PATH.
pub(crate) fn in_own_mounts(test: impl FnOnce() + Send) {
    let name = thread::current().name().unwrap_or_default().to_owned();
    thread::scope(|scope| {
        let body = thread::Builder::new().name(name).spawn_scoped(scope, || {
            if !own_mounts() {
                return;
            }
            let program = Path::new("/usr/local/bin");
            mount("none", program, "tmpfs", MountFlags::empty(), None).unwrap();
            symlink(env!("CARGO_BIN_EXE_xenfs"), program.join("xenfs")).unwrap();
            test();
        });
        if let Err(panic) = body.unwrap().join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Gives this thread a mount namespace of its own; a visible skip where that is not allowed.
fn own_mounts() -> bool {
    xenbus_harness::requires("a mount namespace of its own", || {
        #[expect(
            unsafe_code,
            reason = "rustix marks every unshare, for the flags not used here"
        )]
        // SAFETY: only the mount table, current directory and umask become the thread's own; no memory or descriptor
        // is affected.
        let own = unsafe { unshare_unsafe(UnshareFlags::NEWNS) };
        own.map_err(|error| error.to_string())?;
        let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", flags).map_err(|error| error.to_string())
    })
}
