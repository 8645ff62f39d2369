//! Without a screen: samples as text, JSON or CSV, checks for a monitoring system, metrics.

mod args;
mod check;
mod csv;
mod feed;
pub(crate) mod json;
mod text;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use xenbus::cli::Exit;
use xenbus::error::{Error, Result};

use crate::metrics;
use crate::source::SourceArgs;

pub use args::{BatchArgs, Output, Table};
pub(crate) use feed::Feed;

/// How often samples are taken if nobody says so.
pub const INTERVAL: Duration = Duration::from_secs(2);

/// Does what the options say, until it is done or nobody reads any more.
///
/// # Errors
/// What is wrong with an option, the store, or the system.
pub fn run(args: &BatchArgs, source: &SourceArgs, interval: Option<Duration>) -> Result<ExitCode> {
    if let Some(filter) = &args.check {
        return Ok(check::run(filter, source, interval));
    }
    if let Some(to) = &args.openmetrics
        && !args.is_batch()
    {
        let interval = interval.unwrap_or(metrics::INTERVAL);
        return metrics::run(to, source, interval, args.samples()).map(|()| Exit::Success.into());
    }
    let interval = interval.unwrap_or(INTERVAL);
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match print(args, source, interval, &mut out) {
        Ok(()) | Err(Ended::Reader) => Ok(Exit::Success.into()),
        Err(Ended::Error(error)) => Err(error),
    }
}

/// Why nothing more is printed.
enum Ended {
    /// The reader has seen enough.
    Reader,
    Error(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Reader
        } else {
            Self::Error(Error::io("write the output", error))
        }
    }
}

fn print(
    args: &BatchArgs,
    source: &SourceArgs,
    interval: Duration,
    out: &mut dyn Write,
) -> Result<(), Ended> {
    let feed = Feed::start(source, interval)?;
    let samples = args.samples();
    if source.replay.is_some() && samples == Some(1) {
        feed.go_to_end();
    }
    feed.wait_complete()?;
    let begin = Instant::now();
    let mut count = 0;
    loop {
        let snapshot = feed.sample()?;
        match args.output {
            Output::Text => text::write(out, &snapshot, args.table, count > 0)?,
            Output::Json => json::write(out, &snapshot)?,
            Output::Csv => csv::write(out, &snapshot, args.table, count == 0)?,
        }
        out.flush()?;
        feed.complain();
        count += 1;
        if samples == Some(count) || feed.is_over(&snapshot) {
            if source.record.is_none() {
                // The process ends: what was read need not be taken apart before.
                std::mem::forget((feed, snapshot));
            }
            return Ok(());
        }
        let next = begin + interval.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        feed.rest_until(next)?;
    }
}

/// Reports a command line that cannot be read, or prints the help that was asked for. A monitoring system takes the
/// usual exit code of a wrong command line for "critical", so it gets "unknown".
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // With standard error closed there is nobody to tell.
    drop(error.print());
    let asks_check = std::env::args_os().any(|argument| {
        let argument = argument.to_string_lossy();
        argument == "--check" || argument.starts_with("--check=")
    });
    match error.exit_code() {
        0 => Exit::Success.into(),
        _ if asks_check => ExitCode::from(check::Verdict::Unknown as u8),
        _ => Exit::Usage.into(),
    }
}
