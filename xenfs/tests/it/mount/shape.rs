//! Which nodes are files, which are directories, and under which names.

use xenbus::Operations;
use xenbus::wire::Op;
use xenfs::settings::{EmptyNode, Settings, Subdir};

use xenbus_harness::requires_fuse;

use super::rig::{Mount, for_each_mount, for_each_mount_with, path};
use crate::stores::for_each_store;

#[test]
fn the_value_of_a_directory_is_a_file_while_it_is_not_empty() {
    for_each_mount(|mount| {
        mount.put("/t/d/child", "c");
        assert_eq!(mount.sh("ls -A t/d"), "child\n");
        mount.fails("cat t/d/.value");
        mount.put("/t/d", "v");
        mount.quiet();
        assert_eq!(mount.sh("ls -A t/d; cat t/d/.value"), ".value\nchild\nv\n");
        assert_eq!(mount.sh("ls t/d"), "child\n");
        mount.count.clear();
        mount.sh("echo w > t/d/.value");
        assert_eq!(mount.count.writes("/t/d"), ["w"]);
        mount.sh("rm t/d/.value");
        assert_eq!(mount.get("/t/d"), "");
        mount.fails("rm t/d/.value");
        mount.sh("echo new > t/d/.value");
        assert_eq!(mount.get("/t/d"), "new");
        mount.sh("rm t/d/child");
        assert!(mount.fails("rmdir t/d").contains("not empty"));
        mount.sh("rm -r t/d");
        assert!(!mount.store.exists(&path("/t/d")).unwrap());
    });
}

#[test]
fn a_value_can_be_moved_and_edited_in_place() {
    for_each_mount(|mount| {
        mount.put("/t/d/child", "c");
        mount.put("/t/d", "one two");
        mount.sh("sed -i s/two/2/ t/d/.value");
        assert_eq!(mount.get("/t/d"), "one 2");
        assert_eq!(mount.sh("ls -A t/d"), ".value\nchild\n");
        mount.sh("mv t/d/.value t/x");
        assert_eq!(mount.get("/t/x"), "one 2");
        assert_eq!(mount.get("/t/d"), "");
        mount.sh("mv t/x t/d/.value");
        assert_eq!(mount.get("/t/d"), "one 2");
        assert_eq!(mount.sh("ls t; ls -A t/d"), "d\n.value\nchild\n");
    });
}

#[test]
fn types_are_remembered_and_a_file_that_gains_a_child_becomes_a_directory() {
    for_each_mount(|mount| {
        mount.put("/t/dir/child", "");
        mount.put("/t/file", "");
        assert_eq!(
            mount.sh("stat -c %F t/dir t/file"),
            "directory\nregular empty file\n"
        );
        mount.store.rm(&path("/t/dir/child")).unwrap();
        assert_eq!(mount.sh("stat -c %F t/dir; rmdir t/dir"), "directory\n");
        assert_eq!(mount.sh("mkdir t/made; stat -c %F t/made"), "directory\n");
        let file = std::fs::File::open(mount.file("t/file")).unwrap();
        mount.put("/t/file/child", "below");
        Mount::until(|| mount.file("t/file").is_dir());
        assert_eq!(
            mount.sh("cat t/file/child; stat -c %F t/file"),
            "below\ndirectory\n"
        );
        // Who had it open goes on with the value.
        mount.put("/t/file", "value");
        let content = std::io::read_to_string(&file).unwrap();
        assert_eq!(content, "value\n");
        assert!(mount.fails("echo 1 > t/file").contains("Is a directory"));
    });
}

