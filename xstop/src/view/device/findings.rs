//! What is wrong with the device, why, and what to do.

use xenbus::device::Finding;

use super::{Page, Subject};
use crate::theme::Role;
use crate::view::cell::{severity_role, severity_sign, severity_word};

pub(super) fn write(page: &mut Page<'_>, subject: &Subject<'_>) {
    let look = page.look;
    let row = subject.row;
    if row.findings.is_empty() && row.device.notes.is_empty() {
        return;
    }
    page.head("Findings");
    for found in &row.findings {
        one(page, &found.finding, &look.age(found.age(look.now)));
    }
    for note in &row.device.notes {
        page.say_of(
            &note.path,
            vec![
                look.span(format!("{} ", look.glyphs.info), Role::Info),
                look.span(format!("{} {}", note.path, note.value), Role::Dim),
            ],
        );
    }
}

/// One finding in full.
pub(super) fn one(page: &mut Page<'_>, finding: &Finding, age: &str) {
    let look = page.look;
    let role = severity_role(Some(finding.severity));
    page.say(vec![
        look.span(
            format!("{} ", severity_sign(look, Some(finding.severity))),
            role,
        ),
        look.span(finding.id, role),
        look.span(
            format!("  {} for {age}", severity_word(finding.severity)),
            Role::Dim,
        ),
    ]);
    page.text(&finding.explanation, Role::Text, 2);
    for evidence in &finding.evidence {
        let text = format!("  {} {}", evidence.path, evidence.shows);
        page.say_of(
            &evidence.path,
            vec![look.span(look.cut(&text, page.columns), Role::Dim)],
        );
    }
    page.text(
        &format!("{} {}", look.glyphs.arrow, finding.next),
        Role::Info,
        2,
    );
}
