//! Lists of children: order, and lists that no message can hold.

use xenbus::Operations;
use xenbus::wire::Op;

use super::ask_all;
use crate::support::{Store, for_each_store, path};

#[test]
fn children_are_listed_by_age_in_c_and_sorted_in_oxenstored() {
    for_each_store(|store| {
        let client = store.client();
        for name in ["zz", "aa", "mm", "Zoo", "9", "10", "a-b", "a_b"] {
            client.mkdir(&path(&format!("/o/{name}"))).unwrap();
        }
        client.rm(&path("/o/aa")).unwrap();
        client.mkdir(&path("/o/aa")).unwrap();
        let expected = if store.kind().lists_by_age() {
            ["zz", "mm", "Zoo", "9", "10", "a-b", "a_b", "aa"]
        } else {
            ["10", "9", "Zoo", "a-b", "a_b", "aa", "mm", "zz"]
        };
        assert_eq!(client.directory(&path("/o")).unwrap(), expected);
    });
}

/// Makes `/big` with `count` children of names of 20 bytes.
fn fill(store: &Store, count: u32) -> Vec<String> {
    let client = store.client();
    let names: Vec<String> = (0..count)
        .map(|n| format!("n{n:04}xxxxxxxxxxxxxxx"))
        .collect();
    let writes: Vec<_> = names
        .iter()
        .map(|name| client.submit_write(&path(&format!("/big/{name}")), b""))
        .collect();
    for write in writes {
        write.wait().unwrap();
    }
    names
}

#[test]
fn a_list_over_4096_bytes_is_e2big_in_c_and_one_long_reply_in_oxenstored() {
    for_each_store(|store| {
        let names = fill(store, 195);
        let whole = names.join("|") + "|";
        let mut raw = store.raw();
        assert_eq!(raw.ask(Op::DIRECTORY, "/big\0"), whole, "4095 bytes");
        let names = fill(store, 300);
        let whole = names.join("|") + "|";
        let answer = raw.ask(Op::DIRECTORY, "/big\0");
        assert_eq!(answer, store.kind().pick("!E2BIG", &whole));
    });
}

#[test]
fn directory_part_gives_a_generation_and_names_from_a_byte_offset() {
    for_each_store(|store| {
        let mut raw = store.raw();
        if !store.kind().has_directory_part() {
            assert_eq!(raw.ask(Op::DIRECTORY_PART, "/tool\x000\0"), "!ENOSYS");
            return;
        }
        let generation = raw.ask(Op::DIRECTORY_PART, "/tool\x000\0");
        let generation = generation.split('|').next().unwrap();
        for (offset, rest) in [
            ("0", "xenstored||"),
            ("1", "enstored||"),
            ("10", "|"),
            ("999", "|"),
            ("-1", "|"),
        ] {
            let answer = raw.ask(Op::DIRECTORY_PART, format!("/tool\0{offset}\0"));
            assert_eq!(answer, format!("{generation}|{rest}"), "{offset}");
        }
        raw.ask(Op::WRITE, "/tool/xenstored\0changed");
        let unchanged = raw.ask(Op::DIRECTORY_PART, "/tool\x000\0");
        assert_eq!(
            unchanged,
            format!("{generation}|xenstored||"),
            "a child's value"
        );
        raw.ask(Op::WRITE, "/tool/new\0");
        let changed = raw.ask(Op::DIRECTORY_PART, "/tool\x000\0");
        assert_ne!(changed.split('|').next().unwrap(), generation);
        assert_eq!(raw.ask(Op::DIRECTORY_PART, "/nosuch\x000\0"), "!ENOENT");
        let names = fill(store, 300);
        let (mut listed, mut offset) = (String::new(), 0);
        loop {
            let answer = raw.ask(Op::DIRECTORY_PART, format!("/big\0{offset}\0"));
            assert!(answer.len() <= 4096);
            let part = answer.split_once('|').unwrap().1;
            assert!(!part.is_empty(), "neither names nor an end");
            listed.push_str(part);
            offset += part.len();
            if part.ends_with("||") {
                break;
            }
        }
        assert_eq!(listed, names.join("|") + "||");
    });
}

#[test]
fn the_client_lists_thousands_of_children() {
    for_each_store(|store| {
        let mut names = fill(store, 4000);
        let client = store.client();
        let mut listed = client.directory(&path("/big")).unwrap();
        listed.sort();
        names.sort();
        assert_eq!(listed, names);
        let transaction = client.begin().unwrap();
        assert_eq!(transaction.directory(&path("/big")).unwrap().len(), 4000);
        drop(transaction);
        client.rm(&path("/big")).unwrap();
        assert!(!client.exists(&path("/big")).unwrap());
    });
}

#[test]
fn a_long_list_that_changes_while_it_is_read_is_never_torn() {
    for_each_store(|store| {
        let names = fill(store, 600);
        let client = store.client();
        let (permits, permitted) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let other = store.client();
                // The first one moves to the end, and everything behind it to the front. A few times only: a list
                // that changes without pause cannot be read at all, which the client says.
                for () in permitted {
                    other.rm(&path("/big/n0000xxxxxxxxxxxxxxx")).unwrap();
                    other.mkdir(&path("/big/n0000xxxxxxxxxxxxxxx")).unwrap();
                }
            });
            for _ in 0..30 {
                permits.send(()).unwrap();
                let mut list = client.directory(&path("/big")).unwrap();
                let listed = list.len();
                list.sort();
                list.dedup();
                assert_eq!(list.len(), listed, "nothing twice");
                let steady = list.iter().filter(|name| **name != names[0]).count();
                assert_eq!(steady, 599, "nothing missing");
            }
            drop(permits);
        });
    });
}

#[test]
fn leaves_have_no_children() {
    for_each_store(|store| {
        let mut raw = store.raw();
        ask_all(
            store,
            &mut raw,
            &[
                (Op::DIRECTORY, b"/tool/xenstored\0", "", ""),
                (Op::DIRECTORY, b"/tool\0", "xenstored|", "xenstored|"),
            ],
        );
        assert_eq!(
            store.client().directory(&path("/tool/xenstored")).unwrap(),
            [""; 0]
        );
    });
}
