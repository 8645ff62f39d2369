//! All that is mounted: the tree of the store, what transactions see of it, and the hidden files about the mount.
//!
//! A nodeid says which of them it belongs to, and so does a handle. This is where the kernel's requests are sent on.

mod special;
mod status;
mod transactions;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fuser::PollNotifier;

use crate::attr::Attr;
use crate::errno::{Errno, Result};
use crate::fs::{DirEntry, Entry, OpenFlags, Opened, RenameFlags, SetAttr, XenFs};
use crate::inode::{ROOT, Space};
use crate::xattr::Existing;
use special::{Special, Specials};
use transactions::Transactions;

pub use status::Origin;

/// Everything below the mount point.
pub struct Mounted {
    main: Arc<XenFs>,
    transactions: Transactions,
    specials: Specials,
    origin: Origin,
    /// What the root looked like last.
    root: Mutex<Option<Attr>>,
}

impl Mounted {
    /// What is mounted of a store that `main` shows; `origin` is what its status says of where it comes from.
    pub fn new(main: Arc<XenFs>, origin: Origin) -> Self {
        Self {
            transactions: Transactions::new(&main),
            specials: Specials::default(),
            root: Mutex::new(main.getattr(ROOT).ok().map(|(attr, _)| attr)),
            main,
            origin,
        }
    }

    /// The tree of the store.
    pub fn main(&self) -> &Arc<XenFs> {
        &self.main
    }

    /// Whether events keep a directory's list true, so that the kernel may keep it. Of a long one it is not worth the
    /// risk that a reader who is in the middle of it does not find his place again.
    pub fn keeps_list(&self, id: u64) -> bool {
        let is_node = Special::of(id).is_none() && Space::of(id) == Space::MAIN;
        is_node && self.main.keeps_list(id)
    }

    /// The tree that a nodeid or handle belongs to.
    fn tree(&self, id: u64) -> Result<Arc<XenFs>> {
        match Space::of(id) {
            Space::MAIN => Ok(Arc::clone(&self.main)),
            space => self.transactions.tree(space),
        }
    }

    /// LOOKUP.
    pub fn lookup(&self, parent: u64, name: &[u8]) -> Result<Entry> {
        if let Some(special) = Special::of(parent) {
            return match special {
                Special::Transactions => self.transactions.find(name)?.top(),
                Special::Hidden if name == Special::STATUS_NAME => {
                    Ok(self.special(Special::Status))
                }
                Special::Hidden => Err(Errno::ENOENT),
                Special::Status | Special::Control(_) => Err(Errno::ENOTDIR),
            };
        }
        if parent == ROOT {
            match name {
                Special::TRANSACTIONS_NAME => return Ok(self.special(Special::Transactions)),
                Special::HIDDEN_NAME => return Ok(self.special(Special::Hidden)),
                _ => {}
            }
        }
        let tree = self.tree(parent)?;
        if name == Special::CONTROL_NAME && parent != ROOT && tree.is_top(parent) {
            return Ok(self.special(Special::Control(Space::of(parent))));
        }
        tree.lookup(parent, name)
    }

    /// FORGET.
    pub fn forget(&self, id: u64, lookups: u64) {
        if Special::of(id).is_some() {
            return;
        }
        match Space::of(id) {
            Space::MAIN => self.main.forget(id, lookups),
            space => self.transactions.forget(space, id, lookups),
        }
    }

    /// GETATTR.
    pub fn getattr(&self, id: u64) -> Result<(Attr, Duration)> {
        match Special::of(id) {
            Some(special) => Ok((self.special(special).attr, Duration::ZERO)),
            None if id == ROOT => self.root(),
            None => self.tree(id)?.getattr(id),
        }
    }

