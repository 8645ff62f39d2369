//! Which rows a view shows, and in which order.

use std::sync::Arc;

use xenbus::DomId;
use xenbus::device::{DeviceId, Subject};

use super::fields::{Columns, In, Logged};
use super::witness::Witness;
use super::{Place, Table, ViewId};
use crate::column::{RingRow, Value};
use crate::filter::Filter;
use crate::model::Snapshot;

/// What a row is about; stays the same while rows come, go and move.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Key {
    /// A domain.
    Domain(DomId),
    /// A device.
    Device(DeviceId),
    /// A ring of a device.
    Ring(DeviceId, usize),
    /// A finding.
    Finding(&'static str, Subject),
    /// A change, by its number.
    Change(u64),
}

/// The rows of a place; how many there would be without the filter is noted in the table.
pub(super) fn of(
    snapshot: &Snapshot,
    place: &Place,
    table: &mut Table,
    witness: &Witness,
) -> Vec<Key> {
    let filter = &table.filter;
    let domain = match place {
        Place::Domain(id) => Some(*id),
        _ => None,
    };
    let devices = || {
        snapshot.devices.iter().filter(move |row| {
            domain.is_none_or(|id| row.device.id.domain() == id || row.backend_domain() == Some(id))
        })
    };
    let (all, mut rows): (usize, Vec<Entry>) = match place.view() {
        ViewId::Overview => sift(snapshot, filter, table, snapshot.domains.iter(), |row| {
            (Key::Domain(row.domain.id), Arc::clone(row))
        }),
        ViewId::Devices => sift(snapshot, filter, table, devices(), |row| {
            (Key::Device(row.device.id.clone()), Arc::clone(row))
        }),
        ViewId::Rings => {
            let rings = devices().flat_map(|device| {
                let row = |number| RingRow {
                    device: Arc::clone(device),
                    number,
                };
                (0..device.rings().len()).map(row)
            });
            sift(snapshot, filter, table, rings, |row| {
                (
                    Key::Ring(row.device.device.id.clone(), row.number),
                    Arc::new(row),
                )
            })
        }
        ViewId::Findings => sift(snapshot, filter, table, snapshot.findings.iter(), |row| {
            (
                Key::Finding(row.finding.id, row.finding.subject.clone()),
                Arc::clone(row),
            )
        }),
        ViewId::Events => {
            let passes = |row: &&crate::model::LogRow| {
                filter.is_empty() || filter.passes(&Logged(&witness.complete(row)))
            };
            let rows = snapshot.log.iter().filter(passes);
            let rows = rows.map(|row| (Key::Change(row.number), None)).collect();
            (snapshot.log.len(), rows)
        }
        ViewId::Tree => (0, Vec::new()),
    };
    table.all = all;
    let is_known = |entry: &Option<Value>| entry.as_ref().is_some_and(Value::is_known);
    if let Some(sort) = &table.sort {
        // What is not known comes last either way.
        rows.sort_by(|(_, a), (_, b)| match sort.is_reversed {
            _ if is_known(a) != is_known(b) => is_known(b).cmp(&is_known(a)),
            true => order(b.as_ref(), a.as_ref()),
            false => order(a.as_ref(), b.as_ref()),
        });
    }
    rows.into_iter().map(|(key, _)| key).collect()
}

fn order(a: Option<&Value>, b: Option<&Value>) -> std::cmp::Ordering {
    a.unwrap_or(&Value::None).order(b.unwrap_or(&Value::None))
}

type Entry = (Key, Option<Value>);

/// The rows that pass, with what they are sorted by.
fn sift<R, T: Columns>(
    snapshot: &Snapshot,
    filter: &Filter,
    table: &Table,
    rows: impl Iterator<Item = R>,
    entry: impl Fn(R) -> (Key, Arc<T>),
) -> (usize, Vec<Entry>) {
    let mut all = 0;
    let mut passing = Vec::new();
    for row in rows {
        all += 1;
        let (key, row) = entry(row);
        let row = In(snapshot, &*row);
        if filter.is_empty() || filter.passes(&row) {
            let value = table.sort.as_ref().and_then(|sort| row.value(sort.column));
            passing.push((key, value));
        }
    }
    (all, passing)
}

/// Whether the row is in trouble.
pub(super) fn is_in_trouble(snapshot: &Snapshot, key: &Key) -> bool {
    match key {
        Key::Domain(id) => snapshot.domain(*id).is_some_and(|row| row.findings > 0),
        Key::Device(id) | Key::Ring(id, _) => snapshot
            .device(id)
            .is_some_and(|row| !row.findings.is_empty()),
        Key::Finding(..) | Key::Change(_) => true,
    }
}
