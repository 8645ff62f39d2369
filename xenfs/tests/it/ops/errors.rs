//! What is refused, and with which error.

use rustix::fs::OFlags;
use xenbus::{DomId, Operations};
use xenfs::errno::Errno;
use xenfs::fs::{RenameFlags, XenFs};
use xenfs::inode::ROOT;
use xenfs::settings::{Settings, Subdir};

use super::{Rig, connect, open_flags, path};

#[test]
fn a_path_longer_than_any_store_takes_is_enametoolong() {
    let rig = Rig::new();
    let name = "n".repeat(900);
    let mut parent = ROOT;
    for _ in 0..2 {
        parent = rig.fs.mkdir(parent, name.as_bytes()).unwrap().attr.id;
    }
    for _ in 0..2 {
        match rig.fs.mkdir(parent, name.as_bytes()) {
            Ok(entry) => parent = entry.attr.id,
            Err(error) => {
                assert_eq!(error, Errno::ENAMETOOLONG);
                return;
            }
        }
    }
    panic!("no path is too long");
}

#[test]
fn an_alias_that_stands_for_nothing_is_not_there() {
    let rig = Rig::new();
    rig.put("/d/x", "v");
    let alias = format!("{}~{}", "n".repeat(200), "0".repeat(32));
    assert_eq!(rig.find(&format!("d/{alias}")).unwrap_err(), Errno::ENOENT);
}

#[test]
fn rename_flags_are_honoured_or_refused() {
    let rig = Rig::new();
    rig.put("/a", "1");
    rig.put("/b", "2");
    let no_replace = RenameFlags {
        no_replace: true,
        other: false,
    };
    let exchange = RenameFlags {
        no_replace: false,
        other: true,
    };
    let rename = |flags| rig.fs.rename(ROOT, b"a", ROOT, b"b", flags);
    assert_eq!(rename(no_replace).unwrap_err(), Errno::EEXIST);
    assert_eq!(rename(exchange).unwrap_err(), Errno::EINVAL);
    rename(RenameFlags::default()).unwrap();
    assert_eq!(rig.get("/b"), "1");
}

#[test]
fn what_has_gained_a_child_is_not_removed_as_a_file() {
    let rig = Rig::new();
    rig.put("/x", "v");
    rig.id("x");
    rig.put("/x/child", "c");
    assert_eq!(rig.fs.unlink(ROOT, b"x").unwrap_err(), Errno::EISDIR);
    assert_eq!(rig.fs.rmdir(ROOT, b"x").unwrap_err(), Errno::ENOTEMPTY);
    assert_eq!(rig.get("/x/child"), "c");
}

#[test]
fn a_directory_whose_parent_was_removed_is_not_made_with_all_above() {
    let rig = Rig::new();
    rig.put("/d/x", "v");
    let parent = rig.id("d");
    rig.store.rm(&path("/d")).unwrap();
    assert_eq!(rig.fs.mkdir(parent, b"new").unwrap_err(), Errno::ENOENT);
    let flags = open_flags(OFlags::WRONLY | OFlags::CREATE);
    let error = rig.fs.create(parent, b"new", flags).unwrap_err();
    assert_eq!(error, Errno::ENOENT);
    assert!(!rig.store.exists(&path("/d")).unwrap());
}

#[test]
fn a_subtree_too_big_for_one_transaction_is_left_to_mv() {
    let rig = Rig::new();
    for i in 0..4100 {
        rig.put(&format!("/big/n{i}"), "");
    }
    let error = rig
        .fs
        .rename(ROOT, b"big", ROOT, b"moved", RenameFlags::default())
        .unwrap_err();
    assert_eq!(error, Errno::EXDEV);
    assert!(!rig.store.exists(&path("/moved")).unwrap());
}

#[test]
fn the_own_home_can_be_the_root_only_where_it_can_be_found() {
    let rig = Rig::new();
    rig.server.create_domain(DomId(3));
    rig.server.introduce(DomId(3)).unwrap();
    let settings = Settings {
        subdir: Subdir::Home,
        ..Settings::default()
    };
    let mount = || XenFs::new(connect(&rig.server, DomId(3), None), &settings);
    let error = mount().err().unwrap().to_string();
    assert!(error.contains("domid"), "{error}");
    rig.put("/local/domain/3/domid", "3");
    for node in ["/local/domain/3", "/local/domain/3/domid"] {
        rig.store
            .set_perms(&path(node), &"n0,r3".parse().unwrap())
            .unwrap();
    }
    let fs = mount().unwrap();
    assert!(fs.lookup(ROOT, b"domid").is_ok());
    // What it says is a guest's own matter; it must be a number of a domain.
    rig.put("/local/domain/3/domid", "../0");
    assert!(mount().is_err());
}

#[test]
fn a_quota_is_edquot() {
    let rig = Rig::new();
    rig.server.create_domain(DomId(3));
    rig.server.introduce(DomId(3)).unwrap();
    rig.put("/home/x", "");
    rig.store
        .set_perms(&path("/home"), &"n3".parse().unwrap())
        .unwrap();
    let client = connect(&rig.server, DomId(3), None);
    let fs = XenFs::new(client, &Settings::default()).unwrap();
    let home = fs.lookup(ROOT, b"home").unwrap().attr.id;
    let flags = open_flags(OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC);
    for i in 0..5000 {
        let (_, opened) = fs.create(home, format!("n{i}").as_bytes(), flags).unwrap();
        let written = fs.write(opened.handle, 0, b"v");
        fs.release(opened.handle).unwrap();
        if let Err(error) = written {
            assert_eq!(error, Errno::EDQUOT);
            return;
        }
    }
    panic!("a domain may make any number of nodes");
}
