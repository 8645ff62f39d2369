//! Clients of the embedded store that mean harm: it stays in order, its memory stays bounded, others do not notice.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use xenbus::id::{ReqId, TxId};
use xenbus::store::{Personality, Server, StoreOptions};
use xenbus::transport::socket::SocketConnector;
use xenbus::wire::{HEADER_SIZE, Header, Op};
use xenbus::{Client, ClientOptions, Operations as _};

use crate::support::{PATIENCE, Raw, path, soon};

/// A store whose log can be read.
struct Scene {
    socket: PathBuf,
    log: Arc<Mutex<Vec<String>>>,
    _server: Server,
    _directory: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self::with(StoreOptions::default())
    }

    fn with(mut options: StoreOptions) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        options.log = Arc::new(move |line| lines.lock().unwrap().push(line.to_owned()));
        let server = Server::start(options).unwrap();
        let directory = tempfile::Builder::new().prefix("xs-").tempdir().unwrap();
        let socket = directory.path().join("socket");
        server.listen(&socket).unwrap();
        Self {
            socket,
            log,
            _server: server,
            _directory: directory,
        }
    }

    fn stream(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn raw(&self) -> Raw {
        Raw::new(Arc::new(SocketConnector::new(&self.socket)))
    }

    fn client(&self) -> Client {
        let connector = Arc::new(SocketConnector::new(&self.socket));
        Client::with_connector(connector, ClientOptions::default()).unwrap()
    }

    /// Waits for a line in the log.
    fn line(&self, with: &str) -> String {
        let limit = soon();
        loop {
            // The store's thread has logged what it did before this answer.
            self.client().read(&path("/tool")).unwrap();
            let lines = self.log.lock().unwrap();
            if let Some(line) = lines.iter().find(|line| line.contains(with)) {
                return line.clone();
            }
            assert!(Instant::now() < limit, "no line with {with:?}: {lines:?}");
        }
    }
}

fn message(op: Op, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        op,
        req_id: ReqId(1),
        tx_id: TxId::NONE,
        len: u32::try_from(payload.len()).unwrap(),
    };
    [&header.to_bytes()[..], payload].concat()
}

fn answer(stream: &mut UnixStream) -> (Op, Vec<u8>) {
    let mut head = [0; HEADER_SIZE];
    stream.read_exact(&mut head).unwrap();
    let header = Header::from_bytes(&head);
    let mut payload = vec![0; header.len as usize];
    stream.read_exact(&mut payload).unwrap();
    (header.op, payload)
}

/// Reads until the store ends the connection.
fn read_to_the_end(stream: &mut UnixStream) -> usize {
    let (mut total, mut buffer) = (0, [0; 8192]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return total,
            Ok(count) => total += count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return total,
            Err(error) => panic!("the connection lives on: {error}"),
        }
    }
}

#[test]
fn a_client_that_announces_four_gigabytes_is_cut_off_and_said_so() {
    let scene = Scene::new();
    let mut stream = scene.stream();
    let mut bytes = message(Op::WRITE, b"");
    bytes[12..].copy_from_slice(&u32::MAX.to_ne_bytes());
    stream.write_all(&bytes).unwrap();
    assert_eq!(read_to_the_end(&mut stream), 0);
    assert!(scene.line("announced").contains("4294967295"));
}

#[test]
fn a_request_sent_byte_by_byte_is_answered_and_holds_up_nobody() {
    let scene = Scene::new();
    let other = scene.client();
    let mut stream = scene.stream();
    for byte in message(Op::DIRECTORY, b"/tool\0") {
        stream.write_all(&[byte]).unwrap();
        other.read(&path("/tool")).unwrap();
    }
    let expected = (Op::DIRECTORY, b"xenstored\0".to_vec());
    assert_eq!(answer(&mut stream), expected);
}

#[test]
fn a_client_that_asks_and_never_reads_is_not_read_any_more_and_loses_nothing() {
    let scene = Scene::new();
    let other = scene.client();
    other.write(&path("/v"), &[b'v'; 2000]).unwrap();
    let mut stream = scene.stream();
    let requests = message(Op::READ, b"/v\0").repeat(1000);
    // The store takes no more once enough answers wait: then writing stops.
    stream
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let mut taken = 0;
    let stuck = loop {
        match stream.write(&requests[taken % requests.len()..]) {
            Ok(count) => taken += count,
            Err(error) => break error.kind(),
        }
        assert!(taken < 20_000_000, "it takes requests for ever");
        other.read(&path("/tool")).unwrap();
    };
    assert_eq!(stuck, ErrorKind::WouldBlock);
    let whole = taken / message(Op::READ, b"/v\0").len();
    for _ in 0..whole {
        assert_eq!(answer(&mut stream).1.len(), 2000);
    }
}

#[test]
fn a_client_that_does_not_take_its_events_is_cut_off_and_said_so() {
    let mut options = StoreOptions::of(Personality::Oxenstored);
    options.output_max = 500_000;
    let scene = Scene::with(options);
    let other = scene.client();
    let mut sleeper = scene.stream();
    let watch = [b"/w\0", &[b't'; 3000][..], b"\0"].concat();
    sleeper.write_all(&message(Op::WATCH, &watch)).unwrap();
    assert_eq!(answer(&mut sleeper), (Op::WATCH, b"OK\0".to_vec()));
    for n in 0..500 {
        other.write(&path(&format!("/w/{n}")), b"").unwrap();
    }
    scene.line("does not read");
    // What was sent before is what the kernel keeps for it.
    assert!(read_to_the_end(&mut sleeper) < 1_500_000);
    other.read(&path("/w/499")).unwrap();
}

