//! Devices: plugged in and out, as libxl does it.

use std::sync::Arc;

use super::{Device, Running, Toolstack, device};
use crate::client::Operations;
use crate::demo::handshake::{Keys, reported, script, script_frontend};
use crate::demo::scenario::part::Part;
use crate::demo::scenario::{DOMAIN_0, Fault};
use crate::demo::state::State;
use crate::device::class::Handshake;
use crate::error::{Error, Result};
use crate::id::DomId;
use crate::path::StorePath;

impl Toolstack {
    /// A device of the scenario's domain `index`, once its backend's domain runs. None where there is nobody to serve
    /// the first console.
    pub(super) fn device(&self, index: usize, part: &Arc<Part>) -> Result<Option<Device>> {
        let name = &self.scenario.domains[index].name;
        let Some(domid) = self.domid_of(name) else {
            return Ok(None);
        };
        let has_domain_0 = self.scenario.host.domain_0;
        let backend = match &*part.backend {
            "" | DOMAIN_0 if has_domain_0 => DomId::DOM0,
            // The console is served by the first domain that serves others.
            "" => {
                let serves = |running: &&Running| {
                    self.scenario.domains[running.index].driver_domain && running.domid != domid
                };
                match self.running.iter().find(serves) {
                    Some(running) => running.domid,
                    None => return Ok(None),
                }
            }
            backend => self.domid_of(backend).ok_or_else(|| Error::Invalid {
                what: format!("demo: {} of {name}", part.label),
                reason: format!("its backend {backend} does not run"),
            })?,
        };
        Ok(Some(Device {
            part: Arc::clone(part),
            domid,
            backend,
        }))
    }

    /// Plugs a device of the scenario's domain `index` in: both directories at once, then the hotplug script.
    pub(super) fn attach(&mut self, index: usize, part: &Arc<Part>) -> Result<()> {
        let Some(device) = self.device(index, part)? else {
            return Ok(());
        };
        self.register(index, &device);
        let plan = device::plan(&device, self.scenario.host.toolstack);
        self.client
            .transaction(|transaction| plan.write(transaction))?;
        if device.is_console() {
            return self.run_console(&device);
        }
        let id = device.id();
        if self.board.has(&id, Fault::NoBackendDriver) {
            return Ok(());
        }
        let waits = if self.board.has(&id, Fault::BackendInitialised) {
            State::Initialised
        } else {
            State::InitWait
        };
        if part.class.handshake == Handshake::Usual {
            self.await_state(&device.backend_path(), waits)?;
        }
        if device.backend == DomId::DOM0 && !self.board.has(&id, Fault::HotplugHangs) {
            let keys = if self.board.has(&id, Fault::HotplugFails) {
                reported(part)
            } else {
                script(part)
            };
            self.run_script(&device, keys)?;
        }
        Ok(())
    }

    /// Puts a device on the list of its domain, and on the board.
    pub(super) fn register(&mut self, index: usize, device: &Device) {
        let domain = &self.scenario.domains[index];
        let traffic = self.scenario.traffic.iter().rev().find(|traffic| {
            let (part, label) = (&device.part, traffic.device.as_deref());
            traffic
                .domain
                .as_ref()
                .is_none_or(|name| *name == domain.name)
                && label.is_none_or(|label| label == part.label || label == part.class.name)
        });
        let is_still = domain.prebuilt;
        self.board
            .add(device.id(), &device.part, device.backend, is_still, traffic);
        let domid = device.domid;
        let newest = self.running.iter_mut().rev();
        let mut newest = newest;
        let running = newest.find(|running| running.domid == domid);
        if let Some(running) = running {
            running.devices.push(device.clone());
        }
    }

    /// Takes a device off the list.
    pub(super) fn forget(&mut self, device: &Device) {
        let id = device.id();
        for running in &mut self.running {
            running.devices.retain(|other| other.id() != id);
        }
        self.board.forget(&id);
    }

    /// `xl block-detach`, `xl network-detach`: asks both ends to close, and removes the device when they have.
    pub(super) fn unplug(&mut self, device: &Device) -> Result<()> {
        let id = device.id();
        let does_not_close = [Fault::UnplugIgnored, Fault::FrontendHangsClosing];
        if does_not_close
            .iter()
            .any(|fault| self.board.has(&id, *fault))
        {
            return self.ask_to_close(device, Some(State::Closing)).map(drop);
        }
        self.close_backend(device, Some(State::Closing))?;
        if self.board.has(&id, Fault::CleanUpMissing) {
            return Ok(());
        }
        self.remove(device)?;
        self.forget(device);
        Ok(())
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
        if device.is_console() {
            return Ok(());
        }
        let moves = !self.board.has(&device.id(), Fault::NoBackendDriver)
            && device.part.class.handshake == Handshake::Usual;
        if self.ask_to_close(device, ask)? && moves {
            return self.await_state(&device.backend_path(), State::Closed);
        }
        Ok(())
    }

    /// Takes the backend out of service; whether there is one.
    fn ask_to_close(&self, device: &Device, ask: Option<State>) -> Result<bool> {
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
            Ok(()) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
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
    pub(super) fn run_script(&self, device: &Device, keys: Keys) -> Result<()> {
        let front = StorePath::parse(device.frontend_path())?;
        for (key, value) in script_frontend(&device.part) {
            self.client.write(&front.join(&key)?, value.as_bytes())?;
        }
        let back = StorePath::parse(device.backend_path())?;
        for (key, value) in keys {
            self.client.write(&back.child(&key)?, value.as_bytes())?;
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
