//! The store, browsed.

use ratatui::text::Span;
use xenbus::StorePath;
use xenbus::device::explain;
use xenbus::mirror::Mirrored;
use xenbus::perms::{Access, Perms};
use xenbus::tree::Field;

use super::canvas::{Canvas, Look};
use super::cell::meaning;
use crate::app::nodes::{Condition, Difference, Nodes};
use crate::app::tree::Tree;
use crate::filter::Filter;
use crate::text::{cut_start, fit, width, wrap};
use crate::theme::Role;

/// How values are shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Manner {
    /// In hexadecimal.
    pub is_hex: bool,
    /// In a larger pane.
    pub is_expanded: bool,
}

/// Columns from which on the pane for the value is at the right.
const WIDE: usize = 110;

/// Where list and pane are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Split {
    /// Columns and rows of the list.
    pub list: (usize, usize),
    /// Left, top, columns and rows of the pane, if there is room for one.
    pub pane: Option<(usize, usize, usize, usize)>,
}

/// Divides the room.
pub fn split(columns: usize, rows: usize, is_expanded: bool) -> Split {
    if columns >= WIDE && rows >= 4 {
        let pane = if is_expanded {
            columns / 2
        } else {
            columns * 3 / 8
        };
        let list = columns - pane - 1;
        return Split {
            list: (list, rows),
            pane: Some((list + 1, 0, pane, rows)),
        };
    }
    let pane = if is_expanded {
        rows / 2
    } else {
        (rows / 3).min(7)
    };
    if pane < 3 {
        return Split {
            list: (columns, rows),
            pane: None,
        };
    }
    let list = rows - pane;
    Split {
        list: (columns, list),
        pane: Some((0, list, columns, pane)),
    }
}

/// Draws the tree.
pub fn draw(canvas: &mut Canvas<'_>, tree: &Tree, filter: &Filter, manner: Manner) {
    let (columns, rows) = (canvas.width(), canvas.height());
    let split = split(columns, rows, manner.is_expanded);
    let mut list = canvas.part(0, 0, split.list.0, split.list.1);
    draw_list(&mut list, tree, filter);
    if let Some((x, y, w, h)) = split.pane {
        let mut pane = canvas.part(x, y, w, h);
        if y > 0 {
            let line = pane.look.glyphs.line.repeat(w);
            pane.put(0, 0, &line, Role::Faint);
            draw_pane(&mut pane.part(0, 1, w, h - 1), tree, manner);
        } else {
            for row in 0..h {
                let bar = pane.look.glyphs.bar;
                pane.put(0, row, bar, Role::Faint);
            }
            draw_pane(&mut pane.part(2, 0, w.saturating_sub(2), h), tree, manner);
        }
    }
}

fn draw_list(canvas: &mut Canvas<'_>, tree: &Tree, filter: &Filter) {
    let nodes = tree.nodes();
    let rows = tree.list.rows();
    if rows.is_empty() {
        canvas.put(1, 0, &nothing(tree, filter), Role::Dim);
        return;
    }
    let height = canvas.height();
    let first = tree.list.offset();
    for (y, path) in rows.iter().skip(first).take(height).enumerate() {
        draw_row(canvas, y, tree, nodes, path, filter);
        if first + y == tree.list.cursor() {
            canvas.tint(y, Role::Selected);
            let cursor = canvas.look.glyphs.cursor;
            canvas.put(0, y, cursor, Role::Accent);
        }
    }
    canvas.scroll_bar(first, height, rows.len());
}

fn nothing(tree: &Tree, filter: &Filter) -> String {
    match tree.nodes().condition() {
        Condition::Waiting => "reading the store".into(),
        Condition::Failed(why) => format!("cannot be read: {why}"),
        _ if !filter.is_empty() => "nothing matches the filter".into(),
        _ if tree.only_changes => "nothing has changed since the mark".into(),
        _ => "nothing here".into(),
    }
}

