//! Making nodes: MKDIR, MKNOD, and CREATE with `O_EXCL`.

use xenbus::wire::{self, Op};
use xenbus::{Error, StorePath};

use super::atomic::fix_above;
use super::{Entry, Target, XenFs};
use crate::errno::{Errno, Result};
use crate::inode::{Kind, Node, View};
use crate::ledger::Left;

impl XenFs {
    /// Makes a directory.
    pub fn mkdir(&self, parent: u64, name: &[u8]) -> Result<Entry> {
        self.make_named(parent, name, Kind::Directory)
    }

    /// Makes an empty file.
    pub fn mknod(&self, parent: u64, name: &[u8]) -> Result<Entry> {
        self.make_named(parent, name, Kind::File)
    }

    fn make_named(&self, parent: u64, name: &[u8], kind: Kind) -> Result<Entry> {
        self.writable()?;
        let parent = self.directory(parent)?;
        match self.target(&parent, name)? {
            Target::Directories | Target::Events => Err(Errno::EEXIST),
            // It is there with the value, not by itself.
            Target::Value => Err(Errno::EINVAL),
            // Every node is a directory there.
            Target::Child(_)
                if kind == Kind::File && parent.presentation.view == View::Directories =>
            {
                Err(Errno::EPERM)
            }
            Target::Child(path) => self.make(&parent, &path, kind),
        }
    }

    /// Makes a node that must not be there yet. The store's own MKDIR leaves an existing node as it is and makes what
    /// is missing above, so both are looked at in one transaction with it.
    pub(super) fn make(&self, parent: &Node, path: &StorePath, kind: Kind) -> Result<Entry> {
        if self.handles.all_held_back().iter().any(|file| {
            self.node(file.id)
                .is_ok_and(|node| node.path == *path && !node.is_directory())
        }) {
            return Err(Errno::EEXIST);
        }
        let echo = self
            .ledger
            .echo(path, parent.presentation.view, Left::empty());
        self.atomically(|transaction| {
            fix_above(transaction, path)?;
            match transaction.perms(path) {
                Err(error) if error.is_not_found() => transaction.mkdir(path),
                Err(error) => Err(error),
                Ok(_) => Err(refusal(Op::MKDIR, path, wire::Errno::EEXIST)),
            }
        })?;
        // Before anybody is told what others have done to it since.
        self.remember_made(path, parent.presentation.view, kind);
        echo.done();
        self.look_at_made(parent.presentation.view, path, kind)
    }

    /// Remembers a node that was made through this mount.
    pub(super) fn remember_made(&self, path: &StorePath, view: View, kind: Kind) {
        let now = std::time::SystemTime::now();
        self.inodes().remember(path, |known| {
            // Where every node is a directory, nothing was said about what this one shall be.
            known.kind = (view == View::Plain).then_some(kind);
            known.made_here = true;
            known.perms_set = false;
            known.modified = Some(now);
        });
        self.touch_above(path);
    }

    /// Remembers what a node is.
    pub(crate) fn remember_kind(&self, path: &StorePath, kind: Kind) {
        self.inodes()
            .remember(path, |known| known.kind = Some(kind));
    }
}

/// An error about a node as the store itself would send it.
pub(super) fn refusal(op: Op, path: &StorePath, errno: wire::Errno) -> Error {
    Error::Store {
        op,
        path: path.to_string(),
        errno,
    }
}
