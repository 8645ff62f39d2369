//! Domains: what the (pretended) hypervisor runs, and what the store knows of each.

use std::collections::{BTreeMap, BTreeSet};

use super::node::Acl;
use crate::id::DomId;
use crate::perms::Access;

/// A domain that the store knows: introduced, or only named in permissions.
#[derive(Debug, Default)]
pub(super) struct Domain {
    /// Generation of the store when the domain became known: permission entries that are older meant another domain
    /// of the same number.
    pub(super) generation: u64,
    pub(super) introduced: bool,
    /// The frame that INTRODUCE named.
    pub(super) frame: Option<u32>,
    /// It was seen shut down and `@releaseDomain` was fired for it.
    pub(super) shutdown: bool,
    /// The domain whose rights it has too.
    pub(super) target: Option<DomId>,
    pub(super) usage: Usage,
    /// The most that was seen of it.
    pub(super) peak: Peaks,
    /// Feature bits set for it (Xen 4.21).
    pub(super) features: Option<u32>,
    /// Quotas of its own (Xen 4.22): name and value.
    pub(super) quotas: BTreeMap<&'static str, u32>,
}

/// What a domain uses of its quotas.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Usage {
    pub(super) nodes: usize,
    pub(super) watches: usize,
    pub(super) transactions: usize,
    pub(super) memory: usize,
}

/// The most that was seen of what quotas limit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Peaks {
    pub(super) usage: Usage,
    /// Requests that wait for their answers.
    pub(super) outstanding: usize,
    /// Nodes that one transaction uses.
    pub(super) transaction_nodes: usize,
    /// Entries of one node's permissions.
    pub(super) node_permissions: usize,
    /// Bytes of a path that count.
    pub(super) path: usize,
    /// Bytes of a node.
    pub(super) node_size: usize,
}

impl Peaks {
    /// Takes over what is higher elsewhere.
    fn raise(&mut self, to: &Self) {
        for (own, other) in [
            (&mut self.usage.nodes, to.usage.nodes),
            (&mut self.usage.watches, to.usage.watches),
            (&mut self.usage.transactions, to.usage.transactions),
            (&mut self.usage.memory, to.usage.memory),
            (&mut self.outstanding, to.outstanding),
            (&mut self.transaction_nodes, to.transaction_nodes),
            (&mut self.node_permissions, to.node_permissions),
            (&mut self.path, to.path),
            (&mut self.node_size, to.node_size),
        ] {
            *own = (*own).max(other);
        }
    }
}

/// Life of a domain in the hypervisor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Life {
    /// It runs.
    Running,
    /// It has shut down or crashed, and still exists.
    Shutdown,
    /// It is being destroyed.
    Dying,
}

/// All domains.
#[derive(Debug)]
pub(super) struct Domains {
    hypervisor: BTreeMap<DomId, Life>,
    /// Domains whose life has changed since they were asked for.
    changed: BTreeSet<DomId>,
    known: BTreeMap<DomId, Domain>,
    /// The most that was seen of any domain but the first.
    pub(super) peak: Peaks,
    /// Permissions of `@introduceDomain` and `@releaseDomain`.
    pub(super) introduce_acl: Acl,
    pub(super) release_acl: Acl,
}

impl Domains {
    /// Domain 0 alone, introduced.
    pub(super) fn new(release_acl: Acl) -> Self {
        let dom0 = Domain {
            introduced: true,
            ..Domain::default()
        };
        Self {
            hypervisor: BTreeMap::from([(DomId::DOM0, Life::Running)]),
            changed: BTreeSet::new(),
            known: BTreeMap::from([(DomId::DOM0, dom0)]),
            peak: Peaks::default(),
            introduce_acl: Acl::owned(Access::None, DomId::DOM0),
            release_acl,
        }
    }

    /// The domain, if the store knows it.
    pub(super) fn get(&self, domid: DomId) -> Option<&Domain> {
        self.known.get(&domid)
    }

