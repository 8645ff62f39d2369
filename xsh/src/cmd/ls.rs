//! `ls`.

use std::io::Write as _;

use xenbus::device::explain;
use xenbus::tree::{Field, Node, Order, Walk, WalkOptions};
use xenbus::value::escape;
use xenbus::{Operations as _, Perms, StorePath};

use super::{Args, Changes, Command, Group, Kind, Operand, switch, valued};
use crate::exit::{Exit, Outcome};
use crate::output::{Cell, Column, Format, Out, Role, column};
use crate::shell::{Ops, Shell};

pub(super) const LS: Command = Command {
    name: "ls",
    aliases: &[("list", &["-1"]), ("ll", &["-l"]), ("dir", &["-l"])],
    group: Group::Look,
    summary: "list the children of nodes",
    options: &[
        switch(
            'l',
            "long",
            "Show permissions, number of children, and value, too",
        ),
        switch('R', "recursive", "Go down into children; print whole paths"),
        switch(
            'd',
            "directory",
            "List the nodes themselves, not their children",
        ),
        switch('1', "one", "One name on a line, also on a terminal"),
        switch('U', "unsorted", "In the order of the store, not sorted"),
        switch('e', "explain", "Say what well-known keys mean (implies -l)"),
        valued(
            'L',
            "depth",
            ("N", Kind::Number),
            "Go down N levels at most (implies -R)",
        ),
    ],
    operands: &[Operand::any("PATH", Kind::Path)],
    text: "Lists the children of the current node or of each PATH. A name that ends with '/' has children itself. A \
           column of -l is: permissions as the store writes them (the owner's entry first), number of children, name, \
           value. On a terminal names stand in columns and -l is aligned; elsewhere every line is one node, fields \
           are separated by tabs and values are escaped as 'cat' does.\n\n\
           A part that the store denies is shown as '?'.",
    examples: &[
        ("ls -l @1/device/vbd/51712", "the keys of a disk's frontend"),
        ("ls -lR /local/domain/1", "everything about domain 1"),
        ("ls -R /local/domain/*/device", "wild cards match nodes"),
    ],
    changes: Changes::Nothing,
    run: ls,
};

const COLUMNS: &[Column] = &[
    column("path").role(Role::Name),
    column("value"),
    column("perms").role(Role::Perms),
    column("children"),
];

fn ls(shell: &mut Shell, args: &Args) -> Outcome {
    let explain = args.has("explain");
    let long = args.has("long") || explain;
    let depth: Option<usize> = args.number("depth")?;
    let recursive = args.has("recursive") || depth.is_some();
    let paths = args.paths_or_here(shell)?;
    let ops = shell.ops()?;
    let mut options = WalkOptions::names();
    options.order = if args.has("unsorted") {
        Order::Store
    } else {
        Order::Sorted
    };
    let is_text = matches!(shell.out.style.format, Format::Text | Format::Raw);
    let listing = Listing {
        long,
        explain,
        // Without -l, the only thing to know of a child is whether it has children; that is not worth a request each
        // where nobody sees it.
        marks: is_text && !recursive && shell.out.is_terminal,
        several: paths.len() > 1,
        one: args.has("one"),
    };
    options.values = long || !is_text;
    options.perms = long || !is_text;
    options.depth = match (args.has("directory"), recursive) {
        (true, _) => Some(0),
        (false, true) => depth,
        (false, false) => Some(1),
    };
    if !is_text {
        return records(shell, &ops, &paths, &options, args.has("directory"));
    }
    for (at, path) in paths.iter().enumerate() {
        if listing.several && !recursive && !args.has("directory") {
            let before = if at > 0 { "\n" } else { "" };
            let title = shell.out.paint(Role::Dim, &format!("{path}:"));
            writeln!(shell.out, "{before}{title}")?;
        }
        if !long && !listing.marks && !recursive && !args.has("directory") {
            names(shell, &ops, path, options.order)?;
            continue;
        }
        let mut walk = Walk::new(&ops, path, options.clone());
        if args.has("directory") || recursive {
            stream(shell, &listing, path, &mut walk, args.has("directory"))?;
        } else {
            together(shell, &listing, path, &mut walk)?;
        }
        say_losses(&walk);
    }
    Ok(Exit::SUCCESS)
}

#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
struct Listing {
    long: bool,
    explain: bool,
    marks: bool,
    several: bool,
    one: bool,
}

/// Says what a walk left out.
pub(super) fn say_losses(walk: &Walk<'_, Ops>) {
    if walk.unreachable() > 0 {
        crate::exit::say(&format!(
            "xsh: {} nodes were left out: their paths are too long for a request",
            walk.unreachable()
        ));
    }
}

/// Names alone: one request.
fn names(
    shell: &mut Shell,
    ops: &Ops,
    path: &StorePath,
    order: Order,
) -> Result<(), crate::exit::Failure> {
    let mut names = ops.directory(path)?;
    if order == Order::Sorted {
        names.sort_unstable();
    }
    let end = shell.out.end();
    for name in names {
        shell.out.write_all(name.as_bytes())?;
        shell.out.write_all(end)?;
    }
    Ok(())
}

