//! RENAME: of a leaf, of a value and of a subtree, each in one transaction.

mod subtree;

use xenbus::{Operations, StorePath};

use self::subtree::Subtree;
use super::atomic::fix_above;
use super::{Target, XenFs};
use crate::errno::{Errno, Result};
use crate::inode::{Kind, View};
use crate::ledger::{Echo, Left};

/// The flags of `renameat2(2)`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RenameFlags {
    /// `RENAME_NOREPLACE`.
    pub no_replace: bool,
    /// Any other: not done.
    pub other: bool,
}

impl XenFs {
    /// Moves what `name` in `parent` leads to.
    ///
    /// # Errors
    /// EINVAL for flags other than `RENAME_NOREPLACE`; EXDEV, on which `mv` copies and removes, for a subtree too big
    /// for one transaction and between the mount and its `.dirs`.
    pub fn rename(
        &self,
        parent: u64,
        name: &[u8],
        new_parent: u64,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<()> {
        self.writable()?;
        if flags.other {
            return Err(Errno::EINVAL);
        }
        let parent = self.directory(parent)?;
        let new_parent = self.directory(new_parent)?;
        let view = parent.presentation.view;
        if view != new_parent.presentation.view {
            return Err(Errno::EXDEV);
        }
        let from = self.target(&parent, name)?;
        let to = self.target(&new_parent, new_name)?;
        match (from, to) {
            (Target::Child(from), Target::Child(to)) => {
                let job = Move {
                    from: &from,
                    to: &to,
                    view,
                    flags,
                };
                self.move_node(&job)
            }
            (Target::Child(from), Target::Value) if view == View::Plain => {
                self.move_into_value(&from, &new_parent.path, flags)
            }
            (Target::Value, Target::Child(to)) if view == View::Plain => {
                self.move_out_of_value(&parent.path, &to, flags)
            }
            (Target::Value, Target::Value) if parent.path == new_parent.path => Ok(()),
            (Target::Value, Target::Value) => {
                self.move_value(&parent.path, &new_parent.path, flags)
            }
            (Target::Directories | Target::Events, _)
            | (_, Target::Directories | Target::Events) => Err(Errno::EBUSY),
            _ => Err(Errno::EXDEV),
        }
    }

    fn move_node(&self, job: &Move<'_>) -> Result<()> {
        let Move { from, to, .. } = *job;
        if from == to {
            return Ok(());
        }
        if to.is_within(from) {
            return Err(Errno::EINVAL);
        }
        if from.is_within(to) {
            return Err(Errno::ENOTEMPTY);
        }
        self.materialize(from)?;
        self.bring_along(from);
        let known = self.inodes().known(from);
        let inherits = known.made_here && !known.perms_set;
        let gone = self.ledger.echo(from, job.view, Left::missing());
        let _moving = self.ledger.moving();
        // What the moved nodes will be, in the last of the tries.
        let mut echoes = Vec::new();
        let kept_perms =
            self.atomically(|transaction| self.move_in(transaction, job, inherits, &mut echoes))??;
        echoes.push(gone);
        echoes.into_iter().for_each(Echo::done);
        if let Some(number) = self.inodes().recorded(to)
            && let Some(file) = self.handles.held_back(number)
        {
            self.handles.settle(&file);
        }
        let mut inodes = self.inodes();
        inodes.rename(from, to);
        if kept_perms {
            inodes.remember(to, |known| known.perms_set = true);
        }
        drop(inodes);
        self.touch_above(from);
        self.touch_above(to);
        Ok(())
    }

    /// The transaction of a move. The inner result is the move's own refusal, known before anything was changed; it
    /// says whether the target kept its permissions.
    fn move_in<'a>(
        &'a self,
        transaction: &dyn Operations,
        job: &Move<'_>,
        inherits: bool,
        echoes: &mut Vec<Echo<'a>>,
    ) -> xenbus::Result<Result<bool>> {
        let Move { from, to, view, .. } = *job;
        fix_above(transaction, from)?;
        fix_above(transaction, to)?;
        let Some(source) = Subtree::read(transaction, from)? else {
            return Ok(Err(Errno::EXDEV));
        };
        let source_kind = self.kind_of(view, from, source.has_children(), source.root_length());
        let replaced = match transaction.directory(to) {
            Err(error) if error.is_not_found() => false,
            Err(error) => return Err(error),
            Ok(_) if job.flags.no_replace => return Ok(Err(Errno::EEXIST)),
            Ok(children) => {
                let length = transaction.read(to)?.len();
                let target_kind = self.kind_of(view, to, !children.is_empty(), length);
                let refusal = match (source_kind, target_kind) {
                    (Kind::File, Kind::Directory) => Some(Errno::EISDIR),
                    (Kind::Directory, Kind::File) => Some(Errno::ENOTDIR),
                    (Kind::Directory, Kind::Directory) if !children.is_empty() || length > 0 => {
                        Some(Errno::ENOTEMPTY)
                    }
                    _ => None,
                };
                if let Some(refusal) = refusal {
                    return Ok(Err(refusal));
                }
                true
            }
        };
        // Editors write a new file and move it over the old one. The old one's permissions are what a frontend or
        // a backend lives on, and the new one's are nobody's decision.
        let keep_perms = replaced && inherits && source_kind == Kind::File;
        let Some(moved) = source.moved(to, self.own_domid()) else {
            return Ok(Err(Errno::ENAMETOOLONG));
        };
        *echoes = moved.echoes(&self.ledger, view, keep_perms);
        moved.write(transaction, keep_perms)?;
        transaction.rm(from)?;
        Ok(Ok(keep_perms))
    }

