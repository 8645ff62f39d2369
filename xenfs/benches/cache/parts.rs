//! Looking, reading, finding, and what a mount costs that nobody looks at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::store::{Mount, Store};
use super::{median, null};

/// For how long each side is measured.
const SPAN: Duration = Duration::from_millis(300);

/// Operations per second of `work` on `paths`, one after the other.
fn rate(paths: &[PathBuf], work: impl Fn(&Path)) -> f64 {
    let paths = &paths[..paths.len().min(1000)];
    let go = || {
        for path in paths {
            work(path);
        }
    };
    go();
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < SPAN {
        go();
        count += paths.len();
    }
    count as f64 / start.elapsed().as_secs_f64()
}

/// Operations per second of `work` on two sets of paths, a few of each at a time, so that whatever else the machine does
/// meets both.
fn rates(own: &[PathBuf], other: &[PathBuf], work: impl Fn(&Path)) -> (f64, f64) {
    let time = |paths: &[PathBuf]| {
        let start = Instant::now();
        for path in paths {
            work(path);
        }
        start.elapsed()
    };
    let (mut ours, mut theirs, mut count) = (Duration::ZERO, Duration::ZERO, 0);
    while ours + theirs < 2 * SPAN {
        for (own, other) in own.chunks(50).zip(other.chunks(50)) {
            ours += time(own);
            theirs += time(other);
            count += own.len();
        }
    }
    let count = count as f64;
    (count / ours.as_secs_f64(), count / theirs.as_secs_f64())
}

fn print(what: &str, ours: f64, peer: &str, theirs: f64, unit: &str) {
    let ratio = if unit == "s" {
        theirs / ours
    } else {
        ours / theirs
    };
    println!("  {what}: {ours:.4} {unit}, {peer} {theirs:.4} {unit}: {ratio:.2}x as fast");
}

/// (a) `stat` of names that the kernel knows, against tmpfs.
pub(crate) fn stat(store: &Store, nodes: usize, rounds: usize) {
    let leaves = store.leaves(nodes);
    let mount = Mount::new(store);
    let shm = TempDir::new_in("/dev/shm").unwrap();
    let take = leaves.len().min(1000);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let own: Vec<_> = leaves[..take]
        .iter()
        .map(|path| mount.path().join(&path.as_str()[1..]))
        .collect();
    let other: Vec<_> = leaves[..take]
        .iter()
        .map(|path| shm.path().join(&path.as_str()[1..]))
        .collect();
    for path in &other {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "some value\n").unwrap();
    }
    let look = |path: &Path| assert!(fs::metadata(path).unwrap().is_file());
    for _ in 0..rounds {
        ours.push(rate(&own, look));
        theirs.push(rate(&other, look));
    }
    print(
        &format!("stat of known names, {nodes} nodes"),
        median(ours),
        "tmpfs",
        median(theirs),
        "/s",
    );
}

/// (b) open, read and close, against a file system that does nothing but the read's request.
pub(crate) fn read(store: &Store, rounds: usize) {
    let leaves = store.leaves(1000);
    let mount = Mount::new(store);
    let point = TempDir::new().unwrap();
    let session = null::mount(point.path(), store.client(), leaves[0].clone());
    let own: Vec<_> = leaves
        .iter()
        .map(|path| mount.path().join(&path.as_str()[1..]))
        .collect();
    let other: Vec<_> = (2..1002)
        .map(|number| point.path().join(number.to_string()))
        .collect();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let look = |path: &Path| {
        use std::io::Read as _;
        let mut buffer = [0; 64];
        let mut file = fs::File::open(path).unwrap();
        assert!(file.read(&mut buffer).unwrap() > 0);
    };
    for _ in 0..rounds {
        let (own, other) = rates(&own, &other, look);
        ours.push(own);
        theirs.push(other);
    }
    print(
        "open, read, close",
        median(ours),
        "null file system",
        median(theirs),
        "/s",
    );
    drop(session.umount_and_join());
}

/// (c) `find` over a busy host's tree: on a new mount, and again, against `xenstore-ls -f`.
pub(crate) fn find(store: &Store, nodes: usize, rounds: usize) {
    let count = store.fill(nodes);
    let socket = store.socket();
    let run = |program: &str, arguments: &[&str], directory: &Path| {
        let start = Instant::now();
        let status = Command::new(program)
            .args(arguments)
            .current_dir(directory)
            .env("XENSTORED_PATH", &socket)
            .stdout(Stdio::null())
            .status();
        let taken = start.elapsed().as_secs_f64();
        status.is_ok_and(|status| status.success()).then_some(taken)
    };
    let (mut cold, mut warm, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let mut requests = 0;
    for _ in 0..rounds {
        let mount = Mount::new(store);
        cold.extend(run("find", &["."], mount.path()));
        // Until it is quiet: reading ahead is part of the cold run's work.
        run("find", &["."], mount.path());
        let before = mount.status("/requests");
        warm.extend(run("find", &["."], mount.path()));
        // Looking at the status costs some itself.
        let after = mount.status("/requests");
        let idle = mount.status("/requests") - after;
        requests = (after - before).saturating_sub(idle);
        theirs.extend(run("xenstore-ls", &["-f"], Path::new("/")));
    }
    let (cold, warm) = (median(cold), median(warm));
    if theirs.len() < rounds {
        // oxenstored ends the connection of who asks for a list that is too long for one message.
        println!(
            "  find, new mount, {count} nodes: {cold:.4} s; again, {requests} requests: {warm:.4} s; \
             xenstore-ls cannot be run, or not on this store"
        );
        return;
    }
    let theirs = median(theirs);
    print(
        &format!("find, new mount, {count} nodes"),
        cold,
        "xenstore-ls -f",
        theirs,
        "s",
    );
    for (peer, time) in [("the first time", cold), ("xenstore-ls -f", theirs)] {
        let what = format!("find again, {requests} requests");
        print(&what, warm, peer, time, "s");
    }
}

/// What a mount costs that nobody looks at.
pub(crate) fn memory(store: &Store) {
    let count = store.leaves(100_000).len();
    let mount = Mount::new(store);
    let helper = u32::try_from(mount.status("/replay/helper")).unwrap();
    let pss = |process: u32| -> u64 {
        let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap();
        let line = rollup
            .lines()
            .find_map(|line| line.strip_prefix("Pss:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    println!(
        "  idle mount of {count} nodes: {} KiB, its helper {} KiB (PSS)",
        pss(mount.process()),
        pss(helper)
    );
}
