//! The simulated host, running.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::board::Board;
use super::clock::Clock;
use super::drivers::{self, Notices, Order};
use super::scenario::Scenario;
use super::stop::Stop;
use super::sysroot::Sysroot;
use super::toolstack::{Advance, Drivers, Toolstack};
use crate::counters::RingIndices;
use crate::error::{Error, Result};
use crate::id::DomId;
use crate::store::{Server, StoreOptions};
use crate::transport::{Connector, Transport};
use crate::watch::Bell;

/// A simulated host, running until it is dropped.
///
/// It has two threads of its own besides those of its clients: the toolstack's and the drivers'.
pub struct Host {
    toolstack: Option<JoinHandle<()>>,
    stop: Stop,
    trouble: Arc<Mutex<Option<Error>>>,
    drivers: DriverThread,
    board: Board,
    advance: Sender<Advance>,
    sysroot: Option<Sysroot>,
    server: Server,
}

impl Host {
    /// Starts the host. All devices that can be are connected when this returns. It writes nothing to standard error:
    /// what goes wrong is told by [`Host::trouble`].
    ///
    /// # Errors
    /// When the system refuses a thread or a socket, or the scenario asks for what cannot be (a driver domain that
    /// serves more than its quota allows).
    pub fn start(scenario: &Scenario) -> Result<Self> {
        let options = StoreOptions {
            log: Arc::new(|_| {}),
            ..StoreOptions::default()
        };
        Self::start_on(scenario, options)
    }

    /// Starts the host on a store with these options; what goes wrong later is logged there, too.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub fn start_on(scenario: &Scenario, options: StoreOptions) -> Result<Self> {
        let log = Arc::clone(&options.log);
        let server = Server::start(options)?;
        let stop = Stop::default();
        let (sender, notices) = channel();
        let drivers = DriverThread::start(Notices {
            sender,
            bell: stop.bell.clone(),
        })?;
        let board = Board::new(scenario.seed, Clock::new(scenario.time));
        let (scenario, given) = (Arc::new(scenario.clone()), drivers.handle());
        let toolstack = Toolstack::boot(&server, scenario, given, board.clone(), stop.clone())?;
        let (advance, advances) = channel();
        let trouble = Arc::new(Mutex::new(None));
        let told = Arc::clone(&trouble);
        let toolstack = spawn("demo toolstack", move || {
            toolstack.live(&notices, &advances, |error| {
                log(&format!("the simulated toolstack: {error}"));
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                told.get_or_insert(error);
            });
        })?;
        Ok(Self {
            server,
            trouble,
            toolstack: Some(toolstack),
            stop,
            drivers,
            board,
            advance,
            sysroot: None,
        })
    }

    /// Its store.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Streams to its store that act as `domid`. They do not keep the host alive.
    pub fn connector(&self, domid: DomId) -> Arc<dyn Connector> {
        self.server.connector(domid)
    }

    /// Streams to its store that act as domain 0 and keep the host alive.
    pub fn into_connector(self) -> Arc<dyn Connector> {
        Arc::new(Owner { host: self })
    }

    /// Keeps files below `directory` as the kernel of the domain that serves the devices shows them (domain 0, or
    /// where there is none the first driver domain): `sys/bus/xen-backend/devices`, `sys/class/net` and
    /// `sys/kernel/debug/xen-netback`. They move with the traffic until the host is dropped, which leaves them there;
    /// what was in these three directories is removed. [`crate::counters`] reads them.
    ///
    /// # Errors
    /// If they cannot be made.
    pub fn keep_sysroot(&mut self, directory: &Path) -> Result<()> {
        self.sysroot = None;
        self.sysroot = Some(Sysroot::start(directory, self.board.clone())?);
        Ok(())
    }

    /// The pages of the rings, as somebody who maps them would see them. It does not keep the host alive.
    pub fn ring_indices(&self) -> Arc<dyn RingIndices + Send + Sync> {
        Arc::new(self.board.clone())
    }

    /// Lets time pass where it is stepped: what is due happens in order, then this returns. What drivers make of it
    /// takes its time all the same.
    ///
    /// # Errors
    /// [`Error::Invalid`] where time passes by itself.
    pub fn advance(&self, by: Duration) -> Result<()> {
        let refused = |reason: &str| Error::Invalid {
            what: "demo: cannot let time pass".into(),
            reason: reason.into(),
        };
        let now = self.board.now();
        if !self.board.clock.set(now) {
            return Err(refused(
                "it passes by itself; the scenario lacks 'time: stepped'",
            ));
        }
        let (done, told) = channel();
        let sent = self.advance.send(Advance { to: now + by, done });
        self.stop.bell.ring();
        sent.map_err(|_| refused("the host has ended"))?;
        told.recv().map_err(|_| refused("the host has ended"))?;
        if let Some(sysroot) = &self.sysroot {
            sysroot.update();
        }
        Ok(())
    }

    /// The first thing that went wrong since it was started: somebody took nodes away that the toolstack needed.
    pub fn trouble(&self) -> Option<Error> {
        let told = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.ask();
        if let Some(toolstack) = self.toolstack.take() {
            // Only a panic of its own makes this an error, and that was printed.
            drop(toolstack.join());
        }
        // The toolstack needed the drivers until it had ended, and they need the store.
        self.drivers.end();
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

/// The drivers' thread; ends when dropped.
struct DriverThread {
    drivers: Drivers,
    thread: Option<JoinHandle<()>>,
}

impl DriverThread {
    fn start(notices: Notices) -> Result<Self> {
        let (orders, received) = channel();
        let bell = Bell::new();
        let heard = bell.clone();
        let run = move || drivers::run(&received, &heard, &notices);
        Ok(Self {
            drivers: Drivers { orders, bell },
            thread: Some(spawn("demo drivers", run)?),
        })
    }

    fn handle(&self) -> Drivers {
        self.drivers.clone()
    }

    fn end(&mut self) {
        self.drivers.order(Order::Off);
        if let Some(thread) = self.thread.take() {
            // As above.
            drop(thread.join());
        }
    }
}

impl Drop for DriverThread {
    fn drop(&mut self) {
        self.end();
    }
}

pub(super) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let started = thread::Builder::new().name(name.into()).spawn(run);
    started.map_err(|error: io::Error| Error::io(format!("start the thread '{name}'"), error))
}

/// A connector that owns its host.
#[derive(Debug)]
struct Owner {
    host: Host,
}

impl Connector for Owner {
    fn connect(&self, deadline: Option<Instant>) -> Result<Box<dyn Transport>> {
        self.host.connector(DomId::DOM0).connect(deadline)
    }

    fn address(&self) -> String {
        "demo:".into()
    }
}
