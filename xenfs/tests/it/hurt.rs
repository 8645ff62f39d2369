//! The mount under load while something goes wrong around it: what its users see, how long that lasts, what is lost.

mod killed;
mod load;
mod proxy;

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use xenbus::address::Address;
use xenbus::store::{Server, StoreOptions};
use xenbus::{Client, ClientOptions, Operations as _};
use xenbus_harness::{Daemon, available, requires_tool};

use crate::mount::rig::path;
use crate::process::{DEADLINE, Place, in_own_mounts, succeed};
use crate::watchdog::Watchdog;
use load::Load;
use proxy::{Fault, Proxy};

/// A client of the store at `socket`, with full privilege.
fn client(socket: &Path) -> Client {
    Client::connect(&Address::Unix(socket.into()), ClientOptions::default()).unwrap()
}

/// Unmounts. A process that another test has just started may still hold what this one had open.
fn leave(place: &Place) {
    let start = Instant::now();
    let mut unmount = place.command("fusermount3");
    unmount.arg("-qu").arg(&place.point);
    while !unmount.status().unwrap().success() {
        assert!(start.elapsed() < DEADLINE, "busy");
    }
}

#[test]
fn nonsense_from_the_store_costs_errors_for_a_moment_and_nothing_else() {
    let Some(place) = Place::new() else { return };
    let daemons: Vec<_> = available().into_iter().map(Daemon::start).collect();
    let mut stores = vec![("embedded store", place.socket().to_owned())];
    stores.extend(
        daemons
            .iter()
            .map(|daemon| (daemon.kind().program(), daemon.socket().to_owned())),
    );
    for (name, socket) in stores {
        let proxy = Proxy::start(&place.file("proxy"), &socket);
        let store = client(&socket);
        store.write(&path("/t/read"), b"always this").unwrap();
        let address = format!("unix:{}", proxy.path().display());
        succeed(
            place
                .xenfs()
                .args(["-o", "timeout=1", &address])
                .arg(&place.point),
        );
        let _watchdog = Watchdog::new(&place.point, Duration::from_mins(1));
        let load = Load::start(&place.point.join("t"), 2, 2);
        for fault in Fault::ALL {
            load.runs();
            let start = Instant::now();
            proxy.inject(fault);
            load.recovers(start);
        }
        let seen = load.finish(&store);
        println!("{name}: garbage of {} kinds: {seen}", Fault::ALL.len());
        assert!(seen.only(&[io::ErrorKind::Other]), "{name}: {seen}");
        leave(&place);
        fs::remove_file(place.file("proxy")).unwrap();
    }
}

#[test]
fn a_store_that_takes_over_the_socket_is_the_one_that_is_shown() {
    let Some(place) = Place::new() else { return };
    let socket = place.file("replaced");
    let serve = |value: &[u8]| {
        let server = Server::start(StoreOptions::default()).unwrap();
        server.listen(&socket).unwrap();
        client(&socket).write(&path("/t/read"), value).unwrap();
        server
    };
    let old = serve(b"always this");
    succeed(
        place
            .xenfs()
            .arg(format!("unix:{}", socket.display()))
            .arg(&place.point),
    );
    let _watchdog = Watchdog::new(&place.point, Duration::from_mins(1));
    let read = || fs::read_to_string(place.point.join("t/read"));
    assert_eq!(read().unwrap(), "always this\n");
    // Another daemon takes the socket while the old one lives: who is connected stays.
    fs::rename(&socket, place.file("away")).unwrap();
    let new = serve(b"that one");
    assert_eq!(read().unwrap(), "always this\n");
    let start = Instant::now();
    drop(old);
    let shown = loop {
        match read() {
            Ok(value) => break value,
            Err(error) => assert_eq!(error.raw_os_error(), Some(5), "{error}"),
        }
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(2));
    };
    assert_eq!(shown, "that one\n");
    println!(
        "socket replaced: {:?} until the new store shows",
        start.elapsed()
    );
    place.unmount();
    drop(new);
}

#[test]
fn unmounting_in_a_storm_of_changes_is_never_busy() {
    let Some(place) = Place::new() else { return };
    let inotifywait = requires_tool("inotifywait");
    let store = client(place.socket());
    let mut longest = Duration::ZERO;
    for _ in 0..5 {
        let daemon = place.mount();
        let watchdog = Watchdog::new(&place.point, Duration::from_mins(1));
        store.write(&path("/storm/d0/n0"), b"").unwrap();
        let mut watcher = inotifywait
            .as_ref()
            .map(|program| watch(program, &place.point));
        let changes = load::storm(&store);
        // While they go on, and nobody is inside: a watch is no reason to be busy.
        let start = Instant::now();
        let output = place
            .command("fusermount3")
            .arg("-u")
            .arg(&place.point)
            .output()
            .unwrap();
        longest = longest.max(start.elapsed());
        assert!(output.status.success(), "{output:?}");
        daemon.ends();
        changes.stop();
        if let Some(watcher) = &mut watcher {
            watcher.kill().unwrap();
            watcher.wait().unwrap();
        }
        drop(watchdog);
    }
    println!("unmount in a storm: at most {longest:?}, never busy");
}

