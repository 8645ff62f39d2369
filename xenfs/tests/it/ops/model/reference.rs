//! What a mount shows, as a plain table: the reference for random operations.

use std::collections::BTreeMap;

use xenfs::errno::{Errno, Result};

use super::Step;

/// A node as the mount shows it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Node {
    pub(crate) directory: bool,
    /// Of a directory: what is in its `.value`.
    pub(crate) value: String,
}

/// What is where.
#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(crate) nodes: BTreeMap<String, Node>,
    /// What others have removed, and whether it was a directory: what a node once was it stays.
    gone: BTreeMap<String, bool>,
}

fn is_within(name: &str, top: &str) -> bool {
    name.strip_prefix(top)
        .is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

impl Model {
    /// Whether others have removed a node of this name. A mount that has heard of that may take what they make there
    /// for another node, which was nothing before.
    pub(crate) fn is_gone(&self, name: &str) -> bool {
        self.gone.contains_key(name)
    }

    /// A leaf is shown so.
    pub(crate) fn show(&mut self, name: &str, directory: bool) {
        self.nodes.get_mut(name).unwrap().directory = directory;
    }

    fn check_parent(&self, name: &str) -> Result<()> {
        let mut above = name;
        let mut checked = Ok(());
        while let Some((parent, _)) = above.rsplit_once('/') {
            match self.nodes.get(parent) {
                None => checked = Err(Errno::ENOENT),
                Some(node) if !node.directory => checked = Err(Errno::ENOTDIR),
                Some(_) => {}
            }
            above = parent;
        }
        checked
    }

    fn within(&self, top: &str) -> Vec<String> {
        let names = self.nodes.keys().filter(|name| is_within(name, top));
        names.cloned().collect()
    }

    fn is_empty(&self, name: &str) -> bool {
        self.within(name).len() == 1 && self.nodes[name].value.is_empty()
    }

    /// What reading a file returns.
    pub(crate) fn content(value: &str) -> String {
        if value.is_empty() {
            String::new()
        } else {
            format!("{value}\n")
        }
    }

    fn stored(content: &str) -> String {
        content.strip_suffix('\n').unwrap_or(content).to_owned()
    }

    fn file(&mut self, name: &str) -> Result<&mut String> {
        self.check_parent(name)?;
        match self.nodes.get_mut(name) {
            None => Err(Errno::ENOENT),
            Some(node) if node.directory => Err(Errno::EISDIR),
            Some(node) => Ok(&mut node.value),
        }
    }

    /// Puts a node where none is, through the mount.
    fn make(&mut self, name: &str, directory: bool, value: String) {
        self.gone.remove(name);
        self.nodes
            .insert(name.to_owned(), Node { directory, value });
    }

    /// What a step does.
    pub(crate) fn take(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Mkdir(name) | Step::Exclusive(name) => {
                self.check_parent(name)?;
                if self.nodes.contains_key(name) {
                    return Err(Errno::EEXIST);
                }
                self.make(name, matches!(step, Step::Mkdir(_)), String::new());
            }
            Step::Write(name, data) => match self.file(name) {
                Ok(value) => *value = Self::stored(data),
                Err(Errno::ENOENT) => {
                    self.check_parent(name)?;
                    self.make(name, false, Self::stored(data));
                }
                Err(error) => return Err(error),
            },
            Step::Append(name, data) => {
                let value = self.file(name)?;
                if !data.is_empty() {
                    *value = Self::stored(&(Self::content(value) + data));
                }
            }
            Step::Truncate(name, size) => {
                let value = self.file(name)?;
                let mut content = Self::content(value);
                let size = usize::try_from(*size).unwrap();
                if content.len() != size {
                    content.truncate(size);
                    while content.len() < size {
                        content.push('\0');
                    }
                    *value = Self::stored(&content);
                }
            }
            Step::Unlink(name) => {
                self.file(name)?;
                self.remove(name);
            }
            Step::Rmdir(name) => {
                self.check_parent(name)?;
                match self.nodes.get(name) {
                    None => return Err(Errno::ENOENT),
                    Some(node) if !node.directory => return Err(Errno::ENOTDIR),
                    Some(_) if !self.is_empty(name) => return Err(Errno::ENOTEMPTY),
                    Some(_) => self.remove(name),
                }
            }
            Step::Rename(from, to) => self.rename(from, to)?,
            Step::Forget => {}
            Step::WriteThere(name, value) => self.write_there(name, value),
            Step::RemoveThere(name) => self.remove_there(name),
        }
        Ok(())
    }

    /// Removed through the mount: nothing is remembered of it.
    fn remove(&mut self, top: &str) {
        self.nodes.remove(top);
        self.gone.retain(|name, _| !is_within(name, top));
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        self.check_parent(from)?;
        self.check_parent(to)?;
        if !self.nodes.contains_key(from) {
            return Err(Errno::ENOENT);
        }
        if from == to {
            return Ok(());
        }
        if is_within(to, from) {
            return Err(Errno::EINVAL);
        }
        if is_within(from, to) {
            return Err(Errno::ENOTEMPTY);
        }
        if let Some(target) = self.nodes.get(to) {
            match (self.nodes[from].directory, target.directory) {
                (true, false) => return Err(Errno::ENOTDIR),
                (false, true) => return Err(Errno::EISDIR),
                (true, true) if !self.is_empty(to) => return Err(Errno::ENOTEMPTY),
                _ => {}
            }
        }
        self.remove(to);
        let moved = |name: &str| format!("{to}{}", &name[from.len()..]);
        for name in self.within(from) {
            let node = self.nodes.remove(&name).unwrap();
            self.nodes.insert(moved(&name), node);
        }
        let gone = std::mem::take(&mut self.gone).into_iter();
        self.gone = gone
            .map(|(name, directory)| {
                if is_within(&name, from) {
                    (moved(&name), directory)
                } else {
                    (name, directory)
                }
            })
            .collect();
        Ok(())
    }

    /// Another client writes: what is missing above appears with it.
    fn write_there(&mut self, name: &str, value: &str) {
        let mut above = name;
        while let Some((parent, _)) = above.rsplit_once('/') {
            self.gone.remove(parent);
            self.nodes.entry(parent.to_owned()).or_default().directory = true;
            above = parent;
        }
        let directory = self.gone.remove(name).unwrap_or(false);
        let node = self.nodes.entry(name.to_owned()).or_insert(Node {
            directory,
            value: String::new(),
        });
        value.clone_into(&mut node.value);
    }

    /// Another client removes.
    fn remove_there(&mut self, top: &str) {
        for name in self.within(top) {
            let node = self.nodes.remove(&name).unwrap();
            self.gone.insert(name, node.directory);
        }
    }
}
