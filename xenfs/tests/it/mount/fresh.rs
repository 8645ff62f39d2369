//! What a reader may rely on while others change the store.

use std::fs;
use std::time::{Duration, Instant};

use xenbus::Operations;
use xenbus::wire::Op;
use xenfs::settings::{Cache, Settings};

use super::rig::{Mount, for_each_mount, for_each_mount_with, path};

const ROUNDS: usize = 300;

/// After this, what opening has brought is too old to be read.
const JUST_OPENED: Duration = Duration::from_millis(2);

fn values_and_new_nodes_are_never_old(mount: &Mount) {
    for round in 0..ROUNDS {
        let value = round.to_string();
        mount.put("/t/old", &value);
        let content = fs::read_to_string(mount.file("t/old")).unwrap();
        assert_eq!(content, format!("{value}\n"));
        let size = fs::metadata(mount.file("t/old")).unwrap().len();
        assert_eq!(size, content.len() as u64);
        let name = format!("t/new-{round}");
        assert!(fs::metadata(mount.file(&name)).is_err());
        mount.put(&format!("/{name}"), &value);
        let content = fs::read_to_string(mount.file(&name)).unwrap();
        assert_eq!(content, format!("{value}\n"));
        mount.store.rm(&path(&format!("/{name}"))).unwrap();
        assert!(fs::metadata(mount.file(&name)).is_err());
    }
}

#[test]
fn a_reader_never_sees_an_older_value_nor_misses_a_new_node() {
    for_each_mount(values_and_new_nodes_are_never_old);
    let never = Settings {
        cache: Cache::None,
        ..Settings::default()
    };
    for_each_mount_with(&never, values_and_new_nodes_are_never_old);
}

#[test]
fn a_node_below_what_was_a_file_is_found_as_soon_as_the_event_is_there() {
    for_each_mount(|mount| {
        for round in 0..ROUNDS / 3 {
            let leaf = format!("t/leaf-{round}");
            mount.put(&format!("/{leaf}"), "1");
            assert!(fs::metadata(mount.file(&leaf)).unwrap().is_file());
            mount.put(&format!("/{leaf}/child"), "2");
            let child = mount.file(&leaf).join("child");
            Mount::until(|| fs::read_to_string(&child).is_ok_and(|content| content == "2\n"));
        }
    });
}

#[test]
fn a_file_that_was_removed_elsewhere_can_be_created_again_at_once() {
    for_each_mount(|mount| {
        for _ in 0..ROUNDS / 3 {
            mount.put("/t/x", "1");
            mount.quiet();
            fs::metadata(mount.file("t/x")).unwrap();
            mount.store.rm(&path("/t/x")).unwrap();
            fs::write(mount.file("t/x"), "2\n").unwrap();
            assert_eq!(mount.get("/t/x"), "2");
        }
    });
}

#[test]
fn a_reader_that_starts_over_sees_the_new_value() {
    use std::io::{Read as _, Seek as _};
    for_each_mount(|mount| {
        mount.put("/t/x", "one");
        let mut file = fs::File::open(mount.file("t/x")).unwrap();
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        mount.put("/t/x", "three");
        file.rewind().unwrap();
        content.clear();
        file.read_to_string(&mut content).unwrap();
        assert_eq!(content, "three\n");
    });
}

#[test]
fn a_file_that_has_been_open_for_a_while_is_read_as_it_is() {
    for_each_mount(|mount| {
        for round in 0..ROUNDS / 3 {
            mount.put("/t/x", "old");
            let file = fs::File::open(mount.file("t/x")).unwrap();
            let opened = Instant::now();
            let value = round.to_string();
            mount.put("/t/x", &value);
            // Whether or not the event has come.
            while opened.elapsed() < JUST_OPENED {
                std::thread::yield_now();
            }
            let content = std::io::read_to_string(&file).unwrap();
            assert_eq!(content, format!("{value}\n"));
        }
    });
}

#[test]
fn what_is_written_here_is_seen_by_who_has_just_opened_it() {
    for_each_mount(|mount| {
        mount.put("/t/x", "old");
        for round in 0..ROUNDS {
            let file = fs::File::open(mount.file("t/x")).unwrap();
            let content = format!("{round}\n");
            match round % 3 {
                0 => fs::write(mount.file("t/x"), &content).unwrap(),
                1 => {
                    let name = "user.xenstore.value";
                    xattr::set(mount.file("t/x"), name, content.trim().as_bytes()).unwrap();
                }
                _ => fs::File::options()
                    .write(true)
                    .open(mount.file("t/x"))
                    .and_then(|other| {
                        other.set_len(0)?;
                        std::os::unix::fs::FileExt::write_all_at(&other, content.as_bytes(), 0)
                    })
                    .unwrap(),
            }
            assert_eq!(std::io::read_to_string(&file).unwrap(), content);
        }
    });
}