/// Watches what the storm changes. Not recursively: then inotifywait itself would be inside, to look at new directories.
fn watch(program: &Path, point: &Path) -> Child {
    let mut command = Command::new(program);
    command
        .arg("-m")
        .arg(point)
        .arg(point.join("storm"))
        .arg(point.join("storm/d0"));
    let mut watcher = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watcher.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("Watches established")));
    watcher
}

#[test]
fn a_mount_whose_directory_is_removed_elsewhere_goes_away_with_its_process() {
    let Some(mut place) = Place::new() else {
        return;
    };
    let parent = place.file("parent");
    place.point = parent.join("xs");
    fs::create_dir_all(&place.point).unwrap();
    in_own_mounts(|| {
        let daemon = place.mount();
        assert!(fs::read_dir(&place.point).is_ok());
        // In this namespace it is in use.
        let busy = fs::remove_dir(&place.point).unwrap_err();
        assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
        // Whoever does not see the mount may remove the directory: the kernel takes the mount away then.
        let removed = Command::new("nsenter")
            .args([
                "--target",
                &std::process::id().to_string(),
                "--mount",
                "rm",
                "-r",
            ])
            .arg(&parent)
            .status()
            .unwrap();
        assert!(removed.success());
        daemon.ends();
        assert!(!parent.exists());
    });
    place.point = place.file("xs");
}

#[test]
fn a_thousand_files_can_be_open_at_once() {
    let Some(place) = Place::new() else { return };
    let store = client(place.socket());
    for i in 0..1000 {
        store
            .write(&path(&format!("/many/n{i}")), format!("{i}").as_bytes())
            .unwrap();
    }
    let daemon = place.mount();
    let _watchdog = Watchdog::new(&place.point, Duration::from_mins(1));
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if limit.current.is_some_and(|limit| limit < 1200) {
        let more = rustix::process::Rlimit {
            current: limit.maximum,
            ..limit
        };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, more).unwrap();
    }
    let open = |i: usize| {
        File::options()
            .read(true)
            .write(true)
            .open(place.point.join(format!("many/n{i}")))
    };
    let files: Vec<_> = (0..1000).map(|i| open(i).unwrap()).collect();
    let status = || fs::read_to_string(place.point.join(".xenfs/status")).unwrap();
    let count =
        || serde_json::from_str::<serde_json::Value>(&status()).unwrap()["open_files"].as_u64();
    assert_eq!(count(), Some(1000));
    for (i, file) in files.iter().enumerate() {
        file.write_all_at(format!("{:04}\n", i + 1).as_bytes(), 0)
            .unwrap();
        let mut content = [0; 5];
        file.read_exact_at(&mut content, 0).unwrap();
        assert_eq!(content, format!("{:04}\n", i + 1).as_bytes());
    }
    drop(files);
    let start = Instant::now();
    while count() != Some(0) {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(store.read(&path("/many/n999")).unwrap(), b"1000");
    leave(&place);
    daemon.ends();
}

#[test]
fn two_hundred_processes_at_once_all_get_what_they_ask_for() {
    let Some(place) = Place::new() else { return };
    let store = client(place.socket());
    store.write(&path("/t/read"), b"always this").unwrap();
    place.mount();
    let _watchdog = Watchdog::new(&place.point, Duration::from_mins(1));
    let start = Instant::now();
    let children: Vec<_> = (0..200)
        .map(|i| {
            let script = format!("cat read; echo {i} > own-{i}; cat own-{i}; ls | grep -cx own-{i}; mkdir d{i}; rmdir d{i}");
            let mut command = Command::new("sh");
            command.args(["-c", &script]).current_dir(place.point.join("t"));
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for (i, child) in children.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, format!("always this\n{i}\n1\n"), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
    println!("200 processes at once: {:?}", start.elapsed());
    assert_eq!(store.directory(&path("/t")).unwrap().len(), 201);
    leave(&place);
}

#[test]
fn what_a_killed_mount_had_in_transactions_never_happened() {
    let Some(place) = Place::new() else { return };
    let daemons: Vec<_> = available().into_iter().map(Daemon::start).collect();
    let mut stores = vec![place.socket().to_owned()];
    stores.extend(daemons.iter().map(|daemon| daemon.socket().to_owned()));
    for socket in stores {
        let store = client(&socket);
        store.write(&path("/t/a"), b"1").unwrap();
        let address = format!("unix:{}", socket.display());
        succeed(place.xenfs().arg(&address).arg(&place.point));
        let transaction = place.point.join(".transactions/T");
        fs::create_dir(&transaction).unwrap();
        fs::write(transaction.join("t/a"), "2\n").unwrap();
        place.daemon().signal(rustix::process::Signal::KILL);
        let start = Instant::now();
        while fs::metadata(&place.point).is_ok() {
            assert!(start.elapsed() < DEADLINE, "killed, and still there");
        }
        leave(&place);
        succeed(place.xenfs().arg(&address).arg(&place.point));
        assert_eq!(
            fs::read_dir(place.point.join(".transactions"))
                .unwrap()
                .count(),
            0
        );
        assert_eq!(fs::read_to_string(place.point.join("t/a")).unwrap(), "1\n");
        // Nothing is left in the way of others.
        fs::create_dir(&transaction).unwrap();
        fs::write(transaction.join("t/a"), "3\n").unwrap();
        fs::write(transaction.join(".control"), "commit\n").unwrap();
        assert_eq!(store.read(&path("/t/a")).unwrap(), b"3");
        leave(&place);
    }
}
