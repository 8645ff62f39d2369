//! A mount that others have made: they left us the open `/dev/fuse`.

use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use rustix::fs::{FileType, fstat, major, minor};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use crate::error::{Error, Result};

/// Device number of `/dev/fuse` (Linux `Documentation/admin-guide/devices.txt`).
const FUSE: (u32, u32) = (10, 229);

/// Takes file descriptor `number`, which the caller has opened for us.
pub(super) fn device(number: RawFd) -> Result<OwnedFd> {
    let what = || format!("serve /dev/fd/{number}");
    if number < 3 {
        return Err(Error::mount(
            what(),
            "0, 1 and 2 are the standard streams, not an open /dev/fuse",
        ));
    }
    check(number).map_err(|reason| Error::mount(what(), reason))?;
    // SAFETY: it is an open /dev/fuse that was inherited (see `check`: every descriptor of our own is close-on-exec), so
    // nothing in this process owns it yet.
    #[expect(unsafe_code, reason = "an inherited descriptor has no other way in")]
    let device = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl_setfd(&device, FdFlags::CLOEXEC).map_err(|error| Error::mount(what(), error))?;
    Ok(device)
}

/// That it is an inherited `/dev/fuse`.
fn check(number: RawFd) -> Result<(), String> {
    // SAFETY: only looked at by system calls that fail with EBADF if it is not open; nothing is closed.
    #[expect(unsafe_code, reason = "an inherited descriptor has no other way in")]
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let found =
        fstat(borrowed.as_fd()).map_err(|_| "no such file descriptor was inherited".to_owned())?;
    let is_fuse = FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice
        && (major(found.st_rdev), minor(found.st_rdev)) == FUSE;
    if !is_fuse {
        return Err("the file descriptor is not an open /dev/fuse".into());
    }
    // What we opened ourselves is close-on-exec, what we inherited cannot be.
    match fcntl_getfd(borrowed) {
        Ok(flags) if !flags.contains(FdFlags::CLOEXEC) => Ok(()),
        _ => Err("the file descriptor was not inherited".into()),
    }
}
