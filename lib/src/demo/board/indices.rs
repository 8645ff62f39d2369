//! The pages of rings, as somebody who maps them would see them.

use std::io;

use super::Board;
use super::flow::{Counts, Flow, low};
use crate::counters::{RingIndices, Words};
use crate::device::layout::{Abi, Capacity, Layout, ninepfs_bytes};
use crate::device::ring::PageReference;
use crate::id::DomId;

/// Order of the data pages that 9pfs frontends use.
const NINEPFS_ORDER: u32 = 9;

/// What a page is used for.
#[derive(Clone, Copy, Debug)]
pub(in crate::demo) struct RingUse {
    /// The ring's role in its class.
    pub(in crate::demo) role: &'static str,
    pub(in crate::demo) layout: Layout,
    /// Pages of the ring.
    pub(in crate::demo) pages: u32,
    /// Rings of this role that the device has.
    pub(in crate::demo) queues: u32,
}

impl RingIndices for Board {
    fn words(&self, domain: DomId, page: PageReference, offsets: &[u16]) -> io::Result<Words> {
        if matches!(page, PageReference::Frame(_)) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let now = self.now();
        let slots = self.slots();
        let (id, ring) = slots
            .pages
            .get(&(domain, page))
            .ok_or(io::ErrorKind::NotFound)?;
        let slot = slots.devices.get(id).ok_or(io::ErrorKind::NotFound)?;
        let all = ring.words(&slot.flow, &slot.flow.counts(now));
        let known = ring.layout.index_offsets();
        Ok(Words::new(offsets.iter().map(|offset| {
            let place = known.iter().position(|known| known == offset);
            place.and_then(|place| all.get(place)).copied().unwrap_or(0)
        })))
    }
}

impl RingUse {
    /// The indices, in the order of [`Layout::index_offsets`].
    pub(in crate::demo) fn words(&self, flow: &Flow, counts: &Counts) -> [u32; 5] {
        match self.layout {
            Layout::Sring { .. } => {
                let ring = self.requests(flow, counts);
                [
                    ring.req_prod,
                    ring.req_event,
                    ring.rsp_prod,
                    ring.rsp_event,
                    0,
                ]
            }
            Layout::Duplex(duplex) => {
                let sizes = (duplex.into_guest, duplex.from_guest);
                streams(sizes, flow, counts, 0)
            }
            Layout::NinePfs => {
                let bytes = ninepfs_bytes(NINEPFS_ORDER).unwrap_or_default();
                streams((bytes, bytes), flow, counts, NINEPFS_ORDER)
            }
            Layout::Mailbox | Layout::Unknown => [0; 5],
        }
    }

    /// Indices of a standard ring.
    pub(in crate::demo) fn requests(&self, flow: &Flow, counts: &Counts) -> Requests {
        let entries = match self.layout.capacity(self.pages, Abi::Native) {
            Capacity::Requests(entries) => entries,
            _ => 0,
        };
        let done = match self.role {
            "rx" => counts.received,
            "ctrl" | "conn" => 0,
            _ => counts.reads + counts.writes + counts.sent,
        };
        let rsp_prod = flow
            .index_base
            .wrapping_add(low(done / u64::from(self.queues.max(1))));
        let used = match self.role {
            "ctrl" | "conn" => 0,
            // The guest keeps the ring full of buffers; packets use them up for a moment.
            "rx" => {
                entries
                    - share(
                        entries,
                        if counts.is_stalled {
                            1000
                        } else {
                            counts.fill / 8
                        },
                    )
            }
            _ => share(entries, counts.fill),
        };
        let claimed = if flow.lies { entries * 9 + 7 } else { used };
        let req_prod = rsp_prod.wrapping_add(claimed);
        Requests {
            entries,
            in_flight: claimed,
            req_prod,
            req_event: req_prod.wrapping_add(1),
            rsp_prod,
            rsp_event: rsp_prod.wrapping_add(1),
        }
    }
}

/// Indices of a standard ring.
#[derive(Clone, Copy, Debug)]
pub(in crate::demo) struct Requests {
    pub(in crate::demo) entries: u32,
    pub(in crate::demo) in_flight: u32,
    pub(in crate::demo) req_prod: u32,
    pub(in crate::demo) req_event: u32,
    pub(in crate::demo) rsp_prod: u32,
    pub(in crate::demo) rsp_event: u32,
}

fn share(of: u32, per_mille: u32) -> u32 {
    let share = u64::from(of) * u64::from(per_mille.min(1000)) / 1000;
    u32::try_from(share).unwrap_or(of)
}

/// Indices of a ring each way.
fn streams((into, from): (u32, u32), flow: &Flow, counts: &Counts, order: u32) -> [u32; 5] {
    let base = flow.index_base;
    let end = |done: u64, size: u32| {
        let consumed = base.wrapping_add(low(done));
        let waiting = if flow.lies {
            size + 1
        } else {
            share(size, counts.fill)
        };
        (consumed, consumed.wrapping_add(waiting))
    };
    let (in_cons, in_prod) = end(counts.received, into);
    let (out_cons, out_prod) = end(counts.sent, from);
    [in_cons, in_prod, out_cons, out_prod, order]
}
