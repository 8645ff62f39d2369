//! The fields of rows: what they are filtered and sorted by. Tables have those of the column table; the log has its own.

use super::ViewId;
use super::tree;
use crate::column::{self, Column, DEVICES, DOMAINS, FINDINGS, RINGS, RingRow, Scene, Unit, Value};
use crate::filter::{FieldValue, Fields};
use crate::model::{Change, DeviceRow, DomainRow, FindingRow, LogRow, Shown, Snapshot};

/// Fields of the log.
const EVENTS: &[&str] = &["path", "old", "new", "value", "change", "domid"];

/// The names of a view's fields.
pub fn names(view: ViewId) -> Vec<&'static str> {
    fn ids<R>(columns: &'static [Column<R>]) -> Vec<&'static str> {
        columns.iter().map(|column| column.id).collect()
    }
    match view {
        ViewId::Overview => ids(DOMAINS),
        ViewId::Devices => ids(DEVICES),
        ViewId::Rings => ids(RINGS),
        ViewId::Findings => ids(FINDINGS),
        ViewId::Events => EVENTS.to_vec(),
        ViewId::Tree => tree::FIELDS.to_vec(),
    }
}

/// Whether the greatest of a column are of more interest than the least.
pub fn is_number(view: ViewId, name: &str) -> bool {
    fn of<R>(columns: &'static [Column<R>], name: &str) -> Option<Unit> {
        Some(column::find(columns, name)?.unit)
    }
    let unit = match view {
        ViewId::Overview => of(DOMAINS, name),
        ViewId::Devices => of(DEVICES, name),
        ViewId::Rings => of(RINGS, name),
        ViewId::Findings => of(FINDINGS, name),
        ViewId::Events | ViewId::Tree => None,
    };
    !matches!(unit, None | Some(Unit::Text | Unit::State)) && name != "domid"
}

/// Rows of which there is a column table.
pub trait Columns: Sized + 'static {
    /// The table.
    const TABLE: &'static [Column<Self>];
}

impl Columns for DomainRow {
    const TABLE: &'static [Column<Self>] = DOMAINS;
}

impl Columns for DeviceRow {
    const TABLE: &'static [Column<Self>] = DEVICES;
}

impl Columns for RingRow {
    const TABLE: &'static [Column<Self>] = RINGS;
}

impl Columns for FindingRow {
    const TABLE: &'static [Column<Self>] = FINDINGS;
}

/// A row together with the host that it belongs to.
#[derive(Debug)]
pub struct In<'a, R>(pub &'a Snapshot, pub &'a R);

impl<R: Columns> In<'_, R> {
    /// What a column shows of it.
    pub fn value(&self, name: &str) -> Option<Value> {
        let column = column::find(R::TABLE, name)?;
        Some((column.get)(&Scene::of(self.0), self.1))
    }
}

impl<R: Columns> Fields for In<'_, R> {
    fn any(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let scene = Scene::of(self.0);
        // Numbers and severities are asked for by name.
        let words = R::TABLE
            .iter()
            .filter(|column| matches!(column.unit, Unit::Text | Unit::State));
        words
            .into_iter()
            .any(|column| test(&(column.get)(&scene, self.1).plain()))
    }

    fn field(&self, name: &str) -> Option<FieldValue> {
        let value = self.value(name)?;
        value.is_known().then(|| FieldValue {
            text: value.plain().into_owned(),
            number: value.as_number(),
        })
    }
}

/// A row of the log.
#[derive(Debug)]
pub struct Logged<'a>(pub &'a LogRow);

impl Logged<'_> {
    fn values(&self) -> [Option<&Shown>; 2] {
        match &self.0.change {
            Change::Added(new) => [None, Some(new)],
            Change::Removed(old) => [Some(old), None],
            Change::Changed { old, new } => [Some(old), Some(new)],
            Change::Touched => [None, None],
        }
    }
}

impl Fields for Logged<'_> {
    fn any(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        test(self.0.path.as_str())
            || self.values().into_iter().flatten().any(|shown| {
                shown
                    .bytes()
                    .is_some_and(|bytes| test(&xenbus::value::escape(bytes).to_string()))
            })
    }

    fn field(&self, name: &str) -> Option<FieldValue> {
        let [old, new] = self.values();
        let text = |text: &str| FieldValue {
            text: text.to_owned(),
            number: text.parse().ok().filter(|number: &f64| number.is_finite()),
        };
        let value = |shown: Option<&Shown>| {
            let bytes = shown?.bytes()?;
            Some(text(&xenbus::value::escape(bytes).to_string()))
        };
        match name {
            "path" => Some(text(self.0.path.as_str())),
            "old" => value(old),
            "new" => value(new),
            "value" => value(new.or(old)),
            "change" => Some(text(match &self.0.change {
                Change::Added(_) => "added",
                Change::Removed(_) => "removed",
                Change::Changed { .. } => "changed",
                Change::Touched => "touched",
            })),
            "domid" => {
                let mut elements = self.0.path.elements();
                match (elements.next()?, elements.next()?) {
                    ("local", "domain") => elements.next().map(text),
                    ("libxl", id) => Some(text(id)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}
