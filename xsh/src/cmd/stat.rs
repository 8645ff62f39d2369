//! `stat`: everything about a node.

use std::io::Write as _;

use xenbus::device::explain;
use xenbus::value::escape;
use xenbus::{Access, ErrorKind, Operations as _, Perms};

use super::{Args, Changes, Command, Group, Kind, Operand};
use crate::exit::{Exit, Outcome};
use crate::output::{Cell, Column, Format, Role, column};
use crate::shell::Shell;

pub(super) const STAT: Command = Command {
    name: "stat",
    aliases: &[],
    group: Group::Look,
    summary: "show everything about nodes",
    options: &[],
    operands: &[Operand::any("PATH", Kind::Path)],
    text: "Size and value, number of children, owner, permissions in words, and what the key means if it is well known. \
           A part that the store denies is shown as '?'.",
    examples: &[("stat @1/device/vbd/51712/state", "a key of a disk")],
    changes: Changes::Nothing,
    run: stat,
};

const COLUMNS: &[Column] = &[
    column("path").role(Role::Name),
    column("size"),
    column("value"),
    column("children"),
    column("owner"),
    column("perms").role(Role::Perms),
    column("meaning"),
];

fn stat(shell: &mut Shell, args: &Args) -> Outcome {
    let paths = args.paths_or_here(shell)?;
    let ops = shell.ops()?;
    let asked: Vec<_> = paths
        .iter()
        .map(|path| {
            (
                path,
                ops.submit_read(path),
                ops.submit_perms(path),
                ops.submit_directory(path),
            )
        })
        .collect();
    let is_text = shell.out.style.format == Format::Text;
    let mut rows = Vec::new();
    for (path, value, perms, names) in asked {
        let field = |denied: &xenbus::Error| denied.kind() == ErrorKind::Denied;
        let (value, perms, names) = (value.wait(), perms.wait(), names.wait());
        for error in [
            value.as_ref().err(),
            perms.as_ref().err(),
            names.as_ref().err(),
        ]
        .into_iter()
        .flatten()
        {
            if !field(error) {
                return Err(error.clone().into());
            }
        }
        rows.push((
            path,
            value.ok(),
            perms.ok(),
            names.ok().map(|names| names.len()),
        ));
    }
    if !is_text {
        let mut sheet = shell.out.sheet(COLUMNS);
        for (path, value, perms, children) in &rows {
            let meaning = explain(path, value.as_deref());
            sheet.row(&[
                Cell::Path(path),
                value
                    .as_ref()
                    .map_or(Cell::Denied, |value| Cell::Number(value.len() as u64)),
                value.as_deref().map_or(Cell::Denied, Cell::Bytes),
                children.map_or(Cell::Denied, |count| Cell::Number(count as u64)),
                perms
                    .as_ref()
                    .map_or(Cell::Denied, |perms| Cell::Number(perms.owner().0.into())),
                perms.as_ref().map_or(Cell::Denied, Cell::Perms),
                meaning.map_or(Cell::Missing, |known| Cell::Text(known.to_string())),
            ])?;
        }
        sheet.finish()?;
        return Ok(Exit::SUCCESS);
    }
    let unknown = || "?".to_owned();
    for (at, (path, value, perms, children)) in rows.iter().enumerate() {
        if at > 0 {
            writeln!(shell.out)?;
        }
        let mut fields = vec![
            ("path", path.to_string()),
            (
                "value",
                value
                    .as_ref()
                    .map_or_else(unknown, |value| format!("\"{}\"", escape(value))),
            ),
            (
                "size",
                value
                    .as_ref()
                    .map_or_else(unknown, |value| format!("{} bytes", value.len())),
            ),
            (
                "children",
                children.map_or_else(unknown, |count| count.to_string()),
            ),
            (
                "perms",
                perms
                    .as_ref()
                    .map_or_else(unknown, |perms| format!("{perms}  ({})", in_words(perms))),
            ),
        ];
        if let Some(known) = explain(path, value.as_deref()) {
            fields.push(("meaning", known.to_string()));
        }
        for (name, text) in fields {
            let name = shell.out.paint(Role::Dim, &format!("{name:>9}"));
            writeln!(shell.out, "{name}  {text}")?;
        }
    }
    Ok(Exit::SUCCESS)
}

/// Permissions in words.
pub(super) fn in_words(perms: &Perms) -> String {
    let word = |access: Access| match access {
        Access::None => "nothing",
        Access::Read => "read",
        Access::Write => "write",
        Access::Both => "read and write",
    };
    let mut entries = perms.entries();
    let mut words = format!("owned by domain {}", perms.owner());
    if let Some(first) = entries.next() {
        words += &format!(", others may {}", word(first.access));
    }
    for entry in entries {
        words += &format!(", domain {} may {}", entry.domid, word(entry.access));
    }
    words.replace("may nothing", "may do nothing")
}
