//! Nodes that are there and nodes that are not; values.

use xenbus::wire::Op;
use xenbus::{Error, Operations, Perms, StorePath};

use super::ask_all;
use crate::support::{for_each_store, path, refusal};

#[test]
fn a_missing_node_is_enoent_except_for_removal_below_an_existing_parent() {
    for_each_store(|store| {
        let mut raw = store.raw();
        let missing = [
            (Op::READ, "!ENOENT"),
            (Op::DIRECTORY, "!ENOENT"),
            (Op::GET_PERMS, "!ENOENT"),
            (Op::RM, "OK|"),
        ];
        for (op, with_parent) in missing {
            assert_eq!(raw.ask(op, "/tool/nosuch\0"), with_parent, "{op}");
            assert_eq!(raw.ask(op, "/nosuch/x\0"), "!ENOENT", "{op}");
            assert_eq!(raw.ask(op, "/nosuch/x/y\0"), "!ENOENT", "{op}");
        }
        assert_eq!(raw.ask(Op::SET_PERMS, "/nosuch\0n0\0"), "!ENOENT");
        let client = store.client();
        assert!(!client.exists(&path("/nosuch")).unwrap());
        assert!(client.exists(&path("/tool")).unwrap());
    });
}

#[test]
fn the_root_cannot_be_removed_through_the_client() {
    for_each_store(|store| {
        let client = store.client();
        let error = client.rm(&StorePath::root()).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        assert!(client.exists(&path("/tool")).unwrap());
        // What the daemons do when they are asked.
        let mut raw = store.raw();
        ask_all(
            store,
            &mut raw,
            &[
                (Op::RM, b"/\0", "!EINVAL", "OK|"),
                (Op::READ, b"/tool\0", "", "!ENOENT"),
            ],
        );
    });
}

#[test]
fn mkdir_makes_parents_and_leaves_what_is_there() {
    for_each_store(|store| {
        let client = store.client();
        client.mkdir(&path("/m/a/b")).unwrap();
        assert_eq!(client.read(&path("/m/a/b")).unwrap(), b"");
        assert_eq!(client.read(&path("/m/a")).unwrap(), b"");
        client.write(&path("/m/v"), b"kept").unwrap();
        client.mkdir(&path("/m/v")).unwrap();
        assert_eq!(client.read(&path("/m/v")).unwrap(), b"kept");
        client.mkdir(&StorePath::root()).unwrap();
    });
}

#[test]
fn a_node_has_a_value_and_children_and_so_has_the_root() {
    for_each_store(|store| {
        let client = store.client();
        client.write(&path("/n"), b"value").unwrap();
        client.write(&path("/n/child"), b"other").unwrap();
        assert_eq!(client.read(&path("/n")).unwrap(), b"value");
        assert_eq!(client.directory(&path("/n")).unwrap(), ["child"]);
        assert_eq!(client.directory(&path("/n/child")).unwrap(), [""; 0]);
        client.write(&StorePath::root(), b"rootval").unwrap();
        assert_eq!(client.read(&StorePath::root()).unwrap(), b"rootval");
    });
}

#[test]
fn new_nodes_get_the_whole_permission_list_of_their_parent() {
    for_each_store(|store| {
        let client = store.client();
        client.mkdir(&path("/inh")).unwrap();
        let perms = Perms::parse("b0,r0").unwrap();
        client.set_perms(&path("/inh"), &perms).unwrap();
        client.write(&path("/inh/a/b"), b"v").unwrap();
        client.mkdir(&path("/inh/m")).unwrap();
        for made in ["/inh/a", "/inh/a/b", "/inh/m"] {
            assert_eq!(client.perms(&path(made)).unwrap(), perms, "{made}");
        }
    });
}

#[test]
fn removal_takes_the_whole_subtree() {
    for_each_store(|store| {
        let client = store.client();
        client.write(&path("/r/a/b/c"), b"v").unwrap();
        client.write(&path("/rest"), b"stays").unwrap();
        client.rm(&path("/r")).unwrap();
        for gone in ["/r", "/r/a", "/r/a/b/c"] {
            assert_eq!(refusal(client.read(&path(gone))), "ENOENT", "{gone}");
        }
        assert_eq!(client.read(&path("/rest")).unwrap(), b"stays");
    });
}

#[test]
fn values_are_any_bytes() {
    for_each_store(|store| {
        let client = store.client();
        let all: Vec<u8> = (0..=255).collect();
        let values: [&[u8]; 7] = [
            b"",
            b"\0",
            b"a\0b\0",
            b"line\n",
            &all,
            b"\xff\xfe\xc3",
            b"OK\0",
        ];
        for value in values {
            client.write(&path("/v"), value).unwrap();
            assert_eq!(client.read(&path("/v")).unwrap(), value);
        }
    });
}

#[test]
fn the_largest_value_is_the_daemons_and_one_byte_more_is_refused() {
    for_each_store(|store| {
        let client = store.client();
        let node = path("/v");
        let max = store.kind().value_max(node.as_str().len());
        let value: Vec<u8> = (0..max).map(|n| n.to_le_bytes()[0]).collect();
        client.write(&node, &value).unwrap();
        assert_eq!(client.read(&node).unwrap(), value);
        let over = client.write(&node, &vec![7; max + 1]);
        match store.kind().value_too_long() {
            Some(errno) => assert_eq!(refusal(over), errno),
            // No message can hold it: the client says so, without asking.
            None => assert!(matches!(
                over.unwrap_err(),
                Error::TooLong {
                    length: 4097,
                    max: 4096,
                    ..
                }
            )),
        }
        assert_eq!(client.read(&node).unwrap(), value, "nothing was changed");
        let error = client.write(&node, &vec![7; 100_000]).unwrap_err();
        assert!(matches!(error, Error::TooLong { .. }), "{error}");
        assert_eq!(client.read(&node).unwrap(), value, "still in step");
    });
}
