//! The xenbus character device of a kernel.
//!
//! It looks like a pipe to the store, and is none: the kernel takes part in watches and transactions, and each kernel in
//! its own way. What differs is in one table, [`Quirks`]. Sources: measurements on Linux 6.1; `drivers/xen/xenbus` of
//! Linux, `sys/dev/xen/xenstore` of FreeBSD, `sys/arch/xen/xenbus` of NetBSD.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};

use super::socket::{refused, time_left};
use super::{Connector, InFlight, Ready, Traits, Transport, Watches};
use crate::error::Result;
use crate::wire::{Errno, HEADER_SIZE, Op, PAYLOAD_MAX};

/// The kernels whose devices differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Quirks {
    /// One request in flight per open file (with more, replies are silently wrong); watches are the kernel's; all
    /// operations pass.
    Linux,
    /// A list of operations passes; watches are the kernel's, with tokens unique per open file, and the `OK` of WATCH
    /// and UNWATCH has 8 bytes.
    FreeBsd,
    /// No watches.
    NetBsd,
}

/// What FreeBSD's kernel lets through; anything else it answers with EINVAL.
const FREEBSD_OPERATIONS: &[Op] = &[
    Op::TRANSACTION_START,
    Op::TRANSACTION_END,
    Op::DIRECTORY,
    Op::READ,
    Op::GET_PERMS,
    Op::RELEASE,
    Op::GET_DOMAIN_PATH,
    Op::WRITE,
    Op::MKDIR,
    Op::RM,
    Op::SET_PERMS,
    Op::WATCH,
    Op::UNWATCH,
];

impl Quirks {
    /// The kernel that is behind a path: the paths differ, and where they do not help, the system that we run on does.
    pub fn of(path: &Path) -> Self {
        if path == Path::new(FREEBSD_DEVICE) || cfg!(target_os = "freebsd") {
            Self::FreeBsd
        } else if path.starts_with("/kern") || cfg!(target_os = "netbsd") {
            Self::NetBsd
        } else {
            Self::Linux
        }
    }

    /// What such a device demands of its user.
    pub fn traits(self) -> Traits {
        let common = Traits {
            // The kernel's buffer has room for 4096 bytes with the header.
            payload_max: PAYLOAD_MAX - HEADER_SIZE,
            in_flight: InFlight::One,
            watches: Watches::Kernel,
            operations: None,
        };
        match self {
            Self::Linux => common,
            Self::FreeBsd => Traits {
                operations: Some(FREEBSD_OPERATIONS),
                ..common
            },
            Self::NetBsd => Traits {
                watches: Watches::None,
                ..common
            },
        }
    }
}

/// The device of Linux; [`LINUX_OLD_DEVICE`] before it existed, or without devtmpfs.
pub const LINUX_DEVICE: &str = "/dev/xen/xenbus";
/// The same in the kernel's xenfs file system.
pub const LINUX_OLD_DEVICE: &str = "/proc/xen/xenbus";
/// The device of FreeBSD.
pub const FREEBSD_DEVICE: &str = "/dev/xen/xenstore";
/// The device of NetBSD.
pub const NETBSD_DEVICE: &str = "/kern/xen/xenbus";

/// The devices of the system that we run on, in the order in which they are tried.
pub const OWN_DEVICES: &[&str] = if cfg!(target_os = "freebsd") {
    &[FREEBSD_DEVICE]
} else if cfg!(target_os = "netbsd") {
    &[NETBSD_DEVICE]
} else {
    &[LINUX_DEVICE, LINUX_OLD_DEVICE]
};

/// One open file of a xenbus device.
#[derive(Debug)]
pub struct Device {
    file: File,
    quirks: Quirks,
    ended: AtomicBool,
    /// A device cannot be shut down: ending one of these wakes whoever waits for it.
    end: (UnixStream, UnixStream),
}

impl Device {
    /// Takes an open file in non-blocking mode.
    ///
    /// # Errors
    /// If the system has no more descriptors.
    pub fn new(file: File, quirks: Quirks) -> io::Result<Self> {
        Ok(Self {
            file,
            quirks,
            ended: AtomicBool::new(false),
            end: UnixStream::pair()?,
        })
    }
}

