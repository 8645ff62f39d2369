//! Administrative operations of dom0.

use super::*;

#[test]
fn domain_numbers_are_read_as_laxly_as_c_does() {
    Desk::new().table(&[
        (Op::GET_DOMAIN_PATH, r"0\0", r"/local/domain/0\x00"),
        (Op::GET_DOMAIN_PATH, r"77\0", r"/local/domain/77\x00"),
        (Op::GET_DOMAIN_PATH, r"032\0", r"/local/domain/32\x00"),
        (
            Op::GET_DOMAIN_PATH,
            r"-1\0",
            r"/local/domain/4294967295\x00",
        ),
        (Op::GET_DOMAIN_PATH, r"99999\0", r"/local/domain/99999\x00"),
        (Op::GET_DOMAIN_PATH, r"abc\0", r"/local/domain/0\x00"),
        (Op::GET_DOMAIN_PATH, r"\0", r"/local/domain/0\x00"),
        (Op::IS_DOMAIN_INTRODUCED, r"0\0", r"T\x00"),
        (Op::IS_DOMAIN_INTRODUCED, r"77\0", r"F\x00"),
        (Op::IS_DOMAIN_INTRODUCED, r"32752\0", r"T\x00"),
        (Op::IS_DOMAIN_INTRODUCED, r"abc\0", r"T\x00"),
        (Op::IS_DOMAIN_INTRODUCED, r"\0", r"T\x00"),
        (Op::IS_DOMAIN_INTRODUCED, "0", "EINVAL"),
        (Op::RESUME, r"0\0", "EINVAL"),
        (Op::RESUME, r"77\0", "ENOENT"),
        (Op::RESUME, r"abc\0", "EINVAL"),
        (Op::RELEASE, r"77\0", "ENOENT"),
        (Op::RELEASE, r"abc\0", "EINVAL"),
        (Op::SET_TARGET, r"77\078\0", "ENOENT"),
        (Op::INTRODUCE, r"77\01\05\0", "EINVAL"),
        (Op::INTRODUCE, r"0\05\0", "EINVAL"),
        (Op::INTRODUCE, r"0\01\00\0", "EINVAL"),
        (Op::RESET_WATCHES, "", OK),
        (Op::RESET_WATCHES, r"\0", OK),
    ]);
}

#[test]
fn control_answers_as_c_does() {
    let mut desk = Desk::new();
    desk.table(&[
        (Op::CONTROL, "", "EINVAL"),
        (Op::CONTROL, r"\0", "EINVAL"),
        (Op::CONTROL, r"check\0", OK),
        (Op::CONTROL, r"print\0hello\0", OK),
        (Op::CONTROL, r"print\0", "EINVAL"),
        (Op::CONTROL, r"log\0", "EINVAL"),
        (Op::CONTROL, r"log\0on\0", OK),
        (Op::CONTROL, r"nonsense\0", "EINVAL"),
        (Op::CONTROL, r"quota\0set\0nodes\00\0", "EINVAL"),
        (Op::CONTROL, r"quota\077\0", "ENOENT"),
        (
            Op::CONTROL,
            r"quota\00\0",
            r"Domain 0:\nnodes           :        3\nwatches         :        0\ntransactions    :        0\noutstanding     :        0\nmemory          :      132\n\x00",
        ),
    ]);
    assert_eq!(desk.inbox.log, ["control: hello"]);
    let quotas = desk.ask(Op::CONTROL, r"quota\0");
    assert!(quotas.starts_with(r"Quota settings:\nnodes            :     1000 Nodes per domain\nwatches          :      128 Watches per domain\ntransactions     :       10 Transaction"));
    assert_eq!(quotas.replace(r"\n", "n").replace(r"\x00", "0").len(), 537);
    assert!(
        desk.ask(Op::CONTROL, r"help\0")
            .starts_with(r"check\t\nlog\ton|off\n")
    );
}

#[test]
fn an_operator_sets_quotas() {
    let mut desk = Desk::new();
    let guest = desk.guest(1);
    assert_eq!(desk.ask(Op::CONTROL, r"quota\0set\0nodes\03\0"), OK);
    assert_eq!(desk.ask_as(guest, Op::WRITE, r"a\0"), OK);
    assert_eq!(desk.ask_as(guest, Op::WRITE, r"b\0"), OK);
    assert_eq!(desk.ask_as(guest, Op::WRITE, r"c\0"), "ENOSPC");
    assert_eq!(
        desk.ask(Op::CONTROL, r"quota\01\0"),
        r"Domain 1:\nnodes           :        3\nwatches         :        0\ntransactions    :        0\noutstanding     :        0\nmemory          :      149\n\x00"
    );
}

#[test]
fn what_is_printed_cannot_harm_a_terminal() {
    let mut desk = Desk::new();
    assert_eq!(
        desk.raw(desk.dom0, 0, Op::CONTROL, b"print\0\x1b[31m\n\0"),
        OK
    );
    assert_eq!(desk.inbox.log, [r"control: \x1b[31m\n"]);
}
