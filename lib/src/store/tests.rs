//! The store's behaviour, question by question as it was put to the real daemons.
//!
//! Every question goes to the state machine as a message on the wire would, and the store is checked for being in
//! order after every answer.

mod administration;
mod column_4_23;
mod directories;
mod domains;
mod guests;
mod hostile;
mod invariants;
mod missing;
mod oxenstored;
mod paths;
mod permissions;
mod transactions;
mod values;
mod watches;
mod xen_4_22;

use super::core::{ConnId, Core, Identity};
use super::output::Sink;
use super::{Personality, StoreOptions};
use crate::id::{DomId, ReqId, TxId};
use crate::value::escape;
use crate::wire::{Header, Op};

/// What a client sees, readable: payloads escaped, errors by name.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Seen {
    Reply(Op, TxId, String),
    Event(String),
    Closed,
}

/// Everything sent, in order.
#[derive(Debug, Default)]
struct Inbox {
    messages: Vec<(ConnId, Seen)>,
    log: Vec<String>,
}

impl Sink for Inbox {
    fn reply(&mut self, to: ConnId, header: Header, payload: &[u8]) {
        assert_eq!(header.len as usize, payload.len());
        assert_eq!(header.req_id, ReqId(7));
        let seen = Seen::Reply(header.op, header.tx_id, escape(payload).to_string());
        self.messages.push((to, seen));
    }

    fn event(&mut self, to: ConnId, path: &[u8], token: &[u8], _mergeable: bool) {
        let text = format!("{}|{}", escape(path), escape(token));
        self.messages.push((to, Seen::Event(text)));
    }

    fn close(&mut self, connection: ConnId) {
        self.messages.push((connection, Seen::Closed));
    }

    fn introduced(&mut self, _domid: DomId) {}

    fn log(&mut self, line: &str) {
        self.log.push(line.to_owned());
    }
}

/// A store, whoever asks it, and what they were sent.
struct Desk {
    core: Core,
    inbox: Inbox,
    /// A client of the socket.
    dom0: ConnId,
    check: bool,
}

impl Desk {
    /// A fresh store like C 4.17.
    fn new() -> Self {
        Self::like(Personality::C)
    }

    fn like(personality: Personality) -> Self {
        let mut core = Core::new(&StoreOptions::of(personality));
        let dom0 = core.connect(Identity::Socket).unwrap();
        Self {
            core,
            inbox: Inbox::default(),
            dom0,
            check: true,
        }
    }

    /// A further client of the socket.
    fn another(&mut self) -> ConnId {
        self.core.connect(Identity::Socket).unwrap()
    }

    /// A domain with its home, introduced, and its connection.
    fn guest(&mut self, domid: u32) -> ConnId {
        self.core.create_domain(DomId(domid));
        self.core.introduce(DomId(domid), &mut self.inbox).unwrap();
        let home = format!("/local/domain/{domid}\\0");
        assert_eq!(self.ask(Op::MKDIR, &home), "OK\\x00");
        assert_eq!(
            self.ask(Op::SET_PERMS, &format!("{home}n{domid}\\0")),
            "OK\\x00"
        );
        self.core.connect(Identity::Domain(DomId(domid))).unwrap()
    }

    /// What dom0 is answered; an error by its name. `\0` in the payload is a NUL.
    fn ask(&mut self, op: Op, payload: &str) -> String {
        self.ask_as(self.dom0, op, payload)
    }

    fn ask_as(&mut self, from: ConnId, op: Op, payload: &str) -> String {
        self.ask_in(from, 0, op, payload)
    }

    fn ask_in(&mut self, from: ConnId, tx: u32, op: Op, payload: &str) -> String {
        self.raw(from, tx, op, payload.replace("\\0", "\0").as_bytes())
    }

