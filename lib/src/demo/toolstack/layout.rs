//! The trees that `xl` writes when it makes a domain (libxl of Xen 4.17: order, keys, values and permissions).

use std::time::{SystemTime, UNIX_EPOCH};

use super::plan::{Plan, owned, private, shared};
use crate::demo::scenario::{DOMAIN_0, Domain};
use crate::id::DomId;

/// What does not depend on a guest.
pub(super) fn host() -> Plan {
    let mut plan = Plan::new();
    plan.with("/local", "", &private())
        .node("/local/domain", "")
        .node("/local/domain/0", "");
    plan.below("/local/domain/0")
        .node("control/feature-poweroff", 1)
        .node("control/feature-reboot", 1)
        .node("control/feature-suspend", 1)
        .node("domid", 0)
        .node("name", DOMAIN_0)
        .node("data", "");
    plan.below("/local/pool/0").node("name", "Pool-0");
    plan.below("/vm").node("", "");
    plan.below("/libxl").node("", "");
    plan
}

/// A domain before its devices.
pub(super) fn domain(domid: DomId, uuid: &str, domain: &Domain) -> Plan {
    let toolstack = shared(DomId::DOM0, domid);
    let guest = owned(domid);
    let (home, vm) = (home(domid), format!("/vm/{uuid}"));
    let mut plan = Plan::new();
    plan.with(&home, "", &toolstack)
        .with(&vm, "", &toolstack)
        .with(&format!("/libxl/{domid}"), "", &private())
        .node(&format!("/libxl/{domid}/device"), "");
    plan.below(&home)
        .node("vm", &vm)
        .node("name", &domain.name)
        .node("cpu", "")
        .node("memory", "")
        .node("device", "")
        .with("device/suspend/event-channel", "", &guest)
        .node("control", "")
        .with("control/shutdown", "", &guest)
        .with("control/feature-poweroff", "", &guest)
        .with("control/feature-reboot", "", &guest)
        .with("control/feature-suspend", "", &guest)
        .with("control/sysrq", "", &guest);
    for area in ["data", "drivers", "feature", "attr", "error"] {
        plan.with(area, "", &guest);
    }
    if domain.driver_domain {
        plan.with("libxl", "", &guest)
            .with("device-model", "", &guest);
    }
    plan.node("control/platform-feature-multiprocessor-suspend", 1)
        .node("control/platform-feature-xs_reset_watches", 1);
    plan.below(&vm)
        .node("name", &domain.name)
        .node("uuid", uuid);
    plan.below(&format!("/libxl/{domid}"))
        .node("type", domain.kind.name())
        .node("dm-version", "qemu_xen");
    plan
}

/// What is known once the domain's memory is built.
pub(super) fn built(domid: DomId, uuid: &str, domain: &Domain) -> Plan {
    let kib = u64::from(domain.memory) * 1024;
    let mut plan = Plan::new();
    plan.below(&home(domid))
        .node("memory/static-max", kib)
        .node("memory/target", kib)
        .node("memory/videoram", 0)
        .node("domid", domid)
        .node("store", "")
        .node("store/port", 1)
        .node("store/ring-ref", store_frame(domid));
    for cpu in 0..domain.vcpus {
        plan.node(&format!("cpu/{cpu}/availability"), "online");
    }
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let hundredths = started.subsec_millis() / 10;
    plan.below(&format!("/vm/{uuid}"))
        .node("image/ostype", "linux")
        .node("image/kernel", "/var/lib/xen/boot/vmlinuz")
        .node("image/ramdisk", "/var/lib/xen/boot/initrd.img")
        .node("image/cmdline", "console=hvc0 root=/dev/xvda ro")
        .node(
            "start_time",
            format!("{}.{hundredths:02}", started.as_secs()),
        );
    plan
}

/// The home of a domain.
pub(in crate::demo) fn home(domid: DomId) -> String {
    format!("/local/domain/{domid}")
}

/// Made-up frame number of the domain's store page; the console's is the next one.
pub(super) fn store_frame(domid: DomId) -> u64 {
    0x4_0000 + u64::from(domid.0) * 0x1000
}
