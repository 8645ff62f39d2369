//! The simulated host, running.

use std::fmt;
use std::io;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::drivers::{self, Notices, Order};
use super::scenario::Scenario;
use super::stop::Stop;
use super::toolstack::{Drivers, Toolstack};
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
    server: Server,
}

impl Host {
    /// Starts the host. All devices are connected when this returns.
    ///
    /// # Errors
    /// When the system refuses a thread or a socket.
    pub fn start(scenario: &Scenario) -> Result<Self> {
        Self::start_on(scenario, StoreOptions::default())
    }

    /// Starts the host on a store with these options.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub fn start_on(scenario: &Scenario, options: StoreOptions) -> Result<Self> {
        let server = Server::start(options)?;
        let stop = Stop::default();
        let (sender, notices) = channel();
        let drivers = DriverThread::start(Notices {
            sender,
            bell: stop.bell.clone(),
        })?;
        let (scenario, given) = (Arc::new(scenario.clone()), drivers.handle());
        let toolstack = Toolstack::boot(&server, scenario, given, stop.clone())?;
        let trouble = Arc::new(Mutex::new(None));
        let told = Arc::clone(&trouble);
        let toolstack = spawn("demo toolstack", move || {
            toolstack.live(&notices, |error| {
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

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
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
