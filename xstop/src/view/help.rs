//! The help: every key, from the one table.

use ratatui::text::Span;

use super::canvas::{Canvas, Look};
use crate::app::App;
use crate::key::Scope;
use crate::theme::Role;

/// Draws it over everything.
pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, offset: usize) {
    let look = canvas.look;
    let (columns, rows) = (canvas.width(), canvas.height());
    let (w, h) = size(columns, rows);
    let mut window = canvas.part((columns - w) / 2, (rows - h) / 2, w, h);
    window.clear();
    let title = [look.span("Keys", Role::Title)];
    let remark = [look.span("Esc closes", Role::Dim)];
    let mut inside = window.frame(&title, &remark);
    let lines = lines(app, look);
    let height = inside.height();
    for (y, line) in lines.iter().skip(offset).take(height).enumerate() {
        inside.put_spans(1, y, line);
    }
    inside.scroll_bar(offset, height, lines.len());
}

fn size(columns: usize, rows: usize) -> (usize, usize) {
    (columns.min(92), rows.saturating_sub(2).max(rows.min(8)))
}

fn lines(app: &App, look: &Look) -> Vec<Vec<Span<'static>>> {
    let mut lines = Vec::new();
    for scope in [Scope::Everywhere, Scope::Table, Scope::Tree, Scope::Nodes] {
        if !lines.is_empty() {
            lines.push(Vec::new());
        }
        let words = scope.words();
        let mut head = words.get(..1).unwrap_or_default().to_uppercase();
        head.push_str(words.get(1..).unwrap_or_default());
        lines.push(vec![look.span(head, Role::Title)]);
        for (binding, keys) in app
            .settings
            .keymap
            .rows()
            .filter(|(binding, _)| binding.scope == scope)
        {
            let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
            let keys = if keys.is_empty() {
                "no key".into()
            } else {
                keys.join(" ")
            };
            lines.push(vec![
                look.span(format!("  {keys:<16} "), Role::Key),
                look.span(binding.help, Role::Text),
            ]);
        }
    }
    lines.push(Vec::new());
    lines.push(vec![look.span("Signs", Role::Title)]);
    let g = look.glyphs;
    for (sign, role, text) in [
        (g.ok, Role::Ok, "connected, or all is well"),
        (g.moving, Role::Info, "in a handshake"),
        (g.info, Role::Info, "worth knowing"),
        (
            g.warning,
            Role::Warning,
            "a warning; of an end, that it closes or is closed",
        ),
        (
            g.critical,
            Role::Critical,
            "something does not work; of an end, that it is missing",
        ),
        (g.unknown, Role::Dim, "not known, or there is none"),
        (
            ">",
            Role::Dim,
            "before an age: older than that, it was so when this began to watch",
        ),
    ] {
        lines.push(vec![
            look.span(format!("  {sign:<16} "), role),
            look.span(text, Role::Text),
        ]);
    }
    lines
}

/// The last line from which on the help can be shown.
pub fn last_offset(app: &App) -> usize {
    let look = super::look(app);
    let (_, h) = size(usize::from(app.size.0), usize::from(app.size.1));
    lines(app, &look).len().saturating_sub(h.saturating_sub(2))
}
