//! What an unprivileged domain may do, and what becomes of it.

use xenbus::wire::Op;
use xenbus::{DomId, ErrorKind, Operations, Perms, WatchEvent};

use super::ask_all;
use crate::support::{Life, Raw, Store, for_each_store, path, soon};

/// A store with domain 1, whose home has a node of dom0's, and nodes elsewhere that it owns or may read.
fn prepare(store: &Store) -> crate::support::Guest {
    let guest = store.introduce(1);
    let mut raw = store.raw();
    for (node, perms) in [
        ("/local/domain/1/dom0only", "n0\0"),
        ("/refs1", "n0\0r1\0"),
        ("/own1", "n1\0"),
        ("/own1/sub0", "n0\0"),
    ] {
        assert_eq!(raw.ask(Op::WRITE, format!("{node}\0v")), "OK|");
        assert_eq!(raw.ask(Op::SET_PERMS, format!("{node}\0{perms}")), "OK|");
    }
    guest
}

#[test]
fn a_guest_reads_and_writes_what_it_may_and_learns_nothing_else() {
    for_each_store(|store| {
        let mut raw = prepare(store).raw();
        let missing = format!("!{}", store.kind().missing_elsewhere());
        assert_eq!(raw.ask(Op::READ, "/nosuch\0"), missing);
        assert_eq!(raw.ask(Op::RM, "/nosuch/x\0"), missing);
        let giving = format!("!{}", store.kind().giving_away());
        assert_eq!(raw.ask(Op::WRITE, "mine\0v"), "OK|");
        assert_eq!(raw.ask(Op::SET_PERMS, "mine\0n0\0"), giving);
        let rows: Vec<_> = [
            (Op::READ, &b"/tool\0"[..], "!EACCES"),
            (Op::DIRECTORY, b"/\0", "!EACCES"),
            (Op::DIRECTORY, b"/local/domain\0", "!EACCES"),
            (Op::READ, b"dom0only\0", "!EACCES"),
            (Op::GET_PERMS, b"dom0only\0", "!EACCES"),
            (Op::DIRECTORY, b"dom0only\0", "!EACCES"),
            (Op::RM, b"dom0only\0", "!EACCES"),
            (Op::RM, b"/tool\0", "!EACCES"),
            (Op::WRITE, b"/top\0v", "!EACCES"),
            (Op::WRITE, b"/refs1\0x", "!EACCES"),
            (Op::READ, b"/own1/sub0\0", "!EACCES"),
            (Op::READ, b"nosuch\0", "!ENOENT"),
            (Op::RM, b"nosuch\0", "OK|"),
            (Op::READ, b"/refs1\0", "v"),
            (Op::READ, b"/own1\0", "v"),
            (Op::DIRECTORY, b"/own1\0", "sub0|"),
            (Op::WRITE, b"a/b/c\0v", "OK|"),
            (Op::READ, b"/local/domain/1/a/b/c\0", "v"),
            (Op::GET_PERMS, b"a/b\0", "n1|"),
            (Op::MKDIR, b"mk\0", "OK|"),
            (Op::SET_PERMS, b"a\0n1\0r0\0r2\0", "OK|"),
            (Op::GET_PERMS, b"a\0", "n1|r0|r2|"),
            (Op::INTRODUCE, b"2\x001\x005\0", "!EACCES"),
            (Op::RELEASE, b"1\0", "!EACCES"),
            (Op::RESUME, b"1\0", "!EACCES"),
            (Op::SET_TARGET, b"1\x000\0", "!EACCES"),
            (Op::IS_DOMAIN_INTRODUCED, b"1\0", "!EACCES"),
            (Op::GET_DOMAIN_PATH, b"1\0", "/local/domain/1|"),
        ]
        .map(|(op, payload, answer)| (op, payload, answer, answer))
        .into();
        ask_all(store, &mut raw, &rows);
        let control = store.kind().pick("!EACCES", "OK|");
        assert_eq!(raw.ask(Op::CONTROL, "print\0x\0"), control);
    });
}

#[test]
fn the_first_entry_for_a_domain_decides_and_nothing_above_a_node_matters() {
    for_each_store(|store| {
        let mut guest = prepare(store).raw();
        let mut raw = store.raw();
        raw.ask(Op::WRITE, "/closed/deep\0v");
        for (perms, read, write) in [
            ("n0\0r1\0", true, false),
            ("n0\0w1\0", false, true),
            ("n0\0b1\0", true, true),
            ("b0\0n1\0", false, false),
            ("n0\0n1\0b1\0", false, false),
            ("n0\0r1\0w1\0", true, false),
            ("r0\0", true, false),
            ("b0\0b2\0", true, true),
            ("n1\0", true, true),
        ] {
            raw.ask(Op::SET_PERMS, format!("/closed/deep\0{perms}"));
            let may = |answer: String| !answer.starts_with('!');
            assert_eq!(may(guest.ask(Op::READ, "/closed/deep\0")), read, "{perms}");
            assert_eq!(
                may(guest.ask(Op::WRITE, "/closed/deep\0v")),
                write,
                "{perms}"
            );
        }
    });
}

