//! What fires, what does not, and in which order.

use xenbus::wire::Op;
use xenbus::{Operations, StorePath, WatchEvent};

use super::ask_all;
use crate::support::{Store, for_each_store, path, soon};

#[test]
fn registration_answers_first_and_then_fires_once() {
    for_each_store(|store| {
        let mut raw = store.raw();
        raw.send(Op::WATCH, 0, b"/w\0tok\0");
        assert_eq!(raw.receive().unwrap().0.op, Op::WATCH);
        let (event, payload) = raw.receive().unwrap();
        assert_eq!(event.op, Op::WATCH_EVENT);
        assert_eq!(payload, b"/w\0tok\0");
        ask_all(
            store,
            &mut raw,
            &[
                (Op::WATCH, b"/w\0tok\0", "!EEXIST", "!EEXIST"),
                (Op::WATCH, b"/w\0other\0", "OK|", "OK|"),
                (Op::WATCH, b"/w\0\0", "OK|", "OK|"),
                (Op::UNWATCH, b"/w\0unknown\0", "!ENOENT", "!ENOENT"),
                (Op::UNWATCH, b"/nobody\0tok\0", "!ENOENT", "!ENOENT"),
                (Op::UNWATCH, b"/w\0tok\0", "OK|", "OK|"),
                (Op::UNWATCH, b"/w\0tok\0", "!ENOENT", "!ENOENT"),
            ],
        );
        assert_eq!(raw.events(), ["/w|other|", "/w||"]);
    });
}

#[test]
fn a_watch_takes_a_relative_a_special_or_an_absolute_path_and_no_other() {
    for_each_store(|store| {
        let mut raw = store.raw();
        for bad in ["", "/w/", "//", "/w w", "/w.x"] {
            assert_eq!(
                raw.ask(Op::WATCH, format!("{bad}\0t\0")),
                "!EINVAL",
                "{bad}"
            );
        }
        for good in [
            "rel",
            "@nosuch",
            "@introduceDomain",
            "@releaseDomain",
            "@releaseDomain/1",
            "/",
        ] {
            raw.watch(good, "t");
        }
        for length in [255, 1024, 3000, 4000] {
            raw.watch("/token", &"t".repeat(length));
        }
        assert_eq!(raw.ask(Op::WATCH, "/w\0t\x001\0"), "!EINVAL", "a depth");
    });
}

