//! Listing directories: OPENDIR, READDIR, RELEASEDIR.

use std::collections::HashSet;

use xenbus::{ErrorKind, Operations, StorePath};

use super::{XenFs, any_name, name};
use crate::errno::Result;
use crate::handle::{Directory, Listed};
use crate::inode::{Kind, Node, Presentation, Shape, View};
use crate::ledger::Digest;
use crate::settings::{EmptyNode, Names};

/// How many children are asked for their type at once, at most: the requests are all under way together.
const WINDOW: usize = 128;

/// One entry of a listing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DirEntry {
    /// Inode number.
    pub id: u64,
    /// Position after this entry.
    pub next: u64,
    /// Whether it is a directory.
    pub directory: bool,
    /// Name, at most 255 bytes.
    pub name: String,
}

impl XenFs {
    /// Opens a directory: the list of its names is fetched now and stays as it is.
    pub fn opendir(&self, id: u64) -> Result<u64> {
        let node = self.directory(id)?;
        let entries = self.names(&node)?;
        Ok(self.handles.add_directory(Directory::new(node, entries)))
    }

    /// Gives the entries from position `offset` on to `push`, until that returns `false` for "no more fit".
    pub fn readdir(
        &self,
        handle: u64,
        offset: u64,
        mut push: impl FnMut(DirEntry) -> bool,
    ) -> Result<()> {
        let directory = self.handles.directory(handle)?;
        let node = &directory.node;
        let mut listing = directory.listing();
        if offset == 0 && listing.begun {
            listing.entries = self.names(node)?;
        }
        listing.begun = true;
        let dots = [(".", Some(node.path.clone())), ("..", node.path.parent())];
        let mut at = usize::try_from(offset).unwrap_or(usize::MAX);
        while let Some((dot, path)) = dots.get(at) {
            at += 1;
            let path = path.as_ref().unwrap_or(&node.path);
            if !push(self.dir_entry(node, at, path, Shape::Directory, dot.to_string())) {
                return Ok(());
            }
        }
        let mut index = at - dots.len();
        while index < listing.entries.len() {
            let end = listing.entries.len().min(index + WINDOW);
            let window = &mut listing.entries[index..end];
            self.find_kinds(node, window)?;
            for listed in window {
                index += 1;
                let entry = match listed {
                    Listed::Value => {
                        let name = name::VALUE.to_owned();
                        self.dir_entry(node, index + dots.len(), &node.path, Shape::Value, name)
                    }
                    Listed::Child(name, kind) => {
                        let Ok(path) = node.path.child(name) else {
                            continue;
                        };
                        let shape = match kind {
                            Some(Kind::Directory) => Shape::Directory,
                            _ => Shape::File,
                        };
                        self.dir_entry(node, index + dots.len(), &path, shape, self.listed(name))
                    }
                };
                if !push(entry) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    pub(crate) fn listed(&self, name: &str) -> String {
        if self.names == Names::Any {
            any_name::unspelled(name)
        } else {
            name::listed(name)
        }
    }

    /// Whether events keep the list of a directory true.
    pub(crate) fn keeps_list(&self, id: u64) -> bool {
        /// Names in as many directories are read with one system call.
        const SHORT: usize = 1000;
        let Ok(node) = self.inodes().resolve(id) else {
            return false;
        };
        self.ledger.is_certain()
            && self.ledger.with_facts(|facts| {
                let children = facts
                    .get(&node.path)
                    .and_then(|facts| facts.children.as_ref());
                children.is_some_and(|children| children.len() <= SHORT)
            })
    }

    /// Closes a directory.
    pub fn releasedir(&self, handle: u64) {
        self.handles.remove_directory(handle);
    }

    /// The names below a directory, as they are now.
    fn names(&self, node: &Node) -> Result<Vec<Listed>> {
        let flight = self.ledger.flight(&node.path);
        flight.set_listing();
        let children = self.client.submit_directory(&node.path);
        let value = self.client.submit_read(&node.path);
        let mut names = children.wait()?;
        let value = match value.wait() {
            Ok(value) => Some(Digest::of(&value)),
            Err(error) if error.kind() == ErrorKind::Denied => None,
            Err(error) => return Err(error.into()),
        };
        let has_value =
            value.is_some_and(|value| value.length > 0) && !self.handles.is_emptied(node.number);
        if node.path.is_root() {
            names.retain(|name| !name::is_phantom(name));
        }
        self.ledger.learn(&flight, value, None, Some(&names));
        let held_back = self.held_back_below(&node.path);
        if !held_back.is_empty() {
            let there: HashSet<_> = names.iter().cloned().collect();
            names.extend(held_back.into_iter().filter(|name| !there.contains(name)));
        }
        let value = has_value.then_some(Listed::Value);
        let children = names.into_iter().map(|name| Listed::Child(name, None));
        Ok(value.into_iter().chain(children).collect())
    }

    /// Names of the children of `path` whose creation is held back.
    pub(super) fn held_back_below(&self, path: &StorePath) -> Vec<String> {
        let files = self.handles.all_held_back();
        let inodes = self.inodes();
        files
            .iter()
            .filter_map(|file| inodes.resolve(file.id).ok())
            .filter(|node| node.presentation.shape == Shape::File)
            .filter(|node| node.path.parent().as_ref() == Some(path))
            .filter_map(|node| node.path.name().map(str::to_owned))
            .collect()
    }

    /// Finds out which of the children are directories: `find` and shells need not look at each one then.
    fn find_kinds(&self, node: &Node, window: &mut [Listed]) -> Result<()> {
        let mut asked = Vec::new();
        for (at, listed) in window.iter_mut().enumerate() {
            let Listed::Child(name, kind @ None) = listed else {
                continue;
            };
            if node.presentation.view == View::Directories {
                *kind = Some(Kind::Directory);
                continue;
            }
            let Ok(path) = node.path.child(name) else {
                continue;
            };
            *kind = self.known_kind(&path);
            if *kind == Some(Kind::Directory) {
                continue;
            }
            let asks = self.client.outside(&path).unwrap_or(self);
            let value = (kind.is_none() && self.empty == EmptyNode::Directory)
                .then(|| asks.client.submit_read(&path));
            asked.push((at, path.clone(), asks.submit_has_children(&path), value));
        }
        for (at, path, children, value) in asked {
            let found = match children.wait() {
                Ok(true) => {
                    self.remember_kind(&path, Kind::Directory);
                    Kind::Directory
                }
                Ok(false) => match value.map(xenbus::client::Pending::wait) {
                    Some(Ok(value)) => self.kind_of_leaf(value.len()),
                    _ => Kind::File,
                },
                // Shown as what looking it up would show.
                Err(error) if error.kind() == ErrorKind::Denied => Kind::Directory,
                // Removed meanwhile: looking it up will say so.
                Err(error) if error.is_not_found() => Kind::File,
                Err(error) => return Err(error.into()),
            };
            if let Some(Listed::Child(_, kind)) = window.get_mut(at) {
                *kind = Some(found);
            }
        }
        Ok(())
    }

    fn dir_entry(
        &self,
        parent: &Node,
        next: usize,
        path: &StorePath,
        shape: Shape,
        name: String,
    ) -> DirEntry {
        let presentation = Presentation {
            view: parent.presentation.view,
            shape,
        };
        DirEntry {
            id: self.inodes().number_of(path, presentation),
            next: next as u64,
            directory: shape == Shape::Directory,
            name,
        }
    }
}
