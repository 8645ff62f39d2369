//! The whole host: every domain and every device that anybody mentions.

mod discover;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::class::{Class, Handshake};
use super::domain::Domain;
use super::ends::{Backend, Frontend, Seen, ToolstackEntry};
use super::id::{BackendPlace, Concern, DeviceId};
use super::nodes::{Folder, Nodes, Note, Notes, Spot, map_nodes};
use super::reading::Reading;
use super::roles::Roles;
use super::state::XenbusState;
use super::vbd::VbdNumber;
use crate::id::DomId;
use crate::path::StorePath;
use discover::{
    backends_for, claims_for, entries_of, frontends_of, has_entries, is_managed, numbers_below,
    places, serves, serving_domain,
};

/// Everything at one moment.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Who is who.
    pub roles: Roles,
    /// The domains, also those that are only mentioned by others. Shared, so that whoever keeps old states of the host
    /// pays only for what differs.
    pub domains: BTreeMap<DomId, Arc<Domain>>,
    /// The devices: the union of what frontends, backends of every domain, and the toolstack say.
    pub devices: BTreeMap<DeviceId, Arc<Device>>,
    /// Whether the toolstack keeps entries of its own (`/libxl`).
    pub has_toolstack: bool,
    /// Domains in which there may be backends, and device models: a device is looked for only there.
    servers: BTreeSet<DomId>,
}

/// A device with its two ends.
#[derive(Clone, Debug)]
pub struct Device {
    /// Which one.
    pub id: DeviceId,
    /// Its class.
    pub class: &'static Class,
    /// The frontend's end.
    pub front: Reading<Frontend>,
    /// The backend's end: the one that is trusted to serve the device.
    pub back: Reading<Backend>,
    /// Further backends that claim the same frontend.
    pub rivals: Vec<Backend>,
    /// The toolstack's entry.
    pub toolstack: Reading<ToolstackEntry>,
    /// Values that make no sense.
    pub notes: Vec<Note>,
}

impl Host {
    /// A host of which only the domains are known so far.
    pub fn of_domains(domains: impl IntoIterator<Item = Domain>) -> Self {
        let domains: BTreeMap<DomId, Arc<Domain>> = domains
            .into_iter()
            .map(|domain| (domain.id, Arc::new(domain)))
            .collect();
        Self {
            roles: Roles::of(domains.keys().copied()),
            domains,
            ..Self::default()
        }
    }

    /// Takes over the domains, and their names, that were known before and were not read yet.
    pub fn keep_names(&mut self, before: &Self) {
        for (id, known) in &before.domains {
            match self.domains.entry(*id) {
                Entry::Vacant(place) => drop(place.insert(Arc::clone(known))),
                Entry::Occupied(mut place) if place.get().name == Reading::Denied => {
                    Arc::make_mut(place.get_mut()).name = known.name.clone();
                }
                Entry::Occupied(_) => {}
            }
        }
        self.roles.control = self.roles.control.or(before.roles.control);
    }

    /// Reads everything.
    pub fn read(nodes: &dyn Nodes) -> Self {
        let homes = numbers_below(nodes, "/local/domain");
        let managed = numbers_below(nodes, "/libxl");
        let is_server = |home: &DomId| serves(nodes, *home);
        let servers: BTreeSet<DomId> = homes.iter().copied().filter(is_server).collect();
        let places = places(nodes, &homes, &managed, &servers);
        // Domain by domain, so that what belongs together is read together.
        let read = map_nodes(nodes, &places, |nodes, place| {
            let devices: Vec<_> = place
                .devices(nodes)
                .into_iter()
                .map(|(id, claims)| (id.clone(), Arc::new(Device::join(nodes, &id, &claims))))
                .collect();
            let domain = (place.is_certain() || !devices.is_empty())
                .then(|| Arc::new(Domain::read(nodes, place.domain, &servers)));
            (domain, devices)
        });
        let (mut domains, mut devices) = (Vec::with_capacity(read.len()), Vec::new());
        for (domain, of_domain) in read {
            domains.extend(domain.map(|domain| (domain.id, domain)));
            devices.extend(of_domain);
        }
        Self {
            roles: Roles::read(nodes, homes.iter().copied()),
            // They come in their order: made at once.
            domains: domains.into_iter().collect(),
            devices: devices.into_iter().collect(),
            has_toolstack: !managed.is_empty(),
            servers,
        }
    }

