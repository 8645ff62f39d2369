//! Keys of devices. One row per line, whatever its length: it is a table.

use super::Value::{
    Bytes, DiskInfo, Domain, Flag, Frame, Grant, Hotplug, MajorMinor, Mode, Order, Plain, Port,
    Protocol, Rate, Sectors, State, Vbd,
};
use super::Writer::{Backend, Both, Frontend, Hotplug as Script, Toolstack};
use super::host::CONSOLE;
use super::{Key, Place, Section, key};

pub(super) const SECTIONS: &[Section] = &[
    front("vbd", VBD_FRONT),
    back("vbd", VBD_BACK),
    front("vif", VIF_FRONT),
    back("vif", VIF_BACK),
    front("console", CONSOLE),
    back("console", CONSOLE),
    front("extra-console", EXTRA_CONSOLE),
    front("extra-console", CONSOLE),
    back("extra-console", CONSOLE),
    front("vuart", CONSOLE),
    front("vkbd", VKBD_FRONT),
    back("vkbd", VKBD_BACK),
    front("vfb", VFB_FRONT),
    back("vfb", VFB_BACK),
    front("9pfs", NINEPFS_FRONT),
    back("9pfs", NINEPFS_BACK),
    front("pvcalls", PVCALLS_FRONT),
    back("pvcalls", PVCALLS_BACK),
    front("vscsi", VSCSI_FRONT),
    back("vscsi", VSCSI_BACK),
    front("vusb", VUSB_FRONT),
    back("vusb", VUSB_BACK),
    front("vtpm", VTPM),
    back("vtpm", VTPM),
    front("pci", PCI_FRONT),
    back("pci", PCI_BACK),
    front("vsnd", VSND),
    front("vdispl", VDISPL),
    front("vcamera", VCAMERA),
    back("vdispl", MEDIA_BACK),
    back("vsnd", MEDIA_BACK),
    back("vcamera", MEDIA_BACK),
    back("virtio", VIRTIO),
    back("virtio_disk", VIRTIO),
    Section {
        place: Place::AnyFront,
        keys: ANY_FRONT,
    },
    Section {
        place: Place::AnyBack,
        keys: ANY_BACK,
    },
];

const fn front(class: &'static str, keys: &'static [Key]) -> Section {
    Section {
        place: Place::Front(class),
        keys,
    }
}

const fn back(class: &'static str, keys: &'static [Key]) -> Section {
    Section {
        place: Place::Back(class),
        keys,
    }
}

#[rustfmt::skip]
const ANY_FRONT: &[Key] = &[
    key("", Toolstack, Plain, "The frontend's directory."),
    key("state", Both, State, "The frontend's state."),
    key("backend", Toolstack, Plain, "The backend's directory. The guest can change it: not to be trusted."),
    key("backend-id", Toolstack, Domain, "The domain that serves the device. The guest can change it: not to be trusted."),
    key("protocol", Frontend, Protocol, "How the frontend lays out its requests."),
    key("trusted", Toolstack, Flag, "The guest may trust the backend; if not, it copies data instead of sharing pages."),
    key("event-channel", Frontend, Port, "Event channel between the two ends."),
    key("ring-ref", Frontend, Grant, "The page of the ring."),
    key("ring-ref#", Frontend, Grant, "A page of the ring."),
    key("ring-page-order", Frontend, Order, "How many pages the ring has, as a power of two."),
    key("num-ring-pages", Frontend, Plain, "How many pages the ring has."),
    key("multi-queue-num-queues", Frontend, Plain, "How many queues the frontend uses."),
    key("queue-#", Frontend, Plain, "One of the device's queues."),
];

#[rustfmt::skip]
const ANY_BACK: &[Key] = &[
    key("", Toolstack, Plain, "The backend's directory, or the toolstack's copy of it."),
    key("state", Both, State, "The backend's state. The toolstack's copy is never updated."),
    key("frontend", Toolstack, Plain, "The frontend's directory."),
    key("backend", Toolstack, Plain, "The backend's directory, as the toolstack knows it."),
    key("frontend-id", Toolstack, Domain, "The domain that has the frontend."),
    key("online", Toolstack, Flag, "The device is wanted; 0 when it is unplugged."),
    key("handle", Toolstack, Plain, "Number of the device in its class."),
    key("hotplug-status", Script, Hotplug, "What the hotplug script has done."),
    key("hotplug-error", Script, Plain, "Why the hotplug script failed."),
    key("script", Toolstack, Plain, "The hotplug script."),
    key("type", Toolstack, Plain, "Kind of the backend."),
    key("mode", Toolstack, Mode, "Whether the guest may write."),
    key("removable", Toolstack, Flag, "The medium can be taken out."),
    key("trusted", Toolstack, Flag, "The guest may trust the backend."),
    key("multi-queue-max-queues", Backend, Plain, "Most queues that the backend offers."),
    key("max-ring-page-order", Backend, Order, "Largest ring that the backend offers, as a power of two of pages."),
    key("specification", Toolstack, Plain, "Protocol that the device speaks: xen or virtio."),
    key("uuid", Toolstack, Plain, "UUID of the device."),
];

