//! Permissions of a node: a list of `n0`, `r5`, … whose first entry names the owner.
//!
//! Source: `docs/misc/xenstore.txt`, "Permissions"; look-up rules as C xenstored 4.17 applies them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::id::{DomId, DomIdError};
use crate::value::escape;

/// What a permission entry grants.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Access {
    /// `n`: nothing.
    None,
    /// `r`: reading.
    Read,
    /// `w`: writing.
    Write,
    /// `b`: both.
    Both,
}

impl Access {
    /// The letter in the wire form.
    pub fn letter(self) -> char {
        match self {
            Self::None => 'n',
            Self::Read => 'r',
            Self::Write => 'w',
            Self::Both => 'b',
        }
    }

    /// The access that a letter stands for.
    pub fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'n' => Some(Self::None),
            b'r' => Some(Self::Read),
            b'w' => Some(Self::Write),
            b'b' => Some(Self::Both),
            _ => None,
        }
    }

    /// Whether reading is granted.
    pub fn can_read(self) -> bool {
        matches!(self, Self::Read | Self::Both)
    }

    /// Whether writing is granted.
    pub fn can_write(self) -> bool {
        matches!(self, Self::Write | Self::Both)
    }
}

/// One permission entry: an access for a domain.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Perm {
    /// What is granted.
    pub access: Access,
    /// To whom.
    pub domid: DomId,
}

impl Perm {
    /// An entry granting `access` to `domid`.
    pub fn new(access: Access, domid: DomId) -> Self {
        Self { access, domid }
    }

    /// Reads one entry as a user types it: a letter and a strict domain number.
    pub fn parse(text: &str) -> Result<Self, PermsError> {
        let Some(letter) = text.chars().next() else {
            return Err(PermsError::Empty);
        };
        let access = u8::try_from(letter)
            .ok()
            .and_then(Access::from_letter)
            .ok_or_else(|| PermsError::Letter(escape(text.as_bytes()).to_string()))?;
        Ok(Self {
            access,
            domid: DomId::parse(&text[letter.len_utf8()..])?,
        })
    }

    /// Reads one entry of a daemon's reply. Any number is taken, also as C shows it, with a sign, or as oxenstored does,
    /// with 64 bits, of which the lower 32 are kept: any domain can give its nodes permissions for numbers that are no
    /// domains.
    fn from_wire(entry: &[u8]) -> Result<Self, PermsError> {
        let malformed = || PermsError::Wire(escape(entry).to_string());
        let (&letter, number) = entry.split_first().ok_or_else(malformed)?;
        let access = Access::from_letter(letter).ok_or_else(malformed)?;
        let digits = number.strip_prefix(b"-").unwrap_or(number);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(malformed());
        }
        let magnitude = digits.iter().fold(0u64, |number, digit| {
            let digit = u64::from(digit - b'0');
            number.saturating_mul(10).saturating_add(digit)
        });
        let signed = if digits.len() == number.len() {
            magnitude
        } else {
            magnitude.wrapping_neg()
        };
        #[expect(clippy::cast_possible_truncation, reason = "as libxenstore does")]
        let number = signed as u32;
        Ok(Self {
            access,
            domid: DomId(number),
        })
    }
}

impl fmt::Display for Perm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.access.letter(), self.domid)
    }
}

/// A node's permissions: never empty; entry 0 is special.
///
/// Entry 0's domain is the *owner*, who may always do everything; entry 0's access is what every domain gets that no
/// further entry names. The first further entry naming a domain decides for it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Perms {
    owner: Perm,
    rest: Vec<Perm>,
}

impl Perms {
    /// Permissions with one entry: `domid` owns the node, all others get `default`.
    pub fn new(default: Access, domid: DomId) -> Self {
        Self {
            owner: Perm::new(default, domid),
            rest: Vec::new(),
        }
    }

    /// Adds an entry at the end.
    #[must_use]
    pub fn with(mut self, access: Access, domid: DomId) -> Self {
        self.rest.push(Perm::new(access, domid));
        self
    }

    /// Permissions from entries, first the owner's; `None` if there is no entry.
    pub fn from_entries(entries: impl IntoIterator<Item = Perm>) -> Option<Self> {
        let mut entries = entries.into_iter();
        Some(Self {
            owner: entries.next()?,
            rest: entries.collect(),
        })
    }

    /// Reads permissions as a user types them: entries separated by commas or white space, each strict (`n0,r5`).
    pub fn parse(text: &str) -> Result<Self, PermsError> {
        let entries = text
            .split(|c: char| c == ',' || c.is_ascii_whitespace())
            .filter(|entry| !entry.is_empty())
            .map(Perm::parse)
            .collect::<Result<Vec<_>, _>>()?;
        Self::from_entries(entries).ok_or(PermsError::Empty)
    }

