//! Making and ending the mount: mount(2) where we may, fusermount3 where we may not, or one that others have made.

mod direct;
mod fusermount;
mod inherited;
mod point;
mod table;

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::mount::{MountFlags, UnmountFlags, unmount};

use crate::cli::MountPoint;
use crate::error::{Error, Result};
use crate::options::Options;

/// A mount that this process serves.
#[derive(Debug)]
pub struct Mount {
    device: OwnedFd,
    /// `None`: made by others, who did not say where.
    place: Option<Place>,
    /// Made by ourselves, not by fusermount3.
    direct: bool,
}

/// Where the mount is, and what tells it from another one at the same place.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    device: Option<(u32, u32)>,
}

impl Place {
    /// Where the mount can be reached now: a directory above it may have been renamed.
    fn current(&self) -> Option<PathBuf> {
        if device_at(&self.path) == self.device {
            return Some(self.path.clone());
        }
        let moved = table::place_of(self.device?)?;
        (device_at(&moved) == self.device).then_some(moved)
    }
}

/// What to mount, as both ways of mounting need it.
struct Request<'a> {
    source: &'a OsStr,
    path: &'a Path,
    options: &'a Options,
}

impl Mount {
    /// Mounts at `point`; `source` is what /proc/mounts is to show.
    ///
    /// The kernel has sent its INIT then, and every access waits until it is answered.
    ///
    /// # Errors
    /// What is in the way, and the way out.
    pub fn new(point: &MountPoint, source: &OsStr, options: &Options) -> Result<Self> {
        let path = match point {
            MountPoint::Path(path) => point::check(path)?,
            MountPoint::Inherited(fd) => {
                return Ok(Self {
                    device: inherited::device(*fd)?,
                    place: None,
                    direct: false,
                });
            }
        };
        let request = Request {
            source,
            path: &path,
            options,
        };
        let (device, direct) = match direct::mount(&request)? {
            Some(device) => (device, true),
            None => (fusermount::mount(&request)?, false),
        };
        let place = Place {
            device: device_at(&path),
            path,
        };
        Ok(Self {
            device,
            place: Some(place),
            direct,
        })
    }

    /// Where it is mounted; `None` if others have mounted it.
    pub fn path(&self) -> Option<&Path> {
        self.place.as_ref().map(|place| place.path.as_path())
    }

    /// The device number of the file system.
    pub fn device_number(&self) -> Option<(u32, u32)> {
        self.place.as_ref()?.device
    }

    /// Makes the visible mount read-only, if it is to be: only now, because a clone that was taken before stays writable.
    ///
    /// # Errors
    /// The system's.
    pub fn protect(&self, options: &Options) -> Result<()> {
        let Some(path) = self.path().filter(|_| self.direct) else {
            return Ok(());
        };
        if !options.flags.contains(MountFlags::RDONLY) {
            return Ok(());
        }
        let flags = MountFlags::BIND | options.flags;
        rustix::mount::mount_remount(path, flags, "")
            .map_err(|error| Error::mount(format!("make {} read-only", path.display()), error))
    }

    /// Another descriptor of the open `/dev/fuse`.
    ///
    /// # Errors
    /// None left.
    pub fn device(&self) -> Result<OwnedFd> {
        self.device
            .try_clone()
            .map_err(|error| Error::mount("duplicate the file descriptor of /dev/fuse", error))
    }

    /// Takes the mount away, at once for everyone who looks; whoever has something open in it keeps that until this
    /// process ends. Nothing happens if it is gone already, or if something else has been mounted over it.
    ///
    /// # Errors
    /// The system's.
    pub fn unmount(&self) -> Result<()> {
        let Some(place) = self.place.as_ref().filter(|_| self.is_live()) else {
            return Ok(());
        };
        let path = place.current().ok_or_else(|| {
            Error::mount(
                format!("unmount {}", place.path.display()),
                "something else is mounted over it",
            )
        })?;
        match unmount(&path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::PERM) => fusermount::unmount(&path),
            Err(error) => Err(Error::mount(format!("unmount {}", path.display()), error)),
        }
    }

    /// The kernel reports an error condition on `/dev/fuse` as soon as its file system is gone.
    fn is_live(&self) -> bool {
        let mut polled = [PollFd::new(&self.device, PollFlags::empty())];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        match poll(&mut polled, Some(&now)) {
            Ok(_) => !polled[0].revents().contains(PollFlags::ERR),
            Err(_) => true,
        }
    }
}

/// The device number of what is mounted at `path`, without asking the file system there (which we are).
fn device_at(path: &Path) -> Option<(u32, u32)> {
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT | AtFlags::SYMLINK_NOFOLLOW;
    let found = statx(CWD, path, flags, StatxFlags::TYPE).ok()?;
    Some((found.stx_dev_major, found.stx_dev_minor))
}