#[rustfmt::skip]
const VBD_FRONT: &[Key] = &[
    key("virtual-device", Toolstack, Vbd, "The number by which the guest names the disk."),
    key("device-type", Toolstack, Plain, "disk, cdrom or floppy."),
    key("feature-persistent", Frontend, Flag, "The frontend can keep pages granted for reuse."),
    key("feature-large-sector-size", Frontend, Flag, "The frontend counts sectors by sector-size; deprecated."),
    key("queue-#/ring-ref", Frontend, Grant, "The page of the queue's ring."),
    key("queue-#/ring-ref#", Frontend, Grant, "A page of the queue's ring."),
    key("queue-#/event-channel", Frontend, Port, "Event channel of the queue."),
];

#[rustfmt::skip]
const VBD_BACK: &[Key] = &[
    key("dev", Toolstack, Plain, "The name by which the toolstack calls the disk."),
    key("type", Toolstack, Plain, "What is behind the disk: phy, file, qdisk, tap…"),
    key("params", Toolstack, Plain, "What the hotplug script is told to attach."),
    key("node", Script, Plain, "The device that the hotplug script made."),
    key("device-type", Toolstack, Plain, "disk, cdrom or floppy."),
    key("physical-device", Script, MajorMinor, "The device behind the disk, in hexadecimal. The backend waits for it."),
    key("physical-device-path", Script, Plain, "Path of the device behind the disk."),
    key("bootable", Toolstack, Flag, "The guest may boot from the disk."),
    key("discard-enable", Toolstack, Flag, "The guest may discard sectors."),
    key("direct-io-safe", Toolstack, Flag, "The backend may bypass its cache."),
    key("info", Backend, DiskInfo, "What kind of disk it is."),
    key("sectors", Backend, Sectors, "Size of the disk in sectors of 512 bytes."),
    key("sector-size", Backend, Bytes, "Smallest unit that the disk addresses."),
    key("physical-sector-size", Backend, Bytes, "Smallest unit that the disk writes."),
    key("feature-barrier", Backend, Flag, "The backend knows write barriers."),
    key("feature-flush-cache", Backend, Flag, "The backend can flush its cache."),
    key("feature-discard", Backend, Flag, "The backend can discard sectors."),
    key("discard-granularity", Backend, Bytes, "Smallest range that can be discarded."),
    key("discard-alignment", Backend, Bytes, "Where ranges to discard begin."),
    key("discard-secure", Backend, Flag, "Discarded data cannot be read again."),
    key("feature-persistent", Backend, Flag, "The backend can keep pages mapped for reuse."),
    key("feature-max-indirect-segments", Backend, Plain, "Most segments of one request with indirect pages; without them 11."),
    key("max-ring-pages", Backend, Plain, "Largest ring that the backend offers, in pages."),
    key(
        "kthread-pid",
        Backend,
        Plain,
        "Process that serves the disk (tapdisk).",
    ),
];