#[test]
fn the_client_of_a_guest_finds_its_home_and_tells_denied_from_missing() {
    for_each_store(|store| {
        let client = prepare(store).client();
        client.write(&path("data/x"), b"mine").unwrap();
        assert_eq!(
            client.read(&path("/local/domain/1/data/x")).unwrap(),
            b"mine"
        );
        assert_eq!(
            client.domain_path(DomId(1)).unwrap(),
            path("/local/domain/1")
        );
        let error = client.read(&path("/tool")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(
            client.exists(&path("/tool")).is_err(),
            "EACCES proves nothing"
        );
        assert_eq!(
            client.perms(&path("data")).unwrap(),
            Perms::parse("n1").unwrap()
        );
        let read = client
            .transaction(|transaction| {
                transaction.write(&path("data/x"), b"in a transaction")?;
                transaction.read(&path("data/x"))
            })
            .unwrap();
        assert_eq!(read, b"in a transaction");
        let watch = client.watch(&path("data")).unwrap();
        assert_eq!(watch.next_until(soon()).unwrap(), Some(WatchEvent::Initial));
        store
            .client()
            .write(&path("/local/domain/1/data/y"), b"v")
            .unwrap();
        let told = watch.next_until(soon()).unwrap();
        assert_eq!(told, Some(WatchEvent::Changed(path("data/y"))));
    });
}

#[test]
fn a_value_longer_than_the_ring_passes_in_both_directions() {
    for_each_store(|store| {
        let client = prepare(store).client();
        let value: Vec<u8> = (0..1900u32).map(|n| n.to_le_bytes()[0]).collect();
        client.write(&path("long"), &value).unwrap();
        assert_eq!(client.read(&path("long")).unwrap(), value);
        // A directory far longer than the ring, in a pipeline of more requests than the daemon takes at once.
        let writes: Vec<_> = (0..100)
            .map(|n| client.submit_write(&path(&format!("many/child-number-{n:03}")), b"v"))
            .collect();
        for write in writes {
            write.wait().unwrap();
        }
        assert_eq!(client.directory(&path("many")).unwrap().len(), 100);
    });
}

#[test]
fn events_are_only_for_those_who_may_read() {
    for_each_store(|store| {
        let mut guest = prepare(store).raw();
        let mut raw = store.raw();
        guest.watch("/tool", "t");
        guest.watch("/refs1", "r");
        raw.ask(Op::WRITE, "/tool/x\0v");
        raw.ask(Op::WRITE, "/refs1\0v");
        assert_eq!(guest.events(), ["/refs1|r|"], "not of what it may not read");
        raw.ask(Op::SET_PERMS, "/tool/x\0n0\0r1\0");
        guest.events();
        raw.ask(Op::RM, "/tool/x\0");
        assert_eq!(
            guest.events(),
            ["/tool/x|t|"],
            "it could read what was removed"
        );
    });
}

#[test]
fn quotas_hold_for_guests_and_only_for_them() {
    for_each_store(|store| {
        let mut guest = prepare(store).raw();
        let quota = format!("!{}", store.kind().quota());
        let watches = until_refused(&mut guest, 1000, |raw, n| {
            raw.ask(Op::WATCH, format!("w\0{n}\0"))
        });
        let expected = (
            store.kind().watches_of_a_guest(),
            format!("!{}", store.kind().watch_quota()),
        );
        assert_eq!(watches, expected);
        let transactions = until_refused(&mut guest, 100, |raw, _| {
            raw.ask(Op::TRANSACTION_START, "\0")
        });
        assert_eq!(transactions, (11, quota.clone()));
        assert_eq!(guest.ask(Op::RESET_WATCHES, "\0"), "OK|");
        let tx = guest.begin();
        assert_eq!(guest.abort(tx), "OK|");
        let (nodes, refused) = until_refused(&mut guest, 2000, |raw, n| {
            raw.ask(Op::MKDIR, format!("nodes/{}/{n}\0", n / 10))
        });
        assert_eq!(refused, quota);
        assert!((700..=1000).contains(&nodes), "{nodes}");
        assert_eq!(guest.ask(Op::RM, "nodes\0"), "OK|");
        assert_eq!(guest.ask(Op::MKDIR, "nodes\0"), "OK|", "room again");
        // Node size: oxenstored counts the value, C the whole node.
        assert_eq!(
            guest.ask(Op::WRITE, [&b"q\0"[..], &[b'x'; 2000]].concat()),
            "OK|"
        );
        let over = guest.ask(Op::WRITE, [&b"q\0"[..], &[b'x'; 2049]].concat());
        assert_eq!(over, store.kind().pick("!ENOSPC", "!E2BIG"));
        guest.ask(Op::WRITE, "p\0small");
        let six = guest.ask(Op::SET_PERMS, "p\0n1\0r2\0r3\0r4\0r5\0r6\0");
        assert_eq!(six, store.kind().pick("!ENOSPC", "OK|"));
        let five = guest.ask(Op::SET_PERMS, "p\0n1\0r2\0r3\0r4\0r5\0");
        assert_eq!(five, "OK|");
    });
}

/// How many requests were granted until one was refused, and how.
fn until_refused(
    raw: &mut Raw,
    most: usize,
    mut ask: impl FnMut(&mut Raw, usize) -> String,
) -> (usize, String) {
    for number in 1..=most {
        let answer = ask(raw, number);
        if answer.starts_with('!') {
            return (number - 1, answer);
        }
    }
    panic!("never refused in {most} requests");
}

#[test]
fn introduction_shutdown_and_death_are_told_and_the_dead_leave_nothing() {
    for_each_store(|store| {
        let mut watcher = store.raw();
        watcher.watch("@introduceDomain", "i");
        watcher.watch("@releaseDomain", "r");
        let guest = prepare(store);
        let mut alive = guest.raw();
        assert_eq!(alive.ask(Op::WRITE, "a\0v"), "OK|");
        assert_eq!(watcher.next_event(), "@introduceDomain|i|");
        store.set_domain(1, Life::ShutDown);
        assert_eq!(watcher.next_event(), "@releaseDomain|r|");
        assert_eq!(watcher.ask(Op::IS_DOMAIN_INTRODUCED, "1\0"), "T|");
        store.set_domain(1, Life::Gone);
        assert_eq!(watcher.next_event(), "@releaseDomain|r|");
        assert_eq!(watcher.events(), [""; 0]);
        assert_eq!(watcher.ask(Op::IS_DOMAIN_INTRODUCED, "1\0"), "F|");
        for gone in [
            "/local/domain/1",
            "/local/domain/1/a",
            "/own1",
            "/own1/sub0",
        ] {
            assert_eq!(
                watcher.ask(Op::GET_PERMS, format!("{gone}\0")),
                "!ENOENT",
                "{gone}"
            );
        }
        let perms = store.kind().pick("n0|r1|", "n0|");
        assert_eq!(watcher.ask(Op::GET_PERMS, "/refs1\0"), perms);
        assert_eq!(watcher.ask(Op::READ, "/refs1\0"), "v");
    });
}

#[test]
fn a_released_domain_loses_its_nodes_as_a_dead_one_does() {
    for_each_store(|store| {
        let _guest = prepare(store);
        let mut raw = store.raw();
        raw.watch("@releaseDomain", "r");
        assert_eq!(raw.ask(Op::RELEASE, "1\0"), "OK|");
        assert_eq!(raw.next_event(), "@releaseDomain|r|");
        assert_eq!(raw.ask(Op::IS_DOMAIN_INTRODUCED, "1\0"), "F|");
        assert_eq!(raw.ask(Op::GET_PERMS, "/own1\0"), "!ENOENT");
        assert_eq!(raw.ask(Op::READ, "/refs1\0"), "v");
    });
}

#[test]
fn a_domain_with_a_target_has_the_rights_of_both() {
    for_each_store(|store| {
        let (stub, target) = (store.introduce(5), store.introduce(6));
        let mut raw = store.raw();
        assert_eq!(target.raw().ask(Op::WRITE, "mine\0v"), "OK|");
        let mut stub = stub.raw();
        assert_eq!(stub.ask(Op::READ, "/local/domain/6/mine\0"), "!EACCES");
        assert_eq!(raw.ask(Op::SET_TARGET, "5\x006\0"), "OK|");
        assert_eq!(stub.ask(Op::READ, "/local/domain/6/mine\0"), "v");
        assert_eq!(stub.ask(Op::WRITE, "/local/domain/6/mine\0w"), "OK|");
        assert_eq!(stub.ask(Op::WRITE, "own\0v"), "OK|");
    });
}

#[test]
fn shutdown_is_told_once_and_again_after_a_resume() {
    for_each_store(|store| {
        let _guest = store.introduce(1);
        let mut watcher = store.raw();
        watcher.watch("@introduceDomain", "i");
        watcher.watch("@releaseDomain", "r");
        store.set_domain(1, Life::ShutDown);
        assert_eq!(watcher.next_event(), "@releaseDomain|r|");
        assert_eq!(watcher.ask(Op::RESUME, "1\0"), "OK|");
        store.set_domain(1, Life::ShutDown);
        assert_eq!(watcher.next_event(), "@releaseDomain|r|");
        assert_eq!(watcher.events(), [""; 0]);
    });
}

#[test]
fn introducing_a_known_domain_again_is_no_event() {
    for_each_store(|store| {
        let _guest = store.introduce(1);
        let mut watcher = store.raw();
        watcher.watch("@introduceDomain", "i");
        assert_eq!(watcher.ask(Op::INTRODUCE, "1\x001\x005\0"), "OK|");
        assert_eq!(watcher.events(), [""; 0]);
        assert_eq!(watcher.ask(Op::IS_DOMAIN_INTRODUCED, "1\0"), "T|");
    });
}
