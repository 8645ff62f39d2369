//! One node: value, children, permissions, generation.

use std::sync::Arc;

use super::bytes::Bytes;
use super::children::Children;
use crate::id::DomId;
use crate::perms::{Access, Perm};

/// A node as the store keeps it. Copies share what is large.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Changes with every change of the node itself, its list of children included; a transaction that used the node
    /// fails if it differs at the commit.
    pub(super) generation: u64,
    pub(super) acl: Acl,
    pub(super) value: Bytes,
    pub(super) children: Children,
}

impl Node {
    /// A node without children.
    pub(super) fn new(acl: Acl, value: &[u8]) -> Self {
        Self {
            generation: 0,
            acl,
            value: value.into(),
            children: Children::default(),
        }
    }

    /// Bytes that quotas count, without the fixed part: 8 for each permission entry, the value, the children's names.
    pub(super) fn variable_size(&self) -> usize {
        variable_size(self.acl.len(), self.value.len(), self.children.bytes())
    }
}

/// See [`Node::variable_size`].
pub(super) fn variable_size(entries: usize, value: usize, children: usize) -> usize {
    8 * entries + value + children
}

/// Permissions of a node; never empty. Most nodes share their parent's.
#[derive(Clone, Debug)]
pub(super) struct Acl(Arc<Box<[Entry]>>);

/// One entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) access: Access,
    pub(super) domid: DomId,
    /// The domain that was meant is gone: the entry is shown and has no effect.
    pub(super) ignored: bool,
}

impl From<Perm> for Entry {
    fn from(perm: Perm) -> Self {
        Self {
            access: perm.access,
            domid: perm.domid,
            ignored: false,
        }
    }
}

impl Acl {
    /// Permissions from entries, of which there must be one.
    pub(super) fn new(entries: &[Entry]) -> Option<Self> {
        (!entries.is_empty()).then(|| Self(Arc::new(entries.into())))
    }

    /// One entry: `domid` owns the node, all others get `access`.
    pub(super) fn owned(access: Access, domid: DomId) -> Self {
        Self(Arc::new(Box::new([Perm::new(access, domid).into()])))
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All entries, the owner's first.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The owner.
    pub(super) fn owner(&self) -> DomId {
        self.0[0].domid
    }

    /// The same permissions with another owner.
    pub(super) fn with_owner(&self, owner: DomId) -> Self {
        if self.owner() == owner {
            return self.clone();
        }
        self.map(|index, entry| {
            if index == 0 {
                entry.domid = owner;
            }
        })
    }

    /// The same permissions without the further entries for a domain; `None`: there are none.
    pub(super) fn without(&self, domid: DomId) -> Option<Self> {
        let of_it = |entry: &Entry| entry.domid == domid;
        if !self.entries()[1..].iter().any(of_it) {
            return None;
        }
        let (owner, others) = self.entries().split_first()?;
        let rest = others.iter().filter(|entry| !of_it(entry));
        let entries: Vec<Entry> = std::iter::once(owner).chain(rest).copied().collect();
        Self::new(&entries)
    }

    /// A changed copy.
    pub(super) fn map(&self, mut change: impl FnMut(usize, &mut Entry)) -> Self {
        let mut entries = self.0.to_vec();
        for (index, entry) in entries.iter_mut().enumerate() {
            change(index, entry);
        }
        Self(Arc::new(entries.into()))
    }

    /// The payload of GET_PERMS. Numbers are shown signed, as the daemon does.
    pub(super) fn to_wire(&self) -> Vec<u8> {
        use std::io::Write as _;
        let mut wire = Vec::with_capacity(self.len() * 4);
        for entry in self.entries() {
            let number = entry.domid.0.cast_signed();
            // Writing into a Vec cannot fail.
            drop(write!(wire, "{}{number}\0", entry.access.letter()));
        }
        wire
    }
}
