//! Walks, snapshots, differences and copies, on every store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use xenbus::client::{Pending, Request};
use xenbus::perms::Perms;
use xenbus::tree::{Change, CopyPerms, Field, Order, Snapshot, Walk, WalkOptions, copy, diff};
use xenbus::wire::Op;
use xenbus::{Client, Error, ErrorKind, Operations, StorePath};

use crate::support::{Store, for_each_store, path};

fn write_all(client: &Client, nodes: &[(&str, &str)]) {
    for (at, value) in nodes {
        client.write(&path(at), value.as_bytes()).unwrap();
    }
}

fn paths(snapshot: &Snapshot) -> Vec<&str> {
    snapshot
        .nodes()
        .iter()
        .map(|node| node.path.as_str())
        .collect()
}

fn with(change: impl FnOnce(&mut WalkOptions)) -> WalkOptions {
    let mut options = WalkOptions::full();
    change(&mut options);
    options
}

#[test]
fn a_snapshot_has_every_node_sorted_with_value_and_permissions() {
    for_each_store(|store| {
        let client = store.client();
        write_all(
            &client,
            &[
                ("/t/b/y", "2"),
                ("/t/b/x", "1\0\n\u{e9}"),
                ("/t/a-z", ""),
                ("/t/a/k", "v"),
            ],
        );
        client
            .set_perms(&path("/t/b"), &Perms::parse("n0,r7").unwrap())
            .unwrap();
        let all = Snapshot::take(&client, &path("/t"), WalkOptions::full()).unwrap();
        assert_eq!(
            paths(&all),
            ["/t", "/t/a", "/t/a/k", "/t/a-z", "/t/b", "/t/b/x", "/t/b/y"]
        );
        let node = |at: &str| all.get(&path(at)).unwrap();
        assert_eq!(node("/t/b/x").value, Field::Known("1\0\n\u{e9}".into()));
        assert_eq!(node("/t/b").perms.known().unwrap().to_string(), "n0,r7");
        assert_eq!(node("/t/b").children, Field::Known(2));
        assert_eq!(all.subtree(&path("/t/a")).len(), 2);
        assert!(all.get(&path("/t/c")).is_none());
        assert_eq!(all.vanished(), 0);
    });
}

#[test]
fn whatever_was_written_is_found_by_any_window_and_order() {
    let trees = proptest::collection::btree_map("(/[a-c@-]{1,2}){1,5}", ".{0,8}", 1..40);
    let store = Store::embedded();
    let client = store.client();
    let mut runner = TestRunner::new(Config::with_cases(64));
    let cases = (trees, 1..20_usize, any::<bool>());
    let result = runner.run(&cases, |(tree, window, sorted)| {
        let top = path("/p");
        client
            .rm(&top)
            .or_else(|e| if e.is_not_found() { Ok(()) } else { Err(e) })
            .unwrap();
        for (at, value) in &tree {
            client
                .write(&path(&format!("/p{at}")), value.as_bytes())
                .unwrap();
        }
        let options = with(|options| {
            options.window = window;
            options.order = if sorted { Order::Sorted } else { Order::Store };
        });
        let walked: Vec<_> = Walk::new(&client, &top, options)
            .map(Result::unwrap)
            .collect();
        let mut expected: Vec<StorePath> = vec![top];
        for at in tree.keys() {
            let mut next = Some(path(&format!("/p{at}")));
            while let Some(at) = next.filter(|at| !expected.contains(at)) {
                next = at.parent();
                expected.push(at);
            }
        }
        expected.sort();
        let mut found: Vec<_> = walked.iter().map(|node| node.path.clone()).collect();
        for (index, at) in found.iter().enumerate().skip(1) {
            prop_assert!(
                found[..index].contains(&at.parent().unwrap()),
                "{at} before its parent"
            );
        }
        if !sorted {
            found.sort();
        }
        prop_assert_eq!(&found, &expected);
        for node in &walked {
            let value = tree.get(&node.path.as_str()[2..]).map_or("", |value| value);
            prop_assert_eq!(node.value.known().unwrap(), value.as_bytes());
        }
        Ok(())
    });
    result.unwrap();
}

