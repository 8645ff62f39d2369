//! The trees that `xl` writes for a device (libxl of Xen 4.17).
//!
//! Each device has a directory of its frontend, one of its backend, both written in one transaction, and a private
//! record of the toolstack below `/libxl`.

use std::sync::Arc;

use super::layout::{home, store_frame};
use super::plan::{Plan, private, shared};
use crate::demo::handshake::{Keys, toolstack_backend, toolstack_frontend};
use crate::demo::scenario::part::{Detail, Part};
use crate::demo::scenario::{Disk, Vif};
use crate::demo::state::State;
use crate::device::id::DeviceId;
use crate::id::DomId;

/// A device of a running domain.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Device {
    /// What it is.
    pub(in crate::demo) part: Arc<Part>,
    /// The domain that uses it.
    pub(in crate::demo) domid: DomId,
    /// The domain that serves it.
    pub(in crate::demo) backend: DomId,
}

impl Device {
    /// Which device of the host it is.
    pub(in crate::demo) fn id(&self) -> DeviceId {
        self.part.id(self.domid)
    }

    pub(in crate::demo) fn is_console(&self) -> bool {
        matches!(self.part.detail, Detail::Console)
    }

    /// Directory of its frontend.
    pub(in crate::demo) fn frontend_path(&self) -> String {
        match self.part.detail {
            // The first console has its own place.
            Detail::Console => format!("{}/console", home(self.domid)),
            _ => format!(
                "{}/device/{}/{}",
                home(self.domid),
                self.part.kind,
                self.part.number
            ),
        }
    }

    /// Directory of its backend.
    pub(in crate::demo) fn backend_path(&self) -> String {
        let (kind, number) = (&self.part.back_kind, self.part.number);
        format!(
            "{}/backend/{kind}/{}/{number}",
            home(self.backend),
            self.domid
        )
    }

    /// The toolstack's record.
    pub(in crate::demo) fn record_path(&self) -> String {
        let (kind, number) = (&self.part.kind, self.part.number);
        format!("/libxl/{}/device/{kind}/{number}", self.domid)
    }
}

/// The nodes of a device; with a record of the toolstack, if there is one.
pub(super) fn plan(device: &Device, record: bool) -> Plan {
    let mut plan = match &device.part.detail {
        Detail::Console => return console(device, record),
        Detail::Disk(own) => {
            let (backend, frontend) = disk(device, own);
            generic(device, &backend, &frontend, record)
        }
        Detail::Vif(own, mac) => {
            let (backend, frontend) = vif(device, own, mac);
            generic(device, &backend, &frontend, record)
        }
        Detail::Other(..) => {
            let mut backend = own(&[
                ("frontend-id", device.domid.to_string()),
                ("online", "1".into()),
                ("state", State::Initialising.text()),
            ]);
            backend.extend(toolstack_backend(&device.part));
            let mut frontend = own(&[("state", State::Initialising.text())]);
            frontend.extend(toolstack_frontend(&device.part));
            generic(device, &backend, &frontend, record)
        }
    };
    if matches!(device.part.detail, Detail::Vif(..)) {
        // Written by the toolstack's script later on, too: the guest may not.
        plan.below(&device.frontend_path())
            .with("mtu", 1500, &shared(DomId::DOM0, device.domid));
    }
    plan
}

fn own(keys: &[(&str, String)]) -> Keys {
    let own = |(key, value): &(&str, String)| ((*key).to_owned(), value.clone());
    keys.iter().map(own).collect()
}

