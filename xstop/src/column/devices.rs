//! Columns of devices.

use xenbus::device::layout::Capacity;
use xenbus::device::{Device, Reading};

use super::{Column, Unit, Value, column};
use crate::model::DeviceRow;

/// All columns of devices.
pub const DEVICES: &[Column<DeviceRow>] = &[
    column(
        "domid",
        "ID",
        Unit::Count,
        "number of the frontend's domain",
        |_, row| Value::Count(row.device.id.domain().0.into()),
    ),
    column(
        "domain",
        "DOMAIN",
        Unit::Text,
        "name of the frontend's domain",
        |scene, row| Value::text(scene.snapshot.name_of(row.device.id.domain())),
    ),
    column(
        "class",
        "CLASS",
        Unit::Text,
        "class of the device",
        |_, row| Value::text(class_of(&row.device)),
    ),
    column(
        "index",
        "INDEX",
        Unit::Text,
        "number of the device in its domain",
        |_, row| Value::text(row.device.id.index().to_owned()),
    ),
    column(
        "device",
        "DEVICE",
        Unit::Text,
        "what people call it",
        |_, row| Value::text(row.device.label()),
    ),
    column(
        "backend_domid",
        "BE",
        Unit::Count,
        "number of the backend's domain",
        |_, row| {
            row.backend_domain()
                .map_or(Value::None, |id| Value::Count(id.0.into()))
        },
    ),
    column(
        "backend",
        "BACKEND",
        Unit::Text,
        "name of the backend's domain",
        |scene, row| {
            row.backend_domain()
                .map_or(Value::None, |id| Value::text(scene.snapshot.name_of(id)))
        },
    ),
    column(
        "backend_kind",
        "KIND",
        Unit::Text,
        "what serves it: the name of the backend's directory",
        |_, row| Value::of(&row.device.back, |back| Value::text(back.kind.clone())),
    ),
    column(
        "front_state",
        "FRONT",
        Unit::State,
        "what the frontend shows",
        |_, row| Value::State(row.device.front_seen()),
    ),
    column(
        "back_state",
        "BACK",
        Unit::State,
        "what the backend shows",
        |_, row| Value::State(row.device.back_seen()),
    ),
    column(
        "age",
        "AGE",
        Unit::Time,
        "how long both have shown it",
        |scene, row| Value::age(row.age(scene.now)),
    ),
    column(
        "queues",
        "QUEUES",
        Unit::Count,
        "queues that the frontend uses",
        |_, row| {
            let Some(front) = row.device.front.known() else {
                return Value::None;
            };
            match &front.rings.queues {
                Reading::Missing if front.rings.list.is_empty() => Value::None,
                Reading::Missing => Value::Count(1),
                queues => Value::of(queues, |count| Value::Count((*count).into())),
            }
        },
    ),
    column(
        "rings",
        "RINGS",
        Unit::Count,
        "rings that the frontend has announced",
        |_, row| Value::count(row.rings().len()),
    ),
    column(
        "pages",
        "PAGES",
        Unit::Count,
        "pages of all rings",
        |_, row| {
            let pages = row.rings().iter().filter_map(|ring| ring.pages.known());
            match row.rings() {
                [] => Value::None,
                _ => Value::Count(pages.map(|pages| u64::from(*pages)).sum()),
            }
        },
    ),
    column(
        "entries",
        "ENTRIES",
        Unit::Count,
        "entries of all rings that have some",
        |_, row| {
            let entries: Vec<u64> = row
                .rings()
                .iter()
                .filter_map(|ring| match ring.capacity {
                    Capacity::Requests(entries) => Some(u64::from(entries)),
                    _ => None,
                })
                .collect();
            if entries.is_empty() {
                Value::None
            } else {
                Value::Count(entries.iter().sum())
            }
        },
    ),
    column(
        "fill",
        "FILL",
        Unit::Share,
        "how full the fullest ring of requests is",
        |_, row| Value::number(row.fullest()),
    ),
    column(
        "requests",
        "REQ/S",
        Unit::PerSecond,
        "requests or packets per second",
        |_, row| Value::number(row.flow().requests),
    ),
    column(
        "into_guest",
        "IN/S",
        Unit::BytesPerSecond,
        "bytes that the guest reads or receives per second",
        |_, row| Value::number(row.flow().into_guest),
    ),
    column(
        "from_guest",
        "OUT/S",
        Unit::BytesPerSecond,
        "bytes that the guest writes or sends per second",
        |_, row| Value::number(row.flow().from_guest),
    ),
    column(
        "worst",
        "WORST",
        Unit::Severity,
        "the worst finding",
        |_, row| row.worst().map_or(Value::None, Value::Severity),
    ),
    column(
        "finding",
        "FINDING",
        Unit::Text,
        "name of the worst finding",
        |_, row| {
            row.findings
                .first()
                .map_or(Value::None, |row| Value::text(row.finding.id))
        },
    ),
    column(
        "hotplug",
        "HOTPLUG",
        Unit::Text,
        "what the hotplug script says",
        |_, row| match row.device.back.known() {
            Some(back) => Value::shown(&back.hotplug),
            None => Value::None,
        },
    ),
    column(
        "online",
        "ONLINE",
        Unit::Text,
        "whether the toolstack wants it",
        |_, row| match row.device.back.known() {
            Some(back) => Value::of(&back.online, |online| {
                Value::text(if *online { "yes" } else { "no" })
            }),
            None => Value::None,
        },
    ),
    column(
        "interface",
        "INTERFACE",
        Unit::Text,
        "network interface of the backend",
        |_, row| {
            let traffic = row.traffic.as_ref();
            let interface = traffic.and_then(|traffic| traffic.interface.as_ref());
            interface.map_or(Value::None, |name| {
                Value::text(xenbus::value::escape(name.as_bytes()).to_string())
            })
        },
    ),
    column(
        "front_path",
        "FRONT PATH",
        Unit::Text,
        "directory of the frontend",
        |_, row| {
            Value::of(&row.device.front, |front| {
                Value::text(front.path.to_string())
            })
        },
    ),
    column(
        "back_path",
        "BACK PATH",
        Unit::Text,
        "directory of the backend",
        |_, row| Value::of(&row.device.back, |back| Value::text(back.path.to_string())),
    ),
];

/// The class, or the kind that is in no table.
pub(crate) fn class_of(device: &Device) -> String {
    if device.class.is_generic() {
        device.id.kind().to_owned()
    } else {
        device.class.name.to_owned()
    }
}
