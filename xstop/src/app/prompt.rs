//! One line that the user types.

use crate::key::Press;
use crate::text::width;

/// Most characters of a line.
const LENGTH: usize = 1024;

/// A line being typed.
#[derive(Clone, Debug, Default)]
pub struct Line {
    text: String,
    /// Byte at which the next character is put in.
    at: usize,
}

/// What came of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Typed {
    /// The text is another.
    Changed,
    /// Only the cursor moved, or nothing.
    Nothing,
    /// It is finished.
    Done,
    /// It is given up.
    Cancelled,
    /// It should be completed.
    Complete,
    /// The text before this one is wanted.
    Earlier,
    /// The text after this one is wanted.
    Later,
}

impl Line {
    /// A line that begins with this text.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            at: text.len(),
            text,
        }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Columns before the cursor.
    pub fn column(&self) -> usize {
        width(self.text.get(..self.at).unwrap_or_default())
    }

    /// Text that was pasted; only its first line, and nothing that is not printable.
    pub fn paste(&mut self, pasted: &str) -> Typed {
        let line = pasted.lines().next().unwrap_or_default();
        for c in line.chars() {
            self.insert(c);
        }
        Typed::Changed
    }

    /// A key.
    pub fn press(&mut self, press: Press) -> Typed {
        if let Some(c) = press.character() {
            return self.insert(c);
        }
        match press.to_string().as_str() {
            "Enter" => Typed::Done,
            "Esc" | "Ctrl-c" | "Ctrl-g" => Typed::Cancelled,
            "Backspace" => self.remove(self.before(self.at), self.at),
            "Delete" | "Ctrl-d" => self.remove(self.at, self.after(self.at)),
            "Ctrl-w" => self.remove(self.word_start(), self.at),
            "Ctrl-u" => self.remove(0, self.at),
            "Ctrl-k" => self.remove(self.at, self.text.len()),
            "Left" | "Ctrl-b" => self.go(self.before(self.at)),
            "Right" | "Ctrl-f" => self.go(self.after(self.at)),
            "Home" | "Ctrl-a" => self.go(0),
            "End" | "Ctrl-e" => self.go(self.text.len()),
            "Tab" => Typed::Complete,
            "Up" | "Ctrl-p" => Typed::Earlier,
            "Down" | "Ctrl-n" => Typed::Later,
            _ => Typed::Nothing,
        }
    }

    fn insert(&mut self, c: char) -> Typed {
        let is_shown = width(c.encode_utf8(&mut [0; 4])) > 0 && !c.is_control();
        if !is_shown || self.text.len() >= LENGTH {
            return Typed::Nothing;
        }
        self.text.insert(self.at, c);
        self.at += c.len_utf8();
        Typed::Changed
    }

    fn remove(&mut self, from: usize, to: usize) -> Typed {
        if from == to {
            return Typed::Nothing;
        }
        self.text.replace_range(from..to, "");
        self.at = from;
        Typed::Changed
    }

    fn go(&mut self, at: usize) -> Typed {
        self.at = at;
        Typed::Nothing
    }

    fn before(&self, at: usize) -> usize {
        let head = self.text.get(..at).unwrap_or_default();
        head.char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.chars().next().map_or(0, char::len_utf8)
    }

    fn word_start(&self) -> usize {
        let head = self.text.get(..self.at).unwrap_or_default();
        let trimmed = head.trim_end_matches([' ', '/']);
        trimmed.rfind([' ', '/']).map_or(0, |at| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn press(line: &mut Line, key: &str) -> Typed {
        line.press(Press::parse(key).unwrap())
    }

    #[test]
    fn a_line_is_edited_as_in_a_shell() {
        let mut line = Line::new("one two");
        press(&mut line, "Ctrl-w");
        assert_eq!(line.text(), "one ");
        for key in ["ü", "日", "Left", "Backspace", "x"] {
            press(&mut line, key);
        }
        assert_eq!((line.text(), line.column()), ("one x日", 5));
        assert_eq!(press(&mut line, "Enter"), Typed::Done);
        line.paste("a\x1b[31m\nsecond");
        assert_eq!(line.text(), "one xa[31m日");
        press(&mut line, "Ctrl-u");
        press(&mut line, "Ctrl-k");
        assert_eq!(line.text(), "");
    }

    proptest! {
        #[test]
        fn no_keys_make_it_panic(keys in prop::collection::vec(0_usize..12, 0..60), start: String) {
            let names = ["a", "日", "Left", "Right", "Home", "End", "Backspace", "Delete", "Ctrl-w", "Ctrl-u", "Ctrl-k", "/"];
            let mut line = Line::new(start);
            for key in keys {
                press(&mut line, names[key]);
                line.column();
            }
        }
    }
}
