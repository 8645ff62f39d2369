//! A connection on which a test says exactly what it wants.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use xenbus::id::{ReqId, TxId};
use xenbus::transport::{Connector, Ready, Transport};
use xenbus::wire::{HEADER_SIZE, Header, Op};

use super::soon;

/// Messages over a stream, with nothing of the client in between.
#[derive(Debug)]
pub(crate) struct Raw {
    stream: Box<dyn Transport>,
    /// The streams of a ring end with their connector.
    _connector: Arc<dyn Connector>,
    last: u32,
    events: VecDeque<String>,
}

impl Raw {
    pub(crate) fn new(connector: Arc<dyn Connector>) -> Self {
        Self {
            stream: connector.connect(Some(soon())).unwrap(),
            _connector: connector,
            last: 0,
            events: VecDeque::new(),
        }
    }

    /// A request and its answer, as [`shown`]; events on the way are kept.
    pub(crate) fn ask(&mut self, op: Op, payload: impl AsRef<[u8]>) -> String {
        self.ask_in(0, op, payload)
    }

    /// A request in a transaction.
    pub(crate) fn ask_in(&mut self, tx: u32, op: Op, payload: impl AsRef<[u8]>) -> String {
        self.send(op, tx, payload.as_ref());
        let (header, payload) = self.receive_reply().expect("an answer");
        assert_eq!(
            header.req_id,
            ReqId(self.last),
            "an answer to another request"
        );
        assert_eq!(header.tx_id, TxId(tx), "an answer in another transaction");
        if header.op == Op::ERROR {
            format!("!{}", shown(&payload).trim_end_matches('|'))
        } else {
            assert_eq!(header.op, op, "an answer to another operation");
            shown(&payload)
        }
    }

    /// A new transaction.
    pub(crate) fn begin(&mut self) -> u32 {
        let answer = self.ask(Op::TRANSACTION_START, b"\0");
        answer.trim_end_matches('|').parse().unwrap()
    }

    /// Commits a transaction.
    pub(crate) fn commit(&mut self, tx: u32) -> String {
        self.ask_in(tx, Op::TRANSACTION_END, b"T\0")
    }

    /// Gives a transaction up.
    pub(crate) fn abort(&mut self, tx: u32) -> String {
        self.ask_in(tx, Op::TRANSACTION_END, b"F\0")
    }

    /// Sends a request without waiting.
    pub(crate) fn send(&mut self, op: Op, tx: u32, payload: &[u8]) {
        self.last += 1;
        let header = Header {
            op,
            req_id: ReqId(self.last),
            tx_id: TxId(tx),
            len: u32::try_from(payload.len()).unwrap(),
        };
        self.send_bytes(&[&header.to_bytes()[..], payload].concat());
    }

    /// Sends bytes.
    pub(crate) fn send_bytes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.stream.try_write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let wanted = Ready {
                        read: false,
                        write: true,
                    };
                    self.stream.wait(wanted, Some(soon())).unwrap();
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The next message of any kind; `None` at the end of the stream.
    pub(crate) fn receive(&mut self) -> Option<(Header, Vec<u8>)> {
        let head = self.receive_bytes(HEADER_SIZE)?;
        let header = Header::from_bytes(&head.try_into().unwrap());
        let payload = self.receive_bytes(header.len as usize)?;
        Some((header, payload))
    }

    /// Whether nothing comes for `time`: only to show that a daemon does not answer.
    pub(crate) fn is_silent_for(&mut self, time: Duration) -> bool {
        let wanted = Ready {
            read: true,
            write: false,
        };
        let silent = self.stream.wait(wanted, Some(Instant::now() + time));
        silent.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut)
    }

    /// Every event so far, as `path|token|`: a store answers a connection in order, so the answer to one more request
    /// comes after all events of what was done before, by anybody.
    pub(crate) fn events(&mut self) -> Vec<String> {
        self.ask(Op::GET_DOMAIN_PATH, b"0\0");
        self.events.drain(..).collect()
    }

    /// Waits for an event that comes from outside of the store's connections.
    pub(crate) fn next_event(&mut self) -> String {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            let (header, payload) = self.receive().expect("an event");
            assert_eq!(header.op, Op::WATCH_EVENT);
            self.events.push_back(shown(&payload));
        }
    }

    /// Watches, and takes the first event away.
    pub(crate) fn watch(&mut self, path: &str, token: &str) {
        assert_eq!(self.ask(Op::WATCH, format!("{path}\0{token}\0")), "OK|");
        assert_eq!(self.events(), [format!("{path}|{token}|")]);
    }

    fn receive_reply(&mut self) -> Option<(Header, Vec<u8>)> {
        loop {
            let (header, payload) = self.receive()?;
            if header.op != Op::WATCH_EVENT {
                return Some((header, payload));
            }
            assert_eq!((header.req_id, header.tx_id), (ReqId(0), TxId::NONE));
            self.events.push_back(shown(&payload));
        }
    }

    fn receive_bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        let mut done = 0;
        while done < count {
            match self.stream.read(&mut bytes[done..], Some(soon())) {
                Ok(0) => return None,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
        Some(bytes)
    }
}

/// A payload with `|` for NUL.
pub(crate) fn shown(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).replace('\0', "|")
}