    fn raw(&mut self, from: ConnId, tx: u32, op: Op, payload: &[u8]) -> String {
        let header = Header {
            op,
            req_id: ReqId(7),
            tx_id: TxId(tx),
            len: u32::try_from(payload.len()).unwrap(),
        };
        let start = self.inbox.messages.len();
        self.core.handle(from, header, payload, &mut self.inbox);
        if self.check {
            assert_eq!(
                self.core.check_store(),
                Vec::<String>::new(),
                "after {op} {payload:?}"
            );
        }
        let mut replies = self.inbox.messages[start..]
            .iter()
            .filter_map(|(to, seen)| {
                let Seen::Reply(replied, tx_id, text) = seen else {
                    return None;
                };
                // oxenstored does not look at the transaction of these, nor echo it.
                let is_dropped =
                    self.core.world.rules.oxenstored && matches!(op, Op::WATCH | Op::UNWATCH);
                let tx = if is_dropped { 0 } else { tx };
                assert_eq!((*to, *tx_id), (from, TxId(tx)));
                if *replied == Op::ERROR {
                    return Some(text.strip_suffix("\\x00").unwrap().to_owned());
                }
                assert_eq!(*replied, op);
                Some(text.clone())
            });
        let reply = replies.next().expect("an answer");
        assert_eq!(replies.next(), None, "one answer only");
        reply
    }

    /// The events that a connection has been sent since the last time, and nothing else is kept.
    fn events(&mut self, of: ConnId) -> Vec<String> {
        let messages = std::mem::take(&mut self.inbox.messages);
        let mine = messages.into_iter().filter(|(to, _)| *to == of);
        mine.filter_map(|(_, seen)| match seen {
            Seen::Event(text) => Some(text),
            _ => None,
        })
        .collect()
    }

    /// Starts a transaction.
    fn begin(&mut self, from: ConnId) -> u32 {
        let answer = self.ask_as(from, Op::TRANSACTION_START, "\\0");
        answer.strip_suffix("\\x00").unwrap().parse().unwrap()
    }

    fn commit(&mut self, from: ConnId, tx: u32) -> String {
        self.ask_in(from, tx, Op::TRANSACTION_END, "T\\0")
    }

    /// Asks many questions of dom0: operation, payload, answer.
    fn table(&mut self, rows: &[(Op, &str, &str)]) {
        for (op, payload, answer) in rows {
            assert_eq!(self.ask(*op, payload), *answer, "{op} {payload:?}");
        }
    }

    /// Asks many questions of a guest.
    fn table_as(&mut self, from: ConnId, rows: &[(Op, &str, &str)]) {
        for (op, payload, answer) in rows {
            assert_eq!(self.ask_as(from, *op, payload), *answer, "{op} {payload:?}");
        }
    }
}

const OK: &str = "OK\\x00";

#[test]
fn a_fresh_store_has_the_nodes_of_c_4_17() {
    Desk::new().table(&[
        (Op::DIRECTORY, r"/\0", r"tool\x00"),
        (Op::READ, r"/\0", ""),
        (Op::GET_PERMS, r"/\0", r"n0\x00"),
        (Op::DIRECTORY, r"/tool\0", r"xenstored\x00"),
        (Op::GET_PERMS, r"/tool\0", r"n0\x00"),
        (Op::DIRECTORY, r"/tool/xenstored\0", ""),
        (Op::READ, r"/tool/xenstored\0", ""),
        (Op::DIRECTORY, r"/local\0", "ENOENT"),
        (Op::READ, r"@introduceDomain\0", "EINVAL"),
        (Op::GET_PERMS, r"@introduceDomain\0", "EINVAL"),
        (Op::READ, r"/@releaseDomain\0", "ENOENT"),
        (Op::GET_PERMS, r"/@releaseDomain\0", "ENOENT"),
    ]);
}

#[test]
fn unknown_types_are_enosys_and_the_connection_stays() {
    let mut desk = Desk::new();
    for code in [15, 16, 20, 27, 0x63, 0xffff, 0xffff_ffff, 23, 24, 25, 26] {
        assert_eq!(desk.ask(Op(code), r"x\0"), "ENOSYS", "{code:#x}");
    }
    assert_eq!(desk.ask(Op::READ, r"/tool\0"), "");
}

#[test]
fn the_same_input_gives_the_same_output() {
    let run = || {
        let mut desk = Desk::new();
        let watcher = desk.guest(3);
        desk.ask_as(watcher, Op::WATCH, r"/local\0t\0");
        desk.ask(Op::WATCH, r"/\0a\0");
        desk.ask(Op::WATCH, r"/local\0b\0");
        for name in ["a", "b", "c/d", "c/e"] {
            desk.ask(Op::WRITE, &format!("/local/domain/3/{name}\\0v"));
        }
        desk.ask(Op::RM, r"/local\0");
        desk.inbox.messages
    };
    assert_eq!(run(), run());
}
