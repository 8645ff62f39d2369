//! A running domain: its bus of frontends, its bus of backends, and what its kernel does on the toolstack's word.

use std::collections::BTreeMap;

use super::back::Back;
use super::front::Front;
use super::link::{Link, rung};
use super::{Impulse, Stopped};
use crate::client::{Client, Operations};
use crate::demo::board::Board;
use crate::demo::handshake::Grants;
use crate::device::class::Class;
use crate::device::id::{BackendPlace, DeviceId};
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
    /// Where its devices are looked up.
    pub(in crate::demo) board: Board,
    /// Whether the hotplug scripts are its own to run (`xl devd`); else the toolstack does it.
    pub(in crate::demo) hotplug: bool,
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
    /// Whether no driver takes devices up any more.
    is_asleep: bool,
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
        let board = &machine.board;
        let frontends = self.frontends.stirred(|path| {
            let id = DeviceId::of_frontend(path)?;
            let part = board.driven(&id)?;
            let link = Link::new(client, path, "backend", bell).ok()?;
            Some(Front::new(link, id, part, board))
        });
        for path in frontends {
            // What the store refuses is the same as a driver that hangs: the states show it.
            if let Some(front) = self.frontends.devices.get(&path) {
                drop(front.turn(&mut self.grants));
            }
        }
        let backends = self.backends.stirred(|path| {
            let id = served(path)?;
            let part = board.driven(&id)?;
            let link = Link::new(client, path, "frontend", bell).ok()?;
            Some(Back::new(link, id, part, board, machine.hotplug))
        });
        for path in backends {
            if let Some(back) = self.backends.devices.get(&path) {
                drop(back.turn());
            }
        }
        self.told_to_stop()
    }

    /// Does something that no other end has asked for.
    pub(super) fn impulse(&mut self, impulse: &Impulse) {
        match impulse {
            Impulse::Report(keys) => self.report(keys),
            Impulse::CrashKernel => {
                for front in self.frontends.devices.values() {
                    // As above: what fails shows in the states.
                    drop(front.forget());
                }
                // The crash kernel has no drivers for them.
                self.frontends.devices.clear();
                self.frontends.is_asleep = true;
            }
            Impulse::Close(path) | Impulse::Flip(path) | Impulse::Look(path) => {
                let Some(front) = self.frontends.devices.get(path) else {
                    return;
                };
                drop(match impulse {
                    Impulse::Close(_) => front.close(),
                    Impulse::Flip(_) => front.flip(),
                    _ => {
                        front.link.stir();
                        Ok(())
                    }
                });
            }
        }
    }

    /// Looks at a backend again: what was wrong with it is over.
    pub(super) fn look_at_backend(&mut self, path: &StorePath) {
        if let Some(back) = self.backends.devices.get(path) {
            back.link.stir();
        }
    }

    /// Writes what the guest's agent has to say.
    fn report(&self, keys: &[(String, String)]) {
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
            is_asleep: false,
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
            if !self.is_asleep
                && self.devices.len() < DEVICES_MAX
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

/// The device that a backend's directory serves. The first console has no driver here, and no place among these.
fn served(path: &StorePath) -> Option<DeviceId> {
    let place = BackendPlace::parse(path)?;
    // The frontend's directory may have another name, as with qdisk.
    let kind = Class::frontend_kind(place.kind);
    Some(DeviceId::new(place.frontend, kind, place.index))
}
