//! Everything as metrics, so that one host becomes a fleet: in a file for a textfile collector, or by HTTP.

mod families;
mod http;
mod target;
mod textfile;

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use xenbus::error::{Error, Result};

use crate::batch::Feed;
use crate::model::Snapshot;
use crate::source::SourceArgs;
use families::Metrics;
use target::Target;

/// How often the file is written if nobody says so.
pub const INTERVAL: Duration = Duration::from_secs(15);

/// The forms of the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The older text of Prometheus (0.0.4), which textfile collectors read.
    Prometheus,
}

impl Form {
    /// What HTTP calls it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Tells metrics until it is stopped, or so many times.
///
/// # Errors
/// What is wrong with the target, the source, or the system.
pub fn run(to: &str, source: &SourceArgs, interval: Duration, samples: Option<u64>) -> Result<()> {
    let target = Target::parse(to).map_err(|reason| Error::Invalid {
        what: format!("--openmetrics={}", xenbus::value::escape(to.as_bytes())),
        reason,
    })?;
    match target {
        Target::Address(address) => {
            let listener = http::listen(address)?;
            let feed = Feed::start(source, interval)?;
            feed.wait_complete()?;
            let told = listener.local_addr().map_or(address, |own| own);
            // Whoever asked for port 0 has to learn which it is.
            drop(writeln!(
                std::io::stdout().lock(),
                "metrics at http://{told}/metrics"
            ));
            http::serve(&listener, &feed, samples)
        }
        Target::File(path) => {
            let feed = Feed::start(source, interval)?;
            feed.wait_complete()?;
            let begin = Instant::now();
            let mut count = 0;
            loop {
                let snapshot = feed.sample()?;
                textfile::write(&path, &encode(&snapshot, Form::Prometheus))?;
                feed.complain();
                count += 1;
                if samples == Some(count) || feed.is_over(&snapshot) {
                    return Ok(());
                }
                let times = u32::try_from(count).unwrap_or(u32::MAX);
                feed.rest_until(begin + interval.saturating_mul(times))?;
            }
        }
    }
}

/// A snapshot as metrics.
pub fn encode(snapshot: &Arc<Snapshot>, form: Form) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Metrics(Arc::clone(snapshot))));
    let mut text = String::new();
    // A text in memory refuses nothing.
    let encoded = text::encode(&mut text, &registry);
    debug_assert_eq!(encoded, Ok(()));
    match form {
        Form::OpenMetrics => text,
        Form::Prometheus => older(&text),
    }
}

/// The older form: counters are named with their suffix in the lines about them, and there are neither units nor an
/// end.
fn older(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    let mut add = |parts: &[&str]| {
        result.extend(parts.iter().copied());
        result.push('\n');
    };
    while let Some(line) = lines.next() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, help] => {
                let is_counter = lines
                    .peek()
                    .is_some_and(|next| *next == format!("# TYPE {name} counter"));
                let suffix = if is_counter { "_total" } else { "" };
                add(&["# HELP ", name, suffix, " ", help]);
            }
            ["#", "TYPE", name, "counter"] => add(&["# TYPE ", name, "_total counter"]),
            ["#", "UNIT", ..] | ["#", "EOF"] => {}
            _ => add(&[line]),
        }
    }
    result
}

#[cfg(test)]
mod tests;
