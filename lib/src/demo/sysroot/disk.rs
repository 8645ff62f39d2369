//! Disks: `statistics` of `drivers/block/xen-blkback/xenbus.c`.

use super::{Shown, bus, events, numbers};
use crate::demo::board::{Counts, Slot};
use crate::demo::handshake::script;
use crate::demo::scenario::part::Detail;
use crate::device::id::DeviceId;

pub(super) fn files(id: &DeviceId, slot: &Slot, counts: &Counts) -> Shown {
    let (mut shown, directory) = bus(id, slot);
    let Detail::Disk(disk) = &slot.part.detail else {
        return shown;
    };
    if !slot.flow.is_connected() {
        return shown;
    }
    let plugged = script(&slot.part);
    let number = plugged.iter().find(|(key, _)| key == "physical-device");
    for (name, text) in [
        ("mode", if disk.read_only { "r" } else { "w" }),
        (
            "physical_device",
            number.map_or("0:0", |(_, number)| number),
        ),
    ] {
        shown.push((format!("{directory}/{name}"), format!("{text}\n")));
    }
    let sectors = counts.size.div_ceil(512);
    let statistics = [
        ("ds_req", counts.writes / 200),
        ("f_req", counts.writes / 10),
        ("oo_req", counts.crowded),
        ("rd_req", counts.reads),
        ("rd_sect", counts.reads * sectors),
        ("wr_req", counts.writes),
        ("wr_sect", counts.writes * sectors),
    ];
    shown.extend(numbers(&format!("{directory}/statistics"), &statistics));
    let woken = counts.reads.midpoint(counts.writes);
    shown.extend(events(&directory, disk.queues, woken));
    shown
}
