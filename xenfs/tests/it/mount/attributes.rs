//! Modes, owners, extended attributes, a read-only mount.

use xenbus::Operations;
use xenbus_harness::requires_tool;
use xenfs::settings::Settings;

use super::rig::{Mount, for_each_mount, for_each_mount_with, path};

#[test]
fn modes_show_the_first_permission_entry() {
    for_each_mount(|mount| {
        mount.put("/t/n", "v");
        mount.put("/t/r", "v");
        mount.put("/t/b/child", "v");
        mount.perms("/t/n", "n0,b0");
        mount.perms("/t/r", "r0");
        mount.perms("/t/b", "b0");
        assert_eq!(
            mount.sh("stat -c '%a %u %g %h' t/n t/r t/b"),
            "600 0 0 1\n604 0 0 1\n707 0 0 1\n"
        );
    });
}

#[test]
fn uid_gid_umask_and_owner_show_as_asked() {
    let settings = Settings {
        uid: Some(12),
        gid: Some(34),
        umask: Some(0o022),
        ..Settings::default()
    };
    for_each_mount_with(&settings, |mount| {
        mount.put("/t/b", "v");
        mount.perms("/t/b", "b0");
        assert_eq!(mount.sh("stat -c '%a %u %g' t/b"), "644 12 34\n");
    });
    let owners = Settings {
        owner_base: Some(100_000),
        ..Settings::default()
    };
    for_each_mount_with(&owners, |mount| {
        mount.put("/t/b", "v");
        assert_eq!(mount.sh("stat -c %u t/b"), "100000\n");
    });
}

#[test]
fn permissions_are_an_extended_attribute() {
    for_each_mount(|mount| {
        mount.put("/t/x", "v");
        mount.perms("/t/x", "n0,r0");
        let shown = mount.sh("getfattr --absolute-names -d t/x");
        assert_eq!(shown, "# file: t/x\nuser.xenstore.perms=\"n0,r0\"\n\n");
        mount.sh("setfattr -n user.xenstore.perms -v 'b0,r0,w0' t/x");
        assert_eq!(mount.perms_of("/t/x"), "b0,r0,w0");
        for wrong in ["", "x0", "n", "0", "n-1", "n032", "n99999", "n0 rubbish"] {
            let script = format!("setfattr -n user.xenstore.perms -v '{wrong}' t/x");
            let error = mount.fails(&script);
            assert!(error.contains("Invalid argument"), "{wrong}: {error}");
        }
        assert_eq!(mount.perms_of("/t/x"), "b0,r0,w0");
        assert!(
            mount
                .fails("setfattr -x user.xenstore.perms t/x")
                .contains("not permitted")
        );
        assert!(
            mount
                .fails("setfattr -n user.other -v 1 t/x")
                .contains("not supported")
        );
        mount.fails("getfattr -n user.other t/x");
    });
}

#[test]
fn the_value_is_an_extended_attribute_that_is_not_listed() {
    for_each_mount(|mount| {
        mount.put("/t/d/child", "v");
        mount.put("/t/d", "line\n");
        let shown = mount.sh("getfattr --absolute-names --only-values -n user.xenstore.value t/d");
        assert_eq!(shown, "line\n");
        mount.sh("setfattr -n user.xenstore.value -v 0x0001ff t/d");
        assert_eq!(mount.store.read(&path("/t/d")).unwrap(), b"\0\x01\xff");
        assert!(!mount.sh("getfattr -d t/d").contains("value"));
        assert_eq!(mount.sh("getfattr -d t/d/.value"), "");
        mount.store.rm(&path("/t/d")).unwrap();
        mount.fails("setfattr -n user.xenstore.value -v x t/d");
        assert!(!mount.store.exists(&path("/t/d")).unwrap());
    });
}

