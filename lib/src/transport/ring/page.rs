//! The shared page: its layout, and memory that both sides see.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Bytes of each of the two rings (`XENSTORE_RING_SIZE`).
pub const RING_SIZE: usize = 1024;

/// Bytes of the page that holds everything.
pub const PAGE_SIZE: usize = 4096;

/// `struct xenstore_domain_interface` (`xen/include/public/io/xs_wire.h`).
///
/// Another domain writes here at any time, so everything is an atomic: a value that was read is a value, never a
/// promise about what the next read gives.
#[derive(Debug)]
#[repr(C)]
pub struct Interface {
    /// Requests, from the domain to the store.
    pub req: [AtomicU8; RING_SIZE],
    /// Replies and events, from the store to the domain.
    pub rsp: [AtomicU8; RING_SIZE],
    /// Where the store reads requests.
    pub req_cons: AtomicU32,
    /// Where the domain writes requests.
    pub req_prod: AtomicU32,
    /// Where the domain reads replies.
    pub rsp_cons: AtomicU32,
    /// Where the store writes replies.
    pub rsp_prod: AtomicU32,
    /// What the store can do beyond the first version: bits of [`Features`].
    pub server_features: AtomicU32,
    /// 0: connected; 1: the domain asks for a new start, or the store is not there yet.
    pub connection: AtomicU32,
    /// Why the store gave the ring up: a [`RingError`], or 0.
    pub error: AtomicU32,
    /// The domain's event channel, where the toolstack chose it (Xen 4.21, dom0less).
    pub evtchn_port: AtomicU32,
}

const _: () = assert!(size_of::<Interface>() == 2080 && size_of::<Interface>() <= PAGE_SIZE);

impl Default for Interface {
    fn default() -> Self {
        Self {
            req: [const { AtomicU8::new(0) }; RING_SIZE],
            rsp: [const { AtomicU8::new(0) }; RING_SIZE],
            req_cons: AtomicU32::new(0),
            req_prod: AtomicU32::new(0),
            rsp_cons: AtomicU32::new(0),
            rsp_prod: AtomicU32::new(0),
            server_features: AtomicU32::new(0),
            connection: AtomicU32::new(0),
            error: AtomicU32::new(0),
            evtchn_port: AtomicU32::new(0),
        }
    }
}

/// Bits of [`Interface::server_features`] (`XENSTORE_SERVER_FEATURE_*`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Features(pub u32);

impl Features {
    /// The domain may ask for a new start.
    pub const RECONNECTION: u32 = 1;
    /// The store tells why it gave the ring up.
    pub const ERROR: u32 = 2;
    /// WATCH takes a depth.
    pub const WATCH_DEPTH: u32 = 4;
    /// Permissions for every domain.
    pub const ANY_DOMAIN: u32 = 8;

    /// Whether all of `bits` are there.
    pub fn has(self, bits: u32) -> bool {
        self.0 & bits == bits
    }
}

/// Value of [`Interface::error`] (`XENSTORE_ERROR_*`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RingError(pub u32);

impl RingError {
    /// The store and the domain cannot reach each other, or one does not take what the other sends.
    pub const COMMUNICATION: Self = Self(1);
    /// More bytes between two indexes than the ring has, or an index that was changed by the wrong side.
    pub const INDEX: Self = Self(2);
    /// A request was too long.
    pub const PROTOCOL: Self = Self(3);
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("communication problem"),
            2 => f.write_str("invalid ring index"),
            3 => f.write_str("protocol violation: a request was too long"),
            other => write!(f, "unknown error {other}"),
        }
    }
}

/// A page with an [`Interface`], shared with the other side.
#[derive(Clone, Debug)]
pub struct Page(Memory);

#[derive(Clone, Debug)]
enum Memory {
    /// Both sides are in this process.
    Own(Arc<Interface>),
    Mapped(Arc<Mapping>),
}