#[test]
fn the_order_of_the_store_is_kept_where_it_is_asked_for() {
    for_each_store(|store| {
        let client = store.client();
        write_all(
            &client,
            &[("/o/c", ""), ("/o/a/z", ""), ("/o/a/y", ""), ("/o/b", "")],
        );
        let walk = Walk::new(
            &client,
            &path("/o"),
            with(|options| options.order = Order::Store),
        );
        let walked: Vec<String> = walk.map(|node| node.unwrap().path.to_string()).collect();
        let mut expected = vec!["/o".to_owned()];
        for name in client.directory(&path("/o")).unwrap() {
            let child = path("/o").child(&name).unwrap();
            let below = client.directory(&child).unwrap();
            expected.push(child.to_string());
            expected.extend(below.iter().map(|name| format!("{child}/{name}")));
        }
        assert_eq!(walked, expected);
    });
}

#[test]
fn a_directory_longer_than_a_message_is_whole() {
    for_each_store(|store| {
        let client = store.client();
        let long = "n".repeat(200);
        for number in 0..40 {
            client
                .write(&path(&format!("/long/{long}-{number}")), b"")
                .unwrap();
        }
        let all = Snapshot::take(&client, &path("/long"), WalkOptions::names()).unwrap();
        assert_eq!(all.nodes().len(), 41);
    });
}

#[test]
fn the_phantom_nodes_of_the_root_are_left_out_and_real_ones_are_not() {
    for_each_store(|store| {
        let client = store.client();
        client.write(&path("/@real"), b"1").unwrap();
        let all = Snapshot::take(&client, &StorePath::root(), WalkOptions::full()).unwrap();
        let odd: Vec<_> = paths(&all)
            .into_iter()
            .filter(|at| at.contains('@'))
            .collect();
        assert_eq!(odd, ["/@real"]);
    });
}

#[test]
fn depth_and_filter_limit_what_is_visited() {
    for_each_store(|store| {
        let client = store.client();
        write_all(&client, &[("/d/a/b/c", ""), ("/d/x/y", ""), ("/d/k", "")]);
        let depth = with(|options| options.depth = Some(1));
        let all = Snapshot::take(&client, &path("/d"), depth).unwrap();
        assert_eq!(paths(&all), ["/d", "/d/a", "/d/k", "/d/x"]);
        assert_eq!(all.nodes()[1].children, Field::Known(1));
        let filter = with(|options| options.filter = Some(Arc::new(|at| at.name() != Some("a"))));
        let all = Snapshot::take(&client, &path("/d"), filter).unwrap();
        assert_eq!(paths(&all), ["/d", "/d/k", "/d/x", "/d/x/y"]);
    });
}

#[test]
fn a_missing_top_is_an_error_and_the_only_item() {
    for_each_store(|store| {
        let client = store.client();
        let mut walk = Walk::new(&client, &path("/nowhere"), WalkOptions::full());
        let error = walk.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(walk.next().is_none());
    });
}

/// Removes a node just before it is read.
struct Remover<'a> {
    client: &'a Client,
    victim: StorePath,
}

impl Operations for Remover<'_> {
    fn submit(&self, request: Request) -> Pending<Vec<u8>> {
        if request.op == Op::DIRECTORY && request.subject.to_string() == self.victim.as_str() {
            self.client.rm(&self.victim).unwrap();
        }
        self.client.submit(request)
    }
}

#[test]
fn a_node_that_vanishes_midway_is_left_out_and_counted() {
    for_each_store(|store| {
        let client = store.client();
        write_all(
            &client,
            &[("/v/a", "1"), ("/v/b/below", "2"), ("/v/c", "3")],
        );
        let remover = Remover {
            client: &client,
            victim: path("/v/b"),
        };
        let all = Snapshot::take(&remover, &path("/v"), WalkOptions::full()).unwrap();
        assert_eq!(paths(&all), ["/v", "/v/a", "/v/c"]);
        assert_eq!(all.vanished(), 1);
    });
}

