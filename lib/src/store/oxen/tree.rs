//! The tree as oxenstored keeps it: nodes are shared between its versions, and a version is one reference to a root.
//!
//! A node that is shared is copied when it, or something below it, is changed: two versions have the same node, as a
//! place in memory, if and only if nothing there has changed. oxenstored decides by that whether a transaction can be
//! merged.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::path::Path;
use super::perms::{Perms, Who};
use crate::perms::Access;
use crate::wire::Errno;

/// Largest value; domain 0 is held to it too.
const VALUE_MAX: usize = 2048;

/// A node with all below.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) perms: Perms,
    pub(super) value: Arc<[u8]>,
    pub(super) children: BTreeMap<Arc<[u8]>, Arc<Node>>,
}

/// One version of the store.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) root: Arc<Node>,
    /// How many nodes each domain has.
    pub(super) counts: Arc<BTreeMap<i64, i64>>,
    /// How many an unprivileged one may have.
    pub(super) nodes_max: u32,
    /// Whether the root was removed: oxenstored takes it off its owner's count then, each time, although it stays.
    pub(super) has_lost_root: bool,
}

impl Node {
    pub(super) fn new(perms: Perms, value: &[u8]) -> Self {
        Self {
            perms,
            value: value.into(),
            children: BTreeMap::new(),
        }
    }

    /// The node at a path below this one.
    pub(super) fn get(self: &Arc<Self>, path: &[Arc<[u8]>]) -> Option<&Arc<Self>> {
        let mut at = self;
        for name in path {
            at = at.children.get(name)?;
        }
        Some(at)
    }

    /// This node and all below.
    pub(super) fn for_each(&self, work: &mut impl FnMut(&Self)) {
        // Paths are short, so this does not go deep.
        work(self);
        for child in self.children.values() {
            child.for_each(work);
        }
    }

    /// Without what belongs to a domain, and without mention of it; `None` if it belongs to the domain itself.
    fn without(&self, domid: i64) -> Option<Arc<Self>> {
        if self.perms.owner == domid {
            return None;
        }
        let children = self.children.iter();
        let children =
            children.filter_map(|(name, child)| Some((name.clone(), child.without(domid)?)));
        Some(Arc::new(Self {
            perms: self.perms.without(domid),
            value: self.value.clone(),
            children: children.collect(),
        }))
    }
}

impl Tree {
    /// The root alone.
    pub(super) fn new(nodes_max: u32) -> Self {
        Self {
            root: Arc::new(Node::new(Perms::closed(), b"")),
            counts: Arc::default(),
            nodes_max,
            has_lost_root: false,
        }
    }

