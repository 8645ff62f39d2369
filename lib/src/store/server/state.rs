//! What the server's thread works on: the store, its clients' streams, its listeners.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::poller::{Poller, ReadyEvent};
use super::rings::Rings;
use crate::error::{Error, Result};
use crate::id::DomId;
use crate::store::connection::{Doom, Interest, Link, Next, Stream, next_message};
use crate::store::core::{ConnId, Core, Identity};
use crate::store::listener::{Accepted, Listener};
use crate::store::output::{Sink, Waiting};
use crate::wire::Header;

/// Bytes read at once: many requests for one system call, few enough that other clients wait briefly.
pub(super) const BUFFER: usize = 32 * 1024;

/// Tokens from here on are listeners'; below they are connections'.
const LISTENERS: u64 = 1 << 62;

/// Clients taken in a row before others are served again.
const ACCEPTS: usize = 64;

/// The state of a server.
pub(super) struct State {
    pub(super) core: Core,
    pub(super) outlet: Outlet,
    listeners: Vec<Place>,
    /// Room for the streams that are being settled.
    settling: Vec<ConnId>,
    pub(super) rings: Rings,
    pub(super) stopping: bool,
}

struct Place {
    listener: Listener,
    /// It waits for a descriptor to become free.
    stuck: bool,
}

/// The clients' streams, which take what the store sends.
pub(super) struct Outlet {
    pub(super) streams: BTreeMap<ConnId, Stream>,
    /// Streams with something to send or to end.
    dirty: Vec<ConnId>,
    /// Lines to log.
    pub(super) lines: Vec<String>,
    /// Domains that were introduced, or again, and whose rings are to be looked at.
    pub(super) introduced: Vec<DomId>,
    output_max: usize,
    /// Of all streams.
    pub(super) waiting: Waiting,
}

/// How many times as much as for one client may wait for all.
const FULL_QUEUES: usize = 16;

impl Outlet {
    /// A stream to which something is to be added.
    pub(super) fn stream(&mut self, id: ConnId) -> Option<&mut Stream> {
        let stream = self.streams.get_mut(&id)?;
        if !stream.dirty {
            stream.dirty = true;
            self.dirty.push(id);
        }
        Some(stream)
    }

    /// Ends a connection once what is possible was sent.
    pub(super) fn doom(&mut self, id: ConnId, why: Doom) {
        if let Some(stream) = self.stream(id) {
            stream.doomed.get_or_insert(why);
        }
    }

    /// Dooms a client for which too much waits.
    fn bound(&mut self, id: ConnId) {
        let max = self.output_max;
        if let Some(stream) = self.streams.get_mut(&id)
            && stream.output.unsent().len() > max
        {
            stream.flush();
            if stream.output.unsent().len() > max {
                stream.doomed.get_or_insert(Doom::NotReading);
            }
        }
        while self.waiting.bytes() > max.saturating_mul(FULL_QUEUES) && self.doom_longest() {}
    }

    /// Dooms the client for which the most waits, and forgets it.
    fn doom_longest(&mut self) -> bool {
        let waiting = |stream: &Stream| stream.output.unsent().len();
        let longest = self.streams.iter().max_by_key(|(_, s)| waiting(s));
        let Some((id, _)) = longest.filter(|(_, s)| waiting(s) > 0) else {
            return false;
        };
        let id = *id;
        if let Some(stream) = self.stream(id) {
            stream.doomed.get_or_insert(Doom::NotReading);
            stream.output.clear();
        }
        true
    }
}

impl Sink for Outlet {
    fn reply(&mut self, to: ConnId, header: Header, payload: &[u8]) {
        if let Some(stream) = self.stream(to) {
            stream.output.push_reply(header, payload);
        }
        if self.waiting.bytes() > self.output_max {
            self.bound(to);
        }
    }

    fn event(&mut self, to: ConnId, path: &[u8], token: &[u8], mergeable: bool) {
        if let Some(stream) = self.stream(to)
            && stream.doomed.is_none()
        {
            stream.output.push_event(path, token, mergeable);
        }
        if self.waiting.bytes() > self.output_max {
            self.bound(to);
        }
    }