#[test]
fn opening_and_reading_a_file_is_one_request() {
    use std::io::Read as _;
    for_each_mount(|mount| {
        mount.put("/t/x", "1");
        mount.quiet();
        fs::read(mount.file("t/x")).unwrap();
        mount.quiet();
        let costs: Vec<_> = (0..ROUNDS)
            .map(|_| {
                mount.count.clear();
                let mut content = [0; 64];
                let mut file = fs::File::open(mount.file("t/x")).unwrap();
                assert_eq!(file.read(&mut content).unwrap(), 2);
                (mount.count.of(Op::READ).len(), mount.count.total())
            })
            .collect();
        // Whoever was kept waiting between the two has asked again, and the watcher may have asked something.
        assert_eq!(costs.iter().min(), Some(&(1, 1)), "{costs:?}");
    });
}

#[test]
fn a_file_that_became_a_directory_is_not_opened_for_writing() {
    for_each_mount(|mount| {
        for round in 0..ROUNDS / 3 {
            let leaf = format!("t/leaf-{round}");
            mount.put(&format!("/{leaf}"), "1");
            assert!(fs::metadata(mount.file(&leaf)).unwrap().is_file());
            mount.put(&format!("/{leaf}/child"), "2");
            let error = fs::write(mount.file(&leaf), "3").unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::IsADirectory);
            assert_eq!(mount.get(&format!("/{leaf}")), "1");
        }
    });
}

#[test]
fn ten_thousand_acknowledged_writes_are_read_back_at_once() {
    const ROUNDS: usize = 10_000;
    for_each_mount(|mount| {
        mount.put("/t/old", "");
        for round in 0..ROUNDS {
            let value = round.to_string();
            mount.put("/t/old", &value);
            let content = fs::read_to_string(mount.file("t/old")).unwrap();
            assert_eq!(content, format!("{value}\n"));
            if round % 4 == 0 {
                let name = format!("t/new-{}", round % 400);
                mount.put(&format!("/{name}"), &value);
                let content = fs::read_to_string(mount.file(&name)).unwrap();
                assert_eq!(content, format!("{value}\n"));
                if round % 8 == 0 {
                    mount.store.rm(&path(&format!("/{name}"))).unwrap();
                }
            }
        }
    });
}

#[test]
fn what_the_kernel_was_told_costs_no_request_until_it_changes() {
    for_each_mount(|mount| {
        mount.put("/t/d/e/x", "1");
        mount.put("/t/d/y", "1");
        mount.quiet();
        let look = || mount.sh("find t | sort; stat -c %s t/d/y");
        let first = look();
        mount.quiet();
        look();
        let before = mount.stats().requests.get();
        assert_eq!(look(), first);
        assert_eq!(
            mount.stats().requests.get(),
            before,
            "the kernel knows it all"
        );
        mount.put("/t/d/new", "1");
        mount.put("/t/d/y", "longer");
        mount.quiet();
        assert_eq!(
            look(),
            "t\nt/d\nt/d/e\nt/d/e/x\nt/d/new\nt/d/y\n7\n",
            "and what changed it asks for"
        );
        mount.store.rm(&path("/t/d/e")).unwrap();
        mount.quiet();
        assert_eq!(look(), "t\nt/d\nt/d/new\nt/d/y\n7\n");
    });
}

#[test]
fn with_cache_none_every_look_asks() {
    let never = Settings {
        cache: Cache::None,
        ..Settings::default()
    };
    for_each_mount_with(&never, |mount| {
        mount.put("/t/x", "1");
        for round in 1..20 {
            mount.put("/t/x", &"v".repeat(round));
            let size = fs::metadata(mount.file("t/x")).unwrap().len();
            assert_eq!(
                size,
                round as u64 + 1,
                "at once, without waiting for an event"
            );
            mount.put(&format!("/t/n{round}"), "1");
            assert_eq!(fs::read_dir(mount.file("t")).unwrap().count(), round + 1);
        }
    });
}