    /// Reads again what a change at `path` concerns, and says what that was.
    pub fn refresh(&mut self, nodes: &dyn Nodes, path: &StorePath) -> Concern {
        if let Some(server) = serving_domain(path) {
            self.servers.insert(server);
        }
        let mut concern = Concern::of(nodes, path);
        if let Concern::Home(id) = concern
            && *path == StorePath::home(id)
            && self.servers.contains(&id)
        {
            // Others have lost (or gained) their backends, too.
            concern = Concern::Everything;
        }
        match &concern {
            Concern::Everything => *self = Self::read(nodes),
            Concern::Home(id) => drop(self.refresh_home(nodes, *id)),
            Concern::Device(id) => self.refresh_device(nodes, id),
            Concern::Domain(id) => self.refresh_domain(nodes, *id),
            Concern::Vm(uuid) => {
                let is_of_vm = |domain: &&Arc<Domain>| domain.uuid.known() == Some(uuid);
                let domains = self.domains.values().filter(is_of_vm);
                for id in domains.map(|domain| domain.id).collect::<Vec<_>>() {
                    self.refresh_domain(nodes, id);
                }
            }
            Concern::Nothing => {}
        }
        concern
    }

    /// Reads one device again; the other domains and devices stay as they are. Forgets it if nobody mentions it any
    /// more.
    pub fn refresh_device(&mut self, nodes: &dyn Nodes, id: &DeviceId) {
        let mut claims = Vec::new();
        for domain in &self.servers {
            claims.extend(claims_for(nodes, *domain, id));
        }
        let device = Device::join(nodes, id, &claims);
        if device.is_mentioned() {
            if !self.domains.contains_key(&id.domain()) {
                self.refresh_domain(nodes, id.domain());
            }
            self.devices.insert(id.clone(), Arc::new(device));
        } else {
            self.devices.remove(id);
            self.forget_unmentioned(nodes, id.domain());
        }
    }

    /// Reads one domain and all its devices again, and finds out which those are; gives those that came, stayed or
    /// went.
    pub fn refresh_home(&mut self, nodes: &dyn Nodes, id: DomId) -> BTreeSet<DeviceId> {
        let mut devices: BTreeSet<DeviceId> = self
            .devices_of(id)
            .map(|device| device.id.clone())
            .collect();
        frontends_of(nodes, id, &mut devices);
        entries_of(nodes, id, &mut devices);
        if serves(nodes, id) {
            self.servers.insert(id);
        }
        for server in &self.servers {
            backends_for(nodes, *server, id, &mut devices);
        }
        self.refresh_domain(nodes, id);
        for device in &devices {
            self.refresh_device(nodes, device);
        }
        self.has_toolstack = has_entries(nodes);
        let homes = self.domains.values().filter(|domain| !domain.is_gone());
        self.roles = Roles::read(nodes, homes.map(|domain| domain.id));
        self.forget_unmentioned(nodes, id);
        devices
    }

    /// Forgets a domain that is in no directory and that no device names any more.
    fn forget_unmentioned(&mut self, nodes: &dyn Nodes, id: DomId) {
        let is_gone = self.domains.get(&id).is_some_and(|domain| domain.is_gone());
        if is_gone && self.devices_of(id).next().is_none() && !is_managed(nodes, id) {
            self.domains.remove(&id);
        }
    }

    /// Reads one domain again.
    pub fn refresh_domain(&mut self, nodes: &dyn Nodes, id: DomId) {
        let domain = Domain::read(nodes, id, &self.servers);
        self.domains.insert(id, Arc::new(domain));
    }

    /// The devices of one frontend domain.
    pub fn devices_of(&self, domain: DomId) -> impl Iterator<Item = &Arc<Device>> {
        self.devices
            .range(DeviceId::new(domain, "", "")..)
            .map(|(_, device)| device)
            .take_while(move |device| device.id.domain() == domain)
    }
}

impl Device {
    /// Puts together what the three sources say. `claims` are the backends that say they serve this device.
    fn join<'a>(nodes: &'a dyn Nodes, id: &DeviceId, claims: &[Spot<'a>]) -> Self {
        let remarks = Notes::default();
        let class = id.class();
        let home = Folder::new(nodes, &remarks, StorePath::home(id.domain()));
        let front = match home.inside(&id.node_name()) {
            Some(folder) => folder
                .presence()
                .map(|()| Frontend::read(id, class, &folder, &home)),
            None => Reading::Missing,
        };
        let toolstack = match toolstack_path(id) {
            Some(path) => {
                let folder = Folder::new(nodes, &remarks, path);
                folder.presence().map(|()| ToolstackEntry::read(&folder))
            }
            None => Reading::Missing,
        };
        let mut backs: Vec<Backend> = claims
            .iter()
            .filter_map(|claim| match read_backend(nodes, &remarks, claim.clone()) {
                Reading::Known(back) => Some(back),
                _ => None,
            })
            .collect();
        let entry = toolstack.known().and_then(|t| t.backend.known());
        let said = front.known().and_then(|f| f.backend.known());
        let back = match trusted(&backs, entry, said) {
            Some(at) => Reading::Known(backs.remove(at)),
            // Directories of other domains cannot be listed in a guest, but the one that serves it can be read.
            None => follow(nodes, &remarks, id, entry).or(|| follow(nodes, &remarks, id, said)),
        };
        Self {
            id: id.clone(),
            class,
            front,
            back,
            rivals: backs,
            toolstack,
            notes: remarks.into_list(),
        }
    }

