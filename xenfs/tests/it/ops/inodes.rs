//! Nodeids over time.

use xenbus::Operations;
use xenfs::errno::Errno;
use xenfs::fs::{RenameFlags, SetAttr};
use xenfs::inode::ROOT;

use super::{Rig, path};

#[test]
fn a_nodeid_stays_when_it_was_forgotten_and_when_the_node_was_gone_for_a_while() {
    let rig = Rig::new();
    rig.put("/d/x", "v");
    let id = rig.id("d");
    rig.fs.forget(id, 1);
    assert_eq!(rig.id("d"), id);
    rig.store.rm(&path("/d")).unwrap();
    assert_eq!(rig.find("d").unwrap_err(), Errno::ENOENT);
    assert_eq!(rig.fs.getattr(id).unwrap_err(), Errno::ENOENT);
    rig.put("/d", "");
    assert_eq!(rig.id("d"), id);
}

#[test]
fn a_directory_removed_here_and_made_again_is_another_one() {
    let rig = Rig::new();
    let old = rig.fs.mkdir(ROOT, b"d").unwrap().attr.id;
    rig.fs.rmdir(ROOT, b"d").unwrap();
    let new = rig.fs.mkdir(ROOT, b"d").unwrap().attr.id;
    assert_ne!(old, new);
    assert_eq!(rig.fs.mkdir(old, b"x").unwrap_err(), Errno::ESTALE);
    rig.fs.mkdir(new, b"x").unwrap();
}

#[test]
fn numbers_in_a_listing_are_those_of_stat() {
    let rig = Rig::new();
    for node in ["/d/leaf", "/d/dir/x", "/d"] {
        rig.put(node, "v");
    }
    let handle = rig.fs.opendir(rig.id("d")).unwrap();
    let mut seen = Vec::new();
    let push = |entry: xenfs::fs::DirEntry| {
        seen.push(entry);
        true
    };
    rig.fs.readdir(handle, 0, push).unwrap();
    let names: Vec<_> = seen.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, [".", "..", ".value", "leaf", "dir"]);
    assert_eq!(seen[0].id, rig.id("d"));
    assert_eq!(seen[1].id, ROOT);
    for entry in &seen[2..] {
        let attr = rig.find(&format!("d/{}", entry.name)).unwrap().attr;
        assert_eq!((attr.id, attr.directory), (entry.id, entry.directory));
    }
}

#[test]
fn a_listing_can_be_read_in_any_pieces() {
    let rig = Rig::new();
    for i in 0..300 {
        rig.put(&format!("/d/n{i:03}"), "v");
    }
    let handle = rig.fs.opendir(rig.id("d")).unwrap();
    let mut names = Vec::new();
    let mut offset = 0;
    loop {
        let before = names.len();
        let mut room = 7;
        rig.fs
            .readdir(handle, offset, |entry| {
                if room == 0 {
                    return false;
                }
                room -= 1;
                offset = entry.next;
                names.push(entry.name);
                true
            })
            .unwrap();
        if names.len() == before {
            break;
        }
        // What comes and goes meanwhile changes nothing.
        rig.store
            .rm(&path(&format!("/d/n{:03}", before % 300)))
            .unwrap();
        rig.put(&format!("/d/z{before}"), "v");
    }
    let expected: Vec<_> = [".".to_owned(), "..".to_owned()]
        .into_iter()
        .chain((0..300).map(|i| format!("n{i:03}")))
        .collect();
    assert_eq!(names, expected);
    // Rewinding looks again.
    let mut again = 0;
    rig.fs
        .readdir(handle, 0, |entry| {
            again += usize::from(entry.name.starts_with('z'));
            true
        })
        .unwrap();
    assert_eq!(again, 44);
}

#[test]
fn open_files_and_directories_follow_a_renamed_subtree() {
    let rig = Rig::new();
    rig.put("/a/b/x", "v");
    let below = rig.id("a/b");
    let leaf = rig.id("a/b/x");
    rig.fs
        .rename(ROOT, b"a", ROOT, b"c", RenameFlags::default())
        .unwrap();
    assert_eq!(rig.id("c/b"), below);
    assert_eq!(rig.id("c/b/x"), leaf);
    let set = SetAttr {
        size: Some(0),
        ..SetAttr::default()
    };
    rig.fs.setattr(leaf, set).unwrap();
    assert_eq!(rig.get("/c/b/x"), "");
    assert!(!rig.store.exists(&path("/a")).unwrap());
}

#[test]
fn making_a_directory_in_dot_dirs_says_nothing_about_the_plain_view() {
    let rig = Rig::new();
    rig.put("/leaf", "v");
    let leaf = rig.id(".dirs/leaf");
    rig.fs.mkdir(leaf, b"child").unwrap();
    assert!(rig.find("leaf").unwrap().attr.directory);
    assert!(!rig.find("leaf/child").unwrap().attr.directory);
    assert!(rig.find(".dirs/leaf/child").unwrap().attr.directory);
    let error = rig
        .fs
        .rename(leaf, b"child", ROOT, b"child", RenameFlags::default())
        .unwrap_err();
    assert_eq!(error, Errno::EXDEV);
}

#[test]
fn a_file_is_not_made_in_dot_dirs_where_everything_is_a_directory() {
    let rig = Rig::new();
    rig.put("/leaf", "v");
    let leaf = rig.id(".dirs/leaf");
    assert_eq!(rig.fs.mknod(leaf, b"child").unwrap_err(), Errno::EPERM);
    assert!(!rig.store.exists(&path("/leaf/child")).unwrap());
}
