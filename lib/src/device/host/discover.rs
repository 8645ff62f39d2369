//! Finding devices: frontends, backends of every domain, the toolstack's entries.

use std::collections::{BTreeMap, BTreeSet};

use crate::device::class::NO_DEVICES;
use crate::device::id::{DeviceId, backend_path};
use crate::device::nodes::Nodes;
use crate::device::reading::Reading;
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
pub(super) struct Backends(pub(super) BTreeMap<DeviceId, Vec<StorePath>>);

impl Backends {
    /// Adds every `/local/domain/<domain>/backend/<kind>/<d>/<index>`.
    pub(super) fn add(&mut self, nodes: &dyn Nodes, domain: DomId) {
        let Ok(top) = StorePath::home(domain).child("backend") else {
            return;
        };
        for (kind, kinds) in below(nodes, &top) {
            for (front, domains) in below(nodes, &kinds) {
                let Ok(front) = DomId::parse(&front) else {
                    continue;
                };
                for (index, path) in below(nodes, &domains) {
                    let id = DeviceId::of_claim(nodes, &path, front, &kind, &index);
                    self.0.entry(id).or_default().push(path);
                }
            }
        }
    }
}

/// The backends in `domain` that claim to serve this one device.
pub(super) fn claims_for(nodes: &dyn Nodes, domain: DomId, id: &DeviceId) -> Vec<StorePath> {
    let Ok(top) = StorePath::home(domain).child("backend") else {
        return Vec::new();
    };
    let front = id.domain().to_string();
    below(nodes, &top)
        .into_iter()
        .filter_map(|(kind, _)| {
            let path = backend_path(domain, &kind, &front, id.index())?;
            nodes.value(&path).known()?;
            let claimed = DeviceId::of_claim(nodes, &path, id.domain(), &kind, id.index());
            (claimed == *id).then_some(path)
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
    let Ok(top) = StorePath::home(domain).child("backend") else {
        return;
    };
    for (kind, kinds) in below(nodes, &top) {
        let Ok(devices) = kinds.child(&front.to_string()) else {
            continue;
        };
        for (index, path) in below(nodes, &devices) {
            ids.insert(DeviceId::of_claim(nodes, &path, front, &kind, &index));
        }
    }
}

/// Whether the toolstack has an entry for any domain.
pub(super) fn has_entries(nodes: &dyn Nodes) -> bool {
    StorePath::parse("/libxl").is_ok_and(|path| {
        below(nodes, &path)
            .iter()
            .any(|(name, _)| DomId::parse(name).is_ok())
    })
}

/// Whether the toolstack has an entry for this domain.
pub(super) fn is_managed(nodes: &dyn Nodes, domain: DomId) -> bool {
    StorePath::parse(format!("/libxl/{domain}")).is_ok_and(|path| !nodes.value(&path).is_missing())
}

pub(super) fn frontends_of(nodes: &dyn Nodes, domain: DomId, ids: &mut BTreeSet<DeviceId>) {
    let home = StorePath::home(domain);
    if let Ok(console) = home.child("console")
        && nodes.value(&console).known().is_some()
    {
        ids.insert(DeviceId::primary_console(domain));
    }
    let Ok(top) = home.child("device") else {
        return;
    };
    for (kind, kinds) in below(nodes, &top) {
        if NO_DEVICES.contains(&kind.as_str()) {
            continue;
        }
        for (index, _) in below(nodes, &kinds) {
            ids.insert(DeviceId::new(domain, &kind, &index));
        }
    }
}

pub(super) fn entries_of(nodes: &dyn Nodes, domain: DomId, ids: &mut BTreeSet<DeviceId>) {
    let Ok(top) = StorePath::parse(format!("/libxl/{domain}/device")) else {
        return;
    };
    for (kind, kinds) in below(nodes, &top) {
        for (index, path) in below(nodes, &kinds) {
            ids.insert(DeviceId::of_claim(nodes, &path, domain, &kind, &index));
        }
    }
}

/// Names and paths of the nodes directly below; nothing if they cannot be listed.
fn below(nodes: &dyn Nodes, path: &StorePath) -> Vec<(String, StorePath)> {
    match nodes.children(path) {
        Reading::Known(names) => names
            .into_iter()
            .filter_map(|name| {
                let path = path.child(&name).ok()?;
                Some((name, path))
            })
            .collect(),
        _ => Vec::new(),
    }
}

pub(super) fn numbers_below(nodes: &dyn Nodes, path: &str) -> BTreeSet<DomId> {
    match StorePath::parse(path) {
        Ok(path) => below(nodes, &path)
            .into_iter()
            .filter_map(|(name, _)| DomId::parse(&name).ok())
            .collect(),
        Err(_) => BTreeSet::new(),
    }
}
