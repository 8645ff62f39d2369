//! `grep`.

use std::io::Write as _;

use regex::bytes::Regex;
use xenbus::tree::{Node, Walk, WalkOptions};
use xenbus::value::escape;

use super::find::regex;
use super::{Args, Changes, Command, Group, Kind, Operand, switch, valued};
use crate::exit::{Exit, Outcome};
use crate::output::{Cell, Column, Format, Out, Role, column};
use crate::shell::Shell;

pub(super) const GREP: Command = Command {
    name: "grep",
    aliases: &[("igrep", &["-i"])],
    group: Group::Look,
    summary: "find nodes whose values match",
    options: &[
        switch(
            'r',
            "recursive",
            "Look at all nodes below, too (without PATH always)",
        ),
        switch('i', "ignore-case", "Capital and small letters are the same"),
        switch('F', "fixed", "PATTERN is text, not a regular expression"),
        switch('v', "invert", "Those that do not match"),
        switch('k', "keys", "Match names as well as values"),
        switch('l', "list", "Print paths only"),
        switch('c', "count", "Print only how many match"),
        switch(
            'q',
            "quiet",
            "Print nothing; the status says whether one matches",
        ),
        valued(
            'L',
            "depth",
            ("N", Kind::Number),
            "Go down N levels at most",
        ),
    ],
    operands: &[
        Operand::one("PATTERN", Kind::Text),
        Operand::any("PATH", Kind::Path),
    ],
    text: "PATTERN is a regular expression (of the Rust library regex, over bytes: '(?-u)' is implied). Prints path and \
           value of every node that matches, as soon as it is found. The status is 1 if nothing matches.",
    examples: &[
        ("grep -r 00:16:3e /local", "who has which MAC address"),
        (
            "grep -rl '^6$' /local/domain/0/backend",
            "backends that are closed",
        ),
    ],
    changes: Changes::Nothing,
    run: grep,
};

const COLUMNS: &[Column] = &[column("path").role(Role::Name), column("value")];

fn grep(shell: &mut Shell, args: &Args) -> Outcome {
    let pattern = args.word(0)?.unwrap_or_default();
    let pattern = if args.has("fixed") {
        regex::escape(pattern)
    } else {
        pattern.to_owned()
    };
    let wanted = regex(args, &pattern, args.has("ignore-case"))?;
    let depth: Option<usize> = args.number("depth")?;
    let recursive = args.has("recursive") || args.operands.len() == 1 || depth.is_some();
    let paths = if args.operands.len() == 1 {
        vec![shell.cwd.clone()]
    } else {
        args.paths(shell, 1)?
    };
    let ops = shell.ops()?;
    let mut options = WalkOptions::default();
    options.depth = if recursive { depth } else { Some(0) };
    let keys = args.has("keys");
    let invert = args.has("invert");
    let is_wanted = |node: &Node| {
        let value = node.value.known();
        let name = node.path.name().filter(|_| keys);
        let matches = value.is_some_and(|value| wanted.is_match(value))
            || name.is_some_and(|name| wanted.is_match(name.as_bytes()));
        // What cannot be read neither matches nor does not.
        value.is_some() && matches != invert
    };
    let interrupt = shell.interrupt.clone();
    let nodes = paths
        .iter()
        .flat_map(|path| Walk::new(&ops, path, options.clone()));
    let mut count = 0_u64;
    if args.has("quiet") || args.has("count") {
        for node in nodes {
            interrupt.check()?;
            if is_wanted(&node?) {
                count += 1;
                if args.has("quiet") {
                    return Ok(Exit::SUCCESS);
                }
            }
        }
        if args.has("count") {
            writeln!(shell.out, "{count}")?;
        }
        return Ok(Exit::when(count > 0));
    }
    let list = args.has("list");
    if !matches!(shell.out.style.format, Format::Text | Format::Raw) {
        let mut sheet = shell.out.sheet(COLUMNS);
        for node in nodes {
            interrupt.check()?;
            let node = node?;
            if is_wanted(&node) {
                let value = node.value.known();
                sheet.row(&[
                    Cell::Path(&node.path),
                    value.map_or(Cell::Denied, |value| Cell::Bytes(value)),
                ])?;
            }
            sheet.tick()?;
        }
        return Ok(Exit::when(sheet.finish()? > 0));
    }
    let end = shell.out.end();
    for node in nodes {
        interrupt.check()?;
        let node = node?;
        if is_wanted(&node) {
            count += 1;
            let path = shell.out.paint(Role::Name, node.path.as_str());
            if list {
                shell.out.write_all(path.as_bytes())?;
            } else {
                let value = node.value.known().map(Vec::as_slice).unwrap_or_default();
                let value = highlighted(&shell.out, &wanted, value);
                write!(shell.out, "{path}\t{value}")?;
            }
            shell.out.write_all(end)?;
        }
        shell.out.tick()?;
    }
    Ok(Exit::when(count > 0))
}

/// A value, escaped, with what matches in colour.
fn highlighted(out: &Out, wanted: &Regex, value: &[u8]) -> String {
    if !out.has_color {
        return escape(value).to_string();
    }
    let mut text = String::new();
    let mut at = 0;
    for found in wanted.find_iter(value) {
        text += &escape(&value[at..found.start()]).to_string();
        text += &out.paint(Role::Bad, &escape(found.as_bytes()).to_string());
        at = found.end();
    }
    text += &escape(&value[at..]).to_string();
    text
}