    /// The domain, if the store knows it.
    pub(super) fn get_mut(&mut self, domid: DomId) -> Option<&mut Domain> {
        self.known.get_mut(&domid)
    }

    /// The domain, known from now on if it exists at all.
    pub(super) fn existing(&mut self, domid: DomId, generation: u64) -> Option<&mut Domain> {
        if !self.known.contains_key(&domid) {
            if !self.hypervisor.contains_key(&domid) {
                return None;
            }
            let domain = Domain {
                generation,
                ..Domain::default()
            };
            self.known.insert(domid, domain);
        }
        self.known.get_mut(&domid)
    }

    /// Whether the domain is introduced.
    pub(super) fn is_introduced(&self, domid: DomId) -> bool {
        self.get(domid).is_some_and(|d| d.introduced)
    }

    /// Whether an entry written at `generation` for `domid` still means the domain that now has this number.
    pub(super) fn is_meant(&self, domid: DomId, generation: u64) -> bool {
        self.get(domid).is_some_and(|d| d.generation <= generation)
    }

    /// The state in the hypervisor.
    pub(super) fn life(&self, domid: DomId) -> Option<Life> {
        self.hypervisor.get(&domid).copied()
    }

    /// Sets the state in the hypervisor; `None`: the domain is gone.
    pub(super) fn set_life(&mut self, domid: DomId, life: Option<Life>) {
        if self.life(domid) != life {
            self.changed.insert(domid);
        }
        match life {
            Some(life) => drop(self.hypervisor.insert(domid, life)),
            None => drop(self.hypervisor.remove(&domid)),
        }
    }

    /// Domains whose life has changed since the last time.
    pub(super) fn take_changed(&mut self) -> BTreeSet<DomId> {
        std::mem::take(&mut self.changed)
    }

    /// Forgets a domain. What it uses must have been given back or be gone with it.
    pub(super) fn forget(&mut self, domid: DomId) {
        self.known.remove(&domid);
        for acl in [&mut self.introduce_acl, &mut self.release_acl] {
            let mut entries = acl.entries().to_vec();
            if entries[0].domid == domid {
                entries[0].domid = DomId::DOM0;
            }
            let mut first = true;
            entries.retain(|entry| std::mem::take(&mut first) || entry.domid != domid);
            if let Some(changed) = Acl::new(&entries) {
                *acl = changed;
            }
        }
    }

    /// Nobody has the rights of this domain any more.
    pub(super) fn forget_target(&mut self, domid: DomId) {
        for other in self.known.values_mut() {
            if other.target == Some(domid) {
                other.target = None;
            }
        }
    }

    /// Numbers of all known domains.
    pub(super) fn known(&self) -> Vec<DomId> {
        self.known.keys().copied().collect()
    }

    /// Adds to what a domain uses.
    pub(super) fn charge(&mut self, domid: DomId, change: impl FnOnce(&mut Usage)) {
        if let Some(domain) = self.known.get_mut(&domid) {
            change(&mut domain.usage);
            let usage = domain.usage;
            self.note(domid, |seen| seen.usage = usage);
        }
    }

    /// Remembers what was seen of a domain, as far as it was never more.
    pub(super) fn note(&mut self, domid: DomId, see: impl FnOnce(&mut Peaks)) {
        let mut seen = Peaks::default();
        see(&mut seen);
        if let Some(domain) = self.known.get_mut(&domid) {
            domain.peak.raise(&seen);
        }
        if domid != DomId::DOM0 {
            self.peak.raise(&seen);
        }
    }

    /// Forgets what was seen but is no longer so.
    pub(super) fn forget_peaks(&mut self) {
        self.peak = Peaks::default();
        for domain in self.known.values_mut() {
            domain.peak = Peaks {
                usage: domain.usage,
                ..Peaks::default()
            };
        }
    }

    /// What a domain uses.
    pub(super) fn usage(&self, domid: DomId) -> Usage {
        self.get(domid).map(|d| d.usage).unwrap_or_default()
    }
}
