//! The devices of a domain.

use std::collections::BTreeSet;

use super::super::device::{Disk, Vif};
use super::super::domain::Domain;
use super::super::fault::Fault;
use super::super::place::{Within, Wrong};
use super::super::{Scenario, part};
use super::{Check, DEVICES_MAX, Names, backend, most, range, text};
use crate::path::StorePath;

const QUEUES_MAX: u32 = 64;
const RING_PAGES: [u32; 5] = [1, 2, 4, 8, 16];
const DISK_KINDS: [&str; 4] = ["vbd", "qdisk", "vbd3", "tap"];

pub(super) fn check(scenario: &Scenario, domain: &Domain, above: &Names<'_>) -> Check {
    let count = domain.disks.len() + domain.vifs.len() + domain.devices.len();
    most("devices", count, DEVICES_MAX)?;
    let mut labels = BTreeSet::new();
    for (place, disk) in domain.disks.iter().enumerate() {
        disk_fits(disk, &mut labels)
            .and_then(|()| backend(scenario, &disk.backend, above))
            .and_then(|()| faulty(domain, disk.fault))
            .within(place)
            .within("disks")?;
    }
    for (place, vif) in domain.vifs.iter().enumerate() {
        vif_fits(vif)
            .and_then(|()| backend(scenario, &vif.backend, above))
            .and_then(|()| faulty(domain, vif.fault))
            .within(place)
            .within("vifs")?;
    }
    let parts = part::others(domain);
    for (place, (device, part)) in domain.devices.iter().zip(&parts).enumerate() {
        let taken = || Wrong::new(format!("there are two {}", part.label)).within("id");
        key(&device.class)
            .within("class")
            .and_then(|()| key(&part.back_kind).within("kind"))
            .and_then(|()| {
                device
                    .frontend_keys
                    .keys()
                    .try_for_each(|name| key(name))
                    .within("frontend-keys")
            })
            .and_then(|()| {
                device
                    .backend_keys
                    .keys()
                    .try_for_each(|name| key(name))
                    .within("backend-keys")
            })
            .and_then(|()| backend(scenario, &device.backend, above))
            .and_then(|()| faulty(domain, device.fault))
            .and_then(|()| {
                if labels.insert(part.label.clone()) {
                    Ok(())
                } else {
                    Err(taken())
                }
            })
            .within(place)
            .within("devices")?;
    }
    Ok(())
}

fn disk_fits(disk: &Disk, labels: &mut BTreeSet<String>) -> Check {
    let vdev = disk.vdev.escape_debug();
    if part::virtual_device(&disk.vdev).is_none() {
        let wrong = format!("'{vdev}' is no name of a disk such as xvda, hda or sda");
        return Err(Wrong::new(wrong).within("vdev"));
    }
    if !labels.insert(disk.vdev.clone()) {
        return Err(Wrong::new(format!("there are two disks {vdev}")).within("vdev"));
    }
    text(&disk.target).within("target")?;
    range(disk.queues, QUEUES_MAX).within("queues")?;
    if !RING_PAGES.contains(&disk.ring_pages) {
        return Err(Wrong::new("it is none of 1, 2, 4, 8 and 16").within("ring-pages"));
    }
    if !DISK_KINDS.contains(&&*disk.kind) {
        return Err(Wrong::new("it is none of vbd, qdisk, vbd3 and tap").within("kind"));
    }
    if disk.size == 0 || disk.size > 1 << 30 {
        return Err(Wrong::new("it is not between 1 and 1073741824 MiB").within("size"));
    }
    Ok(())
}

fn vif_fits(vif: &Vif) -> Check {
    if let Some(mac) = &vif.mac {
        let pairs: Vec<&str> = mac.split(':').collect();
        let hex = |pair: &&str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
        if pairs.len() != 6 || !pairs.iter().all(hex) {
            let wrong = format!(
                "'{}' is not of the form 00:16:3e:xx:xx:xx",
                mac.escape_debug()
            );
            return Err(Wrong::new(wrong).within("mac"));
        }
    }
    if let Some(rate) = &vif.rate
        && part::limit(rate).is_none()
    {
        let wrong = format!("'{}' is not bytes,microseconds", rate.escape_debug());
        return Err(Wrong::new(wrong).within("rate"));
    }
    text(&vif.bridge).within("bridge")?;
    range(vif.queues, QUEUES_MAX).within("queues")
}

fn faulty(domain: &Domain, fault: Option<Fault>) -> Check {
    if domain.prebuilt && fault.is_some() {
        return Err(Wrong::new("a prebuilt domain has no drivers that could fail").within("fault"));
    }
    Ok(())
}

/// A name, or several with slashes between them.
fn key(key: &str) -> Check {
    match StorePath::parse(format!("/{key}")) {
        Ok(path) if !path.is_root() && !key.starts_with('/') => Ok(()),
        _ => Err(Wrong::new(format!(
            "'{}' cannot be a node's name",
            key.escape_debug()
        ))),
    }
}