#[test]
fn chmod_and_chown_say_no_unless_nothing_would_change() {
    for_each_mount(|mount| {
        mount.put("/t/x", "v");
        mount.perms("/t/x", "n0");
        for script in [
            "chmod 644 t/x",
            "chmod o+r t/x",
            "chown 1000 t/x",
            "chgrp 1000 t/x",
        ] {
            let error = mount.fails(script);
            assert!(
                error.contains("Operation not permitted"),
                "{script}: {error}"
            );
        }
        mount.sh("chmod 600 t/x; chown 0:0 t/x");
        assert_eq!(mount.perms_of("/t/x"), "n0");
    });
}

#[test]
fn times_set_through_the_mount_are_kept() {
    for_each_mount(|mount| {
        mount.put("/t/x", "v");
        mount.sh("touch -d '2020-02-02 02:02:02 UTC' t/x");
        assert_eq!(mount.sh("stat -c %Y t/x"), "1580608922\n");
        mount.sh("echo new > t/x; test $(stat -c %Y t/x) -gt 1580608922");
    });
}

#[test]
fn a_file_shows_the_time_of_its_change_here_or_of_the_mount() {
    for_each_mount(|mount| {
        mount.put("/t/x", "v");
        let mounted = mount.sh("date +%s%N; stat -c %.9Y t/x t").replace('.', "");
        let mounted: Vec<u64> = mounted.lines().map(|line| line.parse().unwrap()).collect();
        assert!(
            mounted[1] == mounted[2] && mounted[1] <= mounted[0],
            "{mounted:?}"
        );
        mount.sh("echo w > t/x; touch t/new");
        let changed = mount.sh("stat -c %.9Y t/x t").replace('.', "");
        assert!(
            changed
                .lines()
                .all(|line| line.parse::<u64>().unwrap() >= mounted[0]),
            "{changed}"
        );
    });
}

#[test]
fn a_read_only_mount_changes_nothing() {
    let settings = Settings {
        read_only: true,
        ..Settings::default()
    };
    for_each_mount_with(&settings, |mount| {
        mount.put("/t/x", "v");
        assert_eq!(mount.sh("cat t/x"), "v\n");
        for script in [
            "echo 1 > t/x",
            "echo 1 > t/y",
            "rm t/x",
            "mkdir t/d",
            "mv t/x t/y",
            "truncate -s 0 t/x",
            "mkdir .transactions/T",
            "setfattr -n user.xenstore.perms -v b0 t/x",
        ] {
            let error = mount.fails(script);
            assert!(error.contains("Read-only"), "{script}: {error}");
        }
        assert_eq!(mount.get("/t/x"), "v");
    });
}

#[test]
fn statfs_says_how_long_names_are() {
    for_each_mount(|mount| {
        assert_eq!(mount.sh("stat -f -c '%l %S %b' ."), "255 4096 0\n");
    });
}

#[test]
fn a_new_file_looks_at_once_as_the_store_will_make_it() {
    for_each_mount(|mount| {
        mount.put("/t/d/x", "v");
        mount.perms("/t/d", "r0,b0");
        let before = mount.sh("exec 3> t/d/new; stat -c '%a %u %F' t/d/new; exec 3>&-");
        mount.settled();
        assert_eq!(mount.perms_of("/t/d/new"), "r0,b0");
        assert_eq!(mount.sh("stat -c '%a %u %F' t/d/new"), before);
    });
}

/// As a user of the machine who is nobody to Xen.
fn as_nobody(script: &str) -> String {
    format!("setpriv --reuid=65534 --regid=65534 --clear-groups bash -c '{script}'")
}

