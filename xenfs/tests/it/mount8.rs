//! The program under mount(8), as fstab, and as a user without privileges.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::mount::mount_bind;

use crate::process::{Place, fail, in_own_mounts, succeed};

/// `nobody`.
const FOREIGN: u32 = 65534;

fn root_and_mount8() -> Option<Place> {
    let root = xenbus_harness::requires("root", || {
        if rustix::process::geteuid().is_root() {
            Ok(())
        } else {
            Err("mount(8) would mount for root only".into())
        }
    });
    if !root
        || xenbus_harness::requires_tool("mount").is_none()
        || xenbus_harness::requires_tool("mount.fuse3").is_none()
    {
        return None;
    }
    Place::new()
}

fn mount8(place: &Place) -> Command {
    place.command("mount")
}

#[test]
fn mount_with_type_and_source_in_every_form() {
    in_own_mounts(|| {
        let Some(place) = root_and_mount8() else {
            return;
        };
        let address = place.address();
        let shebang = format!("xenfs#{address}");
        for (kind, source, shown) in [
            ("fuse", "xenfs", "xenfs"),
            ("fuse", shebang.as_str(), address.as_str()),
            ("fuse.xenfs", "xenfs", "xenfs"),
            ("fuse.xenfs", "none", "none"),
            ("fuse.xenfs", address.as_str(), address.as_str()),
        ] {
            succeed(
                mount8(&place)
                    .args(["-t", kind, source])
                    .arg(&place.point)
                    .args(["-o", "ro,noexec,nosuid,relatime,noauto,user,_netdev,nofail"]),
            );
            let line = place.line().unwrap();
            assert!(
                line.starts_with(&format!("{shown} ")),
                "{kind} {source}: {line}"
            );
            assert!(
                line.contains(" fuse.xenfs ro,nosuid,nodev,noexec"),
                "{line}"
            );
            let daemon = place.daemon();
            succeed(place.command("umount").arg(&place.point));
            daemon.ends();
        }
    });
}

#[test]
fn a_failure_reaches_mount_with_status_and_reason() {
    in_own_mounts(|| {
        let Some(place) = root_and_mount8() else {
            return;
        };
        let error = fail(
            mount8(&place)
                .args(["-t", "fuse.xenfs", "-o", "ttl=5", "none"])
                .arg(&place.point),
            2,
        );
        assert!(error.contains("ttl: unknown mount option"), "{error}");
        let error = fail(
            mount8(&place)
                .env("XENSTORED_PATH", place.file("nowhere"))
                .args(["-t", "fuse", "xenfs"])
                .arg(&place.point),
            1,
        );
        assert!(error.contains("nowhere"), "{error}");
        assert!(!place.is_mounted());
    });
}

#[test]
fn fstab_lines_mount_once_and_only_once() {
    in_own_mounts(|| {
        let Some(place) = root_and_mount8() else {
            return;
        };
        let point = place.point.to_str().unwrap().to_owned();
        for line in [
            format!("xenfs {point} fuse defaults,_netdev,nofail 0 0"),
            format!(
                "none {point} fuse.xenfs rw,allow_other,x-systemd.requires=xenstored.service 0 0"
            ),
            format!("{} {point} fuse.xenfs ro 0 0", place.address()),
        ] {
            let table = place.file("fstab");
            fs::write(&table, format!("{line}\n")).unwrap();
            let all = || {
                let mut command = mount8(&place);
                command.arg("--all").arg("--fstab").arg(&table);
                command
            };
            succeed(&mut all());
            assert!(place.is_mounted(), "{line}");
            let daemon = place.daemon();
            // A second one finds it mounted, by the source in the first column.
            succeed(&mut all());
            assert_eq!(place.daemons().len(), 1, "{line}");
            succeed(place.command("umount").arg(&point));
            daemon.ends();
            assert!(!place.is_mounted(), "{line}");
        }
    });
}

#[test]
fn a_mount_made_by_others_is_served_and_without_modes_only_to_its_user() {
    in_own_mounts(|| {
        let Some(place) = root_and_mount8() else {
            return;
        };
        if xenbus_harness::requires_tool("setpriv").is_none() {
            return;
        }
        fs::set_permissions(place.socket(), fs::Permissions::from_mode(0o666)).unwrap();
        for (options, others) in [
            ("drop_privileges,allow_other,umask=022", false),
            (
                "drop_privileges,allow_other,umask=022,default_permissions",
                true,
            ),
        ] {
            succeed(
                mount8(&place)
                    .args(["-t", "fuse.xenfs", "-o", options])
                    .arg(place.address())
                    .arg(&place.point),
            );
            assert!(place.line().unwrap().contains(" fuse.xenfs "));
            assert!(fs::read_dir(&place.point).is_ok(), "{options}");
            let tool = place.point.join("tool");
            let listed = as_foreign(&place, "ls").arg(&tool).output().unwrap();
            assert_eq!(listed.status.success(), others, "{options}: {listed:?}");
            succeed(place.command("umount").arg(&place.point));
        }
    });
}

#[test]
fn a_descriptor_that_is_no_dev_fuse_is_refused() {
    let Some(place) = Place::new() else { return };
    for (argument, redirection, reason) in [
        ("/dev/fd/9", "9>&-", "no such file descriptor"),
        ("/dev/fd/9", "9</dev/null", "not an open /dev/fuse"),
        ("/dev/fd/1", "", "standard streams"),
    ] {
        let line = format!("exec xenfs {argument} {redirection}");
        let error = fail(place.command("sh").args(["-c", &line]), 1);
        assert!(error.contains(reason), "{argument} {redirection}: {error}");
    }
}

