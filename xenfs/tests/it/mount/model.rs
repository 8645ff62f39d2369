//! Random operations of programs, compared with a plain model of a file system, while another client changes the store.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use xenbus::Operations as _;
use xenbus_harness::requires_fuse;
use xenfs::settings::Settings;

use super::rig::{Mount, path};
use crate::ops::model::{Model, Node, Step, shared_steps};
use crate::stores::{Store, for_each_store};

/// Does a step through the kernel.
fn take(mount: &Mount, step: &Step) -> io::Result<()> {
    let file = |name: &String| mount.file(name);
    match step {
        Step::Mkdir(name) => fs::create_dir(file(name)),
        Step::Write(name, data) => fs::write(file(name), data),
        Step::Append(name, data) => {
            let mut opened = File::options().append(true).open(file(name))?;
            opened.write_all(data.as_bytes())
        }
        Step::Exclusive(name) => File::create_new(file(name)).map(drop),
        Step::Unlink(name) => fs::remove_file(file(name)),
        Step::Rmdir(name) => fs::remove_dir(file(name)),
        Step::Rename(from, to) => fs::rename(file(from), file(to)),
        Step::Truncate(name, size) => File::options().write(true).open(file(name))?.set_len(*size),
        // The kernel forgets when it likes.
        Step::Forget => Ok(()),
        Step::WriteThere(name, value) => {
            mount.put(&format!("/{name}"), value);
            Ok(())
        }
        Step::RemoveThere(name) => {
            if let Err(error) = mount.store.rm(&path(&format!("/{name}"))) {
                assert!(error.is_not_found(), "{error}");
            }
            Ok(())
        }
    }
}

/// Everything at and below some nodes that the mount shows, by their paths in the mount.
pub(super) fn everything(mount: &Mount, tops: &[&str]) -> BTreeMap<String, Node> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(mount.path()).unwrap() {
        let entry = entry.unwrap();
        if let Some(name) = tops.iter().find(|top| entry.file_name() == **top) {
            show(&entry.path(), name, &mut found);
        }
    }
    found
}

fn show(file: &Path, name: &str, found: &mut BTreeMap<String, Node>) {
    let value = |file: &Path| {
        let content = fs::read_to_string(file).unwrap();
        content.strip_suffix('\n').unwrap_or(&content).to_owned()
    };
    let directory = fs::metadata(file).unwrap().is_dir();
    let mut node = Node {
        directory,
        value: String::new(),
    };
    if directory {
        for entry in fs::read_dir(file).unwrap() {
            let entry = entry.unwrap();
            match entry.file_name().to_str().unwrap() {
                ".value" => node.value = value(&entry.path()),
                below => show(&entry.path(), &format!("{name}/{below}"), found),
            }
        }
    } else {
        node.value = value(file);
    }
    found.insert(name.into(), node);
}

/// A mount of a store without `/a` and `/b`.
pub(super) fn fresh(store: &Store) -> Mount {
    let mount = Mount::noted(store.client(), store.client(), &Settings::default());
    for name in ["/a", "/b"] {
        drop(mount.store.rm(&path(name)));
    }
    mount.quiet();
    mount
}

/// Does what can be done of `steps`, which depends on what has been heard yet, and waits until all is heard.
pub(super) fn take_all(mount: &Mount, steps: &[Step]) {
    for step in steps {
        drop(take(mount, step));
    }
    mount.settled();
    mount.quiet();
}

/// How many sequences are tried on each store.
fn cases() -> u32 {
    if std::env::var_os("XENBUS_LONG").is_some() {
        300
    } else {
        12
    }
}

/// Tries random sequences.
pub(super) fn runner() -> TestRunner {
    TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(cases())
    })
}

#[test]
fn a_mount_does_what_the_model_does_while_another_client_changes_the_store() {
    if !requires_fuse() {
        return;
    }
    for_each_store(|store| {
        let tried = runner().run(&shared_steps(), |steps| {
            // What a node once was, a mount remembers.
            let mount = fresh(store);
            let mut model = Model::default();
            for step in &steps {
                let again = match step {
                    Step::WriteThere(name, _) if model.is_gone(name) => Some(name),
                    _ => None,
                };
                let is_there = matches!(step, Step::WriteThere(..) | Step::RemoveThere(_));
                if is_there {
                    // Emptied or empty files are told to the store when the kernel has closed them.
                    mount.settled();
                }
                let expected = model.take(step).map_err(|error| Some(error.code()));
                let done = take(&mount, step).map_err(|error| error.raw_os_error());
                prop_assert_eq!(done, expected, "{:?}", step);
                if is_there {
                    mount.quiet();
                    if let Some(name) = again {
                        model.show(name, fs::metadata(mount.file(name)).unwrap().is_dir());
                    }
                    prop_assert_eq!(
                        everything(&mount, &["a", "b"]),
                        model.nodes.clone(),
                        "{:?}",
                        step
                    );
                }
            }
            mount.settled();
            prop_assert_eq!(&everything(&mount, &["a", "b"]), &model.nodes);
            for (name, node) in &model.nodes {
                prop_assert_eq!(mount.get(&format!("/{name}")), node.value.clone());
            }
            Ok(())
        });
        tried.unwrap();
    });
}