    /// Whether anybody says that it exists.
    fn is_mentioned(&self) -> bool {
        self.front.known().is_some()
            || self.back.known().is_some()
            || self.toolstack.known().is_some()
            || !self.rivals.is_empty()
    }

    /// What the frontend's end shows.
    pub fn front_seen(&self) -> Seen {
        Seen::of(&self.front, |front| &front.state)
    }

    /// What the backend's end shows.
    pub fn back_seen(&self) -> Seen {
        Seen::of(&self.back, |back| &back.state)
    }

    /// Whether both ends are as they should be for good: Connected, or there in a class whose states say nothing.
    pub fn is_settled(&self) -> bool {
        let is_connected = |end: Seen| end.state() == Some(XenbusState::CONNECTED);
        let (front, back) = (self.front_seen(), self.back_seen());
        match self.class.handshake {
            Handshake::Usual => is_connected(front) && is_connected(back),
            Handshake::Silent => front != Seen::Absent && back != Seen::Absent,
            Handshake::BackendOnly => {
                is_connected(back) && (front == Seen::Absent || is_connected(front))
            }
        }
    }

    /// Whether the frontend has left the state in which it was made: its guest runs.
    pub fn has_frontend_moved(&self) -> bool {
        self.front_seen()
            .state()
            .is_some_and(|state| state > XenbusState::INITIALISING)
    }

    /// How people call it: `xvda` for a block device, else its index.
    pub fn label(&self) -> String {
        if self.class.name == "vbd"
            && let Ok(number) = self.id.index().parse::<u32>()
        {
            return VbdNumber(number).to_string();
        }
        self.id.index().to_owned()
    }
}

/// Which of several backends serves the device. The toolstack's entry counts most, then that a backend claims it;
/// what the frontend says only decides between backends that do.
fn trusted(
    backs: &[Backend],
    entry: Option<&StorePath>,
    said: Option<&StorePath>,
) -> Option<usize> {
    let at = |path: Option<&StorePath>| backs.iter().position(|back| Some(&back.path) == path);
    at(entry)
        .or_else(|| at(said))
        .or_else(|| backs.iter().position(|b| b.online == Reading::Known(true)))
        .or_else(|| (!backs.is_empty()).then_some(0))
}

/// The backend at a path that somebody names, if it can be one of this device.
fn follow(
    nodes: &dyn Nodes,
    remarks: &Notes,
    id: &DeviceId,
    path: Option<&StorePath>,
) -> Reading<Backend> {
    let Some(path) = path else {
        return Reading::Missing;
    };
    match BackendPlace::parse(path) {
        Some(place) if place.frontend == id.domain() && place.index == id.index() => {
            read_backend(nodes, remarks, Spot::new(nodes, path.clone()))
        }
        _ => Reading::Missing,
    }
}

fn read_backend<'a>(nodes: &'a dyn Nodes, remarks: &'a Notes, spot: Spot<'a>) -> Reading<Backend> {
    let path = spot.path.clone();
    let Some(place) = BackendPlace::parse(&path) else {
        return Reading::Missing;
    };
    let folder = Folder::at(nodes, remarks, spot);
    let home = Folder::new(nodes, remarks, StorePath::home(place.domain));
    let presence = match folder.presence() {
        // A directory that may not be read itself may hold a state that may.
        Reading::Denied if folder.bytes("state").known().is_some() => Reading::Known(()),
        other => other,
    };
    presence.map(|()| Backend::read(place, &folder, &home))
}

fn toolstack_path(id: &DeviceId) -> Option<StorePath> {
    let (domain, kind, index) = (id.domain(), id.kind(), id.index());
    StorePath::parse(format!("/libxl/{domain}/device/{kind}/{index}")).ok()
}

#[cfg(test)]
mod tests;
