//! Peers that send what no store should.

use std::time::Duration;

use proptest::prelude::*;
use xenbus::client::Operations as _;
use xenbus::error::ErrorKind;
use xenbus::id::{DomId, ReqId};
use xenbus::watch::WatchEvent;
use xenbus::wire::{Header, Op};

use crate::peer::{PATIENCE, Peer, client_with, message, path, soon};

/// What a client says to a peer that answers its first request with `bytes`, and that it works afterwards.
fn first_answer(
    bytes: impl Fn(ReqId) -> Vec<u8> + Send + Sync + 'static,
) -> Result<Vec<u8>, xenbus::Error> {
    let client = client_with(PATIENCE, move |number, mut peer: Peer| {
        if number > 0 {
            return peer.echo();
        }
        let request = peer.next().unwrap();
        peer.send(&bytes(request.header.req_id));
        peer.echo();
    });
    let answer = client.read(&path("/first"));
    assert_eq!(client.read(&path("/second")).unwrap(), b"/second");
    answer
}

#[test]
fn a_reply_that_announces_4_gib_is_an_error_at_once() {
    let error = first_answer(|req_id| {
        let mut whole = message(Op::READ, req_id, b"");
        whole[12..16].copy_from_slice(&u32::MAX.to_ne_bytes());
        whole
    })
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("4294967295 bytes"), "{error}");
}

#[test]
fn a_reply_that_does_not_end_costs_a_deadline_and_swallows_no_others() {
    let client = client_with(Duration::from_millis(200), move |number, mut peer: Peer| {
        if number == 0 {
            let request = peer.next().unwrap();
            let mut endless = message(Op::READ, request.header.req_id, b"a little");
            endless[12..16].copy_from_slice(&(1u32 << 20).to_ne_bytes());
            peer.send(&endless);
        }
        peer.echo();
    });
    let error = client.read(&path("/first")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let start = std::time::Instant::now();
    while client.read(&path("/again")).is_err() {
        assert!(start.elapsed() < PATIENCE, "the connection is stuck");
    }
}

#[test]
fn a_reply_may_be_as_long_as_a_mebibyte() {
    let long = first_answer(|req_id| message(Op::READ, req_id, &vec![7; 1 << 20])).unwrap();
    assert_eq!(long.len(), 1 << 20);
    assert!(long.iter().all(|byte| *byte == 7));
    let over = first_answer(|req_id| message(Op::READ, req_id, &vec![7; (1 << 20) + 1]));
    assert_eq!(over.unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn a_reply_of_another_type_or_to_nobody_loses_the_connection() {
    for (op, offset) in [(Op::WRITE, 0), (Op(99), 0), (Op::READ, 1)] {
        let error = first_answer(move |req_id| message(op, ReqId(req_id.0 + offset), b"\x1b[2J"));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(!error.to_string().contains('\x1b'), "{error}");
    }
}

#[test]
fn an_error_reply_is_read_whatever_its_name() {
    for (payload, shown) in [
        (&b"ENOENT"[..], "no such node (ENOENT)"),
        (b"EWEIRD\0", "unknown error 'EWEIRD'"),
        (b"\x1b[2J\0", "unknown error '\\x1b[2J'"),
        (b"", "unknown error ''"),
        (b"EQUOTA\0", "a quota of the domain is used up (EQUOTA)"),
    ] {
        let error = first_answer(move |req_id| message(Op::ERROR, req_id, payload)).unwrap_err();
        assert_eq!(error.to_string(), format!("read /first: {shown}"));
    }
}

#[test]
fn answers_that_make_no_sense_are_errors_and_nothing_of_them_reaches_a_terminal() {
    for payload in [
        &b"\x1b[2J/a\0b"[..],
        b"",
        b"\0",
        b"\xff\xff\0",
        b"n0",
        b"-1\0",
        b"T\0x",
    ] {
        let client = client_with(PATIENCE, move |_, mut peer| {
            while let Some(request) = peer.next() {
                peer.reply(&request, payload);
            }
        });
        let node = path("/a");
        let errors = [
            client.write(&node, b"").err(),
            client
                .directory(&node)
                .err()
                .filter(|_| !payload.is_empty()),
            client.perms(&node).err(),
            client.begin().err(),
            client.domain_path(DomId(1)).err(),
            client.is_introduced(DomId(1)).err(),
            client.own_domid().err(),
        ];
        for (n, error) in errors.into_iter().enumerate() {
            let Some(error) = error else {
                // These are a list of children, and a permission without its NUL, which is tolerated.
                let is_sense = matches!((n, payload), (1, [] | b"-1\0") | (2, b"n0"));
                assert!(is_sense, "{n}: {payload:?}");
                continue;
            };
            assert!(!error.to_string().contains('\x1b'), "{error}");
        }
    }
}

#[test]
fn a_store_cannot_smuggle_paths_into_a_list_of_names() {
    for payload in [&b"ok\0a/b\0"[..], b"..\0", b"a\0\0", b"a b\0", b"a"] {
        let client = client_with(PATIENCE, move |_, mut peer| {
            let request = peer.next().unwrap();
            peer.reply(&request, payload);
            peer.until_gone();
        });
        let error = client.directory(&path("/a")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    }
}

#[test]
fn events_that_make_no_sense_hurt_nobody() {
    let client = client_with(PATIENCE, |_, mut peer| {
        let Some(request) = peer.next() else { return };
        peer.reply(&request, b"OK\0");
        let token = request.second();
        for payload in [
            &b""[..],
            b"\0",
            b"/w",
            b"/w\0",
            b"/w\0unknown\0",
            b"/w\0xbzz\0",
        ] {
            peer.send(&message(Op::WATCH_EVENT, ReqId(0), payload));
        }
        peer.event("/w", &token);
        peer.event("//", &token);
        peer.event("/w/a", &token);
        peer.until_gone();
    });
    let watch = client.watch(&path("/w")).unwrap();
    let next = || watch.next_until(soon()).unwrap().unwrap();
    assert_eq!(next(), WatchEvent::Initial);
    // Something could not be told; what comes with it is part of the "look at everything again".
    match next() {
        WatchEvent::Overflow(1) => assert_eq!(next(), WatchEvent::Changed(path("/w/a"))),
        other => assert_eq!(other, WatchEvent::Overflow(2)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_lead_to_an_answer_or_an_error_in_time(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        plausible: bool,
    ) {
        let sent = bytes.clone();
        let client = client_with(Duration::from_millis(40), move |number, mut peer| {
            let Some(request) = peer.next() else { return };
            if number > 0 {
                peer.reply(&request, b"fine");
                return peer.until_gone();
            }
            if plausible {
                let header = Header { len: 64, ..request.header };
                peer.send(&header.to_bytes());
            }
            peer.send(&sent);
            peer.until_gone();
        });
        // Either is right, as long as it comes.
        drop(client.read(&path("/a")));
    }
}
