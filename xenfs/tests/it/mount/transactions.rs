//! Transactions from the command line: `.transactions/NAME`.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use xenbus::Operations;
use xenbus::wire::Op;
use xenbus_harness::{Daemon, Kind, available, requires_fuse};
use xenfs::settings::Settings;

use super::inotify::Listener;
use super::rig::{Chance, Mount, for_each_mount, for_each_mount_with, path};
use crate::stores::{Store, for_each_store};

/// Path of a transaction called T.
const T: &str = ".transactions/T";

#[test]
fn a_transaction_shows_its_own_changes_and_nobody_else_sees_them_before_the_commit() {
    for_each_mount(|mount| {
        mount.put("/t/a", "1");
        mount.put("/t/gone/x", "1");
        mount.sh("mkdir .transactions/T");
        assert_eq!(
            mount.sh("ls .transactions; ls -A | grep -c '^[.]'; true"),
            "T\n0\n"
        );
        mount.sh("cd .transactions/T/t; echo 2 > a; mkdir new; echo 3 > new/x; rm -r gone; mv a b");
        assert_eq!(
            mount.sh(&format!("cd {T}; cat t/b t/new/x; ls t")),
            "2\n3\nb\nnew\n"
        );
        mount.fails(&format!("cat {T}/t/a"));
        mount.fails(&format!("ls {T}/t/gone"));
        assert_eq!(mount.sh("cat t/a; ls t"), "1\na\ngone\n");
        mount.fails("ls t/new");
        assert_eq!(
            mount
                .sh("diff -rq t .transactions/T/t; true")
                .lines()
                .count(),
            4
        );
        mount.sh(&format!("echo commit > {T}/.control"));
        mount.quiet();
        assert_eq!(mount.sh("cat t/b t/new/x; ls .transactions"), "2\n3\n");
        // Lists follow the store's events.
        Mount::until(|| mount.sh("ls t") == "b\nnew\n");
        mount.fails("cat t/a");
        mount.fails(&format!("ls {T}"));
    });
}

#[test]
fn others_changes_are_not_seen_once_the_transaction_has_looked() {
    for_each_mount(|mount| {
        mount.put("/t/a", "1");
        mount.sh("mkdir .transactions/T");
        assert_eq!(mount.sh(&format!("cat {T}/t/a; ls {T}/t")), "1\na\n");
        mount.put("/t/a", "2");
        mount.put("/t/b", "2");
        assert_eq!(mount.sh(&format!("cat {T}/t/a; ls {T}/t")), "1\na\n");
        assert_eq!(mount.sh("cat t/a"), "2\n");
        mount.sh(&format!("rmdir {T}"));
    });
}

#[test]
fn rmdir_and_abort_give_a_transaction_up() {
    for_each_mount(|mount| {
        mount.put("/t/a", "1");
        mount.sh(&format!("mkdir {T}; echo 2 > {T}/t/a; rmdir {T}"));
        mount.sh(&format!(
            "mkdir {T}; echo 3 > {T}/t/a; echo abort > {T}/.control"
        ));
        mount.sh(&format!("mkdir {T}; echo 4 > {T}/t/a; rm -r {T}"));
        assert_eq!(mount.sh("cat t/a; ls .transactions"), "1\n");
    });
}

