//! What a scenario's timeline asks for.

use super::device::Device;
use super::{Running, Toolstack};
use crate::client::Operations;
use crate::demo::drivers::{Impulse, Order, Stopped};
use crate::demo::scenario::{After, Deed, End, Fault, Step};
use crate::demo::state::State;
use crate::error::Result;
use crate::id::DomId;
use crate::path::StorePath;

impl Toolstack {
    /// Does a step, if its domain and device are there.
    pub(super) fn perform(&mut self, step: &Step) -> Result<()> {
        if let Some(path) = &step.path {
            let path = StorePath::parse(path)?;
            return self.touch(step, &path);
        }
        let name = step.domain.as_deref().unwrap_or_default();
        let (Some(domid), Some(index)) = (self.domid_of(name), self.index_of(name)) else {
            return Ok(());
        };
        match step.deed {
            Deed::Crash => self.crash(domid, step.then.unwrap_or_default()),
            Deed::CrashKernel => {
                self.drivers
                    .order(Order::Impulse(domid, Impulse::CrashKernel));
                Ok(())
            }
            Deed::Poweroff | Deed::Reboot => {
                let request: &[u8] = match step.deed {
                    Deed::Reboot => b"reboot",
                    _ => b"poweroff",
                };
                let path = StorePath::home(domid).join("control/shutdown")?;
                self.client.write(&path, request)
            }
            // Its own devices are removed. Backends that died with it are found missing by those that use them.
            Deed::Die => self.destroy(domid),
            Deed::Vanish => match self.take_off(domid) {
                Some(running) => self.erase(&running),
                None => Ok(()),
            },
            Deed::Plug => self.plug_again(index, step.device.as_deref().unwrap_or_default()),
            _ => {
                let label = step.device.as_deref().unwrap_or_default();
                match self.device_of(domid, label) {
                    Some(device) => self.at_device(step, &device),
                    None => Ok(()),
                }
            }
        }
    }

    fn at_device(&mut self, step: &Step, device: &Device) -> Result<()> {
        let id = device.id();
        let now = self.board.now();
        let front = || StorePath::parse(device.frontend_path());
        match step.deed {
            Deed::Unplug => return self.unplug(device),
            Deed::Close => {
                let close = Impulse::Close(front()?);
                self.drivers.order(Order::Impulse(device.domid, close));
            }
            Deed::Flip => {
                self.board.afflict(&id, Fault::Flapping);
                let flip = Impulse::Flip(front()?);
                self.drivers.order(Order::Impulse(device.domid, flip));
            }
            Deed::Fault => {
                if let Some(fault) = step.fault {
                    self.board.afflict(&id, fault);
                }
            }
            Deed::Heal => return self.heal(device, step.fault),
            Deed::Error => return self.report_error(step, device),
            Deed::Write | Deed::Remove => {
                let end = match step.end {
                    Some(End::Backend) => StorePath::parse(device.backend_path())?,
                    _ => front()?,
                };
                let path = match &step.key {
                    Some(key) => end.join(key)?,
                    None => end,
                };
                return self.touch(step, &path);
            }
            Deed::Wrap => self.board.change(&id, |flow| flow.wrap(now)),
            Deed::Restart => self.board.change(&id, |flow| {
                let is_connected = flow.is_connected();
                flow.connect(is_connected.then_some(now));
            }),
            Deed::Stall => self.board.change(&id, |flow| flow.stall(now, true)),
            Deed::Lie => self.board.change(&id, |flow| flow.lies = true),
            Deed::Flow => self.board.change(&id, |flow| {
                flow.lies = false;
                flow.stall(now, false);
            }),
            Deed::Crash
            | Deed::CrashKernel
            | Deed::Poweroff
            | Deed::Reboot
            | Deed::Die
            | Deed::Vanish
            | Deed::Plug => {}
        }
        Ok(())
    }

