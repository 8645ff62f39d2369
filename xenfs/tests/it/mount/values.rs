//! What writing a file does to the store, request by request.

use xenbus::Operations;
use xenbus::wire::Op;
use xenbus_harness::requires_tool;
use xenfs::settings::Settings;

use super::rig::{Chance, Mount, for_each_mount, for_each_mount_with, path};

#[test]
fn one_echo_is_exactly_one_write() {
    for_each_mount(|mount| {
        mount.put("/t/old", "before");
        for script in [
            "echo 4 > t/old",
            "/bin/echo 4 > t/old",
            "dash -c 'echo 4 > t/old'",
            "printf 4 > t/old",
            "echo 4 | tee t/old > /dev/null",
            "echo 4 > t/new",
            "perl -e 'open F, \">\", \"t/fresh\"; print F \"4\"'",
        ] {
            mount.count.clear();
            mount.sh(script);
            mount.settled();
            let writes = mount.count.of(Op::WRITE);
            assert_eq!(writes.len(), 1, "{script}: {writes:?}");
            assert!(writes[0].ends_with(b"\x004"), "{script}: {writes:?}");
            assert_eq!(mount.count.of(Op::MKDIR).len(), 0, "{script}");
        }
    });
}

#[test]
fn each_write_of_one_open_stores_the_value_so_far() {
    for_each_mount(|mount| {
        mount.sh("mkdir t");
        mount.count.clear();
        mount.sh("(echo a; echo b; echo c) > t/x");
        assert_eq!(mount.count.writes("/t/x"), ["a", "a\nb", "a\nb\nc"]);
    });
}

#[test]
fn truncation_waits_for_the_first_write_but_shows_once_a_descriptor_is_closed() {
    for_each_mount(|mount| {
        mount.put("/t/x", "old");
        mount.count.clear();
        mount.sh("exec 3> t/x; echo new >&3");
        assert_eq!(mount.count.writes("/t/x"), ["new"]);
        mount.count.clear();
        assert_eq!(mount.sh(": > t/x; cat t/x; stat -c %s t/x"), "0\n");
        Mount::until(|| mount.get("/t/x").is_empty());
        assert_eq!(mount.count.writes("/t/x"), [""]);
        mount.put("/t/x", "again");
        // Opened to be truncated, not closed yet: nobody has lost anything.
        assert_eq!(
            mount.sh("exec 3> t/x; cat t/x; echo 1 >&3; cat t/x"),
            "again\n1\n"
        );
    });
}

#[test]
fn appending_adds_to_what_is_in_the_store() {
    for_each_mount(|mount| {
        mount.put("/t/x", "7");
        mount.sh("echo 8 >> t/x");
        assert_eq!(mount.get("/t/x"), "7\n8");
        mount.sh("printf a >> t/new; printf b >> t/new");
        assert_eq!(mount.get("/t/new"), "a\nb");
        mount.sh("(printf a; printf b; echo; echo c) >> t/one");
        assert_eq!(mount.get("/t/one"), "ab\nc");
        mount.sh("exec 3>> t/log 4>> t/log; echo 1 >&3; echo 2 >&4; echo 3 >&3");
        assert_eq!(mount.get("/t/log"), "1\n2\n3");
    });
}

#[test]
fn what_is_too_big_is_refused_and_leaves_the_old_value() {
    for_each_mount(|mount| {
        mount.put("/t/x", "old");
        for script in [
            "head -c 5000 /dev/zero > t/x",
            "dd if=/dev/zero of=t/x bs=5000 count=1",
            "head -c 8000 /dev/zero > /dev/shm/xenfs-$$; cp /dev/shm/xenfs-$$ t/x; s=$?; rm /dev/shm/xenfs-$$; exit $s",
            "truncate -s 1G t/x",
            "echo x | dd of=t/x bs=1 seek=1000000 conv=notrunc",
        ] {
            let error = mount.fails(script);
            assert!(error.contains("File too large"), "{script}: {error}");
            assert_eq!(mount.get("/t/x"), "old", "{script}");
        }
        mount.fails("head -c 5000 /dev/zero > t/none");
        mount.settled();
        assert!(!mount.store.exists(&path("/t/none")).unwrap());
    });
}

