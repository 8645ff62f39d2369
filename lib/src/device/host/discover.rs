//! Finding devices: frontends, backends of every domain, the toolstack's entries.

use std::collections::{BTreeMap, BTreeSet};

use crate::device::class::{NO_DEVICES, PRIMARY_CONSOLE};
use crate::device::id::DeviceId;
use crate::device::nodes::{Nodes, Spot};
use crate::id::DomId;
use crate::path::StorePath;

/// Whether a domain may have backends or device models.
pub(super) fn serves(nodes: &dyn Nodes, domain: DomId) -> bool {
    let home = Spot::new(nodes, StorePath::home(domain));
    { SERVED.iter() }.any(|name| !home.bytes(nodes, name).is_missing())
}

/// The domain whose backends or device models a path is among.
pub(super) fn serving_domain(path: &StorePath) -> Option<DomId> {
    let mut elements = path.elements();
    let is_home = (elements.next()?, elements.next()?) == ("local", "domain");
    let domain = DomId::parse(elements.next()?).ok()?;
    (is_home && SERVED.contains(&elements.next()?)).then_some(domain)
}

const SERVED: [&str; 2] = ["backend", "device-model"];

/// A domain, and where its devices are mentioned.
pub(super) struct Place<'a> {
    pub(super) domain: DomId,
    /// Whether it has a directory in `/local/domain`.
    is_home: bool,
    /// Whether it has one in `/libxl`.
    is_managed: bool,
    /// The kinds of its backends, and the directories in which they are: `/local/domain/<server>/backend/<kind>/<d>`.
    backends: Vec<(String, Spot<'a>)>,
}

/// Every domain that is mentioned; `servers` are those in which there may be backends.
pub(super) fn places<'a>(
    nodes: &'a dyn Nodes,
    homes: &BTreeSet<DomId>,
    managed: &BTreeSet<DomId>,
    servers: &BTreeSet<DomId>,
) -> Vec<Place<'a>> {
    let mut backends: BTreeMap<DomId, Vec<(String, Spot<'a>)>> = BTreeMap::new();
    for kinds in servers.iter().flat_map(|id| backend_kinds(nodes, *id)) {
        for directory in kinds.below(nodes) {
            if let Ok(front) = DomId::parse(directory.name()) {
                let place = (kinds.name().to_owned(), directory);
                backends.entry(front).or_default().push(place);
            }
        }
    }
    let mut domains: BTreeSet<DomId> = homes.union(managed).copied().collect();
    domains.extend(backends.keys());
    let place = |domain| Place {
        domain,
        is_home: homes.contains(&domain),
        is_managed: managed.contains(&domain),
        backends: backends.remove(&domain).unwrap_or_default(),
    };
    domains.into_iter().map(place).collect()
}

impl<'a> Place<'a> {
    /// Whether the domain is there whatever devices it has.
    pub(super) fn is_certain(&self) -> bool {
        self.is_home || self.is_managed
    }

    /// Every device of the domain, with the backends that claim to serve it.
    pub(super) fn devices(&self, nodes: &'a dyn Nodes) -> BTreeMap<DeviceId, Vec<Spot<'a>>> {
        let mut ids = BTreeSet::new();
        if self.is_home {
            frontends_of(nodes, self.domain, &mut ids);
        }
        if self.is_managed {
            entries_of(nodes, self.domain, &mut ids);
        }
        let mut devices: BTreeMap<DeviceId, Vec<Spot<'a>>> =
            ids.into_iter().map(|id| (id, Vec::new())).collect();
        for (kind, directory) in &self.backends {
            for back in directory.below(nodes) {
                let id = DeviceId::of_claim(nodes, &back, self.domain, kind, back.name());
                devices.entry(id).or_default().push(back);
            }
        }
        devices
    }
}

fn backend_kinds(nodes: &dyn Nodes, domain: DomId) -> Vec<Spot<'_>> {
    match StorePath::home(domain).child("backend") {
        Ok(top) => Spot::new(nodes, top).below(nodes),
        Err(_) => Vec::new(),
    }
}

/// The backends in `domain` that claim to serve this one device.
pub(super) fn claims_for<'a>(nodes: &'a dyn Nodes, domain: DomId, id: &DeviceId) -> Vec<Spot<'a>> {
    let below = format!("{}/{}", id.domain(), id.index());
    backend_kinds(nodes, domain)
        .into_iter()
        .filter_map(|kinds| {
            let kind = kinds.name();
            let back = kinds.inside(nodes, &below)?;
            let claimed = DeviceId::of_claim(nodes, &back, id.domain(), kind, id.index());
            (claimed == *id).then_some(back)
        })
        .collect()
}

/// The devices of `front` that backends in `domain` claim to serve.
pub(super) fn backends_for(
    nodes: &dyn Nodes,
    domain: DomId,
    front: DomId,
    ids: &mut BTreeSet<DeviceId>,
) {
    for kinds in backend_kinds(nodes, domain) {
        let Ok(devices) = kinds.path.child(&front.to_string()) else {
            continue;
        };
        for back in Spot::new(nodes, devices).below(nodes) {
            let id = DeviceId::of_claim(nodes, &back, front, kinds.name(), back.name());
            ids.insert(id);
        }
    }
}

/// Whether the toolstack has an entry for any domain.
pub(super) fn has_entries(nodes: &dyn Nodes) -> bool {
    StorePath::parse("/libxl").is_ok_and(|path| {
        let entries = Spot::new(nodes, path).below(nodes);
        entries
            .iter()
            .any(|entry| DomId::parse(entry.name()).is_ok())
    })
}

/// Whether the toolstack has an entry for this domain.
pub(super) fn is_managed(nodes: &dyn Nodes, domain: DomId) -> bool {
    StorePath::parse(format!("/libxl/{domain}")).is_ok_and(|path| !nodes.value(&path).is_missing())
}

pub(super) fn frontends_of(nodes: &dyn Nodes, domain: DomId, ids: &mut BTreeSet<DeviceId>) {
    let home = Spot::new(nodes, StorePath::home(domain));
    if home.bytes(nodes, PRIMARY_CONSOLE).known().is_some() {
        ids.insert(DeviceId::primary_console(domain));
    }
    let Ok(top) = home.path.child("device") else {
        return;
    };
    for kinds in Spot::new(nodes, top).below(nodes) {
        if NO_DEVICES.contains(&kinds.name()) {
            continue;
        }
        for front in kinds.below(nodes) {
            ids.insert(DeviceId::new(domain, kinds.name(), front.name()));
        }
    }
}

pub(super) fn entries_of(nodes: &dyn Nodes, domain: DomId, ids: &mut BTreeSet<DeviceId>) {
    let Ok(top) = StorePath::parse(format!("/libxl/{domain}/device")) else {
        return;
    };
    for kinds in Spot::new(nodes, top).below(nodes) {
        for entry in kinds.below(nodes) {
            let id = DeviceId::of_claim(nodes, &entry, domain, kinds.name(), entry.name());
            ids.insert(id);
        }
    }
}

/// The domains whose numbers are the names of nodes below a path.
pub(super) fn numbers_below(nodes: &dyn Nodes, path: &str) -> BTreeSet<DomId> {
    match StorePath::parse(path) {
        Ok(path) => Spot::new(nodes, path)
            .below(nodes)
            .iter()
            .filter_map(|spot| DomId::parse(spot.name()).ok())
            .collect(),
        Err(_) => BTreeSet::new(),
    }
}
