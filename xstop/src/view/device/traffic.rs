//! What the device moves, and what its backend counts.

use std::time::Duration;

use super::{Page, Subject};
use crate::model::{Counter, Point, Traffic, Unit};
use crate::theme::Role;
use crate::units;
use crate::view::canvas::Look;
use crate::view::picture::chart_row;

/// Rows of the chart.
const ROWS: usize = 3;

pub(super) fn write(page: &mut Page<'_>, subject: &Subject<'_>) {
    let look = page.look;
    page.head("Traffic");
    let Some(traffic) = &subject.row.traffic else {
        page.say(vec![
            look.span("nothing here counts what it moves", Role::Dim),
        ]);
        return;
    };
    let flow = traffic.flow;
    let rate = |value: Option<f64>, text: fn(f64) -> String| {
        value.map_or_else(|| look.glyphs.unknown.to_owned(), text)
    };
    page.say(vec![
        look.span("requests ", Role::Dim),
        look.span(
            format!("{}/s", rate(flow.requests, units::count)),
            Role::Text,
        ),
        look.span("  into the guest ", Role::Dim),
        look.span(
            format!("{}/s", rate(flow.into_guest, units::bytes)),
            Role::Text,
        ),
        look.span("  out of it ", Role::Dim),
        look.span(
            format!("{}/s", rate(flow.from_guest, units::bytes)),
            Role::Text,
        ),
    ]);
    chart(page, subject, traffic);
    let beside = if page.columns >= 2 * CELL { 2 } else { 1 };
    let room = page.columns / beside;
    for pair in traffic.counters.chunks(beside) {
        let spans = pair.iter().flat_map(|counter| one(look, counter, room));
        let spans = spans.collect();
        page.say(spans);
    }
}

/// Columns of a counter with its name, at least.
const CELL: usize = 38;

/// A counter in so many columns.
fn one(look: &Look, counter: &Counter, room: usize) -> Vec<ratatui::text::Span<'static>> {
    let value = match counter.kind.unit {
        Unit::Bytes => units::bytes(approximate(counter.value)),
        Unit::Sectors => units::bytes(approximate(counter.value) * 512.0),
        Unit::Requests | Unit::Packets | Unit::Count if counter.value < 100_000_000 => {
            counter.value.to_string()
        }
        Unit::Requests | Unit::Packets | Unit::Count => units::count(approximate(counter.value)),
    };
    let rate = match counter.rate {
        Some(rate) if counter.kind.is_counter => format!("{}/s", units::count(rate)),
        _ => String::new(),
    };
    let width = room.saturating_sub(17).min(28);
    let name = look.cut(&counter.name(), width);
    vec![
        look.span(format!("{name:<width$} "), Role::Dim),
        look.span(format!("{value:>8}"), Role::Text),
        look.span(format!(" {rate:>6} "), Role::Info),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn approximate(number: u64) -> f64 {
    number as f64
}

/// The last minutes as a chart of several rows.
fn chart(page: &mut Page<'_>, subject: &Subject<'_>, traffic: &Traffic) {
    let look = page.look;
    let step = Duration::from_secs(1);
    let columns = page.columns.saturating_sub(10).min(120);
    let reach = step * 12;
    let bytes = |point: &Point| point.bytes;
    let samples = traffic
        .series
        .steps(subject.snapshot.now, step, columns, reach, bytes);
    let most = samples.iter().flatten().copied().fold(0.0_f32, f32::max);
    if most <= 0.0 || columns < 8 {
        return;
    }
    let samples: Vec<Option<f64>> = samples
        .into_iter()
        .map(|sample| sample.map(f64::from))
        .collect();
    for row in 0..ROWS {
        let line = chart_row(look, columns, ROWS, row, &samples, f64::from(most));
        let scale = if row == 0 {
            format!("{}/s", units::bytes(f64::from(most)))
        } else {
            String::new()
        };
        page.say(vec![line, look.span(format!(" {scale}"), Role::Dim)]);
    }
}
