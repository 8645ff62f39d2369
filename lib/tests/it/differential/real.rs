//! A daemon as a side.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use xenbus::id::{ReqId, TxId};
use xenbus::transport::ring::{Doorbell, Page, Ring};
use xenbus::transport::socket::Socket;
use xenbus::transport::{Ready, Transport};
use xenbus::wire::{HEADER_SIZE, Header, Op};
use xenbus_harness::{Daemon, DomainState, Guest, Kind};

use super::side::{Observation, REQUEST, Seen, Side, cut, frame};
use super::step::{Conn, Life};

/// How long a daemon may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Real {
    daemon: Daemon,
    streams: BTreeMap<Conn, Stream>,
    guests: BTreeMap<u32, Guest>,
    sockets: u8,
    tx: u32,
    /// Connection whose answer is awaited.
    asked: Option<Conn>,
    barriers: u32,
}

struct Stream {
    transport: Box<dyn Transport>,
    bytes: Vec<u8>,
    ended: bool,
}

impl Real {
    pub(super) fn start(kind: Kind, sockets: u8) -> Self {
        let mut this = Self {
            daemon: Daemon::start(kind),
            streams: BTreeMap::new(),
            guests: BTreeMap::new(),
            sockets,
            tx: 0,
            asked: None,
            barriers: 0,
        };
        this.connect_all();
        this
    }

    /// A fresh store in the same place.
    pub(super) fn restart(&mut self) {
        self.streams.clear();
        for domid in std::mem::take(&mut self.guests).into_keys() {
            self.daemon.set_domain(domid, DomainState::Gone);
        }
        self.asked = None;
        self.daemon.kill();
        self.daemon.restart();
        self.connect_all();
    }

    /// Whether the daemon has died. It closes one connection on its own, never several at once: then it is dying, and
    /// its listener may be there a moment longer.
    pub(super) fn is_dead(&self, certainly: bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let refused = UnixStream::connect(self.daemon.socket()).is_err();
            if refused || !certainly || Instant::now() > deadline {
                return refused;
            }
            std::thread::yield_now();
        }
    }

    fn connect_all(&mut self) {
        for number in 0..self.sockets {
            self.connect(Conn::Socket(number));
        }
    }

    fn connect(&mut self, conn: Conn) {
        let stream = UnixStream::connect(self.daemon.socket()).unwrap();
        self.insert(conn, Socket::new(stream));
    }

    fn insert(&mut self, conn: Conn, transport: impl Transport + 'static) {
        let stream = Stream {
            transport: Box::new(transport),
            bytes: Vec::new(),
            ended: false,
        };
        self.streams.insert(conn, stream);
    }

    /// One request on every connection, and all that comes before its answer. Afterwards everything that earlier
    /// requests have caused has arrived, for a daemon does one thing after the other.
    fn barrier(&mut self, all: &mut Observation) {
        self.barriers += 1;
        let number = ReqId(0x4000_0000 | self.barriers);
        let message = message(Op::GET_DOMAIN_PATH, number, 0, b"0\0");
        for stream in self.streams.values_mut() {
            stream.send(&message);
        }
        for (conn, stream) in &mut self.streams {
            let seen = all.entry(*conn).or_default();
            stream.receive_until(number, self.tx, seen);
        }
    }
}

impl Side for Real {
    fn has(&self, conn: Conn) -> bool {
        self.streams.contains_key(&conn)
    }

    fn reconnect(&mut self, conn: Conn) {
        self.streams.remove(&conn);
        self.connect(conn);
        // It may take the daemon a round to see that the old one has gone.
        for _ in 0..2 {
            self.barrier(&mut Observation::new());
        }
    }

    fn send(&mut self, conn: Conn, tx: u32, op: Op, payload: &[u8]) {
        self.tx = tx;
        self.asked = Some(conn);
        let message = message(op, REQUEST, tx, payload);
        self.streams.get_mut(&conn).unwrap().send(&message);
    }

