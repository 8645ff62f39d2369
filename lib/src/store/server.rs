//! One thread that serves a store to any number of clients.

mod poller;
pub(in crate::store) mod ring;
mod rings;
mod state;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use super::core::{Core, Identity};
use super::domain::Life;
use super::{Log, StoreOptions};
use crate::error::{Error, Result};
use crate::id::DomId;
use crate::transport::ring::Page;
use crate::transport::socket::Socket;
use crate::transport::{Connector, Transport};
use crate::wire::Op;
use poller::Poller;
use ring::{Channel, Grant};
use state::State;

/// An embedded store with its listeners. Dropping the last clone stops it: clients see the end of their connections,
/// sockets are removed.
#[derive(Clone)]
pub struct Server {
    running: Arc<Running>,
}

struct Running {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    poller: Poller,
    log: Log,
}

impl Server {
    /// Starts a store that nobody can reach yet; see [`Server::listen`] and [`Server::connector`].
    ///
    /// # Errors
    /// [`Error::Io`] if the system gives no descriptors or no thread.
    pub fn start(options: StoreOptions) -> Result<Self> {
        let poller = Poller::new().map_err(|error| Error::io("start the store", error))?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(Core::new(&options), options.output_max)),
            poller,
            log: options.log,
        });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("xenbus-store".into())
            .spawn(move || of_thread.run())
            .map_err(|error| Error::io("start the store's thread", error))?;
        Ok(Self {
            running: Arc::new(Running {
                shared,
                thread: Mutex::new(Some(thread)),
            }),
        })
    }

    /// Serves a Unix socket at `path` (mode 0600), with full privilege for every client, as the daemons do. A socket
    /// file that nobody listens on is replaced; the file is removed when the store stops.
    ///
    /// # Errors
    /// [`Error::Invalid`] if another process serves this path, or there is something else, or it cannot be made.
    pub fn listen(&self, path: &Path) -> Result<()> {
        let shared = &self.running.shared;
        shared.with(|state| state.listen(path, &shared.poller))
    }

    /// Streams to this store that act as `domid`: domain 0 may do everything, any other needs [`Server::introduce`]
    /// first and has the rights of its number.
    pub fn connector(&self, domid: DomId) -> Arc<dyn Connector> {
        Arc::new(MemoryConnector {
            shared: Arc::clone(&self.running.shared),
            domid,
        })
    }

    /// The pretended hypervisor makes a domain. Nothing is told to anybody before it is introduced.
    pub fn create_domain(&self, domid: DomId) {
        self.running
            .shared
            .with(|state| state.core.create_domain(domid));
    }

    /// Makes a domain known to the store, with an event on `@introduceDomain`. Again for a known domain: it loses its
    /// watches and transactions.
    ///
    /// # Errors
    /// EINVAL ([`Error::Store`]) for a domain that was not created.
    pub fn introduce(&self, domid: DomId) -> Result<()> {
        let result = self.change(|state| state.core.introduce(domid, &mut state.outlet));
        result.map_err(|errno| Error::Store {
            op: Op::INTRODUCE,
            path: format!("domain {domid}"),
            errno,
        })
    }

    /// What a domain has granted: its ring page, and the store's end of its event channel. The ring is served from the
    /// domain's introduction on (at once, if it is introduced), with the domain's rights, until the domain is gone.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a domain that was not created; [`Error::Io`] if the channel cannot be polled.
    pub fn grant_ring(&self, domid: DomId, page: Page, channel: Arc<dyn Channel>) -> Result<()> {
        if self.life(domid).is_none() {
            return Err(Error::Invalid {
                what: format!("cannot serve a ring of domain {domid}"),
                reason: "there is no such domain; create it first".into(),
            });
        }
        let grant = Grant { page, channel };
        let shared = &self.running.shared;
        let served = self.change(|state| state.grant(domid, grant, &shared.poller));
        served.map_err(|error| Error::io("serve a ring", error))
    }

    /// A domain shuts down, with an event on `@releaseDomain`. It still exists.
    pub fn shutdown_domain(&self, domid: DomId) {
        self.change(|state| state.core.shutdown_domain(domid, &mut state.outlet));
    }

    /// A domain is gone, with an event on `@releaseDomain`: its connections end, its nodes are removed.
    pub fn destroy_domain(&self, domid: DomId) {
        self.change(|state| {
            state.core.destroy_domain(domid, &mut state.outlet);
            state.forget_grant(domid);
        });
    }

    /// State of a domain in the pretended hypervisor; `None`: there is none.
    pub fn life(&self, domid: DomId) -> Option<Life> {
        self.running.shared.with(|state| state.core.life(domid))
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let shared = &self.running.shared;
        shared.with(|state| {
            let result = change(state);
            state.settle(&shared.poller);
            result
        })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.poller.wake();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            (self.shared.log)("the store's thread has panicked");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the state; what it logs is told after the lock is given back.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = work(&mut state);
        let lines = std::mem::take(&mut state.outlet.lines);
        drop(state);
        for line in lines {
            (self.log)(&line);
        }
        result
    }

    fn run(&self) {
        let mut events = Vec::new();
        let mut buffer = vec![0; state::BUFFER];
        let mut more = false;
        loop {
            if let Err(error) = self.poller.wait(&mut events, !more) {
                (self.log)(&format!("the store stops: {error}"));
                self.with(State::stop);
                return;
            }
            let stopping = self.with(|state| {
                if state.stopping {
                    state.stop();
                    return true;
                }
                for event in &events {
                    state.serve(*event, &mut buffer, &self.poller);
                }
                state.settle(&self.poller);
                more = state.has_more();
                false
            });
            if stopping {
                return;
            }
        }
    }
}

/// Opens memory connections to a store in this process.
struct MemoryConnector {
    shared: Arc<Shared>,
    domid: DomId,
}

impl Connector for MemoryConnector {
    fn connect(&self, _deadline: Option<Instant>) -> Result<Box<dyn Transport>> {
        let refused = |reason: &str, hint: &str| Error::Connect {
            address: self.address(),
            reason: reason.into(),
            hint: hint.into(),
        };
        let shared = &self.shared;
        let opened = shared.with(|state| {
            if state.stopping {
                return Err(refused("the store has stopped", ""));
            }
            let client = state.open(Identity::Domain(self.domid), &shared.poller);
            client.map_err(|error| refused(&error.to_string(), ""))
        })?;
        match opened {
            Some(client) => Ok(Box::new(Socket::new(client))),
            None => Err(refused(
                "the domain is not introduced",
                "; create and introduce it first",
            )),
        }
    }

    fn address(&self) -> String {
        format!("memory:{}", self.domid)
    }
}

impl fmt::Debug for MemoryConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryConnector")
            .field("domid", &self.domid)
            .finish_non_exhaustive()
    }
}
