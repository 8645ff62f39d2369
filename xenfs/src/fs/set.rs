//! Attributes and their changes: SETATTR. Permissions are no modes; what cannot be stored is refused, except where that
//! would stop a program that copies.

use std::time::{Duration, SystemTime};

use super::XenFs;
use crate::attr::Attr;
use crate::errno::{Errno, Result};
use crate::inode::Node;

/// What SETATTR asks for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SetAttr {
    /// New permission bits.
    pub mode: Option<u32>,
    /// New owner.
    pub uid: Option<u32>,
    /// New group.
    pub gid: Option<u32>,
    /// New size.
    pub size: Option<u64>,
    /// New time of modification.
    pub modified: Option<Time>,
    /// New time of access; not kept.
    pub accessed: bool,
    /// The open file through which it is asked.
    pub handle: Option<u64>,
}

/// A time to set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Time {
    /// The present.
    Now,
    /// This time.
    At(SystemTime),
}

impl XenFs {
    /// Changes attributes of a nodeid and returns what they are then.
    ///
    /// # Errors
    /// EPERM for a mode or an owner that would have to be stored: permissions are set in `user.xenstore.perms`.
    pub fn setattr(&self, id: u64, set: SetAttr) -> Result<(Attr, Duration)> {
        self.writable()?;
        let node = self.node(id)?;
        if set.mode.is_some() || set.uid.is_some() || set.gid.is_some() {
            self.check_ownership(&node, &set)?;
        }
        if let Some(size) = set.size {
            match set.handle {
                Some(handle) => self.truncate_open(&self.handles.file(handle)?, size)?,
                None => self.truncate(&node, size)?,
            }
            self.touch(&node.path);
        }
        if set.modified.is_some() || set.accessed {
            // Whoever sets times (touch, cp) is done creating: an error is told here rather than never.
            self.materialize(&node.path)?;
        }
        if let Some(time) = set.modified {
            let time = match time {
                Time::Now => SystemTime::now(),
                Time::At(time) => time,
            };
            self.inodes()
                .remember(&node.path, |known| known.modified = Some(time));
        }
        self.getattr(id)
    }

    /// Lets pass what changes nothing, and what a program asks for a file that it has just made or is writing: `cp -a`,
    /// `tar` and editors would fail otherwise, though all that can be kept is kept.
    fn check_ownership(&self, node: &Node, set: &SetAttr) -> Result<()> {
        if self.inodes().known(&node.path).made_here || self.handles.is_being_written(node.number) {
            return Ok(());
        }
        let (attr, _) = self.getattr(node.id)?;
        let same = set
            .mode
            .is_none_or(|mode| mode & 0o7777 == u32::from(attr.mode))
            && set.uid.is_none_or(|uid| uid == attr.uid)
            && set.gid.is_none_or(|gid| gid == attr.gid);
        if same { Ok(()) } else { Err(Errno::EPERM) }
    }
}