/// Counts the requests that were sent.
struct Counter<'a> {
    client: &'a Client,
    sent: AtomicUsize,
}

impl Operations for Counter<'_> {
    fn submit(&self, request: Request) -> Pending<Vec<u8>> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.client.submit(request)
    }
}

#[test]
fn a_walk_reads_no_further_ahead_than_its_window_allows() {
    let store = Store::embedded();
    let client = store.client();
    for number in 0..500 {
        client.write(&path(&format!("/w/{number}")), b"").unwrap();
    }
    let counter = Counter {
        client: &client,
        sent: AtomicUsize::new(0),
    };
    let options = with(|options| options.window = 30);
    let mut walk = Walk::new(&counter, &path("/w"), options);
    let first: Vec<_> = walk.by_ref().take(5).map(Result::unwrap).collect();
    assert_eq!(first.len(), 5);
    let ahead = counter.sent.load(Ordering::Relaxed);
    assert!(
        ahead <= 3 * (5 + 10 + 40),
        "{ahead} requests for five nodes"
    );
    assert_eq!(walk.count(), 496);
    assert_eq!(counter.sent.load(Ordering::Relaxed), 3 * 501);
}

#[test]
fn what_a_guest_may_not_read_is_marked_and_the_walk_goes_on() {
    for_each_store(|store| {
        let root = store.client();
        let guest = store.introduce(3);
        let home = "/local/domain/3";
        write_all(
            &root,
            &[
                (&format!("{home}/a/below"), "1"),
                (&format!("{home}/secret/below"), "2"),
                (&format!("{home}/z"), "3"),
            ],
        );
        let closed = Perms::parse("n0").unwrap();
        root.set_perms(&path(&format!("{home}/secret")), &closed)
            .unwrap();
        root.set_perms(&path(&format!("{home}/secret/below")), &closed)
            .unwrap();
        let client = guest.client();
        let all = Snapshot::take(&client, &path(home), WalkOptions::full()).unwrap();
        let below: Vec<_> = paths(&all).iter().map(|at| &at[home.len()..]).collect();
        assert_eq!(below, ["", "/a", "/a/below", "/secret", "/z"]);
        let secret = all.get(&path(&format!("{home}/secret"))).unwrap();
        assert_eq!(secret.value, Field::Denied);
        assert_eq!(secret.children, Field::Denied);
        assert!(secret.is_denied());
        assert_eq!(
            all.nodes().iter().filter(|node| node.is_denied()).count(),
            1
        );
    });
}

