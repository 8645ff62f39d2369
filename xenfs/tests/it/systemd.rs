//! Living with the system: units, readiness, logs, the database of file names, user namespaces.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::mount::{mount_bind, mount_bind_recursive};
use rustix::process::Signal;
use xenbus_harness::requires_tool;

use crate::process::{DEADLINE, Daemon, Place, in_own_mounts, succeed};

/// What a command prints that succeeds.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Gives a printed unit to systemd's own reader.
fn verify(text: &str, name: &str) {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join(name);
    fs::write(&file, text).unwrap();
    // What the unit waits for is not here.
    fs::write(
        directory.path().join("xenstored.service"),
        "[Service]\nExecStart=true\n",
    )
    .unwrap();
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .env(
            "SYSTEMD_UNIT_PATH",
            format!("{}:", directory.path().display()),
        )
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    // It also checks the units of the system that these depend on.
    let said: Vec<_> = said
        .lines()
        .filter(|line| line.contains(name.split(['.', '@']).next().unwrap()))
        .collect();
    assert!(said.is_empty(), "{said:#?}\n{text}");
}

#[test]
fn systemd_accepts_the_units_that_are_printed() {
    if requires_tool("systemd-analyze").is_none() || requires_tool("systemd-escape").is_none() {
        return;
    }
    let xenfs = || Command::new(env!("CARGO_BIN_EXE_xenfs"));
    let mount = output(xenfs().args(["--print-unit", "mount"]));
    assert!(
        mount.contains("Where=/xs\n") && mount.contains("Type=fuse.xenfs\n"),
        "{mount}"
    );
    verify(&mount, "xs.mount");
    let odd = "/srv/x s/50%";
    let name = output(Command::new("systemd-escape").args(["--path", "--suffix=mount", odd]));
    let arguments = [
        "--print-unit",
        "mount",
        "-oro,umask=022",
        "unix:/run/x",
        odd,
    ];
    let mount = output(xenfs().args(arguments));
    assert!(
        mount.starts_with(&format!("# /etc/systemd/system/{name}")),
        "{mount}"
    );
    assert!(mount.contains("Options=ro,umask=022\n"), "{mount}");
    verify(&mount, name.trim_end());
    let service = output(xenfs().args(["--print-unit=service", "-o", "subdir=~", "/xs"]));
    assert!(
        service.contains("Type=notify\n") && service.contains("xenfs@xs.service"),
        "{service}"
    );
    verify(&service, "xenfs@.service");
    verify(&service, "xenfs@xs.service");
    for wrong in [
        &["--print-unit", "nonsense"][..],
        &["--print-unit", "mount", "-o", "nonsense"],
    ] {
        assert_eq!(xenfs().args(wrong).output().unwrap().status.code(), Some(2));
    }
}

