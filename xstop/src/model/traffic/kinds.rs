//! Everything that is counted: one table for the screen, batch output, recordings and metrics.

/// Something that is counted.
#[derive(Debug, Eq, PartialEq)]
pub struct Kind {
    /// Its stable name.
    pub id: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Whether it only ever grows; else it is what is now.
    pub is_counter: bool,
}

impl Kind {
    /// Its name among metrics, without prefix and suffix, and by what its numbers are multiplied there: metrics count
    /// in bytes, not in sectors.
    pub fn metric(&self) -> (String, u64) {
        match self.unit {
            Unit::Sectors => {
                let name = self
                    .id
                    .replace("rd_sect", "read")
                    .replace("wr_sect", "written");
                (format!("{name}_bytes"), 512)
            }
            _ => (self.id.to_owned(), 1),
        }
    }
}

/// Every kind.
pub fn all_kinds() -> &'static [Kind] {
    KINDS
}

/// What a number counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// Requests of a block device.
    Requests,
    /// Sectors of 512 bytes.
    Sectors,
    /// Bytes.
    Bytes,
    /// Packets of a network.
    Packets,
    /// Anything else.
    Count,
}

/// The kind of this name.
pub fn find_kind(id: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.id == id)
}

const fn counter(id: &'static str, unit: Unit, title: &'static str) -> Kind {
    Kind {
        id,
        title,
        unit,
        is_counter: true,
    }
}

const fn gauge(id: &'static str, unit: Unit, title: &'static str) -> Kind {
    Kind {
        id,
        title,
        unit,
        is_counter: false,
    }
}

/// All kinds. Names are those of the kernel's files where there are such.
pub(super) const KINDS: &[Kind] = &[
    counter("rd_req", Unit::Requests, "read requests"),
    counter("wr_req", Unit::Requests, "write requests"),
    counter("f_req", Unit::Requests, "flush requests"),
    counter("ds_req", Unit::Requests, "discard requests"),
    counter("oo_req", Unit::Count, "times out of request slots"),
    counter("rd_sect", Unit::Sectors, "sectors read"),
    counter("wr_sect", Unit::Sectors, "sectors written"),
    counter("rx_bytes", Unit::Bytes, "bytes received by the guest"),
    counter("rx_packets", Unit::Packets, "packets received by the guest"),
    counter(
        "rx_dropped",
        Unit::Packets,
        "packets for the guest, dropped",
    ),
    counter("rx_errors", Unit::Packets, "packets for the guest, failed"),
    counter("tx_bytes", Unit::Bytes, "bytes sent by the guest"),
    counter("tx_packets", Unit::Packets, "packets sent by the guest"),
    counter("tx_dropped", Unit::Packets, "packets of the guest, dropped"),
    counter("tx_errors", Unit::Packets, "packets of the guest, failed"),
    counter(
        "rx_gso_checksum_fixup",
        Unit::Packets,
        "packets of the guest whose checksum was mended",
    ),
    counter(
        "tx_zerocopy_sent",
        Unit::Packets,
        "packets of the guest passed on in its own pages",
    ),
    counter(
        "tx_zerocopy_success",
        Unit::Packets,
        "such packets that left without a copy",
    ),
    counter(
        "tx_zerocopy_fail",
        Unit::Packets,
        "such packets that were copied after all",
    ),
    counter(
        "tx_frag_overflow",
        Unit::Packets,
        "packets of the guest in too many pieces",
    ),
    gauge("event_channels", Unit::Count, "event channels"),
    counter("events", Unit::Count, "events from the guest"),
    counter("spurious_events", Unit::Count, "events without work"),
    counter(
        "jiffies_eoi_delayed",
        Unit::Count,
        "ticks for which events were held back",
    ),
    gauge("tx_pending", Unit::Requests, "sent packets under way"),
    gauge("tx_dealloc", Unit::Count, "grants to give back"),
    gauge("rx_posted", Unit::Count, "buffers that the guest offers"),
    gauge("rx_queue_bytes", Unit::Bytes, "bytes that wait for buffers"),
    gauge(
        "rx_queue_packets",
        Unit::Packets,
        "packets that wait for buffers",
    ),
    gauge("td_outstanding", Unit::Requests, "requests in tapdisk"),
    counter(
        "td_rd_submitted",
        Unit::Requests,
        "read requests given to tapdisk",
    ),
    counter(
        "td_rd_completed",
        Unit::Requests,
        "read requests done by tapdisk",
    ),
    counter("td_rd_sect", Unit::Sectors, "sectors read by tapdisk"),
    counter("td_rd_ticks", Unit::Count, "tapdisk's ticks in reads"),
    counter(
        "td_wr_submitted",
        Unit::Requests,
        "write requests given to tapdisk",
    ),
    counter(
        "td_wr_completed",
        Unit::Requests,
        "write requests done by tapdisk",
    ),
    counter("td_wr_sect", Unit::Sectors, "sectors written by tapdisk"),
    counter("td_wr_ticks", Unit::Count, "tapdisk's ticks in writes"),
    counter(
        "td_errors",
        Unit::Requests,
        "requests that failed in tapdisk",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_that_metrics_can_have() {
        for kind in KINDS {
            let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(kind.id.chars().all(is_word), "{}", kind.id);
            assert_eq!(find_kind(kind.id), Some(kind));
        }
    }
}
