//! Columns of devices.

use ratatui::text::Span;
use xenbus::device::Seen;
use xenbus::device::class::Handshake;
use xenbus::device::history::StateLog;

use super::canvas::Look;
use super::cell::{geometry, health, state_role, state_sign};
use super::picture::{HIGH, gauge, spark};
use super::table::Align::{Left, Right};
use super::table::{Column, Scene, column};
use crate::model::{DeviceRow, Point};
use crate::theme::Role;
use crate::units;

/// Seconds that a column of a sparkline stands for, and how old a sample may be that fills it.
const STEP: std::time::Duration = std::time::Duration::from_secs(1);

/// The columns.
pub(super) const COLUMNS: &[Column<DeviceRow>] = &[
    column("worst", "", Left, (1, 1), 0, |scene, row, _| {
        let (sign, role) = health(scene.look, row);
        vec![scene.look.span(sign, role)]
    }),
    column("domain", "Domain", Left, (8, 22), 0, |scene, row, width| {
        let name = scene.snapshot.name_of(row.device.id.domain());
        vec![scene.look.span(scene.look.cut(&name, width), Role::Accent)]
    }),
    column(
        "device",
        "Device",
        Left,
        (10, 16),
        0,
        |scene, row, width| {
            let look = scene.look;
            let kind = look.foreign(row.device.id.kind().as_bytes());
            let label = look.foreign(row.device.label().as_bytes());
            let rest = width.saturating_sub(kind.len() + 1);
            vec![
                look.span(kind, Role::Dim),
                look.span(format!(" {}", look.cut(&label, rest)), Role::Text),
            ]
        },
    ),
    column(
        "backend",
        "Served by",
        Left,
        (9, 16),
        2,
        |scene, row, width| {
            let look = scene.look;
            match row.backend_domain() {
                Some(id) => {
                    vec![look.span(look.cut(&scene.snapshot.name_of(id), width), Role::Dim)]
                }
                None => vec![look.span("nobody", Role::Critical)],
            }
        },
    ),
    column(
        "front_state",
        "Frontend",
        Left,
        (14, 15),
        0,
        |scene, row, width| {
            let is_told = row.device.class.handshake == Handshake::Usual;
            state(
                scene.look,
                row.device.front_seen(),
                &row.past.front,
                width,
                is_told,
            )
        },
    ),
    column("match", "", Left, (1, 1), 1, |scene, row, _| {
        let g = scene.look.glyphs;
        let (sign, role) = if row.device.is_settled() {
            (g.link, Role::Ok)
        } else {
            (g.broken, Role::Warning)
        };
        vec![scene.look.span(sign, role)]
    }),
    column(
        "back_state",
        "Backend",
        Left,
        (14, 15),
        0,
        |scene, row, width| {
            let is_told = row.device.class.handshake != Handshake::Silent;
            state(
                scene.look,
                row.device.back_seen(),
                &row.past.back,
                width,
                is_told,
            )
        },
    ),
    column("age", "Age", Right, (6, 6), 0, |scene, row, _| {
        let look = scene.look;
        vec![look.span(look.age(row.age(look.now)), Role::Dim)]
    }),
    column("rings", "Rings", Right, (11, 14), 3, |scene, row, width| {
        let look = scene.look;
        vec![look.span(look.cut(&geometry(look, row.rings()), width), Role::Dim)]
    }),
    column("fill", "In use", Left, (10, 18), 3, |scene, row, width| {
        in_use(scene.look, row, width)
    }),
    column("requests", "Req/s", Right, (5, 6), 4, |scene, row, _| {
        rate(scene.look, row.flow().requests, units::count)
    }),
    column("into_guest", "In/s", Right, (7, 8), 4, |scene, row, _| {
        rate(scene.look, row.flow().into_guest, units::bytes)
    }),
    column("from_guest", "Out/s", Right, (7, 8), 4, |scene, row, _| {
        rate(scene.look, row.flow().from_guest, units::bytes)
    }),
    column(
        "activity",
        "Activity",
        Right,
        (8, 40),
        5,
        |scene, row, width| vec![activity(scene, [row], width)],
    ),
];

/// What an end shows. In classes whose states say nothing it is only mentioned.
fn state(
    look: &Look,
    seen: Seen,
    past: &StateLog,
    width: usize,
    is_told: bool,
) -> Vec<Span<'static>> {
    let text = look.cut(&seen.to_string(), width.saturating_sub(2));
    if !is_told {
        return vec![look.span(format!("{} {text}", look.glyphs.unknown), Role::Dim)];
    }
    let changed = past.entries().next_back().filter(|entry| entry.is_exact);
    let is_fresh = changed.is_some_and(|entry| look.is_fresh(entry.since));
    let role = state_role(seen);
    // What is as it should be is calm: the sign says it, and words in colour are worth reading.
    let word = match role {
        _ if is_fresh => Role::Changed,
        Role::Ok => Role::Text,
        role => role,
    };
    vec![
        look.span(format!("{} ", state_sign(look, seen)), role),
        look.span(text, word),
    ]
}

fn in_use(look: &Look, row: &DeviceRow, width: usize) -> Vec<Span<'static>> {
    let Some(share) = row.fullest() else {
        return vec![look.span(look.glyphs.unknown, Role::Dim)];
    };
    let mut spans = gauge(look, width.saturating_sub(5), share, share >= HIGH);
    spans.push(look.span(format!("{:>5}", units::percent(share)), Role::Text));
    spans
}

/// What devices have moved together in the last seconds.
pub(super) fn activity<'a>(
    scene: &Scene<'_>,
    devices: impl IntoIterator<Item = &'a DeviceRow>,
    width: usize,
) -> Span<'static> {
    let mut sum: Vec<Option<f64>> = vec![None; width];
    for row in devices {
        let Some(traffic) = &row.traffic else {
            continue;
        };
        let now = scene.snapshot.now;
        let bytes = |point: &Point| point.bytes;
        let steps = traffic.series.steps(now, STEP, width, STEP * 12, bytes);
        for (sum, step) in sum.iter_mut().zip(steps) {
            if let Some(step) = step {
                *sum = Some(sum.unwrap_or(0.0) + f64::from(step));
            }
        }
    }
    spark(scene.look, width, &sum)
}

/// A rate; nothing is not zero.
pub(super) fn rate(look: &Look, value: Option<f64>, text: fn(f64) -> String) -> Vec<Span<'static>> {
    match value {
        None => vec![look.span(look.glyphs.unknown, Role::Faint)],
        Some(value) => {
            let role = if value > 0.0 { Role::Text } else { Role::Dim };
            vec![look.span(text(value), role)]
        }
    }
}
