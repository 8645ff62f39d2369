//! What is wrong, why, and what to look at.
//!
//! Every finding has a stable name, a severity that grows with age, a sentence, the paths that prove it, and advice.
//! Findings are pure functions of a [`Host`], its [`History`] and the [`Circumstances`].

mod evidence;
mod links;
mod rows;
mod trouble;

pub use evidence::Evidence;
pub use rows::{Row, rows};

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::domain::Domain;
use super::ends::{Seen, has_states};
use super::history::{Age, History, Moment};
use super::host::{Device, Host};
use super::id::DeviceId;
use super::state::XenbusState;
use crate::id::DomId;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Worth knowing; normal so far.
    Info,
    /// Something should not stay like this.
    Warning,
    /// Something does not work.
    Critical,
}

/// What a finding is about.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Subject {
    /// A domain.
    Domain(DomId),
    /// A device.
    Device(DeviceId),
}

impl Subject {
    /// The domain that has the problem.
    pub fn domain(&self) -> DomId {
        match self {
            Self::Domain(id) => *id,
            Self::Device(id) => id.domain(),
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Its stable name ("backend-driver-missing").
    pub id: &'static str,
    /// How bad it is now.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// How long the pattern has lasted; unknown without a history.
    pub age: Option<Age>,
    /// One sentence for people. Printable, whatever guests write.
    pub explanation: Cow<'static, str>,
    /// What to do or to look at next.
    pub next: &'static str,
    /// The paths that prove it, with what they held.
    pub evidence: Vec<Evidence>,
}

/// How long is too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Thresholds {
    /// A handshake that lasts this long is a warning.
    pub warning: Duration,
    /// And this long critical.
    pub critical: Duration,
    /// How long a guest may take to boot before a missing driver is more than a remark. Linux waits 30 s for all
    /// devices and 270 s more for essential ones.
    pub boot: Duration,
    /// Restarts of an end within `flapping_window` that make it flap.
    pub flapping_restarts: usize,
    /// See `flapping_restarts`.
    pub flapping_window: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            warning: Duration::from_secs(5),
            critical: Duration::from_secs(30),
            boot: Duration::from_mins(5),
            flapping_restarts: 3,
            flapping_window: Duration::from_mins(5),
        }
    }
}

/// What the hypervisor says of a domain; XenStore does not hold it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Run {
    /// Nobody told us.
    #[default]
    Unknown,
    /// It runs.
    Running,
    /// It is paused.
    Paused,
    /// It has crashed or shut down, and its remains are kept.
    Halted,
}

/// What the tree of nodes does not say.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// Now, on the clock of the history.
    pub now: Moment,
    /// Now, since the Unix epoch; tells the age of domains by their start time.
    pub wall_clock: Option<Duration>,
    /// How domains run.
    pub runs: BTreeMap<DomId, Run>,
    /// How long is too long.
    pub thresholds: Thresholds,
}

/// Everything that is wrong on a host, worst first.
///
/// Without a history nothing has an age: a pattern that would be fine for a moment is then a warning, never critical.
/// The same holds for a pattern that was there when the history began, until it is old enough to be critical.
pub fn diagnose(
    host: &Host,
    history: Option<&History>,
    circumstances: &Circumstances,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for domain in host.domains.values() {
        trouble::of_domain(host, domain, history, circumstances, &mut findings);
    }
    for device in host.devices.values() {
        of_device(host, device, history, circumstances, &mut findings);
    }
    findings.sort_by(|a, b| {
        let order = |f: &Finding| (std::cmp::Reverse(f.severity), f.subject.clone(), f.id);
        order(a).cmp(&order(b))
    });
    findings
}

/// Everything that is wrong with one domain itself, as [`diagnose`] finds it.
pub fn diagnose_domain(
    host: &Host,
    domain: &Domain,
    history: Option<&History>,
    circumstances: &Circumstances,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    trouble::of_domain(host, domain, history, circumstances, &mut findings);
    findings
}

/// Everything that is wrong with one device, as [`diagnose`] finds it.
pub fn diagnose_device(
    host: &Host,
    device: &Device,
    history: Option<&History>,
    circumstances: &Circumstances,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    of_device(host, device, history, circumstances, &mut findings);
    findings
}

