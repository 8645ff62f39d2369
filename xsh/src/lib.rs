//! The XenStore shell: a prompt, scripts and single commands over one registry of commands, and `serve`, the embedded
//! store as a daemon.
//!
//! A line goes through `token` (the one lexer), `parse` and the session (`shell`), which looks the command up in
//! `cmd` and gives it its output (`output`).

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")
)]
#![allow(
    clippy::format_push_string,
    reason = "texts for people, where an allocation is nothing"
)]

mod cli;
mod clock;
mod cmd;
mod compat;
mod editor;
mod exit;
mod hosting;
#[cfg(test)]
mod manual;
mod notice;
mod output;
mod parse;
mod proxy;
mod record;
mod repl;
mod script;
mod shell;
mod start;
mod token;
mod watching;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use clap::Parser;
use xenbus::cli::ConnectArgs;

use cli::{Cli, Command};
use exit::Exit;
use shell::{Mode, Settings, Shell};
pub use start::start;

/// Does what the command line says; the exit status.
pub fn run() -> u8 {
    if let Some(exit) = compat::run_if_called(std::env::args_os()) {
        return exit;
    }
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let is_command = |word: &OsString| word.to_str().is_some_and(|word| cmd::find(word).is_some());
    if words.first().is_some_and(is_command) {
        // No options of ours: scripts call us for a value, again and again, and the parser takes a third of the time.
        let shell = Shell::new(ConnectArgs::default(), Mode::Arguments, Settings::default());
        return one(shell, words).0;
    }
    let cli = Cli::parse();
    let settings = cli.settings();
    let shell = |mode| Shell::new(cli.connect.clone(), mode, settings);
    let exit = match (cli.command, cli.line, cli.file) {
        (Some(Command::Serve(args)), None, None) => cmd::serve::run(&args),
        (Some(Command::Completions { shell }), None, None) => cmd::completions::run(shell),
        (Some(Command::CompleteWords { words }), None, None) => cmd::completions::words(&words),
        (Some(Command::Compat { name, arguments }), None, None) => {
            return compat::run_named(name.0, arguments);
        }
        (Some(Command::Other(words)), None, None) => {
            // No command has a slash in its name: `#!/usr/bin/xsh` calls us with a path.
            if words[0].as_bytes().contains(&b'/') {
                script::file(shell(Mode::Script), words[0].as_ref())
            } else {
                one(shell(Mode::Arguments), words)
            }
        }
        (None, Some(line), None) => script::line(shell(Mode::Script), &line),
        (None, None, Some(file)) => script::file(shell(Mode::Script), &file),
        (None, None, None) if is_terminal() => repl::run(shell(Mode::Interactive)),
        (None, None, None) => script::standard_input(shell(Mode::Script)),
        _ => {
            exit::say("xsh: -c, -f and a command exclude each other");
            Exit::USAGE
        }
    };
    exit.0
}

/// Whether somebody sits there.
fn is_terminal() -> bool {
    rustix::termios::isatty(rustix::stdio::stdin())
        && rustix::termios::isatty(rustix::stdio::stdout())
}

/// One command, given as our arguments.
fn one(mut shell: Shell, words: Vec<OsString>) -> Exit {
    let arguments: Vec<_> = words.into_iter().map(OsString::into_vec).collect();
    match shell.run_words(&arguments) {
        Ok(exit) => shell.leaving.unwrap_or(exit),
        Err(failure) => shell.fail(&failure),
    }
}
