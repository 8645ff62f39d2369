//! What can be shown of domains, devices, rings and findings: one table for the screen, for batch output, for filters
//! and for sorting.

mod devices;
mod domains;
mod findings;
mod rings;
mod value;

use xenbus::device::history::Moment;

use crate::model::Snapshot;

pub use devices::DEVICES;
pub(crate) use devices::class_of;
pub use domains::DOMAINS;
pub use findings::FINDINGS;
pub use rings::{RINGS, RingRow, rings};
pub(crate) use value::severity_name;
pub use value::{Unit, Value};

/// A column of a table with rows of this kind.
pub struct Column<R: 'static> {
    /// Its stable name: the key of JSON and CSV, of filters (`id:value`) and of sorting.
    pub id: &'static str,
    /// Its head on the screen.
    pub title: &'static str,
    /// What it shows, for people.
    pub about: &'static str,
    /// What its numbers count.
    pub unit: Unit,
    /// What it shows of a row.
    pub get: fn(&Scene<'_>, &R) -> Value,
}

/// What the rows of a table belong to.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Everything.
    pub snapshot: &'a Snapshot,
    /// Now: ages are counted up to it.
    pub now: Moment,
}

impl<'a> Scene<'a> {
    /// A snapshot at the moment at which it was made.
    pub fn of(snapshot: &'a Snapshot) -> Self {
        Self {
            snapshot,
            now: snapshot.now,
        }
    }
}

/// The column of this name.
pub fn find<R>(columns: &'static [Column<R>], id: &str) -> Option<&'static Column<R>> {
    columns.iter().find(|column| column.id == id)
}

const fn column<R>(
    id: &'static str,
    title: &'static str,
    unit: Unit,
    about: &'static str,
    get: fn(&Scene<'_>, &R) -> Value,
) -> Column<R> {
    Column {
        id,
        title,
        about,
        unit,
        get,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn check<R>(columns: &[Column<R>]) {
        let mut ids = BTreeSet::new();
        for column in columns {
            let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(column.id.chars().all(is_word), "{}", column.id);
            assert!(ids.insert(column.id), "{}", column.id);
            assert!(!column.title.is_empty() && !column.about.is_empty());
        }
    }

    #[test]
    fn every_column_has_a_name_of_its_own_that_a_filter_can_have() {
        check(DOMAINS);
        check(DEVICES);
        check(RINGS);
        check(FINDINGS);
    }
}
