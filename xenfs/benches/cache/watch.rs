//! From a write by somebody else to the reader of inotify.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use tempfile::TempDir;
use xenbus::client::{Client, Operations as _};
use xenbus::path::StorePath;

use super::median;
use super::store::{Mount, Store};

/// Writes of each round whose latency is measured.
const WRITES: usize = 300;

/// Distinct nodes whose changes are counted.
const NODES: usize = 20_000;

fn listen(path: &Path) -> OwnedFd {
    let listener = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&listener, path, inotify::WatchFlags::CLOSE_WRITE).unwrap();
    listener
}

/// The `p`th of a hundred.
fn percentile(values: &mut [f64], p: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * p / 100).min(values.len() - 1)]
}

/// (d) A write until inotify tells it, against until `xenstore-watch` prints it.
pub(crate) fn latency(store: &Store, rounds: usize) {
    let leaves = store.leaves(100);
    let mount = Mount::new(store);
    let client = store.client();
    let path = &leaves[0];
    let file = mount.path().join(&path.as_str()[1..]);
    drop(fs::read(&file).unwrap());
    let listener = listen(&file);
    let mut watch = Command::new("xenstore-watch")
        .arg(path.as_str())
        .env("XENSTORED_PATH", store.socket())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&listener, &mut buffer);
    let mut results = [const { Vec::new() }; 4];
    for round in 0..rounds {
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        for write in 0..WRITES {
            let value = format!("{round} {write}");
            // Both hear every write; who is timed takes turns.
            let start = Instant::now();
            client.write(path, value.as_bytes()).unwrap();
            if write % 2 == 0 {
                events.next().unwrap();
                ours.push(start.elapsed().as_secs_f64() * 1e6);
                lines.read_line(&mut line).unwrap();
            } else {
                lines.read_line(&mut line).unwrap();
                theirs.push(start.elapsed().as_secs_f64() * 1e6);
                events.next().unwrap();
            }
        }
        let told = [
            percentile(&mut ours, 50),
            percentile(&mut ours, 99),
            percentile(&mut theirs, 50),
            percentile(&mut theirs, 99),
        ];
        for (result, told) in results.iter_mut().zip(told) {
            result.push(told);
        }
    }
    drop(watch.kill());
    drop(watch.wait());
    let [p50, p99, their50, their99] = results.map(median);
    println!(
        "  write to inotify: p50 {p50:.0} us, p99 {p99:.0} us; xenstore-watch p50 {their50:.0} us, p99 {their99:.0} us: \
         {:.2}x and {:.2}x as long",
        p50 / their50,
        p99 / their99
    );
}

/// (e) How many changes of distinct watched nodes a second are told, all of them, against a bare watcher in C.
pub(crate) fn rate(store: &Store, rounds: usize) {
    let leaves = store.leaves(NODES);
    let mount = Mount::new(store);
    let client = store.client();
    let listener =
        inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).unwrap();
    for directory in fs::read_dir(mount.path().join("bench")).unwrap() {
        let directory = directory.unwrap().path();
        assert!(fs::read_dir(&directory).unwrap().count() > 0);
        inotify::add_watch(&listener, &directory, inotify::WatchFlags::CLOSE_WRITE).unwrap();
    }
    let peer = compile();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        ours.push(told(&client, &leaves, &listener, &format!("r{round}"), None).0);
        if let Some((_, program)) = &peer {
            theirs.extend(bare(program, store, &client, &leaves, &format!("p{round}")));
        }
    }
    let highest = median(ours);
    let (_, lost, lag) = told(&client, &leaves, &listener, "steady", Some(highest * 0.9));
    println!(
        "  {NODES} nodes changed: {highest:.0} told a second; at 90 % of that {lost} lost, the last told {:.0} ms after it was written",
        lag * 1e3
    );
    if theirs.len() == rounds {
        let theirs = median(theirs);
        println!(
            "  a watcher in C that reads each again: {theirs:.0} a second: {:.2}x as fast",
            highest / theirs
        );
    }
}