fn draw_row(
    canvas: &mut Canvas<'_>,
    y: usize,
    tree: &Tree,
    nodes: &Nodes,
    path: &StorePath,
    filter: &Filter,
) {
    let look = canvas.look;
    let g = look.glyphs;
    let node = nodes.get(path);
    let difference = nodes.difference(path);
    let (sign, role) = match difference {
        Some(Difference::Added) => (g.added, Role::Added),
        Some(Difference::Removed) => (g.removed, Role::Removed),
        Some(Difference::Changed) => (g.changed, Role::Changed),
        None => (" ", Role::Text),
    };
    canvas.put(1, y, sign, role);
    let is_fresh = nodes.changed_at(path).is_some_and(|at| look.is_fresh(at));
    let is_list = tree.is_flat || tree.only_changes;
    let mut x = 3 + 2 * tree.indent(path);
    let has_children = nodes.has_children(path);
    if !is_list {
        let fold = match (has_children, tree.is_open(path) || !filter.is_empty()) {
            (true, true) => g.open,
            (true, false) => g.closed,
            (false, _) => " ",
        };
        canvas.put(x, y, fold, Role::Dim);
        x += 2;
    }
    let name = if is_list {
        path.as_str()
    } else {
        path.name().unwrap_or("/")
    };
    let room = canvas.width().saturating_sub(x + 1);
    // The value should be seen, too.
    let name = cut_start(name, room.saturating_sub(12).max(room / 2), g.cut).into_owned();
    let name_role = match (is_fresh, difference) {
        (_, Some(Difference::Removed)) => Role::Removed,
        (true, _) => Role::Changed,
        (false, _) if has_children => Role::Accent,
        _ => Role::Text,
    };
    let end = canvas.put(x, y, &name, name_role);
    if let Some(found) = filter.first_match(&name) {
        let at = x + width(name.get(..found.start).unwrap_or_default());
        canvas.put(at, y, name.get(found).unwrap_or_default(), Role::Match);
    }
    let x = (end + 2).max(if is_list {
        0
    } else {
        36.min(canvas.width() / 2)
    });
    let room = canvas.width().saturating_sub(x + 1);
    let before = nodes.before(path).filter(|_| tree.only_changes);
    let mut spans = Vec::new();
    if let Some(before) = before {
        spans.extend(value(look, before, Role::Dim));
        spans.push(look.span(format!(" {} ", g.arrow), Role::Dim));
    }
    match node {
        Some(node) => spans.extend(value(
            look,
            node,
            if is_fresh { Role::Changed } else { Role::Text },
        )),
        None => spans.push(look.span("gone", Role::Removed)),
    }
    canvas.part(x, y, room, 1).put_spans(0, 0, &spans);
}

fn value(look: &Look, node: &Mirrored, role: Role) -> Vec<Span<'static>> {
    match &node.value {
        Field::Known(value) if value.is_empty() => Vec::new(),
        Field::Known(value) => {
            let head = &value[..value.len().min(512)];
            let mut spans = vec![look.span(look.foreign(head), role)];
            if let Some(says) = meaning(&node.path, value) {
                spans.push(look.span(format!("  {says}"), Role::Dim));
            }
            spans
        }
        Field::Denied => vec![look.span("not readable for us", Role::Dim)],
        Field::Unasked => Vec::new(),
    }
}

/// What is known of the selected node.
fn draw_pane(canvas: &mut Canvas<'_>, tree: &Tree, manner: Manner) {
    let Some(path) = tree.selected() else {
        return;
    };
    let look = canvas.look;
    let lines = pane(look, tree.nodes(), path, manner, canvas.width());
    for (y, spans) in lines.iter().take(canvas.height()).enumerate() {
        canvas.put_spans(0, y, spans);
    }
    if lines.len() > canvas.height() && canvas.height() > 0 {
        let more = lines.len() - canvas.height();
        let (w, y) = (canvas.width(), canvas.height() - 1);
        canvas.put_right(w, y, &format!(" {more} more lines"), Role::Dim);
    }
}

