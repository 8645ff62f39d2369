//! The choice of a column to sort by.

use super::canvas::Canvas;
use crate::app::App;
use crate::theme::Role;

/// Draws it over the view.
pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, selected: usize) {
    let look = canvas.look;
    let names = super::sortable(app.view());
    let (columns, rows) = (canvas.width(), canvas.height());
    let w = columns.min(30);
    let h = (names.len() + 2).min(rows);
    let mut window = canvas.part((columns - w) / 2, (rows - h) / 2, w, h);
    window.clear();
    let title = [look.span("Sort by", Role::Title)];
    let mut inside = window.frame(&title, &[]);
    let height = inside.height();
    let first = (selected + 1).saturating_sub(height);
    let sort = app.table().sort.as_ref();
    for (y, name) in names.iter().skip(first).take(height).enumerate() {
        inside.put(2, y, name, Role::Text);
        if let Some(sort) = sort.filter(|sort| sort.column == *name) {
            let sign = if sort.is_reversed {
                look.glyphs.down
            } else {
                look.glyphs.up
            };
            let end = inside.width().saturating_sub(1);
            inside.put_right(end, y, sign, Role::Sorted);
        }
        if first + y == selected {
            inside.tint(y, Role::Selected);
            inside.put(0, y, look.glyphs.cursor, Role::Accent);
        }
    }
}
