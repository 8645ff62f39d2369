//! Both ends: who, in which state, since when, where.

use ratatui::text::Span;
use xenbus::StorePath;
use xenbus::device::history::StateLog;
use xenbus::device::{Reading, Seen};

use super::{Page, Subject};
use crate::text::cut_start;
use crate::theme::Role;
use crate::view::cell::{state_role, state_sign};

pub(super) fn write(page: &mut Page<'_>, subject: &Subject<'_>) {
    let device = &subject.row.device;
    let look = page.look;
    let name = |domain| look.foreign(subject.snapshot.name_of(domain).as_bytes());
    page.say(vec![
        look.span(device.class.title, Role::Text),
        look.span(
            format!("  {} {}", device.id.kind(), device.id.index()),
            Role::Dim,
        ),
        look.span(format!("  of {}", name(device.id.domain())), Role::Dim),
    ]);
    let front = device.front.known();
    let back = device.back.known();
    end(
        page,
        "frontend",
        device.front_seen(),
        &subject.row.past.front,
        &format!("{} ({})", name(device.id.domain()), device.id.domain()),
        front.map(|front| &front.path),
    );
    let serves = subject.row.backend_domain();
    end(
        page,
        "backend",
        device.back_seen(),
        &subject.row.past.back,
        &serves.map_or_else(|| "nobody".into(), |id| format!("{} ({id})", name(id))),
        back.map(|back| &back.path),
    );
    if let Some(back) = back {
        let mut facts: Vec<Span<'static>> = Vec::new();
        let mut fact = |label: &str, text: String, role| {
            facts.push(look.span(format!("{label} "), Role::Dim));
            facts.push(look.span(format!("{text}  "), role));
        };
        match &back.online {
            Reading::Known(true) => fact("online", "yes".into(), Role::Text),
            Reading::Known(false) => fact("online", "no, is to go".into(), Role::Warning),
            _ => {}
        }
        if let Some(hotplug) = back.hotplug.known() {
            let role = if hotplug.to_string() == "connected" {
                Role::Text
            } else {
                Role::Warning
            };
            fact("hotplug", hotplug.to_string(), role);
        }
        if let Some(physical) = back.physical_device.known() {
            fact("physical device", look.foreign(&physical.0), Role::Text);
        }
        if back.kind != device.id.kind() {
            fact("served as", back.kind.clone(), Role::Text);
        }
        if !facts.is_empty() {
            page.say(facts);
        }
    }
}

fn end(
    page: &mut Page<'_>,
    label: &str,
    seen: Seen,
    past: &StateLog,
    domain: &str,
    path: Option<&StorePath>,
) {
    let look = page.look;
    let entry = past.entries().next_back();
    let age = entry.map(|entry| entry.age(look.now));
    let is_fresh = entry.is_some_and(|entry| entry.is_exact && look.is_fresh(entry.since));
    let role = if is_fresh {
        Role::Changed
    } else {
        state_role(seen)
    };
    let head = format!("{label:<9}");
    let domain = look.cut(domain, 20);
    let mut spans = vec![
        look.span(head, Role::Dim),
        look.span(format!("{} ", state_sign(look, seen)), state_role(seen)),
        look.span(format!("{:<13}", seen.to_string()), role),
        look.span(format!("{:>6}  ", look.age(age)), Role::Dim),
        look.span(format!("{domain:<14}"), Role::Accent),
    ];
    let used: usize = spans.iter().map(Span::width).sum();
    match path {
        Some(path) => {
            let room = page.columns.saturating_sub(used + 1);
            let shown = cut_start(path.as_str(), room, look.glyphs.cut).into_owned();
            spans.push(look.span(format!(" {shown}"), Role::Dim));
            page.say_of(path, spans);
        }
        None => page.say(spans),
    }
}
