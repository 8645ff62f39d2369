//! Ring pages, mapped through the grant device for the moment of a look.
//!
//! The structures are those of `include/uapi/xen/gntdev.h`. While a mapping exists the guest cannot take its page back
//! and its kernel defers that; a mapping that outlives its domain keeps a zombie. So a page is mapped, four or five
//! numbers are read, and it is unmapped, before anything else happens; a process that is killed in between leaves
//! nothing either, because the kernel unmaps what a file had mapped when that is closed.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::ioctl::{Direction, Opcode, Updater, ioctl, opcode};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::indices::{RingIndices, Words};
use crate::device::layout::PAGE_SIZE;
use crate::device::ring::PageReference;
use crate::error::{Error, Result};
use crate::id::DomId;

/// Where Linux has the grant device.
const DEVICE: &str = "/dev/xen/gntdev";

/// Looks into ring pages that frontends have granted to this domain: only for rings of backends in it.
pub struct GrantedPages(Box<dyn Grants + Send + Sync>);

impl GrantedPages {
    /// Opens the grant device. Nothing is mapped until a page is looked into.
    ///
    /// # Errors
    /// If there is no such device, or it may not be opened.
    pub fn open() -> Result<Self> {
        let what =
            || format!("look into ring pages through {DEVICE} (only the backends' domain can)");
        let device =
            GrantDevice::open(Path::new(DEVICE)).map_err(|error| Error::io(what(), error))?;
        Ok(Self(Box::new(device)))
    }
}

impl RingIndices for GrantedPages {
    fn words(&self, domain: DomId, page: PageReference, offsets: &[u16]) -> io::Result<Words> {
        let PageReference::Grant(reference) = page else {
            // Frames are named by old frontends only, and mapping them is for privileged domains.
            return Err(io::ErrorKind::Unsupported.into());
        };
        let mapped = Mapped::new(&*self.0, domain, reference)?;
        let words: io::Result<Vec<u32>> = offsets.iter().map(|at| mapped.word(*at)).collect();
        Ok(Words::new(words?))
    }
}

impl fmt::Debug for GrantedPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantedPages").finish_non_exhaustive()
    }
}

/// What the grant device does.
trait Grants {
    /// Prepares a page of another domain for mapping; gives its place in the device's file.
    fn map(&self, domain: DomId, reference: u32) -> io::Result<u64>;

    /// Gives it back.
    fn unmap(&self, place: u64) -> io::Result<()>;

    /// The device's file.
    fn file(&self) -> BorrowedFd<'_>;
}

/// `/dev/xen/gntdev`.
struct GrantDevice(File);

/// `struct ioctl_gntdev_map_grant_ref` with one reference.
#[repr(C)]
struct MapGrantRef {
    count: u32,
    pad: u32,
    index: u64,
    domid: u32,
    reference: u32,
}

/// `struct ioctl_gntdev_unmap_grant_ref`.
#[repr(C)]
struct UnmapGrantRef {
    index: u64,
    count: u32,
    pad: u32,
}

const MAP: Opcode = opcode::from_components(Direction::None, b'G', 0, size_of::<MapGrantRef>());
const UNMAP: Opcode = opcode::from_components(Direction::None, b'G', 1, size_of::<UnmapGrantRef>());

const _: () = assert!(size_of::<MapGrantRef>() == 24 && size_of::<UnmapGrantRef>() == 16);

impl GrantDevice {
    fn open(path: &Path) -> io::Result<Self> {
        // The device wants both rights; pages are mapped for reading only.
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self(file))
    }
}

impl Grants for GrantDevice {
    fn map(&self, domain: DomId, reference: u32) -> io::Result<u64> {
        let mut request = MapGrantRef {
            count: 1,
            pad: 0,
            index: 0,
            domid: domain.0,
            reference,
        };
        // SAFETY: this operation reads and writes exactly a MapGrantRef with one reference, which `request` is.
        #[expect(unsafe_code, reason = "an operation of a device")]
        unsafe {
            ioctl(&self.0, Updater::<MAP, _>::new(&mut request))?;
        }
        Ok(request.index)
    }

    fn unmap(&self, place: u64) -> io::Result<()> {
        let mut request = UnmapGrantRef {
            index: place,
            count: 1,
            pad: 0,
        };
        // SAFETY: this operation reads exactly an UnmapGrantRef, which `request` is.
        #[expect(unsafe_code, reason = "an operation of a device")]
        unsafe {
            ioctl(&self.0, Updater::<UNMAP, _>::new(&mut request))?;
        }
        Ok(())
    }

    fn file(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A grant, and the page if that could be mapped; both are given back when this is dropped.
struct Mapped<'a> {
    grants: &'a dyn Grants,
    place: u64,
    page: Option<NonNull<AtomicU32>>,
}

/// Bytes of a page, for the memory map.
const LENGTH: usize = PAGE_SIZE as usize;

impl<'a> Mapped<'a> {
    fn new(grants: &'a dyn Grants, domain: DomId, reference: u32) -> io::Result<Self> {
        let place = grants.map(domain, reference)?;
        let mut mapped = Self {
            grants,
            place,
            page: None,
        };
        // SAFETY: the kernel chooses an address that nothing of this process uses yet.
        #[expect(unsafe_code, reason = "mapping memory")]
        let at = unsafe {
            mmap(
                std::ptr::null_mut(),
                LENGTH,
                ProtFlags::READ,
                MapFlags::SHARED,
                grants.file(),
                place,
            )?
        };
        mapped.page = NonNull::new(at.cast());
        Ok(mapped)
    }

    /// The number at an offset, whatever the guest has just put there.
    fn word(&self, offset: u16) -> io::Result<u32> {
        let at = usize::from(offset);
        match self.page {
            Some(page) if at.is_multiple_of(4) && at + 4 <= LENGTH => {
                // SAFETY: the page is mapped for reading as long as `self` lives and the offset is within it and
                // aligned; another domain writes there at any time, which is what an atomic is for.
                #[expect(unsafe_code, reason = "memory shared with another domain")]
                let word = unsafe { page.add(at / 4).as_ref() };
                Ok(word.load(Ordering::Relaxed))
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

impl Drop for Mapped<'_> {
    fn drop(&mut self) {
        if let Some(page) = self.page {
            // SAFETY: mapped by `new` with this length, and no reference into it outlives `self`.
            #[expect(unsafe_code, reason = "unmapping memory")]
            let unmapped = unsafe { munmap(page.as_ptr().cast(), LENGTH) };
            debug_assert!(unmapped.is_ok(), "{unmapped:?}");
        }
        // What the device refuses to take back, it takes when its file is closed.
        drop(self.grants.unmap(self.place));
    }
}

#[cfg(test)]
mod tests;
