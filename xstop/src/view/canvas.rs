//! A part of the screen to draw on. Nothing outside it is ever touched, whatever is asked for.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use xenbus::device::history::{Age, Moment};

use crate::glyph::Glyphs;
use crate::text::{Charset, cut, printable, width};
use crate::theme::{Role, Theme};
use crate::units;

/// How long a change is shown as new.
pub const FRESH: Duration = Duration::from_secs(3);

/// How things look, and what time it is.
#[derive(Debug)]
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// Signs.
    pub glyphs: &'static Glyphs,
    /// Characters.
    pub charset: Charset,
    /// The moment of every age.
    pub now: Moment,
    /// In how long something that is shown will be shown otherwise.
    due: std::cell::Cell<Option<Duration>>,
}

impl Look {
    /// At this moment.
    pub fn new(theme: Theme, charset: Charset, now: Moment) -> Self {
        Self {
            theme,
            glyphs: Glyphs::of(charset),
            charset,
            now,
            due: std::cell::Cell::new(None),
        }
    }

    /// How a role looks.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// Text in a role.
    pub fn span(&self, text: impl Into<String>, role: Role) -> Span<'static> {
        Span::styled(text.into(), self.style(role))
    }

    /// Bytes that anybody may have written.
    pub fn foreign(&self, bytes: &[u8]) -> String {
        printable(bytes, self.charset)
    }

    /// The text, cut to these columns.
    pub fn cut(&self, text: &str, columns: usize) -> String {
        cut(text, columns, self.glyphs.cut).into_owned()
    }

    /// A length of time that goes on.
    pub fn elapsed(&self, time: Duration) -> String {
        let elapsed = units::elapsed(time);
        self.note_due(elapsed.until_next);
        elapsed.text
    }

    /// An age; `>` says that it is older than we know.
    pub fn age(&self, age: Option<Age>) -> String {
        match age {
            Some(age) => {
                let mark = if age.is_exact { "" } else { ">" };
                format!("{mark}{}", self.elapsed(age.seen))
            }
            None => self.glyphs.unknown.into(),
        }
    }

    /// The time since a moment.
    pub fn since(&self, moment: Moment) -> String {
        self.elapsed(self.now.since(moment))
    }

    /// Whether something that happened then is still new.
    pub fn is_fresh(&self, then: Moment) -> bool {
        let age = self.now.since(then);
        if age < FRESH {
            self.note_due(FRESH.saturating_sub(age));
        }
        age < FRESH
    }

    /// Something that is shown changes in so long.
    pub fn note_due(&self, due: Duration) {
        let sooner = self.due.get().map_or(due, |other| other.min(due));
        self.due.set(Some(sooner));
    }

    /// In how long something that is shown changes by itself.
    pub fn due(&self) -> Option<Duration> {
        self.due.get()
    }
}

/// A part of the screen.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    /// Where it is.
    pub area: Rect,
    /// How things look.
    pub look: &'a Look,
}

impl<'a> Canvas<'a> {
    /// The part of a buffer that is in this area.
    pub fn new(buffer: &'a mut Buffer, area: Rect, look: &'a Look) -> Self {
        let area = area.intersection(buffer.area);
        Self { buffer, area, look }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        usize::from(self.area.width)
    }

    /// Rows.
    pub fn height(&self) -> usize {
        usize::from(self.area.height)
    }

