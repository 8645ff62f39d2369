//! Messages as such: pipelining, odd sizes, malformed requests.

use std::time::Duration;

use xenbus::id::{ReqId, TxId};
use xenbus::wire::{Header, Op};
use xenbus::{Operations, StorePath};

use crate::support::{Store, StoreKind, for_each_store, path, shown};

/// How long a daemon gets to show that it does not answer.
const SILENCE: Duration = Duration::from_millis(100);

#[test]
fn pipelined_requests_are_answered_in_order_with_their_ids() {
    for_each_store(|store| {
        let mut raw = store.raw();
        let mut bytes = Vec::new();
        for number in 0..32u32 {
            let payload = format!("/pipe\0{number}");
            let (op, payload) = if number % 2 == 0 {
                (Op::WRITE, payload)
            } else {
                (Op::READ, "/pipe\0".to_owned())
            };
            bytes.extend(message(op, u32::MAX - number, &payload));
        }
        raw.send_bytes(&bytes);
        for number in 0..32u32 {
            let (header, payload) = raw.receive().unwrap();
            assert_eq!(header.req_id, ReqId(u32::MAX - number));
            let expected = if number % 2 == 0 {
                "OK|".to_owned()
            } else {
                (number - 1).to_string()
            };
            assert_eq!(shown(&payload), expected);
        }
    });
}

#[test]
fn a_request_may_come_byte_by_byte() {
    for_each_store(|store| {
        let mut raw = store.raw();
        for byte in message(Op::READ, 1, "/tool\0") {
            raw.send_bytes(&[byte]);
        }
        assert_eq!(raw.receive().unwrap().0.op, Op::READ);
    });
}

#[test]
fn unknown_operations_are_enosys_and_keep_the_connection() {
    for_each_store(|store| {
        let mut raw = store.raw();
        for op in [0xf, 0x10, 0x14, 0x1b, 0x63, 0xffff, u32::MAX] {
            assert_eq!(raw.ask(Op(op), "\0"), "!ENOSYS", "{op:#x}");
        }
        assert_eq!(raw.ask(Op::READ, "/tool\0"), "");
    });
}

#[test]
fn an_error_carries_the_ids_of_its_request() {
    for_each_store(|store| {
        let mut raw = store.raw();
        let header = Header {
            op: Op::READ,
            req_id: ReqId(6),
            tx_id: TxId(99),
            len: 3,
        };
        raw.send_bytes(&[&header.to_bytes()[..], b"/x\0"].concat());
        let (header, payload) = raw.receive().unwrap();
        assert_eq!(
            (header.op, header.req_id, header.tx_id),
            (Op::ERROR, ReqId(6), TxId(99))
        );
        let expected = format!("{}|", store.kind().unknown_transaction());
        assert_eq!(shown(&payload), expected);
    });
}

#[test]
fn the_client_never_sends_an_empty_payload_which_oxenstored_would_not_answer() {
    for_each_store(|store| {
        let mut raw = store.raw();
        raw.send(Op::TRANSACTION_START, 0, b"");
        if store.kind() == StoreKind::OCaml {
            assert!(raw.is_silent_for(SILENCE));
        } else {
            assert_eq!(raw.receive().unwrap().1, b"1\0");
        }
        // The same through the client, which must come back.
        let client = store.client();
        client.begin().unwrap().abort().unwrap();
        client.reset_watches().unwrap();
        client.control(&["check"]).unwrap();
    });
}

#[test]
fn a_request_over_4096_bytes_costs_the_connection_but_not_the_store() {
    for_each_store(|store| {
        let mut raw = store.raw();
        raw.send(Op::READ, 0, &[b'a'; 4097]);
        let answer = raw
            .receive()
            .map(|(header, payload)| (header.op, shown(&payload)));
        // oxenstored takes the first 4096 bytes for the request, and the rest for a header.
        let expected = store
            .kind()
            .pick(None, Some((Op::ERROR, "EINVAL|".to_owned())));
        assert_eq!(answer, expected);
        for length in [0x2000, 0x7fff_ffff, u32::MAX] {
            announce(store, length);
        }
        assert!(store.client().exists(&StorePath::root()).unwrap());
    });
}

