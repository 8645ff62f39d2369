//! Patterns of the two states: one table.

use super::evidence::Proof;
use super::{Case, Finding, Run, Severity};
use crate::device::class::Handshake;
use crate::device::ends::{Hotplug, Seen};
use crate::device::reading::Reading;

/// A pattern of the two ends' states that is wrong when it lasts.
#[derive(Debug)]
pub struct Row {
    /// The finding's stable name.
    pub id: &'static str,
    /// What the backend shows.
    back: Set,
    /// What the frontend shows.
    front: Set,
    /// What else must hold.
    when: fn(&Case<'_>) -> bool,
    /// How it gets worse.
    curve: Curve,
    /// What it means, in one sentence.
    pub explanation: &'static str,
    /// What to do or to look at next.
    pub next: &'static str,
    /// What proves it, besides both states.
    proof: &'static [Proof],
}

/// How a finding gets worse with age.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Curve {
    /// Warning, then critical, whatever the guest does.
    Host,
    /// The same, but only a remark when the guest cannot act because it is paused or halted.
    Guest,
    /// The same, and never critical before the guest has run.
    Boot,
    /// Normal when short: a remark, then a warning.
    Brief,
}

/// A set of what an end can show.
#[derive(Clone, Copy, Debug)]
struct Set(u16);

impl Set {
    const ABSENT: Self = Self(1 << 9);
    const STATELESS: Self = Self(1 << 10);
    const ODD: Self = Self(1 << 11);
    const ALL_STATES: Self = Self(0x1FF | Self::ODD.0);
    const PRESENT: Self = Self(Self::ALL_STATES.0 | Self::STATELESS.0);

    const fn of(state: u32) -> Self {
        Self(1 << state)
    }

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, seen: Seen) -> bool {
        let bit = match seen {
            Seen::Absent => Self::ABSENT.0,
            Seen::Stateless => Self::STATELESS.0,
            Seen::State(state) if state.name().is_some() => 1 << state.0,
            Seen::State(_) | Seen::Garbled => Self::ODD.0,
            Seen::Hidden => 0,
        };
        self.0 & bit != 0
    }
}

/// All patterns. The first that fits a device counts.
pub fn rows() -> &'static [Row] {
    ROWS
}

