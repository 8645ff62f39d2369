//! The host at a glance: the store, the devices, what changes, the domains, the worst findings.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::text::Span;
use xenbus::device::Severity;

use super::canvas::{Canvas, Look};
use super::cell::{severity_role, severity_sign};
use super::picture::{chart_row, spark};
use super::sheet;
use super::table::Scene;
use crate::app::App;
use crate::model::{self, Counts, Snapshot};
use crate::theme::Role;
use crate::units;

/// Where the parts are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    /// Facts about the host.
    host: Option<Rect>,
    /// What changes.
    activity: Option<Rect>,
    /// The box around the domains.
    frame: Option<Rect>,
    /// The table of domains.
    pub(super) domains: Rect,
    /// The worst findings.
    findings: Option<Rect>,
    /// The latest changes.
    changes: Option<Rect>,
}

/// Lines in the box about the host.
const HOST: u16 = 4;

/// Divides the room.
pub(super) fn parts(body: Rect, app: &App) -> Parts {
    let is_roomy = body.width >= 60 && body.height >= 14;
    if !is_roomy {
        return Parts {
            domains: body,
            ..Parts::default()
        };
    }
    let top = HOST + 2;
    let is_wide = body.width >= 120;
    let left = if is_wide {
        body.width * 5 / 8
    } else {
        body.width
    };
    let host = Rect {
        width: left,
        height: top,
        ..body
    };
    let activity = is_wide.then_some(Rect {
        x: body.x + left,
        width: body.width - left,
        height: top,
        ..body
    });
    let found = app.snapshot().map_or(0, |snapshot| snapshot.findings.len());
    let found = u16::try_from(found).unwrap_or(u16::MAX);
    // The domains need most of the room.
    let most = (body.height - top) / 3;
    let findings = if found > 0 && most >= 3 {
        found.saturating_add(2).min(most)
    } else {
        0
    };
    let rest = body.height - top - findings;
    // What the domains do not need shows what changes; that may need less, too.
    let domains = app.snapshot().map_or(0, |snapshot| snapshot.domains.len());
    let need = u16::try_from(domains).unwrap_or(u16::MAX).saturating_add(4);
    let changes = rest.saturating_sub(need);
    let changes = if changes >= 5 { changes } else { 0 };
    let frame = Rect {
        y: body.y + top,
        height: rest - changes,
        ..body
    };
    Parts {
        host: Some(host),
        activity,
        frame: Some(frame),
        domains: Rect {
            x: frame.x + 1,
            y: frame.y + 1,
            width: frame.width.saturating_sub(2),
            height: frame.height.saturating_sub(2),
        },
        findings: (findings > 0).then_some(Rect {
            y: frame.y + frame.height,
            height: findings,
            ..body
        }),
        changes: (changes > 0).then_some(Rect {
            y: frame.y + frame.height + findings,
            height: changes,
            ..body
        }),
    }
}

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot) {
    let look = canvas.look;
    let parts = parts(canvas.area, app);
    let origin = canvas.area;
    let at = |area: Rect| {
        let (x, y) = (
            usize::from(area.x - origin.x),
            usize::from(area.y - origin.y),
        );
        (x, y, usize::from(area.width), usize::from(area.height))
    };
    if let Some(area) = parts.host {
        let (x, y, w, h) = at(area);
        let mut part = canvas.part(x, y, w, h);
        let mut inside = part.frame(&[look.span("Host", Role::Title)], &[]);
        let lines = host(
            look,
            app,
            snapshot,
            inside.width().saturating_sub(2),
            parts.activity.is_none(),
        );
        for (y, line) in lines.iter().enumerate() {
            inside.put_spans(1, y, line);
        }
    }
    if let Some(area) = parts.activity {
        let (x, y, w, h) = at(area);
        let mut part = canvas.part(x, y, w, h);
        let now = [look.span(
            format!("{}/s", units::count(snapshot.activity.total)),
            Role::Text,
        )];
        let mut inside = part.frame(&[look.span("Changes in the store", Role::Title)], &now);
        draw_activity(&mut inside, app);
    }
    if let Some(area) = parts.frame {
        let (x, y, w, h) = at(area);
        let mut title = vec![look.span("Domains", Role::Title)];
        let table = app.table();
        let count = table.list.rows().len();
        let text = if count == table.all {
            format!(" {count}")
        } else {
            format!(" {count} of {}", table.all)
        };
        title.push(look.span(text, Role::Dim));
        if table.has_filter() {
            let role = if table.mistake.is_some() {
                Role::Critical
            } else {
                Role::Match
            };
            title.push(look.span(format!("  /{}", look.foreign(table.text.as_bytes())), role));
        }
        canvas.part(x, y, w, h).frame(&title, &[]);
    }
    let (x, y, w, h) = at(parts.domains);
    sheet::draw(&mut canvas.part(x, y, w, h), app, snapshot);
    if let Some(area) = parts.changes {
        let (x, y, w, h) = at(area);
        let mut part = canvas.part(x, y, w, h);
        let mut inside = part.frame(&[look.span("Latest changes", Role::Title)], &[]);
        draw_changes(&mut inside, app, snapshot);
    }
    if let Some(area) = parts.findings {
        let (x, y, w, h) = at(area);
        let mut part = canvas.part(x, y, w, h);
        let mut title = vec![look.span("Findings", Role::Title)];
        let count = snapshot.findings.len();
        title.push(look.span(format!(" {count}"), Role::Dim));
        let mut inside = part.frame(&title, &[]);
        let scene = Scene { snapshot, look };
        let columns = super::findings::COLUMNS;
        let placed = super::table::layout(columns, inside.width());
        for (y, row) in snapshot.findings.iter().take(inside.height()).enumerate() {
            super::table::draw_row(&mut inside, y, columns, &placed, &scene, row.as_ref());
        }
    }
}

