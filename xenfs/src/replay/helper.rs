//! The helper: one thread, a detached clone of the mount, and orders that arrive through a socket.
//!
//! Standard input is the socket, standard output the root of the clone, if there is one. The end of the socket is the end of the process.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens,
    mkdirat, mknodat, openat, unlinkat, utimensat,
};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::detached::enter;
use super::process::{MESSAGE_MAX, split};
use super::step::{Action, parse};

/// Set for the helper's process.
pub const VARIABLE: &str = "_XENFS_REPLAY";

/// Does what it is told until nobody tells anything any more.
pub fn run() {
    // Its own session: signals of the terminal are for the mount's process, and it ends when that does.
    let _not_needed = rustix::process::setsid();
    let _only_a_name = rustix::thread::set_name(c"xenfs-replay");
    let input = std::io::stdin();
    let root = enter(&std::env::var_os(VARIABLE).unwrap_or_default());
    // The first word: whether there is anything to work on.
    let hello = root.as_ref().err().map_or(0, |error| error.raw_os_error());
    if send(&input, &hello.to_ne_bytes(), SendFlags::NOSIGNAL).is_err() {
        return;
    }
    let Ok(root) = root else { return };
    let mut buffer = vec![0; MESSAGE_MAX];
    loop {
        let length = match recv(&input, &mut buffer[..], RecvFlags::empty()) {
            Ok((0, _)) => return,
            Ok((length, _)) => length,
            Err(Errno::INTR) => continue,
            Err(_) => return,
        };
        let mut results = Vec::new();
        for order in split(&buffer[..length]) {
            let result = obey(root.as_fd(), order);
            results.extend(result.to_ne_bytes());
            if result != 0 {
                // The others may depend on it.
                break;
            }
        }
        if send(&input, &results, SendFlags::NOSIGNAL).is_err() {
            return;
        }
    }
}

fn obey(root: BorrowedFd<'_>, order: &[u8]) -> i32 {
    let Some((action, path)) = parse(order) else {
        return Errno::INVAL.raw_os_error();
    };
    match act(root, action, path) {
        Ok(()) => 0,
        Err(errno) => errno.raw_os_error(),
    }
}

fn act(root: BorrowedFd<'_>, action: Action, path: &Path) -> Result<(), Errno> {
    match action {
        Action::MakeFile => mknodat(
            root,
            path,
            FileType::RegularFile,
            Mode::RUSR | Mode::WUSR,
            0,
        ),
        Action::MakeDirectory => mkdirat(root, path, Mode::RWXU),
        Action::RemoveFile => unlinkat(root, path, AtFlags::empty()),
        Action::RemoveDirectory => unlinkat(root, path, AtFlags::REMOVEDIR),
        Action::Modify => modify(root, path),
        Action::Attribute => utimensat(root, path, &times(UTIME_NOW), AtFlags::SYMLINK_NOFOLLOW),
    }
}

fn modify(root: BorrowedFd<'_>, path: &Path) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(root, path, flags, Mode::empty()) {
        Ok(file) => futimens(&file, &times(UTIME_OMIT)),
        // Without root's rights a file that shows as read-only: at least MODIFY.
        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => {
            utimensat(root, path, &times(UTIME_OMIT), AtFlags::SYMLINK_NOFOLLOW)
        }
        Err(error) => Err(error),
    }
}

fn times(access: rustix::fs::Nsecs) -> Timestamps {
    let at = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    Timestamps {
        last_access: at(access),
        last_modification: at(UTIME_NOW),
    }
}
