//! Transactions.

use super::*;

#[test]
fn numbers_count_from_1_on_every_connection() {
    let mut desk = Desk::new();
    let other = desk.another();
    assert_eq!(
        (
            desk.begin(desk.dom0),
            desk.begin(desk.dom0),
            desk.begin(other)
        ),
        (1, 2, 1)
    );
    let (dom0, unknown) = (desk.dom0, 99);
    for (op, payload, answer) in [
        (Op::READ, r"/tool\0", "ENOENT"),
        (Op::WRITE, r"/x\0v", "ENOENT"),
        (Op::TRANSACTION_END, r"T\0", "ENOENT"),
        (Op::WATCH, r"/w\0t\0", OK),
        (Op::UNWATCH, r"/w\0t\0", OK),
        (Op::GET_DOMAIN_PATH, r"1\0", "ENOENT"),
    ] {
        assert_eq!(desk.ask_in(dom0, unknown, op, payload), answer, "{op}");
    }
    assert_eq!(desk.ask(Op::TRANSACTION_END, r"T\0"), "ENOENT");
    assert_eq!(desk.ask_in(dom0, 1, Op::TRANSACTION_START, r"\0"), "EBUSY");
    assert_eq!(desk.ask_in(other, 2, Op::READ, r"/tool\0"), "ENOENT");
}

#[test]
fn a_malformed_end_leaves_the_transaction_open() {
    let mut desk = Desk::new();
    let (dom0, tx) = (desk.dom0, desk.begin(desk.dom0));
    for bad in [r"X\0", "T", "", r"TT\0", r"T\0T\0", r"t\0"] {
        assert_eq!(
            desk.ask_in(dom0, tx, Op::TRANSACTION_END, bad),
            "EINVAL",
            "{bad}"
        );
    }
    assert_eq!(desk.commit(dom0, tx), OK);
    assert_eq!(desk.commit(dom0, tx), "ENOENT");
}

#[test]
fn changes_and_their_events_wait_for_the_commit() {
    let mut desk = Desk::new();
    let (dom0, other) = (desk.dom0, desk.another());
    desk.ask_as(other, Op::WATCH, r"/t\0tok\0");
    desk.events(other);
    let tx = desk.begin(dom0);
    for (op, payload) in [
        (Op::WRITE, r"/t/b\01"),
        (Op::WRITE, r"/t/a\01"),
        (Op::WRITE, r"/t/b\02"),
        (Op::RM, r"/t/a\0"),
    ] {
        assert_eq!(desk.ask_in(dom0, tx, op, payload), OK);
    }
    assert_eq!(desk.ask_as(other, Op::READ, r"/t/b\0"), "ENOENT");
    assert_eq!(desk.ask_in(dom0, tx, Op::READ, r"/t/b\0"), "2");
    assert_eq!(desk.events(other), Vec::<String>::new());
    assert_eq!(desk.commit(dom0, tx), OK);
    assert_eq!(desk.events(other), ["/t/b|tok"]);
    let tx = desk.begin(dom0);
    desk.ask_in(dom0, tx, Op::WRITE, r"/t/c\0v");
    assert_eq!(desk.ask_in(dom0, tx, Op::TRANSACTION_END, r"F\0"), OK);
    assert_eq!(desk.events(other), Vec::<String>::new());
    assert_eq!(desk.ask(Op::READ, r"/t/c\0"), "ENOENT");
}

#[test]
fn own_events_come_before_the_reply_of_the_commit() {
    let mut desk = Desk::new();
    let dom0 = desk.dom0;
    desk.ask(Op::WATCH, r"/t\0tok\0");
    let tx = desk.begin(dom0);
    desk.ask_in(dom0, tx, Op::WRITE, r"/t/a\0v");
    desk.inbox.messages.clear();
    desk.commit(dom0, tx);
    let seen: Vec<_> = desk
        .inbox
        .messages
        .iter()
        .map(|(_, seen)| seen.clone())
        .collect();
    assert_eq!(
        seen,
        [
            Seen::Event("/t/a|tok".into()),
            Seen::Reply(Op::TRANSACTION_END, TxId(tx), OK.into())
        ]
    );
}

/// The answer to the commit of a transaction that does `ours` while another client does `theirs`.
fn conflict(ours: &[(Op, &str)], theirs: (Op, &str)) -> String {
    let mut desk = Desk::new();
    let (dom0, other) = (desk.dom0, desk.another());
    for path in ["/c/a", "/c/b"] {
        desk.ask(Op::WRITE, &format!("{path}\\00"));
    }
    let tx = desk.begin(dom0);
    for (op, payload) in ours {
        desk.ask_in(dom0, tx, *op, payload);
    }
    assert_eq!(desk.ask_as(other, theirs.0, theirs.1), OK);
    desk.commit(dom0, tx)
}

