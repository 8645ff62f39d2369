//! What happens to a running host, and when.

use std::time::{Duration, Instant};

use super::Toolstack;
use super::device::disk_number;
use crate::client::Operations;
use crate::demo::drivers::Order;
use crate::demo::random::Random;
use crate::demo::scenario::{Activity, Life, Scenario};
use crate::error::Result;
use crate::id::DomId;
use crate::path::StorePath;

/// How long a device stays unplugged.
const UNPLUGGED: Duration = Duration::from_secs(2);

/// When what happens next.
pub(super) struct Schedule {
    entries: Vec<(Instant, Next)>,
}

/// Something that is to happen.
#[derive(Clone)]
pub(super) enum Next {
    /// An activity of the scenario.
    Life(Life),
    /// The second half of a replug.
    Plug(Life),
}

impl Schedule {
    pub(super) fn new(scenario: &Scenario, random: &mut Random) -> Self {
        let now = Instant::now();
        let first = |life: &Life| {
            let every = random.about(Duration::from_secs_f64(life.every));
            (now + every, Next::Life(life.clone()))
        };
        Self {
            entries: scenario.life.iter().map(first).collect(),
        }
    }

    /// When to look again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.entries.iter().map(|(at, _)| *at).min()
    }

    /// What is due by `now`; it is put on the schedule again.
    pub(super) fn due(&mut self, now: Instant, random: &mut Random) -> Option<Next> {
        let place = self.entries.iter().position(|(at, _)| *at <= now)?;
        let (_, next) = self.entries.swap_remove(place);
        if let Next::Life(life) = &next {
            let mut every = random.about(Duration::from_secs_f64(life.every));
            if life.what == Activity::Replug {
                let plugged = now + UNPLUGGED;
                self.entries.push((plugged, Next::Plug(life.clone())));
                every = every.max(2 * UNPLUGGED);
            }
            self.entries.push((now + every, next.clone()));
        }
        Some(next)
    }
}

impl Toolstack {
    /// Does something of the schedule, if its domain runs.
    pub(super) fn happen(&mut self, next: &Next) -> Result<()> {
        let (Next::Life(life) | Next::Plug(life)) = next;
        let Some(domid) = self.domid_of(&life.domain) else {
            return Ok(());
        };
        match (next, life.what) {
            (Next::Plug(_), _) => self.plug(life),
            (_, Activity::Replug) => self.unplug_named(domid, life),
            (_, Activity::Memory) => self.set_memory(domid, life),
            (_, Activity::Reboot) => {
                let path = StorePath::home(domid).join("control/shutdown")?;
                self.client.write(&path, b"reboot")
            }
            (_, Activity::Agent) => {
                let report = self.agent_report(life);
                self.drivers.order(Order::Report(domid, report));
                Ok(())
            }
        }
    }

    /// `xl mem-set`: something between three quarters and all of the memory, in whole MiB.
    fn set_memory(&mut self, domid: DomId, life: &Life) -> Result<()> {
        let Some(index) = self.index_of(&life.domain) else {
            return Ok(());
        };
        let most = u64::from(self.scenario.domains[index].memory);
        let mib = most - self.random.below(most / 4 + 1);
        let kib = (mib * 1024).to_string();
        let uuid = &self.identities[index].uuid;
        let target = StorePath::home(domid).join("memory/target")?;
        let memory = StorePath::parse(format!("/vm/{uuid}/memory"))?;
        self.client.transaction(|transaction| {
            transaction.write(&target, kib.as_bytes())?;
            transaction.write(&memory, kib.as_bytes())
        })
    }

    /// What a guest agent writes: system, memory, addresses.
    fn agent_report(&mut self, life: &Life) -> Vec<(String, String)> {
        let index = self.index_of(&life.domain);
        let domain = index.map(|index| self.scenario.domains[index].clone());
        let (memory, vifs) = domain.map_or((0, 0), |domain| {
            (u64::from(domain.memory) * 1024, domain.vifs.len())
        });
        let free = memory / 4 + self.random.below(memory / 4 + 1);
        let mut report = vec![
            (
                "data/os_name".into(),
                "Debian GNU/Linux 12 (bookworm)".into(),
            ),
            ("data/os_uname".into(), "6.1.0-18-amd64".into()),
            ("data/meminfo_total".into(), memory.to_string()),
            ("data/meminfo_free".into(), free.to_string()),
            ("data/updated".into(), "1".into()),
        ];
        let host = index.unwrap_or_default() + 10;
        report.extend((0..vifs).map(|vif| {
            (
                format!("attr/vif/{vif}/ipv4/0"),
                format!("192.0.2.{}", host + 64 * vif),
            )
        }));
        report
    }

    fn unplug_named(&mut self, domid: DomId, life: &Life) -> Result<()> {
        let Some((kind, number, _)) = self.device_named(life) else {
            return Ok(());
        };
        let running = self.running.iter().find(|running| running.domid == domid);
        let device = running.and_then(|running| {
            let wanted = |device: &&super::Device| device.kind == kind && device.number == number;
            running.devices.iter().find(wanted).cloned()
        });
        let Some(device) = device else {
            return Ok(());
        };
        self.unplug(&device)?;
        self.forget(&device);
        Ok(())
    }

    fn plug(&mut self, life: &Life) -> Result<()> {
        let (Some((kind, number, backend)), Some(index)) =
            (self.device_named(life), self.index_of(&life.domain))
        else {
            return Ok(());
        };
        let there = self.running.iter().any(|running| {
            let same = |device: &super::Device| device.kind == kind && device.number == number;
            running.index == index && running.devices.iter().any(same)
        });
        // After a reboot meanwhile, it is there already.
        if there {
            return Ok(());
        }
        self.attach(index, kind, number, &backend)
    }

    /// Kind, number and backend of the device that a replug names.
    fn device_named(&self, life: &Life) -> Option<(&'static str, u32, String)> {
        let domain = &self.scenario.domains[self.index_of(&life.domain)?];
        let name = life.device.as_deref()?;
        if let Some(disk) = domain.disks.iter().find(|disk| disk.vdev == name) {
            return Some(("vbd", disk_number(disk), disk.backend.clone()));
        }
        let number: u32 = name.strip_prefix("vif")?.parse().ok()?;
        let vif = domain.vifs.get(usize::try_from(number).ok()?)?;
        Some(("vif", number, vif.backend.clone()))
    }

    fn index_of(&self, name: &str) -> Option<usize> {
        self.scenario
            .domains
            .iter()
            .position(|domain| domain.name == name)
    }
}