/// Announces a request of `length` bytes and sends none of them.
fn announce(store: &Store, length: u32) {
    let mut raw = store.raw();
    let header = Header {
        op: Op::READ,
        req_id: ReqId(1),
        tx_id: TxId::NONE,
        len: length,
    };
    raw.send_bytes(&header.to_bytes());
    if store.kind() == StoreKind::OCaml {
        // It waits, as far as it can tell from a few bytes.
        assert!(raw.is_silent_for(Duration::from_millis(20)));
    } else {
        assert!(raw.receive().is_none(), "{length:#x}");
    }
}

#[test]
fn malformed_requests_are_einval() {
    for_each_store(|store| {
        let mut raw = store.raw();
        for (op, payload) in [
            (Op::WRITE, &b"/x"[..]),
            (Op::UNWATCH, b"/w\0t"),
            (Op::WATCH, b"/w\0"),
            (Op::WATCH, b"/w\0t"),
            (Op::SET_PERMS, b"/tool\0"),
            (Op::SET_PERMS, b"/tool"),
            (Op::INTRODUCE, b"77\x001\0"),
            (Op::INTRODUCE, b"77\x001\x000\0"),
            (Op::RESUME, b"abc\0"),
            (Op::RELEASE, b"abc\0"),
        ] {
            assert_eq!(raw.ask(op, payload), "!EINVAL", "{op} {}", shown(payload));
        }
        // C 4.17 answers these with whatever error it had last.
        for (op, payload) in [
            (Op::READ, &b"/tool"[..]),
            (Op::READ, b"/tool\0/tool\0"),
            (Op::DIRECTORY, b"/tool"),
            (Op::GET_PERMS, b"/tool"),
            (Op::MKDIR, b"/made\0x"),
            (Op::RM, b"/made"),
        ] {
            let answer = raw.ask(op, payload);
            if store.kind() == StoreKind::C {
                assert!(answer.starts_with('!'), "{op} {answer}");
            } else {
                assert_eq!(answer, "!EINVAL", "{op} {}", shown(payload));
            }
        }
        assert_eq!(raw.ask(Op::READ, "/made\0"), "!ENOENT");
    });
}

#[test]
fn hundreds_of_connections_are_served_and_one_that_never_reads_harms_nobody() {
    for_each_store(|store| {
        let client = store.client();
        client.write(&path("/big"), &[b'x'; 2000]).unwrap();
        let mut idle: Vec<_> = (0..100).map(|_| store.raw()).collect();
        // 100 answers of 2000 bytes that nobody takes.
        for _ in 0..100 {
            idle[0].send(Op::READ, 0, b"/big\0");
        }
        assert_eq!(client.read(&path("/big")).unwrap().len(), 2000);
        let last = idle.last_mut().unwrap();
        assert_eq!(last.ask(Op::READ, "/tool\0"), "");
        drop(idle);
        assert_eq!(client.read(&path("/big")).unwrap().len(), 2000);
    });
}

fn message(op: Op, req_id: u32, payload: &str) -> Vec<u8> {
    let header = Header {
        op,
        req_id: ReqId(req_id),
        tx_id: TxId::NONE,
        len: u32::try_from(payload.len()).unwrap(),
    };
    [&header.to_bytes()[..], payload.as_bytes()].concat()
}

#[test]
fn thousands_of_long_answers_in_flight_block_nobody() {
    for_each_store(|store| {
        let client = store.client();
        client.write(&path("/long"), &[b'x'; 2000]).unwrap();
        // 20 MB of answers to requests that were all made before the first answer was asked for.
        let reads: Vec<_> = (0..10_000)
            .map(|_| client.submit_read(&path("/long")))
            .collect();
        for read in reads {
            assert_eq!(read.wait().unwrap().len(), 2000);
        }
    });
}
