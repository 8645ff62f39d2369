//! The client on a kernel's device, faked so that it corrupts replies where a real one does.

mod kernel;

use std::time::Duration;

use kernel::{Events, Kernel};
use xenbus::client::{Client, ClientOptions, Operations as _};
use xenbus::error::{Error, ErrorKind};
use xenbus::transport::InFlight;
use xenbus::transport::device::Quirks;
use xenbus::watch::{WatchEvent, WatchOptions};
use xenbus::wire::{Errno, Op};

use crate::peer::{PATIENCE, eventually, options, path, soon, strings_in};

fn client_of(kernel: &Kernel) -> Client {
    Client::with_connector(kernel.connector(), options(PATIENCE)).unwrap()
}

fn next(watch: &xenbus::Watch) -> WatchEvent {
    watch.next_until(soon()).unwrap().expect("an event in time")
}

#[test]
fn one_request_is_in_flight_on_each_open_file_and_there_are_at_most_eight() {
    let kernel = Kernel::new(Quirks::Linux);
    let client = client_of(&kernel);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let client = client.clone();
            scope.spawn(move || {
                for n in 0..20 {
                    let node = path(&format!("/{thread}/{n}"));
                    client.write(&node, node.as_bytes()).unwrap();
                }
                let reads: Vec<_> = (0..20)
                    .map(|n| client.submit_read(&path(&format!("/{thread}/{n}"))))
                    .collect();
                for (n, read) in reads.into_iter().enumerate() {
                    let value = read.wait().unwrap();
                    assert_eq!(value, format!("/{thread}/{n}").as_bytes());
                }
            });
        }
    });
    assert_eq!(kernel.violations(), [""; 0]);
    assert!(
        (2..=8).contains(&kernel.opened()),
        "{} opens",
        kernel.opened()
    );
}

#[test]
fn a_lone_caller_opens_the_device_once() {
    let kernel = Kernel::new(Quirks::Linux);
    let client = client_of(&kernel);
    for _ in 0..10 {
        client.write(&path("/a"), b"1").unwrap();
    }
    assert_eq!(kernel.opened(), 1);
    let mut narrow = options(PATIENCE);
    narrow.device_opens = 2;
    let kernel = Kernel::new(Quirks::Linux);
    let client = Client::with_connector(kernel.connector(), narrow).unwrap();
    let writes: Vec<_> = (0..20)
        .map(|n| client.submit_write(&path(&format!("/{n}")), b"1"))
        .collect();
    for write in writes {
        write.wait().unwrap();
    }
    assert_eq!((kernel.opened(), kernel.violations().len()), (2, 0));
}

#[test]
fn the_fake_catches_a_client_that_breaks_the_rule() {
    let mut kernel = Kernel::new(Quirks::Linux);
    kernel.traits.in_flight = InFlight::Many;
    let client = Client::with_connector(kernel.connector(), options(Duration::from_millis(50)));
    let client = client.unwrap();
    let (first, second) = (
        client.submit_read(&path("/a")),
        client.submit_read(&path("/b")),
    );
    drop((first.wait(), second.wait()));
    assert_ne!(kernel.violations(), [""; 0]);
}

#[test]
fn events_before_and_after_replies_reach_the_watch_and_the_replies_their_callers() {
    for (events, old) in [
        (Events::Before, false),
        (Events::After, false),
        (Events::Before, true),
        (Events::After, true),
    ] {
        let kernel = Kernel::new(Quirks::Linux);
        kernel.place_events(events);
        if old {
            kernel.be_old();
        }
        let client = client_of(&kernel);
        let (one, two) = (path("/w"), path("/w/x"));
        let watch = client.watch(&one).unwrap();
        let below = client.watch(&two).unwrap();
        assert_eq!(
            (next(&watch), next(&below)),
            (WatchEvent::Initial, WatchEvent::Initial)
        );
        client.write(&two, b"1").unwrap();
        kernel.change("/w/y", b"2");
        assert_eq!(next(&watch), WatchEvent::Changed(path("/w/x")));
        assert_eq!(next(&watch), WatchEvent::Changed(path("/w/y")));
        assert_eq!(next(&below), WatchEvent::Changed(path("/w/x")));
        drop(below);
        eventually("an UNWATCH", || !kernel.seen(Op::UNWATCH).is_empty());
        client.write(&two, b"2").unwrap();
        assert_eq!(next(&watch), WatchEvent::Changed(path("/w/x")));
        assert_eq!(kernel.violations(), [""; 0]);
        let watching = kernel.seen(Op::WATCH)[0].0;
        assert!(
            kernel
                .seen(Op::WRITE)
                .iter()
                .all(|(open, _)| *open != watching),
            "watches have their own open file"
        );
    }
}

#[test]
fn a_depth_never_reaches_the_kernel_which_would_lose_it() {
    let kernel = Kernel::new(Quirks::Linux);
    let client = client_of(&kernel);
    let mut shallow = WatchOptions::default();
    shallow.depth = Some(1);
    let watch = client.watch_with(&path("/w"), shallow).unwrap();
    assert_eq!(next(&watch), WatchEvent::Initial);
    kernel.change("/w/a/b", b"");
    kernel.change("/w/a", b"");
    assert_eq!(next(&watch), WatchEvent::Changed(path("/w/a")));
    let (_, payload) = &kernel.seen(Op::WATCH)[0];
    assert_eq!(strings_in(payload), 2);
}

