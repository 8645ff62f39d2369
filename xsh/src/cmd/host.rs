//! Domains and devices: `domains`, `devices`.

use xenbus::DomId;
use xenbus::device::domain::DomainKind;
use xenbus::device::{Circumstances, Device, Reading, Severity, diagnose};

use super::{Args, Changes, Command, Group, Kind, Operand};
use crate::exit::{Exit, Failure, Outcome};
use crate::hosting::HostNodes;
use crate::output::{Cell, Column, Role, column};
use crate::shell::Shell;

pub(super) const DOMAINS: Command = Command {
    name: "domains",
    aliases: &[],
    group: Group::Host,
    summary: "list the domains",
    options: &[],
    operands: &[],
    text: "Number, name, type, memory target in KiB, virtual CPUs, how many devices it has and how many it serves, and how \
           many warnings 'doctor' has. What the store does not say is '-'; what it denies, '?'.",
    examples: &[("domains", "who is there")],
    changes: Changes::Nothing,
    run: domains,
};

const DOMAIN_COLUMNS: &[Column] = &[
    column("domain"),
    column("name").role(Role::Name),
    column("type"),
    column("memory"),
    column("vcpus"),
    column("devices"),
    column("serves"),
    column("findings"),
];

fn domains(shell: &mut Shell, _: &Args) -> Outcome {
    let ops = shell.ops()?;
    let host = HostNodes::read(shell, &ops)?.host();
    let findings = diagnose(&host, None, &circumstances());
    let mut sheet = shell.out.sheet(DOMAIN_COLUMNS);
    for (id, domain) in &host.domains {
        let devices = host.devices_of(*id).count() as u64;
        let serves = host
            .devices
            .values()
            .filter(|device| device.back.known().is_some_and(|back| back.domain == *id))
            .count() as u64;
        let bad = findings
            .iter()
            .filter(|finding| finding.severity > Severity::Info && finding.subject.domain() == *id)
            .count() as u64;
        sheet.row(&[
            Cell::Number(id.0.into()),
            reading(&domain.name, |name| Cell::Bytes(&name.0)),
            reading(&domain.kind, |kind: &DomainKind| {
                Cell::Text(kind.to_string())
            }),
            reading(&domain.memory_target, |kib| Cell::Number(*kib)),
            reading(&domain.vcpus, |vcpus| Cell::Number(vcpus.online as u64)),
            Cell::Number(devices),
            Cell::Number(serves),
            Cell::Number(bad),
        ])?;
    }
    sheet.finish()?;
    Ok(Exit::SUCCESS)
}

pub(super) const DEVICES: Command = Command {
    name: "devices",
    aliases: &[],
    group: Group::Host,
    summary: "list devices with the states of both ends",
    options: &[],
    operands: &[Operand::maybe("DOMAIN", Kind::Domain)],
    text: "The devices of all domains, or of DOMAIN (a number, or a name). The state of a missing end is 'absent'; of one \
           that we may not see, 'hidden'.",
    examples: &[("devices", "all"), ("devices 1", "those of domain 1")],
    changes: Changes::Nothing,
    run: devices,
};

const DEVICE_COLUMNS: &[Column] = &[
    column("domain"),
    column("class").role(Role::Name),
    column("id"),
    column("label"),
    column("frontend"),
    column("backend"),
    column("served-by"),
    column("rings"),
    column("findings"),
];

fn devices(shell: &mut Shell, args: &Args) -> Outcome {
    let domain = wanted_domain(shell, args)?;
    let ops = shell.ops()?;
    let host = HostNodes::read(shell, &ops)?.host();
    let findings = diagnose(&host, None, &circumstances());
    let mut sheet = shell.out.sheet(DEVICE_COLUMNS);
    for device in host.devices.values() {
        if domain.is_some_and(|domain| domain != device.id.domain()) {
            continue;
        }
        let bad = findings
            .iter()
            .filter(|finding| finding.severity > Severity::Info && is_about(finding, device))
            .count();
        sheet.row(&[
            Cell::Number(device.id.domain().0.into()),
            Cell::Text(device.id.kind().to_owned()),
            Cell::Text(device.id.index().to_owned()),
            Cell::Text(device.label()),
            Cell::Text(device.front_seen().to_string()),
            Cell::Text(device.back_seen().to_string()),
            reading(&device.back, |back| Cell::Number(back.domain.0.into())),
            reading(&device.front, |front| {
                Cell::Number(front.rings.list.len() as u64)
            }),
            Cell::Number(bad as u64),
        ])?;
    }
    sheet.finish()?;
    Ok(Exit::SUCCESS)
}

/// The domain that an operand names, if there is one.
pub(super) fn wanted_domain(shell: &mut Shell, args: &Args) -> Result<Option<DomId>, Failure> {
    let Some(operand) = args.operands.first() else {
        return Ok(None);
    };
    let domain = shell.domain(&operand.bytes)?;
    shell.last = xenbus::StorePath::home(domain).to_string();
    Ok(Some(domain))
}

/// Whether a finding is about a device.
pub(super) fn is_about(finding: &xenbus::device::Finding, device: &Device) -> bool {
    match &finding.subject {
        xenbus::device::Subject::Device(id) => *id == device.id,
        xenbus::device::Subject::Domain(_) => false,
    }
}

/// Something read, as a cell.
fn reading<'a, T>(reading: &'a Reading<T>, cell: impl FnOnce(&'a T) -> Cell<'a>) -> Cell<'a> {
    match reading {
        Reading::Known(known) => cell(known),
        Reading::Missing => Cell::Missing,
        Reading::Denied | Reading::Unreadable(_) => Cell::Denied,
    }
}

/// What the store does not say.
pub(super) fn circumstances() -> Circumstances {
    let epoch = std::time::SystemTime::UNIX_EPOCH;
    Circumstances {
        wall_clock: epoch.elapsed().ok(),
        ..Circumstances::default()
    }
}
