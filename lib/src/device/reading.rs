//! What was found at a path, and what could be made of it.

use std::borrow::Cow;
use std::fmt;

use crate::id::DomId;
use crate::path::StorePath;
use crate::value::escape;

/// Something read from a place that others write: known, or why not.
///
/// The difference matters everywhere: *missing* is a fact about the device, *denied* is a fact about our rights, and
/// *unreadable* is a fact about whoever wrote it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Reading<T> {
    /// It was read and understood.
    Known(T),
    /// There is no such node (or file).
    #[default]
    Missing,
    /// It may exist, but we may not read it. C xenstored also says this to a guest for missing absolute paths.
    Denied,
    /// It was read, but is not what belongs there.
    Unreadable(BadValue),
}

impl<T> Reading<T> {
    /// The value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Whether there is certainly nothing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The same, with a reference to the value.
    pub fn as_ref(&self) -> Reading<&T> {
        match self {
            Self::Known(value) => Reading::Known(value),
            Self::Missing => Reading::Missing,
            Self::Denied => Reading::Denied,
            Self::Unreadable(bad) => Reading::Unreadable(bad.clone()),
        }
    }

    /// Changes the value, if it is known.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Self::Known(value) => Reading::Known(change(value)),
            Self::Missing => Reading::Missing,
            Self::Denied => Reading::Denied,
            Self::Unreadable(bad) => Reading::Unreadable(bad),
        }
    }

    /// The first of two that is not missing.
    #[must_use]
    pub fn or(self, other: impl FnOnce() -> Self) -> Self {
        if self.is_missing() { other() } else { self }
    }
}

impl<T: Copy> Reading<T> {
    /// The value, or `default` when it is not known.
    pub fn unwrap_or(&self, default: T) -> T {
        self.known().copied().unwrap_or(default)
    }
}

impl Reading<Cow<'_, [u8]>> {
    /// Understands the bytes with `parse`; what it refuses becomes [`Reading::Unreadable`].
    pub fn parse<T>(&self, parse: impl FnOnce(&[u8]) -> Result<T, &'static str>) -> Reading<T> {
        match self {
            Self::Known(bytes) => match parse(bytes) {
                Ok(value) => Reading::Known(value),
                Err(why) => Reading::Unreadable(BadValue::new(bytes, why)),
            },
            Self::Missing => Reading::Missing,
            Self::Denied => Reading::Denied,
            Self::Unreadable(bad) => Reading::Unreadable(bad.clone()),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Reading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => value.fmt(f),
            Self::Missing => f.write_str("missing"),
            Self::Denied => f.write_str("not readable for us"),
            Self::Unreadable(bad) => bad.fmt(f),
        }
    }
}

/// A value that is not what belongs there: printable, and short even if the value is not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BadValue {
    shown: String,
    why: &'static str,
}

impl BadValue {
    /// Bytes of a value that is kept of it.
    const SHOWN: usize = 48;

    /// A value and the reason why it is refused ("is not a number").
    pub fn new(bytes: &[u8], why: &'static str) -> Self {
        let head = &bytes[..bytes.len().min(Self::SHOWN)];
        let dots = if bytes.len() > Self::SHOWN { "..." } else { "" };
        Self {
            shown: format!("{}{dots}", escape(head)),
            why,
        }
    }

    /// The value, escaped and cut.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// What is wrong with it.
    pub fn why(&self) -> &'static str {
        self.why
    }
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" {}", self.shown, self.why)
    }
}

/// Bytes meant as text by whoever wrote them; displayed escaped.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Text(pub Vec<u8>);

impl Text {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(&self.0).fmt(f)
    }
}

/// A decimal number of at most `max`: digits only, so no sign, no blank, no NUL, no hexadecimal.
pub(crate) fn decimal(bytes: &[u8], max: u64) -> Result<u64, &'static str> {
    if bytes.is_empty() {
        return Err("is empty");
    }
    if !bytes.iter().all(u8::is_ascii_digit) {
        return Err("is not a decimal number");
    }
    str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|number| *number <= max)
        .ok_or("is out of range")
}

/// A decimal number of 32 bits.
pub(crate) fn decimal32(bytes: &[u8], max: u32) -> Result<u32, &'static str> {
    let number = decimal(bytes, u64::from(max))?;
    u32::try_from(number).map_err(|_| "is out of range")
}

/// `0` or `1`.
pub(crate) fn flag(bytes: &[u8]) -> Result<bool, &'static str> {
    match bytes {
        b"0" => Ok(false),
        b"1" => Ok(true),
        b"" => Err("is empty"),
        _ => Err("is neither 0 nor 1"),
    }
}

/// The number of a domain.
pub(crate) fn domid(bytes: &[u8]) -> Result<DomId, &'static str> {
    str::from_utf8(bytes)
        .ok()
        .and_then(|text| DomId::parse(text).ok())
        .ok_or("is not the number of a domain")
}

/// An absolute path.
pub(crate) fn path(bytes: &[u8]) -> Result<StorePath, &'static str> {
    if bytes.first() != Some(&b'/') {
        return Err("is not an absolute path");
    }
    StorePath::parse(bytes).map_err(|_| "is not a path")
}

/// Any bytes.
#[expect(
    clippy::unnecessary_wraps,
    reason = "has the form of the other parsers"
)]
pub(crate) fn text(bytes: &[u8]) -> Result<Text, &'static str> {
    Ok(Text(bytes.to_vec()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_strictly_and_with_a_bound() {
        assert_eq!(decimal(b"51712", u64::MAX), Ok(51712));
        assert_eq!(decimal32(b"4", 4), Ok(4));
        for bad in [
            &b""[..],
            b"-1",
            b"+1",
            b" 1",
            b"1 ",
            b"1\0",
            b"0x10",
            b"5",
            b"99999999999999999999999",
        ] {
            assert!(decimal(bad, 4).is_err(), "{bad:?}");
        }
        assert!(flag(b"1").unwrap() && !flag(b"0").unwrap());
        assert!(flag(b"2").is_err() && flag(b"").is_err());
    }

    #[test]
    fn a_refused_value_is_shown_escaped_and_short() {
        let bad = BadValue::new(&[0x1b; 4096], "is not a number");
        assert!(bad.shown().len() < 250 && !bad.to_string().contains('\x1b'));
    }

    proptest! {
        #[test]
        fn parsers_never_panic(bytes: Vec<u8>) {
            let _ = decimal(&bytes, u64::MAX);
            let _ = decimal32(&bytes, u32::MAX);
            let _ = flag(&bytes);
            let _ = domid(&bytes);
            drop(path(&bytes));
        }
    }
}
