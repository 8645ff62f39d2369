//! The moments that can be looked at: the present, and as much of the past as is kept.

use std::collections::VecDeque;
use std::sync::Arc;

use xenbus::device::Device;
use xenbus::device::history::LogEntry;
use xenbus::device::ring::Ring;

use crate::model::{DeviceRow, DomainRow, FindingRow, LogRow, Snapshot};

/// Most moments that are kept: ten minutes at one a second.
const KEPT: usize = 600;

/// Most bytes that they may take, roughly: what one moment does not share with the one before it.
const BUDGET: usize = 24 << 20;

/// Snapshots, the latest last. Those that follow share what has not changed.
#[derive(Debug, Default)]
pub struct Past {
    moments: VecDeque<Arc<Snapshot>>,
    /// What each takes besides what it shares with the one before it, and the sum.
    weights: VecDeque<usize>,
    weight: usize,
    /// Which one is shown; none means the latest, whatever comes.
    shown: Option<usize>,
    version: u64,
}

impl Past {
    /// A new present.
    pub fn push(&mut self, snapshot: Arc<Snapshot>) {
        if self.shown.is_none() {
            self.version += 1;
        }
        // A recording may go back; what comes after is the future then.
        if self
            .moments
            .back()
            .is_some_and(|last| last.now > snapshot.now)
        {
            self.moments.clear();
            self.weights.clear();
            (self.shown, self.weight) = (None, 0);
        }
        // Several within the least distance replace each other: what they have passed on is in the log.
        let is_close = self.moments.len() > 1
            && self
                .moments
                .get(self.moments.len() - 2)
                .is_some_and(|before| {
                    snapshot.now.since(before.now) < std::time::Duration::from_millis(900)
                });
        if is_close && self.shown != Some(self.moments.len() - 1) {
            self.moments.pop_back();
            self.weight -= self.weights.pop_back().unwrap_or(0);
        }
        let weight = self
            .moments
            .back()
            .map_or(0, |last| difference(last, &snapshot));
        self.weights.push_back(weight);
        self.weight += weight;
        self.moments.push_back(snapshot);
        while self.moments.len() > 2 && (self.moments.len() > KEPT || self.weight > BUDGET) {
            // What is looked at stays.
            let oldest = usize::from(self.shown == Some(0));
            self.moments.remove(oldest);
            self.weight -= self.weights.remove(oldest).unwrap_or(0);
            self.shown = self.shown.map(|at| at.saturating_sub(1));
        }
    }

    /// What is shown.
    pub fn shown(&self) -> Option<&Arc<Snapshot>> {
        match self.shown {
            Some(at) => self.moments.get(at),
            None => self.moments.back(),
        }
    }

    /// The present.
    pub fn latest(&self) -> Option<&Arc<Snapshot>> {
        self.moments.back()
    }

    /// Whether what is shown stays, whatever comes.
    pub fn is_frozen(&self) -> bool {
        self.shown.is_some()
    }

    /// Keeps what is shown.
    pub fn freeze(&mut self) {
        self.shown = self.shown.or(self.moments.len().checked_sub(1));
    }

    /// Shows the present from now on.
    pub fn go_on(&mut self) {
        self.shown = None;
        self.version += 1;
    }

    /// Changes whenever another moment is shown.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Moves by this many moments; past the last it stays at the last. Whether another moment is shown.
    pub fn step(&mut self, by: isize) -> bool {
        let Some(last) = self.moments.len().checked_sub(1) else {
            return false;
        };
        let before = self.shown.unwrap_or(last);
        let at = before.saturating_add_signed(by).min(last);
        self.shown = Some(at);
        self.version += 1;
        at != before
    }

    /// Which of how many moments is shown, from 1.
    pub fn position(&self) -> (usize, usize) {
        let count = self.moments.len();
        (self.shown.map_or(count, |at| at + 1), count)
    }

    /// The moments up to the one that is shown, the latest last.
    pub fn up_to_shown(&self) -> impl DoubleEndedIterator<Item = &Arc<Snapshot>> {
        let (shown, _) = self.position();
        self.moments.iter().take(shown)
    }
}

