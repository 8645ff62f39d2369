//! Findings for a monitoring system: what the plugins of Nagios and its family print, and how they exit.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use xenbus::device::Severity;
use xenbus::device::diagnosis::Thresholds;
use xenbus::error::{Error, Result};

use super::feed::Feed;
use crate::app::fields::{Columns, In};
use crate::column::{FINDINGS, Scene, find, severity_name};
use crate::filter::Filter;
use crate::model::{FindingRow, Snapshot};
use crate::source::SourceArgs;

/// How such a plugin exits.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub(crate) enum Verdict {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Looks, prints, and says how to exit. `patience` is how long to look whether what is wrong lasts.
pub(super) fn run(filter: &str, source: &SourceArgs, patience: Option<Duration>) -> ExitCode {
    let names: Vec<&str> = FINDINGS.iter().map(|column| column.id).collect();
    let looked = match Filter::parse(filter, &names) {
        Ok(filter) => look(source, patience, &filter).map(|snapshot| (snapshot, filter)),
        Err(mistake) => Err(Error::Invalid {
            what: "the filter of --check".into(),
            reason: mistake.to_string(),
        }),
    };
    let mut out = io::stdout().lock();
    // Whoever does not read it has the exit code.
    match looked {
        Ok((snapshot, filter)) => {
            let (verdict, text) = report(&snapshot, &filter);
            drop(out.write_all(text.as_bytes()));
            ExitCode::from(verdict as u8)
        }
        Err(error) => {
            drop(writeln!(out, "XSTOP {} - {error}", Verdict::Unknown.word()));
            ExitCode::from(Verdict::Unknown as u8)
        }
    }
}

/// Everything once; if something is wrong then, once more after the time in which a handshake ends.
fn look(source: &SourceArgs, patience: Option<Duration>, filter: &Filter) -> Result<Arc<Snapshot>> {
    let patience = patience.unwrap_or(Thresholds::default().warning + Duration::from_millis(500));
    let feed = Feed::start(source, patience)?;
    if source.replay.is_some() {
        feed.go_to_end();
    }
    feed.wait_complete()?;
    let snapshot = feed.sample()?;
    let is_wrong = |row: &FindingRow| row.finding.severity > Severity::Info;
    let is_suspicious = findings(&snapshot, filter).into_iter().any(is_wrong);
    if !is_suspicious || source.replay.is_some() {
        return Ok(snapshot);
    }
    feed.rest_until(Instant::now() + patience)?;
    feed.sample()
}

fn findings<'a>(snapshot: &'a Snapshot, filter: &Filter) -> Vec<&'a FindingRow> {
    let rows = snapshot.findings.iter().map(|row| &**row);
    rows.filter(|row| filter.passes(&In(snapshot, *row)))
        .collect()
}

/// The verdict, and the text: one line that says most, then all findings with what to do.
fn report(snapshot: &Snapshot, filter: &Filter) -> (Verdict, String) {
    let findings = findings(snapshot, filter);
    let at = |severity| {
        let is = |row: &&&FindingRow| row.finding.severity == severity;
        findings.iter().filter(is).count()
    };
    let (critical, warning, info) = (
        at(Severity::Critical),
        at(Severity::Warning),
        at(Severity::Info),
    );
    let verdict = match &snapshot.link.stale {
        Some(_) => Verdict::Unknown,
        None if critical > 0 => Verdict::Critical,
        None if warning > 0 => Verdict::Warning,
        None => Verdict::Ok,
    };
    let counts = snapshot.counts;
    let summary = match (&snapshot.link.stale, findings.first()) {
        (Some(stale), _) => format!("the store is out of reach: {}", stale.why),
        (None, Some(first)) if verdict != Verdict::Ok => format!(
            "{critical} critical, {warning} warning: {}",
            line(snapshot, first)
        ),
        _ => format!(
            "{} domains, {} of {} devices connected",
            snapshot.domains.len(),
            counts.connected,
            counts.total
        ),
    };
    // A bar begins the numbers: there may be none before it.
    let mut text = format!(
        "XSTOP {} - {} | critical={critical};;1;0 warning={warning};1;;0 info={info};;;0 \
         domains={};;;0 devices={};;;0 connected={};;;0\n",
        verdict.word(),
        summary.replace('|', "/"),
        snapshot.domains.len(),
        counts.total,
        counts.connected
    );
    let mut add = |line: &str| {
        text += &line.replace('|', "/");
        text.push('\n');
    };
    for row in &findings {
        let word = severity_name(row.finding.severity);
        add(&format!("[{word}] {}", line(snapshot, row)));
        for evidence in &row.finding.evidence {
            add(&format!("    {}: {}", evidence.path, evidence.shows));
        }
        add(&format!("    next: {}", row.finding.next));
    }
    (verdict, text)
}

fn line(snapshot: &Snapshot, row: &FindingRow) -> String {
    let scene = Scene::of(snapshot);
    let cell = |id| {
        let column = find(FindingRow::TABLE, id);
        column.map_or_else(String::new, |column| {
            (column.get)(&scene, row).plain().into_owned()
        })
    };
    let device = match (cell("class"), cell("device")) {
        (class, device) if class.is_empty() => device,
        (class, device) => format!(" {class} {device}"),
    };
    format!(
        "{}{device}: {} ({})",
        cell("domain"),
        row.finding.explanation,
        row.finding.id
    )
}
