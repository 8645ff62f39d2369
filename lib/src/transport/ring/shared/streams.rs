//! Who asked what: the book-keeping of the streams over one ring, without I/O.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;

use crate::id::{ReqId, TxId};
use crate::transport::Ready;
use crate::wire::{Errno, HEADER_SIZE, Header, Op, PAYLOAD_MAX, REPLY_MAX, strings};

/// Bytes that may wait for room in the ring; more, and writers wait.
const OUTGOING_MAX: usize = 64 * 1024;

/// Bytes that may wait for a stream that does not read; more, and the stream is ended.
const UNREAD_MAX: usize = 8 * REPLY_MAX;

/// Number of a stream, never used again.
pub(super) type StreamId = u32;

/// Every stream of a ring.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: HashMap<StreamId, Stream>,
    last_stream: StreamId,
    asked: HashMap<ReqId, Asked>,
    last_request: u32,
    /// On the way into the ring.
    outgoing: VecDeque<u8>,
    /// The beginning of a message from the ring.
    incoming: Vec<u8>,
    /// Why the ring was given up.
    lost: Option<(io::ErrorKind, String)>,
}

#[derive(Debug, Default)]
struct Stream {
    /// The beginning of a request.
    request: Vec<u8>,
    /// Replies and events not read yet.
    unread: VecDeque<u8>,
    /// Watches, as path and the stream's own token.
    watches: HashSet<(Vec<u8>, Vec<u8>)>,
    transactions: HashSet<TxId>,
}

/// A request whose answer is under way.
#[derive(Debug)]
struct Asked {
    stream: StreamId,
    /// The stream's own number for it.
    req_id: ReqId,
    what: What,
}

#[derive(Debug)]
enum What {
    Watch(Vec<u8>, Vec<u8>),
    Unwatch(Vec<u8>, Vec<u8>),
    TransactionStart,
    TransactionEnd(TxId),
    /// Nothing to remember.
    Other,
}

impl Streams {
    pub(super) fn open(&mut self) -> StreamId {
        self.last_stream = self.last_stream.wrapping_add(1);
        self.open.insert(self.last_stream, Stream::default());
        self.last_stream
    }

    /// Ends a stream; what it holds in the store is given back.
    pub(super) fn close(&mut self, id: StreamId) {
        if let Some(stream) = self.open.remove(&id) {
            self.give_back(id, stream.watches, stream.transactions);
        }
    }

    pub(super) fn lose(&mut self, error: &io::Error) {
        self.lost
            .get_or_insert_with(|| (error.kind(), error.to_string()));
        self.asked.clear();
        self.outgoing.clear();
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Bytes for the ring, as far as they lie in one piece.
    pub(super) fn outgoing(&self) -> &[u8] {
        self.outgoing.as_slices().0
    }

    pub(super) fn sent(&mut self, count: usize) {
        self.outgoing.drain(..count);
    }

    pub(super) fn ready(&self, id: StreamId) -> Ready {
        let stream = self.open.get(&id).filter(|_| !self.is_lost());
        Ready {
            read: stream.is_none_or(|stream| !stream.unread.is_empty()),
            write: stream.is_none() || self.outgoing.len() < OUTGOING_MAX,
        }
    }

    /// Takes what is there for a stream; nothing is there yet if `None`.
    pub(super) fn read(&mut self, id: StreamId, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(stream) = self.open.get_mut(&id) else {
            return Ok(Some(0));
        };
        let count = stream.unread.len().min(buffer.len());
        if count > 0 || buffer.is_empty() {
            for (place, byte) in buffer.iter_mut().zip(stream.unread.drain(..count)) {
                *place = byte;
            }
            return Ok(Some(count));
        }
        self.check()?;
        Ok(None)
    }

    /// Takes bytes of a stream's requests.
    pub(super) fn write(&mut self, id: StreamId, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        if self.outgoing.len() >= OUTGOING_MAX {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let count = bytes.len().min(OUTGOING_MAX);
        let stream = self.open.get_mut(&id).ok_or_else(gone)?;
        stream.request.extend_from_slice(&bytes[..count]);
        let mut requests = std::mem::take(&mut stream.request);
        let mut done = 0;
        while let Some((header, message)) = first_message(&requests[done..]) {
            if header.len as usize > PAYLOAD_MAX {
                // What a daemon does as well.
                self.close(id);
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a request with more than 4096 bytes",
                ));
            }
            let Some(payload) = message else { break };
            done += HEADER_SIZE + payload.len();
            self.ask(id, header, payload);
        }
        requests.drain(..done);
        self.open.get_mut(&id).ok_or_else(gone)?.request = requests;
        Ok(count)
    }