/// Bytes that the later of two moments does not share with the earlier, roughly: what an allocator hands out for it.
fn difference(before: &Snapshot, after: &Snapshot) -> usize {
    /// A row with its Arc, and the pointers to it.
    const ROW: usize = size_of::<DeviceRow>() + 32;
    /// A device with its paths, texts and Arcs; and each of its rings.
    const DEVICE: usize = size_of::<Device>() + 512;
    const RING: usize = size_of::<Ring>() + 64;
    /// A step of a history.
    const STEP: usize = size_of::<LogEntry>();
    /// Counters and samples of a device.
    const TRAFFIC: usize = 4096;
    /// A finding with its texts.
    const FINDING: usize = size_of::<FindingRow>() + 512;
    /// A domain's row, and the rate of its changes.
    const DOMAIN: usize = size_of::<DomainRow>() + 64;
    /// A line of the log with its path and its values.
    const LOGGED: usize = size_of::<LogRow>() + 192;

    let logged = after.log.next_number() - before.log.next_number().min(after.log.next_number());
    let mut sum = usize::try_from(logged)
        .unwrap_or(usize::MAX)
        .saturating_mul(LOGGED);
    if !Arc::ptr_eq(&before.devices, &after.devices) {
        sum += size_of::<usize>() * (after.devices.len() + after.domains.len());
    }
    let mut old = before.domains.iter().peekable();
    for row in after.domains.iter() {
        // Most are the same: seen without looking into either.
        if old.next_if(|other| Arc::ptr_eq(other, row)).is_some() {
            continue;
        }
        while old
            .next_if(|other| other.domain.id < row.domain.id)
            .is_some()
        {}
        if !old.peek().is_some_and(|other| Arc::ptr_eq(other, row)) {
            sum += DOMAIN;
        }
    }
    let mut old = before.devices.iter().peekable();
    for row in after.devices.iter() {
        if old.next_if(|other| Arc::ptr_eq(other, row)).is_some() {
            continue;
        }
        let id = &row.device.id;
        while old.next_if(|other| other.device.id < *id).is_some() {}
        let other = old.peek().filter(|other| other.device.id == *id);
        if other.is_some_and(|other| Arc::ptr_eq(other, row)) {
            continue;
        }
        let same = |is_same: fn(&DeviceRow, &DeviceRow) -> bool| {
            other.is_some_and(|other| is_same(other, row))
        };
        sum += ROW;
        if !same(|old, new| Arc::ptr_eq(&old.device, &new.device)) {
            let steps = row.past.front.entries().count() + row.past.back.entries().count();
            sum += DEVICE + row.rings().len() * RING + steps * STEP;
        }
        let has_same_traffic = same(|old, new| {
            old.traffic.as_ref().map(Arc::as_ptr) == new.traffic.as_ref().map(Arc::as_ptr)
        });
        if row.traffic.is_some() && !has_same_traffic {
            sum += TRAFFIC;
        }
        let has_same_findings = same(|old, new| {
            let pairs = old.findings.iter().zip(&new.findings);
            old.findings.len() == new.findings.len() && { pairs }
                .all(|(old, new)| Arc::ptr_eq(old, new))
        });
        if !has_same_findings {
            sum += row.findings.len() * FINDING;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use xenbus::device::history::Moment;

    use super::*;
    use crate::model::{Builder, Link};

    fn at(builder: &mut Builder, millis: u64) -> Arc<Snapshot> {
        builder.snapshot(
            &Arc::new(Link::default()),
            Moment(Duration::from_millis(millis)),
        )
    }

    #[test]
    fn moments_that_are_close_replace_each_other_and_the_oldest_go() {
        let (mut builder, mut past) = (Builder::default(), Past::default());
        for number in 0..100 {
            past.push(at(&mut builder, number * 100));
        }
        assert!(past.moments.len() <= 15, "{}", past.moments.len());
        for number in 0..2000 {
            past.push(at(&mut builder, 10_000 + number * 1000));
        }
        assert_eq!(past.position(), (KEPT, KEPT));
    }

    #[test]
    fn what_is_looked_at_stays_while_time_goes_on() {
        let (mut builder, mut past) = (Builder::default(), Past::default());
        past.push(at(&mut builder, 0));
        past.freeze();
        for number in 1..1000 {
            past.push(at(&mut builder, number * 1000));
        }
        assert_eq!(past.shown().unwrap().now, Moment::default());
        assert_eq!(past.position(), (1, KEPT));
        assert!(past.step(1) && past.shown().unwrap().now > Moment::default());
        past.go_on();
        assert_eq!(past.shown().unwrap().now, Moment(Duration::from_secs(999)));
    }

    #[test]
    fn a_recording_that_goes_back_begins_another_past() {
        let (mut builder, mut past) = (Builder::default(), Past::default());
        past.push(at(&mut builder, 9000));
        past.push(at(&mut builder, 3000));
        assert_eq!(past.position(), (1, 1));
    }
}
