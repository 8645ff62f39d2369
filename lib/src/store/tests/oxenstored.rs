//! Where oxenstored differs. (Its transactions and events are compared with the daemon's own in `tests/it/differential`.)

use super::*;

#[test]
fn the_store_is_that_of_oxenstored() {
    let mut desk = Desk::like(Personality::Oxenstored);
    desk.table(&[
        (
            Op::DIRECTORY,
            r"/\0",
            r"@introduceDomain\x00@releaseDomain\x00local\x00tool\x00",
        ),
        (
            Op::READ,
            r"/tool/xenstored\0",
            "/usr/lib/xen-4.17/bin/oxenstored",
        ),
        (Op::READ, r"@releaseDomain\0", ""),
        (Op::GET_PERMS, r"@releaseDomain\0", r"n0\x00"),
        (Op::WRITE, r"@od\0v", OK),
        (Op::READ, r"@od\0", "v"),
        (Op::DIRECTORY_PART, r"/\00\0", "ENOSYS"),
        (Op::GET_FEATURE, r"0\0", "ENOSYS"),
        (Op::SET_PERMS, r"/tool\0b77\0", OK),
        (Op::CONTROL, r"nonsense\0", OK),
        (Op::CONTROL, r"help\0", OK),
        (Op::RM, r"/\0", OK),
        (Op::READ, r"/tool\0", "ENOENT"),
    ]);
}

#[test]
fn names_are_sorted_values_short_and_lists_long() {
    let mut desk = Desk::like(Personality::Oxenstored);
    for name in ["zz", "aa", "mm"] {
        desk.ask(Op::WRITE, &format!("/o/{name}\\0"));
    }
    assert_eq!(desk.ask(Op::DIRECTORY, r"/o\0"), r"aa\x00mm\x00zz\x00");
    assert_eq!(
        desk.ask(Op::WRITE, &format!("/v\\0{}", "x".repeat(2048))),
        OK
    );
    assert_eq!(
        desk.ask(Op::WRITE, &format!("/v\\0{}", "x".repeat(2049))),
        "E2BIG"
    );
    assert_eq!(
        desk.ask(Op::WRITE, &format!("/{}\\0", "x".repeat(1024))),
        "EINVAL"
    );
    desk.check = false;
    for n in 0..700 {
        desk.ask(Op::WRITE, &format!("/big/n{n:05}\\0"));
    }
    assert_eq!(
        desk.ask(Op::DIRECTORY, r"/big\0")
            .replace(r"\x00", "0")
            .len(),
        4900
    );
}

#[test]
fn events_come_after_the_reply_and_for_missing_nodes_too() {
    let mut desk = Desk::like(Personality::Oxenstored);
    desk.ask(Op::WRITE, r"/e/k\0v");
    desk.ask(Op::WATCH, r"/e\0t\0");
    desk.ask(Op::WATCH, r"/e/zz\0t\0");
    desk.inbox.messages.clear();
    desk.ask(Op::WRITE, r"/e/own\0v");
    let seen: Vec<_> = desk
        .inbox
        .messages
        .iter()
        .map(|(_, seen)| seen.clone())
        .collect();
    assert_eq!(
        seen,
        [
            Seen::Reply(Op::WRITE, TxId::NONE, OK.into()),
            Seen::Event("/e/own|t".into())
        ]
    );
    desk.events(desk.dom0);
    desk.ask(Op::RM, r"/e\0");
    let mut events = desk.events(desk.dom0);
    events.sort();
    assert_eq!(events, ["/e/zz|t", "/e|t"]);
}

#[test]
fn unknown_transactions_are_eio_and_quotas_equota() {
    let mut desk = Desk::like(Personality::Oxenstored);
    let guest = desk.guest(1);
    assert_eq!(desk.ask_in(desk.dom0, 99, Op::READ, r"/tool\0"), "EIO");
    let mut watches = 0;
    while desk.ask_as(guest, Op::WATCH, &format!("w\\0{watches}\\0")) == OK {
        watches += 1;
    }
    assert_eq!(watches, 101);
    assert_eq!(desk.ask_as(guest, Op::WATCH, r"w\0x\0"), "EQUOTA");
    assert_eq!(desk.ask_as(guest, Op::READ, r"/nosuch\0"), "ENOENT");
    assert_eq!(desk.ask_as(guest, Op::CONTROL, r"print\0x\0"), OK);
}