#[test]
fn the_conflict_table_is_that_of_c() {
    const WRITE_A: (Op, &str) = (Op::WRITE, r"/c/a\01");
    const WRITE_B: (Op, &str) = (Op::WRITE, r"/c/b\01");
    const READ_A: (Op, &str) = (Op::READ, r"/c/a\0");
    const READ_X: (Op, &str) = (Op::READ, r"/c/x\0");
    const MAKE_X: (Op, &str) = (Op::WRITE, r"/c/x\01");
    for (ours, theirs, answer) in [
        (&[WRITE_A][..], (Op::WRITE, r"/c/a\02"), "EAGAIN"),
        (&[WRITE_A], (Op::WRITE, r"/c/b\02"), OK),
        (&[READ_A, WRITE_B], (Op::WRITE, r"/c/a\02"), "EAGAIN"),
        (&[READ_A, WRITE_B], (Op::WRITE, r"/c/a\00"), "EAGAIN"),
        (&[READ_A], (Op::WRITE, r"/c/a\02"), "EAGAIN"),
        (&[READ_X, WRITE_B], MAKE_X, "EAGAIN"),
        (&[READ_X, MAKE_X], MAKE_X, "EAGAIN"),
        (&[READ_A, WRITE_A], (Op::WRITE, r"/c/a\02"), "EAGAIN"),
        (&[READ_A, WRITE_B], (Op::MKDIR, r"/c/a/k\0"), "EAGAIN"),
        (&[(Op::DIRECTORY, r"/c\0"), WRITE_B], MAKE_X, "EAGAIN"),
        (&[MAKE_X], (Op::WRITE, r"/c/y\01"), "EAGAIN"),
        (&[WRITE_A], (Op::RM, r"/c\0"), "EAGAIN"),
        (&[WRITE_A], (Op::SET_PERMS, r"/c/a\0n0\0"), "EAGAIN"),
        (&[WRITE_A], (Op::WRITE, r"/unrelated\01"), OK),
        (&[], (Op::WRITE, r"/c/a\02"), OK),
    ] {
        assert_eq!(conflict(ours, theirs), answer, "{ours:?} | {theirs:?}");
    }
}

#[test]
fn a_node_is_fixed_when_it_is_first_used_and_not_before() {
    let mut desk = Desk::new();
    let dom0 = desk.dom0;
    desk.ask(Op::WRITE, r"/a\00");
    desk.ask(Op::WRITE, r"/b\00");
    let tx = desk.begin(dom0);
    desk.ask(Op::WRITE, r"/a\01");
    assert_eq!(desk.ask_in(dom0, tx, Op::READ, r"/a\0"), "1");
    desk.ask(Op::WRITE, r"/a\02");
    assert_eq!(desk.ask_in(dom0, tx, Op::READ, r"/a\0"), "1");
    desk.ask(Op::WRITE, r"/b\01");
    assert_eq!(desk.ask_in(dom0, tx, Op::READ, r"/b\0"), "1");
    assert_eq!(desk.commit(dom0, tx), "EAGAIN");
    assert_eq!(desk.ask_in(dom0, tx, Op::READ, r"/b\0"), "ENOENT");
}

#[test]
fn dom0_has_many_transactions_and_long_ones() {
    let mut desk = Desk::new();
    desk.check = false;
    let dom0 = desk.dom0;
    for _ in 0..300 {
        desk.begin(dom0);
    }
    let tx = desk.begin(dom0);
    for n in 0..3000 {
        assert_eq!(
            desk.ask_in(dom0, tx, Op::WRITE, &format!("/many/{n}\\0v")),
            OK
        );
    }
    assert_eq!(desk.commit(dom0, tx), OK);
    assert_eq!(desk.ask(Op::READ, r"/many/2999\0"), "v");
    assert_eq!(desk.core.check_store(), Vec::<String>::new());
}

#[test]
fn subtrees_are_removed_and_made_again_within_one_transaction() {
    let mut desk = Desk::new();
    let dom0 = desk.dom0;
    for path in ["/s/a/b", "/s/c", "/s/d"] {
        desk.ask(Op::WRITE, &format!("{path}\\0old"));
    }
    desk.ask(Op::WATCH, r"/\0t\0");
    desk.events(dom0);
    let tx = desk.begin(dom0);
    for (op, payload, answer) in [
        (Op::RM, r"/s/a\0", OK),
        (Op::READ, r"/s/a/b\0", "ENOENT"),
        (Op::DIRECTORY, r"/s\0", r"c\x00d\x00"),
        (Op::WRITE, r"/s/a/x\0new", OK),
        (Op::DIRECTORY, r"/s\0", r"c\x00d\x00a\x00"),
        (Op::RM, r"/s/d\0", OK),
    ] {
        assert_eq!(desk.ask_in(dom0, tx, op, payload), answer, "{op} {payload}");
    }
    assert_eq!(desk.ask(Op::DIRECTORY, r"/s\0"), r"a\x00c\x00d\x00");
    assert_eq!(desk.commit(dom0, tx), OK);
    desk.table(&[
        (Op::DIRECTORY, r"/s\0", r"c\x00a\x00"),
        (Op::READ, r"/s/a/x\0", "new"),
        (Op::READ, r"/s/a/b\0", "ENOENT"),
    ]);
    assert_eq!(desk.events(dom0), ["/s/a|t", "/s/a/x|t", "/s/d|t"]);
}

#[test]
fn a_lost_connection_aborts_its_transactions() {
    let mut desk = Desk::new();
    let other = desk.another();
    let tx = desk.begin(other);
    desk.ask_in(other, tx, Op::WRITE, r"/x\0v");
    desk.core.disconnect(other);
    assert_eq!(desk.ask(Op::READ, r"/x\0"), "ENOENT");
}
