//! Columns of domains.

use super::{Column, Unit, Value, column};
use crate::model::DomainRow;

/// All columns of domains.
pub const DOMAINS: &[Column<DomainRow>] = &[
    column(
        "domid",
        "ID",
        Unit::Count,
        "number of the domain",
        |_, row| Value::Count(row.domain.id.0.into()),
    ),
    column("name", "NAME", Unit::Text, "name", |_, row| {
        Value::shown(&row.domain.name)
    }),
    column(
        "role",
        "ROLE",
        Unit::Text,
        "its place on the host",
        |_, row| Value::text(row.role.name()),
    ),
    column(
        "type",
        "TYPE",
        Unit::Text,
        "how it is virtualised",
        |_, row| Value::shown(&row.domain.kind),
    ),
    column(
        "state",
        "STATE",
        Unit::Text,
        "what the store shows of it: gone, no name, up, or asked to do something",
        |_, row| {
            let domain = &row.domain;
            if domain.is_gone() {
                return Value::text("gone");
            }
            match domain.shutdown_request.known() {
                Some(asked) => Value::text(format!("asked: {asked}")),
                None if domain.has_run || row.devices.connected > 0 => Value::text("up"),
                None => Value::text("new"),
            }
        },
    ),
    column(
        "age",
        "AGE",
        Unit::Time,
        "how long it has run",
        |scene, row| {
            let passed = scene.now.since(scene.snapshot.now);
            Value::age(row.uptime(scene.now, scene.snapshot.wall_clock + passed))
        },
    ),
    column(
        "vcpus",
        "VCPUS",
        Unit::Count,
        "virtual CPUs that are online",
        |_, row| Value::of(&row.domain.vcpus, |vcpus| Value::count(vcpus.online)),
    ),
    column(
        "memory",
        "MEM",
        Unit::Kib,
        "memory that it should have, KiB",
        |_, row| Value::of(&row.domain.memory_target, |kib| Value::Count(*kib)),
    ),
    column(
        "memory_max",
        "MAXMEM",
        Unit::Kib,
        "most memory that it may have, KiB",
        |_, row| Value::of(&row.domain.memory_max, |kib| Value::Count(*kib)),
    ),
    column("devices", "DEV", Unit::Count, "devices", |_, row| {
        Value::count(row.devices.total)
    }),
    column(
        "connected",
        "OK",
        Unit::Count,
        "devices that are connected",
        |_, row| Value::count(row.devices.connected),
    ),
    column(
        "connecting",
        "WAIT",
        Unit::Count,
        "devices in a handshake",
        |_, row| Value::count(row.devices.connecting),
    ),
    column(
        "closing",
        "CLOSE",
        Unit::Count,
        "devices that close",
        |_, row| Value::count(row.devices.closing),
    ),
    column(
        "broken",
        "BAD",
        Unit::Count,
        "devices without one end, or with a state that is none",
        |_, row| Value::count(row.devices.broken),
    ),
    column(
        "serves",
        "SERVES",
        Unit::Count,
        "devices of which it has the backend",
        |_, row| Value::count(row.serves),
    ),
    column("findings", "FIND", Unit::Count, "findings", |_, row| {
        Value::count(row.findings)
    }),
    column(
        "worst",
        "WORST",
        Unit::Severity,
        "the worst finding",
        |_, row| row.worst.map_or(Value::None, Value::Severity),
    ),
    column(
        "events",
        "EV/S",
        Unit::PerSecond,
        "changes in the store per second",
        |scene, row| Value::Number(scene.snapshot.activity.of(row.domain.id)),
    ),
    column(
        "requests",
        "REQ/S",
        Unit::PerSecond,
        "requests and packets of its devices per second",
        |_, row| Value::number(row.flow.requests),
    ),
    column(
        "into_guest",
        "IN/S",
        Unit::BytesPerSecond,
        "bytes read and received per second",
        |_, row| Value::number(row.flow.into_guest),
    ),
    column(
        "from_guest",
        "OUT/S",
        Unit::BytesPerSecond,
        "bytes written and sent per second",
        |_, row| Value::number(row.flow.from_guest),
    ),
    column("uuid", "UUID", Unit::Text, "UUID", |_, row| {
        Value::of(&row.domain.uuid, |uuid| {
            Value::text(xenbus::value::escape(uuid.as_bytes()).to_string())
        })
    }),
    column(
        "console",
        "CONSOLE",
        Unit::Text,
        "terminal of its console",
        |_, row| Value::shown(&row.domain.tty),
    ),
    column(
        "device_model",
        "MODEL",
        Unit::Text,
        "state of its device model",
        |_, row| match row.domain.device_models.first() {
            Some(model) => Value::shown(&model.state),
            None => Value::None,
        },
    ),
];
