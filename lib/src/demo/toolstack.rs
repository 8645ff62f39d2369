//! The toolstack: makes and removes domains and devices as `xl` does, acting as domain 0.

pub(in crate::demo) mod device;
mod domain;
mod layout;
mod life;
mod plan;
mod plug;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

pub(super) use device::Device;

use super::drivers::{Machine, Order, Stopped};
use super::random::Random;
use super::scenario::Scenario;
use super::state::State;
use super::stop::Stop;
use crate::client::{Client, ClientOptions, Operations};
use crate::error::{Error, Result};
use crate::id::DomId;
use crate::path::StorePath;
use crate::store::Server;
use crate::watch::{Bell, WatchOptions};

/// How long the toolstack waits for a driver, as libxl does (its limit is 10 s).
const PATIENCE: Duration = Duration::from_secs(10);

/// The toolstack of a host.
pub(super) struct Toolstack {
    server: Server,
    client: Client,
    scenario: Arc<Scenario>,
    random: Random,
    next_domid: u32,
    running: Vec<Running>,
    /// Uuid and addresses of each domain of the scenario: they stay over a reboot.
    identities: Vec<Identity>,
    drivers: Drivers,
    stop: Stop,
}

/// Where the drivers take orders.
#[derive(Clone)]
pub(super) struct Drivers {
    pub(super) orders: Sender<Order>,
    pub(super) bell: Bell,
}

impl Drivers {
    pub(super) fn order(&self, order: Order) {
        // Without drivers there is nobody to obey: the states show it.
        drop(self.orders.send(order));
        self.bell.ring();
    }
}

/// A domain that was made and not removed yet.
struct Running {
    /// Its place in the scenario.
    index: usize,
    domid: DomId,
    devices: Vec<Device>,
}

struct Identity {
    uuid: String,
    macs: Vec<String>,
}

impl Toolstack {
    /// Makes all domains, and returns when all devices are connected.
    pub(super) fn boot(
        server: &Server,
        scenario: Arc<Scenario>,
        drivers: Drivers,
        stop: Stop,
    ) -> Result<Self> {
        let mut random = Random::new(scenario.seed);
        let identities = scenario.domains.iter().map(|domain| Identity {
            uuid: random.uuid(),
            macs: domain
                .vifs
                .iter()
                .map(|vif| vif.mac.clone().unwrap_or_else(|| random.mac()))
                .collect(),
        });
        let mut toolstack = Self {
            identities: identities.collect(),
            client: connect(server, DomId::DOM0)?,
            server: server.clone(),
            random,
            next_domid: 1,
            running: Vec::new(),
            drivers,
            stop,
            scenario,
        };
        layout::host().write(&toolstack.client)?;
        toolstack.run_kernel(DomId::DOM0, None)?;
        for index in 0..toolstack.scenario.domains.len() {
            toolstack.create(index)?;
        }
        let devices = toolstack
            .running
            .iter()
            .flat_map(|running| &running.devices);
        for device in devices.filter(|device| device.kind != "console") {
            for end in [device.backend_path(), device.frontend_path()] {
                toolstack.await_state(&end, State::Connected)?;
            }
        }
        Ok(toolstack)
    }

    /// Lets things happen until the host is switched off. An error ends only what was being done.
    pub(super) fn live(
        mut self,
        notices: &Receiver<(DomId, Stopped)>,
        mut trouble: impl FnMut(Error),
    ) {
        let mut life = life::Schedule::new(&self.scenario, &mut self.random);
        while !self.stop.is_asked() {
            let notice = notices.try_recv().ok();
            let due = life.due(Instant::now(), &mut self.random);
            let idle = notice.is_none() && due.is_none();
            let done = notice
                .map_or(Ok(()), |(domid, how)| self.stopped(domid, how))
                .and(due.map_or(Ok(()), |next| self.happen(&next)));
            if let Err(error) = done
                && !self.stop.is_asked()
            {
                trouble(error);
            }
            if idle {
                self.stop.bell.wait_until(life.next());
            }
        }
    }

    /// Starts the drivers of a domain.
    fn run_kernel(&self, domid: DomId, index: Option<usize>) -> Result<()> {
        let machine = Machine {
            domid,
            domain: index.map(|index| self.scenario.domains[index].clone()),
            scenario: Arc::clone(&self.scenario),
        };
        self.drivers
            .order(Order::Boot(connect(&self.server, domid)?, machine));
        Ok(())
    }

    /// Waits until the end of a device at `directory` has reached a state.
    fn await_state(&self, directory: &str, wanted: State) -> Result<()> {
        let path = StorePath::parse(directory)?.child("state")?;
        let options = WatchOptions {
            bell: Some(self.stop.bell.clone()),
            ..WatchOptions::default()
        };
        let watch = self.client.watch_with(&path, options)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Only what happens after this look needs to wake us.
            while watch.try_next()?.is_some() {}
            let state = self
                .client
                .read(&path)
                .map_or(State::Unknown, |value| State::parse(&value));
            if state == wanted {
                return Ok(());
            }
            let told = self.stop.bell.wait_until(Some(deadline));
            if self.stop.is_asked() || !told {
                return Err(Error::Invalid {
                    what: format!("demo: {path}"),
                    reason: format!("state {} instead of {}", state.text(), wanted.text()),
                });
            }
        }
    }

    /// The domain's number if it runs.
    fn domid_of(&self, name: &str) -> Option<DomId> {
        let scenario = &self.scenario.domains;
        let named = |running: &&Running| scenario[running.index].name == name;
        Some(self.running.iter().find(named)?.domid)
    }
}

/// A client that acts as `domid`.
fn connect(server: &Server, domid: DomId) -> Result<Client> {
    Client::with_connector(server.connector(domid), ClientOptions::default())
}
