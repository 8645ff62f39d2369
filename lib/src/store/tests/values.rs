//! Values and packet sizes.

use super::*;

#[test]
fn any_bytes_come_back_the_same() {
    let mut desk = Desk::new();
    let all: Vec<u8> = (0..=255).collect();
    for value in [&b""[..], b"\0", b"a\0b\0", b"\n", &all, b"\xff\xfe"] {
        let answer = desk.raw(desk.dom0, 0, Op::WRITE, &[b"/v\0", value].concat());
        assert_eq!(answer, OK);
        assert_eq!(desk.ask(Op::READ, r"/v\0"), escape(value).to_string());
    }
}

#[test]
fn dom0_may_fill_a_message() {
    let mut desk = Desk::new();
    let value = vec![b'x'; 4093];
    assert_eq!(
        desk.raw(desk.dom0, 0, Op::WRITE, &[b"/v\0", &value[..]].concat()),
        OK
    );
    assert_eq!(desk.ask(Op::READ, r"/v\0").len(), 4093);
}

#[test]
fn empty_payloads_are_answered() {
    let mut desk = Desk::new();
    for op in Op::ALL {
        let answer = desk.ask(*op, "");
        let expected = match *op {
            Op::TRANSACTION_START => r"1\x00",
            Op::RESET_WATCHES => OK,
            Op::WATCH_EVENT
            | Op::ERROR
            | Op::GET_FEATURE
            | Op::SET_FEATURE
            | Op::GET_QUOTA
            | Op::SET_QUOTA => "ENOSYS",
            _ => "EINVAL",
        };
        assert_eq!(answer, expected, "{op}");
    }
}
