//! The trees that `xl` writes for a device (libxl of Xen 4.17).
//!
//! Each device has a directory of its frontend, one of its backend, both written in one transaction, and a private
//! record of the toolstack below `/libxl`.

use super::layout::{home, store_frame};
use super::plan::{Plan, private, shared};
use crate::demo::scenario::{Disk, Vif, virtual_device};
use crate::demo::state::State;
use crate::id::DomId;

/// A device of a domain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::demo) struct Device {
    /// `vbd`, `vif` or `console`.
    pub(in crate::demo) kind: &'static str,
    /// Number among the domain's devices of that kind.
    pub(in crate::demo) number: u32,
    /// The domain that uses it.
    pub(in crate::demo) domid: DomId,
    /// The domain that serves it.
    pub(in crate::demo) backend: DomId,
}

impl Device {
    /// Directory of its frontend.
    pub(in crate::demo) fn frontend_path(&self) -> String {
        match self.kind {
            // The first console has its own place.
            "console" => format!("{}/console", home(self.domid)),
            kind => format!("{}/device/{kind}/{}", home(self.domid), self.number),
        }
    }

    /// Directory of its backend.
    pub(in crate::demo) fn backend_path(&self) -> String {
        let Self {
            kind,
            number,
            domid,
            backend,
        } = self;
        format!("{}/backend/{kind}/{domid}/{number}", home(*backend))
    }

    /// The toolstack's record.
    pub(in crate::demo) fn record_path(&self) -> String {
        format!("/libxl/{}/device/{}/{}", self.domid, self.kind, self.number)
    }
}

/// A disk's device number in the guest.
pub(in crate::demo) fn disk_number(disk: &Disk) -> u32 {
    virtual_device(&disk.vdev).unwrap_or_default()
}

/// The nodes of a disk.
pub(super) fn disk(device: &Device, disk: &Disk) -> Plan {
    let read_only = disk.read_only;
    let backend = [
        ("params", disk.target.clone()),
        ("script", "/etc/xen/scripts/block".into()),
        ("frontend-id", device.domid.to_string()),
        ("online", "1".into()),
        ("removable", "0".into()),
        ("bootable", "1".into()),
        ("state", State::Initialising.text()),
        ("dev", disk.vdev.clone()),
        ("type", "phy".into()),
        ("mode", if read_only { "r" } else { "w" }.into()),
        ("device-type", "disk".into()),
        ("discard-enable", if read_only { "0" } else { "1" }.into()),
        ("specification", "xen".into()),
    ];
    let frontend = [
        ("state", State::Initialising.text()),
        ("virtual-device", device.number.to_string()),
        ("device-type", "disk".into()),
        ("trusted", "1".into()),
        ("protocol", "x86_64-abi".into()),
    ];
    generic(device, &backend, &frontend)
}

/// The nodes of a network interface.
pub(super) fn vif(device: &Device, vif: &Vif, mac: &str) -> Plan {
    let mut backend = vec![
        ("frontend-id", device.domid.to_string()),
        ("online", "1".into()),
        ("state", State::Initialising.text()),
        ("script", "/etc/xen/scripts/vif-bridge".into()),
        ("mac", mac.to_owned()),
    ];
    if let Some(rate) = &vif.rate {
        backend.push(("rate", rate.clone()));
    }
    backend.extend([
        ("bridge", vif.bridge.clone()),
        ("handle", device.number.to_string()),
        ("type", "vif".into()),
        ("hotplug-status", String::new()),
    ]);
    let frontend = [
        ("state", State::Initialising.text()),
        ("handle", device.number.to_string()),
        ("mac", mac.to_owned()),
        ("trusted", "1".into()),
    ];
    let mut plan = generic(device, &backend, &frontend);
    // Written by the toolstack's script later on, too: the guest may not.
    plan.below(&device.frontend_path())
        .with("mtu", 1500, &shared(DomId::DOM0, device.domid));
    plan
}

/// The nodes of the first console.
pub(super) fn console(device: &Device) -> Plan {
    let Device { domid, backend, .. } = *device;
    let (front, back) = (device.frontend_path(), device.backend_path());
    let record = device.record_path();
    let mut plan = Plan::new();
    plan.below(&record)
        .with("", "", &private())
        .node("frontend", &front)
        .node("backend", &back);
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
    let keys = [
        ("frontend-id", domid.to_string()),
        ("online", "1".into()),
        ("state", State::Initialising.text()),
        ("protocol", "vt100".into()),
    ];
    both(&mut plan, &[&back, &record], &keys);
    plan
}

/// Frontend, backend and record of a device with a xenbus driver.
fn generic(
    device: &Device,
    backend_keys: &[(&str, String)],
    frontend_keys: &[(&str, String)],
) -> Plan {
    let Device { domid, backend, .. } = *device;
    let (front, back) = (device.frontend_path(), device.backend_path());
    let record = device.record_path();
    let mut plan = Plan::new();
    plan.below(&record)
        .with("", "", &private())
        .node("frontend", &front)
        .node("backend", &back);
    plan.below(&front)
        .with("", "", &shared(domid, backend))
        .node("backend", &back)
        .node("backend-id", backend);
    both(&mut plan, &[&front], frontend_keys);
    plan.below(&back)
        .with("", "", &shared(backend, domid))
        .node("frontend", &front);
    both(&mut plan, &[&back, &record], backend_keys);
    plan
}

fn both(plan: &mut Plan, places: &[&str], keys: &[(&str, String)]) {
    for place in places {
        plan.below(place);
        for (key, value) in keys {
            plan.node(key, value);
        }
    }
}
