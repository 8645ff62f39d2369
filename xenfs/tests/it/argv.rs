//! Every form in which the command line comes: typed, from mount(8), from fstab. No process is started.

use std::path::PathBuf;
use std::time::Duration;

use xenfs::cli::{MountPoint, Plan, Task, parse};

fn task(arguments: &str) -> Result<Task, String> {
    // Arguments are parted by blanks; '' is the empty one.
    let arguments = arguments
        .split_whitespace()
        .map(|argument| if argument == "''" { "" } else { argument }.into());
    match parse(std::iter::once("xenfs".into()).chain(arguments)) {
        Ok(task) => task.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn plan(arguments: &str) -> Plan {
    match task(arguments) {
        Ok(Task::Mount(plan)) => *plan,
        other => panic!("{arguments}: {other:?}"),
    }
}

fn refusal(arguments: &str) -> String {
    match task(arguments) {
        Err(error) => error,
        Ok(task) => panic!("{arguments}: taken as {task:?}"),
    }
}

#[test]
fn every_form_of_source_says_where_the_store_is_and_what_the_mount_table_shows() {
    const MOUNT: &str = "-o rw,dev,suid";
    for (form, connect, shown) in [
        // typed
        ("/xs", None, "xenfs"),
        ("unix:/s /xs", Some("unix:/s"), "unix:/s"),
        ("--connect unix:/s /xs", Some("unix:/s"), "unix:/s"),
        // mount -t fuse xenfs /xs
        ("/xs -o rw,dev,suid", None, "xenfs"),
        // mount -t fuse xenfs#unix:/s /xs
        ("unix:/s /xs -o rw,dev,suid", Some("unix:/s"), "unix:/s"),
        // mount -t fuse.xenfs SOURCE /xs -o allow_other
        ("xenfs /xs -o rw,allow_other,dev,suid", None, "xenfs"),
        ("none /xs -o rw,allow_other,dev,suid", None, "none"),
        ("'' /xs -o rw,dev,suid", None, "xenfs"),
        ("dev:/d /xs -o rw,dev,suid", Some("dev:/d"), "dev:/d"),
        // the names for "the default" with an option that tells more
        ("none /xs --connect unix:/s", Some("unix:/s"), "unix:/s"),
    ] {
        let plan = plan(form);
        assert_eq!(
            plan.connect
                .connect
                .map(|address| address.to_string())
                .as_deref(),
            connect,
            "{form}"
        );
        assert_eq!(plan.source, shown, "{form}");
        assert_eq!(plan.point, MountPoint::Path(PathBuf::from("/xs")), "{form}");
        assert!(!plan.foreground, "{form}");
    }
    let demo = plan(&format!("--demo /xs {MOUNT}"));
    assert!(demo.connect.demo.is_some() && demo.source == "demo");
    let demo = plan("xenfs --demo=small /xs");
    assert_eq!(demo.connect.demo.as_deref(), Some("small"));
}

#[test]
fn an_open_dev_fuse_is_taken_as_the_mount_point() {
    let plan = plan("xenfs /dev/fd/3 -o rw,dev,suid");
    assert_eq!(plan.point, MountPoint::Inherited(3));
    for bad in ["/dev/fd/", "/dev/fd/x", "/dev/fd/-1", "/dev/fd/99999999999"] {
        assert!(refusal(bad).contains("/dev/fd/N"), "{bad}");
    }
}

#[test]
fn options_come_before_between_and_after_the_operands_and_add_up() {
    for form in [
        "-o ro -f none -o raw /xs -o uid=7,cache=none",
        "none /xs -o ro,raw,uid=7,cache=none -f",
        "-fo ro -o raw,cache=none none /xs -ouid=7",
        "--foreground -o uid=8 -o ro,raw -o uid=7 none /xs -o cache=none",
    ] {
        let plan = plan(form);
        let settings = &plan.options.settings;
        assert!(
            plan.foreground && settings.read_only && settings.raw,
            "{form}"
        );
        assert_eq!(settings.uid, Some(7), "{form}");
        assert_eq!(plan.source, "none", "{form}");
    }
}

#[test]
fn the_deadline_comes_from_either_option_and_reaches_the_connection() {
    for form in ["/xs --timeout 2.5", "/xs -o timeout=2.5"] {
        let plan = plan(form);
        assert_eq!(plan.connect.timeout, Some(Duration::from_millis(2500)));
        assert_eq!(plan.options.settings.timeout, Duration::from_millis(2500));
    }
    let plan = plan("/xs");
    assert_eq!(plan.connect.timeout, Some(plan.options.settings.timeout));
    let both = refusal("/xs --timeout 1 -o timeout=1");
    assert!(both.contains("--timeout"), "{both}");
}

#[test]
fn two_answers_to_where_the_store_is_are_refused() {
    for (form, names) in [
        ("unix:/a /xs --connect unix:/a", ["SOURCE", "--connect"]),
        ("unix:/a /xs --demo", ["SOURCE", "--demo"]),
        ("/xs --demo --connect unix:/a", ["--demo", "--connect"]),
    ] {
        let error = refusal(form);
        for name in names {
            assert!(error.contains(name), "{form}: {error}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_its_name() {
    for (form, part) in [
        ("", "Usage"),
        ("-f", "MOUNTPOINT"),
        ("''", "MOUNTPOINT"),
        ("xenfs ''", "MOUNTPOINT"),
        ("a b c", "'c'"),
        ("/xs --nonsense", "--nonsense"),
        ("/xs -o", "-o"),
        ("/xs -o ro,nonsense=1", "nonsense"),
        ("/xs --timeout 0", "--timeout"),
        ("--completions tcsh", "tcsh"),
        ("--completions bash /xs", "--completions"),
    ] {
        let error = refusal(form);
        assert!(error.contains(part), "{form}: {error}");
    }
}

#[test]
fn completions_need_no_mount_point() {
    for shell in ["bash", "zsh", "fish"] {
        match task(&format!("--completions {shell}")) {
            Ok(Task::Completions(found)) => assert_eq!(found.to_string(), shell),
            other => panic!("{other:?}"),
        }
    }
}
