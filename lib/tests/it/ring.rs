//! The shared ring against the real daemons.

use std::time::{Duration, Instant};

use xenbus::id::{ReqId, TxId};
use xenbus::transport::ring::{Features, Ring};
use xenbus::transport::{Ready, Transport};
use xenbus::wire::{HEADER_SIZE, Header, Op};
use xenbus::{Client, ErrorKind, Operations, Watch, WatchEvent};
use xenbus_harness::Daemon;

use crate::support::{Store, StoreKind, for_each_daemon, path, ring_of, ring_parts, soon};

fn daemon(store: &Store) -> &Daemon {
    match store {
        Store::Real(daemon) => daemon,
        Store::Embedded(_) => unreachable!("only daemons"),
    }
}

fn open(guest: &xenbus_harness::Guest) -> Ring {
    let (page, bell) = ring_parts(guest);
    Ring::open(page, bell, Some(soon())).unwrap()
}

fn request(ring: &Ring, op: Op, payload: &[u8]) -> (Op, Vec<u8>) {
    let header = Header {
        op,
        req_id: ReqId(1),
        tx_id: TxId::NONE,
        len: u32::try_from(payload.len()).unwrap(),
    };
    let message = [&header.to_bytes()[..], payload].concat();
    let mut rest = &message[..];
    while !rest.is_empty() {
        let wanted = Ready {
            read: false,
            write: true,
        };
        ring.wait(wanted, Some(soon())).unwrap();
        rest = &rest[ring.try_write(rest).unwrap()..];
    }
    let head: [u8; HEADER_SIZE] = read(ring, HEADER_SIZE).try_into().unwrap();
    let header = Header::from_bytes(&head);
    (header.op, read(ring, header.len as usize))
}

fn read(ring: &Ring, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let mut done = 0;
    while done < count {
        done += ring.read(&mut bytes[done..], Some(soon())).unwrap();
    }
    bytes
}

#[test]
fn a_domain_speaks_over_its_ring_for_many_times_the_length_of_the_ring() {
    for_each_daemon(|store| {
        let ring = open(&daemon(store).introduce(1));
        let features = ring.features();
        assert_eq!(
            features.has(Features::RECONNECTION),
            store.kind() == StoreKind::OCaml
        );
        for number in 0..200u8 {
            let payload = [&b"data\0"[..], &[number; 1000]].concat();
            assert_eq!(request(&ring, Op::WRITE, &payload).1, b"OK\0");
            let (op, value) = request(&ring, Op::READ, b"data\0");
            assert_eq!((op, value), (Op::READ, vec![number; 1000]));
        }
    });
}

#[test]
fn the_store_forgets_what_an_earlier_user_of_the_ring_left() {
    for_each_daemon(|store| {
        let guest = daemon(store).introduce(1);
        let ring = open(&guest);
        assert_eq!(request(&ring, Op::WATCH, b"w\0old\0").1, b"OK\0");
        read(&ring, HEADER_SIZE + b"w\0old\0".len());
        drop(ring);
        // Started anew on oxenstored, cleared on C.
        let stream = ring_of(&guest);
        let mut raw = crate::support::Raw::new(stream);
        assert_eq!(raw.ask(Op::WRITE, "w\0v"), "OK|");
        assert_eq!(raw.events(), [""; 0]);
        assert_eq!(raw.ask(Op::UNWATCH, "w\0old\0"), "!ENOENT");
    });
}

#[test]
fn a_domain_that_is_introduced_again_has_its_watches_still_or_again() {
    for_each_daemon(|store| {
        let guest = store.introduce(1);
        let (client, watch) = watching(&guest);
        guest.real().unwrap().introduce().unwrap();
        if store.kind() == StoreKind::C {
            // The ring was emptied and the watch forgotten; a request notices.
            until_connected(&client);
            until_reset(&watch);
        }
        client.write(&path("w/after"), b"v").unwrap();
        until_changed(&watch, "w/after");
    });
}

#[test]
fn after_a_restart_of_the_daemon_a_domain_that_is_introduced_works_again() {
    for_each_daemon(|store| {
        let guest = store.introduce(1);
        let (client, watch) = watching(&guest);
        daemon(store).restart();
        daemon(store).introduce_again(guest.real().unwrap());
        until_connected(&client);
        assert_eq!(client.read(&path("w/x")).unwrap(), b"v");
        if store.kind() == StoreKind::C {
            until_reset(&watch);
            client.write(&path("w/after"), b"v").unwrap();
            until_changed(&watch, "w/after");
        }
        // oxenstored leaves the ring as it is: nothing shows a domain that its watches are gone.
    });
}

fn watching(guest: &crate::support::Guest) -> (Client, Watch) {
    let client = guest.client();
    client.write(&path("w"), b"v").unwrap();
    let watch = client.watch(&path("w")).unwrap();
    assert_eq!(watch.next_until(soon()).unwrap(), Some(WatchEvent::Initial));
    (client, watch)
}

fn until_connected(client: &Client) {
    let deadline = soon();
    while let Err(error) = client.write(&path("w/x"), b"v") {
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        assert!(Instant::now() < deadline, "{error}");
    }
}

fn until_reset(watch: &Watch) {
    loop {
        match watch.next_until(soon()).unwrap() {
            Some(WatchEvent::Reset) => return,
            Some(WatchEvent::Lost) => {}
            other => panic!("{other:?} instead of a reset"),
        }
    }
}

fn until_changed(watch: &Watch, node: &str) {
    loop {
        match watch.next_until(soon()).unwrap() {
            Some(WatchEvent::Changed(at)) if at == path(node) => return,
            Some(WatchEvent::Changed(_) | WatchEvent::Initial) => {}
            other => panic!("{other:?} instead of the change"),
        }
    }
}

#[test]
fn a_request_that_is_too_long_ends_the_ring_with_the_stores_reason() {
    for_each_daemon(|store| {
        let ring = open(&daemon(store).introduce(1));
        let header = Header {
            op: Op::READ,
            req_id: ReqId(1),
            tx_id: TxId::NONE,
            len: 5000,
        };
        ring.try_write(&header.to_bytes()).unwrap();
        if store.kind() == StoreKind::OCaml {
            // It waits for the rest.
            let brief = Some(Instant::now() + Duration::from_millis(50));
            let error = ring.read(&mut [0; 8], brief).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        } else {
            // It does not ring: the reason is found at the deadline.
            let limit = soon();
            let error = loop {
                let brief = Some(Instant::now() + Duration::from_millis(50));
                let error = ring.read(&mut [0; 8], brief).unwrap_err();
                if error.kind() != std::io::ErrorKind::TimedOut || Instant::now() > limit {
                    break error;
                }
            };
            assert!(error.to_string().contains("too long"), "{error}");
        }
        assert!(store.client().exists(&path("/tool")).unwrap());
    });
}

#[test]
fn a_paused_daemon_costs_a_domain_its_deadline() {
    for kind in xenbus_harness::available() {
        let store = Store::Real(Daemon::start(kind));
        let guest = store.introduce(1);
        let client = guest.client_with(Duration::from_millis(300));
        client.write(&path("a"), b"v").unwrap();
        daemon(&store).pause();
        let error = client.read(&path("a")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{kind:?}: {error}");
        daemon(&store).resume();
        let deadline = soon();
        while let Err(error) = client.read(&path("a")) {
            assert!(Instant::now() < deadline, "{error}");
        }
    }
}