    /// The root's attributes; those that it last had while the store is away: the way to the status leads past it.
    fn root(&self) -> Result<(Attr, Duration)> {
        let last = || self.root.lock().unwrap_or_else(PoisonError::into_inner);
        let told = self.main.getattr(ROOT);
        match told {
            Ok((attr, _)) => *last() = Some(attr),
            Err(Errno::EIO) => {
                if let Some(attr) = *last() {
                    return Ok((attr, Duration::ZERO));
                }
            }
            Err(_) => {}
        }
        told
    }

    /// SETATTR. A special file has nothing to set; truncation is what a shell's `>` does before it writes.
    pub fn setattr(&self, id: u64, set: SetAttr) -> Result<(Attr, Duration)> {
        match Special::of(id) {
            Some(_) if set.mode.is_some() || set.uid.is_some() || set.gid.is_some() => {
                Err(Errno::EPERM)
            }
            Some(_) => self.getattr(id),
            None => self.tree(id)?.setattr(id, set),
        }
    }

    /// MKNOD.
    pub fn mknod(&self, parent: u64, name: &[u8]) -> Result<Entry> {
        self.tree_below(parent)?.mknod(parent, name)
    }

    /// MKDIR; in `.transactions` it starts a transaction.
    pub fn mkdir(&self, parent: u64, name: &[u8]) -> Result<Entry> {
        match Special::of(parent) {
            Some(Special::Transactions) => self.transactions.begin(&self.main, name),
            _ => self.tree_below(parent)?.mkdir(parent, name),
        }
    }

    /// UNLINK.
    pub fn unlink(&self, parent: u64, name: &[u8]) -> Result<()> {
        let tree = self.tree_below(parent)?;
        if name == Special::CONTROL_NAME && parent != ROOT && tree.is_top(parent) {
            return Err(Errno::EPERM);
        }
        tree.unlink(parent, name)
    }

    /// RMDIR; in `.transactions` it gives a transaction up.
    pub fn rmdir(&self, parent: u64, name: &[u8]) -> Result<()> {
        match Special::of(parent) {
            Some(Special::Transactions) => self.transactions.abort(name),
            None if parent == ROOT && Special::is_in_root(name) => Err(Errno::EBUSY),
            _ => self.tree_below(parent)?.rmdir(parent, name),
        }
    }

