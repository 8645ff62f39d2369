//! `cp`, `mv`.

use xenbus::tree::{Snapshot, WalkOptions};
use xenbus::{Operations as _, StorePath};

use super::{Args, Changes, Command, Group, Kind, Operand, switch};
use crate::exit::{Exit, Failure, Outcome};
use crate::shell::{Change, Shell};

pub(super) const CP: Command = Command {
    name: "cp",
    aliases: &[],
    group: Group::Change,
    summary: "copy nodes",
    options: &[
        switch('r', "recursive", "With all nodes below"),
        switch(
            'i',
            "inherit",
            "Permissions are those that the store gives to new nodes",
        ),
    ],
    operands: &[
        Operand::some("PATH", Kind::Path),
        Operand::one("TARGET", Kind::Path),
    ],
    text: "TARGET becomes the copy; what is there already stays, unless the copy has it, too. If several nodes are copied, \
           or TARGET ends with '/', the copies go below TARGET under their own names. Values and permissions are copied \
           in one transaction.",
    examples: &[
        ("cp -r @1/device/vif/0 @1/data/before", "keep how it was"),
        ("cp -rn @1/data @2/data", "only show what would change"),
    ],
    changes: Changes::Nodes,
    run: cp,
};

fn cp(shell: &mut Shell, args: &Args) -> Outcome {
    let pairs = pairs(shell, args)?;
    let what = format!("cp {}", pairs[0].0);
    shell.atomically(true, |shell| {
        let changes = copies(
            shell,
            args,
            &pairs,
            args.has("recursive"),
            args.has("inherit"),
        )?;
        shell.change(&what, &changes)
    })?;
    Ok(Exit::SUCCESS)
}

pub(super) const MV: Command = Command {
    name: "mv",
    aliases: &[],
    group: Group::Change,
    summary: "move nodes with all below them",
    options: &[switch('f', "force", "Replace what is there")],
    operands: &[
        Operand::some("PATH", Kind::Path),
        Operand::one("TARGET", Kind::Path),
    ],
    text: "Copies nodes with their permissions and removes the originals, in one transaction. If several nodes are moved, \
           or TARGET ends with '/', they go below TARGET under their own names.",
    examples: &[("mv -n @1/data @1/old-data", "only show what would change")],
    changes: Changes::Nodes,
    run: mv,
};

fn mv(shell: &mut Shell, args: &Args) -> Outcome {
    let pairs = pairs(shell, args)?;
    let what = format!("mv {}", pairs[0].0);
    shell.atomically(true, |shell| {
        let ops = shell.ops()?;
        let mut changes = Vec::new();
        for (_, to) in &pairs {
            if ops.exists(to)? {
                if !args.has("force") {
                    return Err(
                        Failure::new(Exit::FAILURE, format!("{to} exists")).hint("-f replaces it")
                    );
                }
                changes.push(Change::Remove(to.clone()));
            }
        }
        changes.extend(copies(shell, args, &pairs, true, false)?);
        changes.extend(pairs.iter().map(|(from, _)| Change::Remove(from.clone())));
        shell.change(&what, &changes)
    })?;
    Ok(Exit::SUCCESS)
}

/// What goes where.
fn pairs(shell: &mut Shell, args: &Args) -> Result<Vec<(StorePath, StorePath)>, Failure> {
    let Some((last, sources)) = args.operands.split_last() else {
        return Err(args.wrong("TARGET is missing"));
    };
    let mut from = Vec::new();
    for source in sources {
        if source.is_pattern {
            from.extend(shell.glob(&source.bytes)?);
        } else {
            from.push(shell.resolve(&source.bytes)?);
        }
    }
    let into = from.len() > 1 || last.bytes.ends_with(b"/");
    let target = args.path(shell, args.operands.len() - 1)?;
    let mut pairs = Vec::with_capacity(from.len());
    for from in from {
        let to = match from.name().filter(|_| into) {
            Some(name) => target.child(name)?,
            None => target.clone(),
        };
        if to.is_within(&from) || from.is_within(&to) {
            return Err(args.wrong(&format!("{to} and {from} contain each other")));
        }
        pairs.push((from, to));
    }
    Ok(pairs)
}

/// The changes that make copies.
fn copies(
    shell: &mut Shell,
    args: &Args,
    pairs: &[(StorePath, StorePath)],
    recursive: bool,
    inherit: bool,
) -> Result<Vec<Change>, Failure> {
    let ops = shell.ops()?;
    let mut writes = Vec::new();
    let mut perms = Vec::new();
    for (from, to) in pairs {
        let mut options = WalkOptions::full();
        options.perms = !inherit;
        options.depth = (!recursive).then_some(0);
        let original = Snapshot::take(&ops, from, options)?;
        for node in original.nodes() {
            shell.interrupt.check()?;
            if node.is_denied() {
                return Err(Failure::new(
                    Exit::DENIED,
                    format!("{}: a part of the original may not be read", node.path),
                ));
            }
            if !recursive && node.children.known().is_some_and(|count| *count > 0) {
                return Err(args.wrong(&format!("{from} has children; -r copies them, too")));
            }
            let path = match node.path.below(from) {
                None | Some("") => to.clone(),
                Some(below) => to.join(below)?,
            };
            let value = node.value.known().cloned().unwrap_or_default();
            writes.push(Change::Write(path.clone(), value));
            if let Some(own) = node.perms.known() {
                perms.push(Change::SetPerms(path, own.clone()));
            }
        }
    }
    // Permissions come last: they may take away the right to write.
    writes.extend(perms);
    Ok(writes)
}
