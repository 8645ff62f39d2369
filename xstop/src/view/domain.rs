//! One domain: who it is, above the table of its devices.

use ratatui::text::Span;
use xenbus::DomId;
use xenbus::device::Subject;

use super::canvas::{Canvas, Look};
use super::cell::{severity_role, severity_sign};
use super::sheet;
use crate::app::App;
use crate::model::{DomainRow, Snapshot};
use crate::theme::Role;
use crate::units;

/// Rows of the facts, with the line below; none where there is no room.
pub(super) fn facts_height(rows: u16) -> u16 {
    if rows >= 12 { 3 } else { 0 }
}

/// Draws facts and table.
pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, id: DomId) {
    let (w, h) = (canvas.width(), canvas.height());
    let top = usize::from(facts_height(canvas.area.height));
    if top > 0 {
        let look = canvas.look;
        if let Some(row) = snapshot.domain(id) {
            let [who, what] = facts(look, snapshot, row);
            canvas.put_spans(1, 0, &who);
            canvas.put_spans(1, 1, &what);
        }
        canvas.put(0, 2, &look.glyphs.line.repeat(w), Role::Faint);
    }
    sheet::draw(&mut canvas.part(0, top, w, h - top), app, snapshot);
}

fn facts(look: &Look, snapshot: &Snapshot, row: &DomainRow) -> [Vec<Span<'static>>; 2] {
    let domain = &row.domain;
    let mut lines = [Vec::new(), Vec::new()];
    let mut fact = |line: usize, label: &str, text: String, role: Role| {
        lines[line].push(look.span(format!("{label} "), Role::Dim));
        lines[line].push(look.span(format!("{text}  "), role));
    };
    fact(0, "domain", domain.id.to_string(), Role::Text);
    if domain.is_gone() {
        fact(0, "is", "gone".into(), Role::Critical);
    }
    fact(0, "role", row.role.name().into(), Role::Text);
    if let Some(kind) = domain.kind.known() {
        fact(0, "type", kind.to_string(), Role::Text);
    }
    if let Some(uuid) = domain.uuid.known() {
        fact(0, "uuid", look.foreign(uuid.as_bytes()), Role::Text);
    }
    if let Some(request) = domain.shutdown_request.known() {
        fact(0, "asked to", look.foreign(&request.0), Role::Warning);
    }
    let wall_clock = snapshot.wall_clock + look.now.since(snapshot.now);
    fact(
        1,
        "up",
        look.age(row.uptime(look.now, wall_clock)),
        Role::Text,
    );
    if let Some(vcpus) = domain.vcpus.known().filter(|vcpus| vcpus.total > 0) {
        fact(
            1,
            "vcpus",
            format!("{} of {}", vcpus.online, vcpus.total),
            Role::Text,
        );
    }
    let memory = |kib: &u64| units::memory(*kib);
    match (
        domain.memory_target.known().map(memory),
        domain.memory_max.known().map(memory),
    ) {
        (Some(target), Some(most)) if target != most => {
            fact(1, "memory", format!("{target} of {most}"), Role::Text);
        }
        (Some(memory), _) | (None, Some(memory)) => fact(1, "memory", memory, Role::Text),
        (None, None) => {}
    }
    if let Some(tty) = domain.tty.known() {
        fact(1, "console", look.foreign(&tty.0), Role::Text);
    }
    for model in &domain.device_models {
        let role = if model.is_running() {
            Role::Text
        } else {
            Role::Warning
        };
        let state = model
            .state
            .known()
            .map_or_else(|| "says nothing".into(), |state| look.foreign(&state.0));
        fact(1, "device model", state, role);
    }
    let own = Subject::Domain(domain.id);
    for row in snapshot
        .findings
        .iter()
        .filter(|row| row.finding.subject == own)
    {
        let severity = Some(row.finding.severity);
        let text = format!("{} {}", severity_sign(look, severity), row.finding.id);
        fact(1, "", text, severity_role(severity));
    }
    lines
}
