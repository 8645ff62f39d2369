//! The mount as the helper holds it: so that changes made through it reach whoever watches the visible one, and the
//! visible one can be unmounted while it is used.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::fs::{CWD, Mode, OFlags, open};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, OpenTreeFlags, mount_change, open_tree};
use rustix::thread::UnshareFlags;

/// The mount, apart from the place where everybody sees it. Dropping it lets the mount end.
#[derive(Debug)]
pub enum Detached {
    /// A clone that is mounted nowhere.
    Clone(OwnedFd),
    /// Who may not make one: the helper moves into namespaces of its own, which have the mount, too.
    Place(PathBuf),
}

impl Detached {
    /// Of the mount at `path`. Asks nothing of the file system there.
    ///
    /// # Errors
    /// The system's, other than that we may not.
    pub fn of(path: &Path) -> io::Result<Self> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_NO_AUTOMOUNT;
        match open_tree(CWD, path, flags) {
            Ok(root) => Ok(Self::Clone(root)),
            Err(Errno::PERM) => Ok(Self::Place(path.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// The helper's standard output: the root, unless it has to find that itself.
    pub(super) fn root(&self) -> io::Result<Stdio> {
        match self {
            Self::Clone(root) => Ok(root.as_fd().try_clone_to_owned()?.into()),
            Self::Place(_) => Ok(Stdio::null()),
        }
    }

    /// What the helper has to know: where the mount is, or nothing.
    pub(super) fn describe(&self) -> OsString {
        match self {
            Self::Clone(_) => OsString::new(),
            Self::Place(path) => path.as_os_str().to_owned(),
        }
    }
}

/// The helper's way to the root of the mount, from what [`Detached::describe`] says.
pub(super) fn enter(described: &OsStr) -> Result<OwnedFd, Errno> {
    if described.as_bytes().is_empty() {
        let root = io::stdout().as_fd().try_clone_to_owned();
        return root.map_err(|_| Errno::BADF);
    }
    // SAFETY: of what the call warns about (threads that do not expect to share less) there is nothing: the helper has one
    // thread, and these flags concern no memory and no file descriptors.
    #[expect(unsafe_code, reason = "the call covers flags that are dangerous")]
    unsafe {
        rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)?;
    }
    // An unmount outside must not wait for us.
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(Path::new(described), flags, Mode::empty())
}

/// Whether a file system with this device number is mounted anywhere in this namespace.
pub fn is_mounted(device: (u32, u32)) -> bool {
    let device = format!("{}:{}", device.0, device.1);
    // Unreadable: nothing is known, so it counts as mounted.
    let Ok(table) = fs::read_to_string("/proc/self/mountinfo") else {
        return true;
    };
    table
        .lines()
        .any(|line| line.split(' ').nth(2) == Some(device.as_str()))
}
