#![allow(
    clippy::unnecessary_wraps,
    reason = "deadlines are options wherever they are used"
)]

use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use super::*;
use crate::id::{ReqId, TxId};
use crate::transport::Connector;
use crate::wire::{HEADER_SIZE, Header, Op};

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(10))
}

fn briefly() -> Option<Instant> {
    Some(Instant::now() + Duration::from_millis(30))
}

/// A store's end of the ring, played by the test.
struct Peer {
    page: Page,
    bell: EventPair,
    requests: Consumer,
    replies: Producer,
}

impl Peer {
    fn receive(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let mut buffer = vec![0; count - bytes.len()];
            let lane = Lane::requests(self.page.interface());
            let read = self.requests.read(lane, &mut buffer).unwrap();
            bytes.extend_from_slice(&buffer[..read]);
            if read == 0 {
                self.bell.wait(soon()).unwrap();
            } else {
                self.bell.ring().unwrap();
            }
        }
        bytes
    }

    fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let lane = Lane::replies(self.page.interface());
            let written = self.replies.write(lane, bytes).unwrap();
            bytes = &bytes[written..];
            if written == 0 {
                self.bell.wait(soon()).unwrap();
            } else {
                self.bell.ring().unwrap();
            }
        }
    }

    fn request(&mut self) -> (Header, Vec<u8>) {
        let head: [u8; HEADER_SIZE] = self.receive(HEADER_SIZE).try_into().unwrap();
        let header = Header::from_bytes(&head);
        (header, self.receive(header.len as usize))
    }

    fn reply(&mut self, to: Header, op: Op, payload: &[u8]) {
        self.send(&message(op, to.req_id, to.tx_id, payload));
    }
}

fn message(op: Op, req_id: ReqId, tx_id: TxId, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        op,
        req_id,
        tx_id,
        len: u32::try_from(payload.len()).unwrap(),
    };
    [&header.to_bytes()[..], payload].concat()
}

/// A page whose indexes start at `start`, both ends of its event channel, and the peer.
fn ring_at(start: u32) -> (Page, Arc<dyn Doorbell>, Peer) {
    let page = Page::new();
    let interface = page.interface();
    for index in [
        &interface.req_cons,
        &interface.req_prod,
        &interface.rsp_cons,
        &interface.rsp_prod,
    ] {
        index.store(start, Release);
    }
    let (ours, theirs) = EventPair::new().unwrap();
    let peer = Peer {
        page: page.clone(),
        bell: theirs,
        requests: Consumer::new(Lane::requests(interface)),
        replies: Producer::new(Lane::replies(interface)),
    };
    (page, Arc::new(ours), peer)
}

fn open_at(start: u32) -> (Ring, Peer) {
    let (page, bell, peer) = ring_at(start);
    (Ring::open(page, bell, soon()).unwrap(), peer)
}

fn write_all(stream: &dyn Transport, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
                let wanted = Ready {
                    read: false,
                    write: true,
                };
                stream.wait(wanted, soon()).unwrap();
            }
        }
    }
}

fn read_exact(stream: &dyn Transport, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let mut done = 0;
    while done < count {
        let read = stream.read(&mut bytes[done..], soon()).unwrap();
        assert!(read > 0, "the stream ended after {done} bytes");
        done += read;
    }
    bytes
}

fn read_message(stream: &dyn Transport) -> (Header, Vec<u8>) {
    let head: [u8; HEADER_SIZE] = read_exact(stream, HEADER_SIZE).try_into().unwrap();
    let header = Header::from_bytes(&head);
    (header, read_exact(stream, header.len as usize))
}

#[test]
fn messages_longer_than_the_ring_pass_in_pieces_while_indexes_wrap() {
    let (ring, mut peer) = open_at(u32::MAX - 1500);
    let bytes: Vec<u8> = (0..20_000u32).map(|n| n.to_le_bytes()[0] ^ 0x5A).collect();
    std::thread::scope(|scope| {
        let echo = scope.spawn(|| {
            let received = peer.receive(20_000);
            peer.send(&received);
            received
        });
        write_all(&ring, &bytes);
        assert_eq!(read_exact(&ring, 20_000), bytes);
        assert_eq!(echo.join().unwrap(), bytes);
    });
}

