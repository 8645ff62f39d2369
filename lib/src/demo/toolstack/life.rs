//! What happens to a running host, and when.

use std::time::Duration;

use super::Toolstack;
use crate::client::Operations;
use crate::demo::drivers::{Impulse, Order};
use crate::demo::random::Random;
use crate::demo::scenario::{Activity, Life, Scenario, Step};
use crate::error::Result;
use crate::id::DomId;
use crate::path::StorePath;

/// How long a device stays unplugged.
const UNPLUGGED: Duration = Duration::from_secs(2);

/// When what happens next.
#[derive(Default)]
pub(super) struct Schedule {
    entries: Vec<Due>,
}

/// Something that is to happen.
#[derive(Clone)]
pub(super) struct Due {
    /// When, on the host's clock.
    pub(super) at: Duration,
    what: What,
}

#[derive(Clone)]
enum What {
    /// A step of the timeline.
    Step(Step),
    /// An activity of the scenario.
    Life(Life),
    /// The second half of a replug.
    Plug(Life),
}

impl Schedule {
    pub(super) fn new(scenario: &Scenario, random: &mut Random) -> Self {
        let life = |life: &Life| Due {
            at: random.about(Duration::from_secs_f64(life.every)),
            what: What::Life(life.clone()),
        };
        let step = |step: &Step| Due {
            at: Duration::from_secs_f64(step.at),
            what: What::Step(step.clone()),
        };
        let lives = scenario.life.iter().map(life);
        Self {
            entries: lives.chain(scenario.timeline.iter().map(step)).collect(),
        }
    }

    /// When to look again.
    pub(super) fn next(&self) -> Option<Duration> {
        self.entries.iter().map(|due| due.at).min()
    }

    /// The first that is due by `now`; it is put on the schedule again.
    pub(super) fn due(&mut self, now: Duration, random: &mut Random) -> Option<Due> {
        let entries = self.entries.iter().enumerate();
        let (place, first) = entries.min_by_key(|(_, due)| due.at)?;
        if first.at > now {
            return None;
        }
        // In the order of the scenario, where several are due at the same time.
        let due = self.entries.remove(place);
        let again = match &due.what {
            What::Step(step) => step.every.map(Duration::from_secs_f64),
            What::Life(life) => {
                let mut every = random.about(Duration::from_secs_f64(life.every));
                if life.what == Activity::Replug {
                    self.entries.push(Due {
                        at: due.at + UNPLUGGED,
                        what: What::Plug(life.clone()),
                    });
                    every = every.max(2 * UNPLUGGED);
                }
                Some(every)
            }
            What::Plug(_) => None,
        };
        if let Some(again) = again {
            // What was missed while something took long is not made up for.
            let mut at = due.at + again;
            if at < now {
                at = at.max(now.saturating_sub(again));
            }
            self.entries.push(Due {
                at,
                what: due.what.clone(),
            });
        }
        Some(due)
    }
}

impl Toolstack {
    /// Does something of the schedule, if its domain runs.
    pub(super) fn happen(&mut self, due: &Due) -> Result<()> {
        let (life, is_plug) = match &due.what {
            What::Step(step) => return self.perform(step),
            What::Life(life) => (life, false),
            What::Plug(life) => (life, true),
        };
        let Some((domid, index)) = self.somebody(life) else {
            return Ok(());
        };
        let label = life.device.as_deref().unwrap_or_default();
        match life.what {
            Activity::Replug if is_plug => self.plug_again(index, label),
            Activity::Replug => match self.device_of(domid, label) {
                Some(device) => self.unplug(&device),
                None => Ok(()),
            },
            Activity::Memory => self.set_memory(domid, index),
            Activity::Reboot => {
                let path = StorePath::home(domid).join("control/shutdown")?;
                self.client.write(&path, b"reboot")
            }
            Activity::Agent => {
                let report = self.agent_report(index);
                self.report(domid, index, report)
            }
        }
    }

    /// The domain that an activity happens to.
    fn somebody(&mut self, life: &Life) -> Option<(DomId, usize)> {
        if let Some(name) = &life.domain {
            return Some((self.domid_of(name)?, self.index_of(name)?));
        }
        let moves = matches!(life.what, Activity::Reboot | Activity::Replug);
        let can = |running: &&super::Running| {
            let domain = &self.scenario.domains[running.index];
            domain.boots && !(moves && (domain.prebuilt || domain.driver_domain))
        };
        let all: Vec<_> = self.running.iter().filter(can).collect();
        let place = usize::try_from(self.random.below(u64::try_from(all.len()).ok()?)).ok()?;
        let chosen = all.get(place)?;
        Some((chosen.domid, chosen.index))
    }

    /// Lets the guest's agent report; where no driver lives, what it would have written is there all the same.
    fn report(&self, domid: DomId, index: usize, report: Vec<(String, String)>) -> Result<()> {
        if !self.scenario.domains[index].prebuilt {
            let report = Impulse::Report(report);
            self.drivers.order(Order::Impulse(domid, report));
            return Ok(());
        }
        let home = StorePath::home(domid);
        report
            .iter()
            .try_for_each(|(key, value)| self.client.write(&home.join(key)?, value.as_bytes()))
    }

    /// `xl mem-set`: something between three quarters and all of the memory, in whole MiB.
    fn set_memory(&mut self, domid: DomId, index: usize) -> Result<()> {
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
    fn agent_report(&mut self, index: usize) -> Vec<(String, String)> {
        let domain = &self.scenario.domains[index];
        let (memory, vifs) = (u64::from(domain.memory) * 1024, domain.vifs.len());
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
        report.extend((0..vifs).map(|vif| {
            // Of the networks for documentation (RFC 5737), one per interface.
            let network = ["192.0.2", "198.51.100", "203.0.113"][vif % 3];
            let host = (index + 10) % 254 + 1;
            (
                format!("attr/vif/{vif}/ipv4/0"),
                format!("{network}.{host}"),
            )
        }));
        report
    }

    /// The place in the scenario of the domain of that name.
    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.scenario.domain(name).map(|(index, _)| index)
    }
}
