//! Errors as they travel: by name.

use std::borrow::Cow;
use std::fmt;

use crate::value::escape;

/// An error that a daemon sent, by its name in the ERROR reply. Names that we do not know survive.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Errno(Cow<'static, str>);

macro_rules! errnos {
    ($($name:ident $text:literal;)*) => {
        impl Errno {
            $(#[doc = concat!("`", stringify!($name), "`: ", $text, ".")]
            pub const $name: Self = Self(Cow::Borrowed(stringify!($name)));)*

            /// Every error that has a constant here.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What the error means, in words.
            pub fn meaning(&self) -> Option<&'static str> {
                match &*self.0 { $(stringify!($name) => Some($text),)* _ => None }
            }
        }
    };
}

// xs_wire.h (xsd_errors) and EQUOTA, which only oxenstored sends.
errnos! {
    EINVAL "invalid argument";
    EACCES "permission denied";
    EEXIST "it exists already";
    EISDIR "it is a directory";
    ENOENT "no such node";
    ENOMEM "the store is out of memory";
    ENOSPC "a quota of the domain is used up";
    EIO "the store is damaged or the transaction is unknown";
    ENOTEMPTY "it is not empty";
    ENOSYS "the store does not know this operation";
    EROFS "the store is read-only";
    EBUSY "it is busy";
    EAGAIN "the transaction conflicts with another change";
    EISCONN "it is connected already";
    E2BIG "it is too big";
    EPERM "operation not permitted";
    EQUOTA "a quota of the domain is used up";
}

impl Errno {
    /// Longest name that is kept: a hostile reply does not fill an error message.
    const NAME_MAX: usize = 32;

    /// Reads the payload of an ERROR reply. A missing NUL is tolerated, odd bytes are escaped, long names are cut.
    pub fn from_wire(payload: &[u8]) -> Self {
        let name = payload.split(|b| *b == 0).next().unwrap_or_default();
        if let Some(known) = Self::ALL.iter().find(|known| known.0.as_bytes() == name) {
            return known.clone();
        }
        Self(
            escape(&name[..name.len().min(Self::NAME_MAX)])
                .to_string()
                .into(),
        )
    }

    /// The payload of an ERROR reply: the name and a NUL.
    pub fn to_wire(&self) -> Vec<u8> {
        [self.0.as_bytes(), b"\0"].concat()
    }

    /// The name, printable.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meaning() {
            Some(meaning) => write!(f, "{meaning} ({})", self.0),
            None => write!(f, "unknown error '{}'", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_missing_and_hostile_names_are_kept_harmlessly() {
        assert_eq!(Errno::from_wire(b"ENOENT\0"), Errno::ENOENT);
        assert_eq!(Errno::from_wire(b"ENOENT"), Errno::ENOENT);
        assert_eq!(Errno::from_wire(b"EWEIRD\0").name(), "EWEIRD");
        assert_eq!(Errno::from_wire(b"").to_string(), "unknown error ''");
        let hostile = Errno::from_wire(&[0x1b; 4000]);
        assert!(hostile.name().len() <= 4 * Errno::NAME_MAX && !hostile.name().contains('\x1b'));
    }
}
