//! Shows the frontends, backends and rings of a Xen host.
//!
//! [`collect`] follows the store and publishes [`model::Snapshot`]s. [`app`] is the state of the screen, a pure
//! function of events; [`view`] draws it and changes nothing. One table of keys ([`key`]) and one of columns
//! ([`mod@column`]) feed everything that names them.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")
)]

pub mod app;
pub mod batch;
pub mod browse;
pub mod cli;
pub mod collect;
pub mod column;
pub mod config;
pub mod event;
pub mod filter;
pub mod glyph;
pub mod key;
pub mod metrics;
pub mod model;
pub mod record;
mod save;
mod screen;
pub mod source;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod units;
pub mod view;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use xenbus::cli::{Exit, report};

use app::Ending;
use cli::Cli;
use config::Config;

/// Does what the command line says.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return batch::usage(&error),
    };
    obey(&cli)
}

/// Does what a command line says that was read already.
pub fn obey(cli: &Cli) -> ExitCode {
    if cli.print_config {
        return print(&config::template());
    }
    if let Some(shell) = cli.completions {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "xstop", &mut script);
        return print(&String::from_utf8_lossy(&script));
    }
    if cli.batch.is_wanted() {
        return match batch::run(&cli.batch, &cli.source, cli.interval) {
            Ok(code) => code,
            Err(error) => report("xstop", &error).into(),
        };
    }
    let config = match Config::find(cli.config.as_deref()) {
        Ok(config) => config,
        Err(why) => return fail(&why, Exit::Usage),
    };
    if !std::io::stdout().is_terminal() {
        return fail(
            "standard output is no terminal\n  hint: xstop -b prints without one",
            Exit::Usage,
        );
    }
    match screen::run(cli, &config) {
        Ok(Ending::Asked) => Exit::Success.into(),
        Ok(Ending::Signal(signal)) => {
            // Whoever waits for us should see what ended us.
            drop(signal_hook::low_level::emulate_default_handler(signal));
            ExitCode::from(128 + u8::try_from(signal).unwrap_or(127))
        }
        Ok(Ending::Failed(why)) => fail(&why, Exit::Failure),
        Err(error) => report("xstop", &error).into(),
    }
}

fn print(text: &str) -> ExitCode {
    // A reader that has seen enough is no error.
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            fail(&error.to_string(), Exit::Failure)
        }
        _ => Exit::Success.into(),
    }
}

fn fail(why: &str, exit: Exit) -> ExitCode {
    // With standard error closed there is nobody to tell.
    drop(writeln!(std::io::stderr().lock(), "xstop: {why}"));
    exit.into()
}
