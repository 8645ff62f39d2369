//! The state machine of the store under arbitrary requests from several connections.

use std::collections::BTreeMap;

use xenbus::id::{DomId, ReqId, TxId};
use xenbus::store::core::{ConnId, Core, Identity};
use xenbus::store::output::Sink;
use xenbus::store::{Personality, StoreOptions};
use xenbus::wire::{Header, Op, PAYLOAD_MAX, REPLY_MAX};

/// The store stays in order, answers every request once, and answers the same requests the same way.
///
/// The first byte chooses the personality; then follow steps: a byte with the connection (0 and 1 are sockets, 2 and 3
/// domains), one with the operation, one with the transaction, one with the length, the payload. A length of 255 says
/// that two bytes with the length follow. Operations from 0xF0 on are the hypervisor's.
pub fn store(data: &[u8]) {
    let first = run(data);
    assert_eq!(first, run(data), "the same input gives the same output");
}

fn run(data: &[u8]) -> Output {
    let mut bytes = Bytes(data);
    let personality = Personality::ALL[usize::from(bytes.next()) % Personality::ALL.len()];
    let mut output = Output::default();
    let mut core = Core::new(&StoreOptions::of(personality));
    let mut conns = [Identity::Socket; 2]
        .map(|identity| core.connect(identity))
        .to_vec();
    for domid in [1, 2].map(DomId) {
        core.create_domain(domid);
        assert_eq!(core.introduce(domid, &mut output), Ok(()));
        conns.push(core.connect(Identity::Domain(domid)));
    }
    while !bytes.0.is_empty() {
        let (place, op, tx) = (usize::from(bytes.next()) % 4, bytes.next(), bytes.next());
        if op >= 0xF0 {
            hypervisor(&mut core, &mut conns, op, place, &mut output);
        } else if let Some(conn) = conns[place] {
            let payload = bytes.payload();
            let header = Header {
                op: Op(op.into()),
                req_id: ReqId(7),
                tx_id: TxId(tx.into()),
                len: u32::try_from(payload.len()).unwrap(),
            };
            let before = output.answers;
            core.handle(conn, header, payload, &mut output);
            assert_eq!(output.answers, before + 1, "one answer to {header:?}");
        }
        for closed in std::mem::take(&mut output.closed) {
            for conn in &mut conns {
                conn.take_if(|conn| *conn == closed);
            }
        }
        let faults = core.check_store();
        assert!(faults.is_empty(), "{faults:?}");
    }
    output
}

/// What happens outside of the store.
fn hypervisor(
    core: &mut Core,
    conns: &mut [Option<ConnId>],
    op: u8,
    place: usize,
    output: &mut Output,
) {
    let domid = DomId(1 + u32::try_from(place % 2).unwrap());
    let own = &mut conns[2 + place % 2];
    match op % 8 {
        0 => core.create_domain(domid),
        1 => {
            let introduced = core.introduce(domid, output).is_ok();
            if introduced && own.is_none() {
                *own = core.connect(Identity::Domain(domid));
            }
        }
        2 => core.shutdown_domain(domid, output),
        3 => core.run_domain(domid),
        4 => core.destroy_domain(domid, output),
        5 => core.check_domains(output),
        _ => {
            let socket = &mut conns[place % 2];
            if let Some(conn) = socket.take() {
                core.disconnect(conn);
            }
            *socket = core.connect(Identity::Socket);
        }
    }
}

/// Everything that the store sent.
#[derive(Debug, Default, Eq, PartialEq)]
struct Output {
    sent: BTreeMap<u64, Vec<u8>>,
    answers: usize,
    closed: Vec<ConnId>,
    lines: Vec<String>,
}

impl Sink for Output {
    fn reply(&mut self, to: ConnId, header: Header, payload: &[u8]) {
        assert_eq!(header.len as usize, payload.len());
        assert!(payload.len() <= REPLY_MAX);
        // An event that is too long for a ring becomes an error without a number.
        self.answers += usize::from(header.req_id == ReqId(7));
        let sent = self.sent.entry(to.0).or_default();
        sent.extend(header.to_bytes());
        sent.extend(payload);
    }

    fn event(&mut self, to: ConnId, path: &[u8], token: &[u8], _mergeable: bool) {
        assert!(path.len() + token.len() <= 2 * PAYLOAD_MAX);
        self.sent
            .entry(to.0)
            .or_default()
            .extend([path, b"\0", token, b"\0"].concat());
    }

    fn close(&mut self, connection: ConnId) {
        self.closed.push(connection);
    }

    fn introduced(&mut self, _domid: DomId) {}

    fn log(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }
}

/// Takes bytes from the front; 0 when there is none left.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn payload(&mut self) -> &'a [u8] {
        let length = match self.next() {
            255 => usize::from(u16::from_le_bytes([self.next(), self.next()])) % (PAYLOAD_MAX + 1),
            length => length.into(),
        };
        let (payload, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        payload
    }
}
