//! What a domain without privilege sees.

use std::fs;
use std::time::Duration;

use xenbus::Operations;
use xenbus_harness::requires_fuse;
use xenfs::settings::{Settings, Subdir};

use super::rig::{Mount, path};
use crate::stores::for_each_store;

const GUEST: u32 = 5;

/// Runs `test` on what guest 5 mounts of a host whose toolstack has made its home, with each kind of store.
fn in_a_guest(subdir: &Subdir, test: impl Fn(&Mount)) {
    if !requires_fuse() {
        return;
    }
    for_each_store(|store| {
        let (client, count) = store.domain(GUEST);
        let host = store.client();
        for (node, value, perms) in [
            ("/local/domain/5", "", "n0,r5"),
            ("/local/domain/5/name", "guest", "n0,r5"),
            ("/local/domain/5/domid", "5", "n0,r5"),
            ("/local/domain/5/data", "", "n5"),
            ("/local/domain/5/data/os", "", "n5"),
            ("/local/domain/5/control/shutdown", "", "b0,b5"),
            ("/local/domain/5/secret", "s", "n0"),
            ("/local/domain/5/blind", "", "n0,w5"),
            ("/local/domain/0/backend/vif/5/0/state", "2", "n0,r5"),
        ] {
            let node = path(node);
            host.write(&node, value.as_bytes()).unwrap();
            host.set_perms(&node, &perms.parse().unwrap()).unwrap();
        }
        let settings = Settings {
            subdir: subdir.clone(),
            ..Settings::default()
        };
        test(&Mount::of(client, count, host, &settings));
    });
}

#[test]
fn a_guest_walks_through_what_it_may_not_read_to_its_home() {
    in_a_guest(&Subdir::Root, |mount| {
        assert_eq!(mount.sh("cat local/domain/5/name"), "guest\n");
        assert!(mount.fails("ls local/domain").contains("Permission denied"));
        assert_eq!(
            mount.sh("ls local/domain/5 | sort | tr '\\n' ' '"),
            "blind control data domid name secret "
        );
        assert_eq!(mount.sh("cat local/domain/0/backend/vif/5/0/state"), "2\n");
        assert_eq!(
            mount.sh("stat -c '%A' local local/domain/5 local/domain/5/name"),
            "d-wx--x--x\ndr-x------\n-r--------\n"
        );
        assert!(
            mount
                .fails("cat local/domain/5/secret")
                .contains("Permission denied")
        );
        assert!(
            mount
                .fails("ls local/domain/5/secret")
                .contains("Permission denied")
        );
    });
}

#[test]
fn a_guest_finds_its_home_without_knowing_its_number() {
    in_a_guest(&Subdir::Home, |mount| {
        assert_eq!(mount.sh("cat name"), "guest\n");
        mount.sh("echo 1 > data/x; mkdir data/d; echo 2 > data/d/y; mv data/d data/e; rm data/x");
        assert_eq!(mount.get("/local/domain/5/data/e/y"), "2");
        assert_eq!(mount.perms_of("/local/domain/5/data/e/y"), "n5");
        assert_eq!(mount.sh("stat -c %a data/e/y data"), "600\n700\n");
        mount.sh("setfattr -n user.xenstore.perms -v n5,r0 data/e/y");
        assert_eq!(mount.perms_of("/local/domain/5/data/e/y"), "n5,r0");
    });
}

#[test]
fn a_guest_is_told_at_once_what_it_may_not_write() {
    in_a_guest(&Subdir::Home, |mount| {
        for script in [
            "echo x > name",
            ": > name",
            "echo x > new",
            ": > new",
            "mkdir new",
            "rm name",
            "mv name data/name",
            "setfattr -n user.xenstore.perms -v n5 name",
        ] {
            let error = mount.fails(script);
            assert!(
                error.contains("Permission denied") || error.contains("not permitted"),
                "{script}: {error}"
            );
        }
        assert_eq!(mount.get("/local/domain/5/name"), "guest");
        mount.sh("echo suspend > control/shutdown");
        assert_eq!(mount.get("/local/domain/5/control/shutdown"), "suspend");
    });
}

#[test]
fn a_node_that_may_be_written_but_not_read_is_written_through_its_value() {
    in_a_guest(&Subdir::Home, |mount| {
        mount.sh("echo hello > blind/.value");
        assert_eq!(mount.get("/local/domain/5/blind"), "hello");
        mount.fails("cat blind/.value");
        mount.fails("echo hello > secret/.value");
        assert_eq!(mount.get("/local/domain/5/secret"), "s");
    });
}

