//! Makes snapshots of what changes: nodes, samples, time. Nothing here looks at a clock or at a store.

mod findings;
mod rows;
mod totals;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use xenbus::device::ends::Seen;
use xenbus::device::history::{End, History, Moment};
use xenbus::device::id::Concern;
use xenbus::device::{DeviceId, Domain, Host, Nodes, XenbusState};
use xenbus::mirror::Mirrored;
use xenbus::{DomId, StorePath};

use super::activity::Tally;
use super::log::{Change, EventLog, LogRow, Shown};
use super::traffic::{Metered, Sample};
use super::{Activity, Counts, DeviceRow, DomainRow, Link, Snapshot};
use findings::Findings;
use totals::Totals;

/// Keeps the model true, and publishes it.
///
/// Changes are noted one by one and read together: [`Builder::settle`] looks at each device and domain once, however
/// much of it has changed since.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    /// The Unix time of the clock's beginning.
    epoch: Duration,
    host: Host,
    history: History,
    findings: Findings,
    metered: BTreeMap<DeviceId, Metered>,
    rows: BTreeMap<DeviceId, Arc<DeviceRow>>,
    totals: Totals,
    domains: BTreeMap<DomId, Arc<DomainRow>>,
    dirty: Dirty,
    log: EventLog,
    logged: Vec<LogRow>,
    number: u64,
    tally: Tally,
    /// What was published last, for the parts that have not changed.
    last: Option<Snapshot>,
}

/// What has to be read or put together again.
#[derive(Clone, Debug, Default)]
struct Dirty {
    /// The whole host.
    all: bool,
    /// Nodes of these changed.
    devices: BTreeSet<DeviceId>,
    domains: BTreeSet<DomId>,
    homes: BTreeSet<DomId>,
    vms: BTreeSet<String>,
    /// Only what goes with them: rates, findings.
    device_rows: BTreeSet<DeviceId>,
    domain_rows: BTreeSet<DomId>,
    /// Whether the lists of a snapshot differ from those of the last.
    lists: bool,
}

/// A change of one node.
#[derive(Clone, Copy, Debug)]
pub struct NodeChange<'a> {
    /// The node.
    pub path: &'a StorePath,
    /// As it was; `None` if it is new.
    pub old: Option<&'a Mirrored>,
    /// As it is; `None` if it is gone.
    pub new: Option<&'a Mirrored>,
}

impl Builder {
    /// A builder without anything; `epoch` is the Unix time of the beginning of the clock of all moments.
    pub fn new(epoch: Duration) -> Self {
        Self {
            epoch,
            ..Self::default()
        }
    }

    /// The host as it was read last.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The Unix time of a moment.
    pub fn wall_clock(&self, now: Moment) -> Duration {
        self.epoch + now.0
    }

    /// Everything has to be read again.
    pub fn reread(&mut self) {
        self.dirty.all = true;
    }

    /// Notes a change of a node.
    pub fn changed(&mut self, nodes: &dyn Nodes, change: NodeChange<'_>, now: Moment) {
        let NodeChange { path, old, new } = change;
        self.note_state(nodes, change, now);
        match Concern::of(nodes, path) {
            Concern::Everything => self.dirty.all = true,
            Concern::Home(id) => drop(self.dirty.homes.insert(id)),
            Concern::Device(id) => drop(self.dirty.devices.insert(id)),
            Concern::Domain(id) => drop(self.dirty.domains.insert(id)),
            Concern::Vm(uuid) => drop(self.dirty.vms.insert(uuid)),
            Concern::Nothing => {}
        }
        let shown = |node: &Mirrored| Shown::of(node.value.known().map(|value| &**value));
        let change = match (old, new) {
            (None, Some(new)) => Change::Added(shown(new)),
            (Some(old), None) => Change::Removed(shown(old)),
            (Some(old), Some(new)) if old.value != new.value => Change::Changed {
                old: shown(old),
                new: shown(new),
            },
            _ => Change::Touched,
        };
        self.note(path, change, now);
    }

