//! What is shown: the whole host at one moment, immutable.
//!
//! A [`Snapshot`] is cheap to make from its predecessor, since everything in it that has not changed is shared: whoever
//! keeps many of them pays only for what differs. What is not known is `None` or a [`Reading`], never zero.

mod activity;
mod builder;
mod chain;
mod counts;
mod log;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use xenbus::DomId;
use xenbus::counters::Occupancy;
use xenbus::device::history::{Age, DeviceHistory, LogEntry, Moment};
use xenbus::device::ring::Ring;
use xenbus::device::roles::Roles;
use xenbus::device::{Device, DeviceId, Domain, Finding, Reading, Severity, XenbusState};

pub use activity::{Activity, domain_of};
pub use builder::{Builder, NodeChange};
pub use counts::Counts;
pub use log::{Change, EventLog, LogRow, Shown};
pub use traffic::{
    Counter, Kind, Point, RingUse, Sample, Series, Traffic, Unit, UseSource, all_kinds, find_kind,
};

/// Everything at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The moment, on the clock of every age in it.
    pub now: Moment,
    /// The same moment since the Unix epoch.
    pub wall_clock: Duration,
    /// The way to the store, and how true this is.
    pub link: Arc<Link>,
    /// Who is who.
    pub roles: Arc<Roles>,
    /// The domains, by number.
    pub domains: Arc<Vec<Arc<DomainRow>>>,
    /// The devices, by domain, kind and index.
    pub devices: Arc<Vec<Arc<DeviceRow>>>,
    /// Everything that is wrong, worst first.
    pub findings: Arc<Vec<Arc<FindingRow>>>,
    /// What changed in the store, the latest last; bounded.
    pub log: EventLog,
    /// How often something changes.
    pub activity: Arc<Activity>,
    /// The devices by what their ends show.
    pub counts: Counts,
    /// Devices of which both ends were read.
    pub read: usize,
}

impl Snapshot {
    /// The domain of this number.
    pub fn domain(&self, id: DomId) -> Option<&Arc<DomainRow>> {
        let at = self.domains.binary_search_by_key(&id, |row| row.domain.id);
        self.domains.get(at.ok()?)
    }

    /// The device of this name.
    pub fn device(&self, id: &DeviceId) -> Option<&Arc<DeviceRow>> {
        let at = self.devices.binary_search_by(|row| row.device.id.cmp(id));
        self.devices.get(at.ok()?)
    }

    /// The devices of which a domain has the frontend.
    pub fn devices_of(&self, domain: DomId) -> &[Arc<DeviceRow>] {
        let from = self
            .devices
            .partition_point(|row| row.device.id.domain() < domain);
        let rest = &self.devices[from..];
        let length = rest.partition_point(|row| row.device.id.domain() == domain);
        &rest[..length]
    }

    /// The domain's name as it is printed; its number if it has none.
    pub fn name_of(&self, id: DomId) -> String {
        match self.domain(id).and_then(|row| row.domain.name.known()) {
            Some(name) if !name.is_empty() => name.to_string(),
            _ => id.to_string(),
        }
    }

    /// How many findings are of this severity.
    pub fn findings_at(&self, severity: Severity) -> usize {
        let is = |row: &&Arc<FindingRow>| row.finding.severity == severity;
        self.findings.iter().filter(is).count()
    }
}

/// The way to the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    /// Where the store is.
    pub address: String,
    /// Which daemon it is, as far as its behaviour tells.
    pub daemon: Option<&'static str>,
    /// The version of the hypervisor ("4.17.5"), from the system's files.
    pub xen_version: Option<String>,
    /// Whose eyes this sees with.
    pub scope: Scope,
    /// Since when this watches.
    pub since: Moment,
    /// Until when the store was in reach, if it is not now.
    pub stale: Option<Stale>,
    /// So many nodes were read so far; `None` once everything was.
    pub loading: Option<usize>,
    /// Nodes that are followed.
    pub nodes: usize,
    /// How often everything was read.
    pub scans: u64,
    /// Changes that came too fast and are missing from the log.
    pub lost: u64,
    /// Whether this is a recording.
    pub is_replay: bool,
}

/// Since when and why what is shown may be out of date.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stale {
    /// Since when.
    pub since: Moment,
    /// Why; printable.
    pub why: String,
}

/// Whose eyes this sees with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Scope {
    /// The whole host.
    #[default]
    Host,
    /// Only what this domain may read: its own devices, and what it serves.
    Domain(DomId),
}

/// A domain.
#[derive(Clone, Debug)]
pub struct DomainRow {
    /// The domain.
    pub domain: Arc<Domain>,
    /// Since when it has existed, or been gone.
    pub since: Option<LogEntry>,
    /// Its place on the host.
    pub role: Role,
    /// Devices of which it has the frontend.
    pub devices: Counts,
    /// Devices of which it has the backend.
    pub serves: usize,
    /// What is wrong with it and its devices.
    pub findings: usize,
    /// The worst of that.
    pub worst: Option<Severity>,
    /// What its devices move.
    pub flow: Flow,
}

