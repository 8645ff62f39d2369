//! How much there is: `du`, `count`.

use std::collections::BTreeMap;
use std::io::Write as _;

use xenbus::tree::{Node, Walk, WalkOptions};
use xenbus::{DomId, StorePath};

use super::{Args, Changes, Command, Group, Kind, Operand, switch, valued};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Cell, Column, Format, Role, column};
use crate::shell::{Ops, Shell};

pub(super) const DU: Command = Command {
    name: "du",
    aliases: &[],
    group: Group::Look,
    summary: "show how many nodes and bytes there are",
    options: &[
        switch('s', "summarize", "Only the total of each PATH"),
        switch(
            'O',
            "owners",
            "By the domain that owns the nodes: what counts for its quota",
        ),
        valued(
            'L',
            "depth",
            ("N", Kind::Number),
            "Show N levels below PATH (default 1)",
        ),
    ],
    operands: &[Operand::any("PATH", Kind::Path)],
    text: "Counts nodes, and the bytes of their values and names. A line is the node and all below it; the total of PATH \
           comes last.",
    examples: &[
        ("du /local/domain", "who has how much"),
        ("du -O /", "nodes of each domain, as its quota counts them"),
    ],
    changes: Changes::Nothing,
    run: du,
};

const COLUMNS: &[Column] = &[
    column("nodes"),
    column("bytes"),
    column("path").role(Role::Name),
];

const OWNERS: &[Column] = &[column("owner"), column("nodes"), column("bytes")];

/// Nodes and bytes.
#[derive(Clone, Copy, Default)]
struct Sum {
    nodes: u64,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.nodes += other.nodes;
        self.bytes += other.bytes;
    }

    fn of(node: &Node) -> Self {
        let value = node.value.known().map_or(0, Vec::len);
        let name = node.path.name().map_or(0, str::len);
        Self {
            nodes: 1,
            bytes: (value + name) as u64,
        }
    }
}

fn du(shell: &mut Shell, args: &Args) -> Outcome {
    let paths = args.paths_or_here(shell)?;
    let depth = if args.has("summarize") {
        0
    } else {
        args.number("depth")?.unwrap_or(1)
    };
    let ops = shell.ops()?;
    if args.has("owners") {
        return owners(shell, &ops, &paths);
    }
    let interrupt = shell.interrupt.clone();
    let mut sheet = shell.out.sheet(COLUMNS);
    for path in &paths {
        let top = path.depth();
        // The nodes whose subtrees are under way, from the top.
        let mut open: Vec<(StorePath, Sum)> = Vec::new();
        for node in Walk::new(&ops, path, WalkOptions::default()) {
            interrupt.check()?;
            let node = node?;
            let level = node.path.depth() - top;
            while open.len() > level {
                close(&mut open, depth, &mut sheet)?;
            }
            open.push((node.path.clone(), Sum::of(&node)));
        }
        while !open.is_empty() {
            close(&mut open, depth, &mut sheet)?;
        }
    }
    sheet.finish()?;
    Ok(Exit::SUCCESS)
}

/// Ends the deepest subtree.
fn close(
    open: &mut Vec<(StorePath, Sum)>,
    depth: usize,
    sheet: &mut crate::output::Sheet<'_>,
) -> Result<(), Failure> {
    let Some((path, sum)) = open.pop() else {
        return Ok(());
    };
    if open.len() <= depth {
        sheet.row(&[
            Cell::Number(sum.nodes),
            Cell::Number(sum.bytes),
            Cell::Path(&path),
        ])?;
    }
    if let Some((_, above)) = open.last_mut() {
        above.add(sum);
    }
    Ok(())
}

fn owners(shell: &mut Shell, ops: &Ops, paths: &[StorePath]) -> Outcome {
    let mut sums: BTreeMap<DomId, Sum> = BTreeMap::new();
    let mut hidden = Sum::default();
    for path in paths {
        for node in Walk::new(ops, path, WalkOptions::full()) {
            shell.interrupt.check()?;
            let node = node?;
            match node.perms.known() {
                Some(perms) => sums.entry(perms.owner()).or_default().add(Sum::of(&node)),
                None => hidden.add(Sum::of(&node)),
            }
        }
    }
    let mut sheet = shell.out.sheet(OWNERS);
    for (owner, sum) in sums {
        sheet.row(&[
            Cell::Number(owner.0.into()),
            Cell::Number(sum.nodes),
            Cell::Number(sum.bytes),
        ])?;
    }
    if hidden.nodes > 0 {
        let (nodes, bytes) = (Cell::Number(hidden.nodes), Cell::Number(hidden.bytes));
        sheet.row(&[Cell::Denied, nodes, bytes])?;
    }
    sheet.finish()?;
    Ok(Exit::SUCCESS)
}

pub(super) const COUNT: Command = Command {
    name: "count",
    aliases: &[],
    group: Group::Look,
    summary: "print how many nodes there are",
    options: &[valued(
        'L',
        "depth",
        ("N", Kind::Number),
        "Go down N levels at most",
    )],
    operands: &[Operand::any("PATH", Kind::Path)],
    text: "Counts the nodes at and below each PATH.",
    examples: &[("count /", "how many nodes the store has")],
    changes: Changes::Nothing,
    run: count,
};

const COUNTS: &[Column] = &[column("nodes"), column("path").role(Role::Name)];

fn count(shell: &mut Shell, args: &Args) -> Outcome {
    let paths = args.paths_or_here(shell)?;
    let mut options = WalkOptions::names();
    options.depth = args.number("depth")?;
    let ops = shell.ops()?;
    let mut counts = Vec::new();
    for path in &paths {
        let mut nodes = 0_u64;
        for node in Walk::new(&ops, path, options.clone()) {
            shell.interrupt.check()?;
            node?;
            nodes += 1;
        }
        counts.push(nodes);
    }
    if let ([nodes], Format::Text | Format::Raw) = (&counts[..], shell.out.style.format) {
        writeln!(shell.out, "{nodes}")?;
        return Ok(Exit::SUCCESS);
    }
    let mut sheet = shell.out.sheet(COUNTS);
    for (path, nodes) in paths.iter().zip(counts) {
        sheet.row(&[Cell::Number(nodes), Cell::Path(path)])?;
    }
    sheet.finish()?;
    Ok(Exit::SUCCESS)
}
