//! Everything about one device.

mod ends;
mod findings;
mod keys;
mod rings;
mod timeline;
mod traffic;

use ratatui::text::Span;
use xenbus::StorePath;

use super::canvas::{Canvas, Look};
use crate::app::nodes::Nodes;
use crate::model::{DeviceRow, FindingRow, Snapshot};
use crate::theme::Role;

/// What is shown of a device.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The whole host, at the moment that is shown.
    pub snapshot: &'a Snapshot,
    /// The device.
    pub row: &'a DeviceRow,
    /// The frontend's directory as it is now.
    pub front: Option<&'a Nodes>,
    /// The backend's directory as it is now.
    pub back: Option<&'a Nodes>,
    /// Whether values are shown in hexadecimal.
    pub is_hex: bool,
}

/// A line of the description.
#[derive(Clone, Debug, Default)]
pub struct DocLine {
    /// What it says.
    pub spans: Vec<Span<'static>>,
    /// The node that it is about.
    pub path: Option<StorePath>,
}

/// The description: lines in one column or two.
#[derive(Clone, Debug, Default)]
pub struct Doc {
    /// All lines, the left column's first.
    pub lines: Vec<DocLine>,
    /// How many are in the left column; all, if there is only one.
    pub left: usize,
    /// Columns of the left column.
    pub columns: usize,
}

/// Columns from which on there are two columns.
const WIDE: usize = 120;

impl Doc {
    /// Describes a device in so many columns.
    pub fn new(subject: &Subject<'_>, look: &Look, columns: usize) -> Self {
        let is_wide = columns >= WIDE;
        let left_columns = if is_wide { columns / 2 } else { columns };
        let right_columns = if is_wide {
            columns - left_columns - 1
        } else {
            columns
        };
        let mut left = Page::new(look, left_columns);
        ends::write(&mut left, subject);
        findings::write(&mut left, subject);
        rings::write(&mut left, subject);
        traffic::write(&mut left, subject);
        timeline::write(&mut left, subject);
        let mut right = Page::new(look, right_columns);
        keys::write(&mut right, subject);
        let count = left.lines.len();
        let mut lines = left.lines;
        if !is_wide && !right.lines.is_empty() {
            lines.push(DocLine::default());
        }
        lines.extend(right.lines);
        Self {
            left: if is_wide { count } else { lines.len() },
            columns: left_columns,
            lines,
        }
    }

    /// Draws it: the cursor's line, and for each column its first line.
    pub fn draw(&self, canvas: &mut Canvas<'_>, cursor: usize, offsets: [usize; 2]) {
        let (w, h) = (canvas.width(), canvas.height());
        let (left, right) = self.lines.split_at(self.left.min(self.lines.len()));
        let width = self.columns.min(w);
        draw_column(&mut canvas.part(0, 0, width, h), left, cursor, offsets[0]);
        if !right.is_empty() {
            let bar = canvas.look.glyphs.bar;
            for y in 0..h {
                canvas.put(width, y, bar, Role::Faint);
            }
            let cursor = cursor.checked_sub(self.left).unwrap_or(usize::MAX);
            let rest = w.saturating_sub(width + 1);
            draw_column(
                &mut canvas.part(width + 1, 0, rest, h),
                right,
                cursor,
                offsets[1],
            );
        }
    }

    /// The columns' first lines, moved so that the cursor is seen.
    pub fn settle(&self, cursor: usize, mut offsets: [usize; 2], height: usize) -> [usize; 2] {
        let height = height.max(1);
        let counts = [self.left, self.lines.len() - self.left];
        let (column, at) = match cursor.checked_sub(self.left) {
            Some(at) if counts[1] > 0 => (1, at),
            _ => (0, cursor),
        };
        let lowest = (at + 1).saturating_sub(height);
        offsets[column] = offsets[column].clamp(lowest, at.max(lowest));
        for (offset, count) in offsets.iter_mut().zip(counts) {
            *offset = (*offset).min(count.saturating_sub(height));
        }
        offsets
    }
}

fn draw_column(canvas: &mut Canvas<'_>, lines: &[DocLine], cursor: usize, offset: usize) {
    let height = canvas.height();
    for (y, line) in lines.iter().skip(offset).take(height).enumerate() {
        canvas.put_spans(1, y, &line.spans);
        if offset + y == cursor {
            canvas.tint(y, Role::Selected);
            let sign = canvas.look.glyphs.cursor;
            canvas.put(0, y, sign, Role::Accent);
        }
    }
    canvas.scroll_bar(offset, height, lines.len());
}

/// One finding in full, in so many columns.
pub fn finding(look: &Look, found: &FindingRow, columns: usize) -> Vec<DocLine> {
    let mut page = Page::new(look, columns);
    findings::one(&mut page, &found.finding, &look.age(found.age(look.now)));
    page.lines
}

/// Lines being written.
struct Page<'a> {
    look: &'a Look,
    /// Columns for text.
    columns: usize,
    lines: Vec<DocLine>,
}

impl<'a> Page<'a> {
    fn new(look: &'a Look, columns: usize) -> Self {
        Self {
            look,
            // One for the cursor, one for the scroll bar.
            columns: columns.saturating_sub(2),
            lines: Vec::new(),
        }
    }

    fn head(&mut self, title: &str) {
        if !self.lines.is_empty() {
            self.lines.push(DocLine::default());
        }
        let g = self.look.glyphs;
        let rest = self
            .columns
            .saturating_sub(title.len() + 1)
            .min(self.columns);
        self.say(vec![
            self.look.span(format!("{title} "), Role::Title),
            self.look.span(g.line.repeat(rest), Role::Faint),
        ]);
    }

    fn say(&mut self, spans: Vec<Span<'static>>) {
        self.lines.push(DocLine { spans, path: None });
    }

    fn say_of(&mut self, path: &StorePath, spans: Vec<Span<'static>>) {
        self.lines.push(DocLine {
            spans,
            path: Some(path.clone()),
        });
    }

    fn text(&mut self, text: &str, role: Role, indent: usize) {
        let room = self.columns.saturating_sub(indent).max(10);
        for line in crate::text::wrap(text, room) {
            self.say(vec![
                self.look
                    .span(format!("{}{line}", " ".repeat(indent)), role),
            ]);
        }
    }
}
