//! How long things have been as they are. Time is handed in: nothing here looks at a clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::domain::Domain;
use super::ends::Seen;
use super::host::{Device, Host};
use super::id::DeviceId;
use super::state::XenbusState;
use crate::id::DomId;

/// A point in time: the time since a moment of the caller's choice. It must not run backwards.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(pub Duration);

impl Moment {
    /// The time since an earlier moment; zero if that is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// How long something has lasted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Age {
    /// The time that we have seen it.
    pub seen: Duration,
    /// Whether we saw it begin; else it is older than that.
    pub is_exact: bool,
}

/// What an end was, and since when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogEntry {
    /// What was seen.
    pub seen: Seen,
    /// Since when.
    pub since: Moment,
    /// Whether we saw it begin.
    pub is_exact: bool,
}

impl LogEntry {
    /// How long it has lasted, if it still does.
    pub fn age(&self, now: Moment) -> Age {
        Age {
            seen: now.since(self.since),
            is_exact: self.is_exact,
        }
    }
}

/// The last states of one end, oldest first. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct StateLog(Arc<VecDeque<LogEntry>>);

impl StateLog {
    /// Entries kept.
    const KEPT: usize = 32;

    /// Notes what an end shows now. `is_start` says that we have only begun to look.
    pub fn observe(&mut self, seen: Seen, now: Moment, is_start: bool) {
        if self.0.back().is_some_and(|last| last.seen == seen) {
            return;
        }
        let entries = Arc::make_mut(&mut self.0);
        if entries.len() == Self::KEPT {
            entries.pop_front();
        }
        entries.push_back(LogEntry {
            seen,
            since: now,
            is_exact: !(is_start && entries.is_empty()),
        });
    }

    /// Everything that is remembered, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &LogEntry> {
        self.0.iter()
    }

    /// How long the end has been as it is.
    pub fn age(&self, now: Moment) -> Option<Age> {
        Some(self.0.back()?.age(now))
    }

    /// How often the end came up again after it had been going down, within `window` before now.
    pub fn restarts(&self, now: Moment, window: Duration) -> usize {
        let down = |seen: Seen| {
            matches!(
                seen.state(),
                Some(XenbusState::CLOSING | XenbusState::CLOSED)
            )
        };
        let up = |seen: Seen| {
            matches!(
                seen.state(),
                Some(XenbusState::INITIALISING | XenbusState::INIT_WAIT | XenbusState::INITIALISED)
            )
        };
        self.0
            .iter()
            .zip(self.0.iter().skip(1))
            .filter(|(before, after)| down(before.seen) && up(after.seen))
            .filter(|(_, after)| now.since(after.since) <= window)
            .count()
    }
}

/// Which end of a device.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum End {
    /// The frontend's.
    Front,
    /// The backend's.
    Back,
}

/// The past of both ends of a device.
#[derive(Clone, Debug, Default)]
pub struct DeviceHistory {
    /// The frontend's.
    pub front: StateLog,
    /// The backend's.
    pub back: StateLog,
}

impl DeviceHistory {
    /// Notes what both ends show now.
    fn observe(&mut self, device: &Device, now: Moment, is_start: bool) {
        self.front.observe(device.front_seen(), now, is_start);
        self.back.observe(device.back_seen(), now, is_start);
    }

    /// How long both ends have been as they are: since the later of their last changes.
    pub fn age(&self, now: Moment) -> Option<Age> {
        let ages = [self.front.age(now), self.back.age(now)];
        ages.into_iter().flatten().min_by_key(|age| age.seen)
    }
}

/// The past of a domain.
#[derive(Clone, Copy, Debug)]
struct DomainHistory {
    home: LogEntry,
    /// Since when its kernel is known to run.
    run: Option<LogEntry>,
}

/// The past of everything, kept by whoever watches.
#[derive(Clone, Debug, Default)]
pub struct History {
    devices: BTreeMap<DeviceId, DeviceHistory>,
    domains: BTreeMap<DomId, DomainHistory>,
    has_begun: bool,
}

impl History {
    /// Notes the whole host as it is now, and forgets what is no longer there.
    pub fn observe(&mut self, host: &Host, now: Moment) {
        self.devices.retain(|id, _| host.devices.contains_key(id));
        self.domains.retain(|id, _| host.domains.contains_key(id));
        for domain in host.domains.values() {
            self.observe_domain(domain, now);
        }
        // New ones are put in together, and then all are walked through once: at the beginning they are thousands.
        let ids = host.devices.keys();
        let mut new: BTreeMap<DeviceId, DeviceHistory> = ids
            .filter(|id| !self.devices.contains_key(id))
            .map(|id| (id.clone(), DeviceHistory::default()))
            .collect();
        self.devices.append(&mut new);
        for (history, device) in self.devices.values_mut().zip(host.devices.values()) {
            history.observe(device, now, !self.has_begun);
            if device.has_frontend_moved() {
                Self::note_run(&mut self.domains, device, now, self.has_begun);
            }
        }
        self.has_begun = true;
    }

