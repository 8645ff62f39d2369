//! Every operation, and what each must look like on the wire.

use std::sync::{Arc, Mutex, mpsc};

use xenbus::client::{Client, Operations as _};
use xenbus::error::{Error, ErrorKind};
use xenbus::id::DomId;
use xenbus::perms::Perms;
use xenbus::wire::Op;
use xenbus_harness::{Kind, for_each_daemon};

use crate::peer::{PATIENCE, client_of, client_with, path};

/// A client of a peer that answers with what `answer` says, and the requests that the peer got.
fn recorded(
    answer: impl Fn(Op, &[u8]) -> Result<Vec<u8>, &'static str> + Send + Sync + 'static,
) -> (Client, mpsc::Receiver<(Op, Vec<u8>)>) {
    let (seen, requests) = mpsc::channel();
    let seen = Mutex::new(seen);
    let answer = Arc::new(answer);
    let client = client_with(PATIENCE, move |_, mut peer| {
        while let Some(request) = peer.next() {
            let line = (request.header.op, request.payload.clone());
            drop(seen.lock().unwrap().send(line));
            match answer(request.header.op, &request.payload) {
                Ok(payload) => peer.reply(&request, &payload),
                Err(name) => peer.error(&request, &[name.as_bytes(), b"\0"].concat()),
            }
        }
    });
    (client, requests)
}

fn accepting() -> (Client, mpsc::Receiver<(Op, Vec<u8>)>) {
    recorded(|op, _| match op {
        Op::TRANSACTION_START => Ok(b"1\0".to_vec()),
        Op::IS_DOMAIN_INTRODUCED => Ok(b"T\0".to_vec()),
        Op::GET_FEATURE | Op::GET_QUOTA => Ok(b"14\0".to_vec()),
        Op::GET_DOMAIN_PATH => Ok(b"/local/domain/3\0".to_vec()),
        Op::READ => Ok(b"3".to_vec()),
        Op::GET_PERMS => Ok(b"n0\0r1\0".to_vec()),
        _ => Ok(b"OK\0".to_vec()),
    })
}

#[test]
fn every_operation_has_its_form_on_the_wire() {
    let (client, requests) = accepting();
    let domid = DomId(3);
    client.control(&["quota", "3"]).unwrap();
    client.introduce(domid, 77, 5).unwrap();
    client.release(domid).unwrap();
    client.resume(domid).unwrap();
    client.set_target(domid, DomId(4)).unwrap();
    assert!(client.is_introduced(domid).unwrap());
    assert_eq!(client.domain_path(domid).unwrap(), path("/local/domain/3"));
    client.reset_watches().unwrap();
    client
        .set_perms(&path("/a"), &Perms::parse("n3,r4").unwrap())
        .unwrap();
    assert_eq!(client.own_domid().unwrap(), domid);
    assert_eq!(client.home().unwrap(), path("/local/domain/3"));
    client.begin().unwrap().commit().unwrap();
    let seen: Vec<_> = requests.try_iter().collect();
    let expected: &[(Op, &[u8])] = &[
        (Op::CONTROL, b"quota\x003\0"),
        (Op::INTRODUCE, b"3\x0077\x005\0"),
        (Op::RELEASE, b"3\0"),
        (Op::RESUME, b"3\0"),
        (Op::SET_TARGET, b"3\x004\0"),
        (Op::IS_DOMAIN_INTRODUCED, b"3\0"),
        (Op::GET_DOMAIN_PATH, b"3\0"),
        (Op::RESET_WATCHES, b"\0"),
        (Op::SET_PERMS, b"/a\0n3\0r4\0"),
        (Op::READ, b"domid\0"),
        (Op::READ, b"domid\0"),
        (Op::TRANSACTION_START, b"\0"),
        (Op::TRANSACTION_END, b"T\0"),
    ];
    let expected: Vec<_> = expected.iter().map(|(op, p)| (*op, p.to_vec())).collect();
    assert_eq!(seen, expected);
}

#[test]
fn features_and_quotas_are_asked_after_one_probe_with_the_own_number() {
    let (client, requests) = accepting();
    assert_eq!(client.feature(None).unwrap(), 14);
    assert_eq!(client.feature(Some(DomId(3))).unwrap(), 14);
    client.set_feature(DomId(3), 2).unwrap();
    assert_eq!(client.quota_names().unwrap(), ["14"]);
    assert_eq!(client.quota(None, "nodes").unwrap(), 14);
    client.set_quota(Some(DomId(3)), "nodes", 5).unwrap();
    let asked: Vec<_> = requests
        .try_iter()
        .filter(|(op, _)| *op != Op::READ)
        .collect();
    let expected: &[(Op, &[u8])] = &[
        (Op::GET_FEATURE, b"3\0"),
        (Op::GET_FEATURE, b""),
        (Op::GET_FEATURE, b"3\0"),
        (Op::SET_FEATURE, b"3\x002\0"),
        (Op::GET_QUOTA, b""),
        (Op::GET_QUOTA, b"nodes\0"),
        (Op::SET_QUOTA, b"3\0nodes\x005\0"),
    ];
    let expected: Vec<_> = expected.iter().map(|(op, p)| (*op, p.to_vec())).collect();
    assert_eq!(asked, expected);
}

#[test]
fn a_refusal_of_the_probe_proves_the_operation_and_einval_or_enosys_its_absence() {
    for (answer, there) in [
        ("EACCES", true),
        ("EPERM", true),
        ("EINVAL", false),
        ("ENOSYS", false),
    ] {
        let (client, requests) = recorded(move |_, _| Err(answer));
        assert_eq!(client.has_features().unwrap(), there, "{answer}");
        assert_eq!(client.has_features().unwrap(), there, "{answer}");
        let probes = requests.try_iter().filter(|(op, _)| *op == Op::GET_FEATURE);
        assert_eq!(probes.count(), 1, "asked once");
    }
}

