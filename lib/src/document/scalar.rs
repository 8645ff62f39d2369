//! Texts as YAML and JSON readers of every age read them back: as the same text.

use std::fmt::Write as _;

use super::Format;

/// The value as text, if it is UTF-8 without control characters other than tab and line ends.
pub(super) fn as_text(value: &[u8]) -> Option<&str> {
    let text = str::from_utf8(value).ok()?;
    let harmless = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().all(harmless).then_some(text)
}

/// Appends a text as a scalar that is read back as that text: bare where YAML allows, else in double quotes.
pub(super) fn push(out: &mut String, text: &str, format: Format) {
    if format == Format::Yaml && is_plain(text) {
        out.push_str(text);
    } else {
        quote(out, text, format);
    }
}

/// Whether YAML 1.1 and 1.2 read the text without quotes as this very text, also between braces.
fn is_plain(text: &str) -> bool {
    let first = |b: u8| b.is_ascii_alphabetic() || b == b'/' || b == b'_';
    // Digits in front may be numbers, dates or sexagesimals; ':' and '#' mean something next to spaces.
    let later =
        |b: u8| first(b) || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'@' | b' ' | b'+');
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|b| first(*b))
        && bytes.last().is_some_and(|b| *b != b' ')
        && bytes.iter().all(|b| later(*b))
        && !is_word(text)
}

/// Whether a reader of YAML 1.1 takes the text for a boolean or null.
fn is_word(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Appends a text in double quotes. What could act on a terminal or is a line end in YAML is escaped: everything but
/// printable ASCII and letters and digits of other scripts.
fn quote(out: &mut String, text: &str, format: Format) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            c if c.is_alphanumeric() => out.push(c),
            c => escape(out, c, format),
        }
    }
    out.push('"');
}

fn escape(out: &mut String, c: char, format: Format) {
    // Writing into a String cannot fail.
    if format == Format::Yaml && u32::from(c) > 0xFFFF {
        let _ = write!(out, "\\U{:08x}", u32::from(c));
        return;
    }
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}