/// The latest changes, the last at the bottom.
fn draw_changes(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot) {
    let look = canvas.look;
    let scene = Scene { snapshot, look };
    let columns = super::events::COLUMNS;
    let placed = super::table::layout(columns, canvas.width());
    let height = canvas.height();
    let latest: Vec<_> = snapshot.log.iter().rev().take(height).collect();
    if latest.is_empty() {
        canvas.put(
            1,
            0,
            "nothing has changed since this began to watch",
            Role::Dim,
        );
    }
    for (y, row) in latest.iter().rev().enumerate() {
        let row = app.witness.complete(row);
        super::table::draw_row(canvas, y, columns, &placed, &scene, &*row);
    }
}

fn host(
    look: &Look,
    app: &App,
    snapshot: &Snapshot,
    columns: usize,
    has_sparkline: bool,
) -> Vec<Vec<Span<'static>>> {
    let link = &snapshot.link;
    let label = |text: &str| look.span(format!("{text:<9}"), Role::Dim);
    let mut store = vec![label("store")];
    let daemon = link.daemon.unwrap_or("a daemon that does not say which");
    store.push(look.span(daemon, Role::Text));
    if let Some(version) = &link.xen_version {
        store.push(look.span(
            format!("  Xen {}", look.foreign(version.as_bytes())),
            Role::Text,
        ));
    }
    store.push(look.span(
        format!("  {}", look.foreign(link.address.as_bytes())),
        Role::Dim,
    ));
    let mut watch = vec![label("watched")];
    if let model::Scope::Domain(id) = link.scope {
        watch.push(look.span(
            format!("as domain {id}, only what it may see  "),
            Role::Warning,
        ));
    }
    watch.push(look.span(format!("for {}", look.since(link.since)), Role::Text));
    watch.push(look.span(format!("  {} nodes", link.nodes), Role::Dim));
    watch.push(look.span(
        format!("  counters every {:.1} s", app.interval.as_secs_f64()),
        Role::Dim,
    ));
    if let Some(stale) = &link.stale {
        watch.push(look.span(
            format!("  {}", look.foreign(stale.why.as_bytes())),
            Role::Critical,
        ));
    }
    let words = conditions(look, app.summary().counts);
    let length: usize = words.iter().map(Span::width).sum();
    let mut devices = vec![label("devices")];
    devices.extend(health_bar(
        look,
        app.summary().counts,
        columns.saturating_sub(9 + length).min(50),
    ));
    devices.extend(words);
    let mut trouble = vec![label("findings")];
    let mut is_well = true;
    for (severity, word) in [
        (Severity::Critical, "critical"),
        (Severity::Warning, "warning"),
        (Severity::Info, "info"),
    ] {
        let count = app.summary().findings_at(severity);
        if count > 0 {
            is_well = false;
            let sign = severity_sign(look, Some(severity));
            trouble.push(look.span(format!("{sign} {count}"), severity_role(Some(severity))));
            trouble.push(look.span(format!(" {word}  "), Role::Dim));
        }
    }
    if is_well {
        trouble.push(look.span("none", Role::Ok));
    }
    if has_sparkline {
        let used: usize = trouble.iter().map(Span::width).sum();
        let room = columns.saturating_sub(used + 22).min(30);
        trouble.push(look.span("  changes ", Role::Dim));
        trouble.push(spark(look, room, &changes(app, room)));
        trouble.push(look.span(
            format!(" {}/s", units::count(snapshot.activity.total)),
            Role::Text,
        ));
    }
    vec![store, watch, devices, trouble]
}

