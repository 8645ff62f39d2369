//! `xenstore-watch` while others change the store.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{Pair, Seen, Side, for_each_pair};

fn watch(pair: &Pair, side: Side, arguments: &[&str], changes: &[&[&str]]) -> Vec<String> {
    let mut command = pair.tool(side, "xenstore-watch");
    let mut child = command
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // An event that never comes must not be waited for: its end ends the lines.
    let process = Pid::from_child(&child);
    let (done, ended) = mpsc::channel::<()>();
    let deadline = thread::spawn(move || {
        if ended.recv_timeout(Duration::from_mins(1)) == Err(RecvTimeoutError::Timeout) {
            kill_process(process, Signal::KILL).ok();
        }
    });
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let watched = arguments
        .iter()
        .filter(|a| a.starts_with(['/', '@']))
        .count();
    let mut seen: Vec<_> = lines.by_ref().take(watched).map(Result::unwrap).collect();
    for change in changes {
        let mut tool = pair.tool(side, change[0]);
        assert_eq!(
            Seen::of(tool.args(&change[1..])).code,
            Some(0),
            "{change:?}"
        );
    }
    seen.extend(lines.map(Result::unwrap));
    assert!(child.wait().unwrap().success(), "{seen:?}");
    drop(done);
    deadline.join().unwrap();
    seen
}

#[test]
fn events_are_printed_as_the_original_prints_them_and_counted() {
    for_each_pair(|pair| {
        let changes: &[&[&str]] = &[
            &["xenstore-write", "/w/a", "1"],
            &["xenstore-write", "/w/a", "1"],
            &["xenstore-chmod", "/w/a", "n0", "r1"],
            &["xenstore-write", "/elsewhere", "1"],
            &["xenstore-rm", "/w/a"],
            &["xenstore-write", "/w/b/c", "2"],
            &["xenstore-rm", "/w"],
        ];
        let run = |side| watch(pair, side, &["-n", "7", "/w"], changes);
        let ours = run(Side::Ours);
        assert_eq!(ours, run(Side::Theirs), "{}", pair.kind);
        assert_eq!(ours.len(), 7);
        let changes: &[&[&str]] = &[
            &["xenstore-write", "/v/a", "1"],
            &["xenstore-write", "/u", "1"],
        ];
        let run = |side| watch(pair, side, &["-n", "4", "/v", "/u"], changes);
        assert_eq!(run(Side::Ours), run(Side::Theirs), "{}", pair.kind);
    });
}