    /// Takes bytes from the ring.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.incoming.extend_from_slice(bytes);
        let messages = std::mem::take(&mut self.incoming);
        let mut done = 0;
        while let Some((header, message)) = first_message(&messages[done..]) {
            if header.len as usize > REPLY_MAX {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("the store announces a message of {} bytes", header.len),
                ));
            }
            let Some(payload) = message else { break };
            done += HEADER_SIZE + payload.len();
            if header.op == Op::WATCH_EVENT {
                self.event(header, payload);
            } else {
                self.answer(header, payload);
            }
        }
        self.incoming = messages[done..].to_vec();
        Ok(())
    }

    /// Passes a request on, under a number and a token that lead back to the stream.
    fn ask(&mut self, id: StreamId, header: Header, payload: &[u8]) {
        let what = match header.op {
            Op::RESET_WATCHES => return self.reset(id, header),
            Op::TRANSACTION_START => What::TransactionStart,
            Op::TRANSACTION_END => What::TransactionEnd(header.tx_id),
            Op::WATCH | Op::UNWATCH => match watch_strings(payload) {
                Some((path, token)) if header.op == Op::WATCH => What::Watch(path, token),
                Some((path, token)) => What::Unwatch(path, token),
                // The store will say what it thinks of it.
                None => What::Other,
            },
            _ => What::Other,
        };
        let marked = match &what {
            What::Watch(path, token) | What::Unwatch(path, token) => {
                let rest = &payload[path.len() + 1 + token.len() + 1..];
                [&marked_watch(id, path, token)[..], rest].concat()
            }
            _ => payload.to_vec(),
        };
        if marked.len() > PAYLOAD_MAX {
            let error = Errno::E2BIG.to_wire();
            return self.deliver(
                id,
                Header {
                    op: Op::ERROR,
                    ..header
                },
                &error,
            );
        }
        let asked = Asked {
            stream: id,
            req_id: header.req_id,
            what,
        };
        self.send(header, &marked, asked);
    }

    /// RESET_WATCHES for one stream: the others keep theirs.
    fn reset(&mut self, id: StreamId, header: Header) {
        if let Some(stream) = self.open.get_mut(&id) {
            let watches = std::mem::take(&mut stream.watches);
            let transactions = std::mem::take(&mut stream.transactions);
            self.give_back(id, watches, transactions);
            self.deliver(id, header, b"OK\0");
        }
    }

    fn give_back(
        &mut self,
        id: StreamId,
        watches: HashSet<(Vec<u8>, Vec<u8>)>,
        transactions: HashSet<TxId>,
    ) {
        for (path, token) in watches {
            self.ask_for_ourselves(
                id,
                Op::UNWATCH,
                TxId::NONE,
                &marked_watch(id, &path, &token),
            );
        }
        for transaction in transactions {
            self.ask_for_ourselves(id, Op::TRANSACTION_END, transaction, b"F\0");
        }
    }

    /// A request whose answer nobody waits for.
    fn ask_for_ourselves(&mut self, id: StreamId, op: Op, tx_id: TxId, payload: &[u8]) {
        let header = Header {
            op,
            req_id: ReqId(0),
            tx_id,
            len: 0,
        };
        // Streams begin at 1.
        let nobody = Asked {
            stream: 0,
            req_id: ReqId(id),
            what: What::Other,
        };
        self.send(header, payload, nobody);
    }

    fn send(&mut self, header: Header, payload: &[u8], asked: Asked) {
        if self.is_lost() {
            return;
        }
        loop {
            self.last_request = self.last_request.wrapping_add(1);
            if self.last_request != 0 && !self.asked.contains_key(&ReqId(self.last_request)) {
                break;
            }
        }
        let req_id = ReqId(self.last_request);
        self.asked.insert(req_id, asked);
        // At most PAYLOAD_MAX, so never cut.
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.outgoing.extend(
            Header {
                req_id,
                len,
                ..header
            }
            .to_bytes(),
        );
        self.outgoing.extend(payload);
    }

    fn answer(&mut self, header: Header, payload: &[u8]) {
        // Answers to nothing are not ours to judge: the stream stays in step.
        let Some(asked) = self.asked.remove(&header.req_id) else {
            return;
        };
        let good = header.op != Op::ERROR;
        match self.open.get_mut(&asked.stream) {
            Some(stream) => stream.remember(asked.what, good, payload),
            None if good => self.take_back(asked.stream, asked.what, payload),
            None => {}
        }
        let header = Header {
            req_id: asked.req_id,
            ..header
        };
        self.deliver(asked.stream, header, payload);
    }

    /// Something that a stream got after it was closed.
    fn take_back(&mut self, id: StreamId, what: What, payload: &[u8]) {
        match what {
            What::Watch(path, token) => {
                self.give_back(id, HashSet::from([(path, token)]), HashSet::new());
            }
            What::TransactionStart => {
                self.give_back(
                    id,
                    HashSet::new(),
                    transaction(payload).into_iter().collect(),
                );
            }
            _ => {}
        }
    }

    fn event(&mut self, header: Header, payload: &[u8]) {
        let Some((path, token)) = watch_strings(payload) else {
            return;
        };
        let mut parts = token.splitn(2, |byte| *byte == b':');
        let id = parts
            .next()
            .and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
        if let (Some(id), Some(token)) = (id, parts.next()) {
            self.deliver(id, header, &[&path[..], b"\0", token, b"\0"].concat());
        }
    }

    fn deliver(&mut self, id: StreamId, header: Header, payload: &[u8]) {
        let Some(stream) = self.open.get_mut(&id) else {
            return;
        };
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        stream.unread.extend(Header { len, ..header }.to_bytes());
        stream.unread.extend(payload);
        if stream.unread.len() > UNREAD_MAX {
            self.close(id);
        }
    }

    fn check(&self) -> io::Result<()> {
        match &self.lost {
            Some((kind, reason)) => Err(io::Error::new(*kind, reason.clone())),
            None => Ok(()),
        }
    }
}

