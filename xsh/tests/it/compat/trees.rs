//! Trees by chance, and one with all that is awkward.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use xenbus::address::Address;
use xenbus::{Client, ClientOptions, Operations as _, Perms, StorePath};

use super::{Pair, for_each_pair};
use crate::stores::Store;

type Tree = Vec<(Vec<String>, Vec<u8>, u8)>;

fn tree() -> impl Strategy<Value = Tree> {
    let name = "[a-zA-Z0-9_@-]{1,8}";
    let node = (prop::collection::vec(name, 1..5), any::<Vec<u8>>(), 0..4u8);
    prop::collection::vec(node, 1..40)
}

fn plant(store: &Store, tree: &Tree) {
    let address = Address::Unix(store.socket().to_owned());
    let client = Client::connect(&address, ClientOptions::default()).unwrap();
    for (place, value, perms) in tree {
        let path = StorePath::parse(format!("/r/{}", place.join("/"))).unwrap();
        client.write(&path, value).unwrap();
        let perms = ["n0", "r0,w1", "b0,n2", "w0,r3,b4,n5"][usize::from(*perms)];
        client
            .set_perms(&path, &Perms::parse(perms).unwrap())
            .unwrap();
    }
}

fn compare(pair: &Pair, tree: &Tree) {
    plant(&pair.theirs, tree);
    plant(&pair.ours, tree);
    for arguments in [
        &["/r"][..],
        &["-p", "/r"],
        &["-f", "/r"],
        &["-f", "-p", "/r"],
        &["-p"],
    ] {
        let arguments: Vec<_> = arguments.iter().map(|a| a.as_bytes()).collect();
        pair.same("xenstore-ls", &arguments);
    }
    for (place, ..) in tree.iter().take(3) {
        let path = format!("/r/{}", place.join("/"));
        pair.same("xenstore-read", &[path.as_bytes()]);
        pair.same("xenstore-list", &[b"-p", path.as_bytes()]);
    }
    pair.same("xenstore-rm", &[b"/r"]);
}

#[test]
fn trees_by_chance_are_printed_alike() {
    for_each_pair(|pair| {
        let cases = if std::env::var_os("XENBUS_LONG").is_some() {
            200
        } else {
            6
        };
        let config = Config {
            cases,
            failure_persistence: None,
            ..Config::default()
        };
        TestRunner::new(config)
            .run(&tree(), |tree| {
                compare(pair, &tree);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn a_large_tree_is_printed_alike() {
    for_each_pair(|pair| {
        let tree: Tree = (0..600)
            .map(|node| {
                let place = vec![format!("d{}", node % 7), format!("n{node}")];
                (place, format!("value {node}").into_bytes(), 1)
            })
            .collect();
        plant(&pair.theirs, &tree);
        plant(&pair.ours, &tree);
        let seen = pair.same("xenstore-ls", &[b"-f", b"-p", b"/r"]);
        assert_eq!(seen.stdout.split(|b| *b == b'\n').count(), 608);
    });
}
