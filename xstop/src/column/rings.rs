//! Columns of rings.

use std::sync::Arc;

use xenbus::counters::{Fill, Occupancy};
use xenbus::device::Reading;
use xenbus::device::layout::Capacity;
use xenbus::device::ring::{PageReference, Ring};

use super::devices::class_of;
use super::{Column, Unit, Value, column};
use crate::model::{DeviceRow, RingUse, Snapshot};

/// A ring of a device.
#[derive(Clone, Debug)]
pub struct RingRow {
    /// The device.
    pub device: Arc<DeviceRow>,
    /// Which of its rings.
    pub number: usize,
}

/// Every ring of every device.
pub fn rings(snapshot: &Snapshot) -> impl Iterator<Item = RingRow> {
    snapshot.devices.iter().flat_map(|device| {
        (0..device.rings().len()).map(|number| RingRow {
            device: Arc::clone(device),
            number,
        })
    })
}

impl RingRow {
    /// The ring; none if it is no longer there.
    pub fn ring(&self) -> Option<&Ring> {
        self.device.rings().get(self.number)
    }

    /// How full it is.
    pub fn usage(&self) -> Option<&RingUse> {
        self.device.traffic.as_ref()?.rings.get(self.number)
    }

    /// How much of how much, of the fuller direction.
    pub fn fill(&self) -> Option<Fill> {
        self.usage()?.fill()
    }

    /// How much of it is used up, as a share: of requests how full it is, of buffers that wait how many are gone.
    pub fn load(&self) -> Option<f64> {
        let share = self.usage()?.share()?;
        Some(if self.ring()?.holds_buffers() {
            1.0 - share
        } else {
            share
        })
    }
}

/// All columns of rings.
pub const RINGS: &[Column<RingRow>] = &[
    column(
        "domid",
        "ID",
        Unit::Count,
        "number of the frontend's domain",
        |_, row| Value::Count(row.device.device.id.domain().0.into()),
    ),
    column(
        "domain",
        "DOMAIN",
        Unit::Text,
        "name of the frontend's domain",
        |scene, row| Value::text(scene.snapshot.name_of(row.device.device.id.domain())),
    ),
    column(
        "class",
        "CLASS",
        Unit::Text,
        "class of the device",
        |_, row| Value::text(class_of(&row.device.device)),
    ),
    column(
        "index",
        "INDEX",
        Unit::Text,
        "number of the device in its domain",
        |_, row| Value::text(row.device.device.id.index().to_owned()),
    ),
    column(
        "device",
        "DEVICE",
        Unit::Text,
        "what people call the device",
        |_, row| Value::text(row.device.device.label()),
    ),
    column(
        "ring",
        "RING",
        Unit::Text,
        "what the ring is for",
        |_, row| {
            row.ring().map_or(Value::None, |ring| {
                Value::text(xenbus::value::escape(ring.role.as_bytes()).to_string())
            })
        },
    ),
    column(
        "queue",
        "Q",
        Unit::Text,
        "queue, number or stream that it is of",
        |_, row| {
            row.ring().map_or(Value::None, |ring| {
                let place = ring.place.to_string();
                if place.is_empty() {
                    Value::None
                } else {
                    Value::text(xenbus::value::escape(place.as_bytes()).to_string())
                }
            })
        },
    ),
    column("pages", "PAGES", Unit::Count, "pages", |_, row| {
        row.ring().map_or(Value::None, |ring| {
            Value::of(&ring.pages, |pages| Value::Count((*pages).into()))
        })
    }),
    column(
        "entries",
        "ENTRIES",
        Unit::Count,
        "entries, or bytes of the larger direction",
        |_, row| match row.ring().map(|ring| ring.capacity) {
            Some(Capacity::Requests(entries)) => Value::Count(entries.into()),
            Some(Capacity::Duplex {
                into_guest,
                from_guest,
                ..
            }) => Value::Count(into_guest.max(from_guest).into()),
            _ => row
                .fill()
                .map_or(Value::Unknown, |fill| Value::Count(fill.size().into())),
        },
    ),
    column(
        "used",
        "USED",
        Unit::Count,
        "entries in use, of the fuller direction",
        |_, row| match row.fill() {
            Some(Fill::Used { used, .. }) => Value::Count(used.into()),
            Some(Fill::Impossible { claimed, .. }) => {
                Value::Bad(format!("{claimed} is impossible"))
            }
            None => match row.usage().map(|usage| &usage.occupancy) {
                Some(Reading::Denied) => Value::Denied,
                Some(Reading::Unreadable(bad)) => Value::Bad(bad.to_string()),
                _ => Value::Unknown,
            },
        },
    ),
    column(
        "fill",
        "FILL",
        Unit::Share,
        "how full it is: of requests under way, or (rx) of buffers that wait for data",
        |_, row| Value::number(row.usage().and_then(RingUse::share)),
    ),
    column(
        "load",
        "LOAD",
        Unit::Share,
        "how much of it is used up: of buffers that wait for data (rx), those that are gone",
        |_, row| Value::number(row.load()),
    ),
    column(
        "req_prod",
        "REQ PROD",
        Unit::Count,
        "requests so far; wraps at 2^32",
        |_, row| match row.usage().map(|usage| &usage.occupancy) {
            Some(Reading::Known(Occupancy::Requests { req_prod, .. })) => {
                Value::Count((*req_prod).into())
            }
            _ => Value::Unknown,
        },
    ),
    column(
        "rsp_prod",
        "RSP PROD",
        Unit::Count,
        "responses so far; wraps at 2^32",
        |_, row| match row.usage().map(|usage| &usage.occupancy) {
            Some(Reading::Known(Occupancy::Requests { rsp_prod, .. })) => {
                Value::Count((*rsp_prod).into())
            }
            _ => Value::Unknown,
        },
    ),
    column(
        "source",
        "FROM",
        Unit::Text,
        "what tells how full it is",
        |_, row| {
            row.usage()
                .map_or(Value::Unknown, |usage| Value::text(usage.source.name()))
        },
    ),
    column(
        "channel",
        "EVTCHN",
        Unit::Count,
        "event channel on the frontend's side",
        |_, row| {
            row.ring().map_or(Value::None, |ring| {
                Value::of(&ring.channel, |port| Value::Count((*port).into()))
            })
        },
    ),
    column(
        "reference",
        "REF",
        Unit::Text,
        "reference of its first page",
        |_, row| match row.ring().and_then(|ring| ring.references.first()) {
            Some(PageReference::Grant(reference)) => Value::Count((*reference).into()),
            Some(PageReference::Frame(frame)) => Value::text(format!("frame {frame:#x}")),
            None => Value::None,
        },
    ),
];