impl DomainRow {
    /// How long it has existed.
    pub fn age(&self, now: Moment) -> Option<Age> {
        Some(self.since?.age(now))
    }

    /// How long it has run: since its start if that is known, else for how long it was seen.
    pub fn uptime(&self, now: Moment, wall_clock: Duration) -> Option<Age> {
        if self.domain.is_gone() {
            return None;
        }
        let started = self.domain.started.known();
        match started.and_then(|started| wall_clock.checked_sub(*started)) {
            Some(seen) => Some(Age {
                seen,
                is_exact: true,
            }),
            None => self.age(now),
        }
    }
}

/// A domain's place on the host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// It controls the others.
    Control,
    /// The store runs in it.
    Store,
    /// It serves devices of others.
    Driver,
    /// None of these.
    Guest,
}

impl Role {
    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Store => "store",
            Self::Driver => "driver",
            Self::Guest => "guest",
        }
    }
}

/// What devices move, per second, as the guest sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow {
    /// Requests and packets.
    pub requests: Option<f64>,
    /// Bytes read and received.
    pub into_guest: Option<f64>,
    /// Bytes written and sent.
    pub from_guest: Option<f64>,
}

impl Flow {
    /// Both together; unknown is left out.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        Self {
            requests: sum(self.requests, other.requests),
            into_guest: sum(self.into_guest, other.into_guest),
            from_guest: sum(self.from_guest, other.from_guest),
        }
    }

    /// Bytes both ways.
    pub fn bytes(self) -> Option<f64> {
        match (self.into_guest, self.from_guest) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
        }
    }
}

/// A device.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    /// Both ends, and who claims what.
    pub device: Arc<Device>,
    /// What its ends have been, and since when.
    pub past: DeviceHistory,
    /// Its live numbers; `None` if nothing counts it here.
    pub traffic: Option<Arc<Traffic>>,
    /// What is wrong with it, worst first.
    pub findings: Vec<Arc<FindingRow>>,
}

impl DeviceRow {
    /// How long both ends have been as they are.
    pub fn age(&self, now: Moment) -> Option<Age> {
        self.past.age(now)
    }

    /// The worst of what is wrong with it.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|row| row.finding.severity).max()
    }

    /// Whether both ends are Connected.
    pub fn is_connected(&self) -> bool {
        let connected = Some(XenbusState::CONNECTED);
        self.device.front_seen().state() == connected
            && self.device.back_seen().state() == connected
    }

    /// Its rings.
    pub fn rings(&self) -> &[Ring] {
        self.device
            .front
            .known()
            .map_or(&[], |front| &front.rings.list)
    }

    /// How full the ring at this place of [`DeviceRow::rings`] is.
    pub fn occupancy(&self, ring: usize) -> Option<&Reading<Occupancy>> {
        Some(&self.traffic.as_ref()?.rings.get(ring)?.occupancy)
    }

    /// The fullest ring, as a share of its size. A ring of empty buffers is best when it is full: it does not count.
    pub fn fullest(&self) -> Option<f64> {
        let uses = &self.traffic.as_ref()?.rings;
        let rings = self.rings().iter().zip(uses);
        let busy = rings.filter(|(ring, _)| !ring.holds_buffers());
        let shares = busy.filter_map(|(_, usage)| usage.share());
        shares.max_by(f64::total_cmp)
    }

    /// What it moves.
    pub fn flow(&self) -> Flow {
        self.traffic
            .as_ref()
            .map_or_else(Flow::default, |traffic| traffic.flow)
    }

    /// The domain of the backend: the one that serves it, or the one that should.
    pub fn backend_domain(&self) -> Option<DomId> {
        let device = &self.device;
        let said = || device.front.known()?.backend_id.known().copied();
        device
            .back
            .known()
            .map(|back| back.domain)
            .or_else(|| {
                let entry = device.toolstack.known()?.backend.known()?;
                Some(xenbus::device::id::BackendPlace::parse(entry)?.domain)
            })
            .or_else(said)
    }
}

/// Something that is wrong.
#[derive(Clone, Debug)]
pub struct FindingRow {
    /// What, as it was found.
    pub finding: Finding,
    /// When it was looked at; its age is of that moment.
    pub at: Moment,
}

impl FindingRow {
    /// How long it has lasted.
    pub fn age(&self, now: Moment) -> Option<Age> {
        let age = self.finding.age?;
        Some(Age {
            seen: age.seen + now.since(self.at),
            is_exact: age.is_exact,
        })
    }
}
