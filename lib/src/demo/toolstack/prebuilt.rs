//! Domains that are there at once, with all devices connected: as many as a host can have, without drivers.

use std::sync::Arc;

use super::device::{self, Device};
use super::plan::Plan;
use super::{Toolstack, layout};
use crate::demo::handshake::{Announced, Grants, QUEUES_MAX, announce, connects, offers, script};
use crate::demo::scenario::part::{self, Part};
use crate::demo::scenario::{Domain, HostKind};
use crate::demo::state::State;
use crate::device::class::Handshake;
use crate::error::Result;
use crate::id::DomId;

impl Toolstack {
    /// Writes a domain and its devices as they are when all have connected.
    pub(super) fn place(&mut self, index: usize, tree: Plan, parts: &[Arc<Part>]) -> Result<()> {
        let mut grants = Grants::default();
        let mut whole = tree;
        for part in parts {
            let Some(device) = self.device(index, part)? else {
                continue;
            };
            let (plan, announced) = connected(&device, self.scenario.host.toolstack, &mut grants);
            whole.append(plan);
            self.register(index, &device);
            let id = device.id();
            self.board.announce(&id, announced.rings);
            self.board.connect(&id, true);
        }
        whole.write(&self.client)
    }
}

/// The nodes of a device whose ends are connected.
fn connected(device: &Device, record: bool, grants: &mut Grants) -> (Plan, Announced) {
    let mut plan = device::plan(device, record);
    if device.part.class.handshake != Handshake::Usual {
        return (plan, Announced::default());
    }
    let (front, back) = (device.frontend_path(), device.backend_path());
    for end in [&front, &back] {
        plan.replace(&format!("{end}/state"), &State::Connected.text());
    }
    let part = &device.part;
    let announced = announce(part, grants, QUEUES_MAX);
    for (end, keys) in [
        (&back, offers(part)),
        (&back, script(part)),
        (&back, connects(part)),
        (&front, announced.keys.clone()),
    ] {
        plan.below(end);
        for (key, value) in keys {
            plan.node(&key, value);
        }
    }
    (plan, announced)
}

/// About how many nodes a domain of a scenario has when it runs, its devices included.
pub(in crate::demo) fn nodes_of(host: HostKind, domain: &Domain) -> u32 {
    let domid = DomId(1);
    let mut grants = Grants::default();
    let devices = part::all(domain).into_iter().map(|part| {
        let device = Device {
            part,
            domid,
            backend: DomId::DOM0,
        };
        connected(&device, host.toolstack, &mut grants).0.len()
    });
    let nodes = devices.sum::<usize>()
        + layout::domain(host, domid, "", domain).len()
        + layout::built(domid, "", domain).len();
    u32::try_from(nodes).unwrap_or(u32::MAX)
}
