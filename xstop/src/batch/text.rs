//! A sample as tables for people.

use std::io::{self, Write};
use std::sync::Arc;

use unicode_width::UnicodeWidthStr;
use xenbus::device::Severity;

use super::Table;
use crate::column::{self, Column, DEVICES, DOMAINS, FINDINGS, RINGS, Scene, Unit, Value};
use crate::model::{Scope, Snapshot};
use crate::units;

/// What of each table is printed.
const OF_DOMAINS: &[&str] = &[
    "domid",
    "name",
    "role",
    "type",
    "state",
    "age",
    "vcpus",
    "memory",
    "devices",
    "connected",
    "findings",
    "requests",
    "into_guest",
    "from_guest",
];
const OF_DEVICES: &[&str] = &[
    "domid",
    "domain",
    "class",
    "device",
    "backend",
    "front_state",
    "back_state",
    "age",
    "rings",
    "pages",
    "entries",
    "fill",
    "requests",
    "into_guest",
    "from_guest",
    "finding",
];
const OF_RINGS: &[&str] = &[
    "domid",
    "domain",
    "class",
    "device",
    "ring",
    "queue",
    "pages",
    "entries",
    "used",
    "fill",
    "source",
    "channel",
    "reference",
];
const OF_FINDINGS: &[&str] = &[
    "severity",
    "domid",
    "domain",
    "class",
    "device",
    "age",
    "finding",
    "explanation",
];

pub(super) fn write(
    out: &mut dyn Write,
    snapshot: &Snapshot,
    table: Option<Table>,
    is_next: bool,
) -> io::Result<()> {
    if is_next {
        writeln!(out)?;
    }
    writeln!(out, "{}", head(snapshot))?;
    let is_wanted = |this| table.is_none_or(|table| table == this);
    let scene = Scene::of(snapshot);
    if is_wanted(Table::Domains) {
        rows(out, &scene, DOMAINS, OF_DOMAINS, list(&snapshot.domains))?;
    }
    if is_wanted(Table::Devices) {
        rows(out, &scene, DEVICES, OF_DEVICES, list(&snapshot.devices))?;
    }
    // Rings have a line in the table of devices already.
    if table == Some(Table::Rings) {
        let rings: Vec<_> = column::rings(snapshot).collect();
        rows(out, &scene, RINGS, OF_RINGS, rings.iter())?;
    }
    if is_wanted(Table::Findings) {
        if snapshot.findings.is_empty() {
            writeln!(out, "\nno findings")?;
        } else {
            rows(out, &scene, FINDINGS, OF_FINDINGS, list(&snapshot.findings))?;
        }
    }
    Ok(())
}

fn list<R>(rows: &[Arc<R>]) -> impl Iterator<Item = &R> {
    rows.iter().map(|row| &**row)
}

/// The line about the host.
fn head(snapshot: &Snapshot) -> String {
    let link = &snapshot.link;
    let counts = snapshot.counts;
    let time = units::date_and_time(snapshot.wall_clock);
    let mut parts = vec![format!("time {time} UTC"), link.address.clone()];
    parts.extend(link.daemon.map(str::to_owned));
    parts.extend(
        link.xen_version
            .as_ref()
            .map(|version| format!("Xen {version}")),
    );
    if let Scope::Domain(domain) = link.scope {
        parts.push(format!("seen from domain {domain}"));
    }
    parts.push(format!("{} domains", snapshot.domains.len()));
    parts.push(format!(
        "{} of {} devices connected",
        counts.connected, counts.total
    ));
    let at = |severity| snapshot.findings_at(severity);
    parts.push(format!(
        "{} critical, {} warning",
        at(Severity::Critical),
        at(Severity::Warning)
    ));
    parts.push(format!(
        "{} changes/s",
        units::count(snapshot.activity.total)
    ));
    if let Some(stale) = &link.stale {
        let age = snapshot.now.since(stale.since);
        parts.push(format!(
            "STALE for {:.0} s: {}",
            age.as_secs_f64(),
            stale.why
        ));
    }
    parts.join(" · ")
}

fn rows<'a, R: 'static>(
    out: &mut dyn Write,
    scene: &Scene<'_>,
    columns: &'static [Column<R>],
    ids: &[&str],
    rows: impl Iterator<Item = &'a R>,
) -> io::Result<()> {
    let columns: Vec<&Column<R>> = ids
        .iter()
        .filter_map(|id| column::find(columns, id))
        .collect();
    let cells: Vec<Vec<String>> = rows
        .map(|row| {
            columns
                .iter()
                .map(|column| cell(column.unit, &(column.get)(scene, row)))
                .collect()
        })
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = cells.iter().map(|row| row[at].width());
            cells.chain([column.title.width()]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let mut line = String::new();
        for ((text, column), width) in cells.iter().zip(&columns).zip(&widths) {
            let blanks = " ".repeat(width - text.width());
            let (first, second) = if is_left(column.unit) {
                (*text, blanks.as_str())
            } else {
                (blanks.as_str(), *text)
            };
            line.extend([first, second, "  "]);
        }
        line.trim_end().to_owned()
    };
    let titles = columns.iter().map(|column| column.title).collect();
    writeln!(out, "\n{}", line(titles))?;
    for row in &cells {
        let cells = row.iter().map(String::as_str).collect();
        writeln!(out, "{}", line(cells))?;
    }
    Ok(())
}

fn is_left(unit: Unit) -> bool {
    matches!(unit, Unit::Text | Unit::State | Unit::Severity)
}

/// A cell for people: units, and signs for what is not known.
pub(crate) fn cell(unit: Unit, value: &Value) -> String {
    match value {
        Value::None => "-".into(),
        Value::Unknown => "?".into(),
        Value::Denied => "denied".into(),
        Value::Time(age) => {
            let more = if age.is_exact { "" } else { ">" };
            format!("{more}{}", units::elapsed(age.seen).text)
        }
        value => match (unit, value.as_number()) {
            (Unit::Kib, Some(_)) => match value {
                Value::Count(kib) => units::memory(*kib),
                _ => value.plain().into_owned(),
            },
            (Unit::BytesPerSecond, Some(number)) => format!("{}/s", units::bytes(number)),
            (Unit::PerSecond, Some(number)) => units::count(number),
            (Unit::Share, Some(number)) => units::percent(number),
            _ => value.plain().into_owned(),
        },
    }
}