    /// A fault is over: scripts run that did not, and both drivers look again.
    fn heal(&mut self, device: &Device, fault: Option<Fault>) -> Result<()> {
        let id = device.id();
        let scripts = [Fault::HotplugHangs, Fault::HotplugFails];
        let fails = |toolstack: &Self| scripts.iter().any(|f| toolstack.board.has(&id, *f));
        let (was_failing, had_none) = (fails(self), self.board.has(&id, Fault::NoBackendDriver));
        self.board.heal(&id, fault);
        let back = StorePath::parse(device.backend_path())?;
        let front = StorePath::parse(device.frontend_path())?;
        self.drivers
            .order(Order::Look(device.backend, back.clone()));
        self.drivers
            .order(Order::Impulse(device.domid, Impulse::Look(front)));
        if fails(self) || self.board.has(&id, Fault::NoBackendDriver) {
            return Ok(());
        }
        // Driver domains run the script themselves when they take a device up.
        let is_mine = device.backend == DomId::DOM0;
        if had_none && is_mine {
            self.await_state(&device.backend_path(), State::InitWait)?;
        }
        if was_failing || had_none && is_mine {
            self.run_script(device, crate::demo::handshake::script(&device.part))?;
        }
        if was_failing {
            let gone = self.client.rm(&back.child("hotplug-error")?);
            return gone.or_else(|error| {
                if error.is_not_found() {
                    Ok(())
                } else {
                    Err(error)
                }
            });
        }
        Ok(())
    }

    /// What Linux's `xenbus_dev_fatal` leaves: a text below `error/` of the driver's own domain.
    fn report_error(&self, step: &Step, device: &Device) -> Result<()> {
        let (domid, path) = match step.end {
            Some(End::Backend) => (device.backend, device.backend_path()),
            _ => (device.domid, device.frontend_path()),
        };
        let home = StorePath::home(domid);
        let end = StorePath::parse(path)?;
        let below = end.below(&home).unwrap_or_default();
        let path = home.join(&format!("error/{below}/error"))?;
        let text = step.value.as_deref().unwrap_or_default();
        self.client.write(&path, text.as_bytes())
    }

    fn touch(&self, step: &Step, path: &StorePath) -> Result<()> {
        if step.deed == Deed::Remove {
            return self.client.rm(path).or_else(|error| {
                if error.is_not_found() {
                    Ok(())
                } else {
                    Err(error)
                }
            });
        }
        let value = step.value.as_deref().unwrap_or_default();
        self.client.write(path, value.as_bytes())?;
        match &step.perms {
            Some(perms) => self.client.set_perms(path, &perms.parse()?),
            None => Ok(()),
        }
    }

    fn crash(&mut self, domid: DomId, then: After) -> Result<()> {
        match then {
            After::Preserve => {
                self.server.shutdown_domain(domid);
                self.drivers.order(Order::Gone(domid));
                Ok(())
            }
            After::Destroy => self.stopped(domid, Stopped::Poweroff),
            After::Restart => self.stopped(domid, Stopped::Reboot),
        }
    }

    /// Plugs a device in that the scenario gives the domain, if it is not there.
    pub(super) fn plug_again(&mut self, index: usize, label: &str) -> Result<()> {
        let Some(domid) = self.domid_of(&self.scenario.domains[index].name) else {
            return Ok(());
        };
        // After a reboot meanwhile, it is there already.
        if self.device_of(domid, label).is_some() {
            return Ok(());
        }
        let parts = &self.identities[index].parts;
        let part = parts.iter().find(|part| part.label == label).cloned();
        part.map_or(Ok(()), |part| self.attach(index, &part))
    }

    /// A device that a running domain has now.
    pub(super) fn device_of(&self, domid: DomId, label: &str) -> Option<Device> {
        let running = self.running.iter().find(|running| running.domid == domid)?;
        let mut devices = running.devices.iter();
        devices.find(|device| device.part.label == label).cloned()
    }

    /// Takes a domain off the list.
    pub(super) fn take_off(&mut self, domid: DomId) -> Option<Running> {
        let mut running = self.running.iter();
        let place = running.position(|running| running.domid == domid)?;
        Some(self.running.remove(place))
    }
}
