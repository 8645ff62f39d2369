//! How shared pages are laid out: entries per ring, and where the indices lie.
//!
//! Sizes come from `xen/include/public/io/*.h` compiled for x86-64 (and for the 32-bit ABI of block devices).

/// Bytes of a page that is granted (`XEN_PAGE_SIZE`).
pub const PAGE_SIZE: u32 = 4096;

/// Bytes before the first entry of a standard ring: four u32 indices and padding (`io/ring.h`).
pub const SRING_HEADER: u32 = 64;

/// Entries of a standard ring (`__RING_SIZE` of `io/ring.h`): the largest power of two that fits behind the header.
///
/// `entry` is the larger of request and response, in bytes. No pages or no size: 0.
pub fn sring_entries(pages: u32, entry: u32) -> u32 {
    let room = (u64::from(pages) * u64::from(PAGE_SIZE)).saturating_sub(u64::from(SRING_HEADER));
    match room.checked_div(u64::from(entry)) {
        None | Some(0) => 0,
        Some(fit) => u32::try_from(1_u64 << fit.ilog2()).unwrap_or(u32::MAX),
    }
}

/// What a ring's pages look like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layout {
    /// The standard ring of requests and responses.
    Sring {
        /// Bytes of an entry.
        entry: u32,
        /// Bytes of an entry in a frontend with the `x86_32-abi`, where structures are packed differently.
        entry_x86_32: u32,
    },
    /// One page with a ring in each direction, of a form of its own.
    Duplex(Duplex),
    /// 9pfs: the referenced page holds indices, order and the references of the data pages; the size is in the page.
    NinePfs,
    /// One page that carries one request at a time: no ring.
    Mailbox,
    /// We do not know.
    Unknown,
}

/// A page with one ring towards the frontend and one from it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Duplex {
    /// What the rings hold.
    pub unit: Unit,
    /// Size of the ring from backend to frontend.
    pub into_guest: u32,
    /// Size of the ring from frontend to backend; 0 if there is none.
    pub from_guest: u32,
    /// Where the u32 indices are: consumer and producer towards the frontend, consumer and producer from it.
    pub indices: [u16; 4],
}

/// What a ring holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// Structures of a fixed size.
    Entries,
    /// A stream of bytes.
    Bytes,
}

impl Layout {
    /// Block devices (`io/blkif.h`).
    pub const BLKIF: Self = Self::Sring {
        entry: 112,
        entry_x86_32: 108,
    };
    /// Network, guest to backend (`io/netif.h`).
    pub const NETIF_TX: Self = Self::sring(12);
    /// Network, backend to guest.
    pub const NETIF_RX: Self = Self::sring(8);
    /// Network, control.
    pub const NETIF_CTRL: Self = Self::sring(16);
    /// SCSI (`io/vscsiif.h`).
    pub const VSCSIIF: Self = Self::sring(252);
    /// USB requests (`io/usbif.h`).
    pub const USBIF_URB: Self = Self::sring(148);
    /// USB plug events.
    pub const USBIF_CONN: Self = Self::sring(4);
    /// Requests of sound, display and camera (`io/sndif.h`, `io/displif.h`, `io/cameraif.h`).
    pub const MEDIA_REQUEST: Self = Self::sring(64);
    /// Events of the same: one way, 64 bytes each after a header of 64.
    pub const MEDIA_EVENTS: Self = Self::Duplex(Duplex {
        unit: Unit::Entries,
        into_guest: 63,
        from_guest: 0,
        indices: [0, 4, 0, 4],
    });
    /// Commands of pvcalls (`io/pvcalls.h`); its data rings are announced inside the commands.
    pub const PVCALLS: Self = Self::sring(64);
    /// Keyboard and pointer (`io/kbdif.h`).
    pub const KBDIF: Self = Self::Duplex(Duplex {
        unit: Unit::Entries,
        into_guest: 51,
        from_guest: 25,
        indices: [0, 4, 8, 12],
    });
    /// Frame buffer (`io/fbif.h`).
    pub const FBIF: Self = Self::Duplex(Duplex {
        unit: Unit::Entries,
        into_guest: 25,
        from_guest: 51,
        indices: [0, 4, 8, 12],
    });
    /// Console (`struct xencons_interface`, `io/console.h`).
    pub const CONSOLE: Self = Self::Duplex(Duplex {
        unit: Unit::Bytes,
        into_guest: 1024,
        from_guest: 2048,
        indices: [3072, 3076, 3080, 3084],
    });
    /// The store's own ring (`struct xenstore_domain_interface`, `io/xs_wire.h`): replies and requests.
    pub const XENSTORE: Self = Self::Duplex(Duplex {
        unit: Unit::Bytes,
        into_guest: 1024,
        from_guest: 1024,
        indices: [2056, 2060, 2048, 2052],
    });

    const fn sring(entry: u32) -> Self {
        Self::Sring {
            entry,
            entry_x86_32: entry,
        }
    }