/// Writes all leaves, at most so many a second, and waits for the events: how many a second, how many were lost, how long
/// after the last write the last came.
fn told(
    client: &Client,
    leaves: &[StorePath],
    listener: &OwnedFd,
    value: &str,
    pace: Option<f64>,
) -> (f64, usize, f64) {
    let start = Instant::now();
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for (at, window) in leaves.chunks(100).enumerate() {
                if let Some(pace) = pace {
                    let due = Duration::from_secs_f64((at * 100) as f64 / pace);
                    std::thread::sleep(due.saturating_sub(start.elapsed()));
                }
                let writes: Vec<_> = window
                    .iter()
                    .map(|path| client.submit_write(path, value.as_bytes()))
                    .collect();
                for write in writes {
                    write.wait().unwrap();
                }
            }
            start.elapsed().as_secs_f64()
        });
        let mut seen = HashSet::new();
        let mut buffer = vec![MaybeUninit::uninit(); 1 << 16];
        let mut reader = inotify::Reader::new(listener, &mut buffer);
        let mut last = start.elapsed().as_secs_f64();
        while seen.len() < leaves.len() {
            match reader.next() {
                Ok(event) => {
                    seen.insert((event.wd(), event.file_name().map(std::ffi::CStr::to_owned)));
                    last = start.elapsed().as_secs_f64();
                }
                Err(rustix::io::Errno::AGAIN) => {
                    let mut fds = [PollFd::new(listener, PollFlags::IN)];
                    let patience = Timespec {
                        tv_sec: 3,
                        tv_nsec: 0,
                    };
                    if poll(&mut fds, Some(&patience)).unwrap() == 0 && writer.is_finished() {
                        break;
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
        (writer.join().unwrap(), seen.len(), last)
    });
    let (end, seen, last) = written;
    (
        seen as f64 / last,
        leaves.len() - seen,
        (last - end).max(0.0),
    )
}

/// A program that watches everything and reads what an event names, until it has seen so many nodes.
const WATCHER: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xenstore.h>
int main(int argc, char **argv)
{
    struct xs_handle *h = xs_open(0);
    unsigned n, len, want = atoi(argv[1]), seen = 0;
    struct timespec start, end;
    if (!h || !xs_watch(h, "/bench", "t")) return 1;
    free(xs_read_watch(h, &n));
    puts("ready"); fflush(stdout);
    while (seen < want) {
        char **event = xs_read_watch(h, &n);
        if (!event) return 1;
        if (!seen) clock_gettime(CLOCK_MONOTONIC, &start);
        free(xs_read(h, 0, event[XS_WATCH_PATH], &len));
        free(event);
        seen++;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%f\n", seen / (end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9));
    return 0;
}
"#;

fn compile() -> Option<(TempDir, std::path::PathBuf)> {
    let directory = TempDir::new().unwrap();
    let source = directory.path().join("watcher.c");
    fs::write(&source, WATCHER).unwrap();
    let program = directory.path().join("watcher");
    let done = Command::new("cc")
        .args(["-O2", "-o"])
        .arg(&program)
        .arg(&source)
        .arg("-lxenstore")
        .status();
    if done.is_ok_and(|status| status.success()) {
        return Some((directory, program));
    }
    println!("  skipped: the watcher in C cannot be compiled (cc, libxenstore)");
    None
}

fn bare(
    program: &Path,
    store: &Store,
    client: &Client,
    leaves: &[StorePath],
    value: &str,
) -> Option<f64> {
    let mut child = Command::new(program)
        .arg(leaves.len().to_string())
        .env("XENSTORED_PATH", store.socket())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.next();
    assert!(ready.is_some());
    for window in leaves.chunks(100) {
        let writes: Vec<_> = window
            .iter()
            .map(|path| client.submit_write(path, value.as_bytes()))
            .collect();
        for write in writes {
            write.wait().unwrap();
        }
    }
    let rate = lines.next();
    drop(child.wait());
    rate?.ok()?.parse().ok()
}
