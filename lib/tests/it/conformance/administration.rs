//! What only the privileged may ask, and how the daemons read numbers.

use xenbus::wire::Op;
use xenbus::{DomId, Operations};

use super::ask_all;
use crate::support::{for_each_store, path};

#[test]
fn homes_and_introductions_are_told_by_number() {
    for_each_store(|store| {
        let mut raw = store.raw();
        ask_all(
            store,
            &mut raw,
            &[
                (
                    Op::GET_DOMAIN_PATH,
                    b"0\0",
                    "/local/domain/0|",
                    "/local/domain/0|",
                ),
                (
                    Op::GET_DOMAIN_PATH,
                    b"77\0",
                    "/local/domain/77|",
                    "/local/domain/77|",
                ),
                (
                    Op::GET_DOMAIN_PATH,
                    b"032\0",
                    "/local/domain/32|",
                    "/local/domain/32|",
                ),
                (
                    Op::GET_DOMAIN_PATH,
                    b"abc\0",
                    "/local/domain/0|",
                    "/local/domain/0|",
                ),
                (Op::IS_DOMAIN_INTRODUCED, b"0\0", "T|", "T|"),
                (Op::IS_DOMAIN_INTRODUCED, b"77\0", "F|", "F|"),
                (Op::IS_DOMAIN_INTRODUCED, b"abc\0", "T|", "!EINVAL"),
                (Op::RESUME, b"77\0", "!ENOENT", "!EINVAL"),
                (Op::RELEASE, b"77\0", "!ENOENT", "!EINVAL"),
                (Op::SET_TARGET, b"77\x0078\0", "!ENOENT", "!ENOENT"),
                (Op::INTRODUCE, b"77\x001\x005\0", "!EINVAL", "!EINVAL"),
            ],
        );
        let home = store.client().domain_path(DomId(5)).unwrap();
        assert_eq!(home, path("/local/domain/5"));
    });
}

#[test]
fn control_knows_the_commands_of_the_c_daemon_and_oxenstored_says_ok_to_all() {
    for_each_store(|store| {
        let mut raw = store.raw();
        ask_all(
            store,
            &mut raw,
            &[
                (Op::CONTROL, b"check\0", "OK|", "OK|"),
                (Op::CONTROL, b"print\0hello\0", "OK|", "OK|"),
                (Op::CONTROL, b"nonsense\0", "!EINVAL", "OK|"),
                (Op::CONTROL, b"\0", "!EINVAL", "OK|"),
            ],
        );
        if !store.kind().is_ocaml() {
            let help = raw.ask(Op::CONTROL, "help\0");
            for command in ["check", "print", "quota"] {
                assert!(help.contains(command), "{help}");
            }
            let quota = raw.ask(Op::CONTROL, "quota\0");
            assert!(quota.contains("1000 Nodes per domain"), "{quota}");
        }
    });
}

#[test]
fn operations_of_later_versions_are_enosys() {
    for_each_store(|store| {
        let mut raw = store.raw();
        for (op, payload) in [
            (Op::GET_FEATURE, "0\0"),
            (Op::SET_FEATURE, "0\x000\0"),
            (Op::GET_QUOTA, "nodes\0"),
            (Op::SET_QUOTA, "nodes\x001000\0"),
        ] {
            assert_eq!(raw.ask(op, payload), "!ENOSYS", "{op}");
        }
    });
}
