//! Grammar and length of paths.

use xenbus::wire::Op;
use xenbus::{Operations, StorePath};

use super::ask_all;
use crate::support::{for_each_store, path, refusal};

#[test]
fn our_grammar_of_paths_is_that_of_the_stores() {
    for_each_store(|store| {
        let mut raw = store.raw();
        let mut texts: Vec<Vec<u8>> = [
            "/",
            "//",
            "/od/",
            "/od//x",
            "/od",
            "/od/rel",
            "/od d",
            "/od.d",
            "/od+d",
            "/od:d",
            "/od,d",
            "/od~d",
            "/od%2f",
            "/od\\d",
            "/od\nd",
            "/od\x7fd",
            "/od\u{e9}",
            "/od@d",
            "/@od",
            "/od/.",
            "/od/..",
            "/-",
            "/_",
            "",
            "od",
            "od/rel",
            "od/",
            "od//x",
            "o d",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec();
        texts.extend((1..=255).map(|byte| vec![b'/', b'x', byte]));
        for text in texts {
            let payload = [&text[..], b"\0value"].concat();
            let taken = raw.ask(Op::WRITE, &payload);
            assert_eq!(
                taken,
                if StorePath::parse(&text).is_ok() {
                    "OK|"
                } else {
                    "!EINVAL"
                },
                "{text:?}"
            );
            let read = raw.ask(Op::READ, [&text[..], b"\0"].concat());
            assert_eq!(read, if taken == "OK|" { "value" } else { "!EINVAL" });
        }
    });
}

#[test]
fn special_names_are_no_nodes_except_in_oxenstored() {
    for_each_store(|store| {
        let mut raw = store.raw();
        ask_all(
            store,
            &mut raw,
            &[
                (Op::READ, b"@introduceDomain\0", "!EINVAL", ""),
                (Op::READ, b"@releaseDomain\0", "!EINVAL", ""),
                (Op::WRITE, b"@od\0v", "!EINVAL", "OK|"),
                (Op::READ, b"@od\0", "!EINVAL", "v"),
                (Op::GET_PERMS, b"@releaseDomain\0", "!EINVAL", "n0|"),
                (Op::SET_PERMS, b"@releaseDomain\0n0\0r3\0", "OK|", "OK|"),
                (Op::GET_PERMS, b"@releaseDomain\0", "!EINVAL", "n0|r3|"),
                (Op::READ, b"/@releaseDomain\0", "!ENOENT", ""),
                (Op::RM, b"@releaseDomain\0", "!EINVAL", "OK|"),
                (Op::WRITE, b"/@mine\0v", "OK|", "OK|"),
                (Op::READ, b"/@mine\0", "v", "v"),
            ],
        );
    });
}

#[test]
fn the_tree_of_a_fresh_store_is_that_of_the_daemon() {
    for_each_store(|store| {
        let mut raw = store.raw();
        ask_all(
            store,
            &mut raw,
            &[
                (
                    Op::DIRECTORY,
                    b"/\0",
                    "tool|",
                    "@introduceDomain|@releaseDomain|local|tool|",
                ),
                (Op::READ, b"/\0", "", ""),
                (Op::GET_PERMS, b"/\0", "n0|", "n0|"),
                (Op::DIRECTORY, b"/tool\0", "xenstored|", "xenstored|"),
                (Op::DIRECTORY, b"/tool/xenstored\0", "", ""),
                (Op::GET_PERMS, b"/tool/xenstored\0", "n0|", "n0|"),
                (Op::READ, b"/local\0", "!ENOENT", ""),
            ],
        );
    });
}

#[test]
fn relative_paths_are_below_the_home_of_the_daemons_domain() {
    for_each_store(|store| {
        let client = store.client();
        client.write(&path("od/rel"), b"v").unwrap();
        assert_eq!(client.read(&path("/local/domain/0/od/rel")).unwrap(), b"v");
        assert_eq!(client.directory(&path("od")).unwrap(), ["rel"]);
        client.rm(&path("od")).unwrap();
        assert!(!client.exists(&path("/local/domain/0/od")).unwrap());
    });
}

/// A path of `length` bytes below `start`, in elements of up to 100 bytes.
fn long_path(start: &str, length: usize) -> String {
    let mut text = start.to_owned();
    while text.len() < length {
        let left = length - text.len();
        // Never a single byte left, which could only be a slash.
        let element = if left == 102 { 99 } else { left.min(101) - 1 };
        text.push('/');
        text.push_str(&"p".repeat(element));
    }
    assert_eq!(text.len(), length);
    text
}

#[test]
fn the_longest_path_is_the_daemons_and_one_byte_more_is_refused() {
    for_each_store(|store| {
        let client = store.client();
        let max = store.kind().path_max();
        for length in [255, 256, 257, 1023, max] {
            let long = path(&long_path("", length));
            client.write(&long, b"v").unwrap();
            assert_eq!(client.read(&long).unwrap(), b"v", "{length}");
        }
        let over = path(&long_path("", max + 1));
        assert_eq!(refusal(client.write(&over, b"v")), "EINVAL");
        assert_eq!(refusal(client.read(&over)), "EINVAL");
        // The home of a domain is not counted.
        let home = "/local/domain/5/";
        let long = path(&long_path(&format!("{home}p"), home.len() + max));
        client.write(&long, b"v").unwrap();
        let over = path(&long_path(&format!("{home}p"), home.len() + max + 1));
        assert_eq!(refusal(client.write(&over, b"v")), "EINVAL");
        let element = path(&format!("/{}", "e".repeat(1022)));
        client.write(&element, b"v").unwrap();
        assert_eq!(client.read(&element).unwrap(), b"v", "one long element");
    });
}

#[test]
fn trees_are_as_deep_as_a_path_can_say() {
    for_each_store(|store| {
        let client = store.client();
        let deep = path(&"/d".repeat(512));
        client.write(&deep, b"bottom").unwrap();
        assert_eq!(client.read(&deep).unwrap(), b"bottom");
        assert_eq!(client.directory(&path(&"/d".repeat(511))).unwrap(), ["d"]);
        client.rm(&path("/d")).unwrap();
        assert_eq!(refusal(client.read(&deep)), "ENOENT");
    });
}
