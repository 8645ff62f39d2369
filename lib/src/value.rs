//! Bytes of a node's value, shown and read back without loss.
//!
//! A value is any sequence of bytes, chosen by whoever may write the node: it must not reach a terminal as it is.
//! [`escape`] shows any bytes as printable ASCII, [`unescape`] is its exact inverse.

use std::fmt;

use thiserror::Error;

/// Shows bytes as printable ASCII: `\n`, `\r`, `\t`, `\\`, and `\xNN` for every other byte outside 0x20…0x7E.
pub fn escape(bytes: &[u8]) -> Escaped<'_> {
    Escaped(bytes)
}

/// Bytes that display as printable ASCII; made by [`escape`].
#[derive(Clone, Copy)]
pub struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while !rest.is_empty() {
            let plain = rest
                .iter()
                .take_while(|b| matches!(b, 0x20..=0x7E) && **b != b'\\')
                .count();
            let (head, tail) = rest.split_at(plain);
            f.write_str(str::from_utf8(head).unwrap_or_default())?;
            let Some((special, tail)) = tail.split_first() else {
                break;
            };
            match special {
                b'\n' => f.write_str("\\n")?,
                b'\r' => f.write_str("\\r")?,
                b'\t' => f.write_str("\\t")?,
                b'\\' => f.write_str("\\\\")?,
                other => write!(f, "\\x{other:02x}")?,
            }
            rest = tail;
        }
        Ok(())
    }
}

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Reads back what [`escape`] made. Bytes other than a backslash stand for themselves.
///
/// # Errors
/// An escape that [`escape`] does not make, with its position.
pub fn unescape(text: &[u8]) -> Result<Vec<u8>, UnescapeError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte != b'\\' {
            bytes.push(byte);
            at += 1;
            continue;
        }
        let (value, length) = match text.get(at + 1) {
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            Some(b't') => (b'\t', 2),
            Some(b'\\') => (b'\\', 2),
            Some(b'x') => match (hex(text.get(at + 2)), hex(text.get(at + 3))) {
                (Some(high), Some(low)) => (high << 4 | low, 4),
                _ => return Err(UnescapeError { at }),
            },
            _ => return Err(UnescapeError { at }),
        };
        bytes.push(value);
        at += length;
    }
    Ok(bytes)
}

fn hex(digit: Option<&u8>) -> Option<u8> {
    match digit? {
        d @ b'0'..=b'9' => Some(d - b'0'),
        d @ b'a'..=b'f' => Some(d - b'a' + 10),
        d @ b'A'..=b'F' => Some(d - b'A' + 10),
        _ => None,
    }
}

/// A backslash that begins no known escape.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the escape at byte {at} is not one of \\n \\r \\t \\\\ \\xNN")]
pub struct UnescapeError {
    /// Offset of the backslash.
    pub at: usize,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escaped_bytes_are_printable_ascii() {
        let all: Vec<u8> = (0..=255).collect();
        let shown = escape(&all).to_string();
        assert!(shown.bytes().all(|b| (0x20..=0x7E).contains(&b)));
        assert_eq!(
            escape(b"a\n\r\t\\\x1b[31m\x7f\xff").to_string(),
            "a\\n\\r\\t\\\\\\x1b[31m\\x7f\\xff"
        );
    }

    #[test]
    fn broken_escapes_are_refused_with_their_position() {
        for (text, at) in [
            ("\\", 0),
            ("ab\\q", 2),
            ("\\x", 0),
            ("\\x1", 0),
            ("\\x1g", 0),
            ("\\n\\", 2),
        ] {
            assert_eq!(
                unescape(text.as_bytes()),
                Err(UnescapeError { at }),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn unescape_is_the_inverse_of_escape(bytes: Vec<u8>) {
            prop_assert_eq!(unescape(escape(&bytes).to_string().as_bytes()).unwrap(), bytes);
        }

        #[test]
        fn unescape_never_panics(text: Vec<u8>) {
            drop(unescape(&text));
        }
    }
}