    /// How much goes into a ring of this layout that has `pages` pages.
    pub fn capacity(self, pages: u32, abi: Abi) -> Capacity {
        match self {
            Self::Sring {
                entry,
                entry_x86_32,
            } => {
                let entry = if abi == Abi::X86_32 {
                    entry_x86_32
                } else {
                    entry
                };
                Capacity::Requests(sring_entries(pages, entry))
            }
            Self::Duplex(duplex) => Capacity::Duplex {
                unit: duplex.unit,
                into_guest: duplex.into_guest,
                from_guest: duplex.from_guest,
            },
            Self::NinePfs => Capacity::InThePage,
            Self::Mailbox => Capacity::Requests(1),
            Self::Unknown => Capacity::Unknown,
        }
    }
}

/// How much a ring can hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Capacity {
    /// Requests under way.
    Requests(u32),
    /// A ring each way.
    Duplex {
        /// What is counted.
        unit: Unit,
        /// From backend to frontend.
        into_guest: u32,
        /// From frontend to backend.
        from_guest: u32,
    },
    /// Only the shared page says it, the store does not.
    InThePage,
    /// Of a class that we do not know.
    Unknown,
}

/// Bytes of one direction of a 9pfs ring whose shared page announces `order` (`io/9pfs.h`: half of 2^(order + 12)).
/// `None` for an order that no driver uses.
pub fn ninepfs_bytes(order: u32) -> Option<u32> {
    (order <= 16).then(|| 1 << (order + 11))
}

/// How the frontend lays out structures: the key `protocol`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Abi {
    /// As the backend does: no key, or one that we do not know.
    #[default]
    Native,
    /// `x86_32-abi`.
    X86_32,
    /// `x86_64-abi`.
    X86_64,
    /// `arm-abi`.
    Arm,
}

impl Abi {
    /// Reads the key `protocol` (`io/protocols.h`).
    pub(crate) fn parse(value: &[u8]) -> Result<Self, &'static str> {
        match value {
            b"x86_32-abi" => Ok(Self::X86_32),
            b"x86_64-abi" => Ok(Self::X86_64),
            b"arm-abi" => Ok(Self::Arm),
            _ => Err("is no known ABI"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn requests(layout: Layout, pages: u32, abi: Abi) -> u32 {
        match layout.capacity(pages, abi) {
            Capacity::Requests(entries) => entries,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rings_have_the_entries_that_the_compiled_headers_give() {
        for (layout, pages, entries) in [
            (Layout::BLKIF, 1, 32),
            (Layout::BLKIF, 2, 64),
            (Layout::BLKIF, 4, 128),
            (Layout::BLKIF, 8, 256),
            (Layout::BLKIF, 16, 512),
            (Layout::NETIF_TX, 1, 256),
            (Layout::NETIF_RX, 1, 256),
            (Layout::NETIF_CTRL, 1, 128),
            (Layout::VSCSIIF, 1, 16),
            (Layout::USBIF_URB, 1, 16),
            (Layout::USBIF_CONN, 1, 512),
            (Layout::MEDIA_REQUEST, 1, 32),
            (Layout::PVCALLS, 1, 32),
        ] {
            assert_eq!(requests(layout, pages, Abi::X86_64), entries, "{layout:?}");
            assert_eq!(requests(layout, pages, Abi::Arm), entries, "{layout:?}");
        }
        assert_eq!(requests(Layout::BLKIF, 1, Abi::X86_32), 32);
        assert_eq!(requests(Layout::Mailbox, 1, Abi::Native), 1);
    }

    #[test]
    fn rings_of_a_form_of_their_own_have_the_sizes_of_their_headers() {
        for (layout, unit, into_guest, from_guest) in [
            (Layout::KBDIF, Unit::Entries, 51, 25),
            (Layout::FBIF, Unit::Entries, 25, 51),
            (Layout::CONSOLE, Unit::Bytes, 1024, 2048),
            (Layout::XENSTORE, Unit::Bytes, 1024, 1024),
        ] {
            let expected = Capacity::Duplex {
                unit,
                into_guest,
                from_guest,
            };
            assert_eq!(layout.capacity(1, Abi::Native), expected);
        }
        assert_eq!(ninepfs_bytes(0), Some(2048));
        assert_eq!(ninepfs_bytes(9), Some(1 << 20));
        assert_eq!(ninepfs_bytes(4_000_000_000), None);
    }

    proptest! {
        #[test]
        fn a_ring_is_the_largest_power_of_two_that_fits(pages in 0_u32.., entry in 0_u32..) {
            let entries = u64::from(sring_entries(pages, entry));
            let room = (u64::from(pages) * 4096).saturating_sub(64);
            if entries == 0 {
                prop_assert!(entry == 0 || room < u64::from(entry));
            } else if entries < u64::from(u32::MAX) {
                prop_assert!(entries.is_power_of_two());
                prop_assert!(entries * u64::from(entry) <= room);
                prop_assert!(2 * entries * u64::from(entry) > room);
            }
        }
    }
}
