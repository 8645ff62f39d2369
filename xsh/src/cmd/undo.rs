//! `undo`: puts back what this session changed.

use std::io::Write as _;

use xenbus::StorePath;
use xenbus::tree::Field;

use super::{Args, Changes, Command, Group, Kind, Operand, switch};
use crate::exit::{Exit, Failure, Outcome, say};
use crate::output::Format;
use crate::shell::{Before, Change, Entry, Ops, Shell, Undo};

pub(super) const UNDO: Command = Command {
    name: "undo",
    aliases: &[],
    group: Group::Change,
    summary: "put back what this session changed",
    options: &[
        switch('l', "list", "List what can be undone, the latest first"),
        switch('f', "force", "Even if others have changed the nodes since"),
    ],
    operands: &[Operand::maybe("N", Kind::Number)],
    text: "Puts back the values and permissions that the last N commands (by default one) changed, and removes the nodes \
           that they made; in one transaction for each. It is refused if a node is not as the command left it. It is no \
           transaction: others have seen the changes, and drivers may have acted on them. Only this session's own \
           changes are known, and not those of an open transaction, which 'tx abort' gives up.",
    examples: &[
        ("undo -l", "what can be undone"),
        ("undo -n", "show what would be put back"),
    ],
    changes: Changes::Nodes,
    run: undo,
};

fn undo(shell: &mut Shell, args: &Args) -> Outcome {
    if args.has("list") {
        return list(shell);
    }
    if shell.transaction().is_some() {
        return Err(Failure::usage("a transaction is open").hint("tx abort gives its changes up"));
    }
    let times: usize = match args.word(0)? {
        None => 1,
        Some(word) => word.parse().map_err(|_| args.wrong("N is a number"))?,
    };
    for _ in 0..times {
        let Some(entry) = shell.journal.pop() else {
            return Err(Failure::new(Exit::FAILURE, "there is nothing to undo")
                .hint("only changes of this session are known"));
        };
        // What is put back is no change that could be undone.
        let journal = std::mem::take(&mut shell.journal);
        let result = put_back(shell, &entry, args.has("force"));
        shell.journal = journal;
        if result.is_err() || shell.settings.dry_run {
            shell.journal.add(entry);
            result?;
            break;
        }
        say(&format!("undone: {}", entry.what));
    }
    Ok(Exit::SUCCESS)
}

fn list(shell: &mut Shell) -> Outcome {
    let lines: Vec<_> = shell
        .journal
        .entries()
        .enumerate()
        .map(|(index, entry)| {
            let count = entry.changes.len();
            let nodes = if count == 1 { "node" } else { "nodes" };
            (index + 1, format!("{} ({count} {nodes})", entry.what))
        })
        .collect();
    let is_text = shell.out.style.format == Format::Text;
    for (number, line) in lines {
        if is_text {
            writeln!(shell.out, "{number:>4}  {line}")?;
        } else {
            writeln!(shell.out, "{line}")?;
        }
    }
    let forgotten = shell.journal.forgotten();
    if forgotten > 0 {
        say(&format!(
            "{forgotten} older ones were forgotten: there was no room"
        ));
    }
    Ok(Exit::SUCCESS)
}

fn put_back(shell: &mut Shell, entry: &Entry, forced: bool) -> Result<(), Failure> {
    shell.atomically(true, |shell| {
        let ops = shell.ops()?;
        if !forced {
            for undo in last_of_each(&entry.changes) {
                check(&ops, undo)?;
            }
        }
        let mut changes: Vec<Change> = Vec::new();
        for undo in entry.changes.iter().rev() {
            match &undo.before {
                Before::Missing { topmost } => {
                    let goes = |change: &Change| {
                        matches!(change, Change::Remove(gone) if topmost.is_within(gone))
                    };
                    if !changes.iter().any(goes) {
                        changes.push(Change::Remove(topmost.clone()));
                    }
                }
                Before::Node { value, perms } => {
                    put_node(&mut changes, &undo.path, value.as_deref(), perms.as_ref());
                }
                Before::Tree(tree) => {
                    for node in tree.nodes() {
                        let value = match &node.value {
                            Field::Known(value) => Some(value.as_slice()),
                            _ => None,
                        };
                        put_node(&mut changes, &node.path, value, node.perms.known());
                    }
                }
            }
        }
        // All values before all permissions, which may take the right to write away.
        let (perms, values): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .partition(|change| matches!(change, Change::SetPerms(..)));
        shell.change(&entry.what, &values)?;
        shell.change(&entry.what, &perms)
    })
}

fn put_node(
    changes: &mut Vec<Change>,
    path: &StorePath,
    value: Option<&[u8]>,
    perms: Option<&xenbus::Perms>,
) {
    changes.extend(value.map(|value| Change::Write(path.clone(), value.to_vec())));
    changes.extend(perms.map(|perms| Change::SetPerms(path.clone(), perms.clone())));
}

/// The last change of each node: what the command left.
fn last_of_each(changes: &[Undo]) -> impl Iterator<Item = &Undo> {
    let mut seen = std::collections::BTreeSet::new();
    changes
        .iter()
        .rev()
        .filter(move |undo| seen.insert(&undo.path))
}

/// Fails if a node is not as the command left it.
fn check(ops: &Ops, undo: &Undo) -> Result<(), Failure> {
    if undo.holds(ops)? {
        return Ok(());
    }
    Err(Failure::new(
        Exit::FAILURE,
        format!("{} was changed since; nothing was undone", undo.path),
    )
    .hint("-f puts back what was there before all the same"))
}
