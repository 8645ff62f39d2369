//! A running domain: its bus of frontends, its bus of backends, and what its kernel does on the toolstack's word.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Stopped;
use super::back::{Back, BackKind};
use super::front::{Front, FrontKind, Grants};
use super::link::{Link, rung};
use crate::client::{Client, Operations};
use crate::demo::scenario::{Disk, Domain, Scenario, virtual_device};
use crate::error::Result;
use crate::id::DomId;
use crate::path::StorePath;
use crate::tree::{Walk, WalkOptions};
use crate::watch::{Bell, Watch, WatchEvent};

/// Most devices that one bus drives: anybody may write any number of directories into a demo.
const DEVICES_MAX: usize = 1024;

/// What a domain's kernel needs to know to run.
pub(in crate::demo) struct Machine {
    pub(in crate::demo) domid: DomId,
    /// The domain as the scenario has it; `None` for domain 0.
    pub(in crate::demo) domain: Option<Domain>,
    /// Disks are looked up here by their targets.
    pub(in crate::demo) scenario: Arc<Scenario>,
}

/// A running domain.
pub(super) struct Actor {
    client: Client,
    machine: Machine,
    home: StorePath,
    bell: Bell,
    grants: Grants,
    control: Watch,
    frontends: Bus<Front>,
    backends: Bus<Back>,
}

/// Devices of one side, found by a watch on their directory.
struct Bus<D> {
    client: Client,
    top: StorePath,
    /// Elements of a device's path below the top.
    levels: usize,
    watch: Watch,
    devices: BTreeMap<StorePath, D>,
}

impl Actor {
    pub(super) fn boot(client: Client, machine: Machine, bell: &Bell) -> Result<Self> {
        let home = StorePath::home(machine.domid);
        for feature in ["feature-poweroff", "feature-reboot", "feature-suspend"] {
            client.write(&home.child("control")?.child(feature)?, b"1")?;
        }
        Ok(Self {
            control: client.watch_with(&home.join("control/shutdown")?, rung(bell))?,
            frontends: Bus::new(&client, home.child("device")?, 2, bell)?,
            backends: Bus::new(&client, home.child("backend")?, 3, bell)?,
            bell: bell.clone(),
            grants: Grants::default(),
            home,
            machine,
            client,
        })
    }

    /// Looks at everything that stirred. Whether the domain stopped by itself.
    pub(super) fn turn(&mut self) -> Option<Stopped> {
        let (client, bell, machine) = (&self.client, &self.bell, &self.machine);
        let frontends = self.frontends.stirred(|path| {
            let kind = front_kind(machine, path)?;
            Some(Front::new(
                Link::new(client, path, "backend", bell).ok()?,
                kind,
            ))
        });
        for path in frontends {
            // What the store refuses is the same as a driver that hangs: the states show it.
            if let Some(front) = self.frontends.devices.get(&path) {
                drop(front.turn(&mut self.grants));
            }
        }
        let backends = self.backends.stirred(|path| {
            let link = Link::new(client, path, "frontend", bell).ok()?;
            let kind = back_kind(machine, path, &link)?;
            Some(Back::new(link, kind, machine.domid != DomId::DOM0))
        });
        for path in backends {
            if let Some(back) = self.backends.devices.get(&path) {
                drop(back.turn());
            }
        }
        self.told_to_stop()
    }

    /// Writes what the guest's agent has to say.
    pub(super) fn report(&self, keys: &[(String, String)]) {
        for (key, value) in keys {
            if let Ok(path) = self.home.join(key) {
                drop(self.client.write(&path, value.as_bytes()));
            }
        }
    }

    /// Answers `control/shutdown` as Linux does: the request is taken away, then the domain stops.
    fn told_to_stop(&self) -> Option<Stopped> {
        let mut stirred = false;
        while let Ok(Some(_)) = self.control.try_next() {
            stirred = true;
        }
        if !stirred {
            return None;
        }
        let stopped = match &self.client.read(self.control.path()).ok()?[..] {
            b"poweroff" | b"halt" => Stopped::Poweroff,
            b"reboot" => Stopped::Reboot,
            _ => return None,
        };
        drop(self.client.write(self.control.path(), b""));
        Some(stopped)
    }
}

