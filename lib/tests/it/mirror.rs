//! Mirrors, on every store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use xenbus::client::ClientOptions;
use xenbus::mirror::{Mirror, MirrorEvent, MirrorOptions, Mirrored, Subscription, View};
use xenbus::perms::Perms;
use xenbus::tap::{Direction, Tap};
use xenbus::tree::{Field, Snapshot, WalkOptions};
use xenbus::wire::{Header, Op};
use xenbus::{Client, Operations, StorePath};

use crate::support::{Life, Store, for_each_daemon, for_each_store, path, soon};

fn mirror_with(
    client: &Client,
    top: &str,
    change: impl FnOnce(&mut MirrorOptions),
) -> (Mirror, Subscription) {
    let mut options = MirrorOptions::default();
    options.perms = true;
    change(&mut options);
    let mirror = Mirror::start(client, &path(top), options).unwrap();
    let changes = mirror.subscribe(1_000_000, None);
    (mirror, changes)
}

fn fresh(client: &Client, top: &str) -> (Mirror, Subscription) {
    let (mirror, changes) = mirror_with(client, top, |_| {});
    mirror.wait_fresh(soon()).unwrap();
    (mirror, changes)
}

/// Waits until the copy is as wanted; every change of it is told.
fn wait_until(
    mirror: &Mirror,
    changes: &Subscription,
    what: &str,
    wanted: impl Fn(View<'_>) -> bool,
) {
    wait_for(changes, what, || mirror.look(&wanted));
}

fn wait_for(changes: &Subscription, what: &str, done: impl Fn() -> bool) {
    let deadline = soon();
    while !done() {
        let told = changes.next_until(deadline);
        assert!(told.is_some(), "{what} did not come");
    }
}

/// Writes a node and waits until the copy has it: all that was told before is in the copy then.
fn catch_up(client: &Client, mirror: &Mirror, changes: &Subscription, round: usize) {
    let mark = mirror.top().child("mark").unwrap();
    let value = round.to_string();
    client.write(&mark, value.as_bytes()).unwrap();
    wait_until(mirror, changes, "the mark", |view| {
        view.value(&mark) == Some(value.as_bytes())
    });
}

fn assert_true(client: &Client, mirror: &Mirror) {
    let store = Snapshot::take(client, mirror.top(), WalkOptions::full()).unwrap();
    let store: Vec<Mirrored> = store.nodes().iter().cloned().map(Mirrored::from).collect();
    let copy: Vec<Mirrored> = mirror.look(|view| {
        let nodes = view.subtree(mirror.top());
        nodes.map(|node| Mirrored::clone(node)).collect()
    });
    assert_eq!(copy, store);
}

#[test]
fn a_mirror_shows_what_is_there_and_what_others_change() {
    for_each_store(|store| {
        let client = store.client();
        client.write(&path("/m/a/b"), b"1").unwrap();
        let (mirror, changes) = fresh(&client, "/m");
        assert_eq!(
            mirror.get(&path("/m/a/b")).unwrap().value,
            Field::Known(b"1".to_vec())
        );
        while changes.try_next().is_some() {}

        let other = store.client();
        other.write(&path("/m/a/b"), b"2").unwrap();
        let event = loop {
            match changes.next_until(soon()) {
                Some(MirrorEvent::Changed { old, new }) => break (old.unwrap(), new.unwrap()),
                Some(_) => {}
                None => panic!("no change was told"),
            }
        };
        assert_eq!(event.0.value, Field::Known(b"1".to_vec()));
        assert_eq!(event.1.value, Field::Known(b"2".to_vec()));

        let perms = Perms::parse("n0,r3").unwrap();
        other.set_perms(&path("/m/a"), &perms).unwrap();
        wait_until(&mirror, &changes, "the permissions", |view| {
            view.get(&path("/m/a"))
                .is_some_and(|node| node.perms == Field::Known(perms.clone()))
        });
        other.write(&path("/m/x/y/z"), b"").unwrap();
        wait_until(&mirror, &changes, "the new node", |view| {
            view.get(&path("/m/x/y/z")).is_some()
        });
        assert!(
            mirror.get(&path("/m/x")).is_some(),
            "implicit parents tell nothing"
        );
        other.rm(&path("/m/a")).unwrap();
        wait_until(&mirror, &changes, "the removal", |view| {
            view.get(&path("/m/a")).is_none()
        });
        assert!(mirror.get(&path("/m/a/b")).is_none());
        assert_true(&client, &mirror);
    });
}

#[test]
fn a_subtree_removed_and_made_again_at_once_keeps_nothing_old() {
    for_each_store(|store| {
        let client = store.client();
        client.write(&path("/m/r/x/old"), b"1").unwrap();
        client.write(&path("/m/r/x/kept"), b"1").unwrap();
        let (mirror, changes) = fresh(&client, "/m");
        for round in 0..20 {
            client
                .transaction(|transaction| {
                    transaction.rm(&path("/m/r"))?;
                    transaction.write(&path("/m/r/x/kept"), b"2")
                })
                .unwrap();
            catch_up(&client, &mirror, &changes, round);
            assert_true(&client, &mirror);
            client.write(&path("/m/r/x/old"), b"1").unwrap();
        }
    });
}

#[test]
fn a_top_that_comes_goes_and_comes_again_is_mirrored() {
    for_each_store(|store| {
        let client = store.client();
        let (mirror, changes) = fresh(&client, "/later/top");
        assert_eq!(mirror.status().nodes, 0);
        for _ in 0..3 {
            client.write(&path("/later/top/below"), b"1").unwrap();
            wait_until(&mirror, &changes, "the top", |view| view.len() == 2);
            client.rm(&path("/later")).unwrap();
            wait_for(&changes, "the end of the top", || {
                mirror.status().nodes == 0
            });
        }
    });
}

#[derive(Clone, Debug)]
enum Act {
    Write(String, u8),
    Rm(String),
    Perms(String, u8),
    Replace(String),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let at = || "(/[ab]){1,4}";
    let act = prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, value)| Act::Write(at, value)),
        2 => at().prop_map(Act::Rm),
        1 => (at(), 0..9_u8).prop_map(|(at, reader)| Act::Perms(at, reader)),
        1 => at().prop_map(Act::Replace),
    ];
    proptest::collection::vec(act, 1..60)
}

