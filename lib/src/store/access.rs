//! Who may do what.

use super::domain::Domains;
use super::node::{Acl, Node};
use crate::id::DomId;
use crate::perms::Access;

/// On whose behalf something is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) domid: DomId,
    /// A connection that may do everything: a socket, or domain 0.
    pub(super) privileged: bool,
    /// Domain whose rights the caller has too.
    pub(super) target: Option<DomId>,
}

/// The store itself and its operator.
pub(super) const PRIVILEGED: Caller = Caller {
    domid: DomId::DOM0,
    privileged: true,
    target: None,
};

impl Caller {
    fn is(&self, domid: DomId) -> bool {
        self.domid == domid || self.target == Some(domid)
    }

    /// Whether the caller owns a node with these permissions, or is treated so.
    pub(super) fn owns(&self, acl: &Acl) -> bool {
        self.privileged || self.is(acl.owner())
    }

    /// What the caller may do with a node.
    pub(super) fn access(&self, node: &Node, domains: &Domains) -> Access {
        self.access_by(&node.acl, node.generation, domains)
    }

    /// What the caller may do with something that has these permissions since `generation`.
    pub(super) fn access_by(&self, acl: &Acl, generation: u64, domains: &Domains) -> Access {
        if self.owns(acl) {
            return Access::Both;
        }
        acl.entries()[1..]
            .iter()
            .find(|entry| {
                self.is(entry.domid) && !entry.ignored && domains.is_meant(entry.domid, generation)
                    || entry.domid == DomId::ANY && !entry.ignored
            })
            .map_or(acl.entries()[0].access, |entry| entry.access)
    }
}

/// The permissions of a node with the entries marked whose domain has gone, for keeping them beyond the generation of
/// the node: a new domain with the number of an old one must not inherit its rights.
pub(super) fn settled(node: &Node, domains: &Domains) -> Acl {
    let acl = &node.acl;
    let gone = |entry: &super::node::Entry| {
        !entry.ignored
            && entry.domid != DomId::ANY
            && !domains.is_meant(entry.domid, node.generation)
    };
    if !acl.entries()[1..].iter().any(gone) {
        return acl.clone();
    }
    acl.map(|index, entry| {
        if index > 0 && gone(entry) {
            entry.ignored = true;
        }
    })
}