    /// RENAME.
    ///
    /// # Errors
    /// EXDEV from one tree to another: `mv` copies then.
    pub fn rename(
        &self,
        parent: u64,
        name: &[u8],
        new_parent: u64,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<()> {
        let tree = self.tree_below(parent)?;
        self.tree_below(new_parent)?;
        if Space::of(parent) != Space::of(new_parent) {
            return Err(Errno::EXDEV);
        }
        tree.rename(parent, name, new_parent, new_name, flags)
    }

    /// OPEN.
    pub fn open(&self, id: u64, flags: OpenFlags) -> Result<Opened> {
        let content = match Special::of(id) {
            None => return self.tree(id)?.open(id, flags),
            Some(Special::Transactions | Special::Hidden) => return Err(Errno::EISDIR),
            Some(Special::Status) if flags.writes() => return Err(Errno::EACCES),
            Some(Special::Status) => self.status(),
            Some(Special::Control(space)) => {
                self.transactions.tree(space)?;
                transactions::WORDS.as_bytes().to_vec()
            }
        };
        Ok(Opened {
            handle: self.specials.open(id, content, Vec::new()),
            wants_flush: false,
        })
    }

    /// CREATE.
    pub fn create(&self, parent: u64, name: &[u8], flags: OpenFlags) -> Result<(Entry, Opened)> {
        self.tree_below(parent)?.create(parent, name, flags)
    }

    /// READ.
    pub fn read(&self, handle: u64, offset: u64, size: usize) -> Result<Vec<u8>> {
        match self.specials.get(handle) {
            Some(open) => Ok(open.read(offset, size)),
            None => self.tree(handle)?.read(handle, offset, size),
        }
    }

    /// POLL: whether a file has changed since it was read. `waiting` is told when it changes again.
    pub fn poll(&self, handle: u64, waiting: Option<PollNotifier>) -> Result<bool> {
        match self.specials.get(handle) {
            Some(_) => Ok(false),
            None => self.tree(handle)?.poll(handle, waiting),
        }
    }

    /// WRITE; to `.control` it ends a transaction.
    pub fn write(&self, handle: u64, offset: u64, data: &[u8]) -> Result<u32> {
        match self.specials.get(handle).map(|open| open.special()) {
            Some(Some(Special::Control(space))) => {
                self.transactions.control(space, data)?;
                Ok(u32::try_from(data.len()).unwrap_or(u32::MAX))
            }
            Some(_) => Err(Errno::EBADF),
            None => self.tree(handle)?.write(handle, offset, data),
        }
    }

    /// FLUSH.
    pub fn flush(&self, handle: u64) -> Result<()> {
        match self.specials.get(handle) {
            Some(_) => Ok(()),
            None => self.tree(handle)?.flush(handle),
        }
    }

    /// RELEASE.
    pub fn release(&self, handle: u64) -> Result<()> {
        if self.specials.close(handle) {
            return Ok(());
        }
        self.tree(handle)?.release(handle)
    }

    /// OPENDIR.
    pub fn opendir(&self, id: u64) -> Result<u64> {
        let entries = match Special::of(id) {
            None => return self.tree(id)?.opendir(id),
            Some(Special::Transactions) => self.transactions.list(),
            Some(Special::Hidden) => vec![Special::Status.listed()],
            Some(Special::Status | Special::Control(_)) => return Err(Errno::ENOTDIR),
        };
        Ok(self.specials.open(id, Vec::new(), entries))
    }

    /// READDIR.
    pub fn readdir(
        &self,
        handle: u64,
        offset: u64,
        push: impl FnMut(DirEntry) -> bool,
    ) -> Result<()> {
        match self.specials.get(handle) {
            Some(open) => {
                open.list(offset, push);
                Ok(())
            }
            None => self.tree(handle)?.readdir(handle, offset, push),
        }
    }

    /// RELEASEDIR.
    pub fn releasedir(&self, handle: u64) {
        if !self.specials.close(handle)
            && let Ok(tree) = self.tree(handle)
        {
            tree.releasedir(handle);
        }
    }

    /// GETXATTR.
    pub fn getxattr(&self, id: u64, name: &[u8]) -> Result<Vec<u8>> {
        match Special::of(id) {
            Some(_) => Err(Errno::ENODATA),
            None => self.tree(id)?.getxattr(id, name),
        }
    }

    /// SETXATTR.
    pub fn setxattr(&self, id: u64, name: &[u8], value: &[u8], existing: Existing) -> Result<()> {
        match Special::of(id) {
            Some(_) => Err(Errno::EOPNOTSUPP),
            None => self.tree(id)?.setxattr(id, name, value, existing),
        }
    }

    /// LISTXATTR.
    pub fn listxattr(&self, id: u64) -> Result<Vec<u8>> {
        match Special::of(id) {
            Some(_) => Ok(Vec::new()),
            None => self.tree(id)?.listxattr(id),
        }
    }

    /// REMOVEXATTR.
    pub fn removexattr(&self, id: u64, name: &[u8]) -> Result<()> {
        match Special::of(id) {
            Some(_) => Err(Errno::ENODATA),
            None => self.tree(id)?.removexattr(id, name),
        }
    }

    /// The tree to change something in, below a directory that is one of the store.
    fn tree_below(&self, parent: u64) -> Result<Arc<XenFs>> {
        match Special::of(parent) {
            Some(_) => Err(Errno::EPERM),
            None => self.tree(parent),
        }
    }

    fn special(&self, special: Special) -> Entry {
        special.entry(&self.main)
    }
}

impl From<Arc<XenFs>> for Mounted {
    fn from(main: Arc<XenFs>) -> Self {
        Self::new(main, Origin::default())
    }
}

impl From<XenFs> for Mounted {
    fn from(main: XenFs) -> Self {
        Arc::new(main).into()
    }
}