#[rustfmt::skip]
const VIF_FRONT: &[Key] = &[
    key("handle", Toolstack, Plain, "Number of the interface."),
    key("mac", Toolstack, Plain, "The interface's Ethernet address."),
    key("mtu", Script, Bytes, "Largest packet."),
    key("tx-ring-ref", Frontend, Grant, "The ring from guest to backend."),
    key("rx-ring-ref", Frontend, Grant, "The ring from backend to guest."),
    key("event-channel-tx", Frontend, Port, "Event channel of the ring from guest to backend."),
    key("event-channel-rx", Frontend, Port, "Event channel of the ring from backend to guest."),
    key("queue-#/tx-ring-ref", Frontend, Grant, "The queue's ring from guest to backend."),
    key("queue-#/rx-ring-ref", Frontend, Grant, "The queue's ring from backend to guest."),
    key("queue-#/event-channel", Frontend, Port, "Event channel of both rings of the queue."),
    key("queue-#/event-channel-tx", Frontend, Port, "Event channel of the queue's ring to the backend."),
    key("queue-#/event-channel-rx", Frontend, Port, "Event channel of the queue's ring to the guest."),
    key("ctrl-ring-ref", Frontend, Grant, "The ring for control messages."),
    key("event-channel-ctrl", Frontend, Port, "Event channel of the control ring."),
    key("request-rx-copy", Frontend, Flag, "The backend should copy packets into the guest's pages."),
    key("feature-rx-notify", Frontend, Flag, "The frontend tells when it offers new buffers."),
    key("feature-sg", Frontend, Flag, "The frontend takes packets in several pieces."),
    key("feature-gso-tcpv4", Frontend, Flag, "The frontend takes large TCP segments over IPv4."),
    key("feature-gso-tcpv6", Frontend, Flag, "The frontend takes large TCP segments over IPv6."),
    key("feature-no-csum-offload", Frontend, Flag, "The frontend needs complete checksums over IPv4."),
    key("feature-ipv6-csum-offload", Frontend, Flag, "The frontend takes incomplete checksums over IPv6."),
    key("request-multicast-control", Frontend, Flag, "The frontend tells which multicast groups it wants."),
    key("xdp-headroom", Frontend, Bytes, "Room that the backend leaves in front of each packet."),
];

#[rustfmt::skip]
const VIF_BACK: &[Key] = &[
    key("mac", Toolstack, Plain, "The interface's Ethernet address."),
    key("ip", Toolstack, Plain, "Addresses that the script allows the guest."),
    key("bridge", Toolstack, Plain, "The bridge that the script puts the interface on."),
    key("vifname", Toolstack, Plain, "Name that the interface gets in the backend's domain."),
    key("mtu", Toolstack, Bytes, "Largest packet."),
    key("rate", Toolstack, Rate, "How fast the guest may send: bytes, and the microseconds in which they may go."),
    key("type", Toolstack, Plain, "Kind of interface: vif, or one of an emulated card."),
    key("carrier", Backend, Flag, "The interface has a link."),
    key("feature-sg", Backend, Flag, "The backend takes packets in several pieces."),
    key("feature-gso-tcpv4", Backend, Flag, "The backend takes large TCP segments over IPv4."),
    key("feature-gso-tcpv6", Backend, Flag, "The backend takes large TCP segments over IPv6."),
    key("feature-no-csum-offload", Backend, Flag, "The backend needs complete checksums over IPv4."),
    key("feature-ipv6-csum-offload", Backend, Flag, "The backend takes incomplete checksums over IPv6."),
    key("feature-rx-copy", Backend, Flag, "The backend can copy packets into the guest's pages."),
    key("feature-rx-flip", Backend, Flag, "The backend can hand whole pages over; given up long ago."),
    key("feature-multicast-control", Backend, Flag, "The backend can filter multicast groups."),
    key("feature-dynamic-multicast-control", Backend, Flag, "The multicast filter can be switched while connected."),
    key("feature-split-event-channels", Backend, Flag, "The backend takes an event channel for each direction."),
    key("feature-ctrl-ring", Backend, Flag, "The backend takes control messages."),
    key("feature-xdp-headroom", Backend, Flag, "The backend can leave room in front of packets."),
];

#[rustfmt::skip]
const EXTRA_CONSOLE: &[Key] = &[key("ring-ref", Frontend, Grant, "The console's page.")];

#[rustfmt::skip]
const VKBD_FRONT: &[Key] = &[
    key("page-ref", Frontend, Frame, "Frame of the page of events, as older guests name it."),
    key("page-gref", Frontend, Grant, "The page of events."),
    key("request-abs-pointer", Frontend, Flag, "The guest wants positions instead of movements."),
    key("request-raw-pointer", Frontend, Flag, "The guest wants unscaled positions."),
    key("request-multi-touch", Frontend, Flag, "The guest wants touch events."),
];