impl<D: Device> Bus<D> {
    fn new(client: &Client, top: StorePath, levels: usize, bell: &Bell) -> Result<Self> {
        Ok(Self {
            watch: client.watch_with(&top, rung(bell))?,
            client: client.clone(),
            top,
            levels,
            devices: BTreeMap::new(),
        })
    }

    /// The devices to look at, new ones made by `probe`, without those that are gone.
    fn stirred(&mut self, probe: impl Fn(&StorePath) -> Option<D>) -> Vec<StorePath> {
        let mut named = Vec::new();
        while let Ok(Some(event)) = self.watch.try_next() {
            match event {
                WatchEvent::Changed(path) if path != self.top => {
                    named.extend(self.device_of(&path));
                }
                WatchEvent::Lost => {}
                _ => named.extend(self.all()),
            }
        }
        named.sort_unstable();
        named.dedup();
        for path in named {
            match self.devices.get(&path) {
                Some(device) if !device.link().is_stale() => {
                    device.link().stir();
                    continue;
                }
                Some(_) => drop(self.devices.remove(&path)),
                None => {}
            }
            if self.devices.len() < DEVICES_MAX
                && let Some(device) = probe(&path)
            {
                self.devices.insert(path, device);
            }
        }
        let stirred = self
            .devices
            .iter()
            .filter(|(_, device)| device.link().stirred());
        stirred.map(|(path, _)| path.clone()).collect()
    }

    /// Every device known, and every one that is there.
    fn all(&self) -> Vec<StorePath> {
        let mut all: Vec<_> = self.devices.keys().cloned().collect();
        let options = WalkOptions {
            depth: Some(self.levels),
            ..WalkOptions::names()
        };
        // The directory may be missing: then there are no devices.
        let nodes = Walk::new(&self.client, &self.top, options).map_while(Result::ok);
        let depth = self.top.depth() + self.levels;
        all.extend(
            nodes
                .map(|node| node.path)
                .filter(|path| path.depth() == depth),
        );
        all
    }

    /// The device that a changed node belongs to.
    fn device_of(&self, path: &StorePath) -> Option<StorePath> {
        let elements: Vec<_> = path
            .below(&self.top)?
            .split('/')
            .take(self.levels)
            .collect();
        if elements.len() < self.levels {
            return None;
        }
        self.top.join(&elements.join("/")).ok()
    }
}

/// What both kinds of devices have.
trait Device {
    fn link(&self) -> &Link;
}

impl Device for Front {
    fn link(&self) -> &Link {
        &self.link
    }
}

impl Device for Back {
    fn link(&self) -> &Link {
        &self.link
    }
}

/// The driver for a frontend's directory `…/device/<kind>/<number>`.
fn front_kind(machine: &Machine, path: &StorePath) -> Option<FrontKind> {
    let domain = machine.domain.as_ref()?;
    let mut elements = path.elements().rev();
    let number = elements.next()?.parse::<u32>().ok()?;
    match elements.next()? {
        "vbd" => {
            let mine = |disk: &&Disk| virtual_device(&disk.vdev) == Some(number);
            let queues = domain.disks.iter().find(mine)?.queues;
            Some(FrontKind::Vbd { queues })
        }
        "vif" => {
            let vif = domain.vifs.get(usize::try_from(number).ok()?)?;
            Some(FrontKind::Vif {
                queues: vif.queues,
                split: vif.split_event_channels,
            })
        }
        _ => None,
    }
}

/// The driver for a backend's directory `…/backend/<kind>/<domid>/<number>`.
fn back_kind(machine: &Machine, path: &StorePath, link: &Link) -> Option<BackKind> {
    match path.elements().rev().nth(2)? {
        "vbd" => {
            let target = link.key("params")?;
            let mut disks = machine
                .scenario
                .domains
                .iter()
                .flat_map(|domain| &domain.disks);
            let disk = disks.find(|disk| disk.target.as_bytes() == target)?;
            Some(BackKind::Vbd { size: disk.size })
        }
        "vif" => Some(BackKind::Vif),
        _ => None,
    }
}