    /// A part of this part: left, top, width and height in it.
    pub fn part(&mut self, x: usize, y: usize, width: usize, height: usize) -> Canvas<'_> {
        let to = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let area = Rect {
            x: self.area.x.saturating_add(to(x)),
            y: self.area.y.saturating_add(to(y)),
            width: to(width),
            height: to(height),
        };
        let area = if x >= self.width() || y >= self.height() {
            Rect {
                width: 0,
                height: 0,
                ..self.area
            }
        } else {
            area.intersection(self.area)
        };
        Canvas {
            buffer: self.buffer,
            area,
            look: self.look,
        }
    }

    /// Puts text; what does not fit is cut with a mark. The column after it.
    pub fn put(&mut self, x: usize, y: usize, text: &str, role: Role) -> usize {
        self.put_styled(x, y, text, self.look.style(role))
    }

    /// Puts text in a style over what is there.
    pub fn put_styled(&mut self, x: usize, y: usize, text: &str, style: Style) -> usize {
        if x >= self.width() || y >= self.height() {
            return x;
        }
        let room = self.width() - x;
        let shown = cut(text, room, self.look.glyphs.cut);
        let (Ok(column), Ok(row)) = (u16::try_from(x), u16::try_from(y)) else {
            return x;
        };
        let (left, top) = (self.area.x + column, self.area.y + row);
        self.buffer.set_stringn(left, top, &*shown, room, style);
        x + width(&shown)
    }

    /// Puts text so that it ends before a column.
    pub fn put_right(&mut self, end: usize, y: usize, text: &str, role: Role) {
        let start = end.saturating_sub(width(text));
        self.put(start, y, text, role);
    }

    /// Puts spans one after the other. The column after them.
    pub fn put_spans(&mut self, x: usize, y: usize, spans: &[Span<'_>]) -> usize {
        let mut at = x;
        for span in spans {
            if at >= self.width() {
                break;
            }
            at = self.put_styled(at, y, &span.content, span.style);
        }
        at
    }

    /// Puts a line.
    pub fn put_line(&mut self, x: usize, y: usize, line: &Line<'_>) -> usize {
        self.put_spans(x, y, &line.spans)
    }

    /// Lays a style over a whole row.
    pub fn tint(&mut self, y: usize, role: Role) {
        if y < self.height() {
            let style = self.look.style(role);
            let row = self.part(0, y, self.width(), 1).area;
            self.buffer.set_style(row, style);
        }
    }

    /// Empties it.
    pub fn clear(&mut self) {
        for y in self.area.top()..self.area.bottom() {
            for x in self.area.left()..self.area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.reset();
                }
            }
        }
    }

    /// A box around it with a title and a remark at the right; what is inside.
    pub fn frame(&mut self, title: &[Span<'_>], remark: &[Span<'_>]) -> Canvas<'_> {
        let (w, h) = (self.width(), self.height());
        if w < 4 || h < 3 {
            return self.part(0, 0, w, h);
        }
        let g = self.look.glyphs;
        let [top_left, top_right, bottom_left, bottom_right] = g.corners;
        let line = g.line.repeat(w - 2);
        self.put(0, 0, &format!("{top_left}{line}{top_right}"), Role::Faint);
        for y in 1..h - 1 {
            self.put(0, y, g.bar, Role::Faint);
            self.put(w - 1, y, g.bar, Role::Faint);
        }
        self.put(
            0,
            h - 1,
            &format!("{bottom_left}{line}{bottom_right}"),
            Role::Faint,
        );
        let blank = |spans: &[Span<'_>]| spans.iter().map(Span::width).sum::<usize>();
        let mut end = 1;
        if !title.is_empty() {
            let mut head = self.part(2, 0, w.saturating_sub(4), 1);
            let at = head.put(0, 0, " ", Role::Text);
            let at = head.put_spans(at, 0, title);
            end = 2 + head.put(at, 0, " ", Role::Text);
        }
        let length = blank(remark) + 2;
        if !remark.is_empty() && end + length + 3 <= w {
            let mut tail = self.part(w - length - 2, 0, length, 1);
            let at = tail.put(0, 0, " ", Role::Text);
            let at = tail.put_spans(at, 0, remark);
            tail.put(at, 0, " ", Role::Text);
        }
        self.part(1, 1, w - 2, h - 2)
    }

    /// A scroll bar in the last column, if not everything is seen.
    pub fn scroll_bar(&mut self, first: usize, seen: usize, all: usize) {
        let height = self.height();
        if all <= seen || height < 2 || self.width() == 0 {
            return;
        }
        let [thumb, track] = self.look.glyphs.scroll;
        let length = (height * seen / all).clamp(1, height);
        let room = height - length;
        let start = (room * first).div_ceil((all - seen).max(1)).min(room);
        for y in 0..height {
            let is_thumb = (start..start + length).contains(&y);
            let (sign, role) = if is_thumb {
                (thumb, Role::Dim)
            } else {
                (track, Role::Faint)
            };
            self.put(self.width() - 1, y, sign, role);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::ThemeName;

    fn look() -> Look {
        Look::new(
            Theme::new(ThemeName::Mono),
            Charset::Unicode,
            Moment::default(),
        )
    }

    #[test]
    fn nothing_outside_is_touched() {
        let look = look();
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 3));
        let mut canvas = Canvas::new(&mut buffer, Rect::new(4, 1, 50, 50), &look);
        assert_eq!((canvas.width(), canvas.height()), (2, 2));
        canvas.put(0, 0, "日本", Role::Text);
        canvas.put(1, 9, "x", Role::Text);
        canvas.put(9, 0, "x", Role::Text);
        canvas.part(5, 5, 3, 3).put(0, 0, "x", Role::Text);
        canvas.tint(7, Role::Selected);
        assert_eq!(buffer, {
            let mut expected = Buffer::empty(Rect::new(0, 0, 6, 3));
            expected.set_string(4, 1, "…", Style::default());
            expected
        });
    }
}
