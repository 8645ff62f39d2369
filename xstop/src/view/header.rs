//! The top of the screen: what is watched, how it is, which views there are, what is shown.

use std::time::Duration;

use ratatui::text::Span;
use xenbus::device::Severity;

use super::canvas::{Canvas, Look};
use super::cell::{severity_role, severity_sign};
use crate::app::{App, Place, Playing, ViewId};
use crate::model::Snapshot;
use crate::text::width;
use crate::theme::Role;
use crate::units;

/// Draws the first line.
pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App) {
    let look = canvas.look;
    let right = right(app, look);
    let length: usize = right.iter().map(Span::width).sum();
    let columns = canvas.width();
    let start = columns.saturating_sub(length + 1);
    let mut left = canvas.part(0, 0, start.saturating_sub(1), 1);
    let mut spans = vec![look.span(" xstop ", Role::Tab)];
    if let Some(snapshot) = app.snapshot() {
        let link = &snapshot.link;
        spans.push(look.span(
            format!(" {}", look.foreign(link.address.as_bytes())),
            Role::Text,
        ));
        if let Some(daemon) = link.daemon {
            spans.push(look.span(format!("  {daemon}"), Role::Dim));
        }
        if let Some(version) = &link.xen_version {
            spans.push(look.span(
                format!("  Xen {}", look.foreign(version.as_bytes())),
                Role::Dim,
            ));
        }
    }
    left.put_spans(0, 0, &spans);
    canvas.put_spans(start, 0, &right);
}

/// How it is: what is not live first.
fn right(app: &App, look: &Look) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let Some(snapshot) = app.snapshot() else {
        return spans;
    };
    spans.extend(banner(app, look));
    let counts = app.summary().counts;
    spans.push(look.span(format!("{} ", look.glyphs.ok), Role::Ok));
    spans.push(look.span(format!("{}", counts.connected), Role::Text));
    spans.push(look.span(format!("/{}", counts.total), Role::Dim));
    for severity in [Severity::Info, Severity::Warning, Severity::Critical] {
        let count = app.summary().findings_at(severity);
        if count > 0 {
            let sign = severity_sign(look, Some(severity));
            spans.push(look.span(format!("  {sign} {count}"), severity_role(Some(severity))));
        }
    }
    spans.push(look.span(
        format!("  {:>4}", units::count(snapshot.activity.total)),
        Role::Text,
    ));
    spans.push(look.span(" chg/s", Role::Dim));
    spans
}

/// A word when what is shown is not the present, or may not be true.
fn banner(app: &App, look: &Look) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let Some(latest) = app.past.latest() else {
        return spans;
    };
    let mut say = |text: String| {
        spans.push(look.span(format!(" {text} "), Role::Banner));
        spans.push(look.span("  ", Role::Text));
    };
    let link = &latest.link;
    if let Some(stale) = &link.stale {
        let elapsed = units::elapsed(app.now.since(stale.since));
        look.note_due(elapsed.until_next);
        say(format!("STALE for {}", elapsed.text));
    } else if link.loading.is_some() {
        say(match app.summary().read {
            (_, 0) => "reading".to_owned(),
            (read, all) => format!("reading {read}/{all} devices"),
        });
    }
    if app.past.is_frozen()
        && let Some(shown) = app.past.shown()
    {
        let elapsed = units::elapsed(app.now.since(shown.now));
        look.note_due(elapsed.until_next);
        let (at, count) = app.past.position();
        say(format!("FROZEN {} ago {at}/{count}", elapsed.text));
    }
    if link.is_replay {
        let time = units::time_of_day(app.wall_clock());
        let (time, _) = time.split_once('.').unwrap_or((&time, ""));
        let how = match app.playing {
            Playing {
                is_paused: true, ..
            } => "paused".to_owned(),
            Playing { speed, .. } => format!("{}{speed}", look.glyphs.times),
        };
        look.note_due(Duration::from_secs(1));
        say(format!("REPLAY {time} {how}"));
    }
    if link.lost > 0 {
        say(format!("{} changes not logged", link.lost));
    }
    spans
}