fn perform(client: &Client, act: &Act) {
    let missing_is_fine = |result: xenbus::Result<()>| {
        result
            .or_else(|e| if e.is_not_found() { Ok(()) } else { Err(e) })
            .unwrap();
    };
    let at = |at: &str| path(&format!("/m{at}"));
    match act {
        Act::Write(place, value) => client.write(&at(place), &[*value]).unwrap(),
        Act::Rm(place) => missing_is_fine(client.rm(&at(place))),
        Act::Perms(place, reader) => {
            let perms = Perms::parse(&format!("n0,r{reader}")).unwrap();
            missing_is_fine(client.set_perms(&at(place), &perms));
        }
        Act::Replace(place) => missing_is_fine(client.transaction(|transaction| {
            transaction.rm(&at(place))?;
            transaction.write(&at(place).child("b").unwrap(), b"again")
        })),
    }
}

#[test]
fn after_any_changes_the_copy_and_the_told_changes_agree_with_the_store() {
    for_each_store(|store| {
        let client = store.client();
        client.write(&path("/m/start"), b"").unwrap();
        let mut runner = TestRunner::new(Config::default());
        let (mirror, changes) = mirror_with(&client, "/m", |_| {});
        mirror.wait_fresh(soon()).unwrap();
        let mut told: BTreeMap<StorePath, Arc<Mirrored>> = mirror.look(|view| {
            let nodes = view.subtree(&path("/m"));
            nodes
                .map(|node| (node.path.clone(), Arc::clone(node)))
                .collect()
        });
        let second = mirror.subscribe(1_000_000, None);
        for round in 0..12 {
            let acts = acts().new_tree(&mut runner).unwrap().current();
            for act in &acts {
                perform(&client, act);
            }
            catch_up(&client, &mirror, &changes, round);
            assert_true(&client, &mirror);
            while let Some(event) = second.try_next() {
                let MirrorEvent::Changed { old, new } = event else {
                    panic!("{event:?}");
                };
                let at = old.as_ref().or(new.as_ref()).unwrap().path.clone();
                let known = match new {
                    Some(new) => told.insert(at, new),
                    None => told.remove(&at),
                };
                assert_eq!(known, old);
            }
            let copy: Vec<_> = mirror.look(|view| view.subtree(&path("/m")).cloned().collect());
            assert_eq!(told.values().cloned().collect::<Vec<_>>(), copy);
        }
        assert_eq!(mirror.status().scans, 1);
    });
}

/// Paths of all requests about nodes.
#[derive(Default)]
struct Requests(std::sync::Mutex<Vec<String>>);

impl Tap for Requests {
    fn message(&self, _: u32, direction: Direction, header: Header, payload: &[u8]) {
        let about = matches!(header.op, Op::READ | Op::DIRECTORY | Op::GET_PERMS);
        if direction == Direction::Sent && about {
            let path = String::from_utf8_lossy(payload)
                .trim_end_matches('\0')
                .to_owned();
            self.0.lock().unwrap().push(path);
        }
    }
}

