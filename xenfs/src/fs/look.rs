//! Looking at nodes: LOOKUP and GETATTR.

use std::time::Duration;

use xenbus::client::{Pending, Request};
use xenbus::wire::Op;
use xenbus::{ErrorKind, Operations, Perms, StorePath};

use super::{FOREVER, SHORT, Target, XenFs, name};
use crate::attr::{Attr, Caller, Rights};
use crate::errno::{Errno, Result};
use crate::inode::{Kind, Node, Presentation, Shape, View};
use crate::ledger::{Digest, Flight};
use crate::settings::{Cache, EmptyNode};

/// A directory entry that was found: what LOOKUP and the creating operations reply.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What it leads to.
    pub attr: Attr,
    /// How long the kernel may believe it.
    pub lifetime: Lifetime,
}

/// How long the kernel may believe a reply.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lifetime {
    /// That the name leads there.
    pub entry: Duration,
    /// That the attributes are these.
    pub attr: Duration,
}

/// What the store says of a node.
pub(super) struct Facts {
    pub(super) kind: Kind,
    /// Length of the value; 0 where it was not asked for.
    pub(super) length: usize,
    pub(super) rights: Rights,
    /// The value, where it was asked for.
    pub(super) value: Option<Digest>,
    /// The names of the children, where they were asked for.
    pub(super) children: Option<Vec<String>>,
}

impl Facts {
    fn new(kind: Kind, rights: Rights) -> Self {
        Self {
            kind,
            length: 0,
            rights,
            value: None,
            children: None,
        }
    }

    fn perms(&self) -> Option<&Perms> {
        match &self.rights {
            Rights::Seen(perms) => Some(perms),
            Rights::Unseen => None,
        }
    }
}

impl XenFs {
    /// Finds `name` in the directory `parent`.
    pub fn lookup(&self, parent: u64, name: &[u8]) -> Result<Entry> {
        let parent = self.directory(parent)?;
        // A name that no node can have is not there, without asking.
        let target = self.target(&parent, name).map_err(|error| match error {
            Errno::EINVAL => Errno::ENOENT,
            other => other,
        })?;
        match target {
            Target::Directories => {
                let _flight = self.ledger.flight(&parent.path);
                let rights = self.rights_on_the_way(&parent.path)?;
                let view = View::Directories;
                let node = self.introduce(&parent.path, view, Shape::Directory);
                Ok(self.entry(&node, &rights, 0))
            }
            Target::Value => {
                let flight = self.ledger.flight(&parent.path);
                let (length, rights) = self.value_facts(&parent, &flight)?;
                let view = parent.presentation.view;
                let node = self.introduce(&parent.path, view, Shape::Value);
                Ok(self.entry(&node, &rights, length))
            }
            Target::Events => self.find_events(&parent),
            Target::Child(path) => self.look_at(parent.presentation.view, &path),
        }
    }

    /// Attributes of a nodeid.
    pub fn getattr(&self, id: u64) -> Result<(Attr, Duration)> {
        let node = self.node(id)?;
        let flight = self.ledger.flight(&node.path);
        let (length, rights) = match node.presentation.shape {
            Shape::Directory | Shape::Events => (0, self.rights_on_the_way(&node.path)?),
            Shape::Value => self.value_facts(&node, &flight)?,
            Shape::File => self.file_facts(&node)?,
        };
        let entry = self.entry(&node, &rights, length);
        Ok((entry.attr, entry.lifetime.attr))
    }

    /// Finds the node at `path` and makes it known to the kernel.
    pub(super) fn look_at(&self, view: View, path: &StorePath) -> Result<Entry> {
        self.look_at_as(view, path, None)
    }

    /// [`XenFs::look_at`] of what was just `made`: the answer is about that, whatever somebody else has made of it
    /// meanwhile. The kernel takes another type than it asked for as our fault, EIO.
    pub(super) fn look_at_made(&self, view: View, path: &StorePath, made: Kind) -> Result<Entry> {
        self.look_at_as(view, path, Some(made))
    }

    fn look_at_as(&self, view: View, path: &StorePath, made: Option<Kind>) -> Result<Entry> {
        let flight = self.ledger.flight(path);
        let mut facts = match self.examine_on_the_way(view, path) {
            Err(Errno::ENOENT) => self.held_back_facts(path).ok_or(Errno::ENOENT)?,
            other => other?,
        };
        if view == View::Plain && facts.rights != Rights::Unseen {
            facts.kind = self.found_as(path, facts.kind);
        }
        let shown = made.unwrap_or(facts.kind);
        let node = self.introduce(path, view, shown.into());
        self.ledger.learn(
            &flight,
            facts.value,
            facts.perms(),
            facts.children.as_deref(),
        );
        let mut entry = self.entry(&node, &facts.rights, facts.length);
        if shown != facts.kind {
            entry.lifetime = Lifetime::default();
        }
        Ok(entry)
    }

