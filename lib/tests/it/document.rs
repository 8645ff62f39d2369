//! Export and import, on every store.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use xenbus::document::{ApplyOptions, Document, Format, Mode, Plan, Writer, apply};
use xenbus::store::{Server, StoreOptions};
use xenbus::tap::{Direction, Tap};
use xenbus::tree::{Walk, WalkOptions};
use xenbus::wire::{Header, Op};
use xenbus::{Client, ClientOptions, DomId, Operations, Perms, StorePath};

use crate::support::{for_each_store, path};

/// Exports as a tool does: the nodes of a walk, one after the other.
fn export(client: &Client, root: &StorePath, format: Format) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), format, root).unwrap();
    for node in Walk::new(client, root, WalkOptions::full()) {
        writer.node(&node.unwrap()).unwrap();
    }
    writer.finish().unwrap()
}

fn replacing() -> ApplyOptions {
    let mut options = ApplyOptions::default();
    options.mode = Mode::Replace;
    options
}

/// A tree with every byte, and with permissions of every kind.
fn plant(client: &Client) {
    let all: Vec<u8> = (0..=255).collect();
    for (at, value, perms) in [
        ("/d", &b""[..], "n0"),
        ("/d/all", &all, "r0,b3"),
        ("/d/no", b"no", "n0,r7,w1,b2"),
        ("/d/deep/er/still", b"12:30:45", "b0"),
        ("/d/deep", b"a value beside children\n", "w0"),
    ] {
        client.write(&path(at), value).unwrap();
        let perms = Perms::parse(perms).unwrap();
        client.set_perms(&path(at), &perms).unwrap();
    }
}

#[test]
fn what_is_exported_comes_back_byte_for_byte_wherever_it_is_imported() {
    for_each_store(|store| {
        let client = store.client();
        plant(&client);
        for (format, target) in [(Format::Yaml, "/copy/y"), (Format::Json, "/copy/j")] {
            let exported = export(&client, &path("/d"), format);
            let document = Document::parse(&exported).unwrap();
            let moved = document.moved(&path(target)).unwrap();
            let applied = apply(&client, &moved, &ApplyOptions::default()).unwrap();
            assert_eq!((applied.made.len(), applied.transactions), (6, 1));
            let again = Document::parse(&export(&client, &path(target), format)).unwrap();
            assert_eq!(again, moved);
            let nothing = apply(&client, &moved, &replacing()).unwrap();
            assert_eq!((nothing.planned, nothing.made.len()), (0, 0));
        }
    });
}

#[test]
fn a_replacement_removes_what_the_document_does_not_have_and_a_plan_tells_before() {
    for_each_store(|store| {
        let client = store.client();
        plant(&client);
        let before = Document::parse(&export(&client, &path("/d"), Format::Yaml)).unwrap();
        client.write(&path("/d/new/below"), b"x").unwrap();
        client.write(&path("/d/no"), b"yes").unwrap();
        client.rm(&path("/d/deep/er")).unwrap();
        let merge = Plan::make(&client, &before, Mode::Merge).unwrap();
        assert_eq!(merge.changes().len(), 3);
        let plan = Plan::make(&client, &before, Mode::Replace).unwrap();
        let changed: Vec<_> = plan.changes().iter().map(|c| c.path.as_str()).collect();
        assert_eq!(
            changed,
            [
                "/d/deep/er",
                "/d/deep/er/still",
                "/d/new",
                "/d/new/below",
                "/d/no"
            ]
        );
        assert_eq!(
            client.read(&path("/d/no")).unwrap(),
            b"yes",
            "a plan changes nothing"
        );
        // In as many transactions as it takes.
        let mut options = replacing();
        options.changes_max = 2;
        let applied = apply(&client, &before, &options).unwrap();
        assert_eq!((applied.made.len(), applied.transactions), (5, 3));
        let after = Document::parse(&export(&client, &path("/d"), Format::Yaml)).unwrap();
        assert_eq!(after, before);
    });
}

#[test]
fn a_document_about_a_missing_place_creates_it_and_a_node_without_a_value_keeps_the_one_it_has() {
    for_each_store(|store| {
        let client = store.client();
        client.write(&path("/h/kept"), b"v").unwrap();
        let document = Document::parse(
            b"xenstore: 1\nroot: /h\nnodes:\n  kept: {perms: [r0]}\n  made/here: {}\n",
        )
        .unwrap();
        apply(&client, &document, &replacing()).unwrap();
        assert_eq!(client.read(&path("/h/kept")).unwrap(), b"v");
        assert_eq!(client.perms(&path("/h/kept")).unwrap().to_string(), "r0");
        assert_eq!(client.read(&path("/h/made/here")).unwrap(), b"");
    });
}

