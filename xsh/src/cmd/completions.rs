//! `xsh completions`: what a shell should know about us.

use std::io::Write as _;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::exit::Exit;

/// Prints the completions.
pub(crate) fn run(shell: Shell) -> Exit {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "xsh", &mut script);
    match std::io::stdout().write_all(&script) {
        Ok(()) => Exit::SUCCESS,
        // A reader that had enough is no failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::SUCCESS,
        Err(error) => {
            eprintln!("xsh: cannot print the completions: {error}");
            Exit::FAILURE
        }
    }
}
