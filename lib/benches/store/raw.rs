//! A client that costs as little as a client can: bytes prepared beforehand, one write, then reads.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use xenbus::id::{ReqId, TxId};
use xenbus::wire::{HEADER_SIZE, Header, Op};

/// A connection.
pub(crate) struct Raw {
    pub(crate) stream: UnixStream,
    input: Vec<u8>,
    buffer: Box<[u8]>,
}

/// A request's bytes.
pub(crate) fn request(op: Op, tx: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        op,
        req_id: ReqId(1),
        tx_id: TxId(tx),
        len: u32::try_from(payload.len()).unwrap(),
    };
    [&header.to_bytes()[..], payload].concat()
}

impl Raw {
    pub(crate) fn connect(socket: &Path) -> Self {
        Self {
            stream: UnixStream::connect(socket).unwrap(),
            input: Vec::new(),
            buffer: vec![0; 128 * 1024].into(),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The payload of the next message, which must be of this kind.
    pub(crate) fn receive(&mut self, op: Op) -> Vec<u8> {
        let mut payload = Vec::new();
        self.drain(1, |header, bytes| {
            assert_eq!(header.op, op, "{}", String::from_utf8_lossy(bytes));
            payload.extend_from_slice(bytes);
        });
        payload
    }

    /// Sends a request and takes its answer.
    pub(crate) fn ask(&mut self, op: Op, tx: u32, payload: &[u8]) -> Vec<u8> {
        self.send(&request(op, tx, payload));
        self.receive(op)
    }

    /// Takes so many answers, none of which may be an error.
    pub(crate) fn expect(&mut self, count: usize) {
        self.drain(count, |header, bytes| {
            assert_ne!(header.op, Op::ERROR, "{}", String::from_utf8_lossy(bytes));
        });
    }

    fn drain(&mut self, mut count: usize, mut take: impl FnMut(Header, &[u8])) {
        loop {
            let mut done = 0;
            while count > 0
                && let Some(head) = self.input[done..].first_chunk::<HEADER_SIZE>()
            {
                let header = Header::from_bytes(head);
                let start = done + HEADER_SIZE;
                let Some(payload) = self.input.get(start..start + header.len as usize) else {
                    break;
                };
                take(header, payload);
                count -= 1;
                done = start + payload.len();
            }
            self.input.drain(..done);
            if count == 0 {
                return;
            }
            let read = self.stream.read(&mut self.buffer).unwrap();
            assert!(read > 0, "the store has ended the connection");
            self.input.extend_from_slice(&self.buffer[..read]);
        }
    }
}
