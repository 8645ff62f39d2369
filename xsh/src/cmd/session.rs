//! The shell itself: `help`, `exit`.

use super::{Args, Changes, Command, Group, Kind, Operand, find, help, unknown};
use crate::exit::{Exit, Outcome};
use crate::shell::Shell;

pub(super) const HELP: Command = Command {
    name: "help",
    aliases: &[("man", &[]), ("?", &[])],
    group: Group::Shell,
    summary: "explain commands and the language",
    options: &[],
    operands: &[Operand::maybe("COMMAND", Kind::Command)],
    text: "Without COMMAND it lists all. 'help syntax' explains the language, 'help exit-codes' the codes.",
    examples: &[
        ("help ls", "explain ls"),
        ("help syntax", "quotes, pipes, wild cards"),
    ],
    changes: Changes::Nothing,
    run: help,
};

fn help(shell: &mut Shell, args: &Args) -> Outcome {
    let Some(name) = args.word(0)? else {
        help::overview(shell)?;
        return Ok(Exit::SUCCESS);
    };
    if let Some((command, _)) = find(name) {
        help::show(shell, command)?;
    } else if !help::topic(shell, name)? {
        return Err(unknown(name.as_bytes()));
    }
    Ok(Exit::SUCCESS)
}

pub(super) const EXIT: Command = Command {
    name: "exit",
    aliases: &[("quit", &[])],
    group: Group::Shell,
    summary: "leave the shell",
    options: &[],
    operands: &[Operand::maybe("CODE", Kind::Number)],
    text: "The exit code is CODE, or the status of the last command. An open transaction is given up.",
    examples: &[("exit", "leave"), ("exit 3", "leave with exit code 3")],
    changes: Changes::Nothing,
    run: exit,
};

fn exit(shell: &mut Shell, args: &Args) -> Outcome {
    let code = match args.word(0)? {
        None => shell.status,
        Some(word) => Exit(
            word.parse()
                .map_err(|_| args.wrong("CODE is a number up to 255"))?,
        ),
    };
    shell.leaving = Some(code);
    Ok(code)
}