    /// Notes that the store told of a node that the model has no use for.
    pub fn touched(&mut self, path: &StorePath, now: Moment) {
        self.note(path, Change::Touched, now);
    }

    fn note(&mut self, path: &StorePath, change: Change, now: Moment) {
        self.tally.add(path, now);
        self.logged.push(LogRow {
            number: self.number,
            at: now,
            wall_clock: self.wall_clock(now),
            path: path.clone(),
            change,
        });
        self.number += 1;
    }

    /// A state that is over when its device is read would be missing from its history.
    fn note_state(&mut self, nodes: &dyn Nodes, change: NodeChange<'_>, now: Moment) {
        let (Some("state"), Some(new)) = (change.path.name(), change.new) else {
            return;
        };
        let Some(directory) = change.path.parent() else {
            return;
        };
        let (id, end) = match DeviceId::of_frontend(&directory) {
            Some(id) => (id, End::Front),
            None => match Concern::of(nodes, change.path) {
                Concern::Device(id) => (id, End::Back),
                _ => return,
            },
        };
        let device = self.host.devices.get(&id);
        let is_served_there = |back: &xenbus::device::Backend| back.path == directory;
        if end == End::Back
            && !device.is_some_and(|device| device.back.known().is_some_and(is_served_there))
        {
            return;
        }
        let seen = new.value.known().map(|value| XenbusState::parse(value));
        let seen = match seen {
            Some(Ok(state)) => Seen::State(state),
            Some(Err(_)) => Seen::Garbled,
            None => Seen::Hidden,
        };
        self.history.observe_end(&id, end, seen, now);
    }

    /// Notes what counts a device.
    pub fn sampled(&mut self, id: &DeviceId, sample: Sample, now: Moment) {
        if !self.host.devices.contains_key(id) {
            return;
        }
        if sample.is_empty() && !self.metered.contains_key(id) {
            return;
        }
        let metered = self.metered.entry(id.clone()).or_default();
        if metered.sample(sample, now) {
            self.dirty.device_rows.insert(id.clone());
        }
    }

    /// Shows these domains, of which no more is known so far.
    pub fn introduce(&mut self, domains: impl IntoIterator<Item = Domain>) {
        self.host = Host::of_domains(domains);
        self.dirty.domain_rows.extend(self.host.domains.keys());
        self.put_rows_together();
    }

    /// Reads what has changed. `is_complete` says that all nodes are there: until then nothing is found wrong.
    pub fn settle(&mut self, nodes: &dyn Nodes, is_complete: bool, now: Moment) {
        let dirty = std::mem::take(&mut self.dirty);
        if dirty.all {
            self.read_all(nodes, is_complete, now);
        } else {
            self.read_some(nodes, &dirty, now);
        }
        self.dirty.device_rows.extend(dirty.device_rows);
        self.dirty.domain_rows.extend(dirty.domain_rows);
        if is_complete {
            let due = self.findings.due(now);
            self.dirty.device_rows.extend(due.devices);
            self.dirty.domain_rows.extend(due.domains);
            self.diagnose(now);
        }
        self.put_rows_together();
    }

    fn read_all(&mut self, nodes: &dyn Nodes, is_complete: bool, now: Moment) {
        let before = std::mem::take(&mut self.host);
        self.host = Host::read(nodes);
        if is_complete {
            // What was not read yet must not be taken for a state that is over.
            self.history.observe(&self.host, now);
        } else {
            self.host.keep_names(&before);
        }
        // All at once: to put thousands in one by one takes its time.
        let mut devices: BTreeSet<DeviceId> = self.host.devices.keys().cloned().collect();
        devices.extend(before.devices.into_keys());
        devices.append(&mut self.dirty.device_rows);
        self.dirty.device_rows = devices;
        self.dirty.domain_rows.extend(before.domains.into_keys());
        self.dirty.domain_rows.extend(self.host.domains.keys());
    }

