//! Columns of the log of changes.

use ratatui::text::Span;

use super::canvas::Look;
use super::cell::meaning;
use super::table::Align::Left;
use super::table::{Align, Column, Scene};
use crate::model::{Change, LogRow, Shown};
use crate::text::cut_start;
use crate::theme::Role;
use crate::units;

const fn column(
    name: &'static str,
    head: &'static str,
    align: Align,
    (least, most): (usize, usize),
    rank: u8,
    paint: fn(&Scene<'_>, &LogRow, usize) -> Vec<Span<'static>>,
) -> Column<LogRow> {
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
pub(super) const COLUMNS: &[Column<LogRow>] = &[
    column("time", "Time (UTC)", Left, (12, 12), 1, |scene, row, _| {
        vec![
            scene
                .look
                .span(units::time_of_day(row.wall_clock), Role::Dim),
        ]
    }),
    column("change", "", Left, (1, 1), 0, |scene, row, _| {
        let (sign, role) = sign(scene.look, &row.change);
        vec![scene.look.span(sign, role)]
    }),
    column("path", "Path", Left, (24, 64), 0, |scene, row, width| {
        let look = scene.look;
        let role = match &row.change {
            Change::Removed(_) => Role::Removed,
            _ => Role::Text,
        };
        vec![look.span(
            cut_start(row.path.as_str(), width, look.glyphs.cut).into_owned(),
            role,
        )]
    }),
    column("value", "Value", Left, (16, 120), 0, |scene, row, _| {
        values(scene.look, row)
    }),
];

/// The sign and role of a change.
pub(super) fn sign(look: &Look, change: &Change) -> (&'static str, Role) {
    let g = look.glyphs;
    match change {
        Change::Added(_) => (g.added, Role::Added),
        Change::Removed(_) => (g.removed, Role::Removed),
        Change::Changed { .. } => (g.changed, Role::Changed),
        Change::Touched => (g.unknown, Role::Dim),
    }
}

/// What a node held and holds.
pub(super) fn values(look: &Look, row: &LogRow) -> Vec<Span<'static>> {
    let value = |shown: &Shown, role| {
        let Some(bytes) = shown.bytes() else {
            return vec![look.span("unknown", Role::Dim)];
        };
        let mut text = look.foreign(bytes);
        if shown.missing() > 0 {
            text = format!("{text}{} {} more bytes", look.glyphs.cut, shown.missing());
        }
        let says = meaning(&row.path, bytes);
        let mut spans = vec![look.span(text, role)];
        if let Some(says) = says {
            spans.push(look.span(format!(" {says}"), Role::Dim));
        }
        spans
    };
    match &row.change {
        Change::Added(new) => value(new, Role::Text),
        Change::Removed(old) => value(old, Role::Removed),
        Change::Changed { old, new } => {
            let arrow = look.span(format!(" {} ", look.glyphs.arrow), Role::Dim);
            [value(old, Role::Dim), vec![arrow], value(new, Role::Text)].concat()
        }
        Change::Touched => vec![look.span("touched", Role::Dim)],
    }
}
