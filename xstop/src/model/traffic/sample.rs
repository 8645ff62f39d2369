//! One reading of everything that counts a device.

use xenbus::counters::{
    BlockStats, EventStats, NetStats, NetbackQueue, Occupancy, TapdiskStats, VifStats,
};
use xenbus::device::Reading;
use xenbus::device::ring::{Place, Ring};

use super::kinds::{Kind, find_kind};
use super::{RingUse, UseSource};

/// What was read of a device at one moment: numbers by kind and queue, and how full rings are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The network interface of its backend.
    pub interface: Option<String>,
    /// The numbers that are known.
    pub numbers: Vec<(&'static Kind, Option<u32>, u64)>,
    /// How full each ring is, in the order in which the frontend's rings are listed.
    pub rings: Vec<RingUse>,
}

impl Sample {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.rings.iter().all(|ring| *ring == RingUse::UNKNOWN)
    }

    /// Adds a number of this kind.
    pub fn add(&mut self, id: &str, queue: Option<u32>, value: u64) {
        if let Some(kind) = find_kind(id) {
            self.numbers.push((kind, queue, value));
        }
    }

    fn add_all<'a>(&mut self, readings: impl IntoIterator<Item = (&'a str, &'a Reading<u64>)>) {
        for (id, reading) in readings {
            if let Some(value) = reading.known() {
                self.add(id, None, *value);
            }
        }
    }

    /// Adds what a block backend counts.
    pub fn add_block(&mut self, stats: &BlockStats) {
        self.add_all([
            ("rd_req", &stats.reads),
            ("wr_req", &stats.writes),
            ("f_req", &stats.flushes),
            ("ds_req", &stats.discards),
            ("oo_req", &stats.out_of_requests),
            ("rd_sect", &stats.sectors_read),
            ("wr_sect", &stats.sectors_written),
        ]);
    }

    /// Adds what a network interface counts.
    pub fn add_net(&mut self, stats: &NetStats) {
        self.add_all([
            ("rx_bytes", &stats.rx_bytes),
            ("rx_packets", &stats.rx_packets),
            ("rx_dropped", &stats.rx_dropped),
            ("rx_errors", &stats.rx_errors),
            ("tx_bytes", &stats.tx_bytes),
            ("tx_packets", &stats.tx_packets),
            ("tx_dropped", &stats.tx_dropped),
            ("tx_errors", &stats.tx_errors),
        ]);
    }

    /// Adds what the driver of a network backend's interface counts.
    pub fn add_vif(&mut self, stats: &VifStats) {
        self.add_all([
            ("rx_gso_checksum_fixup", &stats.rx_gso_checksum_fixup),
            ("tx_zerocopy_sent", &stats.tx_zerocopy_sent),
            ("tx_zerocopy_success", &stats.tx_zerocopy_success),
            ("tx_zerocopy_fail", &stats.tx_zerocopy_fail),
            ("tx_frag_overflow", &stats.tx_frag_overflow),
        ]);
    }

    /// Adds what the bus counts of a backend's event channels.
    pub fn add_events(&mut self, stats: &EventStats) {
        self.add_all([
            ("event_channels", &stats.channels),
            ("events", &stats.events),
            ("spurious_events", &stats.spurious),
            ("jiffies_eoi_delayed", &stats.delayed_jiffies),
        ]);
    }

    /// Adds what tapdisk counts.
    pub fn add_tapdisk(&mut self, stats: &TapdiskStats) {
        for (id, value) in [
            ("td_outstanding", stats.outstanding),
            ("td_rd_submitted", stats.read.submitted),
            ("td_rd_completed", stats.read.completed),
            ("td_rd_sect", stats.read.sectors),
            ("td_rd_ticks", stats.read.ticks),
            ("td_wr_submitted", stats.write.submitted),
            ("td_wr_completed", stats.write.completed),
            ("td_wr_sect", stats.write.sectors),
            ("td_wr_ticks", stats.write.ticks),
            ("td_errors", stats.errors),
        ] {
            self.add(id, None, value);
        }
    }

    /// Adds what a network backend shows of its queues; `rings` are those of the frontend.
    pub fn add_netback(&mut self, queues: &[NetbackQueue], rings: &[Ring]) {
        for queue in queues {
            let number = Some(queue.queue);
            if let Some(pending) = queue.pending {
                self.add("tx_pending", number, pending.into());
            }
            if let Some(dealloc) = queue.dealloc {
                self.add("tx_dealloc", number, dealloc.into());
            }
            if let Some(rx) = queue.rx {
                self.add("rx_posted", number, rx.posted().clamped().into());
            }
            self.add("rx_queue_bytes", number, queue.rx_queue.bytes);
            self.add("rx_queue_packets", number, queue.rx_queue.packets);
        }
        self.rings.resize(rings.len(), RingUse::UNKNOWN);
        for (ring, shown) in rings.iter().zip(&mut self.rings) {
            let Place::Queue(number) = ring.place else {
                continue;
            };
            let queue = queues.iter().find(|queue| queue.queue == number);
            let seen = queue.and_then(|queue| match &*ring.role {
                "tx" => queue.tx,
                "rx" => queue.rx,
                _ => None,
            });
            if let Some(seen) = seen {
                *shown = RingUse {
                    occupancy: Reading::Known(Occupancy::Requests {
                        in_flight: seen.in_flight(),
                        req_prod: seen.req_prod,
                        rsp_prod: seen.rsp_prod,
                    }),
                    source: UseSource::Netback,
                };
            }
        }
    }

    /// Adds what the pages of the rings say, for those of which nothing is known so far.
    pub fn add_pages(&mut self, pages: Vec<Reading<Occupancy>>) {
        self.rings
            .resize(self.rings.len().max(pages.len()), RingUse::UNKNOWN);
        for (shown, occupancy) in self.rings.iter_mut().zip(pages) {
            if shown.source == UseSource::None && !occupancy.is_missing() {
                *shown = RingUse {
                    occupancy,
                    source: UseSource::Page,
                };
            }
        }
    }
}