#[test]
fn a_guest_copies_and_moves_trees_and_owns_the_copies() {
    in_a_guest(&Subdir::Home, |mount| {
        mount.sh("mkdir data/d; echo 1 > data/d/x; cp -a name data/copy; cp -a data/d data/e");
        assert_eq!(mount.get("/local/domain/5/data/copy"), "guest");
        assert_eq!(mount.get("/local/domain/5/data/e/x"), "1");
        // The host's node cannot be given back to the host: the copy stays the guest's.
        assert_eq!(mount.perms_of("/local/domain/5/data/copy"), "n5");
        mount.sh("setfattr -n user.xenstore.perms -v n5,r0 data/d/x; mv data/d data/moved");
        assert_eq!(mount.perms_of("/local/domain/5/data/moved/x"), "n5,r0");
        mount.sh("tar cf - -C data moved | tar xf - -C data/e; rm -r data/moved data/copy");
        assert_eq!(mount.get("/local/domain/5/data/e/moved/x"), "1");
        mount.sh("sed -i s/1/2/ data/e/x");
        assert_eq!(mount.get("/local/domain/5/data/e/x"), "2");
    });
}

#[test]
fn a_guest_has_8_transactions_and_sees_its_own_rights_in_them() {
    in_a_guest(&Subdir::Home, |mount| {
        mount.sh("mkdir .transactions/T; cd .transactions/T; cat name; echo linux > data/os");
        mount.fails("echo x > .transactions/T/name");
        mount.fails("cat .transactions/T/secret");
        mount.sh("echo hello > .transactions/T/blind/.value");
        assert_eq!(mount.get("/local/domain/5/data/os"), "");
        mount.sh("echo commit > .transactions/T/.control");
        assert_eq!(mount.get("/local/domain/5/data/os"), "linux");
        assert_eq!(mount.get("/local/domain/5/blind"), "hello");
        mount.sh("for i in 1 2 3 4 5 6 7 8; do mkdir .transactions/$i; done");
        let error = mount.fails("mkdir .transactions/9");
        assert!(error.contains("Disk quota exceeded"), "{error}");
        mount.sh("rmdir .transactions/*");
    });
}

#[test]
fn a_guest_walks_to_its_home_inside_a_transaction_too() {
    in_a_guest(&Subdir::Root, |mount| {
        mount.sh("mkdir .transactions/T; cd .transactions/T/local/domain/5; cat name; ls; echo 1 > data/os");
        mount.sh("echo commit > .transactions/T/.control");
        assert_eq!(mount.get("/local/domain/5/data/os"), "1");
    });
}

#[test]
fn unmounting_gives_transactions_up_and_tells_the_store() {
    if !requires_fuse() {
        return;
    }
    for_each_store(|store| {
        // C says how many a domain has open; oxenstored has no such command.
        let open = || {
            let quota = store.client().control(&["quota", "5"]).unwrap();
            let quota = String::from_utf8(quota).unwrap();
            let line = quota.lines().find(|line| line.starts_with("transactions"));
            let count = line.map(|line| line.split(':').nth(1).unwrap().to_owned());
            count.map(|count| count.split_whitespace().next().unwrap().to_owned())
        };
        let (client, count) = store.domain(GUEST);
        let mount = Mount::of(client, count, store.client(), &Settings::default());
        mount.sh("mkdir .transactions/T .transactions/U");
        let before = open();
        drop(mount);
        assert!(before.is_none_or(|before| before == "2" && open().unwrap() == "0"));
    });
}

#[test]
fn what_may_not_be_read_is_not_asked_for_again_and_again() {
    in_a_guest(&Subdir::Root, |mount| {
        // A while in which nobody does anything has to come.
        let rests = || {
            Mount::until(|| {
                mount.count.clear();
                std::thread::sleep(Duration::from_millis(100));
                mount.count.total() == 0
            });
        };
        mount.fails("cat local/domain/5/secret");
        mount.fails("ls local/domain");
        rests();
        // Nor when it may not be read any more, and then may again.
        assert_eq!(mount.sh("cat local/domain/5/name"), "guest\n");
        mount.perms("/local/domain/5/name", "n0");
        Mount::until(|| fs::read(mount.file("local/domain/5/name")).is_err());
        rests();
        mount.perms("/local/domain/5/name", "n0,r5");
        assert_eq!(mount.sh("cat local/domain/5/name"), "guest\n");
    });
}
