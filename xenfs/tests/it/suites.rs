//! Suites that others wrote, on the embedded store, with the failures that are expected and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use xenbus::Operations as _;
use xenbus_harness::{requires_fuse, requires_tool};
use xenfs::settings::{Names, Settings};

use crate::mount::rig::{Mount, path};
use crate::stores::Store;
use crate::watchdog::Watchdog;

/// A mount as suites want one: bytes are bytes, every name can be made, everybody may come.
fn settings() -> Settings {
    Settings {
        raw: true,
        names: Names::Any,
        allow_other: true,
        umask: Some(0),
        ..Settings::default()
    }
}

#[test]
fn pjdfstest_fails_where_it_is_expected_and_nowhere_else() {
    if !requires_fuse() || !rustix::process::geteuid().is_root() {
        return;
    }
    let Some(program) = requires_tool("pjdfstest") else {
        return;
    };
    let expected = expected(include_str!("suites/pjdfstest.txt"));
    let store = Store::embedded();
    let mount = Mount::with(&store, &settings());
    let _watchdog = Watchdog::new(mount.path(), Duration::from_mins(2));
    let directory = tempfile::TempDir::new().unwrap();
    let configuration = directory.path().join("pjdfstest.toml");
    fs::write(
        &configuration,
        "[features]\nutime_now = {}\nutimensat = {}\n[settings]\nnaptime = 0.01\n\
         [dummy_auth]\nentries = [[\"nobody\", \"nogroup\"], [\"daemon\", \"daemon\"]]\n",
    )
    .unwrap();
    let output = Command::new(program)
        .arg("-c")
        .arg(&configuration)
        .arg("-p")
        .arg(mount.path())
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let ended = |how: &str| -> BTreeSet<String> {
        let lines = text
            .lines()
            .filter(|line| line.split_whitespace().last() == Some(how));
        lines
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .collect()
    };
    let (passed, failed) = (ended("ok"), ended("FAILED"));
    println!(
        "{} passed, {} failed, {} skipped",
        passed.len(),
        failed.len(),
        ended("skipped").len()
    );
    if std::env::var_os("UPDATE").is_some() {
        println!("{text}");
    }
    let surprises: Vec<_> = failed
        .iter()
        .filter(|name| !expected.contains_key(*name))
        .collect();
    assert!(surprises.is_empty(), "{surprises:#?}\n{text}");
    let mended: Vec<_> = passed
        .iter()
        .filter(|name| expected.contains_key(*name))
        .collect();
    assert!(
        mended.is_empty(),
        "expected to fail, and they pass: {mended:#?}"
    );
    assert!(passed.len() > 90);
}

/// A list of expected failures: a line that starts with `#` is the reason for those that follow.
fn expected(list: &str) -> BTreeMap<String, String> {
    let mut reason = "";
    let mut expected = BTreeMap::new();
    for line in list.lines().filter(|line| !line.is_empty()) {
        if let Some(text) = line.strip_prefix('#') {
            reason = text.trim();
        } else {
            assert!(!reason.is_empty(), "{line} has no reason");
            expected.insert(line.to_owned(), reason.to_owned());
        }
    }
    expected
}

/// Runs a program of a suite, which must succeed, on a mount with `settings`; gives what it printed.
fn run(mount: &Mount, program: &Path, arguments: &[&str]) -> String {
    let output = secluded(program, mount.path().to_str().unwrap())
        .args(arguments)
        .current_dir(mount.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}: {}\n{text}",
        program.display(),
        output.status
    );
    text
}

/// A program that looks at everything that is mounted, so that whoever unmounts something just then is told that it is
/// busy: here it sees no other mount of ours than its own at `point`.
fn secluded(program: &Path, point: &str) -> Command {
    const DETACH: &str = r#"
        own=$1; shift
        grep ' fuse.xenfs ' /proc/self/mounts | while read -r _ point _; do
            [ "$point" = "$own" ] || umount -l "$point"
        done
        exec "$@""#;
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", DETACH, "sh", point])
        .arg(program);
    command
}

/// How much longer the long form takes.
fn longer() -> u32 {
    if std::env::var_os("XENBUS_LONG").is_some() {
        20
    } else {
        1
    }
}