fn disk(device: &Device, disk: &Disk) -> (Keys, Keys) {
    let read_only = disk.read_only;
    let is_kernel = disk.kind == "vbd";
    let mut backend = own(&[
        (
            "params",
            if is_kernel {
                disk.target.clone()
            } else {
                format!("aio:{}", disk.target)
            },
        ),
        ("script", "/etc/xen/scripts/block".into()),
        ("frontend-id", device.domid.to_string()),
        ("online", "1".into()),
        ("removable", "0".into()),
        ("bootable", "1".into()),
        ("state", State::Initialising.text()),
        ("dev", disk.vdev.clone()),
        ("type", if is_kernel { "phy" } else { "qdisk" }.into()),
        ("mode", if read_only { "r" } else { "w" }.into()),
        ("device-type", "disk".into()),
        ("discard-enable", if read_only { "0" } else { "1" }.into()),
        ("specification", "xen".into()),
    ]);
    if !is_kernel {
        backend.retain(|(key, _)| key != "script");
    }
    let frontend = own(&[
        ("state", State::Initialising.text()),
        ("virtual-device", device.part.number.to_string()),
        ("device-type", "disk".into()),
        ("trusted", "1".into()),
        ("protocol", "x86_64-abi".into()),
    ]);
    (backend, frontend)
}

fn vif(device: &Device, vif: &Vif, mac: &str) -> (Keys, Keys) {
    let mut backend = own(&[
        ("frontend-id", device.domid.to_string()),
        ("online", "1".into()),
        ("state", State::Initialising.text()),
        ("script", "/etc/xen/scripts/vif-bridge".into()),
        ("mac", mac.to_owned()),
    ]);
    if let Some(rate) = &vif.rate {
        backend.push(("rate".into(), rate.clone()));
    }
    backend.extend(own(&[
        ("bridge", vif.bridge.clone()),
        ("handle", device.part.number.to_string()),
        ("type", "vif".into()),
        ("hotplug-status", String::new()),
    ]));
    let frontend = own(&[
        ("state", State::Initialising.text()),
        ("handle", device.part.number.to_string()),
        ("mac", mac.to_owned()),
        ("trusted", "1".into()),
    ]);
    (backend, frontend)
}

/// The nodes of the first console.
fn console(device: &Device, is_recorded: bool) -> Plan {
    let Device { domid, backend, .. } = *device;
    let (front, back) = (device.frontend_path(), device.backend_path());
    let record = device.record_path();
    let mut plan = Plan::new();
    if is_recorded {
        plan.below(&record)
            .with("", "", &private())
            .node("frontend", &front)
            .node("backend", &back);
    }
    plan.below(&front)
        .with("", "", &shared(DomId::DOM0, domid))
        .node("backend", &back)
        .with("backend-id", backend, &shared(domid, backend))
        .node("limit", 1_048_576)
        .node("type", "xenconsoled")
        .node("output", "pty")
        .node("tty", "")
        .node("port", 2)
        .node("ring-ref", store_frame(domid) + 1);
    plan.below(&back)
        .with("", "", &shared(backend, domid))
        .node("frontend", &front);
    let keys = own(&[
        ("frontend-id", domid.to_string()),
        ("online", "1".into()),
        ("state", State::Initialising.text()),
        ("protocol", "vt100".into()),
    ]);
    let places = [&back, &record];
    both(&mut plan, &places[..=usize::from(is_recorded)], &keys);
    plan
}

/// Frontend, backend and record of a device with a xenbus driver.
fn generic(device: &Device, backend_keys: &Keys, frontend_keys: &Keys, is_recorded: bool) -> Plan {
    let Device { domid, backend, .. } = *device;
    let (front, back) = (device.frontend_path(), device.backend_path());
    let record = device.record_path();
    let mut plan = Plan::new();
    if is_recorded {
        plan.below(&record)
            .with("", "", &private())
            .node("frontend", &front)
            .node("backend", &back);
    }
    plan.below(&front)
        .with("", "", &shared(domid, backend))
        .node("backend", &back)
        .node("backend-id", backend);
    both(&mut plan, &[&front], frontend_keys);
    plan.below(&back)
        .with("", "", &shared(backend, domid))
        .node("frontend", &front);
    let places = [&back, &record];
    both(
        &mut plan,
        &places[..=usize::from(is_recorded)],
        backend_keys,
    );
    plan
}

fn both(plan: &mut Plan, places: &[&String], keys: &Keys) {
    for place in places {
        plan.below(place);
        for (key, value) in keys {
            plan.node(key, value);
        }
    }
}