/// A copy of the program that other users can reach, and a place that belongs to one.
fn foreign() -> Option<(Place, PathBuf)> {
    let place = root_and_mount8()?;
    for tool in ["setpriv", "fusermount3"] {
        xenbus_harness::requires_tool(tool)?;
    }
    let open = xenbus_harness::requires("a /dev/fuse for all users", || {
        let mode = fs::metadata("/dev/fuse")
            .map_err(|error| error.to_string())?
            .permissions()
            .mode();
        if mode & 0o006 == 0o006 {
            Ok(())
        } else {
            Err(format!("its mode is {:o}, 666 is usual", mode & 0o777))
        }
    });
    // What an ordinary user cannot mount, and a system has.
    let controlled = xenbus_harness::requires(
        "the kernel's control of FUSE connections",
        crate::watchdog::control,
    );
    if !open || !controlled {
        return None;
    }
    let program = place.file("xenfs");
    // By another process: what ours has open for writing, another test's child may hold while the copy is to be run.
    succeed(
        Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_xenfs"))
            .arg(&program),
    );
    chown(&place.point, Some(FOREIGN), Some(FOREIGN)).unwrap();
    fs::set_permissions(place.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    Some((place, program))
}

fn as_foreign(place: &Place, program: impl AsRef<Path>) -> Command {
    let mut command = place.command("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .arg(program.as_ref())
        .current_dir("/");
    command
}

#[test]
fn an_ordinary_user_mounts_and_unmounts_without_root() {
    let Some((place, program)) = foreign() else {
        return;
    };
    succeed(as_foreign(&place, &program).arg(&place.point));
    let line = place.line().unwrap();
    assert!(line.starts_with("xenfs "), "{line}");
    assert!(line.contains(" fuse.xenfs rw,nosuid,nodev"), "{line}");
    assert!(line.contains("user_id=65534,group_id=65534,default_permissions"));
    succeed(as_foreign(&place, "ls").arg(&place.point));
    let daemon = place.daemon();
    succeed(
        as_foreign(&place, "fusermount3")
            .arg("-u")
            .arg(&place.point),
    );
    daemon.ends();
    assert!(!place.is_mounted());

    succeed(as_foreign(&place, &program).arg("-oro").arg(&place.point));
    let error = fail(as_foreign(&place, "mkdir").arg(place.point.join("x")), 1);
    assert!(error.contains("Read-only file system"), "{error}");
    let daemon = place.daemon();
    daemon.signal(rustix::process::Signal::TERM);
    daemon.ends();
    assert!(!place.is_mounted());
}

#[test]
fn what_fusermount3_refuses_is_explained() {
    let Some((place, program)) = foreign() else {
        return;
    };
    let other = place.file("other");
    fs::create_dir(&other).unwrap();
    let error = fail(as_foreign(&place, &program).arg(&other), 1);
    assert!(
        error.contains("no write access") && error.contains("hint:"),
        "{error}"
    );
    let conf = fs::read_to_string("/etc/fuse.conf").unwrap_or_default();
    if !conf.lines().any(|line| line.trim() == "user_allow_other") {
        let error = fail(
            as_foreign(&place, &program)
                .args(["-o", "allow_other"])
                .arg(&place.point),
            1,
        );
        assert!(error.contains("/etc/fuse.conf"), "{error}");
    }
    assert!(!place.is_mounted());
}

#[test]
fn without_fusermount3_the_error_says_what_to_install() {
    let Some((place, program)) = foreign() else {
        return;
    };
    in_own_mounts(|| {
        let real = xenbus_harness::requires_tool("fusermount3").unwrap();
        // An unusable file hides it.
        mount_bind("/dev/null", &real).unwrap();
        let error = fail(as_foreign(&place, &program).arg(&place.point), 1);
        assert!(error.contains("apt install fuse3"), "{error}");
    });
}

#[test]
fn an_ordinary_users_mount_tells_changes_too() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;
    use xenbus::{Client, ClientOptions, Operations as _, StorePath, address::Address};
    let Some((place, program)) = foreign() else {
        return;
    };
    let store = Client::connect(
        &Address::Unix(place.socket().into()),
        ClientOptions::default(),
    )
    .unwrap();
    let node = StorePath::parse("/t/x").unwrap();
    for options in ["-orw", "-oro"] {
        store.write(&node, b"1").unwrap();
        succeed(as_foreign(&place, &program).arg(options).arg(&place.point));
        let mut listener = as_foreign(&place, "inotifywait")
            .args(["-q", "-m", "-e", "close_write"])
            .arg(place.point.join("t/x"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(listener.stdout.take().unwrap());
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Again and again: the listener says nothing when it has begun.
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    store.write(&node, b"2").unwrap();
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            });
            lines.read_line(&mut line).unwrap();
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        assert!(line.contains("CLOSE_WRITE"), "{line}");
        listener.kill().unwrap();
        listener.wait().unwrap();
        if options == "-oro" {
            let error = fail(as_foreign(&place, "touch").arg(place.point.join("t/x")), 1);
            assert!(error.contains("Read-only file system"), "{error}");
        }
        let daemon = place.daemon();
        succeed(
            as_foreign(&place, "fusermount3")
                .arg("-u")
                .arg(&place.point),
        );
        daemon.ends();
    }
}