#[test]
fn a_conflict_is_an_error_of_every_tool_and_leaves_nothing_behind() {
    for_each_mount(|mount| {
        for commit in [
            "echo commit > $T/.control",
            "dash -c 'echo commit > $T/.control'",
            "/bin/echo commit > $T/.control",
            "printf commit > $T/.control",
            "echo commit | tee $T/.control",
            "echo commit | dd of=$T/.control",
            "echo commit | dd of=$T/.control conv=fsync oflag=append",
            "echo commit > /tmp/xenfs-commit.$$; cp /tmp/xenfs-commit.$$ $T/.control; s=$?; rm /tmp/xenfs-commit.$$; exit $s",
            "cat <<< commit > $T/.control",
            "python3 -c 'with open(\"'$T'/.control\", \"w\") as f: f.write(\"commit\")'",
            "perl -e 'open F, \">$ENV{T}/.control\" or die; syswrite(F, \"commit\") or die $!'",
        ] {
            mount.put("/t/a", "1");
            mount.put("/t/b", "1");
            mount.sh(&format!(
                "mkdir {T}; read x < {T}/t/a; echo $((x + 1)) > {T}/t/b"
            ));
            mount.put("/t/a", "5");
            let error = mount.fails(&format!("export T={T}; {commit}"));
            // dash calls every error so.
            let known = ["Device or resource busy", "echo: I/O error"];
            assert!(
                known.iter().any(|known| error.contains(known)),
                "{commit}: {error}"
            );
            assert_eq!(mount.sh("cat t/b; ls .transactions"), "1\n", "{commit}");
        }
    });
}

#[test]
fn the_retry_loop_of_the_manual_counts_right_with_several_at_it() {
    for_each_mount(|mount| {
        mount.put("/t/n", "0");
        let count = r"
            count() {
                T=.transactions/$1;
                for i in $(seq 10); do
                    until mkdir $T && n=$(cat $T/t/n) && echo $((n + 1)) > $T/t/n &&
                          echo commit > $T/.control
                    do rmdir $T; done 2>/dev/null
                done
            }
            for i in 1 2 3; do count worker-$i & done; wait";
        mount.sh(count);
        assert_eq!(mount.sh("cat t/n; ls .transactions"), "30\n");
    });
}

#[test]
fn what_happens_in_directories_on_the_way_is_no_conflict() {
    for_each_mount(|mount| {
        mount.put("/local/domain/3/x", "1");
        mount.put("/local/domain/3/y/z", "1");
        mount.sh(&format!(
            "mkdir {T}; cd {T}/local/domain/3; echo 2 > x; cat y/z > /dev/null"
        ));
        mount.put("/local/domain/9", "");
        mount.put("/local/domain/3/other", "");
        mount.put("/local/new/x", "");
        mount.sh("ls local/domain > /dev/null");
        mount.sh(&format!(
            "test -d {T}/local/domain; echo commit > {T}/.control"
        ));
        assert_eq!(mount.get("/local/domain/3/x"), "2");
    });
}

#[test]
fn what_was_listed_or_found_missing_is_protected() {
    for_each_mount(|mount| {
        mount.put("/t/d/x", "1");
        for (look, change) in [
            ("ls t/d", "/t/d/new"),
            ("test ! -e t/lock && echo me > t/lock", "/t/lock"),
            ("stat -c %s t/d/x; echo 2 > t/d/x", "/t/d/x"),
        ] {
            mount.sh(&format!(
                "mkdir {T}; cd {T}; {look} > /dev/null; echo 1 > t/own"
            ));
            mount.put(change, "other");
            mount.fails(&format!("echo commit > {T}/.control"));
            assert_eq!(mount.get(change), "other", "{look}");
            mount.fails("cat t/own");
            mount.store.rm(&path(change)).unwrap();
            mount.put("/t/d/x", "1");
        }
    });
}

#[test]
fn only_what_was_asked_for_is_asked_in_the_transaction() {
    if !requires_fuse() {
        return;
    }
    let store = Store::embedded();
    let mount = Mount::with(&store, &Settings::default());
    mount.put("/local/domain/3/x", "1");
    mount.sh(&format!("mkdir {T}"));
    mount.count.clear();
    mount.sh(&format!(
        "cat {T}/local/domain/3/x; test -d {T}/local/domain"
    ));
    let inside = mount.count.in_transactions();
    assert!(!inside.is_empty());
    for (op, subject) in inside {
        assert_eq!(subject, "/local/domain/3/x", "{op:?}");
    }
    mount.count.clear();
    mount.sh(&format!("ls -l {T}/local"));
    let asked = mount.count.in_transactions();
    assert!(
        asked.iter().all(|(_, subject)| subject == "/local"),
        "{asked:?}"
    );
    assert!(
        asked.iter().any(|(op, _)| *op == Op::DIRECTORY),
        "{asked:?}"
    );
}

