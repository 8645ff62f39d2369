//! What the two sides of a comparison have in common.

use std::collections::BTreeMap;

use xenbus::id::{ReqId, TxId};
use xenbus::value::escape;
use xenbus::wire::{HEADER_SIZE, Header, Op};

use super::step::{Conn, Life};

/// A message from a store.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct Frame {
    pub(super) op: Op,
    /// Whether numbers of request and transaction are those of the request (0 for an event).
    pub(super) echoed: bool,
    pub(super) payload: Vec<u8>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let echo = if self.echoed { "" } else { " (wrong numbers)" };
        write!(f, "{} {:?}{echo}", self.op, escape(&self.payload))
    }
}

/// What came of a step on one connection.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Seen {
    pub(super) frames: Vec<Frame>,
    /// The store has ended the connection.
    pub(super) closed: bool,
    /// It has not answered.
    pub(super) silent: bool,
}

/// What came of a step, on every connection on which something came.
pub(super) type Observation = BTreeMap<Conn, Seen>;

/// A store under comparison.
pub(super) trait Side {
    /// Whether the connection is open.
    fn has(&self, conn: Conn) -> bool;

    /// Closes a socket connection and opens it again.
    fn reconnect(&mut self, conn: Conn);

    /// Sends one request, as `tx`.
    fn send(&mut self, conn: Conn, tx: u32, op: Op, payload: &[u8]);

    /// The hypervisor changes its mind about a domain.
    fn life(&mut self, domid: u32, life: Life);

    /// The answer to the request that was sent, and what came before it.
    fn answer(&mut self) -> Observation;

    /// The domain's ring, after INTRODUCE (`true`) or RELEASE.
    fn attach(&mut self, domid: u32, introduced: bool);

    /// Adds everything that came since.
    fn settle(&mut self, all: &mut Observation);

    /// Anything wrong inside that the protocol does not show.
    fn faults(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Number of the request that a step makes; other numbers are the sides' own.
pub(super) const REQUEST: ReqId = ReqId(7);

/// Cuts a message from the front of bytes.
pub(super) fn cut(bytes: &mut Vec<u8>) -> Option<(Header, Vec<u8>)> {
    let (head, rest) = bytes.split_first_chunk::<HEADER_SIZE>()?;
    let header = Header::from_bytes(head);
    let payload = rest.get(..header.len as usize)?.to_vec();
    bytes.drain(..HEADER_SIZE + payload.len());
    Some((header, payload))
}

/// A message as it is compared; `tx`: transaction of the request.
pub(super) fn frame(header: Header, payload: Vec<u8>, tx: u32) -> Frame {
    let numbers = if header.op == Op::WATCH_EVENT {
        (ReqId(0), TxId::NONE)
    } else {
        (REQUEST, TxId(tx))
    };
    Frame {
        op: header.op,
        echoed: (header.req_id, header.tx_id) == numbers,
        payload,
    }
}