#[test]
fn a_transaction_has_an_open_file_of_its_own_and_gives_it_back() {
    let kernel = Kernel::new(Quirks::Linux);
    let client = client_of(&kernel);
    let transactions: Vec<_> = (0..3).map(|_| client.begin().unwrap()).collect();
    client.write(&path("/a"), b"1").unwrap();
    for transaction in &transactions {
        transaction.write(&path("/b"), b"1").unwrap();
    }
    let opens: std::collections::HashSet<usize> = kernel
        .seen(Op::WRITE)
        .into_iter()
        .map(|(open, _)| open)
        .collect();
    assert_eq!(opens.len(), 4);
    assert_eq!(kernel.transactions(), 3);
    let [one, two, three] = <[_; 3]>::try_from(transactions).unwrap();
    one.commit().unwrap();
    two.abort().unwrap();
    drop(three);
    assert_eq!(kernel.transactions(), 0);
    let before = kernel.opened();
    client.begin().unwrap().commit().unwrap();
    assert_eq!(kernel.opened(), before, "open files are used again");
    assert_eq!(kernel.violations(), [""; 0]);
}

#[test]
fn reset_watches_and_watches_by_hand_are_refused() {
    let kernel = Kernel::new(Quirks::Linux);
    let client = client_of(&kernel);
    for error in [
        client.reset_watches().unwrap_err(),
        client.raw(Op::RESET_WATCHES, b"\0").unwrap_err(),
        client.raw(Op::WATCH, b"/a\0t\0").unwrap_err(),
    ] {
        assert!(matches!(error, Error::Refused { .. }), "{error}");
    }
    assert_eq!(kernel.violations(), [""; 0]);
}

#[test]
fn a_payload_over_4080_bytes_is_refused_before_it_is_sent() {
    let kernel = Kernel::new(Quirks::Linux);
    let client = client_of(&kernel);
    client.write(&path("/v"), &[7; 4077]).unwrap();
    let error = client.write(&path("/v"), &[7; 4078]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooLong {
                length: 4081,
                max: 4080,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn what_write_says_is_the_answer_to_the_request() {
    let kernel = Kernel::new(Quirks::Linux);
    let client = client_of(&kernel);
    for (name, errno) in [("/refused", Errno::EINVAL), ("/quota", Errno::ENOSPC)] {
        let error = client.watch(&path(name)).unwrap_err();
        assert_eq!(error.errno(), Some(&errno), "{error}");
    }
    let watch = client.watch(&path("/w")).unwrap();
    assert_eq!(next(&watch), WatchEvent::Initial);
}

#[test]
fn an_open_file_that_does_not_answer_in_time_is_discarded() {
    let kernel = Kernel::new(Quirks::Linux);
    kernel.silence_open(0);
    let client = Client::with_connector(kernel.connector(), options(Duration::from_millis(30)));
    let client = client.unwrap();
    let error = client.read(&path("/a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    client.write(&path("/a"), b"1").unwrap();
    assert_eq!(client.read(&path("/a")).unwrap(), b"1");
    assert_eq!(kernel.violations(), [""; 0]);
}

#[test]
fn freebsd_pads_its_ok_and_lets_few_operations_through() {
    let kernel = Kernel::new(Quirks::FreeBsd);
    let client = client_of(&kernel);
    let watch = client.watch(&path("/w")).unwrap();
    assert_eq!(next(&watch), WatchEvent::Initial);
    drop(watch);
    let error = client.control(&["help"]).unwrap_err();
    assert!(
        matches!(error, Error::Unsupported { op: Op::CONTROL }),
        "{error}"
    );
    assert!(!client.has_features().unwrap());
    assert_eq!(kernel.seen(Op::CONTROL).len(), 0);
}

#[test]
fn without_watches_the_client_looks_itself() {
    let kernel = Kernel::new(Quirks::NetBsd);
    let client = client_of(&kernel);
    let mut often = WatchOptions::default();
    often.interval = Duration::from_millis(1);
    kernel.change("/w", b"1");
    let watch = client.watch_with(&path("/w"), often).unwrap();
    assert_eq!(next(&watch), WatchEvent::Initial);
    kernel.change("/w/a", b"1");
    assert_eq!(next(&watch), WatchEvent::Changed(path("/w/a")));
    kernel.change("/w/a", b"2");
    assert_eq!(next(&watch), WatchEvent::Changed(path("/w/a")));
    kernel.remove("/w/a");
    assert_eq!(next(&watch), WatchEvent::Changed(path("/w/a")));
    assert_eq!(kernel.seen(Op::WATCH).len(), 0);
    assert_eq!(kernel.violations(), [""; 0]);
}

#[test]
fn dropping_the_client_closes_every_open_file() {
    let kernel = Kernel::new(Quirks::Linux);
    let mut wide = ClientOptions::default();
    wide.timeout = PATIENCE;
    let client = Client::with_connector(kernel.connector(), wide).unwrap();
    let watch = client.watch(&path("/w")).unwrap();
    assert_eq!(next(&watch), WatchEvent::Initial);
    drop(client);
    let error = watch.next_until(soon()).unwrap_err();
    assert!(error.to_string().contains("the client is gone"), "{error}");
    eventually("all files closed", || kernel.open_files() == 0);
}
