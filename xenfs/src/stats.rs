//! What a mount counts about its watches and its cache, for `/xs/.xenfs/status`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::log;

/// One number that only grows, or is set.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Sets it.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// How much it is.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The numbers. Shared: the watcher counts, whoever is asked reads.
#[derive(Debug, Default)]
pub struct Stats {
    /// Requests of the kernel, those of the helper not counted.
    pub requests: Count,
    /// Events that the store sent.
    pub events: Count,
    /// Nodes whose change is still to be looked at and told.
    pub queue: Count,
    /// Changes repeated on the mount so that inotify tells them.
    pub replayed: Count,
    /// Repetitions that failed, mostly because the next change had overtaken them.
    pub failed: Count,
    /// Events that were lost, so that everything was looked at again.
    pub lost: Count,
    /// How often the replay helper had to be started again.
    pub helpers: Count,
    /// Process number of the replay helper; 0 when changes are not repeated.
    pub helper: Count,
    /// Open `.events` files.
    pub streams: Count,
    stale_since: Mutex<Option<Instant>>,
    rate: Mutex<Option<Rate>>,
}

#[derive(Debug)]
struct Rate {
    at: Instant,
    events: u64,
    per_second: f64,
}

/// Over how long the rate of events is measured, at least.
const SPAN: Duration = Duration::from_secs(1);

impl Stats {
    /// From now on what the kernel was told may differ from the store.
    pub fn stale(&self) {
        let mut since = lock(&self.stale_since);
        if since.is_none() {
            *since = Some(Instant::now());
            log::warning(format_args!(
                "lost touch with the store: nothing tells of changes"
            ));
        }
    }

    /// Events keep what the kernel was told true again.
    pub fn fresh(&self) {
        if let Some(since) = lock(&self.stale_since).take() {
            let seconds = since.elapsed().as_secs_f32();
            log::notice(format_args!(
                "in touch with the store again after {seconds:.1} s"
            ));
        }
    }

    /// Since when what the kernel was told may differ from the store; `None` while events keep it true.
    pub fn stale_since(&self) -> Option<Instant> {
        *lock(&self.stale_since)
    }

    /// Events per second since somebody asked last, or over the last second that was asked about.
    pub fn events_per_second(&self) -> f64 {
        let (now, events) = (Instant::now(), self.events.get());
        let mut rate = lock(&self.rate);
        let per_second = match &*rate {
            None => 0.0,
            Some(last) if now - last.at < SPAN => return last.per_second,
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            Some(last) => (events - last.events) as f64 / (now - last.at).as_secs_f64(),
        };
        *rate = Some(Rate {
            at: now,
            events,
            per_second,
        });
        per_second
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staleness_counts_from_its_beginning() {
        let stats = Stats::default();
        stats.stale();
        let since = stats.stale_since();
        stats.stale();
        assert!(since.is_some() && stats.stale_since() == since);
        stats.fresh();
        assert_eq!(stats.stale_since(), None);
    }

    #[test]
    fn nobody_asked_before_means_no_rate_yet() {
        let stats = Stats::default();
        stats.events.add(7);
        assert!(stats.events_per_second().abs() < f64::EPSILON);
        assert_eq!(stats.events.get(), 7);
    }
}
