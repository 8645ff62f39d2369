//! Acting as an unprivileged domain.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use xenbus::client::{Client, ClientOptions};
use xenbus::id::DomId;
use xenbus::transport::Connector;
use xenbus::transport::ring::{Doorbell, EventPair, Page, RingConnector};
use xenbus::wire::Op;

use super::{PATIENCE, Raw, Store};

/// A domain that a test plays over a shared ring.
#[derive(Debug)]
pub(crate) struct Guest {
    connector: Arc<dyn Connector>,
    real: Option<xenbus_harness::Guest>,
}

/// What becomes of a domain.
pub(crate) use xenbus_harness::DomainState as Life;

impl Store {
    /// Makes domain `domid` with its home (owned by it, closed to others), and introduces it.
    pub(crate) fn introduce(&self, domid: u32) -> Guest {
        match self {
            Self::Embedded(embedded) => {
                let server = embedded.server();
                server.create_domain(DomId(domid));
                let (page, (own, stores)) = (Page::new(), EventPair::new().unwrap());
                let granted = server.grant_ring(DomId(domid), page.clone(), Arc::new(stores));
                granted.unwrap();
                let home = format!("/local/domain/{domid}");
                let mut raw = self.raw();
                raw.ask(Op::MKDIR, format!("{home}\0"));
                raw.ask(Op::SET_PERMS, format!("{home}\0n{domid}\0"));
                server.introduce(DomId(domid)).unwrap();
                Guest {
                    connector: Arc::new(RingConnector::new(
                        page,
                        Arc::new(own),
                        format!("domain {domid}"),
                    )),
                    real: None,
                }
            }
            Self::Real(daemon) => {
                let guest = daemon.introduce(domid);
                Guest {
                    connector: ring_of(&guest),
                    real: Some(guest),
                }
            }
        }
    }

    /// Changes what the hypervisor says about a domain.
    pub(crate) fn set_domain(&self, domid: u32, life: Life) {
        match self {
            Self::Embedded(embedded) => embedded.set_domain(domid, life),
            Self::Real(daemon) => daemon.set_domain(domid, life),
        }
    }
}

impl Guest {
    /// A client that acts as the domain.
    pub(crate) fn client(&self) -> Client {
        self.client_with(PATIENCE)
    }

    /// A client that acts as the domain, with its own deadline.
    pub(crate) fn client_with(&self, timeout: Duration) -> Client {
        let mut options = ClientOptions::default();
        options.timeout = timeout;
        options.transaction_timeout = timeout;
        Client::with_connector(Arc::clone(&self.connector), options).unwrap()
    }

    /// A connection that acts as the domain, message by message.
    pub(crate) fn raw(&self) -> Raw {
        Raw::new(Arc::clone(&self.connector))
    }

    /// The hypervisor's side of the domain; only with a daemon.
    pub(crate) fn real(&self) -> Option<&xenbus_harness::Guest> {
        self.real.as_ref()
    }
}

/// Streams over the ring of a domain.
pub(crate) fn ring_of(guest: &xenbus_harness::Guest) -> Arc<dyn Connector> {
    let (page, bell) = ring_parts(guest);
    let name = format!("domain {}", guest.domid());
    Arc::new(RingConnector::new(page, bell, name))
}

/// The ring page and the event channel of a domain.
pub(crate) fn ring_parts(guest: &xenbus_harness::Guest) -> (Page, Arc<dyn Doorbell>) {
    let page = Page::map(guest.page(), 0).unwrap();
    (page, Arc::new(EventChannel(guest.doorbell())))
}

#[derive(Debug)]
struct EventChannel(xenbus_harness::Doorbell);

impl Doorbell for EventChannel {
    fn ring(&self) -> io::Result<()> {
        self.0.ring()
    }

    fn wait(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.wait(deadline)
    }

    fn wake(&self) {
        self.0.wake();
    }
}