/// Everything in a single line, where there is no room for more.
pub(super) fn draw_line(canvas: &mut Canvas<'_>, app: &App) {
    let look = canvas.look;
    let Some(snapshot) = app.snapshot() else {
        canvas.put(0, 0, "xstop: reading the store", Role::Dim);
        return;
    };
    let worst = snapshot.findings.first();
    let severity = worst.map(|row| row.finding.severity);
    let counts = app.summary().counts;
    let mut spans = vec![
        look.span(severity_sign(look, severity), severity_role(severity)),
        look.span(
            format!(" {}/{}", counts.connected, counts.total),
            Role::Text,
        ),
    ];
    spans.extend(banner(app, look));
    if let Some(row) = worst {
        let name = snapshot.name_of(row.finding.subject.domain());
        spans.push(look.span(format!(" {}", row.finding.id), severity_role(severity)));
        spans.push(look.span(format!(" {name}"), Role::Accent));
    }
    canvas.put_spans(0, 0, &spans);
}

/// A tab where it is.
struct Tab {
    view: ViewId,
    x: usize,
    label: String,
    number: String,
}

/// The tabs: with words where they fit, with the word of the shown one else.
fn tabs(app: &App, columns: usize) -> Vec<Tab> {
    let snapshot = app.snapshot();
    let lay = |has_words: bool, has_counts: bool| {
        let mut x = 0;
        let mut tabs = Vec::new();
        for (at, view) in ViewId::ALL.into_iter().enumerate() {
            let key = app.settings.keymap.first(view.action());
            let number = key.map_or_else(|| (at + 1).to_string(), |key| key.to_string());
            let is_shown = view == app.view();
            let mut label = if has_words || is_shown {
                view.title().to_owned()
            } else {
                String::new()
            };
            if has_counts && let Some(count) = snapshot.and_then(|snapshot| count(snapshot, view)) {
                label = format!("{label} {count}");
            }
            let length = 3 + width(&number) + width(&label);
            tabs.push(Tab {
                view,
                x,
                label,
                number,
            });
            x += length;
        }
        (x, tabs)
    };
    for (has_words, has_counts) in [(true, true), (true, false), (false, false)] {
        let (length, tabs) = lay(has_words, has_counts);
        if length <= columns || !has_words {
            return tabs;
        }
    }
    Vec::new()
}

fn count(snapshot: &Snapshot, view: ViewId) -> Option<usize> {
    match view {
        ViewId::Overview => Some(snapshot.domains.len()),
        ViewId::Devices => Some(snapshot.devices.len()),
        ViewId::Findings => Some(snapshot.findings.len()),
        ViewId::Rings | ViewId::Events | ViewId::Tree => None,
    }
}

/// Draws the tabs.
pub(super) fn draw_tabs(canvas: &mut Canvas<'_>, app: &App) {
    let is_wrong = app
        .snapshot()
        .is_some_and(|snapshot| !snapshot.findings.is_empty());
    for tab in tabs(app, canvas.width()) {
        let is_shown = tab.view == app.view();
        let role = match (is_shown, tab.view) {
            (true, _) => Role::Tab,
            (false, ViewId::Findings) if is_wrong => severity_role(
                app.snapshot()
                    .and_then(|s| s.findings.first())
                    .map(|row| row.finding.severity),
            ),
            (false, _) => Role::Dim,
        };
        let key = if is_shown { Role::Tab } else { Role::Key };
        let x = canvas.put(tab.x, 0, &format!(" {}", tab.number), key);
        canvas.put(x, 0, &format!(" {} ", tab.label), role);
    }
}

/// The view whose tab is at a column.
pub(super) fn tab_at(app: &App, x: usize) -> Option<ViewId> {
    let columns = usize::from(app.size.0);
    let tabs = tabs(app, columns);
    let tab = tabs.iter().rev().find(|tab| tab.x <= x)?;
    let end = tab.x + 3 + width(&tab.number) + width(&tab.label);
    (x < end).then_some(tab.view)
}

