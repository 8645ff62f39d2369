//! Random operations, compared with a plain model of a file system, while another client changes the store.

mod reference;
mod walker;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use xenbus::store::{Server, StoreOptions};
use xenbus::{Client, DomId, Operations};
use xenfs::errno::Errno;
use xenfs::fs::XenFs;
use xenfs::mounted::Mounted;
use xenfs::settings::Settings;

pub(crate) use self::reference::{Model, Node};
use self::walker::Walker;
use super::{connect, path};

/// Something that is done to a mount.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Mkdir(String),
    Write(String, String),
    Append(String, String),
    Exclusive(String),
    Unlink(String),
    Rmdir(String),
    Rename(String, String),
    Truncate(String, u64),
    Forget,
    /// Another client writes.
    WriteThere(String, String),
    /// Another client removes.
    RemoveThere(String),
}

fn names() -> impl Strategy<Value = String> {
    "[ab](/[ab]){0,2}"
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => names().prop_map(Step::Mkdir),
        3 => (names(), "[xy]{0,3}\n?").prop_map(|(name, data)| Step::Write(name, data)),
        2 => (names(), "[xy]{0,3}\n?").prop_map(|(name, data)| Step::Append(name, data)),
        1 => names().prop_map(Step::Exclusive),
        2 => names().prop_map(Step::Unlink),
        2 => names().prop_map(Step::Rmdir),
        3 => (names(), names()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (names(), 0u64..5).prop_map(|(name, size)| Step::Truncate(name, size)),
        1 => Just(Step::Forget),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..40)
}

/// The same with what another client does in between.
pub(crate) fn shared_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => step(),
        1 => (names(), "[xy]{0,3}").prop_map(|(name, value)| Step::WriteThere(name, value)),
        1 => names().prop_map(Step::RemoveThere),
    ];
    prop::collection::vec(step, 1..60)
}

/// A mount without a kernel, and a client beside it.
struct Rig {
    fs: Mounted,
    there: Client,
    _server: Server,
}

impl Rig {
    fn new() -> Self {
        let server = Server::start(StoreOptions::default()).unwrap();
        let client = connect(&server, DomId::DOM0, None);
        let fs = XenFs::new(client, &Settings::default()).unwrap();
        Self {
            fs: Arc::new(fs).into(),
            there: connect(&server, DomId::DOM0, None),
            _server: server,
        }
    }

    fn outside(&self) -> Walker<'_> {
        Walker::outside(&self.fs, &self.there)
    }
}

/// What is at and below `/a` and `/b` in the store: paths and values.
pub(crate) fn in_store(client: &Client) -> BTreeMap<String, String> {
    in_store_below(client, &["/a", "/b"])
}

/// What is at and below some nodes in the store: paths and values.
pub(crate) fn in_store_below(client: &Client, tops: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left: Vec<_> = tops.iter().map(|top| (*top).to_owned()).collect();
    while let Some(name) = left.pop() {
        let node = path(&name);
        if let Ok(value) = client.read(&node) {
            let children = client.directory(&node).unwrap();
            left.extend(children.iter().map(|child| format!("{name}/{child}")));
            found.insert(name, String::from_utf8(value).unwrap());
        }
    }
    found
}

/// What the store has when the mount shows `nodes`.
pub(crate) fn stored(nodes: &BTreeMap<String, Node>) -> BTreeMap<String, String> {
    let nodes = nodes.iter();
    nodes
        .map(|(name, node)| (format!("/{name}"), node.value.clone()))
        .collect()
}

proptest! {
    #[test]
    fn the_file_system_does_what_the_model_does(steps in shared_steps()) {
        let rig = Rig::new();
        let outside = rig.outside();
        let mut model = Model::default();
        for step in &steps {
            let expected = model.take(step);
            prop_assert_eq!(outside.take(step), expected, "{:?}", step);
            if matches!(step, Step::WriteThere(..) | Step::RemoveThere(_)) {
                // What was never looked at is not remembered.
                prop_assert_eq!(outside.everything(), model.nodes.clone(), "{:?}", step);
            }
        }
        prop_assert_eq!(&outside.everything(), &model.nodes);
        prop_assert_eq!(in_store(&rig.there), stored(&model.nodes));
        prop_assert_eq!(rig.fs.main().open_files(), 0);
    }

    #[test]
    fn a_transaction_does_what_the_model_does_and_is_committed_as_a_whole_or_not_at_all(
        before in steps(),
        inside in steps(),
        conflict in prop::option::of(any::<Index>()),
    ) {
        let rig = Rig::new();
        let outside = rig.outside();
        let mut old = Model::default();
        for step in &before {
            prop_assert_eq!(outside.take(step), old.take(step), "{:?}", step);
        }
        rig.there.write(&path("/c"), b"").unwrap();
        let transaction = outside.begin("t");
        let mut new = old.clone();
        for (at, step) in inside.iter().enumerate() {
            prop_assert_eq!(transaction.take(step), new.take(step), "inside: {:?}", step);
            // What others do elsewhere meanwhile is in nobody's way.
            rig.there.write(&path("/c"), at.to_string().as_bytes()).unwrap();
        }
        prop_assert_eq!(&outside.everything(), &old.nodes, "seen before the commit");
        let changed: Vec<_> = old
            .nodes
            .keys()
            .chain(new.nodes.keys())
            .filter(|name| old.nodes.get(*name) != new.nodes.get(*name))
            .cloned()
            .collect();
        match conflict.filter(|_| !changed.is_empty()) {
            None => {
                prop_assert_eq!(&transaction.everything(), &new.nodes);
                prop_assert_eq!(transaction.commit(), Ok(()));
                prop_assert_eq!(&outside.everything(), &new.nodes);
                prop_assert_eq!(in_store(&rig.there), stored(&new.nodes));
            }
            Some(index) => {
                let step = Step::WriteThere(index.get(&changed).clone(), "z".to_owned());
                outside.take(&step).unwrap();
                old.take(&step).unwrap();
                prop_assert_eq!(&transaction.everything(), &new.nodes, "others' changes are not seen");
                prop_assert_eq!(transaction.commit(), Err(Errno::EBUSY));
                prop_assert_eq!(&outside.everything(), &old.nodes);
                prop_assert_eq!(in_store(&rig.there), stored(&old.nodes));
            }
        }
    }
}
