//! Open files.

use rustix::fs::OFlags;
use xenbus::Operations;
use xenbus::wire::Op;
use xenfs::errno::Errno;
use xenfs::fs::{RenameFlags, SetAttr, Time};

use super::{Rig, open_flags, path};

#[test]
fn a_file_that_became_a_directory_is_stale_when_it_is_opened() {
    let rig = Rig::new();
    rig.put("/x", "v");
    let old = rig.id("x");
    let open = rig.open("x", OFlags::RDWR).unwrap();
    rig.put("/x/child", "c");
    let flags = open_flags(OFlags::RDONLY);
    assert_eq!(rig.fs.open(old, flags).unwrap_err(), Errno::ESTALE);
    let new = rig.find("x").unwrap().attr;
    assert!(new.directory && new.id != old);
    rig.fs.write(open, 0, b"w").unwrap();
    assert_eq!(rig.get("/x"), "w\n".trim_end());
    assert_eq!(rig.fs.read(open, 0, 100).unwrap(), b"w\n");
}

#[test]
fn a_removed_file_is_stale_when_it_is_opened() {
    let rig = Rig::new();
    rig.put("/x", "v");
    let id = rig.id("x");
    rig.store.rm(&path("/x")).unwrap();
    let flags = open_flags(OFlags::WRONLY);
    assert_eq!(rig.fs.open(id, flags).unwrap_err(), Errno::ESTALE);
}

#[test]
fn a_created_file_is_seen_everywhere_and_reaches_the_store_with_its_first_write() {
    let rig = Rig::new();
    rig.put("/d/x", "v");
    let (entry, handle) = rig
        .create("d", "new", OFlags::WRONLY | OFlags::TRUNC)
        .unwrap();
    assert_eq!(rig.find("d/new").unwrap().attr.id, entry.attr.id);
    assert_eq!(rig.names("d"), ["x", "new"]);
    assert_eq!(rig.fs.getattr(entry.attr.id).unwrap().0.size, 0);
    assert!(!rig.store.exists(&path("/d/new")).unwrap());
    rig.count.clear();
    rig.fs.write(handle, 0, b"v\n").unwrap();
    rig.fs.flush(handle).unwrap();
    rig.fs.release(handle).unwrap();
    assert_eq!(rig.count.of(Op::WRITE).len(), 1);
    assert_eq!(rig.get("/d/new"), "v");
    assert_eq!(rig.names("d"), ["x", "new"]);
}

#[test]
fn a_created_file_that_is_never_written_is_made_when_it_is_closed_and_leaves_a_foreign_one_alone() {
    let rig = Rig::new();
    rig.put("/d/x", "v");
    let (_, handle) = rig.create("d", "new", OFlags::WRONLY).unwrap();
    rig.fs.release(handle).unwrap();
    assert_eq!(rig.get("/d/new"), "");
    let (_, handle) = rig.create("d", "other", OFlags::WRONLY).unwrap();
    rig.put("/d/other", "somebody's");
    rig.fs.release(handle).unwrap();
    assert_eq!(rig.get("/d/other"), "somebody's");
}

#[test]
fn setting_times_or_permissions_makes_a_created_file_real() {
    let rig = Rig::new();
    rig.put("/d/x", "v");
    let (entry, _) = rig.create("d", "touched", OFlags::WRONLY).unwrap();
    let set = SetAttr {
        modified: Some(Time::Now),
        ..SetAttr::default()
    };
    rig.fs.setattr(entry.attr.id, set).unwrap();
    assert!(rig.store.exists(&path("/d/touched")).unwrap());
    let (entry, _) = rig.create("d", "perms", OFlags::WRONLY).unwrap();
    let name = b"user.xenstore.perms";
    assert_eq!(rig.fs.getxattr(entry.attr.id, name).unwrap(), b"n0");
    assert!(rig.store.exists(&path("/d/perms")).unwrap());
}

#[test]
fn a_created_file_can_be_removed_and_renamed_before_it_is_written() {
    let rig = Rig::new();
    rig.put("/d/x", "v");
    let parent = rig.id("d");
    let (_, handle) = rig.create("d", "gone", OFlags::WRONLY).unwrap();
    rig.fs.unlink(parent, b"gone").unwrap();
    assert_eq!(rig.fs.write(handle, 0, b"v").unwrap_err(), Errno::ENOENT);
    rig.fs.release(handle).unwrap();
    assert!(!rig.store.exists(&path("/d/gone")).unwrap());
    let (_, handle) = rig.create("d", "a", OFlags::WRONLY).unwrap();
    rig.fs
        .rename(parent, b"a", parent, b"b", RenameFlags::default())
        .unwrap();
    rig.fs.write(handle, 0, b"v").unwrap();
    assert_eq!(rig.get("/d/b"), "v");
    assert_eq!(rig.names("d"), ["x", "b"]);
}

#[test]
fn a_directory_with_a_file_being_created_is_not_empty() {
    let rig = Rig::new();
    rig.fs.mkdir(xenfs::inode::ROOT, b"d").unwrap();
    let (_, handle) = rig.create("d", "new", OFlags::WRONLY).unwrap();
    let error = rig.fs.rmdir(xenfs::inode::ROOT, b"d").unwrap_err();
    assert_eq!(error, Errno::ENOTEMPTY);
    assert_eq!(
        rig.fs.mkdir(rig.id("d"), b"new").unwrap_err(),
        Errno::EEXIST
    );
    rig.fs.release(handle).unwrap();
}

#[test]
fn a_refused_first_write_leaves_the_old_value() {
    let rig = Rig::new();
    rig.put("/x", "old");
    let handle = rig.open("x", OFlags::WRONLY | OFlags::TRUNC).unwrap();
    let error = rig.fs.write(handle, 0, &[b'x'; 5000]).unwrap_err();
    assert_eq!(error, Errno::EFBIG);
    rig.fs.release(handle).unwrap();
    assert_eq!(rig.get("/x"), "old");
}

#[test]
fn content_reads_the_same_through_to_its_end_and_new_after_that() {
    let rig = Rig::new();
    rig.put("/x", "first value");
    let handle = rig.open("x", OFlags::RDONLY).unwrap();
    assert_eq!(rig.fs.read(handle, 0, 6).unwrap(), b"first ");
    rig.put("/x", "second");
    assert_eq!(rig.fs.read(handle, 6, 100).unwrap(), b"value\n");
    assert_eq!(rig.fs.read(handle, 12, 100).unwrap(), b"");
    assert_eq!(rig.fs.read(handle, 3, 100).unwrap(), b"ond\n");
}

#[test]
fn truncation_by_name_is_seen_by_who_appends() {
    let rig = Rig::new();
    rig.put("/log", "1");
    let handle = rig.open("log", OFlags::WRONLY | OFlags::APPEND).unwrap();
    rig.fs.write(handle, 0, b"2\n").unwrap();
    assert_eq!(rig.get("/log"), "1\n2");
    let set = SetAttr {
        size: Some(0),
        ..SetAttr::default()
    };
    rig.fs.setattr(rig.id("log"), set).unwrap();
    rig.fs.write(handle, 99, b"3\n").unwrap();
    assert_eq!(rig.get("/log"), "3");
}

#[test]
fn a_file_that_is_not_open_for_writing_cannot_be_written() {
    let rig = Rig::new();
    rig.put("/x", "v");
    let handle = rig.open("x", OFlags::RDONLY).unwrap();
    assert_eq!(rig.fs.write(handle, 0, b"w").unwrap_err(), Errno::EBADF);
    assert_eq!(rig.fs.write(handle + 1, 0, b"w").unwrap_err(), Errno::EBADF);
}
