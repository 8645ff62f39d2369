//! The table of a view: heads, the rows that are seen, a scroll bar.

use ratatui::layout::{Position, Rect};

use super::canvas::Canvas;
use super::table::{Column, Scene, Sorted, draw_head, draw_row, head_at, layout};
use super::{Target, devices, domains, events, findings, heads, rings};
use crate::app::{App, Key, Table, ViewId};
use crate::column::RingRow;
use crate::model::Snapshot;
use crate::theme::Role;

/// Rows of the list in an area that also holds the heads.
pub(super) fn rows(area: Rect) -> usize {
    let height = usize::from(area.height);
    height.saturating_sub(usize::from(has_head(height)))
}

fn has_head(height: usize) -> bool {
    height >= 3
}

/// Draws the table of the view.
pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot) {
    let table = app.table();
    let scene = Scene {
        snapshot,
        look: canvas.look,
    };
    match app.view() {
        ViewId::Overview => sheet(canvas, &scene, table, domains::COLUMNS, |key| match key {
            Key::Domain(id) => snapshot.domain(*id).map(AsRef::as_ref),
            _ => None,
        }),
        ViewId::Devices => sheet(canvas, &scene, table, devices::COLUMNS, |key| match key {
            Key::Device(id) => snapshot.device(id).map(AsRef::as_ref),
            _ => None,
        }),
        ViewId::Rings => {
            let seen = window(canvas, table);
            let made: Vec<Option<RingRow>> = seen.iter().map(|key| ring(snapshot, key)).collect();
            let mut at = made.iter();
            sheet(canvas, &scene, table, rings::COLUMNS, |_| {
                at.next().and_then(Option::as_ref)
            });
        }
        ViewId::Findings => sheet(canvas, &scene, table, findings::COLUMNS, |key| match key {
            Key::Finding(name, subject) => {
                let mut rows = snapshot.findings.iter().map(AsRef::as_ref);
                rows.find(|row: &&crate::model::FindingRow| {
                    row.finding.id == *name && row.finding.subject == *subject
                })
            }
            _ => None,
        }),
        ViewId::Events => {
            let seen = window(canvas, table);
            // Numbers ascend, and what is seen is most often at the end.
            let first = seen.first().map_or(u64::MAX, number);
            let rows = snapshot
                .log
                .iter()
                .rev()
                .take_while(|row| row.number >= first);
            let mut rows: Vec<_> = rows.map(|row| app.witness.complete(row)).collect();
            rows.reverse();
            sheet(canvas, &scene, table, events::COLUMNS, |key| {
                let at = rows
                    .binary_search_by_key(&number(key), |row| row.number)
                    .ok()?;
                rows.get(at).map(AsRef::as_ref)
            });
        }
        ViewId::Tree => {}
    }
    if table.list.rows().is_empty() {
        let y = usize::from(has_head(canvas.height()));
        let text = match app.view() {
            _ if table.all > 0 => "nothing matches the filter",
            ViewId::Overview => "no domain so far",
            ViewId::Devices => "no device so far",
            ViewId::Rings => "no ring is announced",
            ViewId::Findings => "nothing is wrong",
            ViewId::Events | ViewId::Tree => "nothing has changed since this began to watch",
        };
        canvas.put(2, y, text, Role::Dim);
    }
}

fn number(key: &Key) -> u64 {
    match key {
        Key::Change(number) => *number,
        _ => u64::MAX,
    }
}

fn ring(snapshot: &Snapshot, key: &Key) -> Option<RingRow> {
    match key {
        Key::Ring(id, number) => Some(RingRow {
            device: std::sync::Arc::clone(snapshot.device(id)?),
            number: *number,
        }),
        _ => None,
    }
}

/// The keys of the rows that are seen.
fn window<'a>(canvas: &Canvas<'_>, table: &'a Table) -> &'a [Key] {
    let height = rows(canvas.area);
    let keys = table.list.rows();
    let first = table.list.offset().min(keys.len());
    &keys[first..(first + height).min(keys.len())]
}

fn sheet<'r, R: ?Sized + 'r>(
    canvas: &mut Canvas<'_>,
    scene: &Scene<'_>,
    table: &Table,
    columns: &[Column<R>],
    mut row_of: impl FnMut(&Key) -> Option<&'r R>,
) {
    let placed = layout(columns, canvas.width());
    let head = usize::from(has_head(canvas.height()));
    if head > 0 {
        let sorted = table.sort.as_ref().map(|sort| Sorted {
            name: sort.column,
            is_reversed: sort.is_reversed,
        });
        draw_head(canvas, columns, &placed, sorted);
    }
    let seen = window(canvas, table);
    let first = table.list.offset();
    for (at, key) in seen.iter().enumerate() {
        let y = head + at;
        if let Some(row) = row_of(key) {
            draw_row(canvas, y, columns, &placed, scene, row);
        }
        if first + at == table.list.cursor() {
            canvas.tint(y, Role::Selected);
            let sign = canvas.look.glyphs.cursor;
            canvas.put(0, y, sign, Role::Accent);
        }
    }
    let (w, height) = (canvas.width(), canvas.height() - head);
    canvas
        .part(0, head, w, height)
        .scroll_bar(first, height, table.list.rows().len());
}

/// What of a table is at a place of the screen.
pub(super) fn target(app: &App, area: Rect, at: Position) -> Option<Target> {
    if !area.contains(at) {
        return None;
    }
    let (x, y) = (usize::from(at.x - area.x), usize::from(at.y - area.y));
    let head = usize::from(has_head(usize::from(area.height)));
    if y < head {
        let head = head_at(&heads(app.view()), usize::from(area.width), x)?;
        return (!head.is_picture()).then_some(Target::Head(head.name));
    }
    let list = &app.table().list;
    let row = list.offset() + y - head;
    (row < list.rows().len()).then_some(Target::Row(row))
}
