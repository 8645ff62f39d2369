//! `find`.

use std::io::Write as _;

use globset::GlobMatcher;
use regex::bytes::{Regex, RegexBuilder};
use xenbus::tree::{Node, Walk, WalkOptions};
use xenbus::{DomId, Perm};

use super::{Args, Changes, Command, Group, Kind, Operand, switch, valued};
use crate::exit::{Exit, Failure, Outcome, shown};
use crate::output::{Cell, Column, Format, Role, column};
use crate::shell::{Shell, matcher};
use crate::token::quote;

pub(super) const FIND: Command = Command {
    name: "find",
    aliases: &[],
    group: Group::Look,
    summary: "find nodes by name, value, owner, permissions or size",
    options: &[
        valued(
            'N',
            "name",
            ("PATTERN", Kind::Text),
            "The name matches PATTERN (* ? [abc])",
        )
        .long_only(),
        valued(
            'P',
            "path",
            ("PATTERN", Kind::Text),
            "The whole path matches PATTERN ('**' is any number of levels)",
        )
        .long_only(),
        valued(
            'V',
            "value",
            ("REGEX", Kind::Text),
            "The value matches REGEX",
        )
        .long_only(),
        valued(
            'O',
            "owner",
            ("DOMAIN", Kind::Domain),
            "DOMAIN owns the node",
        )
        .long_only(),
        valued(
            'A',
            "access",
            ("PERM", Kind::Perms),
            "The permissions have this entry, such as r5 or n0",
        )
        .long_only(),
        valued(
            'S',
            "size",
            ("[+-]N", Kind::Text),
            "The value has N bytes, more (+N), or fewer (-N)",
        )
        .long_only(),
        switch('E', "empty", "The value is empty and there are no children").long_only(),
        switch('D', "directory", "There are children").long_only(),
        switch('U', "leaf", "There are no children").long_only(),
        switch('I', "invert", "Those that do not match").long_only(),
        switch('l', "long", "Show permissions and value, too"),
        valued(
            'L',
            "depth",
            ("N", Kind::Number),
            "Go down N levels at most",
        ),
        valued(
            'X',
            "exec",
            ("LINE", Kind::Line),
            "Run LINE for each, with {} for its path; its failure is ours",
        )
        .long_only(),
    ],
    operands: &[Operand::any("PATH", Kind::Path)],
    text: "Prints the nodes at and below each PATH (by default the current node) for which all conditions hold, as soon \
           as they are found. Options may be written with one dash, as find(1) has them. With -0 paths end with NUL. \
           The status is 1 if nothing is found.",
    examples: &[
        (
            "find / -name state -value '^[^4]'",
            "devices that are not connected",
        ),
        ("find @1 -owner 1 -size +100", "large values of domain 1"),
        (
            "find /local -name feature-* -exec 'cat -p {}'",
            "features with their values",
        ),
    ],
    changes: Changes::Nothing,
    run: find,
};

const COLUMNS: &[Column] = &[
    column("path").role(Role::Name),
    column("value"),
    column("perms").role(Role::Perms),
    column("children"),
];

/// Conditions on a node.
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
struct Wanted {
    name: Option<GlobMatcher>,
    path: Option<GlobMatcher>,
    value: Option<Regex>,
    owner: Option<DomId>,
    perm: Option<Perm>,
    size: Option<(std::cmp::Ordering, usize)>,
    empty: bool,
    directory: bool,
    leaf: bool,
    invert: bool,
}

impl Wanted {
    fn new(shell: &mut Shell, args: &Args) -> Result<Self, Failure> {
        let owner = args.value("owner").map(|text| shell.domain(text));
        let perm = args
            .text("access")?
            .map(|text| Perm::parse(text).map_err(|error| args.wrong(&error.to_string())));
        let size = args.text("size")?.map(|text| {
            let (order, digits) = match text.as_bytes().first() {
                Some(b'+') => (std::cmp::Ordering::Greater, &text[1..]),
                Some(b'-') => (std::cmp::Ordering::Less, &text[1..]),
                _ => (std::cmp::Ordering::Equal, text),
            };
            let number = digits.parse().ok();
            number.map(|number| (order, number)).ok_or_else(|| {
                args.wrong(&format!(
                    "--size needs a number, not '{}'",
                    shown(text.as_bytes())
                ))
            })
        });
        Ok(Self {
            name: args.value("name").map(matcher).transpose()?,
            path: args.value("path").map(matcher).transpose()?,
            value: args
                .text("value")?
                .map(|text| regex(args, text, false))
                .transpose()?,
            owner: owner.transpose()?,
            perm: perm.transpose()?,
            size: size.transpose()?,
            empty: args.has("empty"),
            directory: args.has("directory"),
            leaf: args.has("leaf"),
            invert: args.has("invert"),
        })
    }

