//! What a reader may rely on while others change the store.

use std::fs;

use xenbus::Operations;
use xenfs::settings::{Cache, Settings};

use super::rig::{Mount, for_each_mount, for_each_mount_with, path};

const ROUNDS: usize = 300;

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
