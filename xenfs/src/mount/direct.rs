//! mount(2), for who may.

use std::ffi::CString;
use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::mount::MountFlags;
use rustix::process::{getgid, getuid};

use super::Request;
use crate::error::{Error, Result};

const DEVICE: &str = "/dev/fuse";

/// Mounts, or returns `None` if only fusermount3 can.
pub(super) fn mount(request: &Request<'_>) -> Result<Option<OwnedFd>> {
    let device = match open(DEVICE, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
        Ok(device) => device,
        Err(Errno::ACCESS | Errno::PERM) => return Ok(None),
        Err(error @ (Errno::NOENT | Errno::NODEV | Errno::NXIO)) => {
            return Err(Error::mount(format!("open {DEVICE}"), error).or(
                "load the kernel's module with 'modprobe fuse' as root; a container must be given the device \
                 (docker run --device /dev/fuse --cap-add SYS_ADMIN …)",
            ));
        }
        Err(error) => return Err(Error::mount(format!("open {DEVICE}"), error)),
    };
    let mut data = format!(
        "fd={},rootmode=40000,user_id={},group_id={},default_permissions",
        device.as_raw_fd(),
        getuid().as_raw(),
        getgid().as_raw()
    );
    if request.options.settings.allow_other {
        data.push_str(",allow_other");
    }
    for option in request.options.of_kernel() {
        data.push(',');
        data.push_str(option);
    }
    let data = CString::new(data).map_err(|error| Error::mount("mount", error))?;
    // The part after the dot is the subtype: tools show it, and mount(8) finds the program again by it.
    let mounted = rustix::mount::mount(
        request.source,
        request.path,
        "fuse.xenfs",
        // Read-only only later: see `Mount::protect`.
        request.options.flags - MountFlags::RDONLY,
        data.as_c_str(),
    );
    match mounted {
        Ok(()) => Ok(Some(device)),
        Err(Errno::PERM) => Ok(None),
        Err(error) => {
            let failed = Error::mount(format!("mount on {}", request.path.display()), error);
            Err(if error == Errno::NODEV {
                failed.or("this kernel lacks FUSE; load it with 'modprobe fuse' as root")
            } else {
                failed
            })
        }
    }
}
