//! Permissions as oxenstored keeps them, and what a connection may do.

use std::sync::Arc;

use super::numbers;
use crate::perms::Access;
use crate::wire::Errno;

/// Permissions of a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Perms {
    pub(super) owner: i64,
    /// For everybody who is not listed.
    pub(super) other: Access,
    pub(super) listed: Arc<[(i64, Access)]>,
}

/// Whose rights a connection has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Who {
    pub(super) main: i64,
    /// The domain whose rights it has too.
    pub(super) target: Option<i64>,
}

impl Perms {
    /// Domain 0's alone.
    pub(super) fn closed() -> Self {
        Self {
            owner: 0,
            other: Access::None,
            listed: Arc::new([]),
        }
    }

    /// From the strings of SET_PERMS; what follows the last NUL does not count.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Errno> {
        let mut strings: Vec<&[u8]> = text.split(|byte| *byte == 0).collect();
        strings.pop();
        let entries = strings.into_iter().map(|entry| {
            let (letter, number) = entry.split_first()?;
            Some((numbers::strict(number)?, Access::from_letter(*letter)?))
        });
        let entries: Option<Vec<_>> = entries.collect();
        let entries = entries.ok_or(Errno::EINVAL)?;
        let ((owner, other), listed) = entries.split_first().ok_or(Errno::EINVAL)?;
        Ok(Self {
            owner: *owner,
            other: *other,
            listed: listed.into(),
        })
    }

    /// The payload of GET_PERMS.
    pub(super) fn to_wire(&self) -> Vec<u8> {
        let owner = (self.owner, self.other);
        let entries = std::iter::once(&owner).chain(&*self.listed);
        let entries = entries.map(|(domid, access)| {
            format!("{}{}\0", access.letter(), numbers::shown(*domid)).into_bytes()
        });
        entries.flatten().collect()
    }

    /// Without what is listed for a domain.
    pub(super) fn without(&self, domid: i64) -> Self {
        if !self.listed.iter().any(|(listed, _)| *listed == domid) {
            return self.clone();
        }
        let rest = self.listed.iter().filter(|(listed, _)| *listed != domid);
        Self {
            listed: rest.copied().collect(),
            ..self.clone()
        }
    }
}

impl Who {
    /// Domain 0, and whoever speaks to the socket.
    pub(super) const OPERATOR: Self = Self {
        main: 0,
        target: None,
    };

    /// Whether it may do everything.
    pub(super) fn is_privileged(self) -> bool {
        self.is(0)
    }

    fn is(self, domid: i64) -> bool {
        self.main == domid || self.target == Some(domid)
    }

    /// Whether it owns a node, or may do everything.
    pub(super) fn owns(self, perms: &Perms) -> bool {
        self.is_privileged() || self.is(perms.owner)
    }

    /// Whether it, or its target, may do something.
    pub(super) fn may(self, wanted: Access, perms: &Perms) -> bool {
        let allows = |domid: i64| {
            let listed = perms.listed.iter().find(|(listed, _)| *listed == domid);
            let access = listed.map_or(perms.other, |(_, access)| *access);
            if wanted.can_read() {
                access.can_read()
            } else {
                access.can_write()
            }
        };
        self.owns(perms) || allows(self.main) || self.target.is_some_and(allows)
    }

    /// Refuses what it may not do.
    pub(super) fn check(self, wanted: Access, perms: &Perms) -> Result<(), Errno> {
        if self.may(wanted, perms) {
            Ok(())
        } else {
            Err(Errno::EACCES)
        }
    }
}
