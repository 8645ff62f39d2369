//! Where we are: `cd`, `pwd`.

use std::io::Write as _;

use xenbus::path::PathKind;
use xenbus::{ErrorKind, Operations as _};

use super::{Args, Changes, Command, Group, Kind, Operand};
use crate::exit::{Exit, Failure, Outcome};
use crate::shell::Shell;

pub(super) const CD: Command = Command {
    name: "cd",
    aliases: &[],
    group: Group::Look,
    summary: "make another node the current one",
    options: &[],
    operands: &[Operand::maybe("PATH", Kind::Path)],
    text: "Without PATH the root becomes the current node; '-' is the node before. Paths may be absolute, \
           relative, '~' for the own domain's home, '@3' for that of domain 3, '%web' for that of the domain with the \
           name web. The session starts in the root.",
    examples: &[
        ("cd @1/device", "the devices of domain 1"),
        ("cd -", "back to where we were"),
    ],
    changes: Changes::Nothing,
    run: cd,
};

fn cd(shell: &mut Shell, args: &Args) -> Outcome {
    let path = match args.operands.first() {
        None => xenbus::StorePath::root(),
        Some(operand) if operand.bytes == b"-" => shell
            .previous
            .clone()
            .ok_or_else(|| Failure::new(Exit::FAILURE, "cd: there is no node before this one"))?,
        Some(_) => args.path(shell, 0)?,
    };
    if path.kind() == PathKind::Special {
        return Err(args.wrong(&format!("{path} is no node")));
    }
    match shell.ops()?.perms(&path) {
        Ok(_) => {}
        // What may not be read may have children that may.
        Err(error) if error.kind() == ErrorKind::Denied => {}
        Err(error) => return Err(error.into()),
    }
    shell.previous = Some(std::mem::replace(&mut shell.cwd, path));
    Ok(Exit::SUCCESS)
}

pub(super) const PWD: Command = Command {
    name: "pwd",
    aliases: &[],
    group: Group::Look,
    summary: "print the current node",
    options: &[],
    operands: &[],
    text: "",
    examples: &[("pwd", "the path of the current node")],
    changes: Changes::Nothing,
    run: pwd,
};

fn pwd(shell: &mut Shell, _: &Args) -> Outcome {
    let end = shell.out.end();
    write!(shell.out, "{}", shell.cwd)?;
    shell.out.write_all(end)?;
    Ok(Exit::SUCCESS)
}
