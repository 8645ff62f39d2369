//! Devices of a scenario's domains.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::domain::DOMAIN_0;
use super::fault::Fault;

/// A disk (`vbd`).
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Disk {
    /// Name in the guest: `xvda` … `xvdp`. The rest of the scenario calls the disk so.
    pub vdev: String,
    /// What it is stored on: a path in the backend's domain.
    pub target: String,
    /// Whether the guest may not write it.
    #[serde(default)]
    pub read_only: bool,
    /// Size in MiB.
    #[serde(default = "default_size")]
    pub size: u64,
    /// Queues that the frontend uses.
    #[serde(default = "one")]
    pub queues: u32,
    /// Pages of each ring: a power of two up to 16.
    #[serde(default = "one")]
    pub ring_pages: u32,
    /// What serves it: `vbd` (the kernel), `qdisk` (qemu), `vbd3` or `tap` (tapdisk).
    #[serde(default = "vbd")]
    pub kind: String,
    /// Name of the domain that serves it.
    #[serde(default = "domain_0")]
    pub backend: String,
    /// What is wrong with it from the beginning.
    pub fault: Option<Fault>,
}

/// A network interface (`vif`). The rest of the scenario calls the first one of a domain `vif0`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vif {
    /// Its address; made up if absent.
    pub mac: Option<String>,
    /// Bridge in the backend's domain.
    #[serde(default = "default_bridge")]
    pub bridge: String,
    /// Queues that the frontend uses.
    #[serde(default = "one")]
    pub queues: u32,
    /// Whether the frontend uses one event channel per direction and not one for both.
    #[serde(default)]
    pub split_event_channels: bool,
    /// Limit as `bytes,microseconds`.
    pub rate: Option<String>,
    /// Name of the domain that serves it.
    #[serde(default = "domain_0")]
    pub backend: String,
    /// What is wrong with it from the beginning.
    pub fault: Option<Fault>,
}

/// A device of any other class. The rest of the scenario calls it by class and number: `vkbd0`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Device {
    /// Its class: `vkbd`, `vfb`, `console`, `9pfs`, `pvcalls`, `vscsi`, `vusb`, `vtpm`, `pci`, `vsnd`, `vdispl`,
    /// `vcamera`, `virtio`, `virtio_disk`, `vuart`, or any name of a directory below `device/`.
    pub class: String,
    /// Its number in the domain; the next one of the class if absent.
    pub id: Option<u32>,
    /// Name of the directory below `backend/`, where it differs: `qusb`, `vinput`, `xen_9pfs`.
    pub kind: Option<String>,
    /// Name of the domain that serves it.
    #[serde(default = "domain_0")]
    pub backend: String,
    /// Further keys of the frontend's directory.
    #[serde(default)]
    pub frontend_keys: BTreeMap<String, String>,
    /// Further keys of the backend's directory.
    #[serde(default)]
    pub backend_keys: BTreeMap<String, String>,
    /// What is wrong with it from the beginning.
    pub fault: Option<Fault>,
}

fn domain_0() -> String {
    DOMAIN_0.into()
}

fn vbd() -> String {
    "vbd".into()
}

pub(super) fn one() -> u32 {
    1
}

fn default_size() -> u64 {
    8192
}

fn default_bridge() -> String {
    "xenbr0".into()
}