    fn read_some(&mut self, nodes: &dyn Nodes, dirty: &Dirty, now: Moment) {
        let mut domains = dirty.domains.clone();
        for uuid in &dirty.vms {
            let of_vm = self.host.domains.values();
            let of_vm = of_vm.filter(|domain| domain.uuid.known() == Some(uuid));
            domains.extend(of_vm.map(|domain| domain.id));
        }
        let mut devices = dirty.devices.clone();
        for id in &dirty.homes {
            devices.extend(self.host.refresh_home(nodes, *id));
            domains.insert(*id);
        }
        for id in domains {
            self.host.refresh_domain(nodes, id);
            self.note_domain(id, now);
            // Whether its guest has run is in the findings of its devices.
            let of_domain = self.host.devices_of(id).map(|device| device.id.clone());
            self.dirty.device_rows.extend(of_domain);
        }
        for id in devices {
            self.host.refresh_device(nodes, &id);
            if let Some(device) = self.host.devices.get(&id).cloned() {
                if !self.domains.contains_key(&id.domain()) {
                    self.note_domain(id.domain(), now);
                }
                self.history.observe_device(&device, now);
            } else {
                self.history.forget(&id);
                self.note_domain(id.domain(), now);
            }
            self.dirty.device_rows.insert(id);
        }
    }

    fn note_domain(&mut self, id: DomId, now: Moment) {
        match self.host.domains.get(&id) {
            Some(domain) => self.history.observe_domain(&Arc::clone(domain), now),
            None => self.history.forget_domain(id),
        }
        self.dirty.domain_rows.insert(id);
    }

    /// Everything as it is now.
    pub fn snapshot(&mut self, link: &Arc<Link>, now: Moment) -> Arc<Snapshot> {
        self.log.extend(std::mem::take(&mut self.logged));
        let activity = self.tally.activity(now);
        let mut next = match self.last.take() {
            Some(last) if !self.dirty.lists => last,
            last => Snapshot {
                now,
                wall_clock: Duration::ZERO,
                link: Arc::clone(link),
                roles: Arc::new(self.host.roles.clone()),
                domains: Arc::new(self.domains.values().cloned().collect()),
                devices: Arc::new(self.rows.values().cloned().collect()),
                findings: match last {
                    Some(last) if !self.findings.has_changed() => last.findings,
                    _ => Arc::new(self.findings.sorted()),
                },
                log: EventLog::default(),
                activity: Arc::default(),
                counts: Counts::default(),
                read: 0,
            },
        };
        self.dirty.lists = false;
        next.now = now;
        next.wall_clock = self.wall_clock(now);
        next.link = Arc::clone(link);
        next.log = self.log.clone();
        (next.counts, next.read) = (self.totals.counts, self.totals.read);
        if *next.activity != activity {
            next.activity = Arc::new(activity);
        }
        self.last = Some(next.clone());
        Arc::new(next)
    }

    /// Whether anything waits to be read or published.
    pub fn is_dirty(&self) -> bool {
        let dirty = &self.dirty;
        dirty.all
            || dirty.lists
            || !dirty.devices.is_empty()
            || !dirty.domains.is_empty()
            || !dirty.homes.is_empty()
            || !dirty.vms.is_empty()
            || !dirty.device_rows.is_empty()
            || !dirty.domain_rows.is_empty()
            || !self.logged.is_empty()
    }

    /// When something will differ although nothing changes: a finding gets worse, a rate fades.
    pub fn next(&self) -> Option<Moment> {
        let times = [self.findings.next(), self.tally.next()];
        times.into_iter().flatten().min()
    }

    /// How often something changes.
    pub fn activity(&mut self, now: Moment) -> Activity {
        self.tally.activity(now)
    }
}

#[cfg(test)]
mod tests;
