//! `device`: both ends of one device.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use xenbus::StorePath;
use xenbus::device::layout::{Capacity, Layout};
use xenbus::device::ring::{PageReference, Ring};
use xenbus::device::{Device, DeviceId, Finding, diagnose, explain};
use xenbus::tree::Node;
use xenbus::value::escape;

use super::doctor::say_finding;
use super::host::{circumstances, is_about};
use super::{Args, Changes, Command, Group, Kind, Operand};
use crate::exit::{Exit, Failure, Outcome, shown};
use crate::hosting::HostNodes;
use crate::output::{Cell, Column, Format, Role, column};
use crate::shell::Shell;

pub(super) const DEVICE: Command = Command {
    name: "device",
    aliases: &[],
    group: Group::Host,
    summary: "show both ends of a device, its rings, and what is wrong with it",
    options: &[],
    operands: &[Operand::one("DOMAIN/CLASS/ID", Kind::Device)],
    text: "CLASS and ID are the names of the frontend's directory; 'devices' lists them. The path of either end will do, \
           too. In other formats than text it is the nodes of both ends with what they mean.",
    examples: &[
        ("device 1/vbd/51712", "a disk of domain 1"),
        (
            "device @1/device/vif/0",
            "a network interface, by its frontend",
        ),
    ],
    changes: Changes::Nothing,
    run: device,
};

const COLUMNS: &[Column] = &[
    column("end"),
    column("path").role(Role::Name),
    column("value"),
    column("meaning"),
];

fn device(shell: &mut Shell, args: &Args) -> Outcome {
    let ops = shell.ops()?;
    let id = named(shell, args)?;
    let nodes = HostNodes::read(shell, &ops)?;
    let host = nodes.host();
    let Some(device) = find(&host.devices, &id) else {
        return Err(Failure::new(
            Exit::FAILURE,
            format!("there is no device {}", shown(&args.operands[0].bytes)),
        )
        .hint("'devices' lists them"));
    };
    let ends = [
        ("frontend", device.front.known().map(|front| &front.path)),
        ("backend", device.back.known().map(|back| &back.path)),
    ];
    if shell.out.style.format != Format::Text {
        let mut sheet = shell.out.sheet(COLUMNS);
        for (end, path) in ends {
            for node in path.map_or(&[][..], |path| nodes.subtree(path)) {
                let value = node.value.known().map(Vec::as_slice);
                let meaning = explain(&node.path, value);
                sheet.row(&[
                    Cell::Text(end.to_owned()),
                    Cell::Path(&node.path),
                    value.map_or(Cell::Denied, Cell::Bytes),
                    meaning.map_or(Cell::Missing, |known| Cell::Text(known.to_string())),
                ])?;
            }
        }
        sheet.finish()?;
        return Ok(Exit::SUCCESS);
    }
    let findings: Vec<Finding> = diagnose(&host, None, &circumstances())
        .into_iter()
        .filter(|finding| is_about(finding, device))
        .collect();
    say_device(shell, device)?;
    for (end, path) in ends {
        let Some(path) = path else { continue };
        let title = shell.out.paint(Role::Name, &format!("{end} {path}"));
        writeln!(shell.out, "{title}")?;
        for node in nodes.subtree(path).iter().skip(1) {
            say_key(shell, path, node)?;
        }
    }
    if let Some(front) = device
        .front
        .known()
        .filter(|front| !front.rings.list.is_empty())
    {
        let title = shell.out.paint(Role::Name, "rings");
        writeln!(shell.out, "{title}")?;
        for ring in &front.rings.list {
            writeln!(shell.out, "  {}", ring_in_words(ring))?;
        }
    }
    for finding in &findings {
        say_finding(shell, finding)?;
    }
    Ok(Exit::SUCCESS)
}