#[test]
fn a_file_becomes_a_directory_also_when_what_is_made_is_deeper_than_its_child() {
    for_each_mount(|mount| {
        let is_directory = |at: &str, node: &str| {
            mount.quiet();
            assert_eq!(
                mount.sh(&format!("stat -c %F {at}; find {at} -type f -size +0")),
                format!("directory\n{node}\n")
            );
        };
        mount.sh("mkdir t; : > t/file; ls t");
        mount.put("/t/file/a/b", "v");
        is_directory("t/file", "t/file/a/b");
        // The mount remembers that what was below the node before was a file, and the node is one now.
        mount.sh("mkdir t/x; rmdir t/x");
        mount.put("/t/x/a", "v");
        is_directory("t/x", "t/x/a");
        mount.store.rm(&path("/t/x")).unwrap();
        mount.quiet();
        mount.sh("ls t; echo 1 > t/x");
        mount.put("/t/x", "");
        mount.quiet();
        assert_eq!(mount.sh("stat -c %F t/x"), "regular empty file\n");
        mount.put("/t/x/a/b", "v");
        is_directory("t/x", "t/x/a/b");
    });
}

#[test]
fn an_empty_leaf_is_a_file_or_as_the_option_says() {
    for_each_mount(|mount| {
        mount.put("/t/control/shutdown", "");
        mount.sh("echo poweroff > t/control/shutdown");
        assert_eq!(mount.get("/t/control/shutdown"), "poweroff");
    });
    let directories = Settings {
        empty: EmptyNode::Directory,
        ..Settings::default()
    };
    for_each_mount_with(&directories, |mount| {
        mount.put("/t/empty", "");
        mount.put("/t/full", "v");
        assert_eq!(mount.sh("find t -type d | sort"), "t\nt/empty\n");
        assert_eq!(
            mount.sh("stat -c %F t/empty t/full"),
            "directory\nregular file\n"
        );
        mount.sh("echo x > t/new; : > t/made");
        assert_eq!(
            mount.sh("stat -c %F t/new t/made"),
            "regular file\nregular empty file\n"
        );
    });
}

#[test]
fn dot_dirs_shows_every_node_as_a_directory() {
    for_each_mount(|mount| {
        mount.put("/t/leaf", "v");
        assert!(!mount.sh("ls -a").contains(".dirs"));
        assert_eq!(
            mount.sh("ls -A .dirs/t; cat .dirs/t/leaf/.value"),
            "leaf\nv\n"
        );
        assert_eq!(
            mount.sh("find .dirs/t | sort"),
            ".dirs/t\n.dirs/t/leaf\n.dirs/t/leaf/.value\n"
        );
        mount.sh("mkdir .dirs/t/leaf/child; echo x > .dirs/t/leaf/child/.value");
        assert_eq!(mount.get("/t/leaf/child"), "x");
        assert_eq!(mount.sh("cat t/leaf/child t/leaf/.value"), "x\nv\n");
        mount.sh("rm -r .dirs/t/leaf");
        assert!(!mount.store.exists(&path("/t/leaf")).unwrap());
        mount.fails("ls t/.dirs");
    });
}

#[test]
fn names_that_no_node_can_have_are_not_there_without_asking() {
    for_each_mount(|mount| {
        mount.sh("mkdir t; ls t");
        mount.quiet();
        mount.count.clear();
        for name in [".t.swp", "._t", "a.b", "a b", "Trash~", "\u{e9}"] {
            assert!(
                mount
                    .fails(&format!("cat 't/{name}'"))
                    .contains("No such file")
            );
        }
        for op in [Op::READ, Op::DIRECTORY, Op::GET_PERMS] {
            let asked = mount.count.of(op);
            let odd = asked
                .iter()
                .find(|path| !path.starts_with(b"/t\0") && path.starts_with(b"/t"));
            assert_eq!(odd, None, "{op:?}");
        }
        assert!(mount.fails("echo x > t/a.b").contains("Invalid argument"));
        assert!(mount.fails("mkdir t/a.b").contains("Invalid argument"));
        assert!(mount.fails("ln -s x t/link").contains("not permitted"));
        assert!(mount.fails("mkfifo t/fifo").contains("not permitted"));
        mount.sh("echo x > t/x");
        assert!(mount.fails("ln t/x t/y").contains("not permitted"));
    });
}

