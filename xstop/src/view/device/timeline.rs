//! The handshake: what each end was, one after the other.

use std::time::Duration;

use xenbus::device::Seen;
use xenbus::device::history::{LogEntry, Moment};

use super::{Page, Subject};
use crate::theme::Role;
use crate::units;
use crate::view::cell::{state_role, state_sign};

/// Steps that are shown.
const SHOWN: usize = 24;

pub(super) fn write(page: &mut Page<'_>, subject: &Subject<'_>) {
    let look = page.look;
    let past = &subject.row.past;
    let mut steps: Vec<(&str, LogEntry, Option<Seen>)> = Vec::new();
    for (label, log) in [("frontend", &past.front), ("backend", &past.back)] {
        let mut before = None;
        for entry in log.entries() {
            steps.push((label, *entry, before));
            before = Some(entry.seen);
        }
    }
    if steps.is_empty() {
        return;
    }
    steps.sort_by_key(|(_, entry, _)| entry.since);
    page.head("Handshake");
    if steps.len() > SHOWN {
        let count = steps.len() - SHOWN;
        page.say(vec![look.span(format!("{count} earlier steps"), Role::Dim)]);
        steps.drain(..count);
    }
    let mut last: Option<Moment> = None;
    for (label, entry, before) in steps {
        let wall = wall_clock(subject, entry.since);
        let since = match last {
            _ if !entry.is_exact => "was already".into(),
            Some(last) => format!("+{}", short(entry.since.since(last))),
            None => String::new(),
        };
        last = Some(entry.since);
        let mut spans = vec![
            look.span(format!("{} ", units::time_of_day(wall)), Role::Dim),
            look.span(format!("{since:>11}  "), Role::Dim),
            look.span(format!("{label:<9}"), Role::Text),
        ];
        if let Some(before) = before {
            spans.push(look.span(format!("{before} {} ", look.glyphs.arrow), Role::Dim));
        }
        spans.push(look.span(
            format!("{} {}", state_sign(look, entry.seen), entry.seen),
            state_role(entry.seen),
        ));
        page.say(spans);
    }
}

fn wall_clock(subject: &Subject<'_>, moment: Moment) -> Duration {
    let ago = subject.snapshot.now.since(moment);
    subject.snapshot.wall_clock.saturating_sub(ago)
}

/// A short time to the millisecond, a long one as ages are written.
fn short(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{:.3}s", time.as_secs_f64())
    } else {
        units::elapsed(time).text
    }
}
