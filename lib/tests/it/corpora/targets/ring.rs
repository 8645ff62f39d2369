//! Shared rings whose other side writes anything anywhere at any time.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use xenbus::id::DomId;
use xenbus::store::{Personality, Server, StoreOptions};
use xenbus::transport::ring::{Doorbell as _, EventPair, Interface, Page, RING_SIZE, Ring};
use xenbus::transport::{Ready, Transport as _};
use xenbus::{Client, ClientOptions, Operations as _, StorePath};

/// Neither end panics, hangs, or takes more than there is, whatever is in the page.
///
/// Chunks of 25 bytes: the four indexes, the two words behind them, and what is done; the rest is the content of the
/// rings.
pub fn ring(data: &[u8]) {
    domain(data);
    store(data);
}

/// Our end as a domain; the store is hostile.
fn domain(data: &[u8]) {
    let page = Page::new();
    let interface = page.interface();
    let mut chunks = data.chunks_exact(CHUNK);
    fill(interface, chunks.remainder());
    if let Some(first) = chunks.next() {
        spoil(interface, first);
    }
    let (ours, _theirs) = EventPair::new().expect("descriptors");
    let now = || Some(Instant::now());
    let Ok(ring) = Ring::open(page.clone(), Arc::new(ours), now()) else {
        return;
    };
    for chunk in chunks {
        let action = spoil(interface, chunk);
        let mut buffer = [0; 64];
        let length = usize::from(action >> 2) % buffer.len();
        match action % 4 {
            0 => {
                let read = ring.read(&mut buffer[..length], now());
                assert!(read.is_err() || read.is_ok_and(|count| count <= length));
            }
            1 => {
                let written = ring.try_write(&buffer[..length]);
                assert!(written.is_err() || written.is_ok_and(|count| count <= length));
            }
            2 => {
                let wanted = Ready {
                    read: true,
                    write: true,
                };
                drop(ring.wait(wanted, now()));
            }
            _ => ring.shutdown(),
        }
    }
}

/// Our end as a store; the domain is hostile. The store serves others on.
fn store(data: &[u8]) {
    static SCENE: LazyLock<Mutex<Scene>> = LazyLock::new(|| Mutex::new(Scene::new()));
    let scene = SCENE.lock().unwrap_or_else(PoisonError::into_inner);
    let interface = scene.page.interface();
    scene.server.introduce(DomId(1)).expect("domain 1 exists");
    let chunks = data.chunks_exact(CHUNK);
    fill(interface, chunks.remainder());
    for chunk in chunks {
        spoil(interface, chunk);
        scene.bell.ring().expect("an event channel");
    }
    let root = scene.client.read(&StorePath::root());
    assert_eq!(root.expect("the store serves others"), b"");
}

/// A store that serves a ring, and somebody else of its clients.
struct Scene {
    server: Server,
    client: Client,
    page: Page,
    bell: EventPair,
}

impl Scene {
    fn new() -> Self {
        let mut options = StoreOptions::of(Personality::C);
        options.log = Arc::new(|_| {});
        let server = Server::start(options).expect("a store");
        server.create_domain(DomId(1));
        let (page, (bell, channel)) = (Page::new(), EventPair::new().expect("descriptors"));
        let granted = server.grant_ring(DomId(1), page.clone(), Arc::new(channel));
        granted.expect("a ring for domain 1");
        let mut options = ClientOptions::default();
        options.timeout = Duration::from_secs(5);
        let client = Client::with_connector(server.connector(DomId::DOM0), options);
        Self {
            server,
            client: client.expect("a client"),
            page,
            bell,
        }
    }
}

const CHUNK: usize = 25;

/// Sets the words of the page from a chunk and returns its last byte.
fn spoil(interface: &Interface, chunk: &[u8]) -> u8 {
    let words = [
        &interface.req_cons,
        &interface.req_prod,
        &interface.rsp_cons,
        &interface.rsp_prod,
        &interface.connection,
        &interface.error,
    ];
    for (word, bytes) in words.into_iter().zip(chunk.chunks_exact(4)) {
        // Mostly near to each other: far apart they are refused at once.
        let value = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        if bytes[3] < 0x40 {
            word.store(value & 0x7FF, SeqCst);
        } else if bytes[3] < 0x80 {
            word.store(value, SeqCst);
        }
    }
    chunk.last().copied().unwrap_or_default()
}

/// Fills both rings with some bytes, over and over.
fn fill(interface: &Interface, bytes: &[u8]) {
    for at in 0..RING_SIZE {
        let byte = bytes
            .get(at % bytes.len().max(1))
            .copied()
            .unwrap_or_default();
        interface.req[at].store(byte, SeqCst);
        interface.rsp[at].store(byte, SeqCst);
    }
}
