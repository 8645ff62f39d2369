//! Scripts: `-c`, files and standard input.
//!
//! A script is read line by line and run command by command, so that what writes it may wait for what it does.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::exit::{Exit, Failure, shown};
use crate::parse::{Wrong, parse};
use crate::shell::Shell;
use crate::token::lex;

/// Longest command, in bytes.
const COMMAND_MAX: usize = 16 << 20;

/// Runs the argument of `-c`.
pub(crate) fn line(mut shell: Shell, text: &OsStr) -> Exit {
    let exit = shell.run_text(text.as_bytes());
    shell.leaving.unwrap_or(exit)
}

/// Runs a file; `-` is standard input.
pub(crate) fn file(mut shell: Shell, path: &Path) -> Exit {
    if path == Path::new("-") {
        return standard_input(shell);
    }
    let name = shown(path.as_os_str().as_bytes());
    match File::open(path) {
        Ok(file) => {
            let exit = run(&mut shell, BufReader::new(file), &name);
            shell.leaving.unwrap_or(exit)
        }
        Err(error) => shell.fail(&Failure::io(format!("cannot open {name}"), &error)),
    }
}

/// Runs what comes on standard input.
pub(crate) fn standard_input(mut shell: Shell) -> Exit {
    shell.reads_commands = true;
    let exit = run(&mut shell, io::stdin().lock(), "stdin");
    shell.leaving.unwrap_or(exit)
}

/// Runs a script; errors name the line in which their command begins.
pub(crate) fn run(shell: &mut Shell, mut text: impl BufRead, name: &str) -> Exit {
    let outer = shell.place.clone();
    let exit = run_lines(shell, &mut text, name);
    shell.place = outer;
    exit
}

fn run_lines(shell: &mut Shell, text: &mut impl BufRead, name: &str) -> Exit {
    let mut command = Vec::new();
    let mut first = 1_u64;
    let mut number = 0;
    let mut worst = Exit::SUCCESS;
    // A long block is not read again with every line of it.
    let mut awaited = None;
    loop {
        let before = command.len();
        match text.read_until(b'\n', &mut command) {
            Ok(_) => {}
            Err(error) => {
                return shell.fail(&Failure::io(format!("cannot read {name}"), &error));
            }
        }
        let is_end = command.len() == before;
        number += 1;
        if command.len() > COMMAND_MAX {
            return shell.fail(&Failure::usage(format!(
                "{name}:{first}: the command is too long"
            )));
        }
        if awaited.is_some_and(|byte| !command[before..].contains(&byte)) && !is_end {
            continue;
        }
        let parsed = parse(&lex(&command));
        if let Err(Wrong::Unfinished { needs, .. }) = parsed
            && !is_end
        {
            awaited = needs;
            continue;
        }
        awaited = None;
        shell.place = format!("xsh: {name}:{first}");
        let exit = match parsed {
            Ok(script) => shell.run_script(&script),
            Err(wrong) => {
                // What cannot be read is not skipped, whatever `--keep-going` says.
                return shell.fail(&crate::shell::syntax(&command, &wrong));
            }
        };
        if worst.is_success() {
            worst = exit;
        }
        let stops = !exit.is_success() && !shell.settings.keep_going;
        if stops || is_end || shell.leaving.is_some() || shell.interrupt.is_raised() {
            return worst;
        }
        command.clear();
        first = number + 1;
    }
}
