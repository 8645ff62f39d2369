//! Losing the store, and finding it again.

use std::os::unix::net::UnixListener;
use std::sync::{Arc, Barrier, mpsc};
use std::time::{Duration, Instant};

use xenbus::address::Address;
use xenbus::client::{Client, Operations as _};
use xenbus::error::{Error, ErrorKind};
use xenbus_harness::for_each_daemon;

use crate::peer::{PATIENCE, client_of, client_with, eventually, options, path};

#[test]
fn a_late_reply_is_dropped_and_the_connection_stays() {
    let (made, connections) = mpsc::channel();
    let client = client_with(Duration::from_millis(50), move |number, mut peer| {
        made.send(number).unwrap();
        let late = peer.next().unwrap();
        let next = peer.next().unwrap();
        peer.reply(&late, b"late");
        peer.reply(&next, b"next");
        peer.until_gone();
    });
    let error = client.read(&path("/late")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(client.read(&path("/next")).unwrap(), b"next");
    assert_eq!(connections.try_iter().count(), 1);
}

#[test]
fn requests_under_way_fail_when_the_store_dies_and_the_next_use_connects_again() {
    let client = client_with(PATIENCE, |number, mut peer| {
        if number == 0 {
            drop((peer.next(), peer.next()));
        } else {
            peer.echo();
        }
    });
    let (one, two) = (
        client.submit_read(&path("/one")),
        client.submit_read(&path("/two")),
    );
    for (pending, name) in [(one, "/one"), (two, "/two")] {
        let error = pending.wait().unwrap_err();
        assert!(matches!(error, Error::Disconnected { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("read {name}")) && text.contains("test:scripted"),
            "{text}"
        );
    }
    assert_eq!(client.read(&path("/again")).unwrap(), b"/again");
}

#[test]
fn a_store_that_dies_in_the_middle_of_a_reply_is_lost_not_misread() {
    let client = client_with(PATIENCE, |number, mut peer| {
        if number > 0 {
            return peer.echo();
        }
        let request = peer.next().unwrap();
        let whole = crate::peer::message(request.header.op, request.header.req_id, b"half a reply");
        peer.send(&whole[..20]);
    });
    let error = client.read(&path("/a")).unwrap_err();
    assert!(
        error.to_string().contains("in the middle of a message"),
        "{error}"
    );
    assert_eq!(client.read(&path("/a")).unwrap(), b"/a");
}

#[test]
fn a_daemon_that_was_restarted_meanwhile_is_not_noticed_by_the_next_request() {
    for_each_daemon(|daemon| {
        let client = client_of(daemon);
        client.write(&path("/a"), b"1").unwrap();
        daemon.restart();
        client.write(&path("/a"), b"2").unwrap();
        daemon.restart();
        client.begin().unwrap().abort().unwrap();
        daemon.kill();
        let error = client.read(&path("/a")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        let text = error.to_string();
        assert!(text.contains("xenstored running?"), "{text}");
        daemon.restart();
        eventually("an answer", || client.write(&path("/a"), b"3").is_ok());
    });
}

#[test]
fn a_paused_daemon_runs_into_the_deadline_and_serves_again_afterwards() {
    for_each_daemon(|daemon| {
        let address = Address::Unix(daemon.socket().to_owned());
        let client = Client::connect(&address, options(Duration::from_millis(100))).unwrap();
        client.write(&path("/a"), b"1").unwrap();
        daemon.pause();
        let error = client.read(&path("/a")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        daemon.resume();
        eventually("an answer", || client.read(&path("/a")).is_ok());
    });
}

#[test]
fn a_store_that_never_accepts_runs_into_the_deadline_of_connect() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("socket");
    let listener = UnixListener::bind(&file).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = Address::Unix(file);
    // Fills the backlog; the store would find these when it accepts again.
    let first = Client::connect(&address, options(PATIENCE)).unwrap();
    let start = Instant::now();
    let refused = loop {
        match Client::connect(&address, options(Duration::from_millis(50))) {
            Ok(_) => assert!(start.elapsed() < PATIENCE),
            Err(error) => break error,
        }
    };
    let text = refused.to_string();
    assert!(
        text.contains("does not accept connections in time"),
        "{text}"
    );
    // One that accepts in time is found.
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            barrier.wait();
            for stream in listener.incoming() {
                if Arc::new(stream.unwrap()).peer_addr().is_ok() && start.elapsed() > PATIENCE {
                    return;
                }
                if listener.local_addr().is_err() {
                    return;
                }
                if STOP.load(std::sync::atomic::Ordering::Acquire) {
                    return;
                }
            }
        });
        barrier.wait();
        let found = Client::connect(&address, options(PATIENCE));
        STOP.store(true, std::sync::atomic::Ordering::Release);
        // Lets the accepting thread see that.
        drop(Client::connect(&address, options(PATIENCE)));
        found.unwrap();
    });
    drop(first);
}

static STOP: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

#[test]
fn a_missing_socket_says_what_to_do() {
    let address = Address::parse("unix:/nonexistent/socket").unwrap();
    let error = Client::connect(&address, options(PATIENCE)).unwrap_err();
    let text = error.to_string();
    for part in [
        "unix:/nonexistent/socket",
        "no such file",
        "is xenstored running?",
        "--demo",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn an_answer_that_has_arrived_counts_however_late_its_caller_comes() {
    let timeout = Duration::from_millis(20);
    let (answered, all) = mpsc::channel();
    let client = client_with(timeout, move |_, mut peer| {
        for _ in 0..3000 {
            let Some(request) = peer.next() else { return };
            peer.reply(&request, &[7; 100]);
        }
        answered.send(()).unwrap();
        peer.until_gone();
    });
    let pending: Vec<_> = (0..200).map(|_| client.submit_read(&path("/a"))).collect();
    pending[199].flush();
    let start = Instant::now();
    eventually("more than the deadline", || start.elapsed() > 2 * timeout);
    for pending in pending {
        assert_eq!(pending.wait().unwrap(), [7; 100]);
    }
    drop(all);
}

#[test]
fn a_store_that_reads_nothing_costs_many_callers_one_deadline() {
    let timeout = Duration::from_millis(300);
    let (done, finished) = mpsc::channel::<()>();
    let finished = std::sync::Mutex::new(finished);
    let client = client_with(timeout, move |_, peer| {
        // Keeps the connection and takes nothing from it.
        finished.lock().unwrap().recv().unwrap_err();
        drop(peer);
    });
    let start = Instant::now();
    let value = [7; 4000];
    let pending: Vec<_> = (0..400)
        .map(|_| client.submit_write(&path("/v"), &value))
        .collect();
    for pending in pending {
        assert_eq!(pending.wait().unwrap_err().kind(), ErrorKind::TimedOut);
    }
    // Several hundred deadlines one after the other would be minutes.
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    drop(done);
}
