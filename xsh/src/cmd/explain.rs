//! `explain`: what a node means.

use std::io::Write as _;

use xenbus::StorePath;
use xenbus::device::explain::Explanation;
use xenbus::device::{DeviceId, Host, explain};
use xenbus::tree::{Node, Snapshot, Walk, WalkOptions};
use xenbus::value::escape;

use super::device::ring_in_words;
use super::{Args, Changes, Command, Group, Kind, Operand, switch};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Cell, Column, Format, Role, column};
use crate::shell::{Ops, Shell};

pub(super) const EXPLAIN: Command = Command {
    name: "explain",
    aliases: &[],
    group: Group::Host,
    summary: "say what well-known nodes mean, who writes them, and what their values say",
    options: &[switch('R', "recursive", "All nodes below, too")],
    operands: &[Operand::any("PATH", Kind::Path)],
    text: "Explains each PATH and its children. A node need not exist to be explained.",
    examples: &[
        ("explain @1/device/vbd/51712", "the frontend of a disk"),
        (
            "explain @1/device/vbd/51712/ring-ref",
            "a ring, with its size",
        ),
    ],
    changes: Changes::Nothing,
    run: explain_paths,
};

const COLUMNS: &[Column] = &[
    column("path").role(Role::Name),
    column("value"),
    column("says"),
    column("meaning"),
    column("writer"),
];

fn explain_paths(shell: &mut Shell, args: &Args) -> Outcome {
    let paths = args.paths_or_here(shell)?;
    let ops = shell.ops()?;
    let mut options = WalkOptions::default();
    options.depth = (!args.has("recursive")).then_some(1);
    let mut found = false;
    let mut rows = Vec::new();
    for path in &paths {
        let mut walk = Walk::new(&ops, path, options.clone());
        let mut is_first = true;
        for node in walk.by_ref() {
            shell.interrupt.check()?;
            let node = match node {
                Ok(node) => node,
                // What a node would mean can be said without it.
                Err(error) if is_first && error.is_not_found() && explain(path, None).is_some() => {
                    rows.push((path.clone(), None, explain(path, None)));
                    found = true;
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            let value = node.value.known().cloned();
            let known = explain(&node.path, value.as_deref());
            let known = with_ring(&ops, &node, known)?;
            found |= known.is_some();
            if known.is_some() || is_first {
                rows.push((node.path, value, known));
            }
            is_first = false;
        }
    }
    if shell.out.style.format != Format::Text {
        let mut sheet = shell.out.sheet(COLUMNS);
        for (path, value, known) in &rows {
            let known = known.as_ref();
            let says = known.and_then(|known| known.says.clone());
            sheet.row(&[
                Cell::Path(path),
                value.as_deref().map_or(Cell::Missing, Cell::Bytes),
                says.map_or(Cell::Missing, Cell::Text),
                known.map_or(Cell::Missing, |known| Cell::Text(known.meaning.to_owned())),
                known.map_or(Cell::Missing, |known| Cell::Text(known.writer.to_string())),
            ])?;
        }
        sheet.finish()?;
        return Ok(Exit::when(found));
    }
    for (path, value, known) in &rows {
        say(shell, path, value.as_deref(), known.as_ref())?;
    }
    if !found {
        return Err(Failure::new(
            Exit::FAILURE,
            "nothing here has a name in the field",
        ));
    }
    Ok(Exit::SUCCESS)
}

fn say(
    shell: &mut Shell,
    path: &StorePath,
    value: Option<&[u8]>,
    known: Option<&Explanation>,
) -> Result<(), Failure> {
    let name = shell.out.paint(Role::Name, path.as_str());
    let value = match value {
        Some(value) if !value.is_empty() => format!(" = {}", escape(value)),
        _ => String::new(),
    };
    let says = known
        .and_then(|known| known.says.as_ref())
        .map_or_else(String::new, |says| format!(": {says}"));
    writeln!(shell.out, "{name}{value}{says}")?;
    if let Some(known) = known {
        let text = format!("    {} Written by {}.", known.meaning, known.writer);
        let text = shell.out.paint(Role::Dim, &text);
        writeln!(shell.out, "{text}")?;
    }
    Ok(())
}

/// Says of a key that announces a ring how large that is.
fn with_ring(
    ops: &Ops,
    node: &Node,
    known: Option<Explanation>,
) -> Result<Option<Explanation>, Failure> {
    let Some(mut known) = known else {
        return Ok(None);
    };
    let name = node.path.name().unwrap_or_default();
    if !name.contains("ring-ref") {
        return Ok(Some(known));
    }
    let mut above = node.path.parent();
    let device = loop {
        let Some(path) = above else {
            return Ok(Some(known));
        };
        match DeviceId::of_frontend(&path) {
            Some(id) => break id,
            None => above = path.parent(),
        }
    };
    let Some(front) = device.frontend() else {
        return Ok(Some(known));
    };
    let nodes = match Snapshot::take(ops, &front, WalkOptions::default()) {
        Ok(nodes) => nodes,
        Err(error) if error.errno().is_some() => return Ok(Some(known)),
        Err(error) => return Err(error.into()),
    };
    let mut host = Host::default();
    host.refresh_device(&nodes, &device);
    let number = node
        .value
        .known()
        .and_then(|value| str::from_utf8(value).ok()?.parse::<u32>().ok());
    let rings = host.devices.get(&device).and_then(|device| {
        let front = device.front.known()?;
        front.rings.list.iter().find(|ring| {
            ring.references.iter().any(|reference| {
                matches!(reference, xenbus::device::ring::PageReference::Grant(grant) if Some(*grant) == number)
            })
        })
    });
    if let Some(ring) = rings {
        known.says = Some(format!("a page of the ring {}", ring_in_words(ring)));
    }
    Ok(Some(known))
}
