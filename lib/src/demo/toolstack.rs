//! The toolstack: makes and removes domains and devices as `xl` does, acting as domain 0.

mod deeds;
mod device;
mod domain;
mod layout;
mod life;
mod plan;
mod plug;
mod prebuilt;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use device::Device;
pub(super) use prebuilt::nodes_of;

use super::board::Board;
use super::drivers::{Machine, Order, Stopped};
use super::random::Random;
use super::scenario::Scenario;
use super::scenario::part::{self, Detail, Part};
use super::state::State;
use super::stop::Stop;
use crate::client::{Client, ClientOptions, Operations};
use crate::device::class::Handshake;
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
    schedule: life::Schedule,
    /// Uuid and addresses of each domain of the scenario: they stay over a reboot.
    identities: Vec<Identity>,
    drivers: Drivers,
    board: Board,
    stop: Stop,
}

/// Somebody waits until a standing clock has moved.
pub(super) struct Advance {
    /// Where it is to be.
    pub(super) to: Duration,
    /// Told when everything until then has been done.
    pub(super) done: Sender<()>,
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
    /// The devices, with their addresses.
    parts: Arc<[Arc<Part>]>,
}

impl Identity {
    fn new(domain: &super::scenario::Domain, random: &mut Random) -> Self {
        let uuid = random.uuid();
        let mut parts = part::all(domain);
        for part in &mut parts {
            if let Detail::Vif(_, mac) = &mut Arc::make_mut(part).detail
                && mac.is_empty()
            {
                *mac = random.mac();
            }
        }
        Self {
            uuid,
            parts: parts.into(),
        }
    }
}

impl Toolstack {
    /// Makes all domains, and returns when all devices are connected that can be, and what is to happen at once has
    /// happened.
    pub(super) fn boot(
        server: &Server,
        scenario: Arc<Scenario>,
        drivers: Drivers,
        board: Board,
        stop: Stop,
    ) -> Result<Self> {
        let mut random = Random::new(scenario.seed);
        let identities = scenario.domains.iter();
        let mut toolstack = Self {
            identities: identities
                .map(|domain| Identity::new(domain, &mut random))
                .collect(),
            client: connect(server, DomId::DOM0)?,
            server: server.clone(),
            random,
            next_domid: 1,
            running: Vec::new(),
            schedule: life::Schedule::default(),
            drivers,
            board,
            stop,
            scenario,
        };
        let mut tree = layout::host(toolstack.scenario.host);
        for node in &toolstack.scenario.nodes {
            tree.given(node)?;
        }
        tree.write(&toolstack.client)?;
        // Its drivers would only look at what is not theirs to move, if nobody else has any.
        let lives = toolstack.scenario.domains.iter().any(|d| !d.prebuilt);
        if toolstack.scenario.host.domain_0 && lives {
            toolstack.run_kernel(DomId::DOM0)?;
        }
        for index in 0..toolstack.scenario.domains.len() {
            toolstack.create(index)?;
        }
        for running in &toolstack.running {
            let domain = &toolstack.scenario.domains[running.index];
            let moves = domain.boots && !domain.prebuilt;
            for device in running.devices.iter().filter(|_| moves) {
                toolstack.await_connection(device)?;
            }
        }
        toolstack.board.clock.reset();
        toolstack.schedule = life::Schedule::new(&toolstack.scenario, &mut toolstack.random);
        while let Some(next) = toolstack.due(Duration::ZERO) {
            toolstack.happen(&next)?;
        }
        Ok(toolstack)
    }

    /// Waits until both ends are connected, if nothing keeps them from it.
    fn await_connection(&self, device: &Device) -> Result<()> {
        let is_usual = device.part.class.handshake == Handshake::Usual;
        if !is_usual || !self.board.is_sound(&device.id()) {
            return Ok(());
        }
        for end in [device.backend_path(), device.frontend_path()] {
            self.await_state(&end, State::Connected)?;
        }
        Ok(())
    }

    /// Lets things happen until the host is switched off. An error ends only what was being done.
    pub(super) fn live(
        mut self,
        notices: &Receiver<(DomId, Stopped)>,
        advances: &Receiver<Advance>,
        mut trouble: impl FnMut(Error),
    ) {
        let mut asked: Option<Advance> = None;
        while !self.stop.is_asked() {
            let notice = notices.try_recv().ok();
            if asked.is_none() {
                asked = advances.try_recv().ok();
            }
            let until = asked
                .as_ref()
                .map_or_else(|| self.board.now(), |asked| asked.to);
            let due = self.due(until);
            if let (Some(at), true) = (&due, asked.is_some()) {
                self.board.clock.set(at.at);
            }
            let idle = notice.is_none() && due.is_none();
            let done = notice
                .map_or(Ok(()), |(domid, how)| self.stopped(domid, how))
                .and(due.map_or(Ok(()), |next| self.happen(&next)));
            if let Err(error) = done
                && !self.stop.is_asked()
            {
                trouble(error);
            }
            if !idle {
                continue;
            }
            if let Some(asked) = asked.take() {
                self.board.clock.set(asked.to);
                // Whoever asked may have gone.
                let _ = asked.done.send(());
                continue;
            }
            let next = self.schedule.next().map(|at| self.board.clock.instant(at));
            self.stop.bell.wait_until(next.flatten());
        }
    }

    fn due(&mut self, now: Duration) -> Option<life::Due> {
        self.schedule.due(now, &mut self.random)
    }

    /// Starts the drivers of a domain.
    fn run_kernel(&self, domid: DomId) -> Result<()> {
        let machine = Machine {
            domid,
            board: self.board.clone(),
            hotplug: domid != DomId::DOM0,
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
