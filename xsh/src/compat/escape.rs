//! How xenstore-utils write bytes, which is not how xsh does: small numbers are octal, and reading back is lenient.

/// Appends bytes as `xenstore-read` prints them.
pub(super) fn escape(out: &mut Vec<u8>, value: &[u8]) {
    for &byte in value {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b' '..=b'~' => out.push(byte),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0..=7 => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
}

/// The bytes that `xenstore-write` writes for an argument.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            value.push(byte);
            continue;
        }
        let Some((&kind, after)) = rest.split_first() else {
            // A backslash at the end takes the NUL that ends the argument with it.
            value.push(0);
            break;
        };
        match kind {
            b't' => value.push(b'\t'),
            b'n' => value.push(b'\n'),
            b'r' => value.push(b'\r'),
            b'x' => {
                let (number, length) = hexadecimal(after).unwrap_or((b'x', 0));
                value.push(number);
                rest = &after[length..];
                continue;
            }
            b'0'..=b'7' => {
                let digits = rest.iter().take(3).take_while(|b| matches!(b, b'0'..=b'7'));
                let digits = digits.count();
                let number = rest[..digits].iter().fold(0u8, |number, digit| {
                    number.wrapping_mul(8).wrapping_add(digit - b'0')
                });
                value.push(number);
                rest = &rest[digits..];
                continue;
            }
            other => value.push(other),
        }
        rest = after;
    }
    value
}

/// A number of at most two characters as `scanf` reads it, after any white space and with a sign or `0x`; how much it
/// took. `None` if there is none.
fn hexadecimal(text: &[u8]) -> Option<(u8, usize)> {
    let space = text
        .iter()
        .take_while(|b| matches!(b, b' ' | 9..=13))
        .count();
    let field = &text[space..];
    let field = &field[..field.len().min(2)];
    let digit = |byte: u8| {
        (byte as char)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let (number, length) = match *field {
        [b'0', b'x' | b'X'] => (0, 2),
        [sign @ (b'+' | b'-'), d] => {
            let number = digit(d)?;
            (
                if sign == b'-' {
                    number.wrapping_neg()
                } else {
                    number
                },
                2,
            )
        }
        [high, low] if digit(low).is_some() => (digit(high)? << 4 | digit(low)?, 2),
        [d, ..] => (digit(d)?, 1),
        [] => return None,
    };
    Some((number, space + length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arguments_are_read_as_the_original_reads_them() {
        for (text, value) in [
            (r"a\tb\n\r\\c", &b"a\tb\n\r\\c"[..]),
            (r"\x41\x4\xzz", b"A\x04xzz"),
            (r"\x 41\x+4\x-4z\x0x41", b"A\x04\xfcz\x0041"),
            (r"\1\0177\777\8\q", b"\x01\x0f7\xff8q"),
            ("end\\", b"end\0"),
            (r"\x", b"x"),
        ] {
            assert_eq!(unescape(text.as_bytes()), value, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(value: Vec<u8>) {
            let mut text = Vec::new();
            escape(&mut text, &value);
            prop_assert!(text.iter().all(|b| (b' '..=b'~').contains(b)));
            prop_assert_eq!(unescape(&text), value);
        }
    }
}