#[test]
fn there_are_at_most_64_and_the_next_one_is_refused_with_edquot() {
    for_each_mount(|mount| {
        mount.sh("for i in $(seq 64); do mkdir .transactions/$i; done");
        let error = mount.fails("mkdir .transactions/one-more");
        assert!(error.contains("Disk quota exceeded"), "{error}");
        mount.sh("rmdir .transactions/7; mkdir .transactions/one-more; rmdir .transactions/*");
    });
}

#[test]
fn one_that_nobody_uses_is_given_up() {
    let settings = Settings {
        tx_timeout: Duration::from_millis(300),
        ..Settings::default()
    };
    for_each_mount_with(&settings, |mount| {
        mount.put("/t/a", "1");
        let start = Instant::now();
        mount.sh(&format!("mkdir {T}; echo 2 > {T}/t/a"));
        let file = std::fs::File::open(mount.file(&format!("{T}/t/a"))).unwrap();
        Mount::until(|| mount.sh("ls .transactions").is_empty());
        assert!(start.elapsed() >= settings.tx_timeout);
        let stale = std::io::read_to_string(file).unwrap_err();
        assert_eq!(
            stale.raw_os_error(),
            Some(rustix::io::Errno::STALE.raw_os_error())
        );
        let error = mount.fails(&format!("echo commit > {T}/.control"));
        assert!(error.contains("No such file or directory"), "{error}");
        assert_eq!(mount.sh("cat t/a"), "1\n");
    });
}

#[test]
fn what_a_directory_is_survives_the_commit() {
    for_each_mount(|mount| {
        mount.sh(&format!(
            "mkdir {T}; mkdir {T}/d; : > {T}/f; echo commit > {T}/.control"
        ));
        assert_eq!(
            mount.sh("stat -c %F d f"),
            "directory\nregular empty file\n"
        );
        mount.sh(&format!(
            "mkdir {T}; mkdir {T}/.dirs/f/x; echo commit > {T}/.control"
        ));
        mount.quiet();
        assert_eq!(mount.sh("stat -c %F f"), "directory\n");
    });
}

#[test]
fn permissions_and_attributes_are_part_of_a_transaction() {
    for_each_mount(|mount| {
        mount.put("/t/a", "1");
        mount.perms("/t/a", "n0");
        mount.sh(&format!(
            "mkdir {T}; setfattr -n user.xenstore.perms -v r0 {T}/t/a"
        ));
        let show = "getfattr --only-values -n user.xenstore.perms";
        assert_eq!(
            mount.sh(&format!("{show} {T}/t/a; stat -c %a {T}/t/a")),
            "r0604\n"
        );
        assert_eq!(mount.perms_of("/t/a"), "n0");
        mount.sh(&format!("echo commit > {T}/.control"));
        assert_eq!(mount.perms_of("/t/a"), "r0");
    });
}

#[test]
fn programs_that_copy_and_edit_work_inside() {
    for_each_mount(|mount| {
        mount.put("/t/d/x", "1");
        mount.put("/t/d", "own");
        mount.put("/t/s", "a b");
        mount.sh(&format!(
            "mkdir {T}; cd {T}/t; cp -a d e; tar c d | (mkdir f; tar x -C f); sed -i s/a/c/ s; diff -r d e"
        ));
        mount.sh(&format!(
            "cp -a t/s {T}/t/copy; mv {T}/t/copy moved; echo commit > {T}/.control"
        ));
        assert_eq!(mount.get("/t/e"), "own");
        assert_eq!(mount.get("/t/f/d/x"), "1");
        assert_eq!(mount.get("/t/s"), "c b");
        assert_eq!(mount.get("/moved"), "a b");
    });
}