/// How many devices are in which condition, in words.
fn conditions(look: &Look, counts: Counts) -> Vec<Span<'static>> {
    let words = [
        (counts.connected, look.glyphs.ok, "connected", Role::Ok),
        (
            counts.connecting,
            look.glyphs.moving,
            "connecting",
            Role::Info,
        ),
        (
            counts.closing,
            look.glyphs.warning,
            "closing",
            Role::Warning,
        ),
        (
            counts.broken,
            look.glyphs.critical,
            "broken",
            Role::Critical,
        ),
        (counts.hidden, look.glyphs.unknown, "hidden", Role::Dim),
    ];
    let shown = words.into_iter().filter(|(count, ..)| *count > 0);
    let spans = shown.flat_map(|(count, sign, word, role)| {
        [
            look.span(format!("  {sign} {count}"), role),
            look.span(format!(" {word}"), Role::Dim),
        ]
    });
    spans.collect()
}

/// Changes per second at each of the last seconds that are kept, the latest last.
fn changes(app: &App, count: usize) -> Vec<Option<f64>> {
    let mut moments = app.past.up_to_shown().rev().peekable();
    let Some(mut at) = moments.peek().map(|latest| latest.now.0) else {
        return Vec::new();
    };
    let mut rates = Vec::new();
    while rates.len() < count {
        while moments.next_if(|moment| moment.now.0 > at).is_some() {}
        let Some(moment) = moments.peek() else {
            break;
        };
        rates.push(Some(moment.activity.total));
        let Some(before) = at.checked_sub(Duration::from_secs(1)) else {
            break;
        };
        at = before;
    }
    rates.reverse();
    rates
}

/// All devices as one bar, by their condition.
fn health_bar(look: &Look, counts: Counts, columns: usize) -> Vec<Span<'static>> {
    let parts = [
        (counts.connected, Role::Ok, look.glyphs.filled.last()),
        (counts.connecting, Role::Info, Some(&look.glyphs.moving)),
        (counts.closing, Role::Warning, Some(&look.glyphs.warning)),
        (counts.broken, Role::Critical, Some(&look.glyphs.critical)),
        (counts.hidden, Role::Dim, Some(&look.glyphs.unknown)),
    ];
    let total = counts.total.max(1);
    let kinds = parts.iter().filter(|(count, ..)| *count > 0).count();
    // Each kind that there is gets a column at least.
    let room = columns.saturating_sub(kinds);
    let mut spans = Vec::new();
    let mut used = 0;
    for (count, role, sign) in parts {
        if count > 0 {
            let own = 1 + room * count / total;
            used += own;
            spans.push(look.span(sign.copied().unwrap_or_default().repeat(own), role));
        }
    }
    if let Some(first) = spans.first_mut() {
        let sign = look.glyphs.filled.last().copied().unwrap_or_default();
        if counts.connected > 0 {
            first
                .content
                .to_mut()
                .push_str(&sign.repeat(columns.saturating_sub(used)));
        }
    }
    spans
}

fn draw_activity(canvas: &mut Canvas<'_>, app: &App) {
    let look = canvas.look;
    let columns = canvas.width().saturating_sub(2);
    let rows = canvas.height();
    let samples = changes(app, columns);
    let most = samples.iter().flatten().copied().fold(0.0, f64::max);
    if most <= 0.0 {
        canvas.put(1, 0, "nothing has changed so far", Role::Dim);
        return;
    }
    for row in 0..rows {
        let line = chart_row(look, columns, rows, row, &samples, most);
        canvas.put_spans(1, row, &[line]);
    }
    let label = format!("peak {}/s ", units::count(most));
    canvas.put(1, 0, &label, Role::Dim);
}