/// A client, and what it asks.
fn listened_to(store: &Store) -> (Client, Arc<Requests>) {
    let requests = Arc::new(Requests::default());
    let mut options = ClientOptions::default();
    let tap: Arc<dyn Tap> = Arc::clone(&requests) as _;
    options.tap = Some(tap);
    let client = Client::with_connector(store.connector(), options).unwrap();
    (client, requests)
}

#[test]
fn an_event_outside_the_filter_costs_no_request() {
    for_each_store(|store| {
        let writer = store.client();
        writer.write(&path("/m/in/a"), b"1").unwrap();
        writer.write(&path("/m/out/deep/b"), b"1").unwrap();
        let (client, requests) = listened_to(store);
        let (mirror, changes) = mirror_with(&client, "/m", |options| {
            options.filter = Some(Arc::new(|at| at.name() != Some("out")));
        });
        mirror.wait_fresh(soon()).unwrap();
        for number in 0..10_u8 {
            writer.write(&path("/m/out/deep/b"), &[number]).unwrap();
            writer.write(&path("/m/out/new/c"), &[number]).unwrap();
        }
        catch_up(&writer, &mirror, &changes, 1);
        writer.write(&path("/m/in/a"), b"2").unwrap();
        wait_until(&mirror, &changes, "the change inside", |view| {
            view.value(&path("/m/in/a")) == Some(b"2")
        });
        assert!(mirror.status().events >= 2);
        let asked = requests.0.lock().unwrap();
        assert!(asked.contains(&"/m/in/a".to_owned()));
        assert!(
            !asked.iter().any(|at| at.starts_with("/m/out")),
            "{asked:?}"
        );
    });
}

#[test]
fn a_node_says_that_it_has_children_which_the_copy_leaves_out() {
    for_each_store(|store| {
        let writer = store.client();
        writer.write(&path("/m/filled/a"), b"1").unwrap();
        writer.mkdir(&path("/m/empty")).unwrap();
        let (client, requests) = listened_to(store);
        let (mirror, changes) = mirror_with(&client, "/m", |options| {
            options.filter = Some(Arc::new(|at| at.depth() < 3 || at.name() == Some("kept")));
        });
        mirror.wait_fresh(soon()).unwrap();
        let more = |at: &str| mirror.look(|view| view.get(&path(at)).map(|node| node.more));
        assert_eq!(more("/m/filled"), Some(true));
        assert_eq!(more("/m/empty"), Some(false));
        assert_eq!(more("/m"), Some(false));
        writer.write(&path("/m/empty/kept"), b"").unwrap();
        wait_until(&mirror, &changes, "a child that is kept", |view| {
            view.get(&path("/m/empty/kept")).is_some()
        });
        assert_eq!(more("/m/empty"), Some(false));
        writer.write(&path("/m/empty/b"), b"2").unwrap();
        wait_for(&changes, "news of a child", || {
            more("/m/empty") == Some(true)
        });
        // Once that is known, further ones cost nothing.
        let asked = requests.0.lock().unwrap().len();
        for number in 0..10_u8 {
            writer.write(&path("/m/empty/b"), &[number]).unwrap();
        }
        writer.write(&path("/m/empty/kept"), b"1").unwrap();
        wait_until(&mirror, &changes, "the change inside", |view| {
            view.value(&path("/m/empty/kept")) == Some(b"1")
        });
        let asked = requests.0.lock().unwrap().split_off(asked);
        assert!(asked.iter().all(|at| at == "/m/empty/kept"), "{asked:?}");
    });
}

#[test]
fn more_events_than_fit_mean_that_everything_is_read_again() {
    let store = Store::embedded();
    let client = store.client();
    let (mirror, changes) = mirror_with(&client, "/m", |options| options.events_max = 2);
    mirror.wait_fresh(soon()).unwrap();
    for round in 0..20 {
        client
            .transaction(|transaction| {
                (0..50).try_for_each(|number| {
                    transaction.write(&path(&format!("/m/{number}/k")), &[round])
                })
            })
            .unwrap();
    }
    wait_until(&mirror, &changes, "all nodes", |view| {
        view.value(&path("/m/49/k")) == Some(&[19])
    });
    assert!(mirror.status().scans > 1, "{:?}", mirror.status());
    assert_true(&client, &mirror);
}