#[test]
fn a_thread_reads_while_another_waits_for_room() {
    let (ring, mut peer) = open_at(0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_all(&ring, &[7; 5000]));
        let reader = scope.spawn(|| read_exact(&ring, 5000));
        let first = peer.receive(2500);
        peer.send(&[9; 5000]);
        assert_eq!([first, peer.receive(2500)].concat(), [7; 5000]);
        writer.join().unwrap();
        assert_eq!(reader.join().unwrap(), [9; 5000]);
    });
}

#[test]
fn nothing_to_read_and_no_room_end_at_the_deadline() {
    let (ring, _peer) = open_at(0);
    let error = ring.read(&mut [0; 8], briefly()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(ring.try_write(&[0; 3000]).unwrap(), RING_SIZE);
    let error = ring.try_write(&[0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    let wanted = Ready {
        read: false,
        write: true,
    };
    let error = ring.wait(wanted, briefly()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn impossible_indexes_are_an_error_of_every_call() {
    let (ring, peer) = open_at(0);
    let interface = peer.page.interface();
    interface.rsp_prod.store(5000, Release);
    let error = ring.read(&mut [0; 8], soon()).unwrap_err();
    assert!(error.to_string().contains("5000 bytes"), "{error}");
    interface.req_cons.store(1, Release);
    assert!(ring.try_write(b"x").is_err());
    assert!(ring.wait(Ready::default(), soon()).is_err());
    let bell = EventPair::new().unwrap().0;
    interface.rsp_cons.store(0, Release);
    let opened = Ring::open(peer.page.clone(), Arc::new(bell), soon());
    assert!(opened.is_err(), "a ring that is broken from the start");
}

#[test]
fn a_ring_that_the_store_starts_anew_is_lost_for_its_user() {
    let (ring, mut peer) = open_at(0);
    write_all(&ring, b"request");
    peer.receive(7);
    // What an INTRODUCE of a known domain does in the C daemon.
    peer.page.interface().req_cons.store(0, Release);
    peer.page.interface().req_prod.store(0, Release);
    let error = ring.try_write(b"x").unwrap_err();
    assert!(error.to_string().contains("reset"), "{error}");
}

#[test]
fn the_error_word_is_reported_after_the_replies_that_came_before_it() {
    let (ring, mut peer) = open_at(0);
    peer.send(b"good");
    peer.page.interface().error.store(3, Release);
    peer.bell.ring().unwrap();
    assert_eq!(read_exact(&ring, 4), b"good");
    let error = ring.read(&mut [0; 8], soon()).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
    assert!(ring.try_write(b"x").is_err());
}

#[test]
fn a_used_ring_is_started_anew_where_the_store_offers_it() {
    let (page, bell, peer) = ring_at(77);
    let interface = page.interface();
    interface
        .server_features
        .store(Features::RECONNECTION, Release);
    interface.rsp_prod.store(80, Release);
    std::thread::scope(|scope| {
        let store = scope.spawn(move || {
            while peer.page.interface().connection.load(Acquire) == 0 {
                peer.bell.wait(soon()).unwrap();
            }
            let interface = peer.page.interface();
            for index in [
                &interface.req_cons,
                &interface.req_prod,
                &interface.rsp_cons,
                &interface.rsp_prod,
            ] {
                index.store(0, Release);
            }
            interface.connection.store(0, Release);
            peer.bell.ring().unwrap();
        });
        let ring = Ring::open(page.clone(), bell, soon()).unwrap();
        store.join().unwrap();
        assert!(ring.is_pristine());
        assert_eq!(ring.try_write(b"hello").unwrap(), 5);
        assert_eq!(interface.req_prod.load(Acquire), 5);
    });
}

#[test]
fn a_store_that_is_not_there_is_waited_for_until_the_deadline() {
    let (page, bell, _peer) = ring_at(0);
    page.interface().connection.store(1, Release);
    let error = Ring::open(page, bell, briefly()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn shutdown_wakes_a_reader_for_good() {
    let (ring, _peer) = open_at(0);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| ring.read(&mut [0; 8], None));
        ring.shutdown();
        assert_eq!(reader.join().unwrap().unwrap(), 0);
    });
    assert_eq!(ring.read(&mut [0; 8], None).unwrap(), 0);
    let error = ring.try_write(b"x").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

/// A connector on a fresh ring, and the peer.
fn connector() -> (RingConnector, Peer) {
    let (page, bell, peer) = ring_at(0);
    (RingConnector::new(page, bell, "test"), peer)
}

#[test]
fn streams_over_one_ring_use_the_same_numbers_without_confusion() {
    let (connector, mut peer) = connector();
    let streams = [1, 2].map(|_| connector.connect(soon()).unwrap());
    for (stream, path) in streams.iter().zip([b"/a\0", b"/b\0"]) {
        write_all(&**stream, &message(Op::READ, ReqId(5), TxId::NONE, path));
    }
    let asked = [peer.request(), peer.request()];
    assert_ne!(asked[0].0.req_id, asked[1].0.req_id);
    // In the other order, and one of them as an error.
    peer.reply(asked[1].0, Op::ERROR, b"ENOENT\0");
    peer.reply(asked[0].0, Op::READ, &asked[0].1);
    let (header, payload) = read_message(&*streams[0]);
    assert_eq!((header.op, header.req_id), (Op::READ, ReqId(5)));
    assert_eq!(payload, b"/a\0");
    let (header, payload) = read_message(&*streams[1]);
    assert_eq!((header.op, header.req_id), (Op::ERROR, ReqId(5)));
    assert_eq!(payload, b"ENOENT\0");
}

#[test]
fn events_reach_the_stream_that_watches_with_its_own_token() {
    let (connector, mut peer) = connector();
    let streams = [1, 2].map(|_| connector.connect(soon()).unwrap());
    let mut tokens = Vec::new();
    for stream in &streams {
        write_all(
            &**stream,
            &message(Op::WATCH, ReqId(1), TxId::NONE, b"/w\0tok:en\x003\0"),
        );
        let (header, payload) = peer.request();
        let parts: Vec<&[u8]> = payload.split(|b| *b == 0).collect();
        assert_eq!((parts[0], parts[2]), (&b"/w"[..], &b"3"[..]));
        tokens.push(parts[1].to_vec());
        peer.reply(header, Op::WATCH, b"OK\0");
    }
    assert_ne!(tokens[0], tokens[1]);
    let event = [b"/w/x\0", &tokens[1][..], b"\0"].concat();
    peer.send(&message(Op::WATCH_EVENT, ReqId(0), TxId::NONE, &event));
    assert_eq!(read_message(&*streams[0]).0.op, Op::WATCH);
    assert_eq!(read_message(&*streams[1]).0.op, Op::WATCH);
    assert_eq!(read_message(&*streams[1]).1, b"/w/x\0tok:en\0");
    let error = streams[0].read(&mut [0], briefly()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "an event of another");
}

#[test]
fn a_closed_stream_gives_its_watches_and_transactions_back() {
    let (connector, mut peer) = connector();
    let stream = connector.connect(soon()).unwrap();
    let other = connector.connect(soon()).unwrap();
    write_all(
        &*stream,
        &message(Op::WATCH, ReqId(1), TxId::NONE, b"/w\0t\0"),
    );
    let (header, watch) = peer.request();
    peer.reply(header, Op::WATCH, b"OK\0");
    write_all(
        &*stream,
        &message(Op::TRANSACTION_START, ReqId(2), TxId::NONE, b"\0"),
    );
    let (header, _) = peer.request();
    peer.reply(header, Op::TRANSACTION_START, b"42\0");
    assert_eq!(read_message(&*stream).0.op, Op::WATCH);
    assert_eq!(read_message(&*stream).0.op, Op::TRANSACTION_START);
    // This one is answered only when the stream is gone.
    write_all(
        &*stream,
        &message(Op::TRANSACTION_START, ReqId(3), TxId::NONE, b"\0"),
    );
    let (late, _) = peer.request();
    drop(stream);
    let (header, payload) = peer.request();
    assert_eq!((header.op, payload), (Op::UNWATCH, watch));
    peer.reply(header, Op::UNWATCH, b"OK\0");
    let (header, payload) = peer.request();
    assert_eq!((header.op, header.tx_id), (Op::TRANSACTION_END, TxId(42)));
    assert_eq!(payload, b"F\0");
    peer.reply(header, Op::TRANSACTION_END, b"OK\0");
    peer.reply(late, Op::TRANSACTION_START, b"43\0");
    // The thread of the ring sends what it decided on with the next notification at the latest.
    let (header, _) = peer.request();
    assert_eq!((header.op, header.tx_id), (Op::TRANSACTION_END, TxId(43)));
    write_all(&*other, &message(Op::READ, ReqId(9), TxId::NONE, b"/\0"));
    let (header, _) = peer.request();
    peer.reply(header, Op::READ, b"still here");
    assert_eq!(read_message(&*other).1, b"still here");
}

#[test]
fn resetting_the_watches_of_a_stream_leaves_those_of_others() {
    let (connector, mut peer) = connector();
    let streams = [1, 2].map(|_| connector.connect(soon()).unwrap());
    let mut watches = Vec::new();
    for stream in &streams {
        write_all(
            &**stream,
            &message(Op::WATCH, ReqId(1), TxId::NONE, b"/w\0t\0"),
        );
        let (header, payload) = peer.request();
        peer.reply(header, Op::WATCH, b"OK\0");
        assert_eq!(read_message(&**stream).0.op, Op::WATCH);
        watches.push(payload);
    }
    write_all(
        &*streams[0],
        &message(Op::RESET_WATCHES, ReqId(2), TxId::NONE, b"\0"),
    );
    assert_eq!(read_message(&*streams[0]).1, b"OK\0");
    let (header, payload) = peer.request();
    assert_eq!((header.op, &payload), (Op::UNWATCH, &watches[0]));
}

#[test]
fn a_broken_ring_ends_its_streams_and_the_next_one_starts_anew() {
    let (connector, mut peer) = connector();
    let stream = connector.connect(soon()).unwrap();
    write_all(&*stream, &message(Op::READ, ReqId(1), TxId::NONE, b"/\0"));
    peer.request();
    let interface = peer.page.interface();
    interface.rsp_prod.store(123_456, Release);
    peer.bell.ring().unwrap();
    let error = stream.read(&mut [0; 8], soon()).unwrap_err();
    assert!(error.to_string().contains("impossible"), "{error}");
    assert!(stream.try_write(b"x").is_err());
    // Introduced again: everything at zero.
    for index in [
        &interface.req_cons,
        &interface.req_prod,
        &interface.rsp_cons,
        &interface.rsp_prod,
    ] {
        index.store(0, Release);
    }
    peer.requests = Consumer::new(Lane::requests(interface));
    peer.replies = Producer::new(Lane::replies(interface));
    let stream = connector.connect(soon()).unwrap();
    write_all(&*stream, &message(Op::READ, ReqId(1), TxId::NONE, b"/\0"));
    let (header, _) = peer.request();
    peer.reply(header, Op::READ, b"again");
    assert_eq!(read_message(&*stream).1, b"again");
}

#[test]
fn a_used_ring_without_reconnection_is_cleared_before_it_is_used() {
    let (page, bell, mut peer) = ring_at(900);
    let connector = RingConnector::new(page, bell, "test");
    std::thread::scope(|scope| {
        let store = scope.spawn(move || {
            let (header, _) = peer.request();
            // The answer to somebody else's request is still under way.
            peer.send(&message(Op::READ, ReqId(3), TxId::NONE, b"late"));
            assert_eq!(header.op, Op::RESET_WATCHES);
            peer.reply(header, Op::RESET_WATCHES, b"OK\0");
            let (header, payload) = peer.request();
            peer.reply(header, Op::READ, &payload);
        });
        let stream = connector.connect(soon()).unwrap();
        write_all(
            &*stream,
            &message(Op::READ, ReqId(3), TxId::NONE, b"/mine\0"),
        );
        assert_eq!(read_message(&*stream).1, b"/mine\0");
        store.join().unwrap();
    });
}

proptest::proptest! {
    #[test]
    fn no_bytes_of_a_store_harm_the_streams(bytes: Vec<u8>, headers: Vec<(u32, u32, u32, u8)>) {
        let (connector, peer) = connector();
        let stream = connector.connect(soon()).unwrap();
        drop(stream.try_write(&message(Op::WATCH, ReqId(1), TxId::NONE, b"/w\0t\0")));
        let mut raw: Vec<u8> = headers
            .iter()
            .flat_map(|(op, id, tx, len)| {
                let payload = vec![b'1'; usize::from(*len)];
                message(Op(op % 30), ReqId(id % 4), TxId(*tx), &payload)
            })
            .collect();
        raw.extend(bytes);
        let lane = Lane::replies(peer.page.interface());
        let mut replies = peer.replies;
        replies.write(lane, &raw).ok();
        peer.bell.ring().unwrap();
        // It ends, or there is nothing; it never panics, which would poison what follows.
        drop(stream.read(&mut [0; 100], Some(Instant::now())));
        drop(connector);
        drop(stream);
    }
}