impl Transport for Device {
    fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        if buffer.is_empty() {
            // The kernel blocks in a read of nothing.
            return Ok(0);
        }
        let wanted = Ready {
            read: true,
            write: false,
        };
        loop {
            if self.ended.load(Ordering::Acquire) {
                return Ok(0);
            }
            match rustix::io::read(&self.file, &mut *buffer) {
                Err(rustix::io::Errno::AGAIN) => {
                    self.wait(wanted, deadline)?;
                }
                Err(rustix::io::Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.ended.load(Ordering::Acquire) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        loop {
            match rustix::io::write(&self.file, bytes) {
                Err(rustix::io::Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }

    /// Writing is always possible: the device never reports POLLOUT.
    fn wait(&self, wanted: Ready, deadline: Option<Instant>) -> io::Result<Ready> {
        if wanted.write {
            return Ok(Ready {
                read: false,
                write: true,
            });
        }
        let ended = Ready {
            read: true,
            write: true,
        };
        loop {
            if self.ended.load(Ordering::Acquire) {
                return Ok(ended);
            }
            let mut fds = [
                PollFd::new(&self.file, PollFlags::IN),
                PollFd::new(&self.end.1, PollFlags::IN),
            ];
            match poll(&mut fds, time_left(deadline).as_ref()) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) if !fds[0].revents().is_empty() => {
                    return Ok(Ready {
                        read: true,
                        write: false,
                    });
                }
                Ok(_) => return Ok(ended),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn shutdown(&self) {
        self.ended.store(true, Ordering::Release);
        // Cannot fail while both ends are ours.
        drop(self.end.0.shutdown(std::net::Shutdown::Both));
    }

    fn traits(&self) -> Traits {
        self.quirks.traits()
    }
}

/// The error that `write()` of a device gave, as the store would have sent it; `None` if it is no answer to a request.
pub(crate) fn errno_of(error: &io::Error) -> Option<Errno> {
    let known = match rustix::io::Errno::from_io_error(error)? {
        rustix::io::Errno::INVAL => Errno::EINVAL,
        rustix::io::Errno::ACCESS => Errno::EACCES,
        rustix::io::Errno::EXIST => Errno::EEXIST,
        rustix::io::Errno::ISDIR => Errno::EISDIR,
        rustix::io::Errno::NOENT => Errno::ENOENT,
        rustix::io::Errno::NOMEM => Errno::ENOMEM,
        rustix::io::Errno::NOSPC => Errno::ENOSPC,
        rustix::io::Errno::NOSYS => Errno::ENOSYS,
        rustix::io::Errno::ROFS => Errno::EROFS,
        rustix::io::Errno::BUSY => Errno::EBUSY,
        rustix::io::Errno::ISCONN => Errno::EISCONN,
        rustix::io::Errno::TOOBIG => Errno::E2BIG,
        rustix::io::Errno::PERM => Errno::EPERM,
        _ => return None,
    };
    Some(known)
}

/// Opens a xenbus device.
#[derive(Debug)]
pub struct DeviceConnector {
    path: PathBuf,
    quirks: Quirks,
}

impl DeviceConnector {
    /// For the device at `path`, with the quirks of the kernel that the path speaks of.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        let quirks = Quirks::of(&path);
        Self { path, quirks }
    }
}

impl Connector for DeviceConnector {
    fn connect(&self, _deadline: Option<Instant>) -> Result<Box<dyn Transport>> {
        let flags = rustix::fs::OFlags::NONBLOCK.bits();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.cast_signed())
            .open(&self.path)
            .map_err(|error| refused(self.address(), &error))?;
        let device =
            Device::new(file, self.quirks).map_err(|error| refused(self.address(), &error))?;
        Ok(Box::new(device))
    }

    fn address(&self) -> String {
        format!(
            "dev:{}",
            crate::value::escape(self.path.as_os_str().as_encoded_bytes())
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use super::*;

    fn device() -> (Device, UnixStream) {
        let (ours, kernel) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let file = File::from(OwnedFd::from(ours));
        (Device::new(file, Quirks::Linux).unwrap(), kernel)
    }

    #[test]
    fn a_reader_wakes_with_bytes_at_its_deadline_and_when_the_device_is_ended() {
        let (device, mut kernel) = device();
        let mut buffer = [0; 4];
        let now = Some(Instant::now());
        let error = device.read(&mut buffer, now).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        kernel.write_all(b"ab").unwrap();
        assert_eq!(device.read(&mut buffer, None).unwrap(), 2);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| device.read(&mut [0; 4], None).unwrap());
            device.shutdown();
            assert_eq!(reader.join().unwrap(), 0);
        });
        assert!(device.try_write(b"x").is_err());
    }

    #[test]
    fn it_is_writable_at_once_though_it_never_says_so() {
        let (device, _kernel) = device();
        let wanted = Ready {
            read: true,
            write: true,
        };
        let soon = Instant::now() + Duration::from_secs(5);
        assert!(device.wait(wanted, Some(soon)).unwrap().write);
    }

    #[test]
    fn the_path_tells_the_kernel() {
        for (path, quirks) in [
            (LINUX_DEVICE, Quirks::Linux),
            (LINUX_OLD_DEVICE, Quirks::Linux),
            (FREEBSD_DEVICE, Quirks::FreeBsd),
            (NETBSD_DEVICE, Quirks::NetBsd),
        ] {
            assert_eq!(Quirks::of(Path::new(path)), quirks);
        }
        assert!(!Quirks::FreeBsd.traits().lets_through(Op::CONTROL));
        assert_eq!(Quirks::Linux.traits().payload_max, 4080);
    }
}
