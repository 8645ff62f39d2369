//! Columns of rings.

use xenbus::device::Reading;
use xenbus::device::ring::{PageReference, Place};

use super::cell::{capacity, health};
use super::picture::{HIGH, gauge};
use super::table::Align::{Left, Right};
use super::table::{Column, column};
use crate::column::RingRow;
use crate::model::{RingUse, UseSource};
use crate::theme::Role;
use crate::units;

/// The columns.
pub(super) const COLUMNS: &[Column<RingRow>] = &[
    column("domid", "", Left, (1, 1), 0, |scene, row, _| {
        let (sign, role) = health(scene.look, &row.device);
        vec![scene.look.span(sign, role)]
    }),
    column("domain", "Domain", Left, (8, 22), 0, |scene, row, width| {
        let name = scene.snapshot.name_of(row.device.device.id.domain());
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
            let device = &row.device.device;
            let text = format!("{} {}", device.id.kind(), device.label());
            vec![look.span(look.cut(&look.foreign(text.as_bytes()), width), Role::Text)]
        },
    ),
    column("ring", "Ring", Left, (11, 18), 0, |scene, row, width| {
        let look = scene.look;
        let Some(ring) = row.ring() else {
            return Vec::new();
        };
        let text = match &ring.place {
            Place::Device => ring.role.to_string(),
            Place::Queue(number) => format!("{} q{number}", ring.role),
            Place::Number(number) => format!("{} {number}", ring.role),
            Place::Stream(stream) => format!("{} {stream}", ring.role),
        };
        vec![look.span(look.cut(&look.foreign(text.as_bytes()), width), Role::Text)]
    }),
    column("pages", "Pages", Right, (5, 5), 2, |scene, row, width| {
        let look = scene.look;
        match row.ring().map(|ring| &ring.pages) {
            Some(Reading::Known(pages)) => vec![look.span(pages.to_string(), Role::Dim)],
            Some(other) => vec![look.span(look.cut(&other.to_string(), width), Role::Warning)],
            None => Vec::new(),
        }
    }),
    column(
        "entries",
        "Entries",
        Right,
        (11, 12),
        0,
        |scene, row, width| {
            let look = scene.look;
            let text = row.ring().map(capacity).unwrap_or_default();
            vec![look.span(look.cut(&text, width), Role::Text)]
        },
    ),
    column("load", "In use", Left, (12, 40), 0, |scene, row, width| {
        let look = scene.look;
        match row.usage().and_then(RingUse::share) {
            Some(share) => {
                let is_high = row.load().is_some_and(|load| load >= HIGH);
                let mut spans = gauge(look, width.saturating_sub(5), share, is_high);
                spans.push(look.span(format!("{:>5}", units::percent(share)), Role::Text));
                spans
            }
            None => vec![look.span("not told", Role::Faint)],
        }
    }),
    column("used", "Used", Right, (6, 6), 2, |scene, row, _| {
        let look = scene.look;
        match row.usage().and_then(RingUse::fill) {
            Some(xenbus::counters::Fill::Used { used, .. }) => {
                vec![look.span(used.to_string(), Role::Text)]
            }
            Some(xenbus::counters::Fill::Impossible { .. }) => {
                vec![look.span("broken", Role::Critical)]
            }
            None => vec![look.span(look.glyphs.unknown, Role::Faint)],
        }
    }),
    column("source", "From", Left, (7, 7), 4, |scene, row, _| {
        let look = scene.look;
        let source = row.usage().map_or(UseSource::None, |used| used.source);
        vec![look.span(source.name(), Role::Dim)]
    }),
    column("channel", "Port", Right, (5, 6), 3, |scene, row, _| {
        let look = scene.look;
        match row.ring().map(|ring| &ring.channel) {
            Some(Reading::Known(port)) => vec![look.span(port.to_string(), Role::Dim)],
            _ => vec![look.span(look.glyphs.unknown, Role::Faint)],
        }
    }),
    column(
        "reference",
        "References",
        Left,
        (10, 40),
        5,
        |scene, row, width| {
            let look = scene.look;
            let references = row
                .ring()
                .map(|ring| ring.references.as_slice())
                .unwrap_or_default();
            let shown: Vec<String> = references
                .iter()
                .take(16)
                .map(|reference| match reference {
                    PageReference::Grant(number) => number.to_string(),
                    PageReference::Frame(frame) => format!("frame {frame}"),
                })
                .collect();
            vec![look.span(look.cut(&shown.join(" "), width), Role::Dim)]
        },
    ),
];