#[test]
fn what_fails_inside_half_way_leaves_the_transaction_as_it_was() {
    for_each_mount(|mount| {
        // The largest value that all stores take, and a place so deep that it does not fit into one message with its path,
        // or where paths become too long for oxenstored: what comes before it is written by then.
        let largest = "x".repeat(2048);
        let big = format!("from/b/{}", "n".repeat(240));
        mount.put("/t/from/a", "1");
        mount.put(&format!("/t/{big}"), &largest);
        mount.put("/t/from/c", "3");
        let deep = (1..10)
            .rev()
            .map(|depth| vec!["d".repeat(240); depth].join("/"))
            .find(|deep| mount.store.mkdir(&path(&format!("/t/{deep}/x"))).is_ok())
            .unwrap();
        let look = || {
            mount.run(&format!(
                "cd {T}/t; find . | sort; head -c 9 from/a {big} from/c; getfattr -n user.xenstore.perms {deep}/to"
            ))
        };
        for target in ["", "mkdir to; setfattr -n user.xenstore.perms -v n0,r7 to"] {
            mount.sh(&format!("mkdir {T}; cd {T}/t/{deep}; {target}"));
            let before = look().out;
            mount.fails(&format!("mv -T {T}/t/from {T}/t/{deep}/to"));
            assert_eq!(look().out, before);
            mount.sh(&format!("echo commit > {T}/.control"));
            assert_eq!(mount.get(&format!("/t/{big}")), largest);
            let names = mount.store.directory(&path(&format!("/t/{deep}"))).unwrap();
            assert_eq!(names.len(), if target.is_empty() { 1 } else { 2 });
        }
        let to = format!("/t/{deep}/to");
        assert_eq!(mount.store.directory(&path(&to)).unwrap().len(), 0);
        assert_eq!(mount.perms_of(&to), "n0,r7");
    });
}

#[test]
fn the_control_file_takes_two_words_and_nothing_else_can_be_done_to_hidden_files() {
    for_each_mount(|mount| {
        mount.sh(&format!("mkdir {T}"));
        for (script, error) in [
            (
                "echo nonsense > .transactions/T/.control",
                "Invalid argument",
            ),
            ("rm .transactions/T/.control", "Operation not permitted"),
            (
                "mv .transactions/T .transactions/U",
                "Operation not permitted",
            ),
            ("touch .transactions/x", "Operation not permitted"),
            ("mkdir .transactions/T", "File exists"),
            ("mkdir .transactions/$'a\\tb'", "Invalid argument"),
            ("rmdir .transactions", "Device or resource busy"),
            ("chmod 777 .transactions", "Operation not permitted"),
            ("ls .transactions/T/.transactions", "No such file"),
            ("rmdir .transactions/none", "No such file"),
            (
                "setfattr -n user.xenstore.perms -v n0 .transactions",
                "not supported",
            ),
        ] {
            let said = mount.fails(script);
            assert!(said.contains(error), "{script}: {said}");
        }
        assert_eq!(
            mount.sh(&format!("cat {T}/.control; ls .transactions")),
            "commit abort\nT\n"
        );
        // Nothing tells of changes in there.
        mount.fails(&format!("cat {T}/.events"));
        assert_eq!(
            mount.sh("stat -c %a .transactions .transactions/T/.control"),
            "700\n600\n"
        );
        mount.sh(&format!(
            "rmdir {T}; d=$(mktemp -d -p .transactions); rmdir $d"
        ));
    });
}