#[test]
fn a_snapshot_at_once_never_shows_a_half_of_a_transaction() {
    for_each_store(|store| {
        let client = store.client();
        write_all(&client, &[("/s/a/k", "0"), ("/s/b/k", "0")]);
        std::thread::scope(|scope| {
            let writer = store.client();
            scope.spawn(move || {
                for round in 1..=60 {
                    let value = round.to_string();
                    let written = writer.transaction(|transaction| {
                        transaction.write(&path("/s/a/k"), value.as_bytes())?;
                        transaction.write(&path("/s/b/k"), value.as_bytes())
                    });
                    // A loser of a conflict writes nothing.
                    assert!(
                        written.is_ok() || written.is_err_and(|e| e.kind() == ErrorKind::Conflict)
                    );
                }
            });
            for _ in 0..30 {
                match Snapshot::take_at_once(&client, &path("/s"), &WalkOptions::full()) {
                    Ok(all) => {
                        let value = |at| all.get(&path(at)).unwrap().value.clone();
                        assert_eq!(value("/s/a/k"), value("/s/b/k"));
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                }
            }
        });
        assert!(Snapshot::take_at_once(&client, &path("/s"), &WalkOptions::full()).is_ok());
    });
}

#[test]
fn differences_are_told_in_order_with_both_sides() {
    for_each_store(|store| {
        let client = store.client();
        write_all(
            &client,
            &[("/f/a", "1"), ("/f/b", "1"), ("/f/c/x", "1"), ("/f/d", "1")],
        );
        let take = || Snapshot::take(&client, &path("/f"), WalkOptions::full()).unwrap();
        let old = take();
        client.rm(&path("/f/c")).unwrap();
        client.write(&path("/f/b"), b"2").unwrap();
        client.write(&path("/f/e"), b"").unwrap();
        client
            .set_perms(&path("/f/d"), &Perms::parse("r0").unwrap())
            .unwrap();
        let new = take();
        let told: Vec<String> = diff(&old, &new)
            .map(|change| match change {
                Change::Added(node) => format!("+{}", node.path),
                Change::Removed(node) => format!("-{}", node.path),
                Change::Changed { old, new } => {
                    assert_eq!(old.path, new.path);
                    format!("~{}", new.path)
                }
            })
            .collect();
        assert_eq!(told, ["~/f/b", "-/f/c", "-/f/c/x", "~/f/d", "+/f/e"]);
        assert_eq!(diff(&new, &take()).count(), 0);
    });
}

#[test]
fn a_copy_is_the_same_as_the_original() {
    for_each_store(|store| {
        let client = store.client();
        write_all(
            &client,
            &[("/c/from/a/b", "1"), ("/c/from/a", "2"), ("/c/from/e", "")],
        );
        store.introduce(5);
        client
            .set_perms(&path("/c/from/a"), &Perms::parse("n5,r0,w7").unwrap())
            .unwrap();
        let (from, to) = (path("/c/from"), path("/c/deep/to"));
        assert_eq!(copy(&client, &from, &to, CopyPerms::Keep).unwrap(), 4);
        let take = |at| Snapshot::take(&client, at, WalkOptions::full()).unwrap();
        assert_eq!(diff(&take(&from), &take(&to)).count(), 0);

        let plain = path("/c/plain");
        let copied = client
            .transaction(|transaction| copy(transaction, &from, &plain, CopyPerms::Inherit))
            .unwrap();
        assert_eq!(copied, 4);
        let perms = client.perms(&plain.child("a").unwrap()).unwrap();
        assert_eq!(
            perms.to_string(),
            client.perms(&path("/c")).unwrap().to_string()
        );
    });
}

#[test]
fn a_copy_into_itself_to_the_root_or_of_a_secret_is_refused() {
    for_each_store(|store| {
        let client = store.client();
        write_all(&client, &[("/r/a", "1")]);
        let refused = |from: &str, to: &str| {
            let error = copy(&client, &path(from), &path(to), CopyPerms::Keep).unwrap_err();
            assert!(matches!(error, Error::Refused { .. }), "{error}");
        };
        refused("/r", "/r/a/copy");
        refused("/r", "/r");
        refused("/r", "/");
        let guest = store.introduce(3);
        let home = "/local/domain/3";
        client
            .write(&path(&format!("{home}/d/secret")), b"")
            .unwrap();
        client
            .set_perms(
                &path(&format!("{home}/d/secret")),
                &Perms::parse("n0").unwrap(),
            )
            .unwrap();
        let guest = guest.client();
        let to = path(&format!("{home}/copy"));
        let error = copy(&guest, &path(&format!("{home}/d")), &to, CopyPerms::Inherit).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        assert!(!guest.exists(&to).unwrap());
    });
}

#[test]
fn the_root_is_never_removed() {
    for_each_store(|store| {
        let client = store.client();
        client.write(&path("/kept"), b"").unwrap();
        assert!(matches!(
            client.rm(&StorePath::root()),
            Err(Error::Refused { .. })
        ));
        assert!(client.exists(&path("/kept")).unwrap());
    });
}
