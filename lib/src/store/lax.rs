//! Numbers as the C daemon reads them: `atoi` and `strtol`, which take almost anything.
//!
//! The client side of this library is strict; a store must be as lax as the daemon that it stands for.

/// `atoi`: leading white space, a sign, decimal digits; whatever follows is ignored, no digit at all is 0.
///
/// The result is cut to 32 bits, as the daemon's `unsigned int` does: `-1` is 4294967295.
pub(super) fn atoi(text: &[u8]) -> u32 {
    truncated(strtol(text, 10).0)
}

/// `strtol` with the base found from the text (`0x…`, `0…`), if the number is the whole text and there is one.
pub(super) fn whole_number(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    let (number, used) = strtol(text, 0);
    (used == text.len()).then(|| truncated(number))
}

/// The low 32 bits.
fn truncated(number: i64) -> u32 {
    let bytes = number.to_le_bytes();
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// The number and how many bytes belong to it (0 if there is none). Out of range: the nearest value.
fn strtol(text: &[u8], base: u32) -> (i64, usize) {
    let mut at = text
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t'..=b'\r'))
        .count();
    let negative = text.get(at) == Some(&b'-');
    if matches!(text.get(at), Some(b'-' | b'+')) {
        at += 1;
    }
    let rest = &text[at..];
    let (base, prefix) = match (base, rest) {
        (0, [b'0', b'x' | b'X', digit, ..]) if digit.is_ascii_hexdigit() => (16, 2),
        (0, [b'0', ..]) => (8, 0),
        (0, _) => (10, 0),
        (base, _) => (base, 0),
    };
    let digits = rest[prefix..]
        .iter()
        .map_while(|b| char::from(*b).to_digit(base));
    let (mut number, mut count) = (0i64, 0);
    for digit in digits {
        count += 1;
        number = number
            .saturating_mul(i64::from(base))
            .saturating_add(i64::from(digit));
    }
    if count == 0 {
        return (0, 0);
    }
    let number = if negative {
        number.saturating_neg()
    } else {
        number
    };
    (number, at + prefix + count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_c_library_does() {
        for (text, number) in [
            ("0", 0),
            ("032", 32),
            ("abc", 0),
            ("", 0),
            (" 7x", 7),
            ("-1", u32::MAX),
            ("+5", 5),
            ("99999999999999999999", u32::MAX),
            ("-", 0),
        ] {
            assert_eq!(atoi(text.as_bytes()), number, "{text}");
        }
        for (text, number) in [
            ("0x3", Some(3)),
            ("03", Some(3)),
            (" 3", Some(3)),
            ("08", None),
            ("0x", None),
            ("0 r3", None),
            ("", None),
            ("w0", None),
            ("-1", Some(u32::MAX)),
            ("-", None),
            (" ", None),
        ] {
            assert_eq!(whole_number(text.as_bytes()), number, "{text}");
        }
    }
}
