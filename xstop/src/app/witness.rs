//! What nodes outside of the model held, seen while the whole store is followed.
//!
//! The collector is told of every change, but reads only the keys of its model. While the whole store is followed for
//! the screen, its changes tell the rest of the log.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use xenbus::StorePath;
use xenbus::device::history::Moment;

use crate::model::{Change, LogRow};

/// Most changes that are remembered.
const KEPT: usize = 20_000;

/// How far apart the two may see the same change.
const APART: Duration = Duration::from_secs(2);

/// Changes of the whole store, by path.
#[derive(Debug, Default)]
pub struct Witness {
    seen: BTreeMap<StorePath, VecDeque<(Moment, Change)>>,
    order: VecDeque<StorePath>,
}

impl Witness {
    /// Remembers a change.
    pub fn see(&mut self, path: &StorePath, change: Change, now: Moment) {
        if self.order.len() >= KEPT
            && let Some(oldest) = self.order.pop_front()
            && let Some(changes) = self.seen.get_mut(&oldest)
        {
            changes.pop_front();
            if changes.is_empty() {
                self.seen.remove(&oldest);
            }
        }
        self.order.push_back(path.clone());
        self.seen
            .entry(path.clone())
            .or_default()
            .push_back((now, change));
    }

    /// The row with what the node held, if that was seen.
    pub fn complete<'a>(&self, row: &'a LogRow) -> Cow<'a, LogRow> {
        if row.change != Change::Touched {
            return Cow::Borrowed(row);
        }
        let apart = |at: Moment| at.since(row.at).max(row.at.since(at));
        let changes = self.seen.get(&row.path).into_iter().flatten();
        let nearest = changes
            .min_by_key(|(at, _)| apart(*at))
            .filter(|(at, _)| apart(*at) < APART);
        match nearest {
            Some((_, change)) => Cow::Owned(LogRow {
                change: change.clone(),
                ..row.clone()
            }),
            None => Cow::Borrowed(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Shown;

    fn at(millis: u64) -> Moment {
        Moment(Duration::from_millis(millis))
    }

    fn row(path: &str, at: Moment) -> LogRow {
        LogRow {
            number: 0,
            at,
            wall_clock: Duration::default(),
            path: StorePath::parse(path).unwrap(),
            change: Change::Touched,
        }
    }

    #[test]
    fn a_touched_node_is_told_by_the_nearest_change_that_was_seen() {
        let mut witness = Witness::default();
        let path = StorePath::parse("/a").unwrap();
        let added = |value: &str| Change::Added(Shown::of(Some(value.as_bytes())));
        witness.see(&path, added("early"), at(1000));
        witness.see(&path, added("late"), at(9000));
        assert_eq!(witness.complete(&row("/a", at(9100))).change, added("late"));
        assert_eq!(
            witness.complete(&row("/a", at(5000))).change,
            Change::Touched
        );
        assert_eq!(
            witness.complete(&row("/b", at(9000))).change,
            Change::Touched
        );
        for number in 0..KEPT as u64 {
            witness.see(
                &StorePath::parse(format!("/n/{number}")).unwrap(),
                added(""),
                at(9000),
            );
        }
        assert_eq!(witness.seen.len(), KEPT);
        assert_eq!(
            witness.complete(&row("/a", at(9000))).change,
            Change::Touched
        );
    }
}