#[test]
fn raw_values_are_bytes() {
    let raw = Settings {
        raw: true,
        ..Settings::default()
    };
    for_each_mount_with(&raw, |mount| {
        mount.put("/t/x", "v");
        assert_eq!(mount.sh("cat t/x; stat -c %s t/x"), "v1\n");
        mount.sh("echo 4 > t/x");
        assert_eq!(mount.get("/t/x"), "4\n");
        mount.sh("printf '\\0\\n\\377' > t/x");
        assert_eq!(mount.store.read(&path("/t/x")).unwrap(), b"\0\n\xff");
    });
}

#[test]
fn a_raw_file_is_a_file_under_random_reads_writes_and_truncations() {
    use std::os::unix::fs::FileExt as _;
    const LARGEST: u64 = 1500;
    let raw = Settings {
        raw: true,
        ..Settings::default()
    };
    for_each_mount_with(&raw, |mount| {
        mount.put("/t/x", "");
        let open = || {
            let mut options = std::fs::File::options();
            options.read(true).write(true);
            options.open(mount.file("t/x")).unwrap()
        };
        let mut file = open();
        let mut model: Vec<u8> = Vec::new();
        let mut chance = Chance(0x5eed);
        for round in 0..600u32 {
            let offset = chance.below(LARGEST / 2);
            let length = usize::try_from(chance.below(LARGEST / 2)).unwrap();
            let start = usize::try_from(offset).unwrap();
            match chance.below(5) {
                0 => {
                    file.set_len(offset).unwrap();
                    model.resize(start, 0);
                }
                1 => file = open(),
                2 | 3 => {
                    let data: Vec<u8> = (0..length)
                        .map(|_| u8::try_from(chance.below(256)).unwrap())
                        .collect();
                    file.write_all_at(&data, offset).unwrap();
                    if !data.is_empty() {
                        model.resize(model.len().max(start + length), 0);
                        model[start..start + length].copy_from_slice(&data);
                    }
                }
                _ => {
                    let mut data = vec![0; length];
                    let read = file.read_at(&mut data, offset).unwrap();
                    let end = model.len().min(start + length);
                    let expected = model.get(start..end).unwrap_or_default();
                    assert_eq!(&data[..read], expected, "round {round}");
                }
            }
            let size = file.metadata().unwrap().len();
            assert_eq!(size, model.len() as u64, "round {round}");
        }
        assert_eq!(mount.store.read(&path("/t/x")).unwrap(), model);
    });
}

#[test]
fn an_exclusive_creation_succeeds_once() {
    for_each_mount(|mount| {
        mount.sh("mkdir t; set -C; echo 1 > t/lock");
        assert!(
            mount
                .fails("set -C; echo 2 > t/lock")
                .contains("cannot overwrite")
        );
        assert_eq!(mount.get("/t/lock"), "1");
        let winners = mount.sh(
            "for i in $(seq 20); do (set -C; { : > t/race; } 2>/dev/null && echo won) & done; wait",
        );
        assert_eq!(winners, "won\n");
        let winners =
            mount.sh("for i in $(seq 20); do (mkdir t/dir 2>/dev/null && echo won) & done; wait");
        assert_eq!(winners, "won\n");
    });
}

#[test]
fn a_created_file_is_seen_at_once_and_in_the_store_when_it_is_closed() {
    for_each_mount(|mount| {
        assert_eq!(
            mount.sh("mkdir t; exec 3> t/x; stat -c '%F %s' t/x; ls t; cat t/x; exec 3>&-"),
            "regular empty file 0\nx\n"
        );
        Mount::until(|| mount.store.exists(&path("/t/x")).unwrap());
        mount.sh("exec 3> t/y; rm t/y; exec 3>&-; ls t");
        mount.settled();
        assert!(!mount.store.exists(&path("/t/y")).unwrap());
        mount.sh("exec 3> t/z; mv t/z t/w; echo 1 >&3");
        assert_eq!(mount.get("/t/w"), "1");
    });
}

