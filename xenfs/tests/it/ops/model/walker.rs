//! Steps done on a mount's core as the kernel would ask for them.

use std::collections::BTreeMap;

use rustix::fs::OFlags;
use xenbus::{Client, Operations};
use xenfs::errno::{Errno, Result};
use xenfs::fs::{Entry, RenameFlags, SetAttr};
use xenfs::inode::ROOT;
use xenfs::mounted::Mounted;

use super::super::{open_flags, path};
use super::Step;
use super::reference::{Model, Node};

/// A tree of a mount, and a client beside it.
pub(super) struct Walker<'a> {
    pub(super) fs: &'a Mounted,
    pub(super) root: u64,
    pub(super) there: &'a Client,
}

impl<'a> Walker<'a> {
    /// On the tree of the store.
    pub(super) fn outside(fs: &'a Mounted, there: &'a Client) -> Self {
        Self {
            fs,
            root: ROOT,
            there,
        }
    }

    /// In a new transaction.
    pub(super) fn begin(&self, name: &str) -> Self {
        let transactions = self.find(".transactions").unwrap().attr.id;
        let entry = self.fs.mkdir(transactions, name.as_bytes()).unwrap();
        Self {
            fs: self.fs,
            root: entry.attr.id,
            there: self.there,
        }
    }

    /// Commits the transaction that this is in.
    pub(super) fn commit(&self) -> Result<()> {
        let control = self.find(".control")?.attr.id;
        let flags = open_flags(OFlags::WRONLY | OFlags::TRUNC);
        let handle = self.fs.open(control, flags)?.handle;
        let written = self.fs.write(handle, 0, b"commit\n");
        self.fs.release(handle).unwrap();
        written.map(drop)
    }

    fn find(&self, name: &str) -> Result<Entry> {
        let (parent, last) = self.parent(name)?;
        self.fs.lookup(parent, last)
    }

    /// The nodeid of a name's parent, as the kernel would find it.
    fn parent<'b>(&self, name: &'b str) -> Result<(u64, &'b [u8])> {
        let mut parent = self.root;
        let mut names = name.split('/').peekable();
        loop {
            let next = names.next().unwrap();
            if names.peek().is_none() {
                return Ok((parent, next.as_bytes()));
            }
            let attr = self.fs.lookup(parent, next.as_bytes())?.attr;
            if !attr.directory {
                return Err(Errno::ENOTDIR);
            }
            parent = attr.id;
        }
    }

    fn write_file(&self, name: &str, data: &str, flags: OFlags) -> Result<()> {
        let entry = self.find(name)?;
        if entry.attr.directory {
            return Err(Errno::EISDIR);
        }
        let flags = open_flags(flags | OFlags::WRONLY);
        let opened = self.fs.open(entry.attr.id, flags)?;
        self.finish(opened.handle, data)
    }

    fn finish(&self, handle: u64, data: &str) -> Result<()> {
        if !data.is_empty() {
            self.fs.write(handle, 0, data.as_bytes())?;
        }
        self.fs.flush(handle)?;
        self.fs.release(handle)
    }

    /// Does a step.
    pub(super) fn take(&self, step: &Step) -> Result<()> {
        match step {
            Step::Mkdir(name) => {
                let (parent, last) = self.parent(name)?;
                self.fs.mkdir(parent, last).map(drop)
            }
            Step::Exclusive(name) => {
                let (parent, last) = self.parent(name)?;
                let flags = open_flags(OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL);
                let (_, opened) = self.fs.create(parent, last, flags)?;
                self.finish(opened.handle, "")
            }
            Step::Write(name, data) => match self.write_file(name, data, OFlags::TRUNC) {
                Err(Errno::ENOENT) => {
                    let (parent, last) = self.parent(name)?;
                    let flags = open_flags(OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC);
                    let (_, opened) = self.fs.create(parent, last, flags)?;
                    self.finish(opened.handle, data)
                }
                other => other,
            },
            Step::Append(name, data) => self.write_file(name, data, OFlags::APPEND),
            Step::Truncate(name, size) => {
                let set = SetAttr {
                    size: Some(*size),
                    ..Default::default()
                };
                self.fs.setattr(self.find(name)?.attr.id, set).map(drop)
            }
            Step::Unlink(name) => {
                let (parent, last) = self.parent(name)?;
                // The kernel checks the type.
                if self.fs.lookup(parent, last)?.attr.directory {
                    return Err(Errno::EISDIR);
                }
                self.fs.unlink(parent, last)
            }
            Step::Rmdir(name) => {
                let (parent, last) = self.parent(name)?;
                if !self.fs.lookup(parent, last)?.attr.directory {
                    return Err(Errno::ENOTDIR);
                }
                self.fs.rmdir(parent, last)
            }
            Step::Rename(from, to) => {
                let (parent, last) = self.parent(from)?;
                let (new_parent, new_last) = self.parent(to)?;
                let flags = RenameFlags::default();
                self.fs.lookup(parent, last)?;
                self.fs.rename(parent, last, new_parent, new_last, flags)
            }
            Step::Forget => {
                for name in ["a", "b", "a/a", "a/b", "b/a", "b/b"] {
                    if let Ok(entry) = self.find(name) {
                        self.fs.forget(entry.attr.id, u64::MAX);
                    }
                }
                Ok(())
            }
            Step::WriteThere(name, value) => {
                let node = path(&format!("/{name}"));
                self.there.write(&node, value.as_bytes()).unwrap();
                Ok(())
            }
            Step::RemoveThere(name) => {
                if let Err(error) = self.there.rm(&path(&format!("/{name}"))) {
                    assert!(error.is_not_found(), "{error}");
                }
                Ok(())
            }
        }
    }

    /// Everything that the mount shows, found by listing.
    pub(super) fn everything(&self) -> BTreeMap<String, Node> {
        let mut found = BTreeMap::new();
        self.list(self.root, "", &mut found);
        found
    }

    fn list(&self, id: u64, below: &str, found: &mut BTreeMap<String, Node>) {
        let handle = self.fs.opendir(id).unwrap();
        let mut names = Vec::new();
        self.fs
            .readdir(handle, 2, |entry| {
                names.push(entry.name);
                true
            })
            .unwrap();
        self.fs.releasedir(handle);
        for name in names {
            let full = if below.is_empty() {
                name.clone()
            } else {
                format!("{below}/{name}")
            };
            if name == ".value" {
                let value = self.content(id, &name);
                assert!(!value.is_empty());
                found.get_mut(below).unwrap().value = value;
            } else if name.starts_with(['a', 'b']) {
                let attr = self.fs.lookup(id, name.as_bytes()).unwrap().attr;
                let node = Node {
                    directory: attr.directory,
                    value: if attr.directory {
                        String::new()
                    } else {
                        self.content(id, &name)
                    },
                };
                found.insert(full.clone(), node);
                if attr.directory {
                    self.list(attr.id, &full, found);
                }
            }
        }
    }

    /// The value of a file: without the newline that reading adds.
    fn content(&self, parent: u64, name: &str) -> String {
        let attr = self.fs.lookup(parent, name.as_bytes()).unwrap().attr;
        let flags = open_flags(OFlags::RDONLY);
        let handle = self.fs.open(attr.id, flags).unwrap().handle;
        let content = self.fs.read(handle, 0, 100).unwrap();
        self.fs.release(handle).unwrap();
        assert_eq!(content.len() as u64, attr.size);
        let content = String::from_utf8(content).unwrap();
        let value = content.strip_suffix('\n').unwrap_or(&content);
        assert_eq!(content, Model::content(value));
        value.to_owned()
    }
}
