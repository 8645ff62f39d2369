//! The life of a domain, as the toolstack sees it.

use super::device::disk_number;
use super::{Device, Running, Toolstack, layout};
use crate::client::Operations;
use crate::demo::drivers::{Order, Stopped};
use crate::demo::scenario::DOMAIN_0;
use crate::error::Result;
use crate::id::DomId;
use crate::path::StorePath;

impl Toolstack {
    /// `xl create`: the tree, the devices, then the domain runs.
    pub(super) fn create(&mut self, index: usize) -> Result<()> {
        let domid = self.new_domid();
        let uuid = self.identities[index].uuid.clone();
        let domain = self.scenario.domains[index].clone();
        self.server.create_domain(domid);
        let tree = layout::domain(domid, &uuid, &domain);
        self.client
            .transaction(|transaction| tree.write(transaction))?;
        let tree = layout::built(domid, &uuid, &domain);
        self.client
            .transaction(|transaction| tree.write(transaction))?;
        self.server.introduce(domid)?;
        self.running.push(Running {
            index,
            domid,
            devices: Vec::new(),
        });
        let disks = domain
            .disks
            .iter()
            .map(|disk| ("vbd", disk_number(disk), &disk.backend));
        for (kind, number, backend) in disks {
            self.attach(index, kind, number, backend)?;
        }
        self.attach(index, "console", 0, DOMAIN_0)?;
        for (number, vif) in (0..).zip(&domain.vifs) {
            self.attach(index, "vif", number, &vif.backend)?;
        }
        self.run_kernel(domid, Some(index))
    }

    /// A domain has stopped by itself: it is removed, and made again if it wants that.
    pub(super) fn stopped(&mut self, domid: DomId, how: Stopped) -> Result<()> {
        let Some(index) = self.running.iter().find(|running| running.domid == domid) else {
            return Ok(());
        };
        let index = index.index;
        self.server.shutdown_domain(domid);
        let destroyed = self.destroy(domid);
        if how == Stopped::Poweroff {
            return destroyed;
        }
        self.create(index)?;
        self.serve_again(index)?;
        destroyed
    }

    /// `xl destroy`.
    pub(super) fn destroy(&mut self, domid: DomId) -> Result<()> {
        let Some(place) = self
            .running
            .iter()
            .position(|running| running.domid == domid)
        else {
            return Ok(());
        };
        let running = self.running.remove(place);
        self.drivers.order(Order::Gone(domid));
        // A backend that hangs does not keep a domain alive; the first that did is told at the end.
        let wiped = running.devices.iter().map(|device| self.wipe(device));
        let wiped = wiped.fold(Ok(()), Result::and);
        let uuid = &self.identities[running.index].uuid;
        for path in [
            format!("/vm/{uuid}"),
            format!("/libxl/{domid}"),
            layout::home(domid),
        ] {
            let removed = self.client.rm(&StorePath::parse(path)?);
            removed.or_else(|error| {
                if error.is_not_found() {
                    Ok(())
                } else {
                    Err(error)
                }
            })?;
        }
        self.server.destroy_domain(domid);
        wiped
    }

    /// After a driver domain came back under a new number: its devices are plugged into the others again.
    fn serve_again(&mut self, index: usize) -> Result<()> {
        let name = self.scenario.domains[index].name.clone();
        let mut moved: Vec<(usize, Device)> = Vec::new();
        for running in &self.running {
            let domain = &self.scenario.domains[running.index];
            let served = |device: &&Device| match device.kind {
                "vif" => domain.vifs[device.number as usize].backend == name,
                "vbd" => domain
                    .disks
                    .iter()
                    .any(|disk| disk_number(disk) == device.number && disk.backend == name),
                _ => false,
            };
            let devices = running.devices.iter().filter(served);
            moved.extend(devices.map(|device| (running.index, device.clone())));
        }
        for (user, device) in moved {
            self.wipe(&device)?;
            self.forget(&device);
            self.attach(user, device.kind, device.number, &name)?;
        }
        Ok(())
    }

    fn new_domid(&mut self) -> DomId {
        loop {
            let domid = DomId(self.next_domid);
            self.next_domid = self.next_domid % (DomId::FIRST_RESERVED.0 - 1) + 1;
            if !self.running.iter().any(|running| running.domid == domid) {
                return domid;
            }
        }
    }
}