    /// Remembers as what a node was found, and returns as what it is shown.
    pub(super) fn found_as(&self, path: &StorePath, kind: Kind) -> Kind {
        let events_tell = self.ledger.is_certain();
        let mut shown = kind;
        self.inodes().remember(path, |known| match known.kind {
            // It has become one since the store was asked.
            Some(Kind::Directory) => shown = Kind::Directory,
            // What was a file for who listens stays remembered so until its event is dealt with.
            Some(Kind::File) if events_tell => {}
            _ => known.kind = Some(kind),
        });
        shown
    }

    /// Asks the store what the node at `path` is, everything in one round trip.
    pub(super) fn examine(&self, view: View, path: &StorePath) -> Result<Facts> {
        let known = self.known_kind(path);
        if view == View::Directories || known == Some(Kind::Directory) {
            // Events tell of new children only where the names of the old ones are known.
            let names = (self.ledger.is_followed() && !self.ledger.knows_children(path))
                .then(|| self.client.submit_directory(path));
            let mut facts = Facts::new(Kind::Directory, self.rights(path)?);
            facts.children = names.and_then(|names| names.wait().ok());
            return Ok(facts);
        }
        let children = self.submit_has_children(path);
        let value = self.client.submit_read(path);
        let perms = self.client.submit_perms(path);
        let children = match children.names() {
            // Not proof that there is a node; but a guest must get past it to its home.
            Err(error) if error.kind() == ErrorKind::Denied => {
                return Ok(Facts::new(Kind::Directory, Rights::Unseen));
            }
            other => other?,
        };
        let value = value.wait()?;
        let length = value.len();
        let rights = seen(perms)?;
        let has_children = children.as_ref().is_none_or(|names| !names.is_empty());
        let kind = if has_children {
            Kind::Directory
        } else {
            known.unwrap_or(self.kind_of_leaf(length))
        };
        Ok(Facts {
            kind,
            length,
            rights,
            value: Some(Digest::of(&value)),
            children,
        })
    }

    /// What a node without children is if nothing is remembered of it.
    pub(super) fn kind_of_leaf(&self, length: usize) -> Kind {
        match self.empty {
            EmptyNode::Directory if length == 0 => Kind::Directory,
            _ => Kind::File,
        }
    }

    /// Asks whether a node has children, without fetching all of a long list where that can be avoided.
    pub(super) fn submit_has_children(&self, path: &StorePath) -> Children {
        Children {
            answer: self.client.submit(Request::path(Op::DIRECTORY, path)),
            root: path.is_root(),
        }
    }

    /// A node's permissions, as far as we may see them.
    pub(crate) fn rights(&self, path: &StorePath) -> Result<Rights> {
        seen(self.client.submit_perms(path))
    }

    /// Length of the value and permissions of a node shown as `.value`, which exists while the value is not empty.
    fn value_facts(&self, node: &Node, flight: &Flight) -> Result<(usize, Rights)> {
        let value = self.client.submit_read(&node.path);
        let perms = self.client.submit_perms(&node.path);
        let length = match value.wait() {
            Ok(value) => {
                let value = Digest::of(&value);
                self.ledger.learn(flight, Some(value), None, None);
                value.length as usize
            }
            // What we may not read does not resolve; writing it blindly goes through CREATE.
            Err(error) if error.kind() == ErrorKind::Denied => 0,
            Err(error) => return Err(error.into()),
        };
        let rights = seen(perms)?;
        if self.handles.is_emptied(node.number) {
            return Ok((0, rights));
        }
        if length == 0 && !self.handles.is_being_written(node.number) {
            return Err(Errno::ENOENT);
        }
        Ok((length, rights))
    }

    fn file_facts(&self, node: &Node) -> Result<(usize, Rights)> {
        let value = self.client.submit_read(&node.path);
        let perms = self.client.submit_perms(&node.path);
        let length = match value.wait() {
            Ok(value) => value.len(),
            Err(error) if error.kind() == ErrorKind::Denied => 0,
            Err(error) if error.is_not_found() => {
                self.client.is_missing(&node.path);
                let facts = self.held_back_facts(&node.path).ok_or(Errno::ENOENT)?;
                return Ok((0, facts.rights));
            }
            Err(error) => return Err(error.into()),
        };
        Ok((length, seen(perms)?))
    }