    fn kind_of(&self, view: View, path: &StorePath, has_children: bool, length: usize) -> Kind {
        if view == View::Directories || has_children {
            return Kind::Directory;
        }
        self.known_kind(path).unwrap_or(self.kind_of_leaf(length))
    }

    /// A leaf becomes the value of a directory.
    fn move_into_value(&self, from: &StorePath, to: &StorePath, flags: RenameFlags) -> Result<()> {
        self.materialize(from)?;
        let mut echoes = Vec::new();
        self.atomically(|transaction| {
            fix_above(transaction, from)?;
            let has_children = !transaction.directory(from)?.is_empty();
            let value = transaction.read(from)?;
            if self.kind_of(View::Plain, from, has_children, value.len()) == Kind::Directory {
                return Ok(Err(Errno::ENOTDIR));
            }
            if flags.no_replace && !transaction.read(to)?.is_empty() {
                return Ok(Err(Errno::EEXIST));
            }
            echoes = vec![
                self.ledger.echo(from, View::Plain, Left::missing()),
                self.ledger.echo(to, View::Plain, Left::value(&value)),
            ];
            transaction.write(to, &value)?;
            transaction.rm(from)?;
            Ok(Ok(()))
        })??;
        echoes.into_iter().for_each(Echo::done);
        self.inodes().detach(from);
        self.touch_above(from);
        self.value_changed(to);
        Ok(())
    }

    /// The value of a directory becomes a leaf.
    fn move_out_of_value(
        &self,
        from: &StorePath,
        to: &StorePath,
        flags: RenameFlags,
    ) -> Result<()> {
        let mut echoes = Vec::new();
        self.atomically(|transaction| {
            let value = transaction.read(from)?;
            if value.is_empty() {
                return Ok(Err(Errno::ENOENT));
            }
            fix_above(transaction, to)?;
            match transaction.directory(to) {
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
                Ok(_) if flags.no_replace => return Ok(Err(Errno::EEXIST)),
                Ok(children) => {
                    let length = transaction.read(to)?.len();
                    let kind = self.kind_of(View::Plain, to, !children.is_empty(), length);
                    if kind == Kind::Directory {
                        return Ok(Err(Errno::EISDIR));
                    }
                }
            }
            echoes = self.moved_value(from, to, &value);
            transaction.write(to, &value)?;
            transaction.write(from, b"")?;
            Ok(Ok(()))
        })??;
        echoes.into_iter().for_each(Echo::done);
        self.value_changed(from);
        self.remember_made(to, View::Plain, Kind::File);
        Ok(())
    }

    fn move_value(&self, from: &StorePath, to: &StorePath, flags: RenameFlags) -> Result<()> {
        let mut echoes = Vec::new();
        self.atomically(|transaction| {
            let value = transaction.read(from)?;
            if value.is_empty() {
                return Ok(Err(Errno::ENOENT));
            }
            if flags.no_replace && !transaction.read(to)?.is_empty() {
                return Ok(Err(Errno::EEXIST));
            }
            echoes = self.moved_value(from, to, &value);
            transaction.write(to, &value)?;
            transaction.write(from, b"")?;
            Ok(Ok(()))
        })??;
        echoes.into_iter().for_each(Echo::done);
        self.value_changed(from);
        self.value_changed(to);
        Ok(())
    }

    fn moved_value(&self, from: &StorePath, to: &StorePath, value: &[u8]) -> Vec<Echo<'_>> {
        vec![
            self.ledger.echo(from, View::Plain, Left::value(b"")),
            self.ledger.echo(to, View::Plain, Left::value(value)),
        ]
    }

    /// A node's value was changed past the files that are open on it.
    pub(crate) fn value_changed(&self, path: &StorePath) {
        let number = self.inodes().recorded(path);
        if let Some(number) = number {
            self.handles.invalidate(number);
        }
        self.touch(path);
    }
}

/// What is to be moved where.
struct Move<'a> {
    from: &'a StorePath,
    to: &'a StorePath,
    view: View,
    flags: RenameFlags,
}
