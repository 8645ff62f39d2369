//! Names: which name of a directory entry means which node.
//!
//! A node's name may be as long as a path; a directory entry may have [`NAME_MAX`] bytes, and one longer would make
//! the kernel refuse the whole listing. A longer name is listed as an *alias*: its first 200 bytes, `~`, and
//! 32 hexadecimal digits made from the whole name. No node's name contains a `~`.

use xenbus::path::{PHANTOM_NODES, is_name};

/// Longest name in a listing (`NAME_MAX`).
pub(super) const NAME_MAX: usize = 255;

/// The directory whose tree shows every node as a directory; only in the root, never listed.
const DIRECTORIES: &[u8] = b".dirs";
/// The value of a node that is a directory.
pub(super) const VALUE: &str = ".value";
/// The stream of what changes in a directory; never listed.
pub(super) const EVENTS: &str = ".events";

const HEAD: usize = 200;
const DIGITS: usize = 32;

/// What a name can mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Name<'a> {
    /// `.dirs`.
    Directories,
    /// `.value`.
    Value,
    /// `.events`.
    Events,
    /// A child of that name.
    Child(&'a str),
    /// The child whose long name has this alias.
    Alias(&'a str),
    /// Nothing: no node can have this name.
    Illegal,
}

impl<'a> Name<'a> {
    pub(super) fn parse(name: &'a [u8]) -> Self {
        match (name, str::from_utf8(name)) {
            (DIRECTORIES, _) => Self::Directories,
            (name, _) if name == VALUE.as_bytes() => Self::Value,
            (name, _) if name == EVENTS.as_bytes() => Self::Events,
            (name, Ok(text)) if is_name(name) => Self::Child(text),
            (_, Ok(text)) if is_alias(text) => Self::Alias(text),
            _ => Self::Illegal,
        }
    }
}

/// How a node's name is listed.
pub(super) fn listed(name: &str) -> String {
    if name.len() <= NAME_MAX {
        name.to_owned()
    } else {
        alias(name)
    }
}

/// Whether a child of the root is none: oxenstored lists these two.
pub(super) fn is_phantom(name: &str) -> bool {
    PHANTOM_NODES.contains(&name)
}

/// The alias of a long name. The digits are FNV-1a with 128 bits, the published constants.
pub(super) fn alias(name: &str) -> String {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let digest = name.bytes().fold(BASIS, |sum, byte| {
        (sum ^ u128::from(byte)).wrapping_mul(PRIME)
    });
    format!("{}~{digest:032x}", &name[..HEAD.min(name.len())])
}

fn is_alias(text: &str) -> bool {
    text.split_once('~').is_some_and(|(head, digits)| {
        head.len() == HEAD
            && is_name(head.as_bytes())
            && digits.len() == DIGITS
            && digits
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_node_can_have_are_told_apart_without_asking() {
        for illegal in [
            &b".swp"[..],
            b"._x",
            b".",
            b"..",
            b"a b",
            b"a.b",
            b"a~",
            b".a.swp",
            b"",
            b"\xc3\xa9",
            b"a\x1b",
            b"4913.tmp",
        ] {
            assert_eq!(Name::parse(illegal), Name::Illegal, "{illegal:?}");
        }
        assert_eq!(Name::parse(b".value"), Name::Value);
        assert_eq!(Name::parse(b".dirs"), Name::Directories);
        assert_eq!(Name::parse(b"@x-_9"), Name::Child("@x-_9"));
    }

    #[test]
    fn a_long_name_is_listed_as_an_alias_that_fits_and_is_recognised() {
        let long = "x".repeat(256);
        let alias = listed(&long);
        assert_eq!(alias.len(), HEAD + 1 + DIGITS);
        assert_eq!(Name::parse(alias.as_bytes()), Name::Alias(&alias));
        assert_ne!(alias, listed(&"x".repeat(257)));
        assert_eq!(listed(&"x".repeat(255)), "x".repeat(255));
    }

    #[test]
    fn the_digits_of_an_alias_are_fnv_1a() {
        // From the test vectors published with the algorithm: FNV-1a-128 of "a".
        assert!(alias("a").ends_with("~d228cb696f1a8caf78912b704e4a8964"));
    }
}