const ROWS: &[Row] = &[
    Row {
        id: "backend-missing",
        back: Set::ABSENT,
        front: Set::PRESENT,
        when: |_| true,
        curve: Curve::Host,
        explanation: "The frontend has no backend: the backend's domain died, or the device was removed by half.",
        next: "look whether the domain that should serve it is alive, and detach the device if the toolstack still lists it",
        proof: &[Proof::BackendKey, Proof::Toolstack],
    },
    Row {
        id: "leaked-backend",
        back: Set::PRESENT,
        front: Set::ABSENT,
        when: |case| case.is_domain_gone(),
        curve: Curve::Host,
        explanation: "The backend is left over: its guest is gone, but nobody has removed it.",
        next: "look whether the toolstack (or `xl devd` in a driver domain) died, then remove the backend's directory",
        proof: &[Proof::FrontendKey, Proof::Home, Proof::Online],
    },
    Row {
        id: "cleanup-missing",
        back: Set::of(6),
        front: Set::ABSENT
            .or(Set::STATELESS)
            .or(Set::of(0))
            .or(Set::of(1))
            .or(Set::of(5))
            .or(Set::of(6)),
        when: |case| !case.is_wanted,
        curve: Curve::Host,
        explanation: "The device is unplugged and closed, but its directories have not been removed.",
        next: "look whether `xl devd` (driver domain) or the toolstack's hotplug clean-up runs in the backend's domain",
        proof: &[Proof::Online],
    },
    Row {
        id: "frontend-missing",
        back: Set::PRESENT,
        front: Set::ABSENT,
        when: |case| case.device.class.handshake != Handshake::BackendOnly,
        curve: Curve::Host,
        explanation: "The backend has no frontend although its guest is alive: the device was removed by half, or the guest removed it.",
        next: "detach the device with the toolstack, or remove the backend's directory if the toolstack does not know it",
        proof: &[Proof::FrontendKey, Proof::Home, Proof::Toolstack],
    },
    Row {
        id: "backend-driver-missing",
        back: Set::of(1),
        front: Set::of(1),
        when: usual,
        curve: Curve::Host,
        explanation: "No backend driver has taken up the device.",
        next: "in the backend's domain, load the backend's module or start qemu (qdisk, vkbd, vfb, 9pfs); look whether that domain is alive",
        proof: &[Proof::DeviceModel],
    },
    Row {
        id: "guest-driver-missing",
        back: Set::of(2),
        front: Set::of(1),
        when: usual,
        curve: Curve::Boot,
        explanation: "The guest has no driver for the device: it has not booted so far, has unplugged or blacklisted it, or uses an emulated one.",
        next: "look at the guest's console, and whether its kernel has the frontend driver",
        proof: &[Proof::HotplugStatus, Proof::HotplugError, Proof::Home],
    },
    Row {
        id: "backend-waits-for-hotplug",
        back: Set::of(2),
        front: Set::of(3),
        when: usual,
        curve: Curve::Host,
        explanation: "The guest is ready, but the backend cannot go on: its hotplug script has not finished.",
        next: "look at the hotplug script's log and at physical-device, hotplug-status and hotplug-error of the backend",
        proof: &[
            Proof::PhysicalDevice,
            Proof::HotplugStatus,
            Proof::HotplugError,
            Proof::Script,
        ],
    },
    Row {
        id: "vif-waits-for-hotplug",
        back: Set::of(2),
        front: Set::of(4),
        when: |case| case.has_states() && case.device.class.name == "vif",
        curve: Curve::Host,
        explanation: "The guest's network interface is up, but the backend waits until the hotplug script has put it on its bridge.",
        next: "look at the script's log, and whether the bridge exists",
        proof: &[Proof::HotplugStatus, Proof::HotplugError, Proof::Script],
    },
    Row {
        id: "backend-initialised",
        back: Set::of(3),
        front: Set::of(1).or(Set::of(3)),
        when: usual,
        curve: Curve::Guest,
        explanation: "The backend has published its side and waits for the frontend; a frontend that expects InitWait never acts on this.",
        next: "look which system serves the device (FreeBSD's backends do this) and at the guest's kernel log",
        proof: &[],
    },
    Row {
        id: "frontend-missed-connect",
        back: Set::of(4),
        front: Set::of(3),
        when: usual,
        curve: Curve::Guest,
        explanation: "The backend is connected, but the frontend has not noticed.",
        next: "look at the guest's kernel log: its driver hangs, or its store connection is dead",
        proof: &[],
    },
    Row {
        id: "frontend-restarted",
        back: Set::of(4),
        front: Set::of(1),
        when: usual,
        curve: Curve::Guest,
        explanation: "The frontend has started again without closing first, as a crash kernel or kexec does.",
        next: "look at the guest's console; reset the device by detaching and attaching it",
        proof: &[],
    },
    Row {
        id: "frontend-closed",
        back: Set::of(4),
        front: Set::of(5).or(Set::of(6)),
        when: usual,
        curve: Curve::Host,
        explanation: "The frontend has closed on its own, and the backend has not followed.",
        next: "look at the kernel log of the backend's domain",
        proof: &[],
    },
    Row {
        id: "unplug-unanswered",
        back: Set::of(5),
        front: Set::of(4),
        when: |case| case.has_states() && !case.is_wanted,
        curve: Curve::Guest,
        explanation: "The guest does not answer the unplug: the device is in use, for example mounted.",
        next: "release the device in the guest, or detach it with force",
        proof: &[Proof::Online],
    },
    Row {
        id: "both-closing",
        back: Set::of(5),
        front: Set::of(5),
        when: usual,
        curve: Curve::Host,
        explanation: "Both ends are closing, and each waits for the other.",
        next: "look at the kernel logs of the guest and of the backend's domain; detach the device with force",
        proof: &[Proof::Online],
    },
    Row {
        id: "kept-for-reconnect",
        back: Set::of(6),
        front: Set::of(6),
        when: |case| case.has_states() && case.is_wanted,
        curve: Curve::Brief,
        explanation: "Both ends are closed, but the device is kept for the guest to connect again (reboot, suspend, driver reload).",
        next: "wait; if it lasts, look at the guest's console",
        proof: &[Proof::Online],
    },
    Row {
        id: "stale-hotplug",
        back: Set::of(4),
        front: Set::of(4),
        when: |case| case.has_states() && is_hotplug_stale(case),
        curve: Curve::Brief,
        explanation: "Data flows, but hotplug-status does not say connected.",
        next: "look at the hotplug script's log: a network interface may not be on its bridge any more",
        proof: &[Proof::HotplugStatus, Proof::HotplugError, Proof::Script],
    },
    Row {
        id: "unknown-state",
        back: Set::of(0).or(Set::ODD),
        front: Set::PRESENT,
        when: usual,
        curve: Curve::Host,
        explanation: "The backend's state is none that exists.",
        next: "look who wrote it: the backend's driver, or somebody by hand",
        proof: &[],
    },
    Row {
        id: "unknown-state",
        back: Set::PRESENT,
        front: Set::of(0).or(Set::ODD),
        when: usual,
        curve: Curve::Guest,
        explanation: "The frontend's state is none that exists.",
        next: "look at the guest: its driver, or somebody in it, wrote this",
        proof: &[],
    },
    Row {
        id: "handshake-stalled",
        back: Set::PRESENT,
        front: Set::PRESENT,
        when: |case| case.has_states() && !case.is_connected(),
        curve: Curve::Guest,
        explanation: "The two ends have not met.",
        next: "look at the kernel logs of the guest and of the backend's domain",
        proof: &[Proof::Online, Proof::HotplugStatus],
    },
];

