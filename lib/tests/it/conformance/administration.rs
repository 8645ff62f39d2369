//! What only the privileged may ask, and how the daemons read numbers.

use xenbus::wire::Op;
use xenbus::{DomId, Error, ErrorKind, Operations};

use super::ask_all;
use crate::support::{for_each_store, path, refusal};

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

#[test]
fn the_client_administers_domains() {
    for_each_store(|store| {
        let client = store.client();
        let domid = DomId(4);
        assert!(!client.is_introduced(domid).unwrap());
        assert_eq!(
            refusal(client.introduce(domid, 1, 5)),
            "EINVAL",
            "no such domain"
        );
        let _guest = store.introduce(4);
        assert!(client.is_introduced(domid).unwrap());
        client.introduce(domid, 1, 5).unwrap();
        client.resume(domid).unwrap();
        let _target = store.introduce(6);
        client.set_target(domid, DomId(6)).unwrap();
        client.release(domid).unwrap();
        assert!(!client.is_introduced(domid).unwrap());
        let unknown = store.kind().pick("ENOENT", "EINVAL");
        assert_eq!(refusal(client.release(domid)), unknown);
        assert_eq!(refusal(client.resume(domid)), unknown);
        // What the daemons would read as a number all the same.
        let error = client.introduce(DomId(32_752), 1, 5).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        let error = client.control(&[]).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        let answer = client.control(&["print", "hello"]).unwrap();
        assert_eq!(answer, b"OK");
    });
}

#[test]
fn the_client_says_what_a_store_of_4_17_lacks() {
    for_each_store(|store| {
        let client = store.client();
        assert!(!client.has_features().unwrap());
        let unsupported = [
            client.feature(None).map(drop),
            client.feature(Some(DomId(0))).map(drop),
            client.set_feature(DomId(5), 0),
            client.quota_names().map(drop),
            client.quota(None, "nodes").map(drop),
            client.set_quota(None, "nodes", 1000),
        ];
        for answer in unsupported {
            assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unsupported);
        }
        let part = client.directory_part(&path("/tool"), 0);
        if store.kind().has_directory_part() {
            assert_eq!(part.unwrap().names, ["xenstored"]);
        } else {
            assert_eq!(part.unwrap_err().kind(), ErrorKind::Unsupported);
        }
    });
}
