//! Values: `cat`.

use std::io::Write as _;

use xenbus::Operations as _;
use xenbus::value::escape;

use super::{Args, Changes, Command, Group, Kind, Operand, switch};
use crate::exit::{Exit, Outcome};
use crate::output::{Cell, Column, Format, Role, column};
use crate::shell::Shell;

pub(super) const CAT: Command = Command {
    name: "cat",
    aliases: &[("read", &["--raw"])],
    group: Group::Look,
    summary: "print the values of nodes",
    options: &[
        switch(
            'r',
            "raw",
            "The bytes as they are, without a newline at the end",
        ),
        switch('x', "hex", "The bytes in hexadecimal"),
        switch('p', "paths", "The path before each value"),
    ],
    operands: &[Operand::some("PATH", Kind::Path)],
    text: "Prints the value of each PATH on a line. Bytes outside printable ASCII, and the backslash, are escaped: \\n \
           \\r \\t \\\\ \\xNN; between double quotes, 'set' takes this form back. With -r the bytes are exact, except \
           on a terminal, where only '-o raw' prints what could command it.",
    examples: &[
        ("cat @1/name", "the name of domain 1"),
        ("cat -p /local/domain/*/name", "the names of all domains"),
    ],
    changes: Changes::Nothing,
    run: cat,
};

const COLUMNS: &[Column] = &[column("path").role(Role::Name), column("value")];

fn cat(shell: &mut Shell, args: &Args) -> Outcome {
    let paths = args.paths(shell, 0)?;
    let ops = shell.ops()?;
    let asked: Vec<_> = paths.iter().map(|path| ops.submit_read(path)).collect();
    let mut exit = Exit::SUCCESS;
    let format = shell.out.style.format;
    if !matches!(format, Format::Text | Format::Raw) {
        let mut sheet = shell.out.sheet(COLUMNS);
        for (path, answer) in paths.iter().zip(asked) {
            sheet.row(&[Cell::Path(path), Cell::Bytes(&answer.wait()?)])?;
        }
        sheet.finish()?;
        return Ok(exit);
    }
    // Only who asks for it by `-o raw` gets bytes that command the terminal.
    let is_raw = format == Format::Raw || args.has("raw") && !shell.out.is_terminal;
    let end = shell.out.end();
    for (path, answer) in paths.iter().zip(asked) {
        shell.interrupt.check()?;
        let value = match answer.wait() {
            Ok(value) => value,
            // The others are printed all the same, as cat(1) does.
            Err(error) if error.errno().is_some() => {
                exit = shell.fail(&error.into());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if args.has("paths") {
            let name = shell.out.paint(Role::Name, path.as_str());
            write!(shell.out, "{name}\t")?;
        }
        if args.has("hex") {
            let digits = data_encoding::HEXLOWER.encode(&value);
            shell.out.write_all(digits.as_bytes())?;
            shell.out.write_all(end)?;
        } else if is_raw {
            shell.out.write_all(&value)?;
            if shell.out.style.nul || args.has("paths") {
                shell.out.write_all(end)?;
            }
        } else {
            write!(shell.out, "{}", escape(&value))?;
            shell.out.write_all(end)?;
        }
    }
    Ok(exit)
}