/// What happens below a watch on `/e`, and what it tells of it.
type Case<'a> = (&'a str, Op, &'a str, &'a [&'a str]);

#[test]
fn changes_fire_watches_on_the_node_and_above_with_the_path_of_the_change() {
    let cases: [Case<'_>; 15] = [
        ("a new node", Op::WRITE, "/e\0v", &["/e|t|"]),
        ("the same value", Op::WRITE, "/e\0v", &["/e|t|"]),
        ("a new child", Op::WRITE, "/e/k\0v", &["/e/k|t|"]),
        (
            "new parents do not fire",
            Op::WRITE,
            "/e/a/b/c\0v",
            &["/e/a/b/c|t|"],
        ),
        ("nor with MKDIR", Op::MKDIR, "/e/x/y\0", &["/e/x/y|t|"]),
        ("MKDIR of what is there", Op::MKDIR, "/e/x\0", &[]),
        ("a sister with the same beginning", Op::WRITE, "/ex\0v", &[]),
        ("permissions", Op::SET_PERMS, "/e/k\0n0\0r0\0", &["/e/k|t|"]),
        (
            "the same permissions",
            Op::SET_PERMS,
            "/e/k\0n0\0r0\0",
            &["/e/k|t|"],
        ),
        ("reading", Op::READ, "/e/k\0", &[]),
        ("listing", Op::DIRECTORY, "/e\0", &[]),
        ("removal of a missing child", Op::RM, "/e/nosuch\0", &[]),
        ("removal of a subtree, once", Op::RM, "/e/a\0", &["/e/a|t|"]),
        ("removal of the watched node", Op::RM, "/e\0", &["/e|t|"]),
        ("coming back", Op::MKDIR, "/e/again\0", &["/e/again|t|"]),
    ];
    for_each_store(|store| {
        let (mut watcher, mut other) = (store.raw(), store.raw());
        watcher.watch("/e", "t");
        for (what, op, payload, events) in &cases {
            assert!(!other.ask(*op, payload).starts_with('!'), "{what}");
            assert_eq!(watcher.events(), *events, "{what}");
        }
    });
}

#[test]
fn removal_fires_the_watches_below_it_with_their_own_paths() {
    for_each_store(|store| {
        let (mut watcher, mut other) = (store.raw(), store.raw());
        other.ask(Op::WRITE, "/e/k/l\0v");
        watcher.watch("/e/k/l", "there");
        watcher.watch("/e/missing", "missing");
        watcher.watch("/", "root");
        other.ask(Op::RM, "/e\0");
        let mut events = watcher.events();
        events.sort();
        let mut expected = vec!["/e/k/l|there|", "/e|root|"];
        if store.kind().removal_fires_for_missing() {
            expected.insert(1, "/e/missing|missing|");
        }
        assert_eq!(events, expected);
    });
}

#[test]
fn a_relative_watch_tells_relative_paths() {
    for_each_store(|store| {
        let (mut watcher, mut other) = (store.raw(), store.raw());
        watcher.watch("e0", "rel");
        watcher.watch("/local/domain/0/e0", "abs");
        other.ask(Op::WRITE, "/local/domain/0/e0/x\0v");
        other.ask(Op::WRITE, "e0/y\0v");
        let mut events = watcher.events();
        events.sort();
        assert_eq!(
            events,
            [
                "/local/domain/0/e0/x|abs|",
                "/local/domain/0/e0/y|abs|",
                "e0/x|rel|",
                "e0/y|rel|"
            ]
        );
    });
}

#[test]
fn own_events_come_before_the_reply_in_c_and_after_it_in_oxenstored() {
    for_each_store(|store| {
        let mut raw = store.raw();
        raw.watch("/e", "t");
        for (op, payload) in [(Op::WRITE, &b"/e/own\0v"[..]), (Op::RM, b"/e/own\0")] {
            raw.send(op, 0, payload);
            let order = [raw.receive().unwrap().0.op, raw.receive().unwrap().0.op];
            let expected = if store.kind().events_before_reply() {
                [Op::WATCH_EVENT, op]
            } else {
                [op, Op::WATCH_EVENT]
            };
            assert_eq!(order, expected);
        }
        // At a commit it is the same for all.
        let tx = raw.begin();
        raw.ask_in(tx, Op::WRITE, "/e/own\0v");
        raw.send(Op::TRANSACTION_END, tx, b"T\0");
        assert_eq!(raw.receive().unwrap().0.op, Op::WATCH_EVENT);
        assert_eq!(raw.receive().unwrap().0.op, Op::TRANSACTION_END);
    });
}

#[test]
fn events_of_a_transaction_come_at_its_commit_and_never_after_an_abort() {
    for_each_store(|store| {
        let (mut watcher, mut other) = (store.raw(), store.raw());
        watcher.watch("/t", "t");
        let tx = other.begin();
        other.ask_in(tx, Op::WRITE, "/t/a\0v");
        other.ask_in(tx, Op::WRITE, "/t/b\0v");
        assert_eq!(watcher.events(), [""; 0]);
        assert_eq!(other.commit(tx), "OK|");
        assert_eq!(watcher.events(), ["/t/a|t|", "/t/b|t|"]);
        let tx = other.begin();
        other.ask_in(tx, Op::WRITE, "/t/c\0v");
        assert_eq!(other.abort(tx), "OK|");
        assert_eq!(watcher.events(), [""; 0]);
        assert_eq!(other.ask(Op::READ, "/t/c\0"), "!ENOENT");
    });
}

#[test]
fn events_before_an_unwatch_still_arrive_before_its_reply_and_none_after() {
    for_each_store(|store| {
        let (mut watcher, mut other) = (store.raw(), store.raw());
        watcher.watch("/e", "t");
        other.ask(Op::WRITE, "/e/1\0v");
        watcher.send(Op::UNWATCH, 0, b"/e\0t\0");
        let order = [
            watcher.receive().unwrap().0.op,
            watcher.receive().unwrap().0.op,
        ];
        assert_eq!(order, [Op::WATCH_EVENT, Op::UNWATCH]);
        other.ask(Op::WRITE, "/e/2\0v");
        assert_eq!(watcher.events(), [""; 0]);
    });
}

#[test]
fn reset_watches_ends_the_watches_and_transactions_of_its_connection_only() {
    for_each_store(|store| {
        let (mut one, mut other) = (store.raw(), store.raw());
        one.watch("/e", "t");
        other.watch("/e", "t");
        let tx = one.begin();
        assert_eq!(one.ask(Op::RESET_WATCHES, "\0"), "OK|");
        store.raw().ask(Op::WRITE, "/e\0v");
        assert_eq!(one.events(), [""; 0]);
        assert_eq!(other.events(), ["/e|t|"]);
        let gone = format!("!{}", store.kind().unknown_transaction());
        assert_eq!(one.ask_in(tx, Op::READ, "/e\0"), gone);
    });
}

#[test]
fn a_thousand_watches_of_one_connection_all_fire() {
    for_each_store(|store| {
        let mut raw = store.raw();
        for number in 0..1000 {
            raw.send(Op::WATCH, 0, format!("/many\0{number}\0").as_bytes());
        }
        let first = (0..2000).filter(|_| raw.receive().unwrap().0.op == Op::WATCH_EVENT);
        assert_eq!(first.count(), 1000);
        store.raw().ask(Op::WRITE, "/many\0v");
        assert_eq!(raw.events().len(), 1000);
    });
}

/// The paths that a watch of the client tells up to and including `last`.
fn told_until(watch: &xenbus::Watch, last: &StorePath) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        match watch.next_until(soon()).unwrap() {
            Some(WatchEvent::Changed(at)) => {
                told.push(at.to_string());
                if at == *last {
                    return told;
                }
            }
            other => panic!("{other:?} instead of a change, after {told:?}"),
        }
    }
}

