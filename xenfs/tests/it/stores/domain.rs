//! Acting as an unprivileged domain, on a daemon over a real shared ring.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use xenbus::transport::Connector;
use xenbus::transport::ring::{Doorbell, Page, RingConnector};
use xenbus::{Client, ClientOptions, DomId};

use super::Store;
use crate::count::Count;

impl Store {
    /// Makes domain `domid` and returns a client that acts as it, whose requests are counted.
    pub(crate) fn domain(&self, domid: u32) -> (Client, Arc<Count>) {
        let connector: Arc<dyn Connector> = match self {
            Self::Embedded(server) => {
                server.create_domain(DomId(domid));
                server.introduce(DomId(domid)).unwrap();
                server.connector(DomId(domid))
            }
            Self::Real(daemon) => {
                let guest = daemon.introduce(domid);
                let page = Page::map(guest.page(), 0).unwrap();
                let bell = Arc::new(EventChannel(guest.doorbell()));
                Arc::new(RingConnector::new(page, bell, format!("domain {domid}")))
            }
        };
        let count = Arc::new(Count::default());
        let mut options = ClientOptions::default();
        options.tap = Some(Arc::clone(&count) as _);
        (Client::with_connector(connector, options).unwrap(), count)
    }
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