fn of_device(
    host: &Host,
    device: &Device,
    history: Option<&History>,
    circumstances: &Circumstances,
    findings: &mut Vec<Finding>,
) {
    let case = Case::new(host, device, history, circumstances);
    rows::find(&case, findings);
    links::find(&case, findings);
    trouble::of_device(&case, findings);
}

/// A device with all that its diagnosis needs.
struct Case<'a> {
    host: &'a Host,
    device: &'a Device,
    domain: Option<&'a Domain>,
    history: Option<&'a History>,
    circumstances: &'a Circumstances,
    front: Seen,
    back: Seen,
    /// Whether the backend is wanted; unknown is taken for wanted.
    is_wanted: bool,
    age: Option<Age>,
}

impl<'a> Case<'a> {
    fn new(
        host: &'a Host,
        device: &'a Device,
        history: Option<&'a History>,
        circumstances: &'a Circumstances,
    ) -> Self {
        let past = history.and_then(|h| h.device(&device.id));
        Self {
            host,
            device,
            domain: host
                .domains
                .get(&device.id.domain())
                .map(|domain| &**domain),
            history,
            circumstances,
            front: device.front_seen(),
            back: device.back_seen(),
            is_wanted: device
                .back
                .known()
                .is_none_or(|back| back.online.unwrap_or(true)),
            age: past.and_then(|past| past.age(circumstances.now)),
        }
    }

    fn is_domain_gone(&self) -> bool {
        self.domain.is_none_or(Domain::is_gone)
    }

    fn is_connected(&self) -> bool {
        let connected = Some(XenbusState::CONNECTED);
        self.front.state() == connected && self.back.state() == connected
    }

    fn has_states(&self) -> bool {
        has_states(self.device.class)
    }

    fn run(&self) -> Run {
        let id = self.device.id.domain();
        self.circumstances
            .runs
            .get(&id)
            .copied()
            .unwrap_or_default()
    }

    /// Whether the guest has done anything so far: its kernel has written something, or a frontend has moved.
    fn has_guest_run(&self) -> bool {
        self.domain.is_some_and(|domain| domain.has_run)
            || self
                .host
                .devices_of(self.device.id.domain())
                .any(|device| device.has_frontend_moved())
    }

    /// Whether the domain is so young that it may still be booting. Unknown is taken for no.
    fn may_be_booting(&self) -> bool {
        let seen = self.history.and_then(|history| {
            let id = self.device.id.domain();
            let age = history.domain_age(id, self.circumstances.now)?;
            age.is_exact.then_some(age.seen)
        });
        let started = self.domain.and_then(|domain| {
            let started = domain.started.known()?;
            Some(self.circumstances.wall_clock?.saturating_sub(*started))
        });
        seen.or(started)
            .is_some_and(|age| age < self.circumstances.thresholds.boot)
    }

    /// The severity of a handshake that stands still; none while it may just be under way.
    fn by_age(&self) -> Option<Severity> {
        self.severity_at(self.age)
    }

    /// The same, counted only from when the guest is known to run.
    fn by_age_of_run(&self) -> Option<Severity> {
        let (id, now) = (self.device.id.domain(), self.circumstances.now);
        let run = self.history.and_then(|history| history.run_age(id, now));
        self.severity_at(match (self.age, run) {
            (Some(age), Some(run)) if run.seen < age.seen => Some(run),
            (age, _) => age,
        })
    }

    fn severity_at(&self, age: Option<Age>) -> Option<Severity> {
        let thresholds = &self.circumstances.thresholds;
        match age {
            None => Some(Severity::Warning),
            Some(age) if age.seen >= thresholds.critical => Some(Severity::Critical),
            // What we have not seen begin has lasted for longer than we have looked.
            Some(age) if age.seen >= thresholds.warning || !age.is_exact => Some(Severity::Warning),
            Some(_) => None,
        }
    }

    fn finding(
        &self,
        id: &'static str,
        severity: Severity,
        explanation: impl Into<Cow<'static, str>>,
        next: &'static str,
        evidence: Vec<Evidence>,
    ) -> Finding {
        Finding {
            id,
            severity,
            subject: Subject::Device(self.device.id.clone()),
            age: self.age,
            explanation: explanation.into(),
            next,
            evidence,
        }
    }
}

#[cfg(test)]
mod tests;
