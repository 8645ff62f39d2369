//! Keys of the classes that are neither disks nor network interfaces (`xen/include/public/io/*.h`, libxl of Xen 4.17).

use super::{Keys, pairs};
use crate::demo::scenario::part::{Detail, Part};

type Pairs = &'static [(&'static str, &'static str)];

/// Who writes what for a class.
pub(super) struct Row {
    /// Directory below `device/`.
    class: &'static str,
    /// The toolstack, into the backend's directory.
    backend: Pairs,
    /// The toolstack, into the frontend's directory.
    frontend: Pairs,
    /// The backend, when it waits for the frontend.
    pub(super) offers: Pairs,
    /// The frontend, with its rings.
    pub(super) publishes: Pairs,
}

/// The row of a device's class.
pub(super) fn row(part: &Part) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.class == part.kind)
}

/// What the toolstack writes into the backend's directory of such a device, the scenario's own keys last.
pub(in crate::demo) fn toolstack_backend(part: &Part) -> Keys {
    let mut keys = row(part).map_or_else(Keys::new, |row| pairs(row.backend));
    if let Detail::Other(_, backend) = &part.detail {
        put(&mut keys, backend);
    }
    keys
}

/// What it writes into the frontend's directory.
pub(in crate::demo) fn toolstack_frontend(part: &Part) -> Keys {
    let mut keys = row(part).map_or_else(Keys::new, |row| pairs(row.frontend));
    if let Detail::Other(frontend, _) = &part.detail {
        put(&mut keys, frontend);
    }
    keys
}

fn put(keys: &mut Keys, own: &std::collections::BTreeMap<String, String>) {
    keys.retain(|(key, _)| !own.contains_key(key));
    keys.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
}

const ROWS: &[Row] = &[
    Row {
        class: "vkbd",
        backend: &[("backend-type", "qemu")],
        frontend: &[],
        offers: &[
            ("feature-abs-pointer", "1"),
            ("feature-raw-pointer", "1"),
            ("width", "800"),
            ("height", "600"),
        ],
        publishes: &[("request-abs-pointer", "1")],
    },
    Row {
        class: "vfb",
        backend: &[
            ("vnc", "1"),
            ("vnclisten", "127.0.0.1"),
            ("vncdisplay", "0"),
            ("vncunused", "1"),
            ("sdl", "0"),
            ("opengl", "0"),
        ],
        frontend: &[],
        offers: &[("feature-resize", "1"), ("request-update", "1")],
        publishes: &[("feature-update", "1"), ("videoram", "8192")],
    },
    Row {
        class: "console",
        backend: &[("protocol", "vt100"), ("connection", "pty")],
        frontend: &[
            ("protocol", "vt100"),
            ("limit", "1048576"),
            ("type", "ioemu"),
            ("output", "pty"),
            ("tty", ""),
        ],
        offers: &[],
        publishes: &[],
    },
    Row {
        class: "vuart",
        backend: &[],
        frontend: &[
            ("limit", "1048576"),
            ("type", "xenconsoled"),
            ("output", "pty"),
            ("tty", ""),
            ("port", "3"),
            ("ring-ref", "524286"),
        ],
        offers: &[],
        publishes: &[],
    },
    Row {
        class: "9pfs",
        backend: &[("path", "/srv/share"), ("security_model", "none")],
        frontend: &[("tag", "share")],
        offers: &[
            ("versions", "1"),
            ("max-rings", "4"),
            ("max-ring-page-order", "9"),
        ],
        publishes: &[("version", "1")],
    },
    Row {
        class: "pvcalls",
        backend: &[],
        frontend: &[],
        offers: &[
            ("versions", "1"),
            ("max-page-order", "8"),
            ("function-calls", "1"),
        ],
        publishes: &[("version", "1")],
    },
    Row {
        class: "vscsi",
        backend: &[
            ("feature-host", "0"),
            ("vscsi-devs/dev-0/p-dev", "5:0:0:0"),
            ("vscsi-devs/dev-0/p-devname", "/dev/sdb"),
            ("vscsi-devs/dev-0/v-dev", "0:0:0:0"),
            ("vscsi-devs/dev-0/state", "1"),
        ],
        frontend: &[],
        offers: &[("feature-sg-grant", "128")],
        publishes: &[("protocol", "x86_64-abi"), ("vscsi-devs/dev-0/state", "4")],
    },
    Row {
        class: "vusb",
        backend: &[
            ("type", "pv"),
            ("usb-ver", "2"),
            ("num-ports", "4"),
            ("port/1", "3-1.2"),
            ("port/2", ""),
            ("port/3", ""),
            ("port/4", ""),
        ],
        frontend: &[("usb-ver", "2"), ("num-ports", "4")],
        offers: &[],
        publishes: &[("protocol", "x86_64-abi")],
    },
    Row {
        class: "vtpm",
        backend: &[
            ("handle", "0"),
            ("uuid", "ac0a5b9e-cbe2-4c07-b43b-1d69e46fb839"),
            ("resume", "False"),
        ],
        frontend: &[("handle", "0")],
        offers: &[("feature-protocol-v2", "1")],
        publishes: &[("feature-protocol-v2", "1")],
    },
    Row {
        class: "pci",
        backend: &[
            ("num_devs", "1"),
            ("key-0", "0000:03:00.0"),
            ("dev-0", "0000:03:00.0"),
            ("vdev-0", "0000:00:00.0"),
            (
                "opts-0",
                "msitranslate=0,power_mgmt=0,permissive=0,rdm_policy=strict",
            ),
            ("state-0", "3"),
        ],
        frontend: &[],
        offers: &[("root_num", "1"), ("root-0", "0000:00")],
        publishes: &[("magic", "7")],
    },
    Row {
        class: "vsnd",
        backend: &[],
        frontend: &[
            ("short-name", "Card"),
            ("long-name", "Virtual sound card"),
            ("sample-rates", "8000,32000,44100,48000"),
            ("sample-formats", "s8;u8;s16_le;s16_be"),
            ("buffer-size", "262144"),
            ("0/name", "General"),
            ("0/0/type", "p"),
            ("0/0/unique-id", "0"),
        ],
        offers: &[("versions", "1,2")],
        publishes: &[("version", "2")],
    },
    Row {
        class: "vdispl",
        backend: &[("be-alloc", "0")],
        frontend: &[
            ("be-alloc", "0"),
            ("0/unique-id", "HDMI-1"),
            ("0/resolution", "1920x1080"),
        ],
        offers: &[("versions", "1,2")],
        publishes: &[("version", "2")],
    },
    Row {
        class: "vcamera",
        backend: &[],
        frontend: &[
            ("max-buffers", "3"),
            ("controls", "contrast,hue"),
            ("unique-id", "0"),
            ("formats/YUYV/640x480/frame-rates", "30/1,15/1"),
        ],
        offers: &[("versions", "1")],
        publishes: &[("version", "1")],
    },
    Row {
        class: "virtio",
        backend: &[
            ("irq", "34"),
            ("base", "0x2000200"),
            ("type", "virtio,device22"),
            ("transport", "mmio"),
            ("grant_usage", "1"),
        ],
        frontend: &[],
        offers: &[],
        publishes: &[],
    },
    Row {
        class: "virtio_disk",
        backend: &[
            ("irq", "33"),
            ("base", "33554432"),
            ("transport", "mmio"),
            ("specification", "virtio"),
            ("grant_usage", "1"),
            ("params", "/dev/vg0/virtio"),
            ("mode", "w"),
        ],
        frontend: &[],
        offers: &[],
        publishes: &[],
    },
];
