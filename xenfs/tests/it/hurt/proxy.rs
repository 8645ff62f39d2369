//! A store in between that does not always pass on what the real one says.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use xenbus::wire::{HEADER_SIZE, Header, Op};
use xenbus::{ReqId, TxId};

/// What the next reply is replaced by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// Bytes that are no message.
    Garbage,
    /// A reply that announces four gigabytes.
    Oversize,
    /// A reply that announces more than comes.
    Endless,
    /// A reply to a question that nobody asked.
    Stranger,
    /// Half a reply, and the end of the connection.
    Torn,
    /// The end of the connection.
    Closed,
    /// Nothing, the next time that the store says no: the question stays open. Not among `ALL`, as it is the deadline
    /// that ends it.
    Nothing,
}

impl Fault {
    pub(super) const ALL: [Self; 6] = [
        Self::Garbage,
        Self::Oversize,
        Self::Endless,
        Self::Stranger,
        Self::Torn,
        Self::Closed,
    ];

    fn concerns(self, message: &[u8]) -> bool {
        let says_no = || {
            message
                .first_chunk()
                .map(Header::from_bytes)
                .is_some_and(|header| header.op == Op::ERROR)
        };
        self != Self::Nothing || says_no()
    }
}

/// The store in between.
pub(super) struct Proxy {
    path: PathBuf,
    next: Arc<Mutex<Option<Fault>>>,
    injected: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens at `path` and passes everything on to the store at `store`.
    pub(super) fn start(path: &Path, store: &Path) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let proxy = Self {
            path: path.into(),
            next: Arc::default(),
            injected: Arc::default(),
        };
        let (next, injected, store) = (
            Arc::clone(&proxy.next),
            Arc::clone(&proxy.injected),
            store.to_owned(),
        );
        // Ends with the test's process; its ends of closed connections end before.
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = match UnixStream::connect(&store) {
                    Ok(server) => server,
                    Err(error) => {
                        eprintln!("the proxy cannot reach the store: {error}");
                        continue;
                    }
                };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || pass(from, to, |_| None));
                let (next, injected) = (Arc::clone(&next), Arc::clone(&injected));
                thread::spawn(move || {
                    pass(server, client, |message| {
                        let fault = next
                            .lock()
                            .unwrap()
                            .take_if(|fault| fault.concerns(message))?;
                        injected.fetch_add(1, Ordering::SeqCst);
                        Some(replace(fault, message))
                    });
                });
            }
        });
        proxy
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the next reply, and waits until that has happened.
    pub(super) fn inject(&self, fault: Fault) {
        let before = self.injected.load(Ordering::SeqCst);
        *self.next.lock().unwrap() = Some(fault);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while self.injected.load(Ordering::SeqCst) == before {
            assert!(std::time::Instant::now() < deadline, "no reply to replace");
            thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

/// What is sent instead, and whether the connection ends with it.
fn replace(fault: Fault, message: &[u8]) -> (Vec<u8>, bool) {
    let reply = |req_id, len| {
        let header = Header {
            op: Op::READ,
            req_id: ReqId(req_id),
            tx_id: TxId::NONE,
            len,
        };
        header.to_bytes().to_vec()
    };
    match fault {
        Fault::Garbage => (vec![0xa5; 300], false),
        Fault::Oversize => (reply(1, u32::MAX), false),
        Fault::Endless => (reply(1, 1 << 20), false),
        Fault::Stranger => ([reply(0xdead_beef, 4), b"what".to_vec()].concat(), false),
        Fault::Torn => (message[..message.len() / 2].to_vec(), true),
        Fault::Closed => (Vec::new(), true),
        Fault::Nothing => (Vec::new(), false),
    }
}

/// Passes whole messages on: the daemon may send one in parts.
fn pass(
    mut from: UnixStream,
    mut to: UnixStream,
    mut instead: impl FnMut(&[u8]) -> Option<(Vec<u8>, bool)>,
) {
    while let Ok(message) = next_message(&mut from) {
        let (bytes, last) = instead(&message).unwrap_or((message, false));
        if to.write_all(&bytes).is_err() || last {
            break;
        }
    }
    // Either side's end is the other's.
    for side in [&from, &to] {
        side.shutdown(Shutdown::Both).ok();
    }
}

fn next_message(from: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut head = [0; HEADER_SIZE];
    from.read_exact(&mut head)?;
    let mut message = head.to_vec();
    message.resize(HEADER_SIZE + Header::from_bytes(&head).len as usize, 0);
    from.read_exact(&mut message[HEADER_SIZE..])?;
    Ok(message)
}
