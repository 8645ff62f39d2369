//! Findings: the table, and the one that is selected in full.

use xenbus::device::Subject;

use super::canvas::Canvas;
use super::cell::{severity_role, severity_sign, severity_word};
use super::sheet;
use super::table::Align::{Left, Right};
use super::table::{Column, column};
use crate::app::{App, Key};
use crate::model::{FindingRow, Snapshot};
use crate::theme::Role;

/// Rows of the pane for the selected finding; none where there is no room.
pub(super) fn pane_height(rows: u16) -> u16 {
    if rows >= 14 {
        (rows * 2 / 5).min(12)
    } else {
        0
    }
}

/// Draws table and pane.
pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot) {
    let (w, h) = (canvas.width(), canvas.height());
    let pane = usize::from(pane_height(canvas.area.height));
    sheet::draw(&mut canvas.part(0, 0, w, h - pane), app, snapshot);
    if pane == 0 {
        return;
    }
    let look = canvas.look;
    canvas.put(0, h - pane, &look.glyphs.line.repeat(w), Role::Faint);
    let mut part = canvas.part(1, h - pane + 1, w.saturating_sub(2), pane - 1);
    let Some(Key::Finding(name, subject)) = app.table().list.selected() else {
        return;
    };
    let mut rows = snapshot.findings.iter();
    if let Some(row) = rows.find(|row| row.finding.id == *name && row.finding.subject == *subject) {
        let lines = super::device::finding(look, row, part.width() + 2);
        for (y, line) in lines.iter().enumerate() {
            part.put_spans(0, y, &line.spans);
        }
    }
}

/// The columns.
pub(super) const COLUMNS: &[Column<FindingRow>] = &[
    column(
        "severity",
        "Severity",
        Left,
        (10, 10),
        0,
        |scene, row, _| {
            let look = scene.look;
            let severity = row.finding.severity;
            let text = format!(
                "{} {}",
                severity_sign(look, Some(severity)),
                severity_word(severity)
            );
            vec![look.span(text, severity_role(Some(severity)))]
        },
    ),
    column("age", "Age", Right, (6, 6), 0, |scene, row, _| {
        let look = scene.look;
        vec![look.span(look.age(row.age(look.now)), Role::Dim)]
    }),
    column("domain", "Domain", Left, (8, 18), 0, |scene, row, width| {
        let name = scene.snapshot.name_of(row.finding.subject.domain());
        vec![scene.look.span(scene.look.cut(&name, width), Role::Accent)]
    }),
    column(
        "device",
        "Device",
        Left,
        (10, 14),
        0,
        |scene, row, width| {
            let look = scene.look;
            let text = match &row.finding.subject {
                Subject::Domain(_) => "the domain".into(),
                Subject::Device(id) => {
                    let label = scene.snapshot.device(id).map(|row| row.device.label());
                    format!("{} {}", id.kind(), label.as_deref().unwrap_or(id.index()))
                }
            };
            vec![look.span(look.cut(&look.foreign(text.as_bytes()), width), Role::Text)]
        },
    ),
    column(
        "finding",
        "Finding",
        Left,
        (16, 28),
        0,
        |scene, row, width| {
            let role = severity_role(Some(row.finding.severity));
            vec![scene.look.span(scene.look.cut(row.finding.id, width), role)]
        },
    ),
    column(
        "explanation",
        "Explanation",
        Left,
        (20, 200),
        1,
        |scene, row, width| {
            vec![
                scene
                    .look
                    .span(scene.look.cut(&row.finding.explanation, width), Role::Text),
            ]
        },
    ),
];
