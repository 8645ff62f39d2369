//! Paths as oxenstored reads them.

use std::sync::Arc;

use crate::path::is_name_byte;
use crate::wire::Errno;

/// An absolute path, as the names on the way from the root. A name that begins with `@` was given without a slash and
/// may contain anything.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Path(Vec<Arc<[u8]>>);

impl Path {
    /// The path that a request names; `home`: what relative paths are below.
    pub(super) fn of_request(name: &[u8], home: &str, max: u32) -> Result<Self, Errno> {
        let text = absolute(name, home)?;
        let counted = after_home(&text).map_or(text.len(), <[u8]>::len);
        if counted > max as usize {
            return Err(Errno::EINVAL);
        }
        Self::parse(&text)
    }

    /// The path of an absolute text.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Errno> {
        match text {
            [b'@', ..] => Ok(Self(vec![text.into()])),
            b"/" => Ok(Self(Vec::new())),
            [b'/', rest @ ..] => {
                let names = rest.split(|byte| *byte == b'/').map(|name| {
                    let good = !name.is_empty() && name.iter().all(|byte| is_name_byte(*byte));
                    good.then(|| name.into())
                });
                names.collect::<Option<_>>().map(Self).ok_or(Errno::EINVAL)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// The names.
    pub(super) fn names(&self) -> &[Arc<[u8]>] {
        &self.0
    }

    /// The path of the node above; the root is above itself.
    pub(super) fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// The first `count` names of it.
    pub(super) fn up_to(&self, count: usize) -> Self {
        Self(self.0[..count].to_vec())
    }

    /// Without `top`, which it is below.
    pub(super) fn below(&self, top: &Self) -> Self {
        Self(self.0.get(top.0.len()..).unwrap_or_default().to_vec())
    }

    /// What it has in common with another one, from the root.
    pub(super) fn common(&self, other: &Self) -> Self {
        let same = self.0.iter().zip(&other.0).take_while(|(a, b)| a == b);
        self.up_to(same.count())
    }

    /// As in an event.
    pub(super) fn to_text(&self) -> Vec<u8> {
        if self.0.is_empty() {
            return b"/".to_vec();
        }
        let names = self.0.iter().map(|name| [b"/", &**name].concat());
        names.collect::<Vec<_>>().concat()
    }
}

/// A name of a request as an absolute text, or one with `@`.
pub(super) fn absolute(name: &[u8], home: &str) -> Result<Vec<u8>, Errno> {
    match name.first() {
        None => Err(Errno::EINVAL),
        Some(b'/' | b'@') => Ok(name.to_vec()),
        Some(_) => Ok([home.as_bytes(), b"/", name].concat()),
    }
}

/// What follows `/local/domain/<n>/`.
fn after_home(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"/local/domain/")?;
    let number = rest.strip_prefix(b"-").unwrap_or(rest);
    let digits = number.iter().take_while(|byte| byte.is_ascii_digit());
    let digits = digits.count();
    (digits > 0).then(|| number[digits..].strip_prefix(b"/"))?
}
