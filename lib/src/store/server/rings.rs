//! The rings of domains, as the server's thread serves them.

use std::collections::BTreeMap;
use std::io;

use super::poller::Poller;
use super::ring::{Grant, RingEnd};
use super::state::State;
use crate::id::DomId;
use crate::store::connection::{Doom, Link, Stream};
use crate::store::core::{ConnId, Identity};
use crate::transport::ring::RING_SIZE;

/// How often a ring is read in a row before others are served.
const TURNS: usize = 64;

/// The rings that were granted, and which connections they are.
#[derive(Debug, Default)]
pub(super) struct Rings {
    grants: BTreeMap<DomId, Grant>,
    served: BTreeMap<ConnId, DomId>,
    /// Rings with more requests than one turn takes.
    unfinished: Vec<ConnId>,
}

impl Rings {
    pub(super) fn is_served(&self, id: ConnId) -> bool {
        self.served.contains_key(&id)
    }

    /// Takes note that a connection has ended; whose ring it was.
    pub(super) fn ended(&mut self, id: ConnId) -> Option<DomId> {
        self.served.remove(&id)
    }
}

impl State {
    /// Keeps what a domain granted, and serves it if the domain is introduced.
    pub(super) fn grant(&mut self, domid: DomId, grant: Grant, poller: &Poller) -> io::Result<()> {
        self.give_back(domid, poller);
        self.rings.grants.insert(domid, grant);
        self.attach(domid, poller)
    }

    /// What a domain granted is gone with it. A ring that is still served ends with its connection.
    pub(super) fn forget_grant(&mut self, domid: DomId) {
        if self.core.life(domid).is_none() {
            self.rings.grants.remove(&domid);
        }
    }

    /// Whether there is something to do without waiting.
    pub(super) fn has_more(&self) -> bool {
        !self.rings.unfinished.is_empty()
    }

    /// Takes up the rings of domains that were introduced, and goes on with those that were not finished.
    pub(super) fn serve_rings(&mut self, poller: &Poller) {
        for domid in std::mem::take(&mut self.outlet.introduced) {
            if self.core.ring_terms(domid).is_some_and(|t| !t.starts_empty) && self.is_up(domid) {
                // It goes on as it was.
                continue;
            }
            self.give_back(domid, poller);
            if let Err(error) = self.attach(domid, poller) {
                let line = format!("the ring of domain {domid} cannot be served: {error}");
                self.outlet.lines.push(line);
            }
        }
        for id in std::mem::take(&mut self.rings.unfinished) {
            self.exchange(id);
        }
    }

    fn is_up(&self, domid: DomId) -> bool {
        self.rings.served.values().any(|served| *served == domid)
    }

    /// Serves the ring of a domain, if it has one and is introduced.
    fn attach(&mut self, domid: DomId, poller: &Poller) -> io::Result<()> {
        let (Some(grant), Some(terms)) =
            (self.rings.grants.get(&domid), self.core.ring_terms(domid))
        else {
            return Ok(());
        };
        let ring = RingEnd::attach(grant.clone(), terms);
        let Some(id) = self.core.connect(Identity::Domain(domid)) else {
            return Ok(());
        };
        let stream = Stream::new(Link::Ring(Box::new(ring)), &self.outlet.waiting);
        self.add(id, stream, poller)?;
        self.rings.served.insert(id, domid);
        // It may have waited for this.
        self.exchange(id);
        Ok(())
    }

    /// Serves the ring of a domain no longer, whatever its state.
    fn give_back(&mut self, domid: DomId, poller: &Poller) {
        let of: Vec<ConnId> = self
            .rings
            .served
            .iter()
            .filter(|(_, served)| **served == domid)
            .map(|(id, _)| *id)
            .collect();
        for id in of {
            self.end(id, Doom::Released, poller);
        }
    }

    /// A domain has notified.
    pub(super) fn heard(&mut self, id: ConnId) {
        let Some(stream) = self.outlet.stream(id) else {
            return;
        };
        let Link::Ring(ring) = &stream.link else {
            return;
        };
        // Before looking: what comes later notifies again.
        if ring.channel().clear().is_err() {
            self.outlet.doom(id, Doom::Gone);
            return;
        }
        if stream.reconnects() {
            self.core.reset(id);
        }
        self.exchange(id);
    }

    /// Moves bytes in both directions, for a while.
    fn exchange(&mut self, id: ConnId) {
        let mut buffer = [0; RING_SIZE];
        for _ in 0..TURNS {
            let Some(stream) = self.outlet.stream(id) else {
                return;
            };
            stream.flush();
            if stream.doomed.is_some() || stream.is_throttled() {
                return;
            }
            match stream.receive(&mut buffer) {
                Ok(0) => return,
                Ok(count) => self.take_in(id, &buffer[..count]),
                Err(why) => return self.outlet.doom(id, why),
            }
        }
        self.rings.unfinished.push(id);
    }

    /// A ring is served no longer.
    pub(super) fn end_ring(&mut self, domid: DomId, stream: Stream, why: Doom, poller: &Poller) {
        // The domain's descriptor lives on, so it would be looked at for ever.
        drop(poller.remove(stream.descriptor()));
        let (Link::Ring(mut ring), Some(word)) = (stream.link, why.error_word()) else {
            return;
        };
        ring.give_up(word);
        let reason = match why {
            Doom::Oversize(len) => format!("it announced {len} bytes, the limit is 4096"),
            Doom::Broken(broken) => broken.to_string(),
            Doom::NotReading => "it does not read, and too much waits for it".into(),
            Doom::Gone | Doom::Released => "its event channel is lost".into(),
        };
        let line = format!("domain {domid} is ignored until it is introduced again: {reason}");
        self.outlet.lines.push(line);
    }
}
