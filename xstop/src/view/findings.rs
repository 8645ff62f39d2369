//! Columns of findings.

use ratatui::text::Span;
use xenbus::device::Subject;

use super::cell::{severity_role, severity_sign, severity_word};
use super::table::Align::{Left, Right};
use super::table::{Align, Column, Scene};
use crate::model::FindingRow;
use crate::theme::Role;

const fn column(
    name: &'static str,
    head: &'static str,
    align: Align,
    (least, most): (usize, usize),
    rank: u8,
    paint: fn(&Scene<'_>, &FindingRow, usize) -> Vec<Span<'static>>,
) -> Column<FindingRow> {
    Column {
        name,
        head,
        align,
        least,
        most,
        rank,
        paint,
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
        (16, 24),
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