impl Stream {
    /// Keeps in mind what has to be given back when the stream ends.
    fn remember(&mut self, what: What, good: bool, payload: &[u8]) {
        match what {
            What::Watch(path, token) if good => {
                self.watches.insert((path, token));
            }
            What::Unwatch(path, token) if good => {
                self.watches.remove(&(path, token));
            }
            What::TransactionStart if good => self.transactions.extend(transaction(payload)),
            // Any answer but EINVAL has ended it.
            What::TransactionEnd(id) if good || Errno::from_wire(payload) != Errno::EINVAL => {
                self.transactions.remove(&id);
            }
            _ => {}
        }
    }
}

/// The header of the first message, and its payload if all of it is there.
fn first_message(bytes: &[u8]) -> Option<(Header, Option<&[u8]>)> {
    let header = Header::from_bytes(bytes.first_chunk()?);
    let end = HEADER_SIZE.checked_add(header.len as usize)?;
    Some((header, bytes.get(HEADER_SIZE..end)))
}

/// Path and token of a WATCH, an UNWATCH or an event.
fn watch_strings(payload: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut strings = strings(payload)?;
    Some((strings.next()?.to_vec(), strings.next()?.to_vec()))
}

/// `path|token|` with the stream's number in front of the token.
fn marked_watch(id: StreamId, path: &[u8], token: &[u8]) -> Vec<u8> {
    [path, b"\0", format!("{id}:").as_bytes(), token, b"\0"].concat()
}

/// The number in the answer of TRANSACTION_START.
fn transaction(payload: &[u8]) -> Option<TxId> {
    let digits = payload.strip_suffix(b"\0").unwrap_or(payload);
    str::from_utf8(digits).ok()?.parse().ok().map(TxId)
}
