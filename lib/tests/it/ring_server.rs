//! The embedded store as the other end of a domain's ring.

mod foreign;

use std::sync::atomic::Ordering::{Acquire, SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use xenbus::id::{DomId, ReqId, TxId};
use xenbus::store::{Personality, Server, StoreOptions};
use xenbus::transport::ring::{Doorbell as _, EventPair, Interface, Page, Ring, RingConnector};
use xenbus::transport::{Ready, Transport as _};
use xenbus::wire::{HEADER_SIZE, Header, Op};
use xenbus::{Client, ClientOptions, Operations as _, WatchEvent};

use crate::support::{path, shown, soon};

/// A store, and domain 1 with its ring.
struct Scene {
    server: Server,
    page: Page,
    bell: Arc<EventPair>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    /// Domain 1 exists, has a home and a ring, and is not introduced.
    fn new(personality: Personality) -> Self {
        Self::with(StoreOptions::of(personality))
    }

    fn with(mut options: StoreOptions) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        options.log = Arc::new(move |line| lines.lock().unwrap().push(line.to_owned()));
        let server = Server::start(options).unwrap();
        server.create_domain(DomId(1));
        let dom0 = client(&server);
        dom0.mkdir(&path("/local/domain/1")).unwrap();
        let own = "n1".parse().unwrap();
        dom0.set_perms(&path("/local/domain/1"), &own).unwrap();
        let (page, (bell, channel)) = (Page::new(), EventPair::new().unwrap());
        server
            .grant_ring(DomId(1), page.clone(), Arc::new(channel))
            .unwrap();
        Self {
            server,
            page,
            bell: Arc::new(bell),
            log,
        }
    }

    fn introduce(&self) {
        self.server.introduce(DomId(1)).unwrap();
    }

    fn words(&self) -> &Interface {
        self.page.interface()
    }

    fn ring(&self) -> Ring {
        Ring::open(self.page.clone(), self.bell.clone(), Some(soon())).unwrap()
    }

    fn client(&self) -> Client {
        let ring = RingConnector::new(self.page.clone(), self.bell.clone(), "domain 1");
        Client::with_connector(Arc::new(ring), ClientOptions::default()).unwrap()
    }

    /// Waits until `holds`, which the store rings the bell for.
    fn until(&self, what: &str, holds: impl Fn(&Interface) -> bool) {
        while !holds(self.words()) {
            let heard = self.bell.wait(Some(soon()));
            assert!(heard.is_ok() || holds(self.words()), "{what}: {heard:?}");
        }
    }

    /// The store still serves others.
    fn still_serves(&self) {
        let dom0 = client(&self.server);
        dom0.write(&path("/still"), b"here").unwrap();
        assert_eq!(dom0.read(&path("/still")).unwrap(), b"here");
    }
}

fn client(server: &Server) -> Client {
    Client::with_connector(server.connector(DomId::DOM0), ClientOptions::default()).unwrap()
}

fn message(op: Op, tx: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        op,
        req_id: ReqId(1),
        tx_id: TxId(tx),
        len: u32::try_from(payload.len()).unwrap(),
    };
    [&header.to_bytes()[..], payload].concat()
}

fn ask(ring: &Ring, op: Op, payload: &[u8]) -> String {
    ask_in(ring, 0, op, payload)
}

fn ask_in(ring: &Ring, tx: u32, op: Op, payload: &[u8]) -> String {
    send(ring, &message(op, tx, payload));
    next(ring)
}

fn send(ring: &Ring, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let wanted = Ready {
            read: false,
            write: true,
        };
        ring.wait(wanted, Some(soon())).unwrap();
        rest = &rest[ring.try_write(rest).unwrap()..];
    }
}

