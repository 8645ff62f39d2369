//! What is wrong, kept per device and domain, and when that may change with time alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use xenbus::DomId;
use xenbus::device::diagnosis::{Thresholds, diagnose_device, diagnose_domain};
use xenbus::device::history::{LogEntry, Moment, StateLog};
use xenbus::device::parallel::map_all;
use xenbus::device::{Circumstances, DeviceId, Finding, Subject};

use super::Builder;
use crate::model::FindingRow;

/// Findings by what they are about; who has none is not in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    rows: BTreeMap<Subject, Vec<Arc<FindingRow>>>,
    has_changed: bool,
    /// When to look again.
    times: BTreeMap<Subject, Moment>,
    queue: BTreeSet<(Moment, Subject)>,
}

/// Whom to look at again because of time.
#[derive(Debug, Default)]
pub(super) struct Due {
    pub(super) devices: Vec<DeviceId>,
    pub(super) domains: Vec<DomId>,
}

impl Findings {
    pub(super) fn of(&self, subject: &Subject) -> &[Arc<FindingRow>] {
        self.rows.get(subject).map_or(&[], Vec::as_slice)
    }

    /// Findings of a domain and of its devices.
    pub(super) fn of_domain(&self, id: DomId) -> impl Iterator<Item = &Arc<FindingRow>> {
        let own = self.of(&Subject::Domain(id));
        let first = Subject::Device(DeviceId::new(id, "", ""));
        let devices = self
            .rows
            .range(first..)
            .take_while(move |(subject, _)| {
                matches!(subject, Subject::Device(_)) && subject.domain() == id
            })
            .flat_map(|(_, rows)| rows);
        own.iter().chain(devices)
    }

    /// Whether something differs since the last [`Findings::sorted`].
    pub(super) fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// All, worst first.
    pub(super) fn sorted(&mut self) -> Vec<Arc<FindingRow>> {
        self.has_changed = false;
        let mut all: Vec<_> = self.rows.values().flatten().cloned().collect();
        // Subjects are in order already, and this keeps it.
        all.sort_by_key(|row| Reverse(row.finding.severity));
        all
    }

    fn set(&mut self, subject: &Subject, findings: Vec<Finding>, now: Moment) -> bool {
        let old = self.of(subject);
        let same = old.len() == findings.len()
            && old.iter().zip(&findings).all(|(old, new)| {
                // The age goes on by itself.
                let old = &old.finding;
                (old.id, old.severity, &old.explanation, &old.evidence)
                    == (new.id, new.severity, &new.explanation, &new.evidence)
                    && old.age.is_some() == new.age.is_some()
            });
        if same {
            return false;
        }
        self.has_changed = true;
        if findings.is_empty() {
            self.rows.remove(subject);
        } else {
            let mut rows: Vec<_> = findings
                .into_iter()
                .map(|finding| Arc::new(FindingRow { finding, at: now }))
                .collect();
            rows.sort_by_key(|row| Reverse(row.finding.severity));
            self.rows.insert(subject.clone(), rows);
        }
        true
    }

    fn set_time(&mut self, subject: Subject, at: Option<Moment>) {
        if let Some(old) = self.times.remove(&subject) {
            self.queue.remove(&(old, subject.clone()));
        }
        if let Some(at) = at {
            self.queue.insert((at, subject.clone()));
            self.times.insert(subject, at);
        }
    }

    pub(super) fn due(&mut self, now: Moment) -> Due {
        let mut due = Due::default();
        while let Some((at, _)) = self.queue.first()
            && *at <= now
        {
            let Some((_, subject)) = self.queue.pop_first() else {
                break;
            };
            self.times.remove(&subject);
            match subject {
                Subject::Device(id) => due.devices.push(id),
                Subject::Domain(id) => due.domains.push(id),
            }
        }
        due
    }

    pub(super) fn next(&self) -> Option<Moment> {
        Some(self.queue.first()?.0)
    }
}

impl Builder {
    /// Looks what is wrong with everything that is dirty.
    pub(super) fn diagnose(&mut self, now: Moment) {
        let circumstances = Circumstances {
            now,
            wall_clock: Some(self.wall_clock(now)),
            ..Circumstances::default()
        };
        let (host, history) = (&self.host, &self.history);
        let ids: Vec<DomId> = self.dirty.domain_rows.iter().copied().collect();
        let found = map_all(&ids, |id| match host.domains.get(id) {
            Some(domain) => diagnose_domain(host, domain, Some(history), &circumstances),
            None => Vec::new(),
        });
        for (id, found) in ids.into_iter().zip(found) {
            let subject = Subject::Domain(id);
            self.findings.set(&subject, found, now);
            let times = [self.history.domain(id)];
            let next = next_of(times, &circumstances.thresholds, now);
            self.findings.set_time(subject, next);
        }
        let ids: Vec<DeviceId> = self.dirty.device_rows.iter().cloned().collect();
        let (host, history) = (&self.host, &self.history);
        let found = map_all(&ids, |id| {
            let found = match host.devices.get(id) {
                Some(device) => diagnose_device(host, device, Some(history), &circumstances),
                None => Vec::new(),
            };
            let is_flapping = found.iter().any(|finding| finding.id == "flapping");
            let next = self.next_of_device(id, is_flapping, &circumstances);
            (found, next)
        });
        for (id, (found, next)) in ids.into_iter().zip(found) {
            let domain = id.domain();
            let subject = Subject::Device(id);
            if self.findings.set(&subject, found, now) {
                self.dirty.domain_rows.insert(domain);
            }
            self.findings.set_time(subject, next);
        }
    }

    fn next_of_device(
        &self,
        id: &DeviceId,
        is_flapping: bool,
        circumstances: &Circumstances,
    ) -> Option<Moment> {
        let past = self.history.device(id)?;
        let (now, thresholds) = (circumstances.now, &circumstances.thresholds);
        let times = [
            past.front.entries().next_back(),
            past.back.entries().next_back(),
            self.history.domain(id.domain()),
            self.history.run(id.domain()),
        ];
        let by_age = next_of(times, thresholds, now);
        // The end of the time for booting, as the toolstack wrote down its start.
        let started = self.host.domains.get(&id.domain())?.started.known();
        let booted = started.and_then(|started| {
            let at = (*started + thresholds.boot).checked_sub(self.epoch)?;
            (at > now.0).then_some(Moment(at))
        });
        let calm = is_flapping.then(|| {
            let ends = [&past.front, &past.back];
            let changes = ends.into_iter().flat_map(StateLog::entries);
            let times = changes.map(|entry| Moment(entry.since.0 + thresholds.flapping_window));
            times.filter(|at| *at > now).min()
        });
        [by_age, booted, calm.flatten()].into_iter().flatten().min()
    }
}

/// When the next of these reaches an age that matters.
fn next_of<'a>(
    entries: impl IntoIterator<Item = Option<&'a LogEntry>>,
    thresholds: &Thresholds,
    now: Moment,
) -> Option<Moment> {
    let ages = [thresholds.warning, thresholds.critical, thresholds.boot];
    let times = entries
        .into_iter()
        .flatten()
        .flat_map(|entry| ages.map(|age| Moment(entry.since.0 + age)));
    times.filter(|at| *at > now).min()
}