#[test]
fn an_operation_that_the_store_lacks_is_unsupported_and_not_asked_again() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        assert!(!client.has_features().unwrap(), "both daemons are of 4.17");
        for _ in 0..2 {
            for error in [
                client.feature(None).unwrap_err(),
                client.set_feature(DomId(1), 0).unwrap_err(),
                client.quota_names().unwrap_err(),
                client.quota(None, "nodes").unwrap_err(),
                client.set_quota(None, "nodes", 1000).unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            }
        }
        let part = client.directory_part(&path("/"), 0);
        assert_eq!(part.is_ok(), daemon.kind() == Kind::C, "{part:?}");
    });
    let (client, requests) = recorded(|_, _| Err("ENOSYS"));
    for _ in 0..3 {
        let error = client.quota(None, "nodes").unwrap_err();
        assert!(matches!(error, Error::Unsupported { op: Op::GET_QUOTA }));
    }
    let asked = requests.try_iter().filter(|(op, _)| *op == Op::GET_QUOTA);
    assert_eq!(asked.count(), 1);
}

#[test]
fn no_payload_is_ever_empty_before_the_store_is_known_to_be_c() {
    let (client, requests) = recorded(|op, _| match op {
        Op::TRANSACTION_START => Ok(b"1\0".to_vec()),
        _ => Ok(b"OK\0".to_vec()),
    });
    client.begin().unwrap().abort().unwrap();
    client.reset_watches().unwrap();
    for op in [Op::CONTROL, Op::GET_FEATURE, Op::GET_QUOTA, Op(99)] {
        client.raw(op, b"").unwrap();
    }
    for (op, payload) in requests.try_iter() {
        assert!(!payload.is_empty(), "{op}");
    }
    for_each_daemon(|daemon| {
        // oxenstored would answer none of these, and the client would wait for ever.
        let client = client_of(daemon);
        for op in [Op::RESET_WATCHES, Op::GET_FEATURE, Op::CONTROL, Op::READ] {
            let answer = client.raw(op, b"");
            assert_ne!(answer.map_err(|e| e.kind()), Err(ErrorKind::TimedOut));
        }
    });
}

#[test]
fn numbers_and_paths_that_a_store_would_misread_are_refused_here() {
    let (client, requests) = accepting();
    let reserved = DomId::FIRST_RESERVED;
    let refused = [
        client.introduce(reserved, 1, 1).unwrap_err(),
        client.release(reserved).unwrap_err(),
        client.resume(reserved).unwrap_err(),
        client.set_target(DomId(1), reserved).unwrap_err(),
        client.quota(None, "a\0b").unwrap_err(),
        client.control(&[]).unwrap_err(),
        client.control(&["print", "a\0b"]).unwrap_err(),
        client.rm(&path("/")).unwrap_err(),
        client.raw(Op::RM, b"/\0").unwrap_err(),
        client.rm(&path("@releaseDomain")).unwrap_err(),
        client.write(&path("@introduceDomain"), b"").unwrap_err(),
        client.mkdir(&path("@x")).unwrap_err(),
        client.raw(Op::WATCH, b"/a\0t\0").unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    assert_eq!(requests.try_iter().count(), 0);
}

#[test]
fn a_list_of_any_length_is_read_whole_from_each_daemon_also_in_a_transaction() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        let mut names: Vec<String> = (0..1500).map(|n| format!("child-{n}")).collect();
        let writes: Vec<_> = names
            .iter()
            .map(|name| client.submit_write(&path(&format!("/long/{name}")), b""))
            .collect();
        for write in writes {
            write.wait().unwrap();
        }
        names.sort();
        let mut listed = client.directory(&path("/long")).unwrap();
        listed.sort();
        assert_eq!(listed, names);
        let transaction = client.begin().unwrap();
        transaction.write(&path("/long/zzz"), b"").unwrap();
        let inside = transaction.directory(&path("/long")).unwrap();
        assert_eq!(inside.len(), names.len() + 1);
        transaction.abort().unwrap();
    });
}

#[test]
fn the_two_special_nodes_are_not_listed_but_raw_shows_them() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        client.write(&path("/@mine"), b"").unwrap();
        let names = client.directory(&path("/")).unwrap();
        assert!(names.contains(&"@mine".into()), "{names:?}");
        assert!(
            !names.iter().any(|name| name.ends_with("Domain")),
            "{names:?}"
        );
        let raw = client.raw(Op::DIRECTORY, b"/\0").unwrap();
        let shows = raw.windows(15).any(|part| part == b"@releaseDomain\0");
        assert_eq!(shows, daemon.kind() == Kind::OCaml);
    });
}

#[test]
fn administrative_operations_reach_the_daemons() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        assert!(client.is_introduced(DomId::DOM0).unwrap());
        assert!(!client.is_introduced(DomId(77)).unwrap());
        assert_eq!(
            client.domain_path(DomId(77)).unwrap(),
            path("/local/domain/77")
        );
        assert_eq!(client.control(&["check"]).unwrap(), b"OK");
        client.introduce(DomId(77), 1, 5).unwrap_err();
        client.release(DomId(77)).unwrap_err();
        client.resume(DomId(77)).unwrap_err();
        client.set_target(DomId(77), DomId(78)).unwrap_err();
        let perms = Perms::parse("b0,r5").unwrap();
        client.write(&path("/p"), b"").unwrap();
        client.set_perms(&path("/p"), &perms).unwrap();
        assert_eq!(client.perms(&path("/p")).unwrap(), perms);
        let guest = daemon.introduce(5);
        assert!(client.is_introduced(DomId(guest.domid())).unwrap());
    });
}
