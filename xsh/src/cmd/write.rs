//! Changing nodes: `set`, `mkdir`, `rm`.

use xenbus::value::unescape;
use xenbus::{ErrorKind, Operations as _, StorePath};

use super::{Args, Changes, Command, Group, Kind, Operand, switch, valued};
use crate::exit::{Exit, Failure, Outcome, shown};
use crate::shell::{Change, Shell, read_file};

pub(super) const SET: Command = Command {
    name: "set",
    aliases: &[("write", &[])],
    group: Group::Change,
    summary: "set the values of nodes",
    options: &[
        valued(
            'f',
            "file",
            ("FILE", Kind::File),
            "Take the value from FILE, exactly ('-' is standard input)",
        ),
        switch('x', "hex", "The value is given in hexadecimal"),
        switch(
            'E',
            "escaped",
            "The value is given as 'cat' prints it: \\n \\r \\t \\\\ \\xNN",
        ),
        switch('N', "new", "Only make nodes: one that is there is an error"),
    ],
    operands: &[
        Operand::one("PATH", Kind::Path),
        Operand::maybe("VALUE", Kind::Value),
        Operand::any("PATH VALUE", Kind::Path),
    ],
    text: "Nodes that are missing are made, with those above them. Several pairs of PATH and VALUE are set in one \
           transaction. Without a VALUE it is read from '< FILE' or standard input, and is every byte of that. In \
           double quotes the shell reads \\n \\t \\xNN.",
    examples: &[
        ("set @1/data/greeting 'hello there'", "set one value"),
        ("set a 1 b 2", "set two, or none of them"),
        ("set @1/data/blob < /etc/hostname", "every byte of a file"),
        ("set -n @1/name other", "only show what would change"),
    ],
    changes: Changes::Nodes,
    run: set,
};

fn set(shell: &mut Shell, args: &Args) -> Outcome {
    let count = args.operands.len();
    let mut changes = Vec::new();
    if count == 1 {
        let path = args.path(shell, 0)?;
        let value = match args.value("file") {
            Some(b"-") | None => shell.read_input("set")?,
            Some(file) => read_file(file)?,
        };
        changes.push(Change::Write(path, decoded(args, &value)?));
    } else {
        if args.has("file") {
            return Err(args.wrong("with -f there is one PATH and no VALUE"));
        }
        if count % 2 == 1 {
            return Err(args.wrong("the last PATH has no VALUE (quote a value with spaces)"));
        }
        for at in (0..count).step_by(2) {
            let path = args.path(shell, at)?;
            let value = decoded(args, &args.operands[at + 1].bytes)?;
            changes.push(Change::Write(path, value));
        }
    }
    let new = args.has("new");
    let what = format!("set {}", changes[0].path());
    shell.atomically(changes.len() > 1 || new, |shell| {
        if new {
            let ops = shell.ops()?;
            for change in &changes {
                if ops.exists(change.path())? {
                    return Err(Failure::new(
                        Exit::FAILURE,
                        format!("{} exists", change.path()),
                    ));
                }
            }
        }
        shell.change(&what, &changes)
    })?;
    Ok(Exit::SUCCESS)
}

/// The bytes that an argument stands for.
fn decoded(args: &Args, given: &[u8]) -> Result<Vec<u8>, Failure> {
    if args.has("hex") {
        let digits: Vec<u8> = given
            .iter()
            .copied()
            .filter(|b| !b.is_ascii_whitespace())
            .collect();
        return data_encoding::HEXLOWER_PERMISSIVE
            .decode(&digits)
            .map_err(|_| args.wrong(&format!("'{}' is not hexadecimal", shown(given))));
    }
    if args.has("escaped") {
        let text = given.strip_suffix(b"\n").unwrap_or(given);
        return unescape(text).map_err(|error| args.wrong(&error.to_string()));
    }
    Ok(given.to_vec())
}

pub(super) const MKDIR: Command = Command {
    name: "mkdir",
    aliases: &[],
    group: Group::Change,
    summary: "make nodes with empty values",
    options: &[switch('p', "parents", "A node that is there is no error")],
    operands: &[Operand::some("PATH", Kind::Path)],
    text: "The nodes above are made, too, as the store does.",
    examples: &[("mkdir -p @1/data/a/b", "make a node and those above it")],
    changes: Changes::Nodes,
    run: mkdir,
};