/// The next message: an answer, `!` and the name of an error, or `*` and an event.
fn next(ring: &Ring) -> String {
    let head: [u8; HEADER_SIZE] = read(ring, HEADER_SIZE).try_into().unwrap();
    let header = Header::from_bytes(&head);
    let text = shown(&read(ring, header.len as usize));
    match header.op {
        Op::ERROR => format!("!{text}"),
        Op::WATCH_EVENT => format!("*{text}"),
        _ => text,
    }
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
fn the_ring_says_which_features_the_daemon_has() {
    for (personality, features) in [
        (Personality::C, 0),
        (Personality::C4_22, 14),
        (Personality::Oxenstored, 1),
    ] {
        let scene = Scene::new(personality);
        scene.introduce();
        assert_eq!(scene.ring().features().0, features, "{personality:?}");
    }
}

#[test]
fn features_that_were_set_for_a_domain_stand_in_its_ring() {
    let scene = Scene::new(Personality::C4_22);
    let dom0 = client(&scene.server);
    dom0.set_feature(DomId(1), 2).unwrap();
    scene.introduce();
    assert_eq!(scene.ring().features().0, 2);
}

#[test]
fn a_domain_speaks_for_many_times_the_length_of_its_ring() {
    for personality in Personality::ALL {
        let scene = Scene::new(*personality);
        scene.introduce();
        let ring = scene.ring();
        for number in 0..100u8 {
            let payload = [&b"data\0"[..], &[b'a' + number % 26; 1900]].concat();
            assert_eq!(ask(&ring, Op::WRITE, &payload), "OK|");
            assert_eq!(ask(&ring, Op::READ, b"data\0").as_bytes(), &payload[5..]);
        }
    }
}

#[test]
fn who_speaks_over_a_ring_is_its_domain_and_nobody_else() {
    let scene = Scene::new(Personality::C);
    scene.introduce();
    let dom0 = client(&scene.server);
    dom0.write(&path("/secret"), b"s").unwrap();
    let ring = scene.ring();
    assert_eq!(ask(&ring, Op::READ, b"/secret\0"), "!EACCES|");
    assert_eq!(ask(&ring, Op::INTRODUCE, b"1\x001\x001\0"), "!EACCES|");
    assert_eq!(ask(&ring, Op::WRITE, b"own\0v"), "OK|");
    assert_eq!(ask(&ring, Op::GET_PERMS, b"own\0"), "n1|");
    let seen = dom0.read(&path("/local/domain/1/own")).unwrap();
    assert_eq!(seen, b"v");
}

#[test]
fn two_hundred_requests_at_once_are_answered_in_order() {
    let scene = Scene::new(Personality::C);
    scene.introduce();
    let client = scene.client();
    for n in 0..200 {
        client.write(&path(&format!("n{n}")), b"v").unwrap();
    }
    let reads: Vec<_> = (0..200)
        .map(|n| client.submit_read(&path(&format!("n{n}"))))
        .collect();
    for read in reads {
        assert_eq!(read.wait().unwrap(), b"v");
    }
}

#[test]
fn events_reach_a_domain_that_asks_nothing() {
    let scene = Scene::new(Personality::C);
    scene.introduce();
    let (guest, dom0) = (scene.client(), client(&scene.server));
    let watch = guest.watch(&path("w")).unwrap();
    assert_eq!(watch.next_until(soon()).unwrap(), Some(WatchEvent::Initial));
    dom0.write(&path("/local/domain/1/w/x"), b"v").unwrap();
    let event = watch.next_until(soon()).unwrap();
    assert_eq!(event, Some(WatchEvent::Changed(path("w/x"))));
}

#[test]
fn what_was_in_the_ring_before_the_introduction_is_dropped_by_c_and_answered_by_oxenstored() {
    for (personality, answered) in [
        (Personality::C, false),
        (Personality::C4_22, false),
        (Personality::Oxenstored, true),
    ] {
        let scene = Scene::new(personality);
        let request = message(Op::GET_DOMAIN_PATH, 0, b"7\0");
        let ring = scene.ring();
        send(&ring, &request);
        drop(ring);
        scene.introduce();
        let place = scene.words().req_prod.load(Acquire);
        assert_eq!(place != 0, answered, "{personality:?}");
        let ring = scene.ring();
        if answered {
            // Reconnection drops the answer that was under way, and starts anew.
            assert_eq!(scene.words().req_prod.load(Acquire), 0);
        }
        assert_eq!(ask(&ring, Op::GET_DOMAIN_PATH, b"8\0"), "/local/domain/8|");
    }
}

#[test]
fn a_second_introduction_starts_the_ring_anew_in_c_and_changes_nothing_in_oxenstored() {
    for personality in [Personality::C, Personality::C4_22, Personality::Oxenstored] {
        let kept = personality == Personality::Oxenstored;
        let scene = Scene::new(personality);
        scene.introduce();
        let ring = scene.ring();
        assert_eq!(ask(&ring, Op::WATCH, b"w\0t\0"), "OK|");
        assert_eq!(next(&ring), "*w|t|");
        assert_eq!(ask(&ring, Op::TRANSACTION_START, b"\0"), "1|");
        // Half a request is under way.
        send(&ring, &message(Op::READ, 0, b"w\0")[..5]);
        scene.introduce();
        assert_eq!(scene.words().rsp_prod.load(Acquire) != 0, kept);
        if kept {
            send(&ring, &message(Op::READ, 0, b"w\0")[5..]);
            assert_eq!(next(&ring), "!ENOENT|");
            assert_eq!(ask_in(&ring, 1, Op::TRANSACTION_END, b"F\0"), "OK|");
            assert_eq!(ask(&ring, Op::UNWATCH, b"w\0t\0"), "OK|");
        } else {
            let ring = scene.ring();
            assert_eq!(ask_in(&ring, 1, Op::TRANSACTION_END, b"F\0"), "!ENOENT|");
            assert_eq!(ask(&ring, Op::UNWATCH, b"w\0t\0"), "!ENOENT|");
        }
    }
}

#[test]
fn a_domain_starts_its_ring_anew_where_that_is_offered() {
    let scene = Scene::new(Personality::Oxenstored);
    scene.introduce();
    let ring = scene.ring();
    assert_eq!(ask(&ring, Op::WATCH, b"w\0t\0"), "OK|");
    assert_eq!(next(&ring), "*w|t|");
    assert_eq!(ask(&ring, Op::TRANSACTION_START, b"\0"), "1|");
    send(&ring, &message(Op::READ, 0, b"w\0")[..7]);
    drop(ring);
    scene.words().connection.store(1, SeqCst);
    scene.bell.ring().unwrap();
    scene.until("reconnected", |words| words.connection.load(Acquire) == 0);
    assert_eq!(scene.words().req_prod.load(Acquire), 0);
    let ring = scene.ring();
    assert_eq!(ask(&ring, Op::UNWATCH, b"w\0t\0"), "!ENOENT|");
    assert_eq!(ask_in(&ring, 1, Op::TRANSACTION_END, b"F\0"), "!EIO|");
}

#[test]
fn a_wish_to_reconnect_that_was_not_offered_is_not_heard() {
    let scene = Scene::new(Personality::C);
    scene.introduce();
    let ring = scene.ring();
    scene.words().connection.store(1, SeqCst);
    assert_eq!(ask(&ring, Op::WRITE, b"a\0v"), "OK|");
    assert_eq!(scene.words().connection.load(Acquire), 1);
}

#[test]
fn a_request_that_is_too_long_ends_the_ring_until_the_domain_is_introduced_again() {
    for (personality, word) in [
        (Personality::C, 3),
        (Personality::C4_22, 3),
        (Personality::Oxenstored, 0),
    ] {
        let scene = Scene::new(personality);
        scene.introduce();
        let mut header = message(Op::READ, 0, b"");
        header[12..].copy_from_slice(&u32::MAX.to_ne_bytes());
        send(&scene.ring(), &header);
        let limit = soon();
        while scene.log.lock().unwrap().is_empty() {
            assert!(
                Instant::now() < limit,
                "{personality:?}: no line was logged"
            );
            // Any request: the store's thread logs before it serves the next.
            scene.still_serves();
        }
        let line = scene.log.lock().unwrap().remove(0);
        assert!(
            line.contains("domain 1") && line.contains("4294967295"),
            "{line}"
        );
        assert_eq!(scene.words().error.load(Acquire), word, "{personality:?}");
        scene.introduce();
        assert_eq!(scene.words().error.load(Acquire), 0);
        assert_eq!(ask(&scene.ring(), Op::WRITE, b"a\0v"), "OK|");
    }
}

#[test]
fn impossible_indexes_give_the_error_word_and_harm_nobody_else() {
    let scene = Scene::new(Personality::C);
    for (index, by) in [
        (0, 1025u32),
        (0, u32::MAX),
        (1, 1),
        (2, 1),
        (3, 1),
        (2, 5000),
    ] {
        scene.introduce();
        let ring = scene.ring();
        assert_eq!(ask(&ring, Op::WRITE, b"a\0v"), "OK|");
        let words = scene.words();
        let indexes = [
            &words.req_prod,
            &words.req_cons,
            &words.rsp_cons,
            &words.rsp_prod,
        ];
        indexes[index].fetch_add(by, SeqCst);
        if index != 1 {
            // So that there is something to answer, if that is where it is noticed.
            let cons = words.req_cons.load(Acquire);
            if index != 0 {
                for (at, byte) in message(Op::READ, 0, b"a\0").iter().enumerate() {
                    let place = (cons as usize + at) % words.req.len();
                    words.req[place].store(*byte, SeqCst);
                }
                words.req_prod.fetch_add(18, SeqCst);
            }
        }
        scene.bell.ring().unwrap();
        scene.until("the error word", |words| words.error.load(Acquire) == 2);
        scene.still_serves();
    }
}

#[test]
fn whatever_a_domain_writes_into_its_page_the_store_lives_on() {
    let scene = Scene::new(Personality::C);
    let mut random = 0x9E37_79B9_7F4A_7C15u64;
    let mut draw = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_le_bytes()
    };
    for round in 0..300 {
        scene.introduce();
        let words = scene.words();
        for byte in words.req.iter().chain(&words.rsp) {
            byte.store(draw()[0] % 32, SeqCst);
        }
        let start = u32::from_le_bytes(draw()[..4].try_into().unwrap());
        let used = u32::from(draw()[0]) * 5;
        words
            .req_cons
            .store(if round % 2 == 0 { 0 } else { start }, SeqCst);
        words
            .req_prod
            .store(if round % 2 == 0 { used } else { start }, SeqCst);
        words.rsp_cons.store(u32::from(draw()[0]) % 3, SeqCst);
        words.connection.store(u32::from(draw()[0]), SeqCst);
        words.server_features.store(u32::MAX, SeqCst);
        scene.bell.ring().unwrap();
        scene.still_serves();
    }
    scene.introduce();
    assert_eq!(ask(&scene.ring(), Op::WRITE, b"a\0v"), "OK|");
}