#[test]
fn many_clients_that_do_not_read_cannot_have_more_in_all_than_is_allowed() {
    let mut options = StoreOptions::of(Personality::Oxenstored);
    options.output_max = 300_000;
    let scene = Scene::with(options);
    let other = scene.client();
    let watch = message(Op::WATCH, &[b"/w\0", &[b't'; 3000][..], b"\0"].concat());
    let mut sleepers: Vec<UnixStream> = (0..60).map(|_| scene.stream()).collect();
    for sleeper in &mut sleepers {
        sleeper.write_all(&watch).unwrap();
        assert_eq!(answer(sleeper), (Op::WATCH, b"OK\0".to_vec()));
    }
    // Less than one client may have, beyond what the kernel keeps for it; but 60 times that is too much.
    for n in 0..140 {
        other.write(&path(&format!("/w/{n}")), b"").unwrap();
    }
    scene.line("does not read");
    other.read(&path("/w/139")).unwrap();
}

#[test]
fn half_a_goodbye_is_a_goodbye() {
    let scene = Scene::new();
    let mut stream = scene.stream();
    stream.write_all(&message(Op::WATCH, b"/w\0t\0")).unwrap();
    answer(&mut stream);
    answer(&mut stream);
    stream
        .write_all(&message(Op::READ, b"/tool\0")[..7])
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_the_end(&mut stream), 0);
}

#[test]
fn a_thousand_levels_are_made_found_and_removed() {
    for personality in Personality::ALL {
        let scene = Scene::with(StoreOptions::of(*personality));
        let levels = if *personality == Personality::Oxenstored {
            512
        } else {
            1000
        };
        let deep = "/d".repeat(levels);
        let mut raw = scene.raw();
        assert_eq!(raw.ask(Op::WRITE, format!("{deep}\0v")), "OK|");
        assert_eq!(raw.ask(Op::READ, format!("{deep}\0")), "v");
        let tx = raw.begin();
        assert_eq!(raw.ask_in(tx, Op::RM, "/d\0"), "OK|");
        assert_eq!(raw.commit(tx), "OK|");
        assert_eq!(raw.ask(Op::READ, "/d\0"), "!ENOENT");
        assert_eq!(raw.ask(Op::WRITE, format!("{deep}\0v")), "OK|");
        assert_eq!(raw.ask(Op::RM, "/d\0"), "OK|");
    }
}

#[test]
fn a_client_cannot_have_more_watches_than_the_store_bears() {
    let scene = Scene::new();
    let mut raw = scene.raw();
    let mut refused = None;
    for n in 0..100_100 {
        raw.send(Op::WATCH, 0, format!("/w/{n}\0t\0").as_bytes());
        // Its answer and its first event.
        let (header, payload) = raw.receive().unwrap();
        if header.op == Op::ERROR {
            refused = Some((n, payload));
            break;
        }
        raw.receive().unwrap();
    }
    assert_eq!(refused, Some((100_000, b"ENOSPC\0".to_vec())));
    // Nobody pays for them but who writes there.
    let other = scene.client();
    other.write(&path("/w/5"), b"v").unwrap();
    other.rm(&path("/w")).unwrap();
}

#[test]
fn transactions_that_never_end_are_limited_and_end_with_their_client() {
    for personality in Personality::ALL {
        fill_by_transactions(*personality);
    }
}

fn fill_by_transactions(personality: Personality) {
    let mut options = StoreOptions::of(personality);
    options.memory_max = 2_000_000;
    let scene = Scene::with(options);
    let mut raw = scene.raw();
    let mut begun = Vec::new();
    let refused = loop {
        begun.push(raw.begin());
        let tx = *begun.last().unwrap();
        let write = [&b"/t\0"[..], &[b'v'; 2000]].concat();
        let said = raw.ask_in(tx, Op::WRITE, &write);
        if said != "OK|" {
            break said;
        }
        assert!(begun.len() < 2_000);
    };
    assert_eq!(refused, "!ENOMEM");
    let other = scene.client();
    assert!(other.write(&path("/other"), &[b'v'; 2000]).is_err());
    drop(raw);
    let limit = soon();
    while let Err(error) = other.write(&path("/other"), &[b'v'; 2000]) {
        assert_eq!(error.errno().unwrap().name(), "ENOMEM");
        assert!(Instant::now() < limit, "the memory is not given back");
    }
}

#[test]
fn what_privileged_clients_may_fill_the_store_with_has_an_end() {
    for personality in Personality::ALL {
        fill_by_writes(*personality);
    }
}

fn fill_by_writes(personality: Personality) {
    let mut options = StoreOptions::of(personality);
    options.memory_max = 500_000;
    let scene = Scene::with(options);
    let mut raw = scene.raw();
    let mut written = 0;
    let refused = loop {
        let said = raw.ask(Op::WRITE, format!("/fill/node{written}\0value"));
        if said != "OK|" {
            break said;
        }
        written += 1;
        assert!(written < 10_000);
    };
    assert_eq!(refused, "!ENOMEM");
    assert!(written > 500, "{personality:?}: {written}");
    // Less is always possible, and then there is room again.
    assert_eq!(raw.ask(Op::RM, "/fill/node7\0"), "OK|");
    assert_eq!(raw.ask(Op::WRITE, "/fill/node7\0value"), "OK|");
    if personality != Personality::Oxenstored {
        let watch = [b"/w\0", &[b't'; 4000][..], b"\0"].concat();
        assert_eq!(raw.ask(Op::WATCH, watch), "!ENOMEM");
    }
    assert_eq!(raw.ask(Op::RM, "/fill\0"), "OK|");
    assert_eq!(raw.ask(Op::WRITE, "/fill\0value"), "OK|");
    assert_eq!(raw.ask(Op::CONTROL, "check\0"), "OK|");
    assert!(
        scene.log.lock().unwrap().is_empty(),
        "the store is out of order"
    );
}