/// The device that an operand names.
fn named(shell: &mut Shell, args: &Args) -> Result<DeviceId, Failure> {
    let operand = &args.operands[0];
    let text = String::from_utf8_lossy(&operand.bytes).into_owned();
    let parts: Vec<&str> = text.trim_matches('/').split('/').collect();
    if !text.starts_with(['/', '~', '.'])
        && let [domain, class, id] = parts[..]
    {
        let domain = shell.domain(domain.as_bytes())?;
        return Ok(DeviceId::new(domain, class, id));
    }
    let path = args.path(shell, 0)?;
    let elements: Vec<&str> = path.elements().collect();
    let of_backend = || match elements[..] {
        ["local", "domain", _, "backend", kind, domain, index] => {
            let domain = xenbus::DomId::parse(domain).ok()?;
            let kind = xenbus::device::class::Class::frontend_kind(kind);
            Some(DeviceId::new(domain, kind, index))
        }
        _ => None,
    };
    DeviceId::of_frontend(&path)
        .or_else(of_backend)
        .ok_or_else(|| args.wrong(&format!("'{}' names no device", shown(&operand.bytes))))
}

/// The device, also when its frontend has another name than its class (qdisk is a vbd).
fn find<'a>(devices: &'a BTreeMap<DeviceId, Arc<Device>>, id: &DeviceId) -> Option<&'a Device> {
    let found = devices.get(id).or_else(|| {
        devices.values().find(|device| {
            device.id.domain() == id.domain()
                && device.id.index() == id.index()
                && (device.class.name == id.kind()
                    || device
                        .back
                        .known()
                        .is_some_and(|back| back.kind == id.kind()))
        })
    });
    found.map(|device| &**device)
}

fn say_device(shell: &mut Shell, device: &Device) -> Result<(), Failure> {
    let title = format!(
        "{} {} of domain {}",
        device.class.title,
        device.label(),
        device.id.domain()
    );
    let title = shell.out.paint(Role::Directory, &title);
    writeln!(
        shell.out,
        "{title}: frontend {}, backend {}",
        device.front_seen(),
        device.back_seen()
    )?;
    Ok(())
}

/// A key of an end, with what its value says.
fn say_key(shell: &mut Shell, top: &StorePath, node: &Node) -> Result<(), Failure> {
    let name = node.path.below(top).unwrap_or_default();
    let value = node.value.known().map(Vec::as_slice);
    let text = value.map_or_else(|| "?".to_owned(), |value| escape(value).to_string());
    let says = explain(&node.path, value).and_then(|known| known.says);
    let says = says.map_or_else(String::new, |says| {
        shell.out.paint(Role::Dim, &format!("  ({says})"))
    });
    writeln!(shell.out, "  {name:<24}  {text}{says}")?;
    Ok(())
}

/// A ring as people say it: "requests: 32 requests of 112 bytes, 1 page, grant 8, event channel 15".
pub(super) fn ring_in_words(ring: &Ring) -> String {
    let place = ring.place.to_string();
    let place = if place.is_empty() {
        String::new()
    } else {
        format!(" {place}")
    };
    let size = match (ring.capacity, ring.layout) {
        (Capacity::Requests(count), Layout::Sring { entry, .. }) => {
            format!("{count} requests of {entry} bytes")
        }
        (Capacity::Requests(count), _) => format!("{count} requests"),
        (
            Capacity::Duplex {
                into_guest,
                from_guest,
                ..
            },
            Layout::Duplex(duplex),
        ) => {
            let unit = match duplex.unit {
                xenbus::device::layout::Unit::Entries => "entries",
                xenbus::device::layout::Unit::Bytes => "bytes",
            };
            format!("{into_guest} {unit} to the guest, {from_guest} from it")
        }
        (Capacity::InThePage, _) => "its size is in the shared page".to_owned(),
        _ => "of unknown size".to_owned(),
    };
    let pages = ring
        .pages
        .known()
        .map_or_else(String::new, |pages| match pages {
            1 => ", 1 page".to_owned(),
            pages => format!(", {pages} pages"),
        });
    let references: Vec<String> = ring
        .references
        .iter()
        .map(|reference| match reference {
            PageReference::Grant(grant) => format!("grant {grant}"),
            PageReference::Frame(frame) => format!("frame {frame}"),
        })
        .collect();
    let references = if references.is_empty() {
        String::new()
    } else {
        format!(", {}", references.join(" "))
    };
    let channel = ring
        .channel
        .known()
        .map_or_else(String::new, |port| format!(", event channel {port}"));
    format!("{}{place}: {size}{pages}{references}{channel}", ring.role)
}
