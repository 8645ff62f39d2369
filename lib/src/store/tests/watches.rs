//! Watches.

use super::*;

#[test]
fn a_watch_is_acknowledged_and_then_fires_at_once() {
    let mut desk = Desk::new();
    desk.ask(Op::WATCH, r"/w\0tok\0");
    let seen: Vec<_> = desk
        .inbox
        .messages
        .iter()
        .map(|(_, seen)| seen.clone())
        .collect();
    assert_eq!(
        seen,
        [
            Seen::Reply(Op::WATCH, TxId::NONE, OK.into()),
            Seen::Event("/w|tok".into())
        ]
    );
    desk.table(&[
        (Op::WATCH, r"/w\0tok\0", "EEXIST"),
        (Op::WATCH, r"/w\0other\0", OK),
        (Op::UNWATCH, r"/w\0unknown\0", "ENOENT"),
        (Op::UNWATCH, r"/unwatched\0tok\0", "ENOENT"),
        (Op::UNWATCH, r"/w\0tok\0", OK),
        (Op::UNWATCH, r"/w\0tok\0", "ENOENT"),
        (Op::UNWATCH, r"/w\0other", "EINVAL"),
        (Op::WATCH, r"/w\0", "EINVAL"),
        (Op::WATCH, r"/w\0\0", OK),
        (Op::WATCH, r"/w\0t", "EINVAL"),
        (Op::WATCH, r"\0t\0", "EINVAL"),
        (Op::WATCH, r"/w/\0t\0", "EINVAL"),
        (Op::WATCH, r"//\0t\0", "EINVAL"),
        (Op::WATCH, r"/w w\0t\0", "EINVAL"),
        (Op::WATCH, r"/w.x\0t\0", "EINVAL"),
        (Op::WATCH, r"/dep\0t\01\0", "EINVAL"),
        (Op::WATCH, r"/dep\0t\0x\0", "EINVAL"),
    ]);
}

#[test]
fn first_events_carry_the_path_as_it_was_given() {
    let mut desk = Desk::new();
    for path in [
        "rel",
        "@nosuch",
        "@introduceDomain",
        "@releaseDomain",
        "@releaseDomain/1",
        "/",
    ] {
        assert_eq!(desk.ask(Op::WATCH, &format!("{path}\\0t\\0")), OK, "{path}");
        assert_eq!(desk.events(desk.dom0), [format!("{path}|t")]);
    }
    let token = "t".repeat(4080);
    assert_eq!(desk.ask(Op::WATCH, &format!("/w\\0{token}\\0")), OK);
    assert_eq!(desk.events(desk.dom0), [format!("/w|{token}")]);
    for (length, answer) in [(1025, OK), (2048, OK), (3072, "EINVAL"), (3073, "EINVAL")] {
        let path = "/".to_owned() + &"x".repeat(length - 1);
        assert_eq!(
            desk.ask(Op::WATCH, &format!("{path}\\0t\\0")),
            answer,
            "{length}"
        );
    }
}

/// What a watch on /e sees of one operation of another client, on a store with /e/k/l and /e/m.
fn events_of(watch: &str, op: Op, payload: &str) -> Vec<String> {
    let mut desk = Desk::new();
    let watcher = desk.another();
    desk.ask(Op::WRITE, r"/e/k/l\0v");
    desk.ask(Op::WRITE, r"/e/m\0v");
    desk.ask_as(watcher, Op::WATCH, &format!("{watch}\\0t\\0"));
    desk.events(watcher);
    assert_eq!(desk.ask(op, payload), OK);
    desk.events(watcher)
}

#[test]
fn a_change_is_told_to_the_watches_on_it_and_above() {
    for (watch, op, payload, events) in [
        ("/e", Op::WRITE, r"/e\0v", &["/e|t"][..]),
        ("/e", Op::WRITE, r"/e\0", &["/e|t"]),
        ("/e", Op::WRITE, r"/e/new\0v", &["/e/new|t"]),
        ("/e", Op::WRITE, r"/e/a/b/c\0v", &["/e/a/b/c|t"]),
        ("/e", Op::MKDIR, r"/e/a/b\0", &["/e/a/b|t"]),
        ("/e", Op::MKDIR, r"/e/k\0", &[]),
        ("/", Op::WRITE, r"/e/a\0v", &["/e/a|t"]),
        ("/e", Op::WRITE, r"/ex\0v", &[]),
        ("/e/k", Op::WRITE, r"/e\0v", &[]),
        ("/e", Op::SET_PERMS, r"/e\0n0\0", &["/e|t"]),
        ("/e", Op::RM, r"/e\0", &["/e|t"]),
        ("/e/k/l", Op::RM, r"/e\0", &["/e/k/l|t"]),
        ("/e/zz", Op::RM, r"/e\0", &[]),
        ("/e", Op::RM, r"/e/nosuch\0", &[]),
        ("e0", Op::WRITE, r"/local/domain/0/e0/x\0v", &["e0/x|t"]),
        ("e0", Op::WRITE, r"/local/domain/0/e0\0v", &["e0|t"]),
        (
            "/local/domain/0/e0",
            Op::WRITE,
            r"e0/x\0v",
            &["/local/domain/0/e0/x|t"],
        ),
    ] {
        assert_eq!(
            events_of(watch, op, payload),
            events,
            "{watch}: {op} {payload}"
        );
    }
}

