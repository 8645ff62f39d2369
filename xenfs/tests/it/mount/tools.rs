//! Everyday programs on a mount.

use xenbus::Operations;
use xenbus_harness::requires_tool;

use super::rig::{for_each_mount, path};

#[test]
fn ls_cat_find_and_grep_see_the_store() {
    for_each_mount(|mount| {
        mount.put("/t/a/b", "value");
        mount.put("/t/a/empty", "");
        mount.put("/t/c", "two\nlines");
        assert_eq!(mount.sh("ls t/a | sort"), "b\nempty\n");
        assert_eq!(mount.sh("cat t/a/b t/c t/a/empty"), "value\ntwo\nlines\n");
        assert_eq!(mount.sh("find t | sort"), "t\nt/a\nt/a/b\nt/a/empty\nt/c\n");
        assert_eq!(mount.sh("find t -type f -size +0 | sort"), "t/a/b\nt/c\n");
        assert_eq!(mount.sh("grep -rl lines t"), "t/c\n");
        assert_eq!(mount.sh("grep -c '' t/c"), "2\n");
        assert_eq!(mount.sh("wc -c < t/c"), "10\n");
        assert_eq!(
            mount.sh("stat -c '%F %s' t t/c"),
            "directory 0\nregular file 10\n"
        );
        assert_eq!(
            mount.sh("test -d t/a && test -f t/c && ! test -e t/x && echo ok"),
            "ok\n"
        );
    });
}

#[test]
fn mkdir_rm_and_rmdir_change_the_store() {
    for_each_mount(|mount| {
        mount.sh("mkdir -p t/d/e; echo x > t/d/e/f; mkdir t/g");
        assert_eq!(mount.get("/t/d/e/f"), "x");
        assert_eq!(mount.get("/t/g"), "");
        assert!(mount.fails("mkdir t/g").contains("File exists"));
        assert!(mount.fails("mkdir t/none/x").contains("No such file"));
        assert!(mount.fails("rmdir t/d").contains("not empty"));
        assert!(mount.fails("rm t/g").contains("Is a directory"));
        assert!(mount.fails("rm t/none").contains("No such file"));
        mount.sh("rmdir t/g; rm -r t");
        assert!(!mount.store.exists(&path("/t")).unwrap());
    });
}

#[test]
fn mv_moves_leaves_and_subtrees() {
    for_each_mount(|mount| {
        mount.sh("mkdir -p t/d/e t/empty; echo 1 > t/a; echo 2 > t/b; echo 3 > t/d/e/f; echo v > t/d/.value");
        mount.sh("mv t/a t/b");
        assert_eq!(
            mount.sh("cat t/b; ls -A t | sort | tr '\\n' ' '"),
            "1\nb d empty "
        );
        mount.sh("mv t/d t/moved");
        assert_eq!(mount.get("/t/moved/e/f"), "3");
        assert_eq!(mount.get("/t/moved"), "v");
        assert!(!mount.store.exists(&path("/t/d")).unwrap());
        assert_eq!(mount.sh("cat t/moved/e/f t/moved/.value"), "3\nv\n");
        assert!(mount.fails("mv -T t/empty t/moved").contains("not empty"));
        mount.sh("mv -T t/moved t/empty");
        assert_eq!(mount.get("/t/empty/e/f"), "3");
        assert!(mount.fails("mv -T t/b t/empty").contains("directory"));
        assert!(
            mount
                .fails("mv t/empty t/empty/e")
                .contains("subdirectory of itself")
        );
        mount.sh("echo 9 > t/n; mv -n t/b t/n");
        assert_eq!(mount.get("/t/n"), "9");
    });
}

#[test]
fn an_open_file_follows_a_rename_and_a_removed_one_is_gone() {
    for_each_mount(|mount| {
        mount.put("/t/a", "1");
        mount.sh("exec 3<>t/a; mv t/a t/b; echo 2 >&3");
        assert_eq!(mount.get("/t/b"), "2");
        assert!(!mount.store.exists(&path("/t/a")).unwrap());
        let error = mount.fails("exec 3<>t/b; rm t/b; echo 3 >&3");
        assert!(error.contains("No such file"), "{error}");
        assert!(!mount.store.exists(&path("/t/b")).unwrap());
    });
}

#[test]
fn sed_in_place_keeps_the_nodes_permissions() {
    for_each_mount(|mount| {
        mount.put("/t/a", "one two");
        mount.perms("/t/a", "n0,r0,b0");
        mount.sh("sed -i s/two/three/ t/a");
        assert_eq!(mount.get("/t/a"), "one three");
        assert_eq!(mount.perms_of("/t/a"), "n0,r0,b0");
        assert_eq!(mount.sh("ls -A t"), "a\n");
    });
}

#[test]
fn vim_edits_a_value() {
    if requires_tool("vim").is_none() {
        return;
    }
    for_each_mount(|mount| {
        mount.put("/t/a", "one two");
        mount.perms("/t/a", "n0,r0");
        mount.sh("vim -Nu NONE -es -c 's/two/three/' -c wq t/a </dev/null");
        assert_eq!(mount.get("/t/a"), "one three");
        assert_eq!(mount.perms_of("/t/a"), "n0,r0");
        mount.sh("vim -Nu NONE -es -c 'set backupcopy=no' -c 's/one/1/' -c wq t/a </dev/null");
        assert_eq!(mount.get("/t/a"), "1 three");
        mount.sh("vim -Nu NONE -es -c 'normal inew' -c wq t/fresh </dev/null");
        assert_eq!(mount.get("/t/fresh"), "new");
        assert_eq!(mount.sh("ls -A t | sort"), "a\nfresh\n");
    });
}

#[test]
fn ed_tee_install_dd_truncate_and_perl_write_values() {
    for_each_mount(|mount| {
        mount.sh("mkdir t; echo x | tee t/tee > /dev/null; printf 'a\\nb\\n' > t/printf");
        assert_eq!(mount.get("/t/tee"), "x");
        assert_eq!(mount.get("/t/printf"), "a\nb");
        mount.sh("printf 1234567890 | dd of=t/dd bs=3 status=none");
        assert_eq!(mount.get("/t/dd"), "1234567890");
        mount.sh("printf XY | dd of=t/dd bs=1 seek=4 conv=notrunc status=none");
        assert_eq!(mount.get("/t/dd"), "1234XY7890");
        mount.sh("truncate -s 4 t/dd");
        assert_eq!(mount.get("/t/dd"), "1234");
        mount.sh("truncate -s 0 t/dd");
        assert_eq!(mount.get("/t/dd"), "");
        mount.sh("perl -e 'open F, \">>\", \"t/perl\"; print F \"p\\n\"; close F or die'");
        assert_eq!(mount.get("/t/perl"), "p");
        mount.sh("echo data > /dev/shm/xenfs-$$; install /dev/shm/xenfs-$$ t/installed; rm /dev/shm/xenfs-$$");
        assert_eq!(mount.get("/t/installed"), "data");
        mount.sh("touch t/touched; touch t/touched");
        assert_eq!(mount.get("/t/touched"), "");
    });
}