#[test]
fn a_write_does_not_bring_a_removed_node_back() {
    for_each_mount(|mount| {
        mount.put("/t/d/x", "1");
        let file = std::fs::File::options()
            .write(true)
            .open(mount.file("t/d/x"))
            .unwrap();
        mount.store.rm(&path("/t/d")).unwrap();
        // The node was seen when the file was opened; that counts for a second.
        let start = std::time::Instant::now();
        Mount::until(|| start.elapsed().as_millis() > 1100);
        let error = std::io::Write::write_all(&mut &file, b"2").unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        assert!(!mount.store.exists(&path("/t/d")).unwrap());
    });
}

#[test]
fn tail_follows_what_others_append() {
    for_each_mount(|mount| {
        mount.put("/t/log", "one");
        let mut tail = std::process::Command::new("tail")
            .args(["-n", "+1", "-s", "0.05", "-f"])
            .arg(mount.file("t/log"))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines =
            std::io::BufRead::lines(std::io::BufReader::new(tail.stdout.take().unwrap()));
        assert_eq!(lines.next().unwrap().unwrap(), "one");
        mount.put("/t/log", "one\ntwo");
        assert_eq!(lines.next().unwrap().unwrap(), "two");
        tail.kill().unwrap();
        tail.wait().unwrap();
    });
}

#[test]
fn the_largest_value_is_what_the_store_takes_and_more_is_said_to_be_too_large() {
    for_each_mount(|mount| {
        // C takes what fits into a message, oxenstored 2048 bytes.
        let largest = (1..=4096)
            .rev()
            .find(|length| {
                let value = "x".repeat(*length);
                mount
                    .store
                    .write(&path("/t/probe"), value.as_bytes())
                    .is_ok()
            })
            .unwrap();
        assert!(largest >= 2000, "{largest}");
        mount.sh(&format!(
            "head -c {largest} /dev/zero | tr '\\0' y > t/probe"
        ));
        assert_eq!(mount.get("/t/probe"), "y".repeat(largest));
        let error = mount.fails(&format!("head -c {} /dev/zero > t/probe", largest + 1));
        assert!(error.contains("File too large"), "{error}");
        assert_eq!(mount.get("/t/probe"), "y".repeat(largest));
    });
}

#[test]
fn an_open_file_whose_node_was_removed_by_others_says_so() {
    for_each_mount(|mount| {
        mount.put("/t/x", "v");
        let mut file = std::fs::File::open(mount.file("t/x")).unwrap();
        let mut content = String::new();
        std::io::Read::read_to_string(&mut file, &mut content).unwrap();
        mount.store.rm(&path("/t/x")).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let error = std::io::Read::read_to_string(&mut file, &mut content).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    });
}

#[test]
fn values_can_be_mapped() {
    for_each_mount(|mount| {
        mount.put("/t/x", "mapped");
        let script = "import mmap,os\n\
            fd = os.open('t/x', os.O_RDONLY)\n\
            print(bytes(mmap.mmap(fd, 0, prot=mmap.PROT_READ))[:6])";
        if requires_tool("python3").is_some() {
            assert_eq!(mount.sh(&format!("python3 -c \"{script}\"")), "b'mapped'\n");
        }
    });
}

#[test]
fn many_processes_at_once_lose_nothing() {
    for_each_mount(|mount| {
        mount.sh("mkdir t; for i in $(seq 200); do echo $i > t/n$i & done; wait");
        assert_eq!(mount.sh("cat t/n* | sort -n | uniq | wc -l"), "200\n");
        mount.sh("for i in $(seq 200); do cat t/n$i > /dev/null & done; wait; rm t/n*");
        assert_eq!(mount.sh("ls -A t"), "");
    });
}

#[test]
fn many_processes_that_make_and_remove_in_one_directory_all_succeed() {
    for_each_mount(|mount| {
        mount.sh("mkdir t; for i in $(seq 60); do mkdir t/d$i & done; wait");
        assert_eq!(mount.sh("ls t | wc -l"), "60\n");
        mount.sh("for i in $(seq 60); do mv t/d$i t/e$i & done; wait");
        mount.sh("for i in $(seq 60); do (set -C; echo $i > t/f$i) & done; wait");
        mount.sh("for i in $(seq 60); do rm t/f$i & rmdir t/e$i & done; wait");
        assert_eq!(mount.sh("ls -A t"), "");
    });
}
