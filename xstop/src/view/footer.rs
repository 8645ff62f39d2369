//! The last line: a line that is typed, a word to the user, or the keys that are of use here.

use super::canvas::Canvas;
use crate::app::{App, Overlay, Place, Purpose, ViewId};
use crate::key::Action;
use crate::text::width;
use crate::theme::Role;

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App) {
    if app.prompt.is_some() {
        draw_prompt(canvas, app);
    } else if let Some(notice) = &app.notice {
        let text = canvas.look.foreign(notice.text.as_bytes());
        canvas.put(1, 0, &text, notice.role);
    } else {
        for item in items(app, canvas.width()) {
            let x = canvas.put(item.x, 0, &item.key, Role::Key);
            canvas.put(x + 1, 0, item.label, Role::Dim);
        }
    }
}

fn draw_prompt(canvas: &mut Canvas<'_>, app: &App) {
    let Some(prompt) = &app.prompt else {
        return;
    };
    let look = canvas.look;
    let sign = match prompt.purpose {
        Purpose::Filter => "/",
        Purpose::Path => "go to ",
    };
    let start = canvas.put(0, 0, sign, Role::Key);
    let text = prompt.line.text();
    let columns = canvas.width();
    // A long line is seen around its cursor.
    let room = columns.saturating_sub(start + 1);
    let hidden = (prompt.line.column() + 1).saturating_sub(room.max(1));
    let (skip, skipped) = crate::text::fit(text, hidden);
    let shown = look.foreign(text.get(skip..).unwrap_or_default().as_bytes());
    let end = canvas.part(start, 0, room, 1).put(0, 0, &shown, Role::Text) + start;
    let mistake = app
        .table()
        .mistake
        .as_ref()
        .filter(|_| prompt.purpose == Purpose::Filter);
    if let Some(mistake) = mistake {
        let from = mistake.at.max(skip);
        let before = width(text.get(..from).unwrap_or_default()).saturating_sub(skipped);
        let wrong = look.foreign(text.get(from..).unwrap_or_default().as_bytes());
        canvas
            .part(start, 0, room, 1)
            .put(before, 0, &wrong, Role::Critical);
        canvas.put(
            end + 2,
            0,
            &look.foreign(mistake.reason.as_bytes()),
            Role::Critical,
        );
    } else if prompt.purpose == Purpose::Filter && !text.is_empty() {
        let table = app.table();
        let count = if app.place == Place::View(ViewId::Tree) {
            app.tree.list.rows().len()
        } else {
            table.list.rows().len()
        };
        canvas.put(end + 2, 0, &format!("{count} rows"), Role::Dim);
    } else if prompt.purpose == Purpose::Filter {
        canvas.put(
            end + 2,
            0,
            "text  /regex/  field:value  field:>5  !not",
            Role::Dim,
        );
    } else {
        canvas.put(end + 2, 0, "Tab completes", Role::Dim);
    }
    // The cursor is a cell turned round: the terminal's own stays hidden.
    let at = start + prompt.line.column().saturating_sub(skipped);
    canvas.part(at, 0, 1, 1).tint(0, Role::Selected);
    let style = ratatui::style::Style::new().add_modifier(ratatui::style::Modifier::REVERSED);
    let rest = text.get(skip..).unwrap_or_default();
    let under = crate::text::fit(rest, prompt.line.column().saturating_sub(skipped)).0;
    let sign = rest
        .get(under..)
        .and_then(|rest| rest.chars().next())
        .map_or(" ".into(), |c| c.to_string());
    canvas.put_styled(at, 0, &sign, style);
}

/// A key and what it does, where it stands.
struct Item {
    x: usize,
    key: String,
    label: &'static str,
    action: Action,
}

/// The keys that are of use here, as many as fit.
fn items(app: &App, columns: usize) -> Vec<Item> {
    let mut items = Vec::new();
    let mut x = 1;
    for action in wanted(app) {
        let rows = app.settings.keymap.rows();
        let Some((binding, keys)) = rows
            .into_iter()
            .find(|(binding, _)| binding.action == action)
        else {
            continue;
        };
        let Some(key) = keys.first() else {
            continue;
        };
        let key = key.to_string();
        let label = label(app, action).unwrap_or(binding.label);
        let length = width(&key) + 1 + width(label);
        if x + length > columns {
            break;
        }
        items.push(Item {
            x,
            key,
            label,
            action,
        });
        x += length + 2;
    }
    items
}

fn label(app: &App, action: Action) -> Option<&'static str> {
    match action {
        Action::Freeze if app.is_replay() => Some(if app.playing.is_paused {
            "play"
        } else {
            "pause"
        }),
        Action::Freeze if app.past.is_frozen() => Some("go on"),
        Action::Mouse if app.has_mouse => Some("mouse off"),
        Action::Hex if app.manner.is_hex => Some("text"),
        Action::Flat if app.tree.is_flat => Some("tree"),
        Action::Changes if app.tree.only_changes => Some("all"),
        Action::Back if app.table().has_filter() && !matches!(app.place, Place::Device(_)) => {
            Some("clear filter")
        }
        _ => None,
    }
}

fn wanted(app: &App) -> Vec<Action> {
    if let Some(overlay) = app.overlay {
        return match overlay {
            Overlay::Help { .. } => vec![Action::Back, Action::Down, Action::Up],
            Overlay::Sort { .. } => vec![
                Action::Open,
                Action::Reverse,
                Action::Back,
                Action::Down,
                Action::Up,
            ],
        };
    }
    let mut actions = vec![Action::Help];
    let is_deep = !app.trail.is_empty() || app.table().has_filter();
    match &app.place {
        Place::Device(_) => actions.extend([
            Action::Back,
            Action::Open,
            Action::Copy,
            Action::Hex,
            Action::Freeze,
        ]),
        Place::View(ViewId::Tree) => actions.extend([
            Action::Open,
            Action::Filter,
            Action::Jump,
            Action::Mark,
            Action::Changes,
            Action::Flat,
            Action::Hex,
            Action::Copy,
            Action::Freeze,
        ]),
        Place::View(ViewId::Events) => {
            actions.extend([
                Action::Open,
                Action::Filter,
                Action::Bottom,
                Action::Copy,
                Action::Freeze,
                Action::Earlier,
            ]);
        }
        _ => {
            if is_deep {
                actions.push(Action::Back);
            }
            actions.extend([
                Action::Open,
                Action::Filter,
                Action::Sort,
                Action::Reverse,
                Action::NextHit,
                Action::Freeze,
                Action::Earlier,
                Action::Later,
            ]);
        }
    }
    if app.past.is_frozen() {
        actions.insert(1, Action::Now);
        actions.extend([Action::Earlier, Action::Later]);
        let mut seen = Vec::new();
        actions.retain(|action| {
            !seen.contains(action) && {
                seen.push(*action);
                true
            }
        });
    }
    actions.extend([Action::NextView, Action::Mouse, Action::Theme]);
    // Leaving is never more than a look away.
    actions.insert(1, Action::Quit);
    actions
}

/// The action whose key stands at a column.
pub(super) fn key_at(app: &App, x: usize) -> Option<Action> {
    let columns = usize::from(app.size.0);
    let item = items(app, columns)
        .into_iter()
        .rev()
        .find(|item| item.x <= x)?;
    (x < item.x + width(&item.key) + 1 + width(item.label)).then_some(item.action)
}
