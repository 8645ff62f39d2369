//! `xsh serve` as a daemon.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use xenbus::address::Address;
use xenbus::{Client, ClientOptions, Operations as _, StorePath};

use crate::process::{Serve, xsh};

fn client(serve: &Serve) -> Client {
    let address = Address::Unix(serve.socket().to_owned());
    Client::connect(&address, ClientOptions::default()).unwrap()
}

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

#[test]
fn it_serves_a_store_to_its_owner_alone_until_a_signal() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let serve = Serve::start(&[]);
        let mode = serve.socket().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let client = client(&serve);
        client.write(&path("/a/b"), b"v").unwrap();
        assert_eq!(client.read(&path("/a/b")).unwrap(), b"v");
        let (status, said) = serve.end(signal);
        assert_eq!((status.code(), said.as_str()), (Some(0), ""));
    }
}

#[test]
fn personalities_differ() {
    let root = |options: &[&str]| {
        let serve = Serve::start(options);
        client(&serve).directory(&path("/")).unwrap()
    };
    assert_eq!(root(&[]), ["tool"]);
    assert_eq!(root(&["--personality", "c4.22"]), ["tool"]);
    assert!(root(&["--personality", "oxenstored"]).contains(&"local".to_owned()));
}

#[test]
fn a_demo_host_fills_the_store() {
    for personality in ["c", "c4.22", "oxenstored"] {
        let serve = Serve::start(&["--demo=quiet", "--personality", personality]);
        let domains = client(&serve).directory(&path("/local/domain")).unwrap();
        assert!(domains.contains(&"0".to_owned()), "{domains:?}");
        assert!(domains.len() > 1, "{domains:?}");
    }
}

#[test]
fn a_stepped_host_moves_with_the_signal_and_its_files_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let scenario = directory.path().join("scenario.yaml");
    let sysroot = directory.path().join("root");
    let yaml = "time: stepped\nstep: 10\ndomains: [{name: a, disks: [{vdev: xvda, target: /x}]}]\n\
                traffic: [{reads: 100}]\ntimeline: [{at: 10, do: write, path: /done, value: '1'}]\n";
    std::fs::write(&scenario, yaml).unwrap();
    let (demo, root) = (
        format!("--demo={}", scenario.display()),
        format!("--sysroot={}", sysroot.display()),
    );
    let serve = Serve::start(&[&demo, &root]);
    let reads = sysroot.join("sys/bus/xen-backend/devices/vbd-1-51712/statistics/rd_req");
    assert_eq!(std::fs::read(&reads).unwrap(), b"0\n");
    let client = client(&serve);
    let watch = client.watch(&path("/done")).unwrap();
    serve.signal(Signal::USR1);
    let deadline = Instant::now() + Duration::from_secs(10);
    while client.read(&path("/done")).is_err() {
        assert!(
            watch.next_until(deadline).unwrap().is_some(),
            "nothing happened"
        );
    }
    // The files follow what happened in the store.
    while std::fs::read(&reads).unwrap() != b"1000\n" {
        assert!(Instant::now() < deadline, "no file moved");
        std::thread::yield_now();
    }
}

#[test]
fn a_stale_socket_is_replaced_and_a_served_one_is_not() {
    let serve = Serve::start(&[]);
    let socket = serve.socket().to_owned();
    let output = xsh()
        .args(["serve", "--socket"])
        .arg(&socket)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(
        said.contains("another process serves this socket"),
        "{said}"
    );
    client(&serve).read(&path("/tool")).unwrap();

    let directory = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(directory.path().join("s")).unwrap());
    let stale = Serve::start_in(xsh(), &[], directory);
    client(&stale).read(&path("/tool")).unwrap();
    drop(stale);

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    let output = xsh()
        .args(["serve", "--socket"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
}

#[test]
fn an_oversized_message_ends_the_connection_with_a_line() {
    use std::io::{Read as _, Write as _};
    let mut serve = Serve::start(&[]);
    let mut stream = std::os::unix::net::UnixStream::connect(serve.socket()).unwrap();
    let header = [2u32, 1, 0, u32::MAX].map(u32::to_ne_bytes).concat();
    stream.write_all(&header).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    let line = serve.line();
    assert!(line.contains("announced 4294967295 bytes"), "{line}");
    client(&serve).read(&path("/tool")).unwrap();
}
