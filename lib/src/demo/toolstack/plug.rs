//! Devices: plugged in and out, as libxl does it.

use super::device::{self, disk_number};
use super::{Device, Toolstack};
use crate::client::Operations;
use crate::demo::hotplug;
use crate::demo::scenario::DOMAIN_0;
use crate::demo::state::State;
use crate::error::{Error, Result};
use crate::id::DomId;
use crate::path::StorePath;

impl Toolstack {
    /// Plugs a device of the scenario's domain `index` in: both directories at once, then the hotplug script.
    pub(super) fn attach(
        &mut self,
        index: usize,
        kind: &'static str,
        number: u32,
        backend: &str,
    ) -> Result<()> {
        let scenario = &self.scenario.domains;
        let Some(domid) = self.domid_of(&scenario[index].name) else {
            return Ok(());
        };
        let named = |name: &str| Error::Invalid {
            what: format!("demo: {kind} {number}"),
            reason: format!("its backend {name} does not run"),
        };
        let backend = match backend {
            DOMAIN_0 => DomId::DOM0,
            name => self.domid_of(name).ok_or_else(|| named(name))?,
        };
        let device = Device {
            kind,
            number,
            domid,
            backend,
        };
        let domain = &scenario[index];
        let disk = domain.disks.iter().find(|disk| disk_number(disk) == number);
        let (plan, script) = match (kind, disk) {
            ("console", _) => (device::console(&device), Vec::new()),
            ("vbd", Some(disk)) => (
                device::disk(&device, disk),
                hotplug::block(disk.target.as_bytes()),
            ),
            _ => {
                let vif = number as usize;
                let mac = &self.identities[index].macs[vif];
                (device::vif(&device, &domain.vifs[vif], mac), hotplug::vif())
            }
        };
        self.client
            .transaction(|transaction| plan.write(transaction))?;
        let domain = self
            .running
            .iter_mut()
            .find(|running| running.domid == domid);
        if let Some(domain) = domain {
            domain.devices.push(device.clone());
        }
        if kind == "console" {
            return self.run_console(&device);
        }
        self.await_state(&device.backend_path(), State::InitWait)?;
        if backend == DomId::DOM0 {
            self.run_script(&device, script)?;
        }
        Ok(())
    }

    /// Takes a device off the list.
    pub(super) fn forget(&mut self, device: &Device) {
        for running in &mut self.running {
            running.devices.retain(|other| other != device);
        }
    }

    /// `xl block-detach`, `xl network-detach`: asks both ends to close, and removes the device when they have.
    pub(super) fn unplug(&self, device: &Device) -> Result<()> {
        self.close_backend(device, Some(State::Closing))?;
        self.remove(device)
    }

    /// Removes a device whose guest is gone: its backend closes when the frontend is missing.
    pub(super) fn wipe(&self, device: &Device) -> Result<()> {
        self.clean_up(&StorePath::parse(device.frontend_path())?)?;
        let closed = self.close_backend(device, None);
        self.remove(device)?;
        closed
    }

    /// Takes the backend out of service, with a state to ask for it, and waits until it has closed.
    fn close_backend(&self, device: &Device, ask: Option<State>) -> Result<()> {
        if device.kind == "console" {
            return Ok(());
        }
        let back = StorePath::parse(device.backend_path())?;
        let asked = self.client.transaction(|transaction| {
            // A backend that is gone with its domain must not come back.
            transaction.read(&back.child("state")?)?;
            if let Some(state) = ask {
                transaction.write(&back.child("state")?, state.text().as_bytes())?;
            }
            transaction.write(&back.child("online")?, b"0")
        });
        match asked {
            Ok(()) => self.await_state(&device.backend_path(), State::Closed),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn remove(&self, device: &Device) -> Result<()> {
        for path in [
            device.frontend_path(),
            device.backend_path(),
            device.record_path(),
        ] {
            self.clean_up(&StorePath::parse(path)?)?;
        }
        Ok(())
    }

    /// What the hotplug script of domain 0 does.
    fn run_script(&self, device: &Device, keys: hotplug::Keys) -> Result<()> {
        if device.kind == "vif" {
            let mtu = StorePath::parse(device.frontend_path())?.child("mtu")?;
            self.client.write(&mtu, b"1500")?;
        }
        let back = StorePath::parse(device.backend_path())?;
        for (key, value) in keys {
            self.client.write(&back.child(key)?, value.as_bytes())?;
        }
        Ok(())
    }

    /// What xenconsoled does when it finds a console.
    fn run_console(&self, device: &Device) -> Result<()> {
        let tty = StorePath::parse(device.frontend_path())?.child("tty")?;
        let terminal = format!("/dev/pts/{}", device.domid);
        self.client.write(&tty, terminal.as_bytes())
    }

    /// Removes a directory, and those above it as long as they are empty.
    fn clean_up(&self, path: &StorePath) -> Result<()> {
        const KEPT: usize = 3;
        self.client.transaction(|transaction| {
            let missing_is_fine = |done: Result<()>| match done {
                Err(error) if error.is_not_found() => Ok(()),
                other => other,
            };
            missing_is_fine(transaction.rm(path))?;
            let mut above = path.parent();
            while let Some(path) = above.filter(|path| path.depth() > KEPT) {
                match transaction.directory(&path) {
                    Ok(names) if names.is_empty() => missing_is_fine(transaction.rm(&path))?,
                    Ok(_) => break,
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Err(error),
                }
                above = path.parent();
            }
            Ok(())
        })
    }
}