#[test]
fn systemd_is_told_when_the_mount_is_live_and_when_it_ends() {
    let Some(place) = Place::new() else { return };
    let socket = place.file("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut child = place
        .xenfs()
        .env("NOTIFY_SOCKET", &socket)
        .arg("-f")
        .arg(&place.point)
        .spawn()
        .unwrap();
    let told = || {
        let mut buffer = [0; 256];
        let length = systemd.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
    };
    assert_eq!(told(), "READY=1");
    assert!(place.is_mounted());
    let process = Daemon::open(i32::try_from(child.id()).unwrap()).unwrap();
    process.signal(Signal::TERM);
    assert_eq!(told(), "STOPPING=1");
    process.ends();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn in_a_service_messages_have_the_journals_levels_and_nothing_unprintable() {
    use std::os::fd::AsFd as _;
    let Some(place) = Place::new() else { return };
    let (journal, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let found = rustix::fs::fstat(theirs.as_fd()).unwrap();
    let mut child = place
        .xenfs()
        .env(
            "JOURNAL_STREAM",
            format!("{}:{}", found.st_dev, found.st_ino),
        )
        .args(["-f", "-o", "tx-timeout=0.1"])
        .arg(&place.point)
        .stderr(rustix::fd::OwnedFd::from(theirs))
        .spawn()
        .unwrap();
    journal.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(journal));
    let mut line = || lines.next().unwrap().unwrap();
    assert_eq!(
        line(),
        format!("<5>mounted xenfs on {}", place.point.display())
    );
    // A name that would clear the screen: it cannot be printed, so it cannot be made; one that is no ASCII can.
    let hidden = place.point.join(".transactions");
    assert!(fs::create_dir(hidden.join("a\u{9b}2J")).is_err());
    fs::create_dir(hidden.join("\u{e4}\u{202e}")).unwrap();
    let said = line();
    assert!(
        said.starts_with("<4>transaction \\xc3\\xa4\\xe2\\x80\\xae was given up"),
        "{said}"
    );
    place.unmount();
    assert_eq!(line(), format!("<5>unmounted {}", place.point.display()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn in_the_background_messages_go_to_the_systems_log() {
    let Some(place) = Place::new() else { return };
    in_own_mounts(|| {
        // A /dev with nothing in it but what is needed here, and a log that is ours.
        let devices = place.file("dev");
        fs::create_dir(&devices).unwrap();
        for name in ["fuse", "null"] {
            fs::write(devices.join(name), "").unwrap();
            mount_bind(Path::new("/dev").join(name), devices.join(name)).unwrap();
        }
        let log = UnixDatagram::bind(devices.join("log")).unwrap();
        log.set_read_timeout(Some(DEADLINE)).unwrap();
        mount_bind_recursive(&devices, "/dev").unwrap();
        let daemon = place.mount();
        let said = || {
            let mut buffer = [0; 512];
            let length = log.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        // Facility "daemon", level "notice".
        let point = place.point.display();
        let expected = format!("<29>xenfs[{}]: mounted xenfs on {point}", daemon.pid);
        let mut told = said();
        while told.starts_with("<28>") {
            // What works less well here, because of the /dev.
            told = said();
        }
        assert_eq!(told, expected);
        place.unmount();
        daemon.ends();
        assert_eq!(
            said(),
            format!("<29>xenfs[{}]: unmounted {point}", daemon.pid)
        );
    });
}

#[test]
fn updatedb_leaves_the_mount_out_when_it_is_told_the_type_and_walks_it_otherwise() {
    let Some(place) = Place::new() else { return };
    if requires_tool("updatedb").is_none() || requires_tool("locate").is_none() {
        return;
    }
    let daemon = place.mount();
    let tree = place.point.parent().unwrap().to_owned();
    let database = place.file("names");
    for (types, found) in [("fuse.xenfs", 0), ("", 2)] {
        succeed(
            place
                .command("updatedb")
                .args([
                    "--prune-bind-mounts",
                    "no",
                    "--prunepaths",
                    "",
                    "--prunenames",
                    "",
                ])
                .args([
                    "--prunefs",
                    types,
                    "--require-visibility",
                    "no",
                    "--database-root",
                ])
                .arg(&tree)
                .arg("--output")
                .arg(&database),
        );
        let mut locate = place.command("locate");
        locate
            .arg("-d")
            .arg(&database)
            .arg(place.point.join("tool"));
        let listed = locate.output().unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert_eq!(listed.lines().count(), found, "{types}: {listed}");
    }
    place.unmount();
    daemon.ends();
}

#[test]
fn find_with_xdev_stays_outside_and_a_backup_can_take_the_mount_along() {
    let Some(place) = Place::new() else { return };
    let daemon = place.mount();
    let tree = place.point.parent().unwrap();
    let find = output(Command::new("find").arg(tree).arg("-xdev"));
    let point = format!("{}\n", place.point.display());
    assert!(find.contains(&point) && !find.contains("xs/tool"), "{find}");
    let archive = place.file("backup.tar");
    for (option, inside) in [("--one-file-system", false), ("--no-xattrs", true)] {
        // The socket is left out with a word.
        output(
            Command::new("tar")
                .arg("-C")
                .arg(tree)
                .args(["-cf"])
                .arg(&archive)
                .args([option, "--exclude=backup.tar", "."]),
        );
        let names = output(Command::new("tar").arg("-tf").arg(&archive));
        assert_eq!(names.contains("xs/tool"), inside, "{names}");
    }
    let copy = place.file("copy");
    if requires_tool("rsync").is_some() {
        output(
            Command::new("rsync")
                .arg("-aX")
                .arg(&place.point)
                .arg(&copy),
        );
        assert!(copy.join("xs/tool/xenstored").exists());
    }
    place.unmount();
    daemon.ends();
}

#[test]
fn it_mounts_in_a_namespace_of_a_user() {
    let Some(place) = Place::new() else { return };
    if requires_tool("unshare").is_none() {
        return;
    }
    let allowed = xenbus_harness::requires("user namespaces", || {
        let tried = Command::new("unshare").args(["-Urm", "true"]).output();
        match tried {
            Ok(output) if output.status.success() => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    if !allowed {
        return;
    }
    let script = "xenfs \"$0\" && ls \"$0\" && echo 1 > \"$0/tool/x\" && cat \"$0/tool/x\" && \
                  stat -c '%u %a' \"$0/tool/x\" && umount \"$0\"";
    let mut command = place.command("unshare");
    command
        .args(["-Urm", "bash", "-c", script])
        .arg(&place.point);
    let said = output(&mut command);
    assert_eq!(said, "tool\n1\n0 600\n");
    assert!(!place.is_mounted());
    let ended = std::time::Instant::now() + Duration::from_secs(10);
    while !place.daemons().is_empty() {
        assert!(std::time::Instant::now() < ended, "the process goes on");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn an_selinux_label_is_dropped_where_there_is_no_selinux() {
    let Some(place) = Place::new() else { return };
    let without = xenbus_harness::requires("a kernel without SELinux", || {
        match fs::exists("/sys/fs/selinux/enforce") {
            Ok(true) => Err("the label would have to be one of its policy".into()),
            _ => Ok(()),
        }
    });
    if without {
        let mut command = place.xenfs();
        command.args(["-o", "context=\"system_u:object_r:fusefs_t:s0:c1,c2\",ro"]);
        succeed(command.arg(&place.point));
        assert!(place.line().unwrap().contains(" fuse.xenfs ro,"));
        place.unmount();
    }
}
