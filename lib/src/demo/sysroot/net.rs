//! Network interfaces: `/sys/class/net`, and the rings as `drivers/net/xen-netback/xenbus.c` prints them.

use std::fmt::Write as _;
use std::time::Duration;

use super::files::LINK;
use super::{OURS, Shown, bus, events, numbers};
use crate::demo::board::{Counts, RingUse, Slot};
use crate::demo::handshake::QUEUES_MAX;
use crate::demo::scenario::Vif;
use crate::demo::scenario::part::{Detail, limit};
use crate::device::id::DeviceId;
use crate::device::layout::Layout;

/// Ticks of the kernel's clock in a second, and where it begins (`INITIAL_JIFFIES`).
const TICKS: u64 = 250;
const FIRST_TICK: u64 = 4_294_892_296;

pub(super) fn files(id: &DeviceId, slot: &Slot, counts: &Counts, now: Duration) -> Shown {
    let (mut shown, directory) = bus(id, slot);
    let Detail::Vif(vif, _) = &slot.part.detail else {
        return shown;
    };
    let interface = format!("vif{}.{}", id.domain(), slot.part.number);
    let net = format!("{}/{interface}", OURS[1]);
    let (kind, number) = (&slot.part.back_kind, slot.part.number);
    let device = format!(
        "{LINK}../../../bus/xen-backend/devices/{kind}-{}-{number}",
        id.domain()
    );
    shown.push((format!("{net}/device"), device));
    let is_up = slot.flow.is_connected();
    for (name, text) in [
        ("address", "fe:ff:ff:ff:ff:ff"),
        ("mtu", "1500"),
        ("operstate", if is_up { "up" } else { "down" }),
        ("carrier", if is_up { "1" } else { "0" }),
    ] {
        shown.push((format!("{net}/{name}"), format!("{text}\n")));
    }
    // The guest's direction is the other one.
    let statistics = [
        ("rx_bytes", counts.sent * counts.size),
        ("rx_dropped", 0),
        ("rx_errors", 0),
        ("rx_packets", counts.sent),
        ("tx_bytes", counts.received * counts.size),
        ("tx_dropped", counts.crowded),
        ("tx_errors", 0),
        ("tx_packets", counts.received),
        ("collisions", 0),
        ("multicast", 0),
    ];
    shown.extend(numbers(&format!("{net}/statistics"), &statistics));
    if !is_up {
        return shown;
    }
    let queues = vif.queues.clamp(1, QUEUES_MAX);
    let channels = queues * (1 + u32::from(vif.split_event_channels));
    shown.extend(events(
        &directory,
        channels,
        counts.received.midpoint(counts.sent),
    ));
    for queue in 0..queues {
        let file = format!("{}/{interface}/io_ring_q{queue}", OURS[2]);
        shown.push((file, ring(slot, counts, vif, (queue, queues), now)));
    }
    shown
}

/// One `io_ring_q<N>`.
fn ring(
    slot: &Slot,
    counts: &Counts,
    vif: &Vif,
    (queue, queues): (u32, u32),
    now: Duration,
) -> String {
    let indices = |role, layout| {
        let ring = RingUse {
            role,
            layout,
            pages: 1,
            queues,
        };
        ring.requests(&slot.flow, counts)
    };
    let tx = indices("tx", Layout::NETIF_TX);
    let rx = indices("rx", Layout::NETIF_RX);
    let (in_flight, taken) = (tx.in_flight, tx.rsp_prod.wrapping_add(tx.in_flight));
    let mut text = format!("Queue {queue}\n");
    write_ring(&mut text, "TX", &tx, taken);
    let pending_prod = tx.rsp_prod.wrapping_add(tx.entries);
    let dealloc = tx.rsp_prod / 3;
    // Writing into a string does not fail.
    let _ = write!(
        text,
        "pending prod {pending_prod} pending cons {taken} nr_pending_reqs {in_flight}\n\
         dealloc prod {dealloc} dealloc cons {dealloc} dealloc_queue 0\n\n"
    );
    write_ring(&mut text, "RX", &rx, rx.rsp_prod);
    let (credit, interval) = vif.rate.as_deref().and_then(limit).unwrap_or((u64::MAX, 0));
    let sent = counts.sent * counts.size;
    let remaining = match credit {
        u64::MAX => u64::MAX - sent,
        0 => 0,
        credit => credit - sent % credit,
    };
    let tick = FIRST_TICK + now.as_secs() * TICKS + u64::from(now.subsec_millis()) / 4;
    let backlog = if counts.is_stalled { 524_288 } else { 0 };
    let packets = backlog / counts.size.max(1);
    let queue_state = if counts.is_stalled {
        "stopped"
    } else {
        "running"
    };
    let _ = write!(
        text,
        "\nNAPI state: 10 NAPI weight: 64 TX queue len 0\n\
         Credit timer_pending: 0, credit: {credit}, usec: {interval}\n\
         remaining: {remaining}, expires: 0, now: {tick}\n\n\
         Rx internal queue: len {backlog} max 524288 pkts {packets} {queue_state}\n"
    );
    text
}

fn write_ring(text: &mut String, name: &str, ring: &super::super::board::Requests, req_cons: u32) {
    let base = ring.rsp_prod;
    let relative = |index: u32| i64::from(index.wrapping_sub(base).cast_signed());
    let _ = write!(
        text,
        "{name}: nr_ents {}\n\
         req prod {} ({}) cons {req_cons} ({}) event {} ({})\n\
         rsp prod {base} (base) pvt {base} (0) event {} ({})\n",
        ring.entries,
        ring.req_prod,
        relative(ring.req_prod),
        relative(req_cons),
        ring.req_event,
        relative(ring.req_event),
        ring.rsp_event,
        relative(ring.rsp_event),
    );
}
