//! Starting the background process and waiting until its mount is live.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus};

use rustix::io::{FdFlags, fcntl_setfd};
use xenbus::cli::Exit;

use super::ready::{MOUNTED, VARIABLE};
use crate::cli::{MountPoint, Plan};
use crate::error::Error;

/// Starts this program again in the background and waits for its "mounted" or its end.
pub(super) fn spawn(plan: &Plan, arguments: &[OsString]) -> u8 {
    let inherited = match plan.point {
        MountPoint::Inherited(fd) => Some(fd),
        MountPoint::Path(_) => None,
    };
    match start(arguments, inherited) {
        Ok(code) => code,
        Err(error) => Error::mount("start the background process", error)
            .or("'-f' stays in the foreground")
            .report() as u8,
    }
}

fn start(arguments: &[OsString], inherited: Option<RawFd>) -> io::Result<u8> {
    let (mut from_child, to_parent) = io::pipe()?;
    keep_from_child(inherited)?;
    let (name, rest) = arguments.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    // The path of the running program even if its file has been moved or replaced meanwhile.
    let mut child = Command::new("/proc/self/exe")
        .arg0(name)
        .args(rest)
        .env(VARIABLE, "1")
        .stdin(to_parent)
        .spawn()?;
    let mut said = Vec::new();
    from_child.by_ref().take(64).read_to_end(&mut said)?;
    if said == MOUNTED {
        return Ok(Exit::Success as u8);
    }
    Ok(code(child.wait()?))
}

/// The child has printed its error already, unless it was killed.
fn code(status: ExitStatus) -> u8 {
    if let Some(signal) = status.signal() {
        let error = Error::mount(
            "mount",
            format!("the background process was ended by signal {signal}"),
        );
        return error.report() as u8;
    }
    status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .filter(|code| *code != 0)
        .unwrap_or(Exit::Failure as u8)
}

/// Marks everything that this process has inherited close-on-exec: a daemon that holds a caller's pipe or lock open
/// keeps the caller's reader waiting for ever. Only the standard streams and an inherited `/dev/fuse` go on.
fn keep_from_child(except: Option<RawFd>) -> io::Result<()> {
    let open: Vec<RawFd> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2 && Some(*fd) != except)
        .collect();
    for fd in open {
        // SAFETY: only used for fcntl(F_SETFD), which fails with EBADF if the descriptor has been closed meanwhile
        // (as the directory's own has); no other thread exists that could reuse the number for something to inherit.
        #[expect(unsafe_code, reason = "inherited descriptors have no owner here")]
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        match fcntl_setfd(borrowed, FdFlags::CLOEXEC) {
            Ok(()) | Err(rustix::io::Errno::BADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
