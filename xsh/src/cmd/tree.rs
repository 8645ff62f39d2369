//! `tree`.

use std::io::Write as _;

use xenbus::device::explain;
use xenbus::tree::{Field, Node, Walk, WalkOptions};
use xenbus::value::escape;

use super::{Args, Changes, Command, Group, Kind, Operand, ls, switch, valued};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Format, Role};
use crate::shell::{Ops, Shell};

pub(super) const TREE: Command = Command {
    name: "tree",
    aliases: &[],
    group: Group::Look,
    summary: "show nodes and all below them as a tree",
    options: &[
        switch('p', "perms", "Show permissions, too"),
        switch('e', "explain", "Say what well-known keys mean"),
        switch('N', "names", "Names only, no values"),
        valued(
            'L',
            "depth",
            ("N", Kind::Number),
            "Go down N levels at most",
        ),
    ],
    operands: &[Operand::any("PATH", Kind::Path)],
    text: "Values are escaped and in double quotes. The tree is printed as it is read, however large it is.",
    examples: &[
        ("tree @1/device", "the frontends of domain 1"),
        ("tree -L 2 -N /", "the two upper levels of the store"),
        ("tree -e @1/device/vbd", "with explanations"),
    ],
    changes: Changes::Nothing,
    run: tree,
};

fn tree(shell: &mut Shell, args: &Args) -> Outcome {
    let paths = args.paths_or_here(shell)?;
    let depth = args.number("depth")?;
    let ops = shell.ops()?;
    let mut options = WalkOptions::full();
    options.values = !args.has("names");
    options.perms = args.has("perms");
    options.depth = depth;
    if !matches!(shell.out.style.format, Format::Text | Format::Raw) {
        options.perms = true;
        return ls::records(shell, &ops, &paths, &options, true);
    }
    for path in &paths {
        let mut walk = Walk::new(&ops, path, options.clone());
        draw(shell, args, path.depth(), &mut walk)?;
        ls::say_losses(&walk);
    }
    Ok(Exit::SUCCESS)
}

/// The lines of a tree.
struct Lines {
    vertical: &'static str,
    branch: &'static str,
    last: &'static str,
}

const ASCII: Lines = Lines {
    vertical: "|   ",
    branch: "|-- ",
    last: "`-- ",
};

const UNICODE: Lines = Lines {
    vertical: "\u{2502}   ",
    branch: "\u{251c}\u{2500}\u{2500} ",
    last: "\u{2514}\u{2500}\u{2500} ",
};

fn draw(
    shell: &mut Shell,
    args: &Args,
    top: usize,
    walk: &mut Walk<'_, Ops>,
) -> Result<(), Failure> {
    let lines = if shell.out.is_terminal && is_utf8() {
        UNICODE
    } else {
        ASCII
    };
    // How many children are still to come, on each level.
    let mut left: Vec<usize> = Vec::new();
    for node in walk {
        shell.interrupt.check()?;
        let node = node?;
        let level = node.path.depth() - top;
        left.truncate(level);
        let mut line = String::new();
        if let Some((own, above)) = left.split_last_mut() {
            for rest in above.iter() {
                line += if *rest > 0 { lines.vertical } else { "    " };
            }
            *own = own.saturating_sub(1);
            line += if *own > 0 { lines.branch } else { lines.last };
        }
        let children = node.children.known().copied().unwrap_or_default();
        left.push(children);
        line = shell.out.paint(Role::Dim, &line);
        let name = if level == 0 {
            node.path.as_str()
        } else {
            node.path.name().unwrap_or("/")
        };
        let role = if children > 0 {
            Role::Directory
        } else {
            Role::Plain
        };
        line += &shell.out.paint(role, name);
        line += &rest_of_line(shell, args, &node);
        writeln!(shell.out, "{line}")?;
        shell.out.tick()?;
    }
    Ok(())
}

/// Value, permissions and explanation.
fn rest_of_line(shell: &Shell, args: &Args, node: &Node) -> String {
    let mut rest = String::new();
    match &node.value {
        Field::Known(value) if value.is_empty() => {}
        Field::Known(value) => {
            let text = escape(value).to_string().replace('"', "\\\"");
            rest += &format!(" = \"{text}\"");
        }
        Field::Denied => rest += " = ?",
        Field::Unasked => {}
    }
    match &node.perms {
        Field::Known(perms) => {
            let text = format!("  ({perms})");
            rest += &shell.out.paint(Role::Perms, &text);
        }
        Field::Denied => rest += "  (?)",
        Field::Unasked => {}
    }
    if node.children == Field::Denied {
        rest += &shell.out.paint(Role::Warning, "  [not listed: denied]");
    }
    if args.has("explain")
        && let Some(known) = explain(&node.path, node.value.known().map(Vec::as_slice))
    {
        rest += &shell.out.paint(Role::Dim, &format!("  # {known}"));
    }
    rest
}

/// Whether the terminal is told to show UTF-8.
fn is_utf8() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        })
}