#[test]
fn a_lost_connection_ends_transactions_with_eio_and_new_ones_work() {
    if !requires_fuse() {
        return;
    }
    for kind in available() {
        let store = Store::Real(Daemon::start(kind));
        let mount = Mount::with(&store, &Settings::default());
        mount.put("/t/a", "1");
        mount.sh(&format!("mkdir {T}; echo 2 > {T}/t/a"));
        let Store::Real(daemon) = &store else { return };
        daemon.kill();
        daemon.restart();
        Mount::until(|| mount.store.write(&path("/t/a"), b"3").is_ok());
        let error = mount.fails(&format!("echo commit > {T}/.control"));
        assert!(error.contains("Input/output error"), "{error}");
        assert_eq!(mount.sh("ls .transactions; cat t/a"), "3\n");
        mount.sh(&format!(
            "mkdir {T}; echo 4 > {T}/t/a; echo commit > {T}/.control"
        ));
        assert_eq!(mount.get("/t/a"), "4");
    }
}

#[test]
fn a_commit_is_told_to_inotify_outside_as_any_change_is() {
    for_each_mount(|mount| {
        for node in ["a", "gone", "end"] {
            mount.put(&format!("/t/{node}"), "1");
        }
        mount.quiet();
        mount.sh(&format!("mkdir {T}"));
        let events = [
            "-e",
            "modify",
            "-e",
            "create",
            "-e",
            "delete",
            "-e",
            "close_write",
        ];
        let listener = Listener::new(mount, &events, &["./t"]);
        mount.sh(&format!(
            "cd {T}/t; echo 2 > a; rm gone; echo 3 > new; echo 4 > lost; rm lost"
        ));
        // Nothing yet: the next that is told is somebody else's.
        mount.put("/t/end", "x");
        assert_eq!(
            listener.until("CLOSE_WRITE,CLOSE ./t/end"),
            ["MODIFY ./t/end"]
        );
        mount.sh(&format!("cd {T}; echo commit > .control"));
        mount.put("/t/end", "y");
        let mut told = listener.until("CLOSE_WRITE,CLOSE ./t/end");
        told.sort();
        told.dedup();
        let changes = [
            "CLOSE_WRITE,CLOSE ./t/a",
            "CLOSE_WRITE,CLOSE ./t/new",
            "CREATE ./t/new",
            "DELETE ./t/gone",
            "MODIFY ./t/a",
            "MODIFY ./t/end",
            "MODIFY ./t/new",
        ];
        assert_eq!(told, changes);
    });
}

#[test]
fn the_status_tells_how_the_mount_is() {
    if !requires_fuse() {
        return;
    }
    for_each_store(|store| {
        let mount = Mount::with(store, &Settings::default());
        let status = || -> serde_json::Value {
            serde_json::from_str(&mount.sh("cat .xenfs/status")).unwrap()
        };
        let (kind, transport) = match store {
            Store::Embedded(_) => ("embedded", "memory"),
            Store::Real(daemon) => (daemon.kind().program(), "socket"),
        };
        let told = status();
        assert_eq!(
            (&told["daemon"], &told["transport"]),
            (&kind.into(), &transport.into())
        );
        assert_eq!(told["privileged"], true);
        assert_eq!(told["stale_since"], serde_json::Value::Null);
        let before = told["events"].as_u64().unwrap();
        mount.sh(&format!(
            "mkdir {T}; exec 3< tool; cat .xenfs/status > /dev/null"
        ));
        for i in 0..50 {
            mount.put(&format!("/t/{i}"), "v");
        }
        Mount::until(|| status()["events"].as_u64().unwrap() >= before + 25);
        let told = status();
        assert_eq!(told["transactions"], 1);
        assert!(told["nodes"].as_u64().is_some_and(|nodes| nodes > 1));
        assert!(told["events_per_second"].as_f64().is_some());
        assert!(told["replay"]["helper"].as_u64().is_some_and(|pid| pid > 1));
        // Found, and not listed; nobody can change it.
        assert!(!mount.sh("ls -A").contains("xenfs"));
        for script in [
            "echo x > .xenfs/status",
            "rm .xenfs/status",
            "touch .xenfs/new",
            "mkdir .xenfs/d",
        ] {
            mount.fails(script);
        }
        if let Store::Real(daemon) = store {
            daemon.kill();
            Mount::until(|| !status()["stale_since"].is_null());
            daemon.restart();
            Mount::until(|| status()["stale_since"].is_null());
        }
    });
}

