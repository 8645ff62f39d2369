//! A store that ends, comes back, or hangs.

use std::process::Command;
use std::time::{Duration, Instant};

use xenbus::{ErrorKind, Operations, WatchEvent};
use xenbus_harness::requires_tool;

use crate::support::{Store, for_each_daemon, for_each_store, path, soon};

/// A deadline that is meant to pass.
const BRIEF: Duration = Duration::from_millis(300);

#[test]
fn after_a_restart_requests_work_again_and_watches_are_set_anew() {
    for_each_store(|store| {
        let client = store.client();
        client.write(&path("/w/before"), b"v").unwrap();
        let watch = client.watch(&path("/w")).unwrap();
        assert_eq!(watch.next_until(soon()).unwrap(), Some(WatchEvent::Initial));
        store.restart();
        loop {
            match watch.next_until(soon()).unwrap() {
                Some(WatchEvent::Reset) => break,
                Some(WatchEvent::Lost) => {}
                other => panic!("{other:?} instead of a reset"),
            }
        }
        until_connected(|| client.write(&path("/w/after"), b"v"));
        loop {
            match watch.next_until(soon()).unwrap() {
                Some(WatchEvent::Changed(at)) if at == path("/w/after") => break,
                Some(WatchEvent::Changed(_) | WatchEvent::Initial) => {}
                other => panic!("{other:?} instead of the change"),
            }
        }
        assert!(!client.exists(&path("/w/before")).unwrap(), "a fresh store");
    });
}

#[test]
fn a_transaction_is_lost_with_its_store_and_never_half_done() {
    for_each_store(|store| {
        let client = store.client();
        let transaction = client.begin().unwrap();
        transaction.write(&path("/t/a"), b"v").unwrap();
        store.restart();
        let error = transaction.write(&path("/t/b"), b"v").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        let error = transaction.commit().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        until_connected(|| client.exists(&path("/")));
        assert!(!client.exists(&path("/t")).unwrap());
        let again = client.transaction(|transaction| transaction.write(&path("/t/c"), b"v"));
        again.unwrap();
        assert_eq!(client.read(&path("/t/c")).unwrap(), b"v");
    });
}

#[test]
fn a_store_that_hangs_costs_the_deadline_and_its_late_answer_confuses_nothing() {
    for_each_daemon(|store| {
        let client = store.client_with(BRIEF);
        client.write(&path("/a"), b"a").unwrap();
        client.write(&path("/b"), b"b").unwrap();
        let Store::Real(daemon) = store else {
            unreachable!("a daemon")
        };
        daemon.pause();
        let started = Instant::now();
        let error = client.read(&path("/a")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        let error = client.begin().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        assert!(started.elapsed() >= BRIEF);
        daemon.resume();
        for _ in 0..20 {
            let read = |node: &str| until_connected(|| client.read(&path(node)));
            assert_eq!(read("/b"), b"b");
            assert_eq!(read("/a"), b"a");
        }
    });
}

#[test]
fn connecting_to_a_store_that_never_accepts_ends_at_the_deadline() {
    for_each_daemon(|store| {
        let Store::Real(daemon) = store else {
            unreachable!("a daemon")
        };
        daemon.pause();
        // The kernel accepts two for a backlog of one, and then nobody.
        let mut waiting = Vec::new();
        let refused = loop {
            let connected = store.connector().connect(Some(Instant::now() + BRIEF));
            match connected {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
            assert!(waiting.len() < 20, "the backlog has no end");
        };
        assert_eq!(refused.kind(), ErrorKind::Disconnected, "{refused}");
        daemon.resume();
        assert!(store.client().exists(&path("/tool")).unwrap());
    });
}

#[test]
fn a_store_that_is_gone_is_an_error_that_names_it() {
    for_each_daemon(|store| {
        let client = store.client_with(BRIEF);
        let Store::Real(daemon) = store else {
            unreachable!("a daemon")
        };
        daemon.kill();
        let error = client.read(&path("/tool")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        let error = client.read(&path("/tool")).unwrap_err();
        let socket = store.socket().to_str().unwrap();
        assert!(error.to_string().contains(socket), "{error}");
    });
}

/// Tries until the client has found the new store.
fn until_connected<T>(mut attempt: impl FnMut() -> xenbus::Result<T>) -> T {
    let deadline = soon();
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(error)
                if matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::TimedOut)
                    && Instant::now() < deadline => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_live_update_of_the_daemon_goes_unnoticed() {
    let Some(control) = requires_tool("xenstore-control") else {
        return;
    };
    for_each_daemon(|store| {
        let guest = store.introduce(1);
        let (client, domain) = (store.client(), guest.client());
        client.write(&path("/w/before"), b"v").unwrap();
        let watch = client.watch(&path("/w")).unwrap();
        assert_eq!(watch.next_until(soon()).unwrap(), Some(WatchEvent::Initial));
        domain.write(&path("mine"), b"v").unwrap();
        let Store::Real(daemon) = store else {
            unreachable!("a daemon")
        };
        let program = requires_tool(daemon.kind().program()).unwrap();
        let updated = Command::new(&control)
            .arg("live-update")
            .arg(program)
            .env("XENSTORED_PATH", store.socket())
            .output()
            .unwrap();
        assert!(updated.status.success(), "{updated:?}");
        assert_eq!(client.read(&path("/w/before")).unwrap(), b"v");
        client.write(&path("/w/after"), b"v").unwrap();
        let told = watch.next_until(soon()).unwrap();
        assert_eq!(told, Some(WatchEvent::Changed(path("/w/after"))));
        assert_eq!(domain.read(&path("mine")).unwrap(), b"v");
        domain.write(&path("mine"), b"w").unwrap();
        client
            .transaction(|transaction| transaction.write(&path("/t"), b"v"))
            .unwrap();
    });
}