/// Whether both ends have states that mean something.
fn usual(case: &Case<'_>) -> bool {
    case.has_states()
}

/// Finds the pattern that a device is in, if it lasts.
pub(super) fn find(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let row = ROWS
        .iter()
        .find(|row| row.back.has(case.back) && row.front.has(case.front) && (row.when)(case));
    let Some((row, severity)) = row.and_then(|row| Some((row, row.curve.severity(case)?))) else {
        return;
    };
    let proofs = [&[Proof::Back, Proof::Front], row.proof].concat();
    let evidence = case.evidence(&proofs);
    findings.push(case.finding(row.id, severity, row.explanation, row.next, evidence));
}

impl Curve {
    fn severity(self, case: &Case<'_>) -> Option<Severity> {
        let severity = case.by_age()?;
        let is_still = matches!(case.run(), Run::Paused | Run::Halted);
        Some(match self {
            Self::Guest | Self::Boot if is_still => Severity::Info,
            Self::Boot if !case.has_guest_run() && case.may_be_booting() => Severity::Info,
            Self::Boot if !case.has_guest_run() => severity.min(Severity::Warning),
            Self::Boot => case.by_age_of_run()?,
            Self::Host | Self::Guest => severity,
            Self::Brief => match severity {
                Severity::Critical => Severity::Warning,
                _ => Severity::Info,
            },
        })
    }
}

/// The key is missing where no script is used (qdisk) and shortly before the script ends: both are fine.
fn is_hotplug_stale(case: &Case<'_>) -> bool {
    let hotplug = case.device.back.known().map(|back| &back.hotplug);
    matches!(hotplug, Some(Reading::Known(status)) if *status != Hotplug::Connected)
}