#[rustfmt::skip]
const VKBD_BACK: &[Key] = &[
    key("feature-abs-pointer", Backend, Flag, "The backend can send positions."),
    key("feature-raw-pointer", Backend, Flag, "The backend can send unscaled positions."),
    key("feature-multi-touch", Backend, Flag, "The backend can send touch events."),
    key("feature-disable-keyboard", Backend, Flag, "There is no keyboard."),
    key("feature-disable-pointer", Backend, Flag, "There is no pointer."),
    key("width", Backend, Plain, "Range of positions."),
    key("height", Backend, Plain, "Range of positions."),
    key("multi-touch-width", Backend, Plain, "Range of touch positions."),
    key("multi-touch-height", Backend, Plain, "Range of touch positions."),
    key("multi-touch-num-contacts", Backend, Plain, "Most fingers at a time."),
    key("unique-id", Toolstack, Plain, "Name of the input device."),
];

#[rustfmt::skip]
const VFB_FRONT: &[Key] = &[
    key("page-ref", Frontend, Frame, "Frame of the page of events."),
    key("feature-update", Frontend, Flag, "The guest tells what it has drawn."),
];

#[rustfmt::skip]
const VFB_BACK: &[Key] = &[
    key("vnc", Toolstack, Flag, "The screen is shown by VNC."),
    key("vnclisten", Toolstack, Plain, "Address of the VNC server."),
    key("vncdisplay", Toolstack, Plain, "Display number of the VNC server."),
    key("vncunused", Toolstack, Flag, "The VNC server takes the first free display."),
    key("sdl", Toolstack, Flag, "The screen is shown in a window."),
    key("opengl", Toolstack, Flag, "The window uses OpenGL."),
    key("request-update", Backend, Flag, "The guest should tell what it has drawn."),
    key("feature-resize", Backend, Flag, "The guest may change the size."),
    key("videoram", Toolstack, Plain, "Most memory of the screen."),
];

#[rustfmt::skip]
const NINEPFS_FRONT: &[Key] = &[
    key("version", Frontend, Plain, "Version of the protocol that the frontend chose."),
    key("num-rings", Frontend, Plain, "How many rings there are."),
    key("event-channel-#", Frontend, Port, "Event channel of a ring."),
    key("tag", Toolstack, Plain, "Name by which the guest mounts the file system."),
];

#[rustfmt::skip]
const NINEPFS_BACK: &[Key] = &[
    key("versions", Backend, Plain, "Versions of the protocol that the backend knows."),
    key("max-rings", Backend, Plain, "Most rings."),
    key("path", Toolstack, Plain, "The directory that is shared."),
    key("security_model", Toolstack, Plain, "How owners and modes of files are kept."),
    key("max-files", Toolstack, Plain, "Most files."),
    key("max-open-files", Toolstack, Plain, "Most open files."),
    key("max-space", Toolstack, Plain, "Most space, in MiB."),
    key("auto-delete", Toolstack, Flag, "Old files are deleted to make room."),
];

#[rustfmt::skip]
const PVCALLS_FRONT: &[Key] = &[
    key("version", Frontend, Plain, "Version of the protocol that the frontend chose."),
    key("port", Frontend, Port, "Event channel of the commands."),
];

#[rustfmt::skip]
const PVCALLS_BACK: &[Key] = &[
    key("versions", Backend, Plain, "Versions of the protocol that the backend knows."),
    key("max-page-order", Backend, Order, "Largest data ring, as a power of two of pages."),
    key("function-calls", Backend, Flag, "The backend takes socket calls."),
];

#[rustfmt::skip]
const VSCSI_FRONT: &[Key] = &[key(
    "vscsi-devs/dev-#/state",
    Frontend,
    State,
    "State of one SCSI device at the guest's end.",
)];

#[rustfmt::skip]
const VSCSI_BACK: &[Key] = &[
    key("vscsi-devs/dev-#/state", Both, State, "State of one SCSI device at the backend's end."),
    key("vscsi-devs/dev-#/p-dev", Toolstack, Plain, "The physical SCSI address."),
    key("vscsi-devs/dev-#/p-devname", Toolstack, Plain, "The physical SCSI device."),
    key("vscsi-devs/dev-#/v-dev", Toolstack, Plain, "The SCSI address in the guest."),
    key("feature-host", Toolstack, Flag, "The whole host adaptor is passed on."),
    key("feature-sg-grant", Backend, Plain, "Most segments in granted pages."),
];

#[rustfmt::skip]
const VUSB_FRONT: &[Key] = &[
    key("urb-ring-ref", Frontend, Grant, "The ring of USB requests."),
    key("conn-ring-ref", Frontend, Grant, "The ring of plug events."),
];

