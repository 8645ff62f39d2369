//! Programs that copy whole trees, within the mount, out of it and back.

use xenbus::Operations as _;
use xenbus_harness::requires_tool;

use super::rig::{Mount, for_each_mount, path};

/// A tree with everything: values of directories, empty ones, several lines, permissions.
fn plant(mount: &Mount) {
    mount.put("/t/src/vm/1/name", "guest");
    mount.put("/t/src/vm/1", "own value");
    mount.put("/t/src/vm/2/lines", "a\nb\n");
    mount.put("/t/src/empty", "");
    mount.put("/t/src/device/vif/0/state", "4");
    mount.perms("/t/src/device/vif/0/state", "n0,r0,b0");
    mount.sh("mkdir t/src/nothing");
}

fn listing(mount: &Mount, root: &str) -> String {
    mount.sh(&format!(
        "cd {root} && find . | sort && grep -r '' . | sort"
    ))
}

#[test]
fn cp_a_copies_a_tree_with_values_and_permissions() {
    for_each_mount(|mount| {
        plant(mount);
        mount.sh("cp -a t/src t/copy; diff -r t/src t/copy");
        assert_eq!(listing(mount, "t/copy"), listing(mount, "t/src"));
        assert_eq!(mount.get("/t/copy/vm/1"), "own value");
        assert_eq!(mount.get("/t/copy/vm/2/lines"), "a\nb\n");
        assert_eq!(mount.perms_of("/t/copy/device/vif/0/state"), "n0,r0,b0");
    });
}

#[test]
fn cp_a_out_of_the_mount_and_back_changes_nothing() {
    for_each_mount(|mount| {
        plant(mount);
        let outside = tempfile::TempDir::new().unwrap();
        let outside = outside.path().display();
        mount.sh(&format!(
            "cp -a t/src {outside}/out; diff -r t/src {outside}/out; cp -a {outside}/out t/back; diff -r t/src t/back"
        ));
        assert_eq!(listing(mount, "t/back"), listing(mount, "t/src"));
        // Again, over what is there.
        mount.sh(&format!("cp -a {outside}/out/. t/back/"));
        assert_eq!(listing(mount, "t/back"), listing(mount, "t/src"));
    });
}

#[test]
fn files_from_elsewhere_with_other_modes_and_owners_can_be_copied_in() {
    for_each_mount(|mount| {
        let outside = tempfile::TempDir::new().unwrap();
        let outside = outside.path().display();
        mount.sh(&format!(
            "mkdir {outside}/d; echo 1 > {outside}/d/a; chmod 755 {outside}/d; chmod 444 {outside}/d/a;
             chown 1000:1000 {outside}/d/a; mkdir t; cp -a {outside}/d t/; tar cf - -C {outside} d | tar xf - -C t;
             cp -p {outside}/d/a t/d/b"
        ));
        assert_eq!(mount.sh("cat t/d/a t/d/b"), "1\n1\n");
    });
}

#[test]
fn tar_packs_and_unpacks_the_same_tree() {
    for_each_mount(|mount| {
        plant(mount);
        mount.sh("mkdir t/x; tar cf - -C t/src . | tar xf - -C t/x; diff -r t/src t/x");
        assert_eq!(listing(mount, "t/x"), listing(mount, "t/src"));
        // Once more over what is there.
        mount.sh("tar cf - -C t/src . | tar xf - -C t/x; diff -r t/src t/x");
        mount.sh("mkdir t/y; tar --xattrs -cf - -C t/src . | tar --xattrs --xattrs-include='*' -xf - -C t/y");
        assert_eq!(mount.perms_of("/t/y/device/vif/0/state"), "n0,r0,b0");
    });
}

#[test]
fn rsync_in_place_copies_a_tree() {
    if requires_tool("rsync").is_none() {
        return;
    }
    for_each_mount(|mount| {
        plant(mount);
        mount.sh("rsync -a --inplace t/src/ t/sync/; diff -r t/src t/sync");
        assert_eq!(listing(mount, "t/sync"), listing(mount, "t/src"));
        mount.sh(
            "echo 5 > t/src/device/vif/0/state; touch -d '2021-01-01' t/src/device/vif/0/state",
        );
        mount.sh("rsync -a --inplace t/src/ t/sync/");
        assert_eq!(mount.get("/t/sync/device/vif/0/state"), "5");
        // Its temporary names are no names of nodes; without --inplace it says so.
        assert!(
            mount
                .fails("rsync -a t/src/ t/other/")
                .contains("Invalid argument")
        );
    });
}

#[test]
fn rsync_that_makes_temporary_files_fails_and_leaves_nothing() {
    if requires_tool("rsync").is_none() {
        return;
    }
    for_each_mount(|mount| {
        mount.put("/t/x", "v");
        mount.put("/u/old", "v");
        let error = mount.fails("rsync -a t/ u/");
        assert!(error.contains("Invalid argument"), "{error}");
        assert_eq!(mount.store.directory(&path("/u")).unwrap(), ["old"]);
    });
}
