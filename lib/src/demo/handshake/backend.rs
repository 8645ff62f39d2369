//! Backends: what Linux's drivers and qemu write.

use super::classes::row;
use super::{Keys, QUEUES_MAX, pairs};
use crate::demo::scenario::part::{Detail, Part};

/// Bytes of a sector (`sectors` counts these).
const SECTOR: u64 = 512;

/// What a backend says when it waits for the frontend.
pub(in crate::demo) fn offers(part: &Part) -> Keys {
    let queues = ("multi-queue-max-queues".to_owned(), QUEUES_MAX.to_string());
    match &part.detail {
        Detail::Disk(_) => {
            let mut keys = pairs(VBD_OFFERS);
            keys.push(queues);
            keys
        }
        Detail::Vif(..) => {
            let mut keys = pairs(VIF_OFFERS);
            keys.push(queues);
            keys
        }
        Detail::Console => Keys::new(),
        Detail::Other(..) => row(part).map_or_else(Keys::new, |row| pairs(row.offers)),
    }
}

/// What a backend writes when it connects.
pub(in crate::demo) fn connects(part: &Part) -> Keys {
    let Detail::Disk(disk) = &part.detail else {
        return Keys::new();
    };
    let sectors = ((disk.size << 20) / SECTOR).to_string();
    let mut keys = if disk.read_only {
        pairs(&[("feature-flush-cache", "0"), ("feature-barrier", "0")])
    } else {
        pairs(&[
            ("feature-flush-cache", "1"),
            ("discard-granularity", "4096"),
            ("discard-alignment", "0"),
            ("discard-secure", "0"),
            ("feature-discard", "1"),
            ("feature-barrier", "1"),
        ])
    };
    keys.extend(pairs(&[
        ("feature-persistent", "1"),
        ("sectors", &sectors),
        // Bit 2 is "read only" (VDISK_READONLY of blkif.h).
        ("info", if disk.read_only { "4" } else { "0" }),
        ("sector-size", "512"),
        ("physical-sector-size", "512"),
    ]));
    keys
}

/// What a hotplug script leaves when it fails.
pub(in crate::demo) fn reported(part: &Part) -> Keys {
    let why = match &part.detail {
        Detail::Disk(disk) => format!("Device {} does not exist", disk.target),
        Detail::Vif(vif, _) => format!("Could not find bridge device {}", vif.bridge),
        Detail::Console | Detail::Other(..) => "The script ended with status 1".into(),
    };
    let script = match part.detail {
        Detail::Disk(_) => "/etc/xen/scripts/block failed; error detected.",
        _ => "/etc/xen/scripts/vif-bridge failed; error detected.",
    };
    pairs(&[
        ("hotplug-error", &format!("{script} {why}")),
        ("hotplug-status", "error"),
    ])
}

const VBD_OFFERS: &[(&str, &str)] = &[
    ("feature-max-indirect-segments", "256"),
    ("max-ring-page-order", "4"),
];

const VIF_OFFERS: &[(&str, &str)] = &[
    ("feature-sg", "1"),
    ("feature-gso-tcpv4", "1"),
    ("feature-gso-tcpv6", "1"),
    ("feature-ipv6-csum-offload", "1"),
    ("feature-rx-copy", "1"),
    ("feature-xdp-headroom", "1"),
    ("feature-rx-flip", "0"),
    ("feature-multicast-control", "1"),
    ("feature-dynamic-multicast-control", "1"),
    ("feature-split-event-channels", "1"),
    ("feature-ctrl-ring", "1"),
];