    fn needs_values(&self) -> bool {
        self.value.is_some() || self.size.is_some() || self.empty
    }

    fn needs_perms(&self) -> bool {
        self.owner.is_some() || self.perm.is_some()
    }

    fn is(&self, node: &Node) -> bool {
        self.holds(node) != self.invert
    }

    /// Whether all conditions hold; those on what the store denies do not.
    fn holds(&self, node: &Node) -> bool {
        let name = node.path.name().unwrap_or("/");
        let value = node.value.known();
        let perms = node.perms.known();
        let children = node.children.known();
        let all = |wanted: bool, holds: &dyn Fn() -> bool| !wanted || holds();
        self.name
            .as_ref()
            .is_none_or(|wanted| wanted.is_match(name))
            && self
                .path
                .as_ref()
                .is_none_or(|wanted| wanted.is_match(node.path.as_str()))
            && self
                .value
                .as_ref()
                .is_none_or(|wanted| value.is_some_and(|v| wanted.is_match(v)))
            && self
                .owner
                .is_none_or(|wanted| perms.is_some_and(|p| p.owner() == wanted))
            && self.perm.is_none_or(|wanted| {
                perms.is_some_and(|p| p.entries().any(|entry| entry == wanted))
            })
            && self
                .size
                .is_none_or(|(order, size)| value.is_some_and(|v| v.len().cmp(&size) == order))
            && all(self.empty, &|| {
                value.is_some_and(Vec::is_empty) && children == Some(&0)
            })
            && all(self.directory, &|| children.is_some_and(|n| *n > 0))
            && all(self.leaf, &|| children == Some(&0))
    }
}

/// A regular expression over bytes.
pub(super) fn regex(args: &Args, text: &str, ignore_case: bool) -> Result<Regex, Failure> {
    RegexBuilder::new(text)
        .case_insensitive(ignore_case)
        .unicode(false)
        .build()
        .map_err(|error| {
            let error = error.to_string();
            let why = error.lines().last().unwrap_or_default();
            args.wrong(&format!(
                "'{}': {}",
                shown(text.as_bytes()),
                shown(why.as_bytes())
            ))
        })
}

fn find(shell: &mut Shell, args: &Args) -> Outcome {
    let wanted = Wanted::new(shell, args)?;
    let depth = args.number("depth")?;
    let paths = args.paths_or_here(shell)?;
    let ops = shell.ops()?;
    let long = args.has("long");
    let is_text = matches!(shell.out.style.format, Format::Text | Format::Raw);
    let mut options = WalkOptions::names();
    options.values = wanted.needs_values() || long || !is_text;
    options.perms = wanted.needs_perms() || long || !is_text;
    options.depth = depth;
    let line = args.text("exec")?.map(str::to_owned);
    let interrupt = shell.interrupt.clone();
    let nodes = paths
        .iter()
        .flat_map(|path| Walk::new(&ops, path, options.clone()));
    if let Some(line) = line {
        return run_for_each(shell, nodes, &wanted, &line);
    }
    let mut count = 0_u64;
    if !is_text {
        let mut sheet = shell.out.sheet(COLUMNS);
        for node in nodes {
            interrupt.check()?;
            let node = node?;
            if !wanted.is(&node) {
                sheet.tick()?;
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
        count = sheet.finish()?;
        return Ok(Exit::when(count > 0));
    }
    let end = shell.out.end();
    for node in nodes {
        interrupt.check()?;
        let node = node?;
        if wanted.is(&node) {
            count += 1;
            if long {
                super::ls::line(
                    &mut shell.out,
                    &node,
                    node.path.as_str(),
                    false,
                    false,
                    (0, 0),
                )?;
            } else {
                shell.out.write_all(node.path.as_bytes())?;
            }
            shell.out.write_all(end)?;
        }
        shell.out.tick()?;
    }
    Ok(Exit::when(count > 0))
}

/// Runs a line for every node that is found.
fn run_for_each(
    shell: &mut Shell,
    nodes: impl Iterator<Item = xenbus::Result<Node>>,
    wanted: &Wanted,
    line: &str,
) -> Outcome {
    let mut found = false;
    let mut worst = Exit::SUCCESS;
    for node in nodes {
        shell.interrupt.check()?;
        let node = node?;
        if !wanted.is(&node) {
            continue;
        }
        found = true;
        let line = line.replace("{}", &quote(node.path.as_bytes()));
        let exit = shell.run_text(line.as_bytes());
        if worst.is_success() {
            worst = exit;
        }
        if shell.leaving.is_some() {
            break;
        }
    }
    Ok(if found { worst } else { Exit::FAILURE })
}
