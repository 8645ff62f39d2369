//! Text for a terminal: what others wrote is made harmless, then measured and cut by its width in columns.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use xenbus::value::escape;

/// Which characters the terminal can show.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Charset {
    /// Any.
    #[default]
    Unicode,
    /// Printable ASCII only.
    Ascii,
}

/// Bytes that anybody may have chosen, as text of one line: characters that a terminal shows in a cell of their own
/// stay, everything else (control characters, combining and invisible ones, invalid UTF-8) is escaped.
pub fn printable(bytes: &[u8], charset: Charset) -> String {
    if charset == Charset::Ascii {
        return escape(bytes).to_string();
    }
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_ascii() || !stands_alone(c) {
                let mut utf8 = [0; 4];
                shown.push_str(&escape(c.encode_utf8(&mut utf8).as_bytes()).to_string());
            } else {
                shown.push(c);
            }
        }
        shown.push_str(&escape(chunk.invalid()).to_string());
    }
    shown
}

/// Whether a character takes a fixed, visible place and changes nothing around it.
fn stands_alone(c: char) -> bool {
    let joins = matches!(c,
        // Soft hyphen; scripts whose letters join over cells; right-to-left text reorders its line.
        '\u{ad}' | '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}'
        // Jamo join to syllables; emoji change with what follows them; private characters have no known shape.
        | '\u{1100}'..='\u{11ff}' | '\u{e000}'..='\u{f8ff}' | '\u{10000}'..);
    !joins && c.width().is_some_and(|width| width > 0)
}

/// Columns that printable text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `columns`; what does not fit is cut, and `mark` says so.
pub fn cut<'a>(text: &'a str, columns: usize, mark: &str) -> Cow<'a, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(width(mark));
    let (at, _) = fit(text, room);
    let head = text.get(..at).unwrap_or_default();
    let mark = if width(mark) <= columns { mark } else { "" };
    Cow::Owned(format!("{head}{mark}"))
}

/// The text in at most `columns`, cut at its start.
pub fn cut_start<'a>(text: &'a str, columns: usize, mark: &str) -> Cow<'a, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(width(mark));
    let mut used = 0;
    let mut at = text.len();
    for (start, c) in text.char_indices().rev() {
        let next = used + c.width().unwrap_or(0);
        if next > room {
            break;
        }
        (used, at) = (next, start);
    }
    let mark = if width(mark) <= columns { mark } else { "" };
    Cow::Owned(format!("{mark}{}", text.get(at..).unwrap_or_default()))
}

/// Where the text leaves `columns`, and the columns that are used up to there.
pub fn fit(text: &str, columns: usize) -> (usize, usize) {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        let next = used + c.width().unwrap_or(0);
        if next > columns {
            return (at, used);
        }
        used = next;
    }
    (text.len(), used)
}

/// Breaks text at blanks into lines of at most `columns`; a word that is longer is broken anywhere.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word = word;
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        while width(word) > columns {
            // A wide character in a single column would never fit.
            let at = fit(word, columns)
                .0
                .max(word.chars().next().map_or(1, char::len_utf8));
            lines.push(word[..at].to_owned());
            word = &word[at..];
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_combining_invisible_and_invalid_bytes_are_escaped_and_letters_stay() {
        let show = |text: &str| printable(text.as_bytes(), Charset::Unicode);
        assert_eq!(show("Grüße 日本"), "Grüße 日本");
        assert_eq!(show("a\x1b[31m\n"), "a\\x1b[31m\\n");
        assert_eq!(show("e\u{301}"), "e\\xcc\\x81");
        assert_eq!(show("\u{202e}\u{200b}"), "\\xe2\\x80\\xae\\xe2\\x80\\x8b");
        assert_eq!(show("\u{85}"), "\\xc2\\x85");
        assert_eq!(printable(b"a\xffb", Charset::Unicode), "a\\xffb");
        assert_eq!(printable("ü".as_bytes(), Charset::Ascii), "\\xc3\\xbc");
    }

    #[test]
    fn text_is_cut_by_columns_and_says_so() {
        assert_eq!(cut("window", 6, "…"), "window");
        assert_eq!(cut("window", 4, "…"), "win…");
        assert_eq!(cut("日本語", 4, "…"), "日…");
        assert_eq!(cut("window", 0, "…"), "");
        assert_eq!(cut_start("/local/domain", 7, "…"), "…domain");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_printable_and_fits(bytes: Vec<u8>, columns in 0_usize..40) {
            let shown = printable(&bytes, Charset::Unicode);
            prop_assert!(shown.chars().all(|c| c.width().is_some_and(|width| width > 0)));
            prop_assert!(width(&cut(&shown, columns, "…")) <= columns);
            prop_assert!(width(&cut_start(&shown, columns, "…")) <= columns);
            let sum: usize = shown.chars().filter_map(UnicodeWidthChar::width).sum();
            prop_assert_eq!(width(&shown), sum);
            for line in wrap(&shown, columns) {
                prop_assert!(width(&line) <= columns.max(2));
            }
        }
    }
}
