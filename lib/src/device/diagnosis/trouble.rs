//! What drivers, scripts and device models say themselves, and values that make no sense.

use super::evidence::{Evidence, Proof};
use super::{Case, Circumstances, Finding, Severity, Subject};
use crate::device::domain::Domain;
use crate::device::ends::Hotplug;
use crate::device::history::History;
use crate::device::host::Host;
use crate::device::nodes::Note;
use crate::device::reading::{Reading, Text};

/// Bytes of a driver's text that go into a sentence.
const SHOWN: usize = 200;

pub(super) fn of_device(case: &Case<'_>, findings: &mut Vec<Finding>) {
    hotplug_failed(case, findings);
    driver_errors(case, findings);
    flapping(case, findings);
    if let Some(finding) = unreadable(&case.device.notes) {
        let (explanation, evidence) = finding;
        findings.push(case.finding(
            "unreadable-value",
            Severity::Warning,
            explanation,
            LOOK,
            evidence,
        ));
    }
}

pub(super) fn of_domain(
    host: &Host,
    domain: &Domain,
    history: Option<&History>,
    circumstances: &Circumstances,
    findings: &mut Vec<Finding>,
) {
    let age = history.and_then(|h| h.domain_age(domain.id, circumstances.now));
    let warning = circumstances.thresholds.warning;
    let mut add = |id, severity, explanation: String, next, evidence| {
        findings.push(Finding {
            id,
            severity,
            subject: Subject::Domain(domain.id),
            age,
            explanation: explanation.into(),
            next,
            evidence,
        });
    };
    if let Some((explanation, evidence)) = unreadable(&domain.notes) {
        add(
            "unreadable-value",
            Severity::Warning,
            explanation,
            LOOK,
            evidence,
        );
    }
    if domain.home.known().is_none() || age.is_some_and(|age| age.seen < warning && age.is_exact) {
        return;
    }
    if domain.name.is_missing() && !host.roles.is_infrastructure(domain.id) {
        add(
            "unnamed-domain",
            Severity::Info,
            "The domain has no name: the hypervisor started it without a toolstack, or its creation stopped half way."
                .to_owned(),
            "nothing, if domains are started at boot (dom0less); else look at the toolstack",
            domain
                .home
                .known()
                .map(|()| Evidence::new(&crate::path::StorePath::home(domain.id), "no name"))
                .into_iter()
                .collect(),
        );
    }
    for model in &domain.device_models {
        if !model.is_running() {
            add(
                "device-model-not-running",
                Severity::Warning,
                format!(
                    "The device model of the domain says \"{}\" instead of running.",
                    cut(&model.state)
                ),
                "look at qemu's log: devices that it serves will not connect",
                vec![Evidence::new(&model.path, model.state.to_string())],
            );
        }
    }
}

fn hotplug_failed(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let Some(back) = case.device.back.known() else {
        return;
    };
    let text = back.hotplug_error.known().filter(|text| !text.is_empty());
    if back.hotplug != Reading::Known(Hotplug::Error) && text.is_none() {
        return;
    }
    let explanation = match text {
        Some(_) => format!("The hotplug script failed: {}.", cut(&back.hotplug_error)),
        None => "The hotplug script failed without saying why.".to_owned(),
    };
    findings.push(case.finding(
        "hotplug-failed",
        Severity::Critical,
        explanation,
        "look at the script's log in the backend's domain, then attach the device again",
        case.evidence(&[Proof::HotplugStatus, Proof::HotplugError, Proof::Script]),
    ));
}

/// Drivers of Linux and FreeBSD leave `<errno> <text>` before they close; it stays there when they work again.
fn driver_errors(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let front = case
        .device
        .front
        .known()
        .map(|front| (&front.path, &front.error));
    let back = case
        .device
        .back
        .known()
        .map(|back| (&back.path, &back.error));
    // What a guest says of itself is its own to write: never critical.
    let sides = [
        ("frontend-error", "frontend", Severity::Warning, front),
        ("backend-error", "backend", Severity::Critical, back),
    ];
    for (id, side, worst, end) in sides {
        let Some((path, error)) = end else { continue };
        if error.known().is_none_or(Text::is_empty) {
            continue;
        }
        let (severity, when) = if case.is_connected() {
            (Severity::Info, " once, and works now")
        } else {
            (worst, "")
        };
        let explanation = format!(
            "The {side}'s driver reported an error{when}: {}.",
            cut(error)
        );
        let evidence = error_path(path)
            .map(|path| Evidence::new(&path, error.to_string()))
            .into_iter()
            .chain(case.evidence(&[Proof::Back, Proof::Front]))
            .collect();
        findings.push(case.finding(
            id,
            severity,
            explanation,
            "look at the kernel log of the domain that reported it",
            evidence,
        ));
    }
}

/// `/local/domain/<own>/error/<rest>/error` for a directory `/local/domain/<own>/<rest>`.
fn error_path(end: &crate::path::StorePath) -> Option<crate::path::StorePath> {
    let mut elements = end.elements();
    let home: Vec<&str> = elements.by_ref().take(3).collect();
    let rest: Vec<&str> = elements.collect();
    let text = format!("/{}/error/{}/error", home.join("/"), rest.join("/"));
    crate::path::StorePath::parse(text).ok()
}

fn flapping(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let thresholds = &case.circumstances.thresholds;
    let Some(past) = case.history.and_then(|h| h.device(&case.device.id)) else {
        return;
    };
    let (now, window) = (case.circumstances.now, thresholds.flapping_window);
    let restarts = past
        .front
        .restarts(now, window)
        .max(past.back.restarts(now, window));
    if restarts >= thresholds.flapping_restarts {
        findings.push(case.finding(
            "flapping",
            Severity::Warning,
            format!(
                "The device has restarted {restarts} times within {} s.",
                window.as_secs()
            ),
            "look at the driver in the guest (Windows drivers are known for it) and at both kernel logs",
            case.evidence(&[Proof::Back, Proof::Front]),
        ));
    }
}

const LOOK: &str = "look who wrote it; drivers do not";

fn unreadable(notes: &[Note]) -> Option<(String, Vec<Evidence>)> {
    let first = notes.first()?;
    let name = first.path.name().unwrap_or_default();
    let more = match notes.len() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    let explanation = format!("The value of {name} is unreadable: {}{more}.", first.value);
    let evidence = notes
        .iter()
        .map(|note| Evidence::new(&note.path, note.value.to_string()))
        .collect();
    Some((explanation, evidence))
}

/// A text that others wrote, escaped and short enough for a sentence.
fn cut(text: &Reading<Text>) -> String {
    let shown = text.to_string();
    let shown = shown.trim_end_matches('.');
    match shown.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}...", &shown[..at]),
        None => shown.to_owned(),
    }
}