/// The title of the box around the view: what is shown, how much of it, what is left out; and how it is sorted.
pub(super) fn title(app: &App, look: &Look) -> (Vec<Span<'static>>, Vec<Span<'static>>) {
    let mut title: Vec<Span<'static>> = Vec::new();
    let steps: Vec<String> = app
        .trail
        .iter()
        .chain([&app.place])
        .map(|place| name(app, look, place))
        .collect();
    let last = steps.len().saturating_sub(1);
    for (at, step) in steps.into_iter().enumerate() {
        if at > 0 {
            title.push(look.span(format!(" {} ", look.glyphs.next), Role::Faint));
        }
        title.push(look.span(step, if at == last { Role::Title } else { Role::Dim }));
    }
    let table = app.table();
    let is_table = !matches!(app.place, Place::Device(_) | Place::View(ViewId::Tree));
    if is_table {
        let count = table.list.rows().len();
        let text = if count == table.all {
            format!(" {count}")
        } else {
            format!(" {count} of {}", table.all)
        };
        title.push(look.span(text, Role::Dim));
    }
    if table.has_filter() && !matches!(app.place, Place::Device(_)) {
        let role = if table.mistake.is_some() {
            Role::Critical
        } else {
            Role::Match
        };
        title.push(look.span(format!("  /{}", look.foreign(table.text.as_bytes())), role));
    }
    let mut remark = Vec::new();
    if app.place == Place::View(ViewId::Tree) {
        remark = tree_remark(app, look);
    } else if app.place == Place::View(ViewId::Events) {
        remark = rates(app, look);
    } else if let (Some(sort), true) = (&table.sort, is_table) {
        let sign = if sort.is_reversed {
            look.glyphs.down
        } else {
            look.glyphs.up
        };
        remark.push(look.span(
            format!("by {} {sign}", super::head_of(app.view(), sort.column)),
            Role::Dim,
        ));
    }
    (title, remark)
}

/// Where most changes are.
fn rates(app: &App, look: &Look) -> Vec<Span<'static>> {
    let Some(snapshot) = app.snapshot() else {
        return Vec::new();
    };
    let mut rates: Vec<_> = snapshot
        .activity
        .domains
        .iter()
        .filter(|(_, rate)| **rate > 0.0)
        .collect();
    rates.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let shown = rates.into_iter().take(3).map(|(id, rate)| {
        let name = look.cut(&look.foreign(snapshot.name_of(*id).as_bytes()), 16);
        format!("{name} {}/s", units::count(*rate))
    });
    let shown: Vec<String> = shown.collect();
    vec![look.span(shown.join(&format!(" {} ", look.glyphs.dot)), Role::Dim)]
}

fn tree_remark(app: &App, look: &Look) -> Vec<Span<'static>> {
    let nodes = app.tree.nodes();
    let mut parts = vec![format!("{} nodes", nodes.len())];
    let since = match app.tree.marked {
        Some(at) => format!("the mark {} ago", look.since(at)),
        None => "the start".into(),
    };
    let count = nodes.difference_count();
    if app.tree.only_changes || app.tree.marked.is_some() {
        parts.push(format!("{count} changed since {since}"));
    } else if count > 0 {
        parts.push(format!("{count} changed"));
    }
    let text = parts.join(&format!(" {} ", look.glyphs.dot));
    vec![look.span(text, Role::Dim)]
}

fn name(app: &App, look: &Look, place: &Place) -> String {
    let name_of = |id| match app.snapshot() {
        Some(snapshot) => look.foreign(snapshot.name_of(id).as_bytes()),
        None => id.to_string(),
    };
    match place {
        Place::View(ViewId::Tree) if app.tree.only_changes => "Changes".into(),
        Place::View(view) => view.title().into(),
        Place::Domain(id) => format!("Devices of {}", name_of(*id)),
        Place::Device(id) => {
            let label = app
                .snapshot()
                .and_then(|snapshot| snapshot.device(id))
                .map(|row| row.device.label());
            let label = label.unwrap_or_else(|| id.index().to_owned());
            let text = look.foreign(format!("{} {label}", id.kind()).as_bytes());
            format!("{} {text}", name_of(id.domain()))
        }
    }
}
