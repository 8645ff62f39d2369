//! How full rings are, from the indices in their shared pages.
//!
//! A ring page is the guest's memory: every number in it may be an attacker's. A fill above the size of the ring is
//! impossible, and said so.

use std::io;

use crate::device::host::Device;
use crate::device::layout::{Capacity, Layout, Unit, ninepfs_bytes};
use crate::device::reading::{BadValue, Reading};
use crate::device::ring::{PageReference, Ring};
use crate::device::state::XenbusState;
use crate::id::DomId;

/// The most numbers that a layout has.
const WORDS_MAX: usize = 5;

/// Numbers of a page, in the order of the offsets that were asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Words([u32; WORDS_MAX]);

impl Words {
    /// These numbers; more than a layout has are cut.
    pub fn new(words: impl IntoIterator<Item = u32>) -> Self {
        let mut all = [0; WORDS_MAX];
        for (place, word) in all.iter_mut().zip(words) {
            *place = word;
        }
        Self(all)
    }
}

/// Looks into ring pages.
///
/// An implementation maps a page read-only for the moment of the call and never longer: while a mapping exists the
/// guest cannot take its page back, and a destroyed domain stays as a zombie.
pub trait RingIndices {
    /// Reads the u32 at each of these offsets of a page of `domain`; each is a multiple of 4 below 4096.
    ///
    /// # Errors
    /// If the page cannot be mapped: no right, a stale reference, or a kind of reference that cannot be mapped.
    fn words(&self, domain: DomId, page: PageReference, offsets: &[u16]) -> io::Result<Words>;
}

/// How much of a ring is in use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fill {
    /// So much, of so much.
    Used {
        /// In use.
        used: u32,
        /// Size.
        of: u32,
    },
    /// The indices claim more than the ring holds: a broken or hostile guest.
    Impossible {
        /// What they claim.
        claimed: u32,
        /// Size.
        of: u32,
    },
}

impl Fill {
    /// From consumer to producer; both count without end and wrap at 2^32.
    pub fn between(consumer: u32, producer: u32, of: u32) -> Self {
        let claimed = producer.wrapping_sub(consumer);
        if claimed > of {
            Self::Impossible { claimed, of }
        } else {
            Self::Used { used: claimed, of }
        }
    }

    /// For a gauge: never more than the size.
    pub fn clamped(self) -> u32 {
        match self {
            Self::Used { used, .. } => used,
            Self::Impossible { of, .. } => of,
        }
    }

    /// The size.
    pub fn size(self) -> u32 {
        match self {
            Self::Used { of, .. } | Self::Impossible { of, .. } => of,
        }
    }
}

/// How full a ring is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Occupancy {
    /// A standard ring.
    Requests {
        /// Requests without a response.
        in_flight: Fill,
        /// Requests so far; a counter of 32 bits that wraps.
        req_prod: u32,
        /// Responses so far; a counter of 32 bits that wraps.
        rsp_prod: u32,
    },
    /// A ring each way.
    Duplex {
        /// What is counted.
        unit: Unit,
        /// From backend to frontend.
        into_guest: Fill,
        /// From frontend to backend, if there is such a ring.
        from_guest: Option<Fill>,
    },
}

impl Layout {
    /// Where the numbers are that tell how full a ring is; nothing if the layout has none.
    pub fn index_offsets(&self) -> &[u16] {
        match self {
            Self::Sring { .. } => &[0, 4, 8, 12],
            Self::Duplex(duplex) => &duplex.indices,
            // Indices on cache lines of their own, and the order of the data pages (`io/9pfs.h`).
            Self::NinePfs => &[0, 4, 64, 68, 72],
            Self::Mailbox | Self::Unknown => &[],
        }
    }

    /// What the numbers at [`Layout::index_offsets`] say.
    pub fn occupancy(self, capacity: Capacity, words: Words) -> Reading<Occupancy> {
        let duplex = |unit, into_guest, from_guest| {
            let [in_cons, in_prod, out_cons, out_prod, _] = words.0;
            Occupancy::Duplex {
                unit,
                into_guest: Fill::between(in_cons, in_prod, into_guest),
                from_guest: (from_guest > 0).then(|| Fill::between(out_cons, out_prod, from_guest)),
            }
        };
        match (self, capacity) {
            (Self::Sring { .. }, Capacity::Requests(entries)) => {
                let [req_prod, _, rsp_prod, ..] = words.0;
                Reading::Known(Occupancy::Requests {
                    in_flight: Fill::between(rsp_prod, req_prod, entries),
                    req_prod,
                    rsp_prod,
                })
            }
            (Self::Duplex(page), _) => {
                Reading::Known(duplex(page.unit, page.into_guest, page.from_guest))
            }
            (Self::NinePfs, _) => {
                let [.., order] = words.0;
                match ninepfs_bytes(order) {
                    Some(bytes) => Reading::Known(duplex(Unit::Bytes, bytes, bytes)),
                    None => Reading::Unreadable(BadValue::new(
                        order.to_string().as_bytes(),
                        "is an impossible order",
                    )),
                }
            }
            (Self::Sring { .. } | Self::Mailbox | Self::Unknown, _) => Reading::Missing,
        }
    }
}

/// Looks into one ring of `domain`. Only the first page holds indices.
pub fn sample_ring(source: &dyn RingIndices, domain: DomId, ring: &Ring) -> Reading<Occupancy> {
    let offsets = ring.layout.index_offsets();
    let (Some(page), false) = (ring.references.first(), offsets.is_empty()) else {
        return Reading::Missing;
    };
    match source.words(domain, *page, offsets) {
        Ok(words) => ring.layout.occupancy(ring.capacity, words),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Reading::Denied,
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Reading::Missing,
        Err(_) => Reading::Unreadable(BadValue::new(b"", "could not be mapped")),
    }
}

/// Looks into each ring of a device, in the order of its list; empty unless both ends are Connected, because the
/// guest may take its pages back in any other state.
pub fn sample_device(source: &dyn RingIndices, device: &Device) -> Vec<Reading<Occupancy>> {
    let connected = Some(XenbusState::CONNECTED);
    let is_connected =
        device.front_seen().state() == connected && device.back_seen().state() == connected;
    match device.front.known() {
        Some(front) if is_connected => front
            .rings
            .list
            .iter()
            .map(|ring| sample_ring(source, device.id.domain(), ring))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
