//! The XenStore shell. So far it has one command: `serve`, the embedded store as a daemon.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")
)]

mod cli;
mod cmd;
mod exit;

use std::process::ExitCode;

use clap::Parser;

/// Does what the command line says.
pub fn run() -> ExitCode {
    let cli = cli::Cli::parse();
    cmd::run(cli.command).into()
}