#[test]
fn an_own_change_is_told_before_its_reply() {
    for (op, payload) in [
        (Op::WRITE, r"/e/own\0v"),
        (Op::RM, r"/e/own\0"),
        (Op::SET_PERMS, r"/e/own\0n0\0"),
    ] {
        let mut desk = Desk::new();
        desk.ask(Op::WRITE, r"/e/own\0v");
        desk.ask(Op::WATCH, r"/e\0t\0");
        desk.inbox.messages.clear();
        desk.ask(op, payload);
        let seen: Vec<_> = desk
            .inbox
            .messages
            .iter()
            .map(|(_, seen)| seen.clone())
            .collect();
        assert_eq!(
            seen,
            [
                Seen::Event("/e/own|t".into()),
                Seen::Reply(op, TxId::NONE, OK.into())
            ]
        );
    }
}

#[test]
fn watches_fire_in_the_order_of_their_registration() {
    let mut desk = Desk::new();
    for watch in [r"/a/b\01\0", r"/\02\0", r"/a\03\0", r"/a/b\04\0"] {
        desk.ask(Op::WATCH, watch);
    }
    desk.events(desk.dom0);
    desk.ask(Op::WRITE, r"/a/b\0v");
    assert_eq!(
        desk.events(desk.dom0),
        ["/a/b|1", "/a/b|2", "/a/b|3", "/a/b|4"]
    );
}

#[test]
fn removed_nodes_are_told_from_the_bottom() {
    let mut desk = Desk::new();
    for path in ["/e/k/l", "/e/m"] {
        desk.ask(Op::WRITE, &format!("{path}\\0v"));
    }
    for path in ["/e", "/e/k", "/e/k/l", "/e/m"] {
        desk.ask(Op::WATCH, &format!("{path}\\0{path}\\0"));
    }
    desk.events(desk.dom0);
    desk.ask(Op::RM, r"/e\0");
    assert_eq!(
        desk.events(desk.dom0),
        ["/e/k/l|/e/k/l", "/e/k|/e/k", "/e/m|/e/m", "/e|/e"]
    );
}

#[test]
fn reset_watches_drops_watches_and_transactions() {
    let mut desk = Desk::new();
    desk.ask(Op::WATCH, r"/e\0t\0");
    let tx = desk.begin(desk.dom0);
    assert_eq!(desk.ask(Op::RESET_WATCHES, r"\0"), OK);
    desk.events(desk.dom0);
    desk.ask(Op::WRITE, r"/e\0v");
    assert_eq!(desk.events(desk.dom0), Vec::<String>::new());
    assert_eq!(desk.commit(desk.dom0, tx), "ENOENT");
}

#[test]
fn a_gone_connection_has_no_watches() {
    let mut desk = Desk::new();
    let gone = desk.another();
    desk.ask_as(gone, Op::WATCH, r"/e\0t\0");
    desk.core.disconnect(gone);
    desk.events(gone);
    desk.ask(Op::WRITE, r"/e\0v");
    assert_eq!(desk.events(gone), Vec::<String>::new());
}

#[test]
fn events_too_long_for_a_message_are_not_sent() {
    let mut desk = Desk::new();
    let token = "t".repeat(4080);
    desk.ask(Op::WATCH, &format!("/w\\0{token}\\0"));
    desk.events(desk.dom0);
    desk.ask(Op::WRITE, r"/w/a-long-name-below\0v");
    desk.ask(Op::WRITE, r"/w/short\0v");
    assert_eq!(desk.events(desk.dom0), [format!("/w/short|{token}")]);
}

#[test]
fn a_socket_client_may_have_many_watches() {
    let mut desk = Desk::new();
    desk.check = false;
    for n in 0..1500 {
        assert_eq!(desk.ask(Op::WATCH, &format!("/w\\0{n}\\0")), OK);
    }
}