fn client_watch(store: &Store, at: &str) -> (xenbus::Client, xenbus::Watch) {
    let client = store.client();
    let watch = client.watch(&path(at)).unwrap();
    assert_eq!(watch.next_until(soon()).unwrap(), Some(WatchEvent::Initial));
    (client, watch)
}

#[test]
fn the_clients_watch_marks_the_first_event_and_tells_every_change() {
    for_each_store(|store| {
        let (client, watch) = client_watch(store, "/w");
        let other = store.client();
        other.write(&path("/w"), b"v").unwrap();
        client.write(&path("/w/mine"), b"v").unwrap();
        other.write(&path("/elsewhere"), b"v").unwrap();
        other.rm(&path("/w/mine")).unwrap();
        other.write(&path("/w/end"), b"v").unwrap();
        let mut told = told_until(&watch, &path("/w/end"));
        // Two changes of one node are one event if the first was not sent yet.
        told.dedup();
        assert_eq!(told, ["/w", "/w/mine", "/w/end"]);
    });
}

#[test]
fn two_watches_of_the_client_on_one_path_both_tell_and_end_apart() {
    for_each_store(|store| {
        let (client, first) = client_watch(store, "/w");
        let second = client.watch(&path("/w")).unwrap();
        assert_eq!(
            second.next_until(soon()).unwrap(),
            Some(WatchEvent::Initial)
        );
        client.write(&path("/w/1"), b"v").unwrap();
        assert_eq!(told_until(&first, &path("/w/1")), ["/w/1"]);
        assert_eq!(told_until(&second, &path("/w/1")), ["/w/1"]);
        drop(first);
        client.write(&path("/w/2"), b"v").unwrap();
        assert_eq!(told_until(&second, &path("/w/2")), ["/w/2"]);
    });
}

#[test]
fn a_depth_is_kept_whether_or_not_the_store_knows_depths() {
    for_each_store(|store| {
        let client = store.client();
        let depth = |depth| {
            let mut options = xenbus::watch::WatchOptions::default();
            options.depth = Some(depth);
            let watch = client.watch_with(&path("/dep"), options).unwrap();
            assert_eq!(watch.next_until(soon()).unwrap(), Some(WatchEvent::Initial));
            watch
        };
        let (node, children) = (depth(0), depth(1));
        client.write(&path("/dep/a/b"), b"v").unwrap();
        client.write(&path("/dep/a"), b"v").unwrap();
        client.write(&path("/dep"), b"v").unwrap();
        assert_eq!(told_until(&node, &path("/dep")), ["/dep"]);
        assert_eq!(told_until(&children, &path("/dep")), ["/dep/a", "/dep"]);
    });
}

#[test]
fn equal_events_may_be_merged_by_c_and_doubled_by_oxenstored_but_never_lost() {
    for_each_store(|store| {
        let (mut watcher, mut other) = (store.raw(), store.raw());
        watcher.watch("/e", "same");
        watcher.watch("/e/own", "same");
        other.ask(Op::WRITE, "/e/own\0v");
        let twice = ["/e/own|same|"; 2];
        let expected = if store.kind().is_ocaml() { 2 } else { 1 };
        assert_eq!(watcher.events(), twice[..expected]);
        for _ in 0..50 {
            other.ask(Op::WRITE, "/e/n\0v");
        }
        let events = watcher.events();
        if store.kind().is_ocaml() {
            assert_eq!(events.len(), 50);
        }
        assert!((1..=50).contains(&events.len()), "{}", events.len());
        assert!(events.iter().all(|event| event == "/e/n|same|"));
    });
}