#[test]
fn fsx_finds_every_byte_where_it_was_put() {
    if !requires_fuse() {
        return;
    }
    let Some(program) = requires_tool("fsx") else {
        return;
    };
    let store = Store::embedded();
    let mount = Mount::with(&store, &settings());
    let _watchdog = Watchdog::new(mount.path(), Duration::from_mins(1) * longer());
    let directory = tempfile::TempDir::new().unwrap();
    let configuration = directory.path().join("fsx.toml");
    // The largest value is a little below 4096 bytes.
    fs::write(
        &configuration,
        "flen = 3000\n[opsize]\nmax = 500\n[weights]\ninvalidate = 1\nfsync = 1\nfdatasync = 1\nsendfile = 5\n",
    )
    .unwrap();
    let (configuration, artifacts) = (
        configuration.to_str().unwrap(),
        directory.path().to_str().unwrap(),
    );
    // Each on a file of its own: one that is opened to be truncated shows its old size until the first write.
    for seed in ["1", "2", "3"] {
        let operations = (1000 * longer()).to_string();
        run(
            &mount,
            &program,
            &[
                "-N",
                &operations,
                "-S",
                seed,
                "-f",
                configuration,
                "-P",
                artifacts,
                seed,
            ],
        );
    }
    assert_eq!(
        fs::read(mount.file("3")).unwrap(),
        mount.store.read(&path("/3")).unwrap()
    );
}

#[test]
fn fio_reads_what_it_wrote() {
    if !requires_fuse() {
        return;
    }
    let Some(program) = requires_tool("fio") else {
        return;
    };
    let store = Store::embedded();
    let mount = Mount::with(&store, &settings());
    let _watchdog = Watchdog::new(mount.path(), Duration::from_mins(1) * longer());
    for (write, jobs) in [("write", "1"), ("randwrite", "4")] {
        let text = run(
            &mount,
            &program,
            &[
                "--name=verify",
                &format!("--rw={write}"),
                &format!("--numjobs={jobs}"),
                "--filename_format=fio-$jobnum",
                "--bs=64",
                "--size=2k",
                &format!("--loops={}", 5 * longer()),
                "--verify=crc32c",
                "--do_verify=1",
                "--verify_fatal=1",
                "--verify_state_save=0",
                "--fallocate=none",
                "--ioengine=sync",
            ],
        );
        assert!(text.matches("err= 0").count() >= 1, "{text}");
    }
}

#[test]
fn the_stressors_that_can_work_do_and_none_hangs() {
    if !requires_fuse() {
        return;
    }
    let Some(program) = requires_tool("stress-ng") else {
        return;
    };
    let store = Store::embedded();
    let mount = Mount::with(&store, &Settings::default());
    let _watchdog = Watchdog::new(mount.path(), Duration::from_mins(2) * longer());
    let list = include_str!("suites/stress-ng.txt");
    let works = list.lines().filter_map(|line| line.strip_prefix("pass "));
    let works: Vec<_> = works.flat_map(str::split_whitespace).collect();
    let fails: Vec<_> = list
        .lines()
        .filter_map(|line| line.strip_prefix("fail "))
        .collect();
    let point = mount.path().to_str().unwrap();
    let seconds = (2 * longer()).to_string();
    let common = ["--temp-path", point, "--timeout", &seconds, "--verify"];
    // All at once, then those that must end with an error of their own: for what, the list says.
    let mut arguments = common.to_vec();
    let options: Vec<_> = works
        .iter()
        .map(|stressor| format!("--{stressor}"))
        .collect();
    arguments.extend(options.iter().flat_map(|option| [option.as_str(), "1"]));
    run(&mount, &program, &arguments);
    let mut arguments = common.to_vec();
    let options: Vec<_> = fails
        .iter()
        .map(|line| format!("--{}", line.split(' ').next().unwrap()))
        .collect();
    arguments.extend(options.iter().flat_map(|option| [option.as_str(), "1"]));
    let output = secluded(&program, point)
        .args(&arguments)
        .current_dir("/")
        .output()
        .unwrap();
    // The mount still answers, and everybody sees the same.
    assert!(output.status.code().is_some(), "{output:?}");
    let names = mount.store.directory(&path("/")).unwrap();
    assert_eq!(mount.sh("ls -A | sort").lines().count(), names.len());
}