    fn close(&mut self, connection: ConnId) {
        self.doom(connection, Doom::Released);
    }

    fn introduced(&mut self, domid: DomId) {
        self.introduced.push(domid);
    }

    fn log(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }
}

impl State {
    pub(super) fn new(core: Core, output_max: usize) -> Self {
        Self {
            core,
            outlet: Outlet {
                streams: BTreeMap::new(),
                dirty: Vec::new(),
                lines: Vec::new(),
                introduced: Vec::new(),
                output_max,
                waiting: Waiting::default(),
            },
            listeners: Vec::new(),
            settling: Vec::new(),
            rings: Rings::default(),
            stopping: false,
        }
    }

    /// Starts to serve a socket.
    pub(super) fn listen(&mut self, path: &Path, poller: &Poller) -> Result<()> {
        let listener = Listener::bind(path)?;
        let token = LISTENERS + self.listeners.len() as u64;
        poller
            .add(&listener.socket, token, READ)
            .map_err(|error| Error::io("serve a socket", error))?;
        self.listeners.push(Place {
            listener,
            stuck: false,
        });
        Ok(())
    }

    /// Opens a memory connection; `None` if the domain is not introduced.
    pub(super) fn open(
        &mut self,
        identity: Identity,
        poller: &Poller,
    ) -> io::Result<Option<UnixStream>> {
        let (server, client) = UnixStream::pair()?;
        server.set_nonblocking(true)?;
        let Some(id) = self.core.connect(identity) else {
            return Ok(None);
        };
        let link = Link::Socket(server.into());
        let stream = Stream::new(link, &self.outlet.waiting);
        self.add(id, stream, poller)?;
        Ok(Some(client))
    }

    pub(super) fn add(&mut self, id: ConnId, stream: Stream, poller: &Poller) -> io::Result<()> {
        if let Err(error) = poller.add(stream.descriptor(), id.0, stream.interest) {
            self.core.disconnect(id);
            return Err(error);
        }
        self.outlet.streams.insert(id, stream);
        Ok(())
    }

    /// Does what a descriptor is ready for.
    pub(super) fn serve(&mut self, event: ReadyEvent, buffer: &mut [u8], poller: &Poller) {
        if event.token >= LISTENERS {
            let index = usize::try_from(event.token - LISTENERS).unwrap_or(usize::MAX);
            self.accept(index, poller);
            return;
        }
        let id = ConnId(event.token);
        if self.rings.is_served(id) {
            self.heard(id);
            return;
        }
        if event.write {
            // Settling flushes it.
            self.outlet.stream(id);
        }
        if event.read {
            self.read(id, buffer);
        }
    }

    /// Takes clients of a listener.
    fn accept(&mut self, index: usize, poller: &Poller) {
        for _ in 0..ACCEPTS {
            let Some(place) = self.listeners.get_mut(index) else {
                return;
            };
            match place.listener.accept() {
                Accepted::Client(client) => {
                    let stream = Stream::new(Link::Socket(client), &self.outlet.waiting);
                    if let Some(id) = self.core.connect(Identity::Socket)
                        && let Err(error) = self.add(id, stream, poller)
                    {
                        self.outlet
                            .lines
                            .push(format!("a client was refused: {error}"));
                    }
                }
                Accepted::Nobody => return,
                Accepted::Refused(line) => self.outlet.lines.extend(line),
                Accepted::Stuck(line) => {
                    self.outlet.lines.extend(line);
                    place.stuck = true;
                    // Not looked at again until a client has gone; if even this fails it is looked at again at once.
                    drop(poller.modify(&place.listener.socket, LISTENERS + index as u64, NOTHING));
                    return;
                }
            }
        }
    }

    /// Reads once from a client and carries out its requests.
    fn read(&mut self, id: ConnId, buffer: &mut [u8]) {
        let Some(stream) = self.outlet.streams.get_mut(&id) else {
            return;
        };
        if stream.is_throttled() {
            return;
        }
        match stream.receive(buffer) {
            Ok(0) => {}
            Err(why) => self.outlet.doom(id, why),
            Ok(count) => self.take_in(id, &buffer[..count]),
        }
    }