    fn life(&mut self, domid: u32, life: Life) {
        let state = match life {
            Life::Running if !self.guests.contains_key(&domid) => {
                let guest = self.daemon.create(domid);
                self.guests.insert(domid, guest);
                return;
            }
            Life::Running => DomainState::Running,
            Life::Shutdown => DomainState::ShutDown,
            Life::Dying => DomainState::Dying,
            Life::Gone => DomainState::Gone,
        };
        if matches!(life, Life::Dying | Life::Gone) {
            self.streams.remove(&Conn::Domain(domid));
        }
        if life == Life::Gone {
            self.guests.remove(&domid);
        }
        self.daemon.set_domain(domid, state);
    }

    fn attach(&mut self, domid: u32, introduced: bool) {
        let conn = Conn::Domain(domid);
        if !introduced {
            self.streams.remove(&conn);
            return;
        }
        // oxenstored leaves the ring of a domain that it knows as it is; C starts it anew.
        if self.daemon.kind() == Kind::OCaml && self.has(conn) {
            return;
        }
        let guest = &self.guests[&domid];
        let page = Page::map(guest.page(), 0).unwrap();
        let bell = Arc::new(Bell(guest.doorbell()));
        let deadline = Some(Instant::now() + PATIENCE);
        let ring = Ring::open(page, bell, deadline).unwrap();
        self.insert(conn, ring);
    }

    fn answer(&mut self) -> Observation {
        let mut all = Observation::new();
        if let Some(conn) = self.asked
            && let Some(stream) = self.streams.get_mut(&conn)
        {
            stream.receive_until(REQUEST, self.tx, all.entry(conn).or_default());
            if stream.ended {
                self.streams.remove(&conn);
            }
        }
        all
    }

    fn settle(&mut self, all: &mut Observation) {
        // Events from the hypervisor travel beside the connections, one for each round of the daemon.
        let rounds = if self.asked.take().is_some() { 1 } else { 24 };
        for _ in 0..rounds {
            self.barrier(all);
        }
        all.retain(|_, seen| *seen != Seen::default());
    }
}

impl Stream {
    fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.ended {
            match self.transport.try_write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let wanted = Ready {
                        read: false,
                        write: true,
                    };
                    let deadline = Instant::now() + PATIENCE;
                    self.transport.wait(wanted, Some(deadline)).unwrap();
                }
                Err(_) => self.ended = true,
            }
        }
    }

    /// Receives up to the answer to request `number`; an answer to a step's request is kept, a barrier's is not.
    fn receive_until(&mut self, number: ReqId, tx: u32, seen: &mut Seen) {
        loop {
            while let Some((header, payload)) = cut(&mut self.bytes) {
                let reply = header.op != Op::WATCH_EVENT;
                let awaited = reply && header.req_id == number;
                if !(awaited && number != REQUEST) {
                    seen.frames.push(frame(header, payload, tx));
                }
                if awaited {
                    return;
                }
            }
            if self.ended {
                seen.closed = true;
                return;
            }
            let mut buffer = [0; 16 * 1024];
            let deadline = Instant::now() + PATIENCE;
            match self.transport.read(&mut buffer, Some(deadline)) {
                Ok(0) => self.ended = true,
                Ok(count) => self.bytes.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    seen.silent = true;
                    return;
                }
                Err(_) => self.ended = true,
            }
        }
    }
}

fn message(op: Op, req_id: ReqId, tx: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        op,
        req_id,
        tx_id: TxId(tx),
        len: u32::try_from(payload.len()).unwrap(),
    };
    let mut bytes = Vec::with_capacity(HEADER_SIZE + payload.len());
    bytes.extend_from_slice(&header.to_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

#[derive(Debug)]
struct Bell(xenbus_harness::Doorbell);

impl Doorbell for Bell {
    fn ring(&self) -> io::Result<()> {
        self.0.ring()
    }

    fn wait(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.wait(deadline)
    }

    // Nobody else waits: the ring is used by one thread.
    fn wake(&self) {}
}
