//! The commands.

mod completions;
mod serve;

use crate::cli::Command;
use crate::exit::Exit;

/// Runs a command.
pub(crate) fn run(command: Command) -> Exit {
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Completions { shell } => completions::run(shell),
    }
}
