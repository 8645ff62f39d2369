//! What the driver of a network interface counts besides the usual: the statistics of `ethtool -S`.
//!
//! The structures are those of `include/uapi/linux/ethtool.h`. The kernel writes as many names and numbers as the
//! driver has, whatever room it was told of, and another interface may have taken the name in between: answers go into
//! a mapping of a fixed size that ends before a page without rights, so that one that is too long is an error.

use std::ffi::c_void;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use rustix::ioctl::{Opcode, Updater, ioctl};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use rustix::net::{AddressFamily, SocketType, socket};

use super::backend::present;
use crate::device::reading::{BadValue, Reading};
use crate::error::{Error, Result};

/// `SIOCETHTOOL`, and its commands.
const ETHTOOL: Opcode = 0x8946;
const GET_STRINGS: u32 = 0x1b;
const GET_STATISTICS: u32 = 0x1d;
/// The set of strings that names statistics.
const STATISTICS: u32 = 1;
/// Bytes of a name.
const NAME: usize = 32;
/// Bytes of an interface's name with the zero behind it.
const INTERFACE: usize = 16;
/// Bytes for an answer, and as many that are guarded behind it: a multiple of every size of pages.
const ROOM: usize = 65_536;

/// Asks drivers of network interfaces what they count.
pub trait DriverStats {
    /// The numbers of this interface's driver, by their names.
    ///
    /// # Errors
    /// If there is no such interface, or its driver counts nothing.
    fn statistics(&self, interface: &str) -> io::Result<Vec<(String, u64)>>;
}

/// The drivers of this machine.
pub struct KernelStats {
    socket: OwnedFd,
    room: Mutex<Room>,
}

impl KernelStats {
    /// Opens a way to ask.
    ///
    /// # Errors
    /// If the system refuses a socket or memory.
    pub fn open() -> Result<Self> {
        let failed = |error| Error::io("ask network drivers what they count", error);
        let socket = socket(AddressFamily::INET, SocketType::DGRAM, None);
        Ok(Self {
            socket: socket.map_err(|error| failed(error.into()))?,
            room: Mutex::new(Room::new().map_err(failed)?),
        })
    }

    /// Gives a command about an interface. The answer is in `room` behind its two words.
    fn ask(&self, interface: &str, room: &mut Room, words: [u32; 3]) -> io::Result<()> {
        let mut request = Request {
            name: [0; INTERFACE],
            data: room.start.as_ptr(),
            rest: [0; 2],
        };
        let name = interface.as_bytes();
        if name.len() >= INTERFACE || name.contains(&0) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        request.name[..name.len()].copy_from_slice(name);
        for (place, word) in room.bytes_mut().chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        // SAFETY: the operation reads and writes a Request; the kernel writes to where it points, and that is a mapping
        // that nobody else has, behind which it finds no page that it may write to.
        #[expect(unsafe_code, reason = "an operation of a socket")]
        unsafe {
            ioctl(&self.socket, Updater::<ETHTOOL, _>::new(&mut request))?;
        }
        Ok(())
    }
}

impl DriverStats for KernelStats {
    fn statistics(&self, interface: &str) -> io::Result<Vec<(String, u64)>> {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        self.ask(interface, &mut room, [GET_STRINGS, STATISTICS, 0])?;
        let names = names(room.bytes());
        self.ask(interface, &mut room, [GET_STATISTICS, 0, 0])?;
        let numbers = numbers(room.bytes());
        if names.len() != numbers.len() {
            return Err(io::Error::other("names and numbers differ"));
        }
        Ok(names.into_iter().zip(numbers).collect())
    }
}

impl fmt::Debug for KernelStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelStats").finish_non_exhaustive()
    }
}

/// `struct ifreq` with a pointer in its union.
#[repr(C)]
struct Request {
    name: [u8; INTERFACE],
    data: *mut c_void,
    rest: [u64; 2],
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Request>() == 40);

/// Memory for an answer, with an end that is guarded.
struct Room {
    start: NonNull<c_void>,
}

// SAFETY: the mapping belongs to the value alone.
#[expect(unsafe_code, reason = "a mapping of its own")]
unsafe impl Send for Room {}

