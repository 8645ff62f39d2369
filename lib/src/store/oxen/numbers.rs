//! Numbers as oxenstored reads and shows them: OCaml's integers of 63 bits.

/// `int_of_string`: a sign, a base (`0x`, `0o`, `0b`, `0u`), digits with `_` between; nothing else.
///
/// A decimal number must fit into 63 bits with its sign, one in another base into 63 bits without.
pub(super) fn strict(text: &[u8]) -> Option<i64> {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let (base, digits) = match rest {
        [b'0', b'x' | b'X', digits @ ..] => (16, digits),
        [b'0', b'o' | b'O', digits @ ..] => (8, digits),
        [b'0', b'b' | b'B', digits @ ..] => (2, digits),
        [b'0', b'u' | b'U', digits @ ..] | digits => (10, digits),
    };
    let is_signed = digits.len() == rest.len();
    char::from(*digits.first()?).to_digit(base)?;
    let mut number = 0u64;
    for byte in digits.iter().filter(|byte| **byte != b'_') {
        let digit = char::from(*byte).to_digit(base)?;
        number = number
            .checked_mul(base.into())?
            .checked_add(digit.into())
            .filter(|number| *number < 1 << 63)?;
    }
    let limit = (1 << 62) - u64::from(!negative);
    if is_signed && number > limit {
        return None;
    }
    let number = number.cast_signed();
    Some(wrapped(if negative { -number } else { number }))
}

/// The first run of decimal digits, whatever stands before and after it; 0 if there is none.
pub(super) fn lax(text: &[u8]) -> i64 {
    text.iter()
        .skip_while(|byte| !byte.is_ascii_digit())
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0i64, |number, digit| {
            wrapped(
                number
                    .wrapping_mul(10)
                    .wrapping_add(i64::from(digit - b'0')),
            )
        })
}

/// How a number is shown: without a sign.
pub(super) fn shown(number: i64) -> u64 {
    number.cast_unsigned() & (u64::MAX >> 1)
}

/// Cut to 63 bits.
fn wrapped(number: i64) -> i64 {
    (number << 1) >> 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_ocaml_does() {
        for (text, number) in [
            ("0", Some(0)),
            ("03", Some(3)),
            ("08", Some(8)),
            ("-1", Some(-1)),
            ("+1", Some(1)),
            ("0x1f", Some(31)),
            ("0b101", Some(5)),
            ("0u7", Some(7)),
            ("1_000", Some(1000)),
            ("4611686018427387903", Some((1 << 62) - 1)),
            ("4611686018427387904", None),
            ("-4611686018427387904", Some(-(1 << 62))),
            ("0x7fffffffffffffff", Some(-1)),
            ("", None),
            ("-", None),
            ("_1", None),
            ("0x", None),
            (" 1", None),
            ("1 ", None),
            ("abc", None),
        ] {
            assert_eq!(strict(text.as_bytes()), number, "{text}");
        }
        assert_eq!(lax(b"abc"), 0);
        assert_eq!(lax(b"-1"), 1);
        assert_eq!(lax(b"x032y5"), 32);
        assert_eq!(shown(-1), 9_223_372_036_854_775_807);
    }
}
