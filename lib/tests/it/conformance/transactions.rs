//! Transactions: isolation, conflicts, and how they end.

use xenbus::wire::Op;
use xenbus::{ErrorKind, Operations};

use super::ask_all;
use crate::support::{Raw, for_each_store, path, refusal};

#[test]
fn numbers_belong_to_a_connection_and_unknown_ones_are_refused() {
    for_each_store(|store| {
        let (mut one, mut other) = (store.raw(), store.raw());
        assert_eq!([one.begin(), one.begin(), other.begin()], [1, 2, 1]);
        let unknown = format!("!{}", store.kind().unknown_transaction());
        for (op, payload) in [
            (Op::READ, "/tool\0"),
            (Op::WRITE, "/tool\0v"),
            (Op::TRANSACTION_END, "T\0"),
            (Op::GET_DOMAIN_PATH, "0\0"),
        ] {
            assert_eq!(one.ask_in(99, op, payload), unknown, "{op}");
        }
        // 2 is open on the first connection only.
        assert_eq!(other.ask_in(2, Op::READ, "/tool\0"), unknown);
        // WATCH does not look at it, and oxenstored does not even echo it.
        one.send(Op::WATCH, 99, b"/w\0t\0");
        let (header, payload) = one.receive().unwrap();
        assert_eq!((header.op, &payload[..]), (Op::WATCH, &b"OK\0"[..]));
        assert_eq!(header.tx_id.0, store.kind().pick(99, 0));
        assert_eq!(one.ask_in(1, Op::TRANSACTION_START, "\0"), "!EBUSY");
        assert_eq!(one.ask(Op::TRANSACTION_END, "T\0"), "!ENOENT");
    });
}

#[test]
fn a_malformed_end_leaves_the_transaction_open_and_any_other_ends_it() {
    for_each_store(|store| {
        let mut raw = store.raw();
        let tx = raw.begin();
        for bad in ["X\0", "TT\0", "t\0"] {
            assert_eq!(raw.ask_in(tx, Op::TRANSACTION_END, bad), "!EINVAL", "{bad}");
        }
        assert_eq!(raw.ask_in(tx, Op::READ, "/tool\0"), "");
        assert_eq!(raw.commit(tx), "OK|");
        let unknown = format!("!{}", store.kind().unknown_transaction());
        assert_eq!(raw.commit(tx), unknown);
        assert_eq!(raw.ask_in(tx, Op::READ, "/tool\0"), unknown);
    });
}

#[test]
fn changes_are_seen_inside_at_once_and_outside_only_after_the_commit() {
    for_each_store(|store| {
        let (client, other) = (store.client(), store.client());
        let node = path("/t/n");
        let transaction = client.begin().unwrap();
        transaction.write(&node, b"1").unwrap();
        transaction.write(&path("/t/gone"), b"1").unwrap();
        transaction.rm(&path("/t/gone")).unwrap();
        assert_eq!(transaction.read(&node).unwrap(), b"1");
        assert_eq!(transaction.directory(&path("/t")).unwrap(), ["n"]);
        assert_eq!(refusal(other.read(&node)), "ENOENT");
        assert_eq!(
            refusal(client.read(&node)),
            "ENOENT",
            "outside, same client"
        );
        transaction.commit().unwrap();
        assert_eq!(other.read(&node).unwrap(), b"1");
        assert_eq!(refusal(other.read(&path("/t/gone"))), "ENOENT");
    });
}

#[test]
fn an_aborted_or_dropped_transaction_changes_nothing() {
    for_each_store(|store| {
        let client = store.client();
        let transaction = client.begin().unwrap();
        transaction.write(&path("/aborted"), b"1").unwrap();
        transaction.abort().unwrap();
        let transaction = client.begin().unwrap();
        transaction.write(&path("/dropped"), b"1").unwrap();
        drop(transaction);
        assert_eq!(refusal(client.read(&path("/aborted"))), "ENOENT");
        assert_eq!(refusal(client.read(&path("/dropped"))), "ENOENT");
        // A connection that ends takes its transactions with it.
        let mut raw = store.raw();
        let tx = raw.begin();
        raw.ask_in(tx, Op::WRITE, "/closed\0v");
        drop(raw);
        assert_eq!(refusal(client.read(&path("/closed"))), "ENOENT");
    });
}

/// What a transaction does, what another does meanwhile, and whether C and oxenstored see a conflict.
type Case<'a> = (&'a [(Op, &'a str)], (Op, &'a str), bool, bool);