#[test]
fn a_mirror_outlives_its_store_says_so_and_is_true_again() {
    for_each_store(|store| {
        let client = store.client();
        client.write(&path("/m/before"), b"").unwrap();
        let (mirror, changes) = fresh(&client, "/m");
        while changes.try_next().is_some() {}
        store.restart();
        store.client().write(&path("/m/after"), b"").unwrap();
        let mut told = Vec::new();
        let deadline = soon();
        while told.last() != Some(&MirrorEvent::Fresh) {
            told.push(changes.next_until(deadline).expect("it becomes true again"));
        }
        assert_eq!(told[0], MirrorEvent::Stale);
        wait_until(&mirror, &changes, "the new store", |view| {
            view.get(&path("/m/after")).is_some() && view.get(&path("/m/before")).is_none()
        });
        catch_up(&client, &mirror, &changes, 1);
        assert_true(&client, &mirror);
        assert!(mirror.status().stale_since.is_none());
    });
}

#[test]
fn while_the_store_is_gone_the_mirror_is_stale_and_keeps_what_it_knew() {
    for_each_daemon(|store| {
        let Store::Real(daemon) = store else {
            unreachable!("only daemons");
        };
        let client = store.client();
        client.write(&path("/m/known"), b"1").unwrap();
        let (mirror, changes) = fresh(&client, "/m");
        let before = Instant::now();
        daemon.kill();
        wait_for(&changes, "the loss", || {
            mirror.status().stale_since.is_some()
        });
        assert!(mirror.status().stale_since.unwrap() >= before);
        assert!(mirror.get(&path("/m/known")).is_some());
        let error = mirror
            .wait_fresh(Instant::now() + Duration::from_millis(10))
            .unwrap_err();
        assert_eq!(error.kind(), xenbus::ErrorKind::TimedOut);
        daemon.restart();
        mirror.wait_fresh(soon()).unwrap();
        wait_for(&changes, "the empty store", || mirror.status().nodes == 0);
    });
}

#[test]
fn a_guest_mirrors_what_it_may_see() {
    for_each_store(|store| {
        let root = store.client();
        let guest = store.introduce(3);
        let home = "/local/domain/3";
        let secret = path(&format!("{home}/secret"));
        root.write(&secret.child("below").unwrap(), b"2").unwrap();
        root.write(&path(&format!("{home}/open")), b"1").unwrap();
        for at in [&secret, &secret.child("below").unwrap()] {
            root.set_perms(at, &Perms::parse("n0").unwrap()).unwrap();
        }
        let client = guest.client();
        let (mirror, changes) = fresh(&client, home);
        let node = mirror.get(&secret).unwrap();
        assert_eq!((&node.value, node.listed), (&Field::Denied, false));
        assert!(mirror.get(&secret.child("below").unwrap()).is_none());

        root.set_perms(&secret, &Perms::parse("n0,r3").unwrap())
            .unwrap();
        wait_until(&mirror, &changes, "the opened node", |view| {
            view.get(&secret).is_some_and(|node| node.listed)
        });
        let below = mirror.get(&secret.child("below").unwrap()).unwrap();
        assert_eq!(below.value, Field::Denied);
        catch_up(&client, &mirror, &changes, 1);
        assert_true(&client, &mirror);
    });
}

#[test]
fn nodes_that_die_with_their_owner_leave_the_mirror_though_no_event_names_them() {
    for_each_store(|store| {
        let client = store.client();
        let guest = store.introduce(4);
        client.write(&path("/m/of-the-guest/below"), b"1").unwrap();
        for at in ["/m/of-the-guest", "/m/of-the-guest/below"] {
            client
                .set_perms(&path(at), &Perms::parse("n4").unwrap())
                .unwrap();
        }
        let (mirror, changes) = fresh(&client, "/m");
        assert!(mirror.get(&path("/m/of-the-guest/below")).is_some());
        store.set_domain(4, Life::Gone);
        wait_until(&mirror, &changes, "the death", |view| {
            view.get(&path("/m/of-the-guest")).is_none()
        });
        assert_true(&client, &mirror);
        drop(guest);
    });
}

#[test]
fn a_subtree_over_the_limit_ends_the_mirror_with_the_reason() {
    let store = Store::embedded();
    let client = store.client();
    for number in 0..10 {
        client.write(&path(&format!("/m/{number}")), b"").unwrap();
    }
    let (mirror, changes) = mirror_with(&client, "/m", |options| options.nodes_max = 20);
    mirror.wait_fresh(soon()).unwrap();
    for number in 10..30 {
        client.write(&path(&format!("/m/{number}")), b"").unwrap();
    }
    wait_for(&changes, "the end", || mirror.status().ended.is_some());
    let error = mirror.wait_fresh(soon()).unwrap_err().to_string();
    assert!(error.contains("more than 20 nodes"), "{error}");
}

#[test]
fn dropping_a_mirror_ends_its_watches() {
    for_each_store(|store| {
        let client = store.client();
        let start = Instant::now();
        for _ in 0..20 {
            drop(fresh(&client, "/m"));
        }
        assert!(start.elapsed() < Duration::from_secs(10));
        drop(client);
    });
}