#[test]
fn a_domain_that_does_not_take_its_events_is_ignored_once_too_many_wait() {
    let mut options = StoreOptions::default();
    options.output_max = 100_000;
    let scene = Scene::with(options);
    scene.introduce();
    let ring = scene.ring();
    assert_eq!(ask(&ring, Op::WATCH, b"w\0t\0"), "OK|");
    assert_eq!(next(&ring), "*w|t|");
    let dom0 = client(&scene.server);
    for number in 0..5_000 {
        let node = format!("/local/domain/1/w/{number}");
        dom0.write(&path(&node), b"").unwrap();
    }
    scene.until("the error word", |words| words.error.load(Acquire) == 1);
    let lines = scene.log.lock().unwrap();
    assert!(
        lines[0].contains("domain 1") && lines[0].contains("does not read"),
        "{lines:?}"
    );
}

#[test]
fn a_domain_that_does_not_take_its_answers_has_to_wait_and_loses_nothing() {
    let scene = Scene::new(Personality::C);
    scene.introduce();
    let ring = scene.ring();
    let value = [b'v'; 1900];
    assert_eq!(ask(&ring, Op::WRITE, &[b"a\0", &value[..]].concat()), "OK|");
    let request = message(Op::READ, 0, b"a\0");
    let (mut sent, mut rest) = (0, &request[..]);
    // Until the store takes no more: then it neither takes nor gives, and both directions are full.
    let brief = || Some(Instant::now() + Duration::from_millis(300));
    let wanted = Ready {
        read: false,
        write: true,
    };
    while ring.wait(wanted, brief()).is_ok() {
        let count = ring.try_write(rest).unwrap();
        rest = &rest[count..];
        if rest.is_empty() {
            (sent, rest) = (sent + 1, &request[..]);
        }
    }
    assert!(sent > 100 && sent < 1_000, "{sent} requests were taken");
    scene.still_serves();
    for _ in 0..sent {
        assert_eq!(next(&ring).as_bytes(), value);
    }
}