/// A line for each node as it comes, with whole paths.
fn stream(
    shell: &mut Shell,
    listing: &Listing,
    top: &StorePath,
    walk: &mut Walk<'_, Ops>,
    whole: bool,
) -> Result<(), crate::exit::Failure> {
    let end = shell.out.end();
    let raw = shell.out.style.format == Format::Raw;
    let out = &mut shell.out;
    for node in walk {
        shell.interrupt.check()?;
        let node = node?;
        if node.path == *top && !whole {
            continue;
        }
        if listing.long {
            let name = node.path.as_str();
            line(out, &node, name, listing.explain, raw, (0, 0))?;
        } else if out.has_color && node.children.known().is_some_and(|n| *n > 0) {
            let name = out.paint(Role::Directory, node.path.as_str());
            out.write_all(name.as_bytes())?;
        } else {
            out.write_all(node.path.as_bytes())?;
        }
        out.write_all(end)?;
        out.tick()?;
    }
    Ok(())
}

/// The children of one node, aligned.
fn together(
    shell: &mut Shell,
    listing: &Listing,
    top: &StorePath,
    walk: &mut Walk<'_, Ops>,
) -> Result<(), crate::exit::Failure> {
    let mut nodes = Vec::new();
    for node in walk {
        shell.interrupt.check()?;
        let node = node?;
        if node.path != *top {
            nodes.push(node);
        }
    }
    let raw = shell.out.style.format == Format::Raw;
    let end = shell.out.end();
    let out = &mut shell.out;
    let shown = |node: &Node| {
        let mark = match node.children {
            Field::Known(0) => "",
            Field::Known(_) => "/",
            _ => "?",
        };
        format!("{}{mark}", node.path.name().unwrap_or("/"))
    };
    let names: Vec<String> = nodes.iter().map(shown).collect();
    let widest = names.iter().map(String::len).max().unwrap_or_default();
    if listing.long {
        let perms = nodes.iter().map(|node| perms_text(&node.perms).len());
        let perms = perms.max().unwrap_or_default();
        let widths = if out.is_terminal {
            (perms, widest)
        } else {
            (0, 0)
        };
        for (node, name) in nodes.iter().zip(&names) {
            line(out, node, name, listing.explain, raw, widths)?;
            out.write_all(end)?;
        }
        return Ok(());
    }
    let width = out.width().filter(|_| !listing.one).unwrap_or(0);
    let columns = (width / (widest + 2)).max(1);
    let rows = names.len().div_ceil(columns);
    for row in 0..rows {
        let mut text = String::new();
        for column in 0..columns {
            let at = column * rows + row;
            let Some(name) = names.get(at) else { break };
            let role = if name.ends_with('/') {
                Role::Directory
            } else {
                Role::Plain
            };
            text += &out.paint(role, name);
            if at + rows < names.len() {
                text += &" ".repeat(widest + 2 - name.len());
            }
        }
        out.write_all(text.as_bytes())?;
        out.write_all(end)?;
    }
    Ok(())
}

fn perms_text(perms: &Field<Perms>) -> String {
    perms
        .known()
        .map_or_else(|| "?".to_owned(), Perms::to_string)
}

/// A line of `-l`, without its end.
pub(super) fn line(
    out: &mut Out,
    node: &Node,
    name: &str,
    explains: bool,
    raw: bool,
    (perms_width, name_width): (usize, usize),
) -> std::io::Result<()> {
    let value = node.value.known();
    let aligned = name_width > 0;
    if !aligned && !out.has_color {
        // The form that is read by programs, and has to be fast.
        match &node.perms {
            Field::Known(perms) => write!(out, "{perms}\t")?,
            _ => out.write_all(b"?\t")?,
        }
        match node.children {
            Field::Known(children) => write!(out, "{children}\t{name}\t")?,
            _ => write!(out, "?\t{name}\t")?,
        }
        match value {
            None => out.write_all(b"?")?,
            Some(value) if raw => out.write_all(value)?,
            Some(value) => write!(out, "{}", escape(value))?,
        }
    } else {
        let perms = format!("{:<perms_width$}", perms_text(&node.perms));
        let perms = out.paint(Role::Perms, &perms);
        let (children, role) = match node.children {
            Field::Known(0) => (String::new(), Role::Plain),
            Field::Known(children) => (children.to_string(), Role::Directory),
            _ => ("?".to_owned(), Role::Directory),
        };
        let padding = " ".repeat(name_width.saturating_sub(name.len()));
        let name = out.paint(role, name);
        let value = value.map_or_else(|| "?".to_owned(), |value| escape(value).to_string());
        write!(out, "{perms}  {children:>4}  {name}{padding}  {value}")?;
    }
    if explains && let Some(known) = explain(&node.path, value.map(Vec::as_slice)) {
        let text = out.paint(Role::Dim, &format!("# {known}"));
        write!(out, "{}{text}", if aligned { "  " } else { "\t" })?;
    }
    Ok(())
}

/// The other formats.
pub(super) fn records(
    shell: &mut Shell,
    ops: &Ops,
    paths: &[StorePath],
    options: &WalkOptions,
    whole: bool,
) -> Outcome {
    let interrupt = shell.interrupt.clone();
    let mut sheet = shell.out.sheet(COLUMNS);
    for path in paths {
        let mut walk = Walk::new(ops, path, options.clone());
        for node in walk.by_ref() {
            interrupt.check()?;
            let node = node?;
            if node.path == *path && !whole {
                continue;
            }
            sheet.row(&[
                Cell::Path(&node.path),
                node.value
                    .known()
                    .map_or(Cell::Denied, |value| Cell::Bytes(value)),
                node.perms.known().map_or(Cell::Denied, Cell::Perms),
                node.children
                    .known()
                    .map_or(Cell::Denied, |count| Cell::Number(*count as u64)),
            ])?;
        }
        say_losses(&walk);
    }
    sheet.finish()?;
    Ok(Exit::SUCCESS)
}
