//! Names that no node can have, spelled so that one can: only for test suites that name their files as they like.
//!
//! A byte that is none of a name, and `@`, is written as `@` and two hexadecimal digits.

use std::borrow::Cow;
use std::fmt::Write as _;

use xenbus::path::is_name_byte;

/// The node's name for a file's name. Hidden names stay what they are.
pub(super) fn spelled(name: &[u8]) -> Cow<'_, [u8]> {
    let hidden = [&b".value"[..], b".dirs", b".events"];
    if hidden.contains(&name) {
        return Cow::Borrowed(name);
    }
    let mut text = String::new();
    for byte in name {
        if *byte != b'@' && is_name_byte(*byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            write!(text, "@{byte:02x}").ok();
        }
    }
    Cow::Owned(text.into_bytes())
}

/// The file's name for a node's name, as far as it was spelled so.
pub(super) fn unspelled(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let [first, more @ ..] = rest {
        let digits = more.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'@' => {
                bytes.push(byte);
                rest = &more[2..];
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_spelled_and_read_back() {
        for (name, node) in [
            (".tmpAb3", "@2etmpAb3"),
            ("a@b c", "a@40b@20c"),
            ("plain-9_", "plain-9_"),
        ] {
            assert_eq!(&*spelled(name.as_bytes()), node.as_bytes());
            assert_eq!(unspelled(node), name);
        }
        assert_eq!(&*spelled(b".value"), b".value");
        assert_eq!(unspelled("a@zz"), "a@zz");
    }
}