#[test]
fn conflicts_are_those_of_the_daemon() {
    const WRITE_B: (Op, &str) = (Op::WRITE, "/c/b\0t");
    let cases: [Case<'_>; 15] = [
        (
            &[(Op::WRITE, "/c/a\0t")],
            (Op::WRITE, "/c/a\0o"),
            true,
            false,
        ),
        (
            &[(Op::WRITE, "/c/a\0t")],
            (Op::WRITE, "/c/b\0o"),
            false,
            false,
        ),
        (
            &[(Op::READ, "/c/a\0"), WRITE_B],
            (Op::WRITE, "/c/a\0o"),
            true,
            true,
        ),
        // The same value: C compares generations, oxenstored what it answered.
        (
            &[(Op::READ, "/c/a\0"), WRITE_B],
            (Op::WRITE, "/c/a\x000"),
            true,
            false,
        ),
        (&[(Op::READ, "/c/a\0")], (Op::WRITE, "/c/a\0o"), true, false),
        (
            &[(Op::READ, "/c/x\0"), WRITE_B],
            (Op::WRITE, "/c/x\0o"),
            true,
            false,
        ),
        (
            &[(Op::READ, "/c/x\0"), (Op::WRITE, "/c/x\0t")],
            (Op::WRITE, "/c/x\0o"),
            true,
            true,
        ),
        (
            &[(Op::READ, "/c/a\0"), (Op::WRITE, "/c/a\0t")],
            (Op::WRITE, "/c/a\0o"),
            true,
            true,
        ),
        (
            &[(Op::READ, "/c/a\0"), WRITE_B],
            (Op::WRITE, "/c/a/k\0o"),
            true,
            false,
        ),
        (
            &[(Op::DIRECTORY, "/c\0"), WRITE_B],
            (Op::WRITE, "/c/x\0o"),
            true,
            true,
        ),
        (
            &[(Op::WRITE, "/c/x\0t")],
            (Op::WRITE, "/c/y\0o"),
            true,
            false,
        ),
        (&[(Op::WRITE, "/c/a\0t")], (Op::RM, "/c\0"), true, false),
        (
            &[(Op::WRITE, "/c/a\0t")],
            (Op::SET_PERMS, "/c/a\0n0\0r3\0"),
            true,
            false,
        ),
        (
            &[(Op::WRITE, "/c/a\0t")],
            (Op::WRITE, "/unrelated\0o"),
            false,
            false,
        ),
        (&[], (Op::WRITE, "/c/a\0o"), false, false),
    ];
    for_each_store(|store| {
        for (inside, outside, c, ocaml) in cases {
            let (mut raw, mut other) = (store.raw(), store.raw());
            prepare(&mut other);
            let tx = raw.begin();
            for (op, payload) in inside {
                raw.ask_in(tx, *op, payload);
            }
            other.ask(outside.0, outside.1);
            let conflict = raw.commit(tx) == "!EAGAIN";
            assert_eq!(
                conflict,
                store.kind().pick(c, ocaml),
                "{inside:?} | {outside:?}"
            );
        }
    });
}

/// `/c` with `a` and `b`, each of value 0.
fn prepare(raw: &mut Raw) {
    raw.ask(Op::RM, "/c\0");
    raw.ask(Op::WRITE, "/c/a\x000");
    raw.ask(Op::WRITE, "/c/b\x000");
}

#[test]
fn a_transaction_sees_what_was_there_at_first_access_in_c_and_at_its_start_in_oxenstored() {
    for_each_store(|store| {
        let (mut raw, mut other) = (store.raw(), store.raw());
        prepare(&mut other);
        let tx = raw.begin();
        other.ask(Op::WRITE, "/c/a\x001");
        let seen = store.kind().pick("1", "0");
        assert_eq!(raw.ask_in(tx, Op::READ, "/c/a\0"), seen);
        other.ask(Op::WRITE, "/c/a\x002");
        assert_eq!(raw.ask_in(tx, Op::READ, "/c/a\0"), seen, "and it stays");
        other.ask(Op::WRITE, "/c/b\x001");
        assert_eq!(raw.ask_in(tx, Op::READ, "/c/b\0"), seen);
        let (c, ocaml) = ("!EAGAIN", "OK|");
        assert_eq!(raw.commit(tx), store.kind().pick(c, ocaml));
    });
}

#[test]
fn the_client_starts_a_conflicting_transaction_again_until_it_holds() {
    for_each_store(|store| {
        let (client, other) = (store.client(), store.client());
        let node = path("/c/n");
        client.write(&node, b"0").unwrap();
        let mut attempts = 0;
        let read = client
            .transaction(|transaction| {
                attempts += 1;
                let read = transaction.read(&node)?;
                if attempts < 3 {
                    other.write(&node, attempts.to_string().as_bytes())?;
                }
                transaction.write(&path("/c/copy"), &read)?;
                Ok(read)
            })
            .unwrap();
        assert_eq!((attempts, &read[..]), (3, &b"2"[..]));
        assert_eq!(client.read(&path("/c/copy")).unwrap(), b"2");
    });
}

#[test]
fn a_conflict_without_end_is_given_up_and_an_error_of_the_body_ends_it_at_once() {
    for_each_store(|store| {
        let (client, other) = (store.client(), store.client());
        let node = path("/c/n");
        client.write(&node, b"start").unwrap();
        let mut attempts = 0u32;
        let error = client
            .transaction(|transaction| {
                attempts += 1;
                transaction.read(&node)?;
                other.write(&node, attempts.to_string().as_bytes())?;
                transaction.write(&path("/c/other"), b"v")
            })
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(attempts > 3, "{attempts}");
        let mut attempts = 0;
        let failed = client.transaction(|transaction| {
            attempts += 1;
            transaction.write(&path("/c/left"), b"v")?;
            transaction.read(&path("/nosuch"))
        });
        assert_eq!((refusal(failed), attempts), ("ENOENT".to_owned(), 1));
        assert_eq!(refusal(client.read(&path("/c/left"))), "ENOENT");
    });
}

#[test]
fn hundreds_of_transactions_and_thousands_of_writes_are_no_matter_on_the_socket() {
    for_each_store(|store| {
        let mut raw = store.raw();
        let numbers: Vec<u32> = (0..300).map(|_| raw.begin()).collect();
        for tx in numbers {
            assert_eq!(raw.abort(tx), "OK|");
        }
        let client = store.client();
        let transaction = client.begin().unwrap();
        let writes: Vec<_> = (0..1500)
            .map(|number| transaction.submit_write(&path(&format!("/big/{number}")), b"v"))
            .collect();
        for write in writes {
            write.wait().unwrap();
        }
        transaction.commit().unwrap();
        assert_eq!(client.directory(&path("/big")).unwrap().len(), 1500);
        let mut raw = store.raw();
        ask_all(store, &mut raw, &[(Op::READ, b"/big/1499\0", "v", "v")]);
    });
}