impl Room {
    fn new() -> io::Result<Self> {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        let whole = 2 * ROOM;
        // SAFETY: a new mapping at a place of the kernel's choice touches nothing that is there.
        #[expect(unsafe_code, reason = "a mapping")]
        let start =
            unsafe { mmap_anonymous(std::ptr::null_mut(), whole, rights, MapFlags::PRIVATE)? };
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        let room = Self { start };
        // SAFETY: the second half of the new mapping, which nobody has used so far.
        #[expect(unsafe_code, reason = "a mapping")]
        unsafe {
            let guard = start.as_ptr().byte_add(ROOM);
            mprotect(guard, ROOM, MprotectFlags::empty())?;
        }
        Ok(room)
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes are mapped, readable, and nobody writes while `self` is borrowed.
        #[expect(unsafe_code, reason = "a mapping")]
        unsafe {
            std::slice::from_raw_parts(self.start.as_ptr().cast(), ROOM)
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: so many bytes are mapped, writable, and nobody else has them while `self` is borrowed.
        #[expect(unsafe_code, reason = "a mapping")]
        unsafe {
            std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), ROOM)
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: the mapping of `new`, to which no reference is left.
        #[expect(unsafe_code, reason = "a mapping")]
        let unmapped = unsafe { munmap(self.start.as_ptr(), 2 * ROOM) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The names in a `struct ethtool_gstrings`: the count in its third word.
fn names(bytes: &[u8]) -> Vec<String> {
    let count = word(bytes, 8).and_then(|count| usize::try_from(count).ok());
    let names = bytes.get(12..).unwrap_or_default().chunks_exact(NAME);
    let names = names.take(count.unwrap_or(0)).map(|name| {
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(NAME);
        String::from_utf8_lossy(name.get(..end).unwrap_or_default()).into_owned()
    });
    names.collect()
}

/// The numbers in a `struct ethtool_stats`: the count in its second word.
fn numbers(bytes: &[u8]) -> Vec<u64> {
    let count = word(bytes, 4).and_then(|count| usize::try_from(count).ok());
    let numbers = bytes.get(8..).unwrap_or_default().chunks_exact(8);
    let numbers = numbers
        .take(count.unwrap_or(0))
        .filter_map(|number| Some(u64::from_ne_bytes(number.try_into().ok()?)));
    numbers.collect()
}

/// What Linux' network backend counts of a guest's interface, under the driver's own names
/// (`drivers/net/xen-netback/interface.c`). Its `tx` is what the guest sends.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct VifStats {
    /// Packets of the guest that came without the checksum that their kind needs.
    pub rx_gso_checksum_fixup: Reading<u64>,
    /// Packets of the guest that were passed on in its own pages.
    pub tx_zerocopy_sent: Reading<u64>,
    /// Those of them that were never copied.
    pub tx_zerocopy_success: Reading<u64>,
    /// Those of them that were copied after all.
    pub tx_zerocopy_fail: Reading<u64>,
    /// Packets of the guest in more pieces than a packet of Linux has.
    pub tx_frag_overflow: Reading<u64>,
}

impl VifStats {
    /// Asks the driver of an interface. A driver that counts none of this is another one: missing.
    pub fn read(drivers: &dyn DriverStats, interface: &str) -> Reading<Self> {
        let all = match drivers.statistics(interface) {
            Ok(all) => all,
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::PermissionDenied => Reading::Denied,
                    io::ErrorKind::Other => {
                        Reading::Unreadable(BadValue::new(b"", "could not be read"))
                    }
                    _ => Reading::Missing,
                };
            }
        };
        let number = |name: &str| {
            let found = all.iter().find(|(other, _)| other == name);
            found.map_or(Reading::Missing, |(_, value)| Reading::Known(*value))
        };
        let stats = Self {
            rx_gso_checksum_fixup: number("rx_gso_checksum_fixup"),
            tx_zerocopy_sent: number("tx_zerocopy_sent"),
            tx_zerocopy_success: number("tx_zerocopy_success"),
            tx_zerocopy_fail: number("tx_zerocopy_fail"),
            tx_frag_overflow: number("tx_frag_overflow"),
        };
        present(stats, |stats| {
            vec![
                &stats.rx_gso_checksum_fixup,
                &stats.tx_zerocopy_sent,
                &stats.tx_zerocopy_success,
                &stats.tx_zerocopy_fail,
                &stats.tx_frag_overflow,
            ]
        })
    }
}

#[cfg(test)]
mod tests;
