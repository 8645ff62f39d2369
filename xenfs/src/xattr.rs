//! Extended attributes: a node's permissions, and its value without any translation.
//!
//! `user.xenstore.perms` is the permissions as `n0,r5`; it is listed, so that programs that copy attributes copy it.
//! `user.xenstore.value` is the bytes of the value; it is not listed, because what copies files has copied it already.

use xenbus::wire::{self, PAYLOAD_MAX};
use xenbus::{Operations, Perms};

use crate::errno::{Errno, Result, of_write};
use crate::fs::XenFs;
use crate::inode::{Node, Shape};
use crate::ledger::Left;

const PERMS: &[u8] = b"user.xenstore.perms";
const VALUE: &[u8] = b"user.xenstore.value";

/// Whether an attribute may, must or must not be there when it is set (`XATTR_CREATE`, `XATTR_REPLACE`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Existing {
    /// Either way.
    May,
    /// It must be there.
    Must,
    /// It must not be there.
    MustNot,
}

/// The attributes that there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Attribute {
    Perms,
    Value,
}

impl Attribute {
    /// # Errors
    /// ENODATA for what could be an attribute of a file but is none here; EOPNOTSUPP for a class of attributes that we
    /// do not have, access control lists above all.
    fn parse(name: &[u8]) -> Result<Self> {
        match name {
            PERMS => Ok(Self::Perms),
            VALUE => Ok(Self::Value),
            _ if name.starts_with(b"system.") => Err(Errno::EOPNOTSUPP),
            _ => Err(Errno::ENODATA),
        }
    }
}

impl XenFs {
    /// An extended attribute.
    pub fn getxattr(&self, id: u64, name: &[u8]) -> Result<Vec<u8>> {
        let attribute = Attribute::parse(name)?;
        let node = self.node(id)?;
        self.materialize(&node.path)?;
        match attribute {
            Attribute::Perms => Ok(self.client().perms(&node.path)?.to_string().into_bytes()),
            Attribute::Value => Ok(self.client().read(&node.path)?),
        }
    }

    /// Sets an extended attribute.
    ///
    /// # Errors
    /// EINVAL for permissions that are none; the store's refusal.
    pub fn setxattr(&self, id: u64, name: &[u8], value: &[u8], existing: Existing) -> Result<()> {
        self.writable()?;
        let attribute = Attribute::parse(name).map_err(|_| Errno::EOPNOTSUPP)?;
        if existing == Existing::MustNot {
            return Err(Errno::EEXIST);
        }
        let node = self.node(id)?;
        self.materialize(&node.path)?;
        match attribute {
            Attribute::Perms => self.set_perms(&node, value),
            Attribute::Value => {
                if value.len() > PAYLOAD_MAX {
                    return Err(Errno::EFBIG);
                }
                // The store would make a node that is gone.
                self.rights(&node.path)?;
                let echo =
                    self.ledger()
                        .echo(&node.path, node.presentation.view, Left::value(value));
                self.client()
                    .write(&node.path, value)
                    .map_err(|error| of_write(&error))?;
                echo.done();
                self.value_changed(&node.path);
                Ok(())
            }
        }
    }

    /// The names of a node's attributes, each with a NUL at its end.
    pub fn listxattr(&self, id: u64) -> Result<Vec<u8>> {
        let node = self.node(id)?;
        match node.presentation.shape {
            // They are its directory's.
            Shape::Value | Shape::Events => Ok(Vec::new()),
            Shape::File | Shape::Directory => Ok([PERMS, b"\0"].concat()),
        }
    }

    /// Refuses to remove an attribute: a node always has permissions and a value.
    pub fn removexattr(&self, id: u64, name: &[u8]) -> Result<()> {
        self.writable()?;
        self.node(id)?;
        Attribute::parse(name)?;
        Err(Errno::EPERM)
    }

    fn set_perms(&self, node: &Node, text: &[u8]) -> Result<()> {
        let text = str::from_utf8(text).map_err(|_| Errno::EINVAL)?;
        let perms = Perms::parse(text).map_err(|_| Errno::EINVAL)?;
        let echo = self
            .ledger()
            .echo(&node.path, node.presentation.view, Left::perms(&perms));
        self.client()
            .set_perms(&node.path, &perms)
            .map_err(|error| self.perms_error(node, &error))?;
        echo.done();
        self.inodes()
            .remember(&node.path, |known| known.perms_set = true);
        Ok(())
    }

    /// ENOENT is also what the C daemon says of an owner that is no domain: only a missing node is "no such file".
    fn perms_error(&self, node: &Node, error: &xenbus::Error) -> Errno {
        let missing = error.errno() == Some(&wire::Errno::ENOENT);
        if missing && self.client().perms(&node.path).is_ok() {
            return Errno::EINVAL;
        }
        error.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_classes_of_attributes_that_there_are_can_be_missing() {
        assert_eq!(Attribute::parse(PERMS), Ok(Attribute::Perms));
        for (name, errno) in [
            (&b"security.capability"[..], Errno::ENODATA),
            (b"user.other", Errno::ENODATA),
            (b"trusted.x", Errno::ENODATA),
            (b"system.posix_acl_access", Errno::EOPNOTSUPP),
        ] {
            assert_eq!(Attribute::parse(name), Err(errno));
        }
    }
}