#[test]
fn the_root_shows_no_events_as_nodes() {
    for_each_mount(|mount| {
        mount.put("/@x", "real");
        let root = mount.sh("ls -a");
        assert!(
            root.contains("@x") && !root.contains("@introduceDomain"),
            "{root}"
        );
        mount.fails("cat @releaseDomain");
        assert_eq!(mount.sh("cat @x"), "real\n");
    });
}

#[test]
fn names_longer_than_255_bytes_do_not_break_a_listing_and_can_be_reached() {
    for_each_mount(|mount| {
        // oxenstored's shipped path limit is 1024.
        for length in [255, 256, 300, 900] {
            mount.put(&format!("/t/{}", "n".repeat(length)), &length.to_string());
        }
        let listed = mount.sh("ls t");
        assert_eq!(listed.lines().count(), 4, "{listed}");
        assert!(listed.lines().all(|name| name.len() <= 255), "{listed}");
        assert_eq!(
            mount.sh("cat t/* | sort -n"),
            "255\n256\n300\n900\n",
            "each name leads to its own node"
        );
        assert_eq!(mount.sh("grep -r 900 t | cut -d: -f2"), "900\n");
        mount.sh("rm -r t");
        assert!(!mount.store.exists(&path("/t")).unwrap());
    });
}

#[test]
fn the_whole_of_a_long_name_is_found_too() {
    for_each_mount(|mount| {
        let name = "n".repeat(300);
        mount.put(&format!("/t/{name}"), "v");
        assert_eq!(mount.sh(&format!("cat t/{name}")), "v\n");
    });
}

#[test]
fn a_directory_of_thousands_is_listed_completely_while_it_changes() {
    for_each_mount(|mount| {
        const NODES: usize = 5000;
        let children = (0..NODES).map(|i| format!("/t/node-{i:05}"));
        mount.put_many(children);
        assert_eq!(mount.sh("ls t | wc -l").trim(), NODES.to_string());
        let mut stream = std::fs::read_dir(mount.file("t")).unwrap();
        let first = stream.next().unwrap().unwrap().file_name();
        // Positions must not move when nodes before or behind them go.
        for i in (0..NODES).step_by(7) {
            mount.store.rm(&path(&format!("/t/node-{i:05}"))).unwrap();
        }
        let mut seen: Vec<_> = stream.map(|entry| entry.unwrap().file_name()).collect();
        seen.push(first);
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), NODES);
        mount.quiet();
        assert_eq!(
            mount.sh("find t -type f | wc -l").trim(),
            (NODES - NODES.div_ceil(7)).to_string()
        );
        mount.sh("rm -r t");
        assert!(!mount.store.exists(&path("/t")).unwrap());
    });
}

#[test]
fn a_subdirectory_of_the_store_can_be_the_root() {
    let below = Settings {
        subdir: Subdir::Node(path("/t/sub")),
        ..Settings::default()
    };
    if !requires_fuse() {
        return;
    }
    for_each_store(|store| {
        store.client().write(&path("/t/sub/x"), b"1").unwrap();
        let mount = Mount::with(store, &below);
        assert_eq!(
            mount.sh("ls; cat x; echo 2 > y; ls .dirs | sort"),
            "x\n1\nx\ny\n"
        );
        assert_eq!(mount.get("/t/sub/y"), "2");
    });
}

#[test]
fn a_missing_root_is_told_when_mounting() {
    for_each_store(|store| {
        let settings = Settings {
            subdir: Subdir::Node(path("/none")),
            ..Settings::default()
        };
        let error = xenfs::fs::XenFs::new(store.client(), &settings)
            .err()
            .unwrap();
        assert_eq!(error.to_string(), "subdir=/none: there is no such node");
    });
}

#[test]
fn the_stores_root_cannot_be_removed() {
    for_each_mount(|mount: &Mount| {
        mount.put("/t/x", "1");
        mount.fails("rmdir ../$(basename $PWD)");
        mount.fails("rm -r ../$(basename $PWD)/.dirs");
        mount.run("rm -rf .dirs");
        assert!(mount.store.exists(&path("/")).unwrap());
    });
}
