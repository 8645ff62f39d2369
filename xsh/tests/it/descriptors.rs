//! At the limit of descriptors.

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use xenbus::address::Address;
use xenbus::{Client, ClientOptions, Operations as _, StorePath};

use crate::process::Serve;

/// Processor time that a process has used, in clock ticks.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn clients_beyond_the_limit_are_refused_and_the_others_do_not_notice() {
    let mut limited = Command::new("sh");
    limited.args([
        "-c",
        "ulimit -n 32 && exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_xsh"),
    ]);
    let mut serve = Serve::start_by(limited, &[]);
    let address = Address::Unix(serve.socket().to_owned());
    let early = Client::connect(&address, ClientOptions::default()).unwrap();
    let tool = StorePath::parse("/tool").unwrap();
    early.read(&tool).unwrap();
    let crowd: Vec<_> = (0..64)
        .map(|_| UnixStream::connect(serve.socket()).unwrap())
        .collect();
    let line = serve.line();
    assert!(line.contains("no descriptor is left"), "{line}");
    // The last of them was refused at once instead of waiting for ever.
    let mut last = &crowd[63];
    last.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    assert_eq!(last.read(&mut [0]).unwrap(), 0);
    early.read(&tool).unwrap();
    let (before, start) = (ticks(serve.pid()), Instant::now());
    while start.elapsed() < Duration::from_millis(300) {
        early.read(&tool).unwrap();
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let used = ticks(serve.pid()) - before;
    assert!(used < 15, "it spins: {used} ticks in 0.3 s");
    // Ten thousand more: each is refused at once, and costs little.
    let before = ticks(serve.pid());
    for _ in 0..10_000 {
        let mut refused = UnixStream::connect(serve.socket()).unwrap();
        refused
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        assert_eq!(refused.read(&mut [0]).unwrap_or(0), 0);
    }
    let used = ticks(serve.pid()) - before;
    assert!(used < 300, "{used} ticks for 10,000 refusals");
    early.read(&tool).unwrap();
    drop(crowd);
    let deadline = Instant::now() + Duration::from_secs(20);
    while Client::connect(&address, ClientOptions::default())
        .and_then(|late| late.read(&tool))
        .is_err()
    {
        assert!(Instant::now() < deadline, "no client is taken any more");
    }
    drop(early);
    let (_, said) = serve.end(rustix::process::Signal::TERM);
    assert!(said.lines().count() < 5, "a line for each: {said}");
}