#[test]
fn the_daemons_differ_in_what_is_a_change_and_in_what_is_seen() {
    if !requires_fuse() {
        return;
    }
    for_each_store(|store| {
        let mount = Mount::with(store, &Settings::default());
        let snapshots = matches!(store, Store::Real(daemon) if daemon.kind() == Kind::OCaml);
        mount.put("/t/a", "1");
        mount.put("/t/b", "1");
        mount.sh(&format!("mkdir {T}; cat {T}/t/b"));
        mount.put("/t/a", "2");
        // Not looked at before: as it is now, or as it was at the beginning.
        let seen = mount.sh(&format!("cat {T}/t/a"));
        assert_eq!(seen, if snapshots { "1\n" } else { "2\n" });
        // It has only looked; then somebody writes what it has seen.
        mount.put("/t/b", "other");
        let commit = mount.run(&format!("echo commit > {T}/.control"));
        assert_eq!(commit.status == 0, snapshots, "{commit:?}");
    });
}

/// A script of many operations that prints how each went, the same in every file system.
fn random_script(chance: &mut Chance) -> String {
    let mut script = "mkdir -p a/b b/c c\n".to_owned();
    let path = |chance: &mut Chance| {
        let depth = 1 + chance.below(3);
        let names: Vec<_> = (0..depth)
            .map(|_| {
                if chance.below(3) == 0 {
                    "a"
                } else {
                    ["b", "c"][usize::from(chance.below(2) == 0)]
                }
            })
            .collect();
        names.join("/")
    };
    for number in 0..120 {
        let (first, second) = (path(chance), path(chance));
        let operation = match chance.below(8) {
            0 | 1 => format!("echo {number} > {first}"),
            2 | 3 => format!("mkdir {first}"),
            4 => format!("rm -r {first}"),
            5 => format!("mv {first} {second}"),
            // How much cp has copied when it meets itself is chance.
            6 if !format!("{second}/").starts_with(&format!("{first}/")) => {
                format!("cp -a {first} {second}")
            }
            _ => format!("cat {first} || ls {first}"),
        };
        writeln!(script, "({operation}) 2>&1; echo \"{operation}: $?\"").unwrap();
    }
    script + "find . -type d | sort; find . -type f | sort | xargs -r grep .\n"
}

#[test]
fn whatever_is_done_inside_is_what_another_file_system_does_and_is_there_after_the_commit() {
    for_each_mount(|mount| {
        let seeds = if std::env::var_os("XENBUS_LONG").is_some() {
            60
        } else {
            3
        };
        for seed in 1..=seeds {
            let script = random_script(&mut Chance(0x2545_f491 * seed));
            let elsewhere = tempfile::TempDir::new().unwrap();
            let reference = mount.sh(&format!("cd {}\n{script}", elsewhere.path().display()));
            mount.sh(&format!("mkdir -p r; mkdir {T}"));
            let before = mount.sh("find r | sort");
            let inside = mount.sh(&format!("cd {T}/r; rm -rf *\n{script}"));
            assert_eq!(inside, reference, "seed {seed}");
            assert_eq!(mount.sh("find r | sort"), before, "seen before the commit");
            mount.sh(&format!("echo commit > {T}/.control"));
            let tree = "find . -type d | sort; find . -type f | sort | xargs -r grep .";
            let expected = mount.sh(&format!("cd {}; {tree}", elsewhere.path().display()));
            let shown = || mount.run(&format!("cd r; {tree}")).out;
            let start = Instant::now();
            while shown() != expected && start.elapsed() < Duration::from_secs(10) {}
            assert_eq!(shown(), expected, "seed {seed}");
        }
    });
}
