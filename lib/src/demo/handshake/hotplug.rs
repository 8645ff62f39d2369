//! What Xen's hotplug scripts write when they have connected a backend to the outside.

use super::{Keys, pairs};
use crate::demo::scenario::part::{Detail, Part};

/// What the script of a device writes into its backend's directory.
pub(in crate::demo) fn script(part: &Part) -> Keys {
    match &part.detail {
        Detail::Disk(disk) if part.back_kind == "vbd" => block(&disk.target),
        Detail::Vif(..) => pairs(&[("hotplug-status", "connected")]),
        _ => Keys::new(),
    }
}

/// What it writes into the frontend's directory.
pub(in crate::demo) fn script_frontend(part: &Part) -> Keys {
    match part.detail {
        Detail::Vif(..) => pairs(&[("mtu", "1500")]),
        _ => Keys::new(),
    }
}

/// `/etc/xen/scripts/block`: an image gets a loop device, a block device is taken as it is.
fn block(params: &str) -> Keys {
    // The same target gives the same number, in a range of minors.
    let minor = params
        .bytes()
        .fold(0_u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte))
        % 256;
    let (node, major) = if params.starts_with("/dev/") {
        (params.to_owned(), 253)
    } else {
        (format!("/dev/loop{minor}"), 7)
    };
    let number = format!("{major:x}:{minor:x}");
    pairs(&[
        ("node", &node),
        ("physical-device", &number),
        ("physical-device-path", &node),
        ("hotplug-status", "connected"),
    ])
}
