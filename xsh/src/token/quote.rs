//! Words that are read back as they were.

use std::fmt::Write as _;

use xenbus::value::escape;

/// Bytes as one word of the language, printable ASCII: bare if nothing in it means anything, else quoted.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"/_-@.,:=+%~^".contains(b);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    if bytes
        .iter()
        .all(|b| matches!(b, 0x20..=0x7E) && *b != b'\'')
    {
        return format!("'{}'", String::from_utf8_lossy(bytes));
    }
    let mut word = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'$' => word.extend(['\\', char::from(*byte)]),
            // Writing into a String cannot fail.
            byte => drop(write!(word, "{}", escape(&[*byte]))),
        }
    }
    word.push('"');
    word
}
