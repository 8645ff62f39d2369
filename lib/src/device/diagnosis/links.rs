//! Where frontend, backend and toolstack disagree about each other.

use super::evidence::{Evidence, Proof};
use super::{Case, Finding, Severity};
use crate::device::ends::Seen;

pub(super) fn find(case: &Case<'_>, findings: &mut Vec<Finding>) {
    frontend_lies(case, findings);
    backend_mislinked(case, findings);
    rivals(case, findings);
    toolstack(case, findings);
}

/// The key `backend` is the guest's to write: it is believed only where nobody else says otherwise.
fn frontend_lies(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let Some(said) = case.device.front.known().and_then(|f| f.backend.known()) else {
        return;
    };
    let entry = case.device.toolstack.known();
    let truth = entry
        .and_then(|entry| entry.backend.known())
        .or_else(|| case.device.back.known().map(|back| &back.path));
    // Without any backend the key may still name a place that cannot be this device's.
    let id = &case.device.id;
    let is_possible = crate::device::id::BackendPlace::parse(said)
        .is_some_and(|place| place.frontend == id.domain() && place.index == id.index());
    let is_lie = truth.map_or(!is_possible, |truth| truth != said);
    if is_lie {
        findings.push(case.finding(
            "frontend-lies",
            Severity::Warning,
            "The frontend names another backend than the one that serves it; the key is the guest's to write.",
            "do not believe the frontend's key; look what in the guest has written it",
            case.evidence(&[Proof::BackendKey, Proof::FrontendKey, Proof::Toolstack]),
        ));
    }
}

fn backend_mislinked(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let Some(back) = case.device.back.known() else {
        return;
    };
    let id = &case.device.id;
    let wrong_domain = back.frontend_id.known().is_some_and(|d| *d != id.domain());
    let expected = id.frontend();
    let wrong_path = back
        .frontend
        .known()
        .is_some_and(|path| Some(path) != expected.as_ref());
    if !wrong_domain && !wrong_path {
        return;
    }
    let mut evidence = case.evidence(&[Proof::FrontendKey]);
    if let Ok(path) = back.path.child("frontend-id") {
        evidence.push(Evidence::new(&path, back.frontend_id.to_string()));
    }
    findings.push(case.finding(
        "backend-mislinked",
        Severity::Warning,
        "The backend names another frontend than its place in the store does.",
        "look who created the backend; attach the device again",
        evidence,
    ));
}

fn rivals(case: &Case<'_>, findings: &mut Vec<Finding>) {
    if case.device.rivals.is_empty() {
        return;
    }
    let mut evidence = case.evidence(&[Proof::Back, Proof::Toolstack]);
    for rival in &case.device.rivals {
        evidence.push(Evidence::new(&rival.path, format!("state {}", rival.state)));
    }
    findings.push(case.finding(
        "rival-backend",
        Severity::Warning,
        "More than one backend claims to serve this frontend; all but one are left over.",
        "remove the directories of the backends that the toolstack does not list",
        evidence,
    ));
}

fn toolstack(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let has_entry = case.device.toolstack.known().is_some();
    let (id, explanation, next) = match (case.back, case.front) {
        (Seen::Absent, Seen::Absent) if has_entry => (
            "toolstack-orphan",
            "The toolstack lists a device that has neither a frontend nor a backend.",
            "detach the device with the toolstack",
        ),
        (Seen::Absent | Seen::Hidden, _) | (_, Seen::Absent | Seen::Hidden) => return,
        _ if !has_entry && is_managed(case) => (
            "unknown-to-toolstack",
            "The toolstack manages this domain but does not list the device.",
            "if somebody attached it by hand, nothing will clean it up: detach it by hand",
        ),
        _ => return,
    };
    let severity = match case.by_age() {
        None => return,
        Some(_) if id == "unknown-to-toolstack" => Severity::Info,
        Some(_) => Severity::Warning,
    };
    let evidence = case.evidence(&[Proof::Back, Proof::Front, Proof::Toolstack]);
    findings.push(case.finding(id, severity, explanation, next, evidence));
}

/// Whether the toolstack lists other devices of the domain.
fn is_managed(case: &Case<'_>) -> bool {
    case.host
        .devices_of(case.device.id.domain())
        .any(|device| device.toolstack.known().is_some())
}
