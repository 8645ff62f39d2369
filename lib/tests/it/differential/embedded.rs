//! The embedded store as a side: its state machine, without threads or sockets.

use std::collections::BTreeMap;

use xenbus::id::{DomId, TxId};
use xenbus::store::core::{ConnId, Core, Identity};
use xenbus::store::output::{Output, Sink};
use xenbus::store::{Personality, StoreOptions};
use xenbus::wire::{Header, Op, PAYLOAD_MAX};

use super::side::{Observation, REQUEST, Side, cut, frame};
use super::step::{Conn, Life};

pub(super) struct Embedded {
    core: Core,
    conns: BTreeMap<Conn, ConnId>,
    outbox: Outbox,
    tx: u32,
    closed: Vec<Conn>,
}

/// Queues as the listeners have them, so that equal events merge as they do there.
#[derive(Default)]
struct Outbox {
    queues: BTreeMap<ConnId, Output>,
    closed: Vec<ConnId>,
}

impl Sink for Outbox {
    fn reply(&mut self, to: ConnId, header: Header, payload: &[u8]) {
        self.queues
            .entry(to)
            .or_default()
            .push_reply(header, payload);
    }

    fn event(&mut self, to: ConnId, path: &[u8], token: &[u8], mergeable: bool) {
        let queue = self.queues.entry(to).or_default();
        queue.push_event(path, token, mergeable);
    }

    fn close(&mut self, connection: ConnId) {
        self.closed.push(connection);
    }

    // The steps themselves say when a domain connects.
    fn introduced(&mut self, _domid: DomId) {}

    fn log(&mut self, _line: &str) {}
}

impl Embedded {
    pub(super) fn new(personality: Personality, sockets: u8) -> Self {
        let mut this = Self {
            core: Core::new(&StoreOptions::of(personality)),
            conns: BTreeMap::new(),
            outbox: Outbox::default(),
            tx: 0,
            closed: Vec::new(),
        };
        for number in 0..sockets {
            this.connect(Conn::Socket(number));
        }
        this
    }

    fn connect(&mut self, conn: Conn) {
        let identity = match conn {
            Conn::Socket(_) => Identity::Socket,
            Conn::Domain(domid) => Identity::Domain(DomId(domid)),
        };
        if let Some(id) = self.core.connect(identity) {
            self.conns.insert(conn, id);
        }
    }

    fn disconnect(&mut self, conn: Conn) {
        if let Some(id) = self.conns.remove(&conn) {
            self.core.disconnect(id);
            self.outbox.queues.remove(&id);
        }
    }
}

impl Side for Embedded {
    fn has(&self, conn: Conn) -> bool {
        self.conns.contains_key(&conn)
    }

    fn reconnect(&mut self, conn: Conn) {
        self.disconnect(conn);
        self.connect(conn);
    }

    fn send(&mut self, conn: Conn, tx: u32, op: Op, payload: &[u8]) {
        if payload.len() > PAYLOAD_MAX {
            // The listeners never let it through to the state machine.
            self.disconnect(conn);
            self.closed.push(conn);
            return;
        }
        self.tx = tx;
        let header = Header {
            op,
            req_id: REQUEST,
            tx_id: TxId(tx),
            len: u32::try_from(payload.len()).unwrap(),
        };
        self.core
            .handle(self.conns[&conn], header, payload, &mut self.outbox);
    }

    fn life(&mut self, domid: u32, life: Life) {
        let domid = DomId(domid);
        match life {
            Life::Running if self.core.life(domid).is_none() => self.core.create_domain(domid),
            Life::Running => self.core.run_domain(domid),
            Life::Shutdown => self.core.shutdown_domain(domid, &mut self.outbox),
            Life::Dying | Life::Gone => self.core.destroy_domain(domid, &mut self.outbox),
        }
        if matches!(life, Life::Running) {
            // The daemon is told to look whenever something changes.
            self.core.check_domains(&mut self.outbox);
        }
    }

    fn attach(&mut self, domid: u32, introduced: bool) {
        let conn = Conn::Domain(domid);
        if introduced && !self.has(conn) {
            self.connect(conn);
        }
    }

    fn answer(&mut self) -> Observation {
        Observation::new()
    }

    fn settle(&mut self, all: &mut Observation) {
        for id in std::mem::take(&mut self.outbox.closed) {
            self.conns.retain(|_, conn| *conn != id);
            self.outbox.queues.remove(&id);
        }
        for (conn, id) in &self.conns {
            let Some(queue) = self.outbox.queues.get_mut(id) else {
                continue;
            };
            let mut bytes = queue.unsent().to_vec();
            queue.advance(bytes.len());
            let mut frames = Vec::new();
            while let Some((header, payload)) = cut(&mut bytes) {
                frames.push(frame(header, payload, self.tx));
            }
            assert!(bytes.is_empty(), "half a message");
            if !frames.is_empty() {
                all.entry(*conn).or_default().frames = frames;
            }
        }
        for conn in std::mem::take(&mut self.closed) {
            all.entry(conn).or_default().closed = true;
        }
    }

    fn faults(&self) -> Vec<String> {
        self.core.check_store()
    }
}