    /// Notes one device as it is now.
    pub fn observe_device(&mut self, device: &Device, now: Moment) {
        let history = self.devices.entry(device.id.clone()).or_default();
        history.observe(device, now, !self.has_begun);
        if device.has_frontend_moved() {
            Self::note_run(&mut self.domains, device, now, self.has_begun);
        }
    }

    /// Notes that the kernel of a device's domain runs.
    fn note_run(
        domains: &mut BTreeMap<DomId, DomainHistory>,
        device: &Device,
        now: Moment,
        is_exact: bool,
    ) {
        let run = LogEntry {
            seen: Seen::Stateless,
            since: now,
            is_exact,
        };
        if let Some(domain) = domains.get_mut(&device.id.domain()) {
            domain.run.get_or_insert(run);
        }
    }

    /// Notes what one end of a device showed in between, so that a state that is over when the device is read is not
    /// lost. Of devices that are not known yet nothing is kept.
    pub fn observe_end(&mut self, id: &DeviceId, end: End, seen: Seen, now: Moment) {
        let is_start = !self.has_begun;
        if let Some(history) = self.devices.get_mut(id) {
            match end {
                End::Front => history.front.observe(seen, now, is_start),
                End::Back => history.back.observe(seen, now, is_start),
            }
        }
    }

    /// Notes one domain as it is now.
    pub fn observe_domain(&mut self, domain: &Domain, now: Moment) {
        let seen = if domain.is_gone() {
            Seen::Absent
        } else {
            Seen::Stateless
        };
        let entry = LogEntry {
            seen,
            since: now,
            is_exact: self.has_begun,
        };
        let new = DomainHistory {
            home: entry,
            run: None,
        };
        let known = self.domains.entry(domain.id).or_insert(new);
        if known.home.seen != seen {
            *known = new;
        }
        if domain.has_run {
            known.run.get_or_insert(entry);
        }
    }

    /// Forgets a device that is gone.
    pub fn forget(&mut self, id: &DeviceId) {
        self.devices.remove(id);
    }

    /// Forgets a domain that nobody mentions any more.
    pub fn forget_domain(&mut self, id: DomId) {
        self.domains.remove(&id);
    }

    /// Since when a domain has existed (or been gone).
    pub fn domain(&self, id: DomId) -> Option<&LogEntry> {
        Some(&self.domains.get(&id)?.home)
    }

    /// Since when a domain's kernel is known to run.
    pub fn run(&self, id: DomId) -> Option<&LogEntry> {
        self.domains.get(&id)?.run.as_ref()
    }

    /// From now on what appears is new; to be called when what was there at first has been noted piece by piece.
    pub fn begin(&mut self) {
        self.has_begun = true;
    }

    /// The past of a device.
    pub fn device(&self, id: &DeviceId) -> Option<&DeviceHistory> {
        self.devices.get(id)
    }

    /// How long a domain has existed (or been gone).
    pub fn domain_age(&self, id: DomId, now: Moment) -> Option<Age> {
        Some(self.domains.get(&id)?.home.age(now))
    }

    /// How long a domain's kernel is known to run.
    pub fn run_age(&self, id: DomId, now: Moment) -> Option<Age> {
        Some(self.domains.get(&id)?.run?.age(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    #[test]
    fn the_first_state_is_older_than_we_know_and_later_ones_are_exact() {
        let mut log = StateLog::default();
        log.observe(Seen::State(XenbusState::INIT_WAIT), at(10), true);
        log.observe(Seen::State(XenbusState::INIT_WAIT), at(12), false);
        let age = log.age(at(15)).unwrap();
        assert_eq!((age.seen.as_secs(), age.is_exact), (5, false));
        log.observe(Seen::State(XenbusState::CONNECTED), at(20), false);
        let age = log.age(at(21)).unwrap();
        assert_eq!((age.seen.as_secs(), age.is_exact), (1, true));
        assert_eq!(log.entries().count(), 2);
    }

    #[test]
    fn a_log_is_bounded_and_counts_restarts_in_a_window() {
        let mut log = StateLog::default();
        for round in 0..1000 {
            log.observe(Seen::State(XenbusState::CLOSING), at(round * 10), true);
            log.observe(
                Seen::State(XenbusState::INITIALISING),
                at(round * 10 + 5),
                true,
            );
        }
        assert_eq!(log.entries().count(), StateLog::KEPT);
        assert_eq!(log.restarts(at(9995), Duration::from_secs(25)), 3);
        assert_eq!(log.restarts(at(99_995), Duration::from_secs(25)), 0);
    }
}
