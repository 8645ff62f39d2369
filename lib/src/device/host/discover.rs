//! Finding devices: frontends, backends of every domain, the toolstack's entries.

use std::collections::{BTreeMap, BTreeSet};

use crate::device::class::{NO_DEVICES, PRIMARY_CONSOLE};
use crate::device::id::{DeviceId, backend_path};
use crate::device::nodes::{Nodes, Spot};
use crate::id::DomId;
use crate::path::StorePath;

/// Whether a domain may have backends or device models.
pub(super) fn serves(nodes: &dyn Nodes, domain: DomId) -> bool {
    let home = StorePath::home(domain);
    SERVED.iter().any(|name| {
        home.child(name)
            .is_ok_and(|path| !nodes.value(&path).is_missing())
    })
}

/// The domain whose backends or device models a path is among.
pub(super) fn serving_domain(path: &StorePath) -> Option<DomId> {
    let mut elements = path.elements();
    let is_home = (elements.next()?, elements.next()?) == ("local", "domain");
    let domain = DomId::parse(elements.next()?).ok()?;
    (is_home && SERVED.contains(&elements.next()?)).then_some(domain)
}

const SERVED: [&str; 2] = ["backend", "device-model"];

/// Backends by the device that they claim to serve.
#[derive(Default)]
pub(super) struct Backends<'a>(pub(super) BTreeMap<DeviceId, Vec<Spot<'a>>>);

impl<'a> Backends<'a> {
    /// Adds every `/local/domain/<domain>/backend/<kind>/<d>/<index>`.
    pub(super) fn add(&mut self, nodes: &'a dyn Nodes, domain: DomId) {
        for kinds in backend_kinds(nodes, domain) {
            for devices in kinds.below(nodes) {
                let Ok(front) = DomId::parse(devices.name()) else {
                    continue;
                };
                for back in devices.below(nodes) {
                    let id = DeviceId::of_claim(nodes, &back, front, kinds.name(), back.name());
                    self.0.entry(id).or_default().push(back);
                }
            }
        }
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
    let front = id.domain().to_string();
    backend_kinds(nodes, domain)
        .into_iter()
        .filter_map(|kinds| {
            let kind = kinds.name();
            let back = Spot::new(nodes, backend_path(domain, kind, &front, id.index())?);
            nodes.value(&back.path).known()?;
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
