//! Removing nodes: UNLINK and RMDIR.

use xenbus::wire::{self, Op};
use xenbus::{Operations, StorePath};

use super::atomic::fix_above;
use super::make::refusal;
use super::{Target, XenFs};
use crate::errno::{Errno, Result, of_write};
use crate::inode::{Node, View};
use crate::ledger::Left;

impl XenFs {
    /// Removes a file: a leaf, or the value of a node.
    pub fn unlink(&self, parent: u64, name: &[u8]) -> Result<()> {
        self.writable()?;
        let parent = self.directory(parent)?;
        match self.target(&parent, name)? {
            Target::Directories => Err(Errno::EISDIR),
            Target::Value => self.unlink_value(&parent),
            Target::Events => Err(Errno::EPERM),
            Target::Child(_) if parent.presentation.view == View::Directories => Err(Errno::EISDIR),
            Target::Child(path) => {
                let held_back = self.forget_held_back(&path);
                match self.remove(&path, View::Plain, Contents::Value) {
                    Err(Errno::ENOTEMPTY) => return Err(Errno::EISDIR),
                    Err(Errno::ENOENT) if held_back => {}
                    other => other?,
                }
                self.inodes().detach(&path);
                self.touch_above(&path);
                Ok(())
            }
        }
    }

    /// Removes a directory without children and without a value.
    pub fn rmdir(&self, parent: u64, name: &[u8]) -> Result<()> {
        self.writable()?;
        let parent = self.directory(parent)?;
        match self.target(&parent, name)? {
            Target::Directories => Err(Errno::EBUSY),
            Target::Value | Target::Events => Err(Errno::ENOTDIR),
            Target::Child(path) => {
                if !self.held_back_below(&path).is_empty() {
                    return Err(Errno::ENOTEMPTY);
                }
                self.remove(&path, parent.presentation.view, Contents::Nothing)?;
                self.inodes().detach(&path);
                self.touch_above(&path);
                Ok(())
            }
        }
    }

    /// Removes a node that has no children. The store would remove a whole subtree, so the look and the removal are
    /// one transaction.
    fn remove(&self, path: &StorePath, view: View, allowed: Contents) -> Result<()> {
        let echo = self.ledger.echo(path, view, Left::missing());
        self.atomically(|transaction| {
            fix_above(transaction, path)?;
            let children = transaction.submit_directory(path);
            let value = (allowed == Contents::Nothing).then(|| transaction.submit_read(path));
            let empty = children.wait()?.is_empty()
                && match value {
                    Some(value) => value.wait()?.is_empty(),
                    None => true,
                };
            if !empty {
                return Err(refusal(Op::RM, path, wire::Errno::ENOTEMPTY));
            }
            transaction.rm(path)
        })?;
        echo.done();
        Ok(())
    }

    fn unlink_value(&self, parent: &Node) -> Result<()> {
        let value = self.client.read(&parent.path)?;
        if value.is_empty() && !self.handles.is_being_written(parent.number) {
            return Err(Errno::ENOENT);
        }
        if !value.is_empty() {
            let echo = self
                .ledger
                .echo(&parent.path, parent.presentation.view, Left::value(b""));
            self.client
                .write(&parent.path, b"")
                .map_err(|error| of_write(&error))?;
            echo.done();
        }
        self.handles.invalidate(parent.number);
        self.touch(&parent.path);
        Ok(())
    }

    /// A node whose creation is held back will not be created any more.
    fn forget_held_back(&self, path: &StorePath) -> bool {
        let number = self.inodes().recorded(path);
        let file = number.and_then(|number| self.handles.held_back(number));
        if let Some(file) = &file {
            self.handles.settle(file);
        }
        file.is_some()
    }
}

/// What a node to be removed may have.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Contents {
    Value,
    Nothing,
}