    /// What a node shows whose creation is held back.
    fn held_back_facts(&self, path: &StorePath) -> Option<Facts> {
        let number = self.inodes().recorded(path)?;
        let file = self.handles.held_back(number)?;
        Some(Facts::new(Kind::File, file.rights.clone()))
    }

    /// Makes a presentation known to the kernel.
    pub(super) fn introduce(&self, path: &StorePath, view: View, shape: Shape) -> Node {
        self.inodes().look_up(path, Presentation { view, shape })
    }

    /// What the kernel is told of a node.
    pub(super) fn entry(&self, node: &Node, rights: &Rights, length: usize) -> Entry {
        let directory = node.is_directory();
        let (mode, uid) = self.appearance.of(rights, directory);
        let size = if directory || self.handles.is_emptied(node.number) {
            0
        } else {
            self.translation.size(length)
        };
        let known = self.inodes().known(&node.path);
        Entry {
            attr: Attr {
                id: node.id,
                directory,
                mode,
                uid,
                gid: self.appearance.gid(),
                size,
                modified: known.modified.unwrap_or(self.mounted),
            },
            lifetime: self.lifetime(node, rights),
        }
    }

    /// Where events tell of everything that changes: for ever. Otherwise: a directory stays one. A file may turn into a
    /// directory at any time, and then the kernel would refuse to look below it, without asking: its name is not to be
    /// believed. Nor is what EACCES left in the dark, nor what the store has not been told yet.
    fn lifetime(&self, node: &Node, rights: &Rights) -> Lifetime {
        if self.cache == Cache::None || *rights == Rights::Unseen {
            return Lifetime::default();
        }
        if self.ledger.is_trusting() {
            let is_file = node.presentation.shape == Shape::File;
            let is_pending = self.handles.is_pending(node.number);
            if is_pending || !self.ledger.promise(&node.path, !is_file) {
                return Lifetime::default();
            }
            return Lifetime {
                entry: FOREVER,
                attr: FOREVER,
            };
        }
        Lifetime {
            entry: if node.is_directory() {
                SHORT
            } else {
                Duration::ZERO
            },
            attr: SHORT,
        }
    }

    /// The child of `parent` whose long name has this alias.
    pub(super) fn resolve_alias(&self, parent: &StorePath, alias: &str) -> Result<StorePath> {
        let names = match self.client.outside(parent) {
            Some(outside) => outside.client.directory(parent)?,
            None => self.client.directory(parent)?,
        };
        let mut long = names.iter().filter(|name| name.len() > name::NAME_MAX);
        let name = long
            .find(|name| name::alias(name) == alias)
            .ok_or(Errno::ENOENT)?;
        Ok(parent.child(name)?)
    }

    /// Whether we are a domain that cannot do everything.
    pub(super) fn own_domid(&self) -> Option<xenbus::DomId> {
        match self.caller {
            Caller::Domain(own) => own,
            Caller::Privileged => None,
        }
    }
}

/// The answer to "are there children?", under way.
pub(super) struct Children {
    answer: Pending<Vec<u8>>,
    root: bool,
}

impl Children {
    pub(super) fn wait(self) -> xenbus::Result<bool> {
        Ok(self.names()?.is_none_or(|names| !names.is_empty()))
    }

    /// The names; `None` if they are more than fits into one reply.
    pub(super) fn names(self) -> xenbus::Result<Option<Vec<String>>> {
        let payload = match self.answer.wait() {
            // The C daemon's "more than fits into one reply".
            Err(xenbus::Error::Store { errno, .. }) if errno.name() == "E2BIG" => return Ok(None),
            other => other?,
        };
        let names = payload.split(|b| *b == 0).filter(|name| !name.is_empty());
        let names = names.filter_map(|name| str::from_utf8(name).ok());
        let names = names.filter(|name| !self.root || !name::is_phantom(name));
        Ok(Some(names.map(str::to_owned).collect()))
    }
}

fn seen(perms: Pending<Perms>) -> Result<Rights> {
    match perms.wait() {
        Ok(perms) => Ok(Rights::Seen(perms)),
        Err(error) if error.kind() == ErrorKind::Denied => Ok(Rights::Unseen),
        Err(error) => Err(error.into()),
    }
}