#[test]
fn other_users_get_nothing_over_a_privileged_connection_unless_a_umask_is_given() {
    if requires_tool("setpriv").is_none() || !rustix::process::geteuid().is_root() {
        return;
    }
    let others = Settings {
        allow_other: true,
        ..Settings::default()
    };
    let open = |mount: &Mount| {
        for node in ["/", "/t", "/t/readable", "/t/closed", "/t/open"] {
            if node.len() > 3 {
                mount.put(node, "v");
            }
        }
        for (node, perms) in [
            ("/", "r0"),
            ("/t", "r0"),
            ("/t/readable", "r0"),
            ("/t/closed", "n0"),
            ("/t/open", "b0"),
        ] {
            mount.perms(node, perms);
        }
    };
    for_each_mount_with(&others, |mount| {
        open(mount);
        mount.fails(&as_nobody("ls t"));
        mount.fails(&as_nobody("cat t/readable"));
    });
    let readers = Settings {
        umask: Some(0o022),
        ..others.clone()
    };
    for_each_mount_with(&readers, |mount| {
        open(mount);
        assert_eq!(
            mount.sh(&as_nobody("ls t; cat t/readable t/closed")),
            "closed\nopen\nreadable\nv\nv\n"
        );
        for script in ["echo w > t/open", "mkdir t/d", "rm t/open", "mv t/open t/x"] {
            let error = mount.fails(&as_nobody(script));
            assert!(error.contains("denied"), "{script}: {error}");
        }
        assert_eq!(mount.get("/t/open"), "v");
    });
    let nobody = Settings {
        umask: Some(0o007),
        ..others.clone()
    };
    for_each_mount_with(&nobody, |mount| {
        open(mount);
        mount.fails(&as_nobody("ls t"));
    });
}

#[test]
fn nobody_can_do_more_than_the_mode_shows() {
    if requires_tool("setpriv").is_none() || !rustix::process::geteuid().is_root() {
        return;
    }
    // Every attempt, by the bits of a directory (D) or of a file (F) that it needs.
    let attempts = r#"
        cd t 2> /dev/null || { echo 0; exit; }
        done=0
        for node in n r w b; do
            f=$node/f; D=$(stat -c %a $node 2> /dev/null) F=$(stat -c %a $f 2> /dev/null)
            D=$((0${D: -1})) F=$((0${F: -1}))
            may() { [ $(($1 & $2)) = $2 ]; }
            try() { # needed bits hold?  command
                "$@" > /dev/null 2>&1 || return
                if [ $held = yes ]; then done=$((done + 1)); else echo "$node: $* in $D, $F"; fi
            }
            held=no; may $D 4 && held=yes
            try ls $node
            held=no; may $D 1 && may $F 4 && held=yes
            try cat $f; try getfattr -n user.xenstore.perms $f; try getfattr -n user.xenstore.value $f
            held=no; may $D 1 && may $F 2 && held=yes
            try dd if=/dev/zero of=$f bs=1 count=1 conv=notrunc; try truncate -s 0 $f; try touch $f
            try setfattr -n user.xenstore.value -v x $f; try setfattr -n user.xenstore.perms -v b0 $f
            held=no; may $D 3 && held=yes
            try mkdir $node/d; try touch $node/new; try mv $f $node/g; try rm $node/f
            held=no; [ $(stat -c %u $node 2> /dev/null || echo 0) = $(id -u) ] && held=yes
            try chmod 777 $node; try chown $(id -u) $node
        done
        held=no; [ $((0$(stat -c %a ../.transactions) & 2)) = 2 ] && held=yes
        try mkdir ../.transactions/T
        echo $done"#;
    // What a mode allows is done: an ordinary user lists, reads and looks at attributes; with all bits everything works.
    for (umask, done) in [
        (None, 0),
        (Some(0o022), 16),
        (Some(0o027), 0),
        (Some(0), 49),
    ] {
        let settings = Settings {
            allow_other: true,
            umask,
            ..Settings::default()
        };
        for_each_mount_with(&settings, |mount| {
            for node in ["n", "r", "w", "b"] {
                mount.put(&format!("/t/{node}/f"), "v");
                mount.perms(&format!("/t/{node}"), &format!("{node}0"));
                mount.perms(&format!("/t/{node}/f"), &format!("{node}0"));
            }
            mount.perms("/t", "r0");
            mount.perms("/", "r0");
            // Given as a word of its own: it has both kinds of quotes.
            let script = format!("SCRIPT=$(cat <<'END'\n{attempts}\nEND\n); export SCRIPT\n");
            let ran = mount.sh(&(script + &as_nobody("eval \"$SCRIPT\"")));
            assert_eq!(ran, format!("{done}\n"), "umask {umask:?}");
        });
    }
}
