//! Columns of domains.

use xenbus::device::Severity;

use super::cell::{severity_role, severity_sign};
use super::devices::{activity, rate};
use super::table::Align::{Left, Right};
use super::table::{Column, column};
use crate::model::DomainRow;
use crate::theme::Role;
use crate::units;

/// The columns.
pub(super) const COLUMNS: &[Column<DomainRow>] = &[
    column("worst", "", Left, (1, 1), 0, |scene, row, _| {
        let look = scene.look;
        let sign = if row.worst.is_none() && row.devices.connected < row.devices.total {
            (look.glyphs.moving, Role::Info)
        } else {
            (severity_sign(look, row.worst), severity_role(row.worst))
        };
        vec![look.span(sign.0, sign.1)]
    }),
    column("domid", "Id", Right, (4, 5), 0, |scene, row, _| {
        vec![scene.look.span(row.domain.id.to_string(), Role::Dim)]
    }),
    column("name", "Name", Left, (10, 28), 0, |scene, row, width| {
        let look = scene.look;
        let (text, role) = match row.domain.name.known() {
            Some(name) if !name.is_empty() => (look.foreign(&name.0), Role::Accent),
            _ if row.domain.is_gone() => ("gone".into(), Role::Critical),
            _ => ("no name yet".into(), Role::Dim),
        };
        vec![look.span(look.cut(&text, width), role)]
    }),
    column("role", "Role", Left, (7, 8), 3, |scene, row, _| {
        vec![scene.look.span(row.role.name(), Role::Dim)]
    }),
    column("type", "Type", Left, (4, 4), 4, |scene, row, _| {
        let known = row.domain.kind.known().map(ToString::to_string);
        let text = known.unwrap_or_else(|| scene.look.glyphs.unknown.into());
        vec![scene.look.span(text, Role::Dim)]
    }),
    column(
        "devices",
        "Devices",
        Left,
        (9, 18),
        0,
        |scene, row, width| {
            let look = scene.look;
            let counts = row.devices;
            if counts.total == 0 {
                return vec![look.span(look.glyphs.unknown, Role::Faint)];
            }
            let signs = [
                (counts.connected, look.glyphs.ok, Role::Ok),
                (counts.connecting, look.glyphs.moving, Role::Info),
                (counts.closing, look.glyphs.warning, Role::Warning),
                (counts.broken, look.glyphs.critical, Role::Critical),
                (counts.hidden, look.glyphs.unknown, Role::Dim),
            ];
            // One sign per device says more than numbers, where they fit.
            if counts.total <= width {
                let shown = signs.into_iter().filter(|(count, ..)| *count > 0);
                return shown
                    .map(|(count, sign, role)| look.span(sign.repeat(count), role))
                    .collect();
            }
            let shown = signs.into_iter().filter(|(count, ..)| *count > 0);
            shown
                .map(|(count, sign, role)| look.span(format!("{sign}{count} "), role))
                .collect()
        },
    ),
    column("serves", "Serves", Right, (6, 6), 2, |scene, row, _| {
        let (text, role) = match row.serves {
            0 => (scene.look.glyphs.unknown.to_owned(), Role::Faint),
            count => (count.to_string(), Role::Text),
        };
        vec![scene.look.span(text, role)]
    }),
    column("findings", "Findings", Right, (8, 8), 1, |scene, row, _| {
        let look = scene.look;
        match row.findings {
            0 => vec![look.span(look.glyphs.unknown, Role::Faint)],
            count => vec![look.span(
                count.to_string(),
                severity_role(row.worst.or(Some(Severity::Info))),
            )],
        }
    }),
    column("vcpus", "VCPUs", Right, (5, 5), 5, |scene, row, _| {
        let look = scene.look;
        let text = row
            .domain
            .vcpus
            .known()
            .filter(|vcpus| vcpus.total > 0)
            .map(|vcpus| {
                if vcpus.online == vcpus.total {
                    vcpus.total.to_string()
                } else {
                    format!("{}/{}", vcpus.online, vcpus.total)
                }
            });
        vec![look.span(
            text.unwrap_or_else(|| look.glyphs.unknown.into()),
            Role::Text,
        )]
    }),
    column("memory", "Memory", Right, (8, 8), 4, |scene, row, _| {
        let look = scene.look;
        let text = row
            .domain
            .memory_target
            .known()
            .map(|kib| units::memory(*kib));
        vec![look.span(
            text.unwrap_or_else(|| look.glyphs.unknown.into()),
            Role::Text,
        )]
    }),
    column("age", "Up", Right, (6, 6), 1, |scene, row, _| {
        let look = scene.look;
        let wall_clock = scene.snapshot.wall_clock + look.now.since(scene.snapshot.now);
        vec![look.span(look.age(row.uptime(look.now, wall_clock)), Role::Dim)]
    }),
    column("requests", "Req/s", Right, (5, 6), 5, |scene, row, _| {
        rate(scene.look, row.flow.requests, units::count)
    }),
    column("into_guest", "In/s", Right, (7, 8), 4, |scene, row, _| {
        rate(scene.look, row.flow.into_guest, units::bytes)
    }),
    column("from_guest", "Out/s", Right, (7, 8), 4, |scene, row, _| {
        rate(scene.look, row.flow.from_guest, units::bytes)
    }),
    column("events", "Chg/s", Right, (5, 6), 3, |scene, row, _| {
        let look = scene.look;
        match scene.snapshot.activity.of(row.domain.id) {
            rate if rate > 0.0 => vec![look.span(units::count(rate), Role::Text)],
            _ => vec![look.span(look.glyphs.unknown, Role::Faint)],
        }
    }),
    column(
        "activity",
        "Activity",
        Right,
        (8, 40),
        6,
        |scene, row, width| {
            let devices = scene.snapshot.devices_of(row.domain.id);
            vec![activity(scene, devices.iter().map(AsRef::as_ref), width)]
        },
    ),
];