#[test]
fn a_guest_whose_transactions_are_limited_imports_in_several_and_is_told_what_it_could_not() {
    let server = Server::start(StoreOptions::default()).unwrap();
    let host =
        Client::with_connector(server.connector(DomId::DOM0), ClientOptions::default()).unwrap();
    server.create_domain(DomId(5));
    host.introduce(DomId(5), 1, 1).unwrap();
    host.write(&path("/local/domain/5/data"), b"").unwrap();
    host.set_perms(&path("/local/domain/5/data"), &Perms::parse("n5").unwrap())
        .unwrap();
    let guest =
        Client::with_connector(server.connector(DomId(5)), ClientOptions::default()).unwrap();
    let many = |name: &str, count: usize| {
        let mut text = String::from("xenstore: 1\nroot: /local/domain/5/data\nnodes:\n");
        for node in 0..count {
            // Not all in one directory: its list is limited as well.
            writeln!(
                text,
                "  {name}{}/n{node}: {{value: \"{node}\", perms: [n5, r0]}}",
                node / 50
            )
            .unwrap();
        }
        Document::parse(text.as_bytes()).unwrap()
    };
    for (name, at_once) in [("a", true), ("b", false)] {
        let applied =
            apply(&guest, &many(name, 700), &replacing()).map_err(|error| error.to_string());
        let applied = applied.unwrap();
        assert_eq!(applied.made.len(), applied.planned);
        assert_eq!(
            applied.transactions == 1,
            at_once,
            "{}",
            applied.transactions
        );
    }
    let Err(error) = apply(&guest, &many("c", 2000), &replacing()) else {
        panic!("there is a quota");
    };
    assert_eq!(error.error.kind(), xenbus::ErrorKind::Limit, "{error}");
    let made = error.done.made.len();
    assert!(made > 700 && made < error.done.planned, "{error}");
    assert!(error.to_string().contains("were made in"), "{error}");
}

#[test]
fn an_owner_that_does_not_exist_is_named() {
    for_each_store(|store| {
        let client = store.client();
        let document =
            Document::parse(b"xenstore: 1\nroot: /o\nnodes:\n  a: {value: x, perms: [n77]}\n")
                .unwrap();
        let outcome = apply(&client, &document, &ApplyOptions::default());
        // C wants a node's owner to exist, and says so strangely; oxenstored does not care.
        if let Err(error) = outcome {
            let said = error.to_string();
            assert!(
                said.contains("domain 77") && said.contains("/o/a"),
                "{said}"
            );
            assert!(!client.exists(&path("/o")).unwrap(), "all or nothing");
        }
    });
}

/// Changes a node through another client whenever a transaction starts, some times.
struct Meddler {
    other: Client,
    times: AtomicUsize,
}

impl Tap for Meddler {
    fn message(&self, _: u32, direction: Direction, header: Header, _: &[u8]) {
        if direction == Direction::Sent && header.op == Op::TRANSACTION_START {
            let time = self.times.fetch_add(1, Ordering::Relaxed);
            if time < 3 {
                let value = format!("meddled {time}");
                self.other.write(&path("/r/a"), value.as_bytes()).unwrap();
            }
        }
    }
}

#[test]
fn what_others_change_between_plan_and_transaction_is_seen() {
    for_each_store(|store| {
        let other = store.client();
        other.write(&path("/r/a"), b"1").unwrap();
        let mut options = ClientOptions::default();
        options.tap = Some(Arc::new(Meddler {
            other,
            times: AtomicUsize::new(0),
        }));
        let client = Client::with_connector(store.connector(), options).unwrap();
        let wanted =
            Document::parse(b"xenstore: 1\nroot: /r\nnodes:\n  a: {value: \"2\"}\n").unwrap();
        let applied = apply(&client, &wanted, &ApplyOptions::default()).unwrap();
        let old = applied.made[0].old.as_ref().unwrap();
        let was = old.value.as_deref().unwrap();
        assert_eq!(was, b"meddled 2", "what was really replaced");
        assert_eq!(
            (applied.made.len(), applied.planned, applied.transactions),
            (1, 1, 1)
        );
        assert_eq!(client.read(&path("/r/a")).unwrap(), b"2");
    });
}
