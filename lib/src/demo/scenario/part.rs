//! Devices of all kinds in one form.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::device::{Disk, Vif};
use super::domain::Domain;
use super::fault::Fault;
use crate::device::class::{Class, GENERIC, PRIMARY_CONSOLE};
use crate::device::id::DeviceId;
use crate::device::vbd::VbdNumber;
use crate::id::DomId;

/// A device of a domain, whatever its class.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Part {
    /// What the scenario calls it: `xvda`, `vif0`, `vkbd0`; `console` for the one that every domain has.
    pub(in crate::demo) label: String,
    pub(in crate::demo) class: &'static Class,
    /// Directory below `device/`.
    pub(in crate::demo) kind: String,
    /// Directory below `backend/`.
    pub(in crate::demo) back_kind: String,
    pub(in crate::demo) number: u32,
    /// Name of the domain that serves it.
    pub(in crate::demo) backend: String,
    pub(in crate::demo) fault: Option<Fault>,
    pub(in crate::demo) detail: Detail,
}

/// What only one kind of device has.
#[derive(Clone, Debug)]
pub(in crate::demo) enum Detail {
    /// The primary console.
    Console,
    Disk(Disk),
    /// With its address, once that is decided.
    Vif(Vif, String),
    /// Further keys of frontend and backend.
    Other(BTreeMap<String, String>, BTreeMap<String, String>),
}

impl Part {
    /// The device that it is in this domain.
    pub(in crate::demo) fn id(&self, domid: DomId) -> DeviceId {
        match self.detail {
            Detail::Console => DeviceId::primary_console(domid),
            _ => DeviceId::new(domid, &self.kind, &self.number.to_string()),
        }
    }

    /// Queues that the frontend wants.
    pub(in crate::demo) fn queues(&self) -> u32 {
        match &self.detail {
            Detail::Disk(disk) => disk.queues,
            Detail::Vif(vif, _) => vif.queues,
            Detail::Console | Detail::Other(..) => 1,
        }
    }

    /// Whether a driver of the kernel serves it, or of qemu or another program.
    pub(in crate::demo) fn is_served_by_kernel(&self) -> bool {
        matches!(
            &*self.back_kind,
            "vbd" | "vif" | "vscsi" | "pvcalls" | "pci" | "vusb"
        )
    }
}

/// The devices of a domain in the order of their creation, the console after the disks as `xl` does it.
pub(in crate::demo) fn all(domain: &Domain) -> Vec<Arc<Part>> {
    let disks = domain.disks.iter().map(disk);
    let vifs = (0..)
        .zip(&domain.vifs)
        .map(|(number, vif)| interface(number, vif));
    disks
        .chain([console()])
        .chain(vifs)
        .chain(others(domain))
        .map(Arc::new)
        .collect()
}

fn disk(disk: &Disk) -> Part {
    Part {
        label: disk.vdev.clone(),
        class: Class::of_frontend("vbd"),
        kind: "vbd".into(),
        back_kind: disk.kind.clone(),
        number: virtual_device(&disk.vdev).unwrap_or_default(),
        backend: disk.backend.clone(),
        fault: disk.fault,
        detail: Detail::Disk(disk.clone()),
    }
}

fn console() -> Part {
    Part {
        label: PRIMARY_CONSOLE.into(),
        class: Class::named(PRIMARY_CONSOLE).unwrap_or(&GENERIC),
        kind: "console".into(),
        back_kind: "console".into(),
        number: 0,
        backend: String::new(),
        fault: None,
        detail: Detail::Console,
    }
}

fn interface(number: u32, vif: &Vif) -> Part {
    Part {
        label: format!("vif{number}"),
        class: Class::of_frontend("vif"),
        kind: "vif".into(),
        back_kind: "vif".into(),
        number,
        backend: vif.backend.clone(),
        fault: vif.fault,
        detail: Detail::Vif(vif.clone(), vif.mac.clone().unwrap_or_default()),
    }
}

/// The devices that are neither disks nor network interfaces. Consoles count from 1: 0 is the one that every domain
/// has.
pub(super) fn others(domain: &Domain) -> Vec<Part> {
    let mut next: BTreeMap<&str, u32> = BTreeMap::new();
    domain
        .devices
        .iter()
        .map(|device| {
            let first = u32::from(device.class == "console");
            let next = next.entry(&device.class).or_insert(first);
            let number = device.id.unwrap_or(*next);
            *next = number.saturating_add(1);
            let class = Class::of_frontend(&device.class);
            Part {
                label: format!("{}{number}", device.class),
                class,
                kind: device.class.clone(),
                back_kind: device.kind.clone().unwrap_or_else(|| device.class.clone()),
                number,
                backend: device.backend.clone(),
                fault: device.fault,
                detail: Detail::Other(device.frontend_keys.clone(), device.backend_keys.clone()),
            }
        })
        .collect()
}

/// The device number of a disk's name.
pub(in crate::demo) fn virtual_device(vdev: &str) -> Option<u32> {
    VbdNumber::from_name(vdev).map(|number| number.0)
}

/// Bytes and microseconds of a limit.
pub(in crate::demo) fn limit(rate: &str) -> Option<(u64, u64)> {
    let (bytes, time) = rate.split_once(',')?;
    Some((bytes.parse().ok()?, time.parse().ok()?))
}