    /// Reads the payload of a GET_PERMS reply: NUL-terminated entries, at least one.
    pub fn from_wire(payload: &[u8]) -> Result<Self, PermsError> {
        let body = payload.strip_suffix(b"\0").unwrap_or(payload);
        let entries = body
            .split(|b| *b == 0)
            .map(Perm::from_wire)
            .collect::<Result<Vec<_>, _>>()?;
        Self::from_entries(entries).ok_or(PermsError::Empty)
    }

    /// The wire form, every entry NUL-terminated: the daemons silently drop a last entry without its NUL.
    pub fn to_wire(&self) -> Vec<u8> {
        use std::io::Write as _;
        let mut wire = Vec::new();
        for entry in self.entries() {
            // Writing into a Vec cannot fail.
            drop(write!(wire, "{entry}\0"));
        }
        wire
    }

    /// The domain that owns the node.
    pub fn owner(&self) -> DomId {
        self.owner.domid
    }

    /// What domains get that no entry names.
    pub fn default_access(&self) -> Access {
        self.owner.access
    }

    /// All entries, the owner's first.
    pub fn entries(&self) -> impl Iterator<Item = Perm> + '_ {
        std::iter::once(self.owner).chain(self.rest.iter().copied())
    }

    /// Number of entries, at least one.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        1 + self.rest.len()
    }

    /// What `domid` may do, by the node's own list alone (a privileged connection may do everything anyway).
    pub fn access_for(&self, domid: DomId) -> Access {
        if domid == self.owner.domid {
            return Access::Both;
        }
        self.rest
            .iter()
            .find(|entry| entry.domid == domid)
            .map_or(self.owner.access, |entry| entry.access)
    }
}

impl fmt::Display for Perms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.owner.fmt(f)?;
        self.rest.iter().try_for_each(|entry| write!(f, ",{entry}"))
    }
}

impl FromStr for Perms {
    type Err = PermsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Why a text or a reply is not a permission list.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PermsError {
    /// No entry at all.
    #[error("a permission list needs at least one entry, such as n0")]
    Empty,
    /// An entry that does not start with one of the four letters.
    #[error("permission '{0}' does not start with n (none), r (read), w (write) or b (both)")]
    Letter(String),
    /// An entry whose number is not a domain id.
    #[error(transparent)]
    DomId(#[from] DomIdError),
    /// An entry in a reply that has neither form.
    #[error("the store sent the malformed permission '{0}'")]
    Wire(String),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_daemons_take_laxly_is_refused_here() {
        for bad in [
            "", " ", "x0", "N0", "n", "0", "n-1", "n99999", "n0x3", "n03", "n 3", "rw0", "n0 r",
            "n0\0", "é0",
        ] {
            assert!(Perms::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Perms::parse("n0,r5 w7").unwrap().to_wire(), b"n0\0r5\0w7\0");
    }

    #[test]
    fn replies_keep_numbers_that_are_no_domains() {
        let perms = Perms::from_wire(b"n99999\0r32757\0").unwrap();
        assert_eq!(perms.owner(), DomId(99999));
        let of_c = Perms::from_wire(b"n0\0r-1\0").unwrap();
        assert_eq!(of_c, Perms::from_wire(b"n0\0r4294967295\0").unwrap());
        // What oxenstored makes of -1.
        let of_oxenstored = Perms::from_wire(b"n0\0r9223372036854775807\0").unwrap();
        assert_eq!(of_oxenstored, of_c);
        for bad in [
            &b""[..],
            b"\0",
            b"n\0",
            b"n0\0\0",
            b"q0\0",
            b"n-\0",
            b"n--1\0",
            b"n\xb2\0",
        ] {
            assert!(Perms::from_wire(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_first_entry_for_a_domain_decides_and_the_owner_may_everything() {
        let perms = Perms::parse("r1,n2,b2,w3").unwrap();
        let access = |domid| perms.access_for(DomId(domid));
        assert_eq!(
            (access(1), access(2), access(3), access(4)),
            (Access::Both, Access::None, Access::Write, Access::Read)
        );
    }

    proptest! {
        #[test]
        fn text_and_wire_form_round_trip(entries in prop::collection::vec((0..4usize, 0..=0x7FFFu32), 1..70)) {
            let letters = [Access::None, Access::Read, Access::Write, Access::Both];
            let perms = Perms::from_entries(entries.iter().map(|(l, d)| Perm::new(letters[*l], DomId(*d)))).unwrap();
            prop_assert_eq!(&Perms::parse(&perms.to_string()).unwrap(), &perms);
            prop_assert_eq!(Perms::from_wire(&perms.to_wire()).unwrap(), perms);
        }

        #[test]
        fn no_reply_panics(payload: Vec<u8>) {
            drop(Perms::from_wire(&payload));
        }
    }
}