#[rustfmt::skip]
const VUSB_BACK: &[Key] = &[
    key("num-ports", Toolstack, Plain, "Ports of the virtual controller."),
    key("usb-ver", Toolstack, Plain, "1 for USB 1.1, 2 for USB 2.0."),
    key("port/#", Toolstack, Plain, "The USB device in this port; empty if none."),
];

#[rustfmt::skip]
const VTPM: &[Key] = &[
    key("feature-protocol-v2", Both, Flag, "The end speaks version 2 of the protocol."),
    key("resume", Toolstack, Flag, "The guest continues with the state that the module had."),
];

#[rustfmt::skip]
const PCI_FRONT: &[Key] = &[
    key("pci-op-ref", Frontend, Grant, "The page of operations."),
    key("magic", Frontend, Plain, "Version of the protocol: 7."),
];

#[rustfmt::skip]
const PCI_BACK: &[Key] = &[
    key("num_devs", Toolstack, Plain, "How many functions were ever attached."),
    key("key-#", Toolstack, Plain, "Name of a function in the toolstack."),
    key("dev-#", Toolstack, Plain, "Address of a function on the host."),
    key("vdev-#", Backend, Plain, "Address of a function in the guest."),
    key("opts-#", Toolstack, Plain, "Options of a function."),
    key("state-#", Both, State, "State of a function."),
    key("domain", Toolstack, Plain, "Name of the guest."),
];

#[rustfmt::skip]
const VSND: &[Key] = &[
    key("#/#/ring-ref", Frontend, Grant, "The ring of a stream's requests."),
    key("#/#/event-channel", Frontend, Port, "Event channel of a stream's requests."),
    key("#/#/evt-ring-ref", Frontend, Grant, "The page of a stream's events."),
    key("#/#/evt-event-channel", Frontend, Port, "Event channel of a stream's events."),
    key("#/#/unique-id", Toolstack, Plain, "Name of the stream."),
    key("#/#/type", Toolstack, Plain, "p for playing, c for capture."),
    key("version", Frontend, Plain, "Version of the protocol."),
    key("sample-rates", Toolstack, Plain, "Sample rates."),
    key("sample-formats", Toolstack, Plain, "Sample formats."),
    key("buffer-size", Toolstack, Bytes, "Size of the buffer."),
];

#[rustfmt::skip]
const VDISPL: &[Key] = &[
    key("#/req-ring-ref", Frontend, Grant, "The ring of a connector's requests."),
    key("#/req-event-channel", Frontend, Port, "Event channel of a connector's requests."),
    key("#/evt-ring-ref", Frontend, Grant, "The page of a connector's events."),
    key("#/evt-event-channel", Frontend, Port, "Event channel of a connector's events."),
    key("#/resolution", Toolstack, Plain, "Size of the connector's screen."),
    key("#/unique-id", Toolstack, Plain, "Name of the connector."),
    key("be-alloc", Toolstack, Flag, "The backend provides the pages of the screen."),
    key("version", Frontend, Plain, "Version of the protocol."),
];

#[rustfmt::skip]
const VCAMERA: &[Key] = &[
    key("req-ring-ref", Frontend, Grant, "The ring of requests."),
    key("req-event-channel", Frontend, Port, "Event channel of requests."),
    key("evt-ring-ref", Frontend, Grant, "The page of events."),
    key("evt-event-channel", Frontend, Port, "Event channel of events."),
    key("max-buffers", Toolstack, Plain, "Most picture buffers."),
    key("controls", Toolstack, Plain, "What can be set."),
    key("formats/*/*/frame-rates", Toolstack, Plain, "Pictures per second in this format and size."),
    key("version", Frontend, Plain, "Version of the protocol."),
];

#[rustfmt::skip]
const MEDIA_BACK: &[Key] = &[
    key("versions", Backend, Plain, "Versions of the protocol that the backend knows."),
    key("be-alloc", Toolstack, Flag, "The backend provides the pages."),
];

#[rustfmt::skip]
const VIRTIO: &[Key] = &[
    key("irq", Toolstack, Plain, "Interrupt of the device."),
    key("base", Toolstack, Plain, "Address of the device's registers."),
    key("type", Toolstack, Plain, "Kind of virtio device."),
    key("transport", Toolstack, Plain, "How the guest finds the device: mmio."),
    key("grant_usage", Toolstack, Flag, "The guest shares pages by grants."),
];