impl Page {
    /// A zeroed page of this process; its clones are the same memory.
    pub fn new() -> Self {
        Self(Memory::Own(Arc::default()))
    }

    /// Maps a page of a file, a device or shared memory, for reading and writing.
    ///
    /// Memory that the file does not back makes an access fatal (SIGBUS), so a file must have its full length, and keep
    /// it: give only files of a trusted owner. Devices of the hypervisor always have their page.
    ///
    /// # Errors
    /// The system's.
    pub fn map(file: impl AsFd, offset: u64) -> io::Result<Self> {
        Ok(Self(Memory::Mapped(Arc::new(Mapping::new(file, offset)?))))
    }

    /// What is in the page.
    pub fn interface(&self) -> &Interface {
        match &self.0 {
            Memory::Own(interface) => interface,
            Memory::Mapped(mapping) => mapping.interface(),
        }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}

/// One mapped page.
#[derive(Debug)]
struct Mapping(NonNull<Interface>);

// SAFETY: the mapping belongs to the process, not to a thread, and all access to it is by atomics.
#[expect(unsafe_code, reason = "a mapping is a bare pointer to the compiler")]
unsafe impl Send for Mapping {}

// SAFETY: as for Send.
#[expect(unsafe_code, reason = "a mapping is a bare pointer to the compiler")]
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: impl AsFd, offset: u64) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses an address that nothing of this process uses yet.
        #[expect(unsafe_code, reason = "mapping memory")]
        let at = unsafe {
            mmap(
                std::ptr::null_mut(),
                PAGE_SIZE,
                access,
                MapFlags::SHARED,
                file,
                offset,
            )?
        };
        NonNull::new(at.cast())
            .map(Self)
            .ok_or_else(|| io::Error::new(io::ErrorKind::AddrNotAvailable, "mapped at address 0"))
    }

    fn interface(&self) -> &Interface {
        // SAFETY: the page is mapped for reading and writing as long as `self` lives, is aligned to its size, and is
        // longer than an Interface, which consists of atomic integers only: every content is valid, and changes by
        // others at any time are what atomics are for.
        #[expect(unsafe_code, reason = "memory shared with another domain")]
        unsafe {
            self.0.as_ref()
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length, and no reference into it outlives `self`.
        #[expect(unsafe_code, reason = "unmapping memory")]
        let unmapped = unsafe { munmap(self.0.as_ptr().cast(), PAGE_SIZE) };
        debug_assert!(unmapped.is_ok(), "munmap of our own mapping");
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    #[test]
    fn the_fields_are_where_the_protocol_has_them() {
        assert_eq!(offset_of!(Interface, rsp), 1024);
        assert_eq!(offset_of!(Interface, req_cons), 2048);
        assert_eq!(offset_of!(Interface, req_prod), 2052);
        assert_eq!(offset_of!(Interface, rsp_cons), 2056);
        assert_eq!(offset_of!(Interface, rsp_prod), 2060);
        assert_eq!(offset_of!(Interface, server_features), 2064);
        assert_eq!(offset_of!(Interface, connection), 2068);
        assert_eq!(offset_of!(Interface, error), 2072);
        assert_eq!(offset_of!(Interface, evtchn_port), 2076);
    }

    #[test]
    fn two_mappings_of_a_file_are_the_same_memory() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(PAGE_SIZE as u64).unwrap();
        let (one, other) = (Page::map(&file, 0).unwrap(), Page::map(&file, 0).unwrap());
        one.interface().req_prod.store(7, Relaxed);
        assert_eq!(other.interface().req_prod.load(Relaxed), 7);
        drop(one);
        assert_eq!(other.interface().req_prod.load(Relaxed), 7);
    }

    #[test]
    fn a_file_that_cannot_be_mapped_is_an_error() {
        let directory = std::fs::File::open("/").unwrap();
        assert!(Page::map(&directory, 0).is_err());
    }
}
