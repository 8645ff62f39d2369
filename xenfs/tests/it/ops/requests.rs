//! How many requests an operation costs, and how long the kernel may keep its answer.

use std::time::Duration;

use rustix::fs::OFlags;
use xenbus::wire::Op;
use xenfs::fs::Lifetime;
use xenfs::settings::{Cache, Settings};

use super::Rig;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_lookup_asks_for_children_value_and_permissions_and_a_known_directory_only_for_permissions() {
    let rig = Rig::new();
    rig.put("/d/x", "v");
    rig.id("d");
    rig.count.clear();
    rig.id("d/x");
    assert_eq!(rig.count.of(Op::DIRECTORY).len(), 1);
    assert_eq!(rig.count.of(Op::READ).len(), 1);
    // One for the directory, which is known to be one.
    assert_eq!(rig.count.of(Op::GET_PERMS).len(), 2);
    assert_eq!(rig.count.total(), 4);
}

#[test]
fn opening_and_reading_a_file_to_its_end_costs_two_requests() {
    let rig = Rig::new();
    rig.put("/x", "v");
    let id = rig.id("x");
    rig.count.clear();
    let opened = rig.fs.open(id, super::open_flags(OFlags::RDONLY)).unwrap();
    assert!(!opened.wants_flush);
    assert_eq!(rig.fs.read(opened.handle, 0, 4096).unwrap(), b"v\n");
    assert_eq!(rig.fs.read(opened.handle, 2, 4096).unwrap(), b"");
    rig.fs.release(opened.handle).unwrap();
    assert_eq!(rig.count.total(), 2);
}

#[test]
fn listing_asks_each_child_once_for_what_it_is_and_looking_at_directories_costs_little_then() {
    let rig = Rig::new();
    for i in 0..10 {
        rig.put(&format!("/d/leaf{i}"), "v");
        rig.put(&format!("/d/dir{i}/x"), "v");
    }
    rig.id("d");
    rig.count.clear();
    assert_eq!(rig.names("d").len(), 20);
    assert_eq!(rig.count.of(Op::DIRECTORY).len(), 21);
    rig.count.clear();
    rig.id("d/dir3");
    assert_eq!(rig.count.of(Op::DIRECTORY).len(), 0);
}

#[test]
fn only_directories_are_believed_by_name() {
    let rig = Rig::new();
    rig.put("/d/x", "v");
    let directory = rig.find("d").unwrap().lifetime;
    let file = rig.find("d/x").unwrap().lifetime;
    assert_eq!((directory.entry, directory.attr), (SECOND, SECOND));
    assert_eq!((file.entry, file.attr), (Duration::ZERO, SECOND));
    let never = Rig::with(&Settings {
        cache: Cache::None,
        ..Settings::default()
    });
    never.put("/d/x", "v");
    assert_eq!(never.find("d").unwrap().lifetime, Lifetime::default());
    assert_eq!(never.find("d/x").unwrap().lifetime, Lifetime::default());
}

#[test]
fn a_child_of_a_huge_directory_is_looked_up_without_listing_that() {
    let rig = Rig::new();
    for i in 0..2000 {
        rig.put(&format!("/d/child-{i}"), "v");
    }
    rig.count.clear();
    assert!(rig.find("d").unwrap().attr.directory);
    assert_eq!(rig.count.of(Op::DIRECTORY_PART).len(), 0);
    assert_eq!(rig.names("d").len(), 2000);
}

#[test]
fn names_that_no_node_can_have_cost_nothing() {
    let rig = Rig::new();
    rig.put("/d/x", "v");
    let directory = rig.id("d");
    rig.count.clear();
    for name in [&b".x.swp"[..], b"a b", b"x~", b".", b"..", b"\xff"] {
        rig.fs.lookup(directory, name).unwrap_err();
    }
    assert_eq!(rig.count.total(), 0);
}
