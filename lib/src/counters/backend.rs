//! Backends as their domain's Linux shows them: `/sys/bus/xen-backend/devices` and what belongs to them elsewhere.

use std::collections::BTreeMap;

use super::file::Root;
use super::netdev;
use crate::device::reading::{Reading, Text};

const DEVICES: &str = "sys/bus/xen-backend/devices";

/// Where the files of each backend are, by the backend's path below its domain's home ("backend/vbd/1/51712").
///
/// Names of directories and interfaces are never taken for a link to the store: interfaces can be renamed. Build it
/// again when devices come and go.
#[derive(Clone, Debug, Default)]
pub struct Index {
    devices: BTreeMap<String, String>,
    interfaces: BTreeMap<String, String>,
}

impl Index {
    /// Looks at every backend device and every network interface.
    pub fn build(root: &Root) -> Self {
        let mut devices = BTreeMap::new();
        if let Reading::Known(names) = root.names(DEVICES) {
            for name in names {
                if let Some(node) = node_name(root, &format!("{DEVICES}/{name}/nodename")) {
                    devices.insert(node, name);
                }
            }
        }
        Self {
            devices,
            interfaces: netdev::by_node_name(root),
        }
    }

    /// The files of the backend at `node_name`.
    pub fn backend<'a>(&self, root: &'a Root, node_name: &str) -> BackendFiles<'a> {
        BackendFiles {
            root,
            device: self.devices.get(node_name).cloned(),
            interface: self.interfaces.get(node_name).cloned(),
            first_name: first_name(node_name),
        }
    }

    /// Whether there are no files of any backend.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.interfaces.is_empty()
    }

    /// The backends for which there are files.
    pub fn node_names(&self) -> impl Iterator<Item = &str> {
        self.devices.keys().map(String::as_str)
    }
}

/// `vif<domain>.<handle>` for a network backend.
fn first_name(node_name: &str) -> Option<String> {
    let (domain, handle) = node_name.strip_prefix("backend/vif/")?.split_once('/')?;
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    (is_number(domain) && is_number(handle)).then(|| format!("vif{domain}.{handle}"))
}

/// Reads the key by which a file system's device is linked to the store.
pub(super) fn node_name(root: &Root, file: &str) -> Option<String> {
    let text = root.text(file).known()?.clone();
    String::from_utf8(text.0)
        .ok()
        .filter(|name| !name.is_empty())
}

/// The files of one backend. Every reading looks anew.
#[derive(Clone, Debug)]
pub struct BackendFiles<'a> {
    root: &'a Root,
    device: Option<String>,
    interface: Option<String>,
    /// What the driver called the interface before anybody renamed it.
    first_name: Option<String>,
}

impl BackendFiles<'_> {
    /// The network interface's present name.
    pub fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    /// What the driver takes for its state: a word.
    pub fn state(&self) -> Reading<Text> {
        self.device_text("state")
    }

    /// Block devices: "r" or "w".
    pub fn mode(&self) -> Reading<Text> {
        self.device_text("mode")
    }

    /// Block devices: hexadecimal `major:minor`.
    pub fn physical_device(&self) -> Reading<Text> {
        self.device_text("physical_device")
    }

    /// What a block backend counts.
    pub fn block(&self) -> Reading<BlockStats> {
        let Some(directory) = self.directory("statistics") else {
            return Reading::Missing;
        };
        let numbers = self.root.numbers(&directory);
        let number = |name| numbers.get(name);
        let stats = BlockStats {
            out_of_requests: number("oo_req"),
            reads: number("rd_req"),
            writes: number("wr_req"),
            flushes: number("f_req"),
            discards: number("ds_req"),
            sectors_read: number("rd_sect"),
            sectors_written: number("wr_sect"),
        };
        present(stats, |stats| stats.all().to_vec())
    }

    /// What the bus counts of the backend's event channels.
    pub fn events(&self) -> Reading<EventStats> {
        let Some(directory) = self.directory("xenbus") else {
            return Reading::Missing;
        };
        let numbers = self.root.numbers(&directory);
        let number = |name| numbers.get(name);
        let stats = EventStats {
            channels: number("event_channels"),
            events: number("events"),
            spurious: number("spurious_events"),
            spurious_threshold: number("spurious_threshold"),
            delayed_jiffies: number("jiffies_eoi_delayed"),
        };
        present(stats, |stats| stats.all().to_vec())
    }

    /// What the network interface counts.
    pub fn net(&self) -> Reading<netdev::NetStats> {
        match &self.interface {
            Some(interface) => netdev::NetStats::read(self.root, interface),
            None => Reading::Missing,
        }
    }

    /// The rings of a network backend, one per queue.
    pub fn netback(&self) -> Reading<Vec<super::NetbackQueue>> {
        // The directory keeps the name that the interface had when it connected.
        let read = |name: &Option<String>| match name {
            Some(name) => super::netback::read(self.root, name),
            None => Reading::Missing,
        };
        read(&self.interface).or(|| read(&self.first_name))
    }

    fn directory(&self, below: &str) -> Option<String> {
        let device = self.device.as_ref()?;
        Some(format!("{DEVICES}/{device}/{below}"))
    }

    fn device_text(&self, name: &str) -> Reading<Text> {
        match self.directory(name) {
            Some(path) => self.root.text(&path),
            None => Reading::Missing,
        }
    }
}

/// The whole is missing (or denied) only if each of its parts is.
pub(super) fn present<T>(whole: T, parts: impl Fn(&T) -> Vec<&Reading<u64>>) -> Reading<T> {
    let all = |kind: &Reading<u64>| parts(&whole).iter().all(|part| *part == kind);
    if all(&Reading::Missing) {
        Reading::Missing
    } else if all(&Reading::Denied) {
        Reading::Denied
    } else {
        Reading::Known(whole)
    }
}

/// Counters of Linux' block backend, since it connected (`drivers/block/xen-blkback/xenbus.c`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BlockStats {
    /// How often the backend ran out of request slots.
    pub out_of_requests: Reading<u64>,
    /// Read requests.
    pub reads: Reading<u64>,
    /// Write requests.
    pub writes: Reading<u64>,
    /// Flush requests.
    pub flushes: Reading<u64>,
    /// Discard requests.
    pub discards: Reading<u64>,
    /// Sectors of 512 bytes.
    pub sectors_read: Reading<u64>,
    /// Sectors of 512 bytes.
    pub sectors_written: Reading<u64>,
}

impl BlockStats {
    fn all(&self) -> [&Reading<u64>; 7] {
        [
            &self.out_of_requests,
            &self.reads,
            &self.writes,
            &self.flushes,
            &self.discards,
            &self.sectors_read,
            &self.sectors_written,
        ]
    }
}

/// Event channels of a backend (`drivers/xen/xenbus/xenbus_probe_backend.c`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EventStats {
    /// How many event channels it has.
    pub channels: Reading<u64>,
    /// Events that came.
    pub events: Reading<u64>,
    /// Events that came without work.
    pub spurious: Reading<u64>,
    /// From how many spurious events on the kernel holds events back.
    pub spurious_threshold: Reading<u64>,
    /// Ticks for which events were held back.
    pub delayed_jiffies: Reading<u64>,
}

impl EventStats {
    fn all(&self) -> [&Reading<u64>; 5] {
        [
            &self.channels,
            &self.events,
            &self.spurious,
            &self.spurious_threshold,
            &self.delayed_jiffies,
        ]
    }
}