    /// Takes bytes of a client, after those that are kept from before.
    pub(super) fn take_in(&mut self, id: ConnId, bytes: &[u8]) {
        let Some(stream) = self.outlet.streams.get_mut(&id) else {
            return;
        };
        let mut kept = stream.take_input();
        if kept.is_empty() {
            self.carry_out(id, bytes);
        } else {
            kept.extend_from_slice(bytes);
            self.carry_out(id, &kept);
        }
    }

    /// Carries out the requests in a client's bytes, as long as it takes the answers, and keeps the rest.
    fn carry_out(&mut self, id: ConnId, mut bytes: &[u8]) {
        loop {
            let Some(stream) = self.outlet.streams.get_mut(&id) else {
                return;
            };
            if stream.doomed.is_some() {
                return;
            }
            if stream.is_throttled() {
                stream.flush();
                if stream.is_throttled() {
                    break;
                }
            }
            match next_message(bytes) {
                Next::Message(header, payload, rest) => {
                    self.core.handle(id, header, payload, &mut self.outlet);
                    bytes = rest;
                }
                Next::Partial => break,
                Next::Oversize(len) => {
                    self.outlet.doom(id, Doom::Oversize(len));
                    return;
                }
            }
        }
        if let Some(stream) = self.outlet.streams.get_mut(&id) {
            stream.keep(bytes);
        }
    }

    /// Sends what waits, goes on with requests that waited for that, ends connections that are done.
    pub(super) fn settle(&mut self, poller: &Poller) {
        self.serve_rings(poller);
        let mut turn = std::mem::take(&mut self.settling);
        while !self.outlet.dirty.is_empty() {
            std::mem::swap(&mut turn, &mut self.outlet.dirty);
            // Whoever has waited longest comes first: a client takes what it got while the next one's is sent.
            for id in turn.drain(..) {
                self.settle_one(id, poller);
            }
        }
        self.settling = turn;
    }

    fn settle_one(&mut self, id: ConnId, poller: &Poller) {
        let Some(stream) = self.outlet.streams.get_mut(&id) else {
            return;
        };
        stream.dirty = false;
        stream.flush();
        if stream.doomed.is_none() && !stream.is_throttled() && stream.has_request() {
            let kept = stream.take_input();
            self.carry_out(id, &kept);
            self.outlet.stream(id);
            return;
        }
        stream.tell();
        if let Some(why) = stream.doomed {
            self.end(id, why, poller);
            return;
        }
        let wanted = stream.wanted();
        if wanted != stream.interest {
            stream.interest = wanted;
            if poller.modify(stream.descriptor(), id.0, wanted).is_err() {
                self.end(id, Doom::Gone, poller);
            }
        }
    }

    pub(super) fn end(&mut self, id: ConnId, why: Doom, poller: &Poller) {
        self.core.disconnect(id);
        let stream = self.outlet.streams.remove(&id);
        if let Some(domid) = self.rings.ended(id)
            && let Some(stream) = stream
        {
            self.end_ring(domid, stream, why, poller);
            return;
        }
        match why {
            // A ring's only.
            Doom::Gone | Doom::Released | Doom::Broken(_) => {}
            Doom::Oversize(len) => self.outlet.lines.push(format!(
                "connection {} ended: it announced {len} bytes, the limit is 4096",
                id.0
            )),
            Doom::NotReading => self.outlet.lines.push(format!(
                "connection {} ended: it does not read, and too much waits for it",
                id.0
            )),
        }
        for (index, place) in self.listeners.iter_mut().enumerate() {
            if std::mem::take(&mut place.stuck) {
                let token = LISTENERS + index as u64;
                if let Err(error) = poller.modify(&place.listener.socket, token, READ) {
                    self.outlet.lines.push(format!("a socket is lost: {error}"));
                }
            }
        }
    }

    /// Ends everything.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        self.listeners.clear();
        for (id, mut stream) in std::mem::take(&mut self.outlet.streams) {
            stream.flush();
            self.core.disconnect(id);
        }
    }
}

const READ: Interest = Interest {
    read: true,
    write: false,
};

const NOTHING: Interest = Interest {
    read: false,
    write: false,
};
