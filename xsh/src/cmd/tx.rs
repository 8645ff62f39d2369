//! `tx`: transactions.

use std::io::Write as _;

use super::{Args, Changes, Command, Group, Kind, Operand};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Cell, Column, Format, column};
use crate::shell::Shell;

pub(super) const TX: Command = Command {
    name: "tx",
    aliases: &[],
    group: Group::Transaction,
    summary: "do several things together or not at all",
    options: &[],
    operands: &[Operand::maybe(
        "begin|commit|abort|status",
        Kind::Word(&["begin", "commit", "abort", "status"]),
    )],
    text: "'tx { COMMANDS }' runs the commands in a transaction and commits it if none fails; if others changed what the \
           commands used, it runs them again, up to 64 times (the code is 4 then). The first failure gives the transaction \
           up.\n\n\
           'tx begin' opens a transaction that all commands use until 'tx commit' or 'tx abort'. A commit that conflicts \
           fails with code 4, and nothing of it was done.\n\n\
           Watches, waits and what changes domains are outside of transactions.",
    examples: &[
        ("tx { set @1/data/a 1; set @1/data/b 2 }", "both or none"),
        ("tx begin; set @1/data/a 1; tx abort", "try, and give up"),
    ],
    changes: Changes::Nothing,
    run: tx,
};

const COLUMNS: &[Column] = &[column("transaction"), column("changes")];

fn tx(shell: &mut Shell, args: &Args) -> Outcome {
    if let Some(block) = &args.block {
        if !args.operands.is_empty() {
            return Err(args.wrong("a block is begun and committed by itself"));
        }
        if shell.transaction().is_some() {
            return Err(args.wrong("a transaction is open already"));
        }
        return shell.with_retries(|shell| {
            let exit = shell.run_script(block);
            if shell.transaction().is_none() {
                return Err(Failure::new(
                    Exit::FAILURE,
                    "the transaction of the block was ended within it",
                ));
            }
            if shell.interrupt.is_raised() {
                return Err(Failure::Interrupted);
            }
            Ok(exit)
        });
    }
    match args.word(0)? {
        Some("begin") => {
            shell.begin(false)?;
        }
        Some("commit" | "abort") if shell.is_in_block() => {
            return Err(args.wrong("a block ends its transaction itself"));
        }
        Some("commit") => {
            shell.commit()?;
        }
        Some("abort") => {
            shell.abort()?;
        }
        Some("status") => return status(shell),
        _ => return Err(args.wrong("begin, commit, abort, status, or { COMMANDS }")),
    }
    Ok(Exit::SUCCESS)
}

fn status(shell: &mut Shell) -> Outcome {
    let open = shell.transaction();
    if matches!(shell.out.style.format, Format::Text | Format::Raw) {
        match open {
            Some(open) => writeln!(
                shell.out,
                "transaction {} is open, with {} change{}",
                open.id,
                open.changes,
                if open.changes == 1 { "" } else { "s" }
            )?,
            None => writeln!(shell.out, "no transaction is open")?,
        }
    } else {
        let mut sheet = shell.out.sheet(COLUMNS);
        if let Some(open) = open {
            sheet.row(&[Cell::Number(open.id.into()), Cell::Number(open.changes)])?;
        }
        sheet.finish()?;
    }
    Ok(Exit::when(open.is_some()))
}
