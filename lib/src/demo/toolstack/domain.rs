//! The life of a domain, as the toolstack sees it.

use std::sync::Arc;

use super::{Device, Running, Toolstack, layout};
use crate::client::Operations;
use crate::demo::drivers::{Order, Stopped};
use crate::demo::scenario::Domain;
use crate::error::Result;
use crate::id::DomId;
use crate::path::StorePath;

impl Toolstack {
    /// `xl create`: the tree, the devices, then the domain runs.
    pub(super) fn create(&mut self, index: usize) -> Result<()> {
        let domain = self.scenario.domains[index].clone();
        let domid = match domain.domid {
            Some(domid) if self.server.life(DomId(domid)).is_none() => DomId(domid),
            _ => self.new_domid(),
        };
        let uuid = self.identities[index].uuid.clone();
        self.server.create_domain(domid);
        let mut tree = layout::domain(self.scenario.host, domid, &uuid, &domain);
        tree.append(layout::built(domid, &uuid, &domain));
        self.running.push(Running {
            index,
            domid,
            devices: Vec::new(),
        });
        let parts = Arc::clone(&self.identities[index].parts);
        if domain.prebuilt {
            self.server.introduce(domid)?;
            return self.place(index, tree, &parts);
        }
        self.client
            .transaction(|transaction| tree.write(transaction))?;
        self.server.introduce(domid)?;
        for part in parts.iter() {
            self.attach(index, part)?;
        }
        if domain.boots {
            self.run_kernel(domid)?;
        }
        Ok(())
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
        let Some(running) = self.take_off(domid) else {
            return Ok(());
        };
        self.drivers.order(Order::Gone(domid));
        // A backend that hangs does not keep a domain alive; the first that did is told at the end.
        let wiped = running.devices.iter().map(|device| self.wipe(device));
        let wiped = wiped.fold(Ok(()), Result::and);
        self.erase(&running)?;
        wiped
    }

    /// Takes away what is left of a domain, but nothing of what other domains have.
    pub(super) fn erase(&mut self, running: &Running) -> Result<()> {
        let domid = running.domid;
        self.drivers.order(Order::Gone(domid));
        for device in &running.devices {
            self.board.forget(&device.id());
        }
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
        Ok(())
    }

    /// After a driver domain came back under a new number: its devices are plugged into the others again.
    fn serve_again(&mut self, index: usize) -> Result<()> {
        let name = self.scenario.domains[index].name.clone();
        let mut moved: Vec<(usize, Device)> = Vec::new();
        for running in &self.running {
            let served = |device: &&Device| device.part.backend == name;
            let devices = running.devices.iter().filter(served);
            moved.extend(devices.map(|device| (running.index, device.clone())));
        }
        for (user, device) in moved {
            self.wipe(&device)?;
            self.forget(&device);
            self.attach(user, &device.part)?;
        }
        Ok(())
    }

    fn new_domid(&mut self) -> DomId {
        loop {
            let domid = DomId(self.next_domid);
            self.next_domid = self.next_domid % (DomId::FIRST_RESERVED.0 - 1) + 1;
            let is_reserved = |domain: &Domain| domain.domid == Some(domid.0);
            if self.server.life(domid).is_none() && !self.scenario.domains.iter().any(is_reserved) {
                return domid;
            }
        }
    }
}
