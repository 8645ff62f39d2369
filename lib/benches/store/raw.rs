//! A client that costs as little as a client can: bytes prepared beforehand, one write, then reads.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use xenbus::id::{ReqId, TxId};
use xenbus::wire::{HEADER_SIZE, Header, Op};

thread_local! {
    /// Where bytes are received, whatever the connection: a thousand clients must not need a thousand cold pages.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; 128 * 1024].into());
}

/// A connection.
pub(crate) struct Raw {
    pub(crate) stream: UnixStream,
    /// What came after the messages that were waited for.
    input: Vec<u8>,
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
        let done = cut(&self.input, &mut count, &mut take);
        self.input.drain(..done);
        BUFFER.with_borrow_mut(|buffer| {
            while count > 0 {
                let read = self.stream.read(buffer).unwrap();
                assert!(read > 0, "the store has ended the connection");
                if self.input.is_empty() {
                    let done = cut(&buffer[..read], &mut count, &mut take);
                    self.input.extend_from_slice(&buffer[done..read]);
                } else {
                    self.input.extend_from_slice(&buffer[..read]);
                    let done = cut(&self.input, &mut count, &mut take);
                    self.input.drain(..done);
                }
            }
        });
    }
}

/// Takes up to so many whole messages from the front; returns their length.
fn cut(bytes: &[u8], count: &mut usize, mut take: impl FnMut(Header, &[u8])) -> usize {
    let mut done = 0;
    while *count > 0
        && let Some((head, rest)) = bytes[done..].split_first_chunk::<HEADER_SIZE>()
    {
        let header = Header::from_bytes(head);
        let Some(payload) = rest.get(..header.len as usize) else {
            break;
        };
        take(header, payload);
        *count -= 1;
        done += HEADER_SIZE + payload.len();
    }
    done
}