fn pane(
    look: &Look,
    nodes: &Nodes,
    path: &StorePath,
    manner: Manner,
    columns: usize,
) -> Vec<Vec<Span<'static>>> {
    let mut lines = Vec::new();
    let shown = cut_start(path.as_str(), columns, look.glyphs.cut).into_owned();
    lines.push(vec![look.span(shown, Role::Title)]);
    let known = nodes
        .get(path)
        .and_then(|node| explain(path, node.value.known().map(Vec::as_slice)));
    let Some(node) = nodes.get(path) else {
        let before = nodes
            .before(path)
            .map_or_else(Vec::new, |node| value(look, node, Role::Dim));
        lines.push([vec![look.span("gone; it was ", Role::Removed)], before].concat());
        return lines;
    };
    let mut facts = vec![match &node.value {
        Field::Known(value) if value.is_empty() => look.span("empty", Role::Dim),
        Field::Known(value) if value.len() == 1 => look.span("1 byte", Role::Dim),
        Field::Known(value) => look.span(format!("{} bytes", value.len()), Role::Dim),
        Field::Denied => look.span("not readable for us", Role::Warning),
        Field::Unasked => look.span("not asked for", Role::Dim),
    }];
    if let Some(at) = nodes.changed_at(path) {
        let text = format!("  changed {} ago", look.since(at));
        facts.push(look.span(
            text,
            if look.is_fresh(at) {
                Role::Changed
            } else {
                Role::Dim
            },
        ));
    }
    if let Some(says) = known.as_ref().and_then(|known| known.says.clone()) {
        facts.push(look.span(format!("  {says}"), Role::Info));
    }
    lines.push(facts);
    if let Field::Known(bytes) = &node.value {
        if manner.is_hex {
            lines.extend(hex(look, bytes, columns));
        } else if !bytes.is_empty() {
            let text = look.foreign(bytes);
            lines.extend(
                fold(&text, columns)
                    .into_iter()
                    .map(|line| vec![look.span(line, Role::Text)]),
            );
        }
    }
    match &node.perms {
        Field::Known(perms) => {
            let raw = vec![look.span(format!("{perms}  "), Role::Accent)];
            let words = wrap(
                &words(perms),
                columns
                    .saturating_sub(width(&perms.to_string()) + 2)
                    .max(20),
            );
            for (at, line) in words.into_iter().enumerate() {
                let head = if at == 0 {
                    raw.clone()
                } else {
                    vec![look.span("  ", Role::Text)]
                };
                lines.push([head, vec![look.span(line, Role::Dim)]].concat());
            }
        }
        Field::Denied => lines.push(vec![
            look.span("permissions not readable for us", Role::Dim),
        ]),
        Field::Unasked => {}
    }
    if let Some(known) = known {
        let text = format!("{} Written by {}.", known.meaning, known.writer);
        lines.extend(
            wrap(&text, columns)
                .into_iter()
                .map(|line| vec![look.span(line, Role::Text)]),
        );
    }
    lines
}

/// Text in lines of so many columns, broken anywhere.
fn fold(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (at, _) = fit(rest, columns.max(2));
        let (line, next) = rest.split_at(at.max(1).min(rest.len()));
        lines.push(line.to_owned());
        rest = next;
    }
    lines
}

/// Bytes as numbers and as text, eight or sixteen a line.
fn hex(look: &Look, bytes: &[u8], columns: usize) -> Vec<Vec<Span<'static>>> {
    let per_line = if columns >= 76 { 16 } else { 8 };
    let lines = bytes.chunks(per_line).enumerate();
    lines
        .map(|(at, chunk)| {
            let numbers: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
            let text: String = chunk
                .iter()
                .map(|byte| {
                    if (0x20..0x7F).contains(byte) {
                        char::from(*byte)
                    } else {
                        '.'
                    }
                })
                .collect();
            vec![
                look.span(format!("{:04x}  ", at * per_line), Role::Dim),
                look.span(
                    format!("{:<width$}  ", numbers.join(" "), width = per_line * 3 - 1),
                    Role::Text,
                ),
                look.span(text, Role::Dim),
            ]
        })
        .collect()
}

/// Permissions in words.
fn words(perms: &Perms) -> String {
    let may = |access: Access| match (access.can_read(), access.can_write()) {
        (true, true) => "read and write",
        (true, false) => "read",
        (false, true) => "write",
        (false, false) => "do nothing",
    };
    let mut words = format!(
        "domain {} owns it; others may {}",
        perms.owner(),
        may(perms.default_access())
    );
    for entry in perms.entries().skip(1) {
        words = format!("{words}; domain {} may {}", entry.domid, may(entry.access));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_put_in_words() {
        let words = words(&Perms::parse("n0,r5,b7").unwrap());
        assert_eq!(
            words,
            "domain 0 owns it; others may do nothing; domain 5 may read; domain 7 may read and write"
        );
    }

    #[test]
    fn the_room_is_always_divided_within_itself() {
        for columns in 0..200 {
            for rows in 0..60 {
                for is_expanded in [false, true] {
                    let split = split(columns, rows, is_expanded);
                    assert!(split.list.0 <= columns && split.list.1 <= rows);
                    if let Some((x, y, w, h)) = split.pane {
                        assert!(x + w <= columns && y + h <= rows && h >= 3);
                    }
                }
            }
        }
    }
}
