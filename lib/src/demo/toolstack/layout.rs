//! The trees that `xl` writes when it makes a domain (libxl of Xen 4.17: order, keys, values and permissions).

use std::time::{SystemTime, UNIX_EPOCH};

use super::plan::{Plan, owned, private, shared};
use crate::demo::scenario::{DOMAIN_0, Domain, DomainKind, HostKind};
use crate::id::DomId;

/// What does not depend on a guest.
pub(super) fn host(kind: HostKind) -> Plan {
    let mut plan = Plan::new();
    plan.with("/local", "", &private())
        .node("/local/domain", "");
    if kind.domain_0 {
        plan.node("/local/domain/0", "")
            .below("/local/domain/0")
            .node("control/feature-poweroff", 1)
            .node("control/feature-reboot", 1)
            .node("control/feature-suspend", 1)
            .node("domid", 0)
            .node("name", DOMAIN_0)
            .node("data", "")
            .below("/local/pool/0")
            .node("name", "Pool-0");
    }
    plan.below("/vm").node("", "");
    if kind.toolstack {
        plan.below("/libxl").node("", "");
    }
    if let Some(domain) = kind.store_domain {
        plan.below("/tool/xenstored").node("domid", domain);
    }
    plan
}

/// A domain before its devices.
pub(super) fn domain(kind: HostKind, domid: DomId, uuid: &str, domain: &Domain) -> Plan {
    let toolstack = shared(DomId::DOM0, domid);
    let guest = owned(domid);
    let (home, vm) = (home(domid), format!("/vm/{uuid}"));
    let mut plan = Plan::new();
    plan.with(&home, "", &toolstack).with(&vm, "", &toolstack);
    if kind.toolstack {
        plan.with(&format!("/libxl/{domid}"), "", &private())
            .node(&format!("/libxl/{domid}/device"), "");
    }
    plan.below(&home)
        .node("vm", if domain.vm_slash { &vm } else { &vm[1..] });
    if domain.named {
        plan.node("name", &domain.name);
    }
    plan.node("cpu", "")
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
    plan.below(&vm).node("uuid", uuid);
    if domain.named {
        plan.node("name", &domain.name);
    }
    if kind.toolstack {
        plan.below(&format!("/libxl/{domid}"))
            .node("type", domain.kind.name())
            .node("dm-version", "qemu_xen");
    }
    if domain.kind == DomainKind::Hvm && kind.domain_0 {
        plan.below(&format!("/local/domain/0/device-model/{domid}"))
            .node("state", "running");
    }
    plan
}

/// What is known once the domain's memory is built.
pub(super) fn built(domid: DomId, uuid: &str, domain: &Domain) -> Plan {
    let kib = u64::from(domain.memory) * 1024;
    let mut plan = Plan::new();
    plan.below(&home(domid))
        .node("memory/static-max", kib)
        .node("memory/target", kib)
        .node(
            "memory/videoram",
            if domain.kind == DomainKind::Hvm {
                16384
            } else {
                0
            },
        )
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
