//! How often something changes in the store, in all and per domain.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use xenbus::device::history::Moment;
use xenbus::{DomId, StorePath};

/// Changes per second, over the last ten seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activity {
    /// All.
    pub total: f64,
    /// Below the home of each domain, `/libxl/<d>` included.
    pub domains: BTreeMap<DomId, f64>,
    /// Changes since the beginning.
    pub count: u64,
}

impl Activity {
    /// Changes per second below a domain's home.
    pub fn of(&self, domain: DomId) -> f64 {
        self.domains.get(&domain).copied().unwrap_or(0.0)
    }
}

/// Width of a bucket, and how many are looked at.
const BUCKET: Duration = Duration::from_secs(1);
const BUCKETS: u64 = 10;

/// Counts changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    buckets: VecDeque<Bucket>,
    count: u64,
}

#[derive(Clone, Debug, Default)]
struct Bucket {
    /// Its number: seconds since the clock's beginning.
    number: u64,
    total: u32,
    domains: BTreeMap<DomId, u32>,
}

impl Tally {
    pub(super) fn add(&mut self, path: &StorePath, now: Moment) {
        self.count += 1;
        let number = now.0.as_secs();
        if self.buckets.back().is_none_or(|last| last.number != number) {
            self.buckets.push_back(Bucket {
                number,
                ..Bucket::default()
            });
            self.drop_old(now);
        }
        if let Some(bucket) = self.buckets.back_mut() {
            bucket.total += 1;
            if let Some(domain) = domain_of(path) {
                *bucket.domains.entry(domain).or_default() += 1;
            }
        }
    }

    fn drop_old(&mut self, now: Moment) {
        let oldest = now.0.as_secs().saturating_sub(BUCKETS);
        while self
            .buckets
            .front()
            .is_some_and(|first| first.number < oldest)
        {
            self.buckets.pop_front();
        }
    }

    pub(super) fn activity(&mut self, now: Moment) -> Activity {
        self.drop_old(now);
        let mut activity = Activity {
            count: self.count,
            ..Activity::default()
        };
        // Over ten seconds, or over as long as there was something to count.
        let span = now.0.as_secs_f64().clamp(1.0, (BUCKET * 10).as_secs_f64());
        for bucket in &self.buckets {
            activity.total += f64::from(bucket.total) / span;
            for (domain, count) in &bucket.domains {
                *activity.domains.entry(*domain).or_default() += f64::from(*count) / span;
            }
        }
        activity
    }

    /// When the rates change although nothing happens.
    pub(super) fn next(&self) -> Option<Moment> {
        let first = self.buckets.front()?;
        Some(Moment(Duration::from_secs(first.number + BUCKETS + 1)))
    }
}

/// The domain in whose home a path is.
pub fn domain_of(path: &StorePath) -> Option<DomId> {
    let mut elements = path.elements();
    let home = match elements.next()? {
        "local" => {
            elements.next().filter(|second| *second == "domain")?;
            elements.next()?
        }
        "libxl" => elements.next()?,
        _ => return None,
    };
    DomId::parse(home).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment(Duration::from_millis(millis))
    }

    #[test]
    fn rates_are_those_of_the_last_ten_seconds_and_fade_to_nothing() {
        let path = StorePath::parse("/local/domain/3/name").unwrap();
        let mut tally = Tally::default();
        for millis in (20_000..30_000).step_by(100) {
            tally.add(&path, at(millis));
        }
        let activity = tally.activity(at(29_999));
        assert!((activity.total - 10.0).abs() < 0.01, "{activity:?}");
        assert!((activity.of(DomId(3)) - 10.0).abs() < 0.01);
        assert!(tally.activity(at(35_000)).total < 6.0);
        assert!(tally.next().is_some());
        let late = tally.activity(at(50_000));
        assert!(late.total == 0.0 && late.domains.is_empty() && late.count == 100);
        assert_eq!(tally.next(), None);
    }
}