fn mkdir(shell: &mut Shell, args: &Args) -> Outcome {
    let paths = args.paths(shell, 0)?;
    let fresh = !args.has("parents");
    let changes: Vec<_> = paths.into_iter().map(Change::Make).collect();
    let what = format!("mkdir {}", changes[0].path());
    shell.atomically(changes.len() > 1 || fresh, |shell| {
        if fresh {
            let ops = shell.ops()?;
            for change in &changes {
                if ops.exists(change.path())? {
                    return Err(
                        Failure::new(Exit::FAILURE, format!("{} exists", change.path()))
                            .hint("with -p that is no error"),
                    );
                }
            }
        }
        shell.change(&what, &changes)
    })?;
    Ok(Exit::SUCCESS)
}

pub(super) const RM: Command = Command {
    name: "rm",
    aliases: &[],
    group: Group::Change,
    summary: "remove nodes",
    options: &[
        switch('r', "recursive", "Remove what is below them, too"),
        switch('f', "force", "Do not ask; a missing node is no error"),
        switch(
            't',
            "tidy",
            "Remove the nodes above as well that are empty afterwards",
        ),
    ],
    operands: &[Operand::some("PATH", Kind::Path)],
    text: "The store removes a node with all below it. Therefore a node with children needs -r, which asks first on a \
           terminal; where nobody can be asked it needs -f, too. Several nodes go in one transaction.",
    examples: &[
        ("rm @1/data/greeting", "remove one node"),
        ("rm -rn @1/data", "only show what would go"),
    ],
    changes: Changes::Nodes,
    run: rm,
};

fn rm(shell: &mut Shell, args: &Args) -> Outcome {
    let paths = args.paths(shell, 0)?;
    let (recursive, force) = (args.has("recursive"), args.has("force"));
    let ops = shell.ops()?;
    let asked: Vec<_> = paths
        .iter()
        .map(|path| (path, ops.submit_directory(path)))
        .collect();
    let mut doomed: Vec<StorePath> = Vec::new();
    let mut children = 0;
    for (path, answer) in asked {
        let names = match answer.wait() {
            Ok(names) => names.len(),
            Err(error) if error.is_not_found() && force => continue,
            // It may be removable all the same.
            Err(error) if error.kind() == ErrorKind::Denied => 0,
            Err(error) => return Err(error.into()),
        };
        if names > 0 && !recursive {
            return Err(Failure::usage(format!("rm: {path} has children"))
                .hint("-r removes it with all below it"));
        }
        children += names;
        doomed.push(path.clone());
    }
    if doomed.is_empty() {
        return Ok(Exit::SUCCESS);
    }
    if children > 0 {
        let which = match &doomed[..] {
            [path] => format!("{path} and all below it"),
            several => format!("{} nodes and all below them", several.len()),
        };
        shell.confirm(&format!("Remove {which}?"), force)?;
    }
    let what = format!("rm {}", doomed[0]);
    let changes: Vec<_> = doomed.iter().cloned().map(Change::Remove).collect();
    let tidy = args.has("tidy");
    shell.atomically(changes.len() > 1 || tidy, |shell| {
        shell.change(&what, &changes)?;
        if tidy {
            for path in &doomed {
                remove_empty_above(shell, path)?;
            }
        }
        Ok(())
    })?;
    Ok(Exit::SUCCESS)
}

/// Removes the nodes above one that have neither children nor a value any more.
fn remove_empty_above(shell: &mut Shell, path: &StorePath) -> Result<(), Failure> {
    let mut above = path.parent();
    while let Some(path) = above.filter(|path| !path.is_root()) {
        let ops = shell.ops()?;
        let is_empty = ops.directory(&path).is_ok_and(|names| names.is_empty())
            && ops.read(&path).is_ok_and(|value| value.is_empty());
        if !is_empty {
            break;
        }
        shell.change(&format!("rm {path}"), &[Change::Remove(path.clone())])?;
        above = path.parent();
    }
    Ok(())
}