    /// Takes it out of its place, which is left without meaning until something is put back: a version that nobody
    /// else has is changed without copying.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.nodes_max))
    }

    pub(super) fn get(&self, path: &Path) -> Option<&Arc<Node>> {
        self.root.get(path.names())
    }

    /// A node that may be read.
    pub(super) fn readable(&self, who: Who, path: &Path) -> Result<&Arc<Node>, Errno> {
        let node = self.get(path).ok_or(Errno::ENOENT)?;
        who.check(Access::Read, &node.perms)?;
        Ok(node)
    }

    /// Sets a value; the node is made if its parent is there.
    pub(super) fn write(&mut self, who: Who, path: &Path, value: &[u8]) -> Result<(), Errno> {
        let existing = self.get(path).is_some();
        let owner = self.nearest(path).perms.owner;
        if value.len() > VALUE_MAX {
            return Err(Errno::E2BIG);
        }
        if !existing {
            self.check_quota(who, owner)?;
            self.make(who, path, value)?;
            self.count(owner, 1);
            return Ok(());
        }
        let node = self.get(path).ok_or(Errno::ENOENT)?;
        who.check(Access::Write, &node.perms)?;
        if *node.value == *value {
            // The node stays the same, but what is above it does not.
            if !path.names().is_empty() {
                self.get_mut(&path.parent());
            }
        } else if let Some(node) = self.get_mut(path) {
            node.value = value.into();
        }
        Ok(())
    }

    /// Makes a node whose parent is there; whether it was missing.
    pub(super) fn mkdir(&mut self, who: Who, path: &Path) -> Result<bool, Errno> {
        if let Some(node) = self.get(path) {
            if !path.names().is_empty() {
                who.check(Access::Write, &node.perms)?;
            }
            return Ok(false);
        }
        let owner = self.nearest(path).perms.owner;
        self.check_quota(who, owner)?;
        self.make(who, path, b"")?;
        self.count(owner, 1);
        Ok(true)
    }

    /// Removes a node and all below and returns it; of the root, what is below.
    pub(super) fn remove(&mut self, who: Who, path: &Path) -> Result<Arc<Node>, Errno> {
        let node = self.get(path).ok_or(Errno::ENOENT)?;
        who.check(Access::Write, &node.perms)?;
        let node = node.clone();
        match path.names().split_last() {
            None => {
                let mut root = Node::new(node.perms.clone(), b"");
                root.value = node.value.clone();
                self.root = Arc::new(root);
                self.has_lost_root = true;
            }
            Some((name, _)) => {
                if let Some(parent) = self.get_mut(&path.parent()) {
                    parent.children.remove(name);
                }
            }
        }
        // Of the root itself, too, as oxenstored does.
        let mut owners = BTreeMap::new();
        node.for_each(&mut |node| *owners.entry(node.perms.owner).or_default() -= 1);
        for (owner, change) in owners {
            self.count(owner, change);
        }
        Ok(node)
    }

    /// Sets permissions.
    pub(super) fn set_perms(&mut self, who: Who, path: &Path, perms: Perms) -> Result<(), Errno> {
        let node = self.get(path).ok_or(Errno::ENOENT)?;
        let (old, new) = (node.perms.owner, perms.owner);
        if old != new && !who.is_privileged() {
            return Err(Errno::EACCES);
        }
        if !path.names().is_empty() && !who.owns(&node.perms) {
            return Err(Errno::EACCES);
        }
        who.check(Access::Write, &node.perms)?;
        if let Some(node) = self.get_mut(path) {
            node.perms = perms;
        }
        self.count(old, -1);
        self.count(new, 1);
        Ok(())
    }

    /// Puts a subtree in place of what there may be.
    pub(super) fn put(&mut self, path: &Path, node: Arc<Node>) {
        match path.names().split_last() {
            None => {
                self.root = node;
                self.has_lost_root = true;
            }
            Some((name, _)) => {
                if let Some(parent) = self.get_mut(&path.parent()) {
                    parent.children.insert(name.clone(), node);
                }
            }
        }
    }

    /// Removes what belongs to a domain, and every mention of it.
    pub(super) fn forget(&mut self, domid: i64) {
        // A root that belongs to it stays, as domain 0's; oxenstored does not survive that.
        if self.root.perms.owner == domid {
            Arc::make_mut(&mut self.root).perms.owner = 0;
        }
        if let Some(root) = self.root.without(domid) {
            self.root = root;
        }
        Arc::make_mut(&mut self.counts).remove(&domid);
    }

    /// Notes that a domain owns more or fewer nodes.
    pub(super) fn count(&mut self, owner: i64, change: i64) {
        let counts = Arc::make_mut(&mut self.counts);
        let count = counts.entry(owner).or_default();
        *count += change;
        if *count == 0 {
            counts.remove(&owner);
        }
    }

    fn check_quota(&self, who: Who, owner: i64) -> Result<(), Errno> {
        let used = self.counts.get(&owner).copied().unwrap_or_default();
        if !who.is_privileged() && owner > 0 && used >= self.nodes_max.into() {
            return Err(Errno::EQUOTA);
        }
        Ok(())
    }

    /// Makes a missing node with its parent's permissions.
    fn make(&mut self, who: Who, path: &Path, value: &[u8]) -> Result<(), Errno> {
        let (name, _) = path.names().split_last().ok_or(Errno::EINVAL)?;
        let parent_path = path.parent();
        let parent = self.get(&parent_path).ok_or(Errno::ENOENT)?;
        who.check(Access::Write, &parent.perms)?;
        let node = Arc::new(Node::new(parent.perms.clone(), value));
        if let Some(parent) = self.get_mut(&parent_path) {
            parent.children.insert(name.clone(), node);
        }
        Ok(())
    }

    /// The node at a path, or the nearest above.
    fn nearest(&self, path: &Path) -> &Arc<Node> {
        let mut at = &self.root;
        for name in path.names() {
            match at.children.get(name) {
                Some(child) => at = child,
                None => break,
            }
        }
        at
    }

    /// A node to be changed: it and all above are copied if another version shares them.
    fn get_mut(&mut self, path: &Path) -> Option<&mut Node> {
        // Looked for before anything is copied.
        self.get(path)?;
        let mut at = Arc::make_mut(&mut self.root);
        for name in path.names() {
            at = Arc::make_mut(at.children.get_mut(name)?);
        }
        Some(at)
    }
}
