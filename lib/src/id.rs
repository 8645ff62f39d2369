//! The numbers of the protocol, each with a type of its own.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Number of a domain (`domid_t`).
///
/// Xen gives out 0…0x7FEF; 0x7FF0 and above are reserved meanings (`xen/include/public/xen.h`). A daemon may report
/// numbers outside that range in permissions (oxenstored stores what a client wrote), so 32 bits are kept; what a
/// *user* types goes through [`DomId::parse`], which is strict.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DomId(pub u32);

impl DomId {
    /// The first domain. It often is the control domain, but since Xen 4.21 nothing guarantees that.
    pub const DOM0: Self = Self(0);
    /// `DOMID_FIRST_RESERVED`: this and all above are not domains.
    pub const FIRST_RESERVED: Self = Self(0x7FF0);
    /// `DOMID_ANY`: in a permission entry, every domain (feature bit 8, Xen 4.22).
    pub const ANY: Self = Self(0x7FF5);
    /// The largest value that the field can hold on the hypervisor's side (`DOMID_MASK`).
    pub const MASK: Self = Self(0x7FFF);

    /// Reads a domain number strictly: decimal digits, no sign, no leading zero, at most [`DomId::MASK`].
    ///
    /// The daemons are lax (`atoi`: `abc` is 0, `032` is 32), so a typing error would reach another domain.
    pub fn parse(text: &str) -> Result<Self, DomIdError> {
        let wrong = |reason| DomIdError {
            text: crate::value::escape(text.as_bytes()).to_string(),
            reason,
        };
        if text.is_empty() {
            return Err(wrong("it is empty"));
        }
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong("only decimal digits are allowed"));
        }
        if text.len() > 1 && text.starts_with('0') {
            return Err(wrong("leading zeros are not allowed"));
        }
        match text.parse::<u32>() {
            Ok(n) if n <= Self::MASK.0 => Ok(Self(n)),
            _ => Err(wrong("it is above 32767")),
        }
    }

    /// Whether this can be the number of a domain (and not a reserved meaning).
    pub fn is_domain(self) -> bool {
        self < Self::FIRST_RESERVED
    }
}

impl fmt::Display for DomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DomId {
    type Err = DomIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Why a text is not a domain number.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("'{text}' is not a domain id: {reason}")]
pub struct DomIdError {
    text: String,
    reason: &'static str,
}

/// Number that a client gives a request; the reply carries it back. Watch events carry 0.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct ReqId(pub u32);

/// Number of a transaction, valid on the connection that started it. 0 means none.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct TxId(pub u32);

impl TxId {
    /// No transaction.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for TxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_ids_are_read_strictly() {
        assert_eq!(DomId::parse("0").unwrap(), DomId::DOM0);
        assert_eq!(DomId::parse("32767").unwrap(), DomId::MASK);
        for bad in [
            "",
            "032",
            "-1",
            "+1",
            "abc",
            "1 ",
            " 1",
            "0x3",
            "32768",
            "99999999999999999999",
            "\u{661}",
        ] {
            let error = DomId::parse(bad).unwrap_err().to_string();
            assert!(error.contains("is not a domain id"), "{bad}: {error}");
        }
    }
}
