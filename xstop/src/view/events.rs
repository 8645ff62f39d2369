//! Columns of the log of changes.

use ratatui::text::Span;
use xenbus::StorePath;

use super::canvas::Look;
use super::cell::meaning;
use super::table::Align::Left;
use super::table::{Column, column};
use crate::model::{Change, LogRow, Shown, domain_of};
use crate::text::cut_start;
use crate::theme::Role;
use crate::units;

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
    column("domain", "Domain", Left, (8, 18), 2, |scene, row, width| {
        let look = scene.look;
        match domain_of(&row.path) {
            Some(id) => {
                let name = look.foreign(scene.snapshot.name_of(id).as_bytes());
                vec![look.span(look.cut(&name, width), Role::Accent)]
            }
            None => vec![look.span(look.glyphs.unknown, Role::Faint)],
        }
    }),
    column("path", "Path", Left, (24, 64), 0, |scene, row, width| {
        let look = scene.look;
        path(look, row, width)
    }),
    column("value", "Value", Left, (16, 120), 0, |scene, row, _| {
        values(scene.look, row)
    }),
];

/// The path; the home in which it is stands back, so that what differs between lines is seen.
fn path(look: &Look, row: &LogRow, width: usize) -> Vec<Span<'static>> {
    let role = match &row.change {
        Change::Removed(_) => Role::Removed,
        _ => Role::Text,
    };
    let text = cut_start(row.path.as_str(), width, look.glyphs.cut).into_owned();
    let home = domain_of(&row.path).map(StorePath::home);
    let rest = home.and_then(|home| Some(text.strip_prefix(home.as_str())?.len()));
    match rest {
        Some(rest) if rest > 0 => {
            let (home, rest) = text.split_at(text.len() - rest);
            vec![look.span(home, Role::Dim), look.span(rest, role)]
        }
        _ => vec![look.span(text, role)],
    }
}

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
        Change::Touched => vec![look.span("touched", Role::Faint)],
    }
}