#[test]
fn the_ring_of_a_domain_that_is_gone_is_left_alone() {
    let scene = Scene::new(Personality::C);
    scene.introduce();
    let ring = scene.ring();
    assert_eq!(ask(&ring, Op::WRITE, b"a\0v"), "OK|");
    scene.server.destroy_domain(DomId(1));
    let before = scene.words().req_cons.load(Acquire);
    send(&ring, &message(Op::READ, 0, b"a\0"));
    scene.still_serves();
    assert_eq!(scene.words().req_cons.load(Acquire), before);
    // A new domain with the number has a page of its own.
    scene.server.create_domain(DomId(1));
    scene.introduce();
    assert_eq!(scene.words().req_cons.load(Acquire), before);
}

#[test]
fn a_ring_that_is_granted_after_the_introduction_is_served_at_once() {
    let scene = Scene::new(Personality::C);
    scene.server.create_domain(DomId(2));
    scene.server.introduce(DomId(2)).unwrap();
    let (page, (bell, channel)) = (Page::new(), EventPair::new().unwrap());
    let granted = scene
        .server
        .grant_ring(DomId(2), page.clone(), Arc::new(channel));
    granted.unwrap();
    let ring = Ring::open(page, Arc::new(bell), Some(soon())).unwrap();
    assert_eq!(ask(&ring, Op::READ, b"/nosuch\0"), "!EACCES|");
    let (_, channel) = EventPair::new().unwrap();
    let refused = scene
        .server
        .grant_ring(DomId(3), Page::new(), Arc::new(channel));
    assert!(refused.unwrap_err().to_string().contains("no such domain"));
}
