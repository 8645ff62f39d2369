//! Scripted peers and other helpers of the client's tests.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use xenbus::client::{Client, ClientOptions};
use xenbus::id::{ReqId, TxId};
use xenbus::path::StorePath;
use xenbus::transport::socket::{Socket, SocketConnector};
use xenbus::transport::{Connector, Transport};
use xenbus::wire::{HEADER_SIZE, Header, Op};
use xenbus_harness::Daemon;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn soon() -> Instant {
    Instant::now() + PATIENCE
}

pub(crate) fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

/// Number of strings in a payload.
pub(crate) fn strings_in(payload: &[u8]) -> usize {
    xenbus::wire::strings(payload).map_or(0, Iterator::count)
}

/// Waits until `done`, looking again and again, at most [`PATIENCE`].
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = soon();
    while !done() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) fn options(timeout: Duration) -> ClientOptions {
    let mut options = ClientOptions::default();
    options.timeout = timeout;
    options
}

pub(crate) fn client_of(daemon: &Daemon) -> Client {
    let connector = Arc::new(SocketConnector::new(daemon.socket()));
    Client::with_connector(connector, options(PATIENCE)).unwrap()
}

/// A client of a scripted peer.
pub(crate) fn client_with(
    timeout: Duration,
    script: impl Fn(usize, Peer) + Send + Sync + 'static,
) -> Client {
    Client::with_connector(Scripted::new(script), options(timeout)).unwrap()
}

/// Makes every connection a socket pair with a thread at the other end that runs the script.
pub(crate) struct Scripted {
    script: Arc<dyn Fn(usize, Peer) + Send + Sync>,
    made: Mutex<usize>,
}

impl Scripted {
    /// The script gets the number of the connection, from 0, and its end. The connection ends when it returns.
    pub(crate) fn new(script: impl Fn(usize, Peer) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            script: Arc::new(script),
            made: Mutex::new(0),
        })
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Connector for Scripted {
    fn connect(&self, _deadline: Option<Instant>) -> xenbus::Result<Box<dyn Transport>> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut made = self.made.lock().unwrap();
        let number = *made;
        *made += 1;
        let script = Arc::clone(&self.script);
        std::thread::spawn(move || script(number, Peer { stream: theirs }));
        Ok(Box::new(Socket::new(ours)))
    }

    fn address(&self) -> String {
        "test:scripted".into()
    }
}

/// Makes one connection: this stream.
#[derive(Debug)]
pub(crate) struct Once<T>(Mutex<Option<T>>);

impl<T> Once<T> {
    pub(crate) fn new(stream: T) -> Self {
        Self(Mutex::new(Some(stream)))
    }
}

impl<T: Transport + std::fmt::Debug + 'static> Connector for Once<T> {
    fn connect(&self, _: Option<Instant>) -> xenbus::Result<Box<dyn Transport>> {
        Ok(Box::new(self.0.lock().unwrap().take().unwrap()))
    }

    fn address(&self) -> String {
        "test:once".into()
    }
}

/// The store's end of a scripted connection.
pub(crate) struct Peer {
    pub(crate) stream: UnixStream,
}

/// A message as the peer got it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
}

impl Message {
    /// The first string of the payload.
    pub(crate) fn first(&self) -> String {
        let first = self.payload.split(|b| *b == 0).next().unwrap_or_default();
        String::from_utf8_lossy(first).into()
    }

    /// The second string of the payload.
    pub(crate) fn second(&self) -> Vec<u8> {
        let second = self.payload.split(|b| *b == 0).nth(1);
        second.unwrap_or_default().to_vec()
    }
}

impl Peer {
    /// The next request; `None` when the client is gone.
    pub(crate) fn next(&mut self) -> Option<Message> {
        let mut head = [0; HEADER_SIZE];
        self.stream.read_exact(&mut head).ok()?;
        let header = Header::from_bytes(&head);
        let mut payload = vec![0; header.len as usize];
        self.stream.read_exact(&mut payload).ok()?;
        Some(Message { header, payload })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // A client that went away is what some scripts are about.
        drop(self.stream.write_all(bytes));
    }

    pub(crate) fn reply(&mut self, to: &Message, payload: &[u8]) {
        self.send(&message(to.header.op, to.header.req_id, payload));
    }

    pub(crate) fn error(&mut self, to: &Message, name: &[u8]) {
        self.send(&message(Op::ERROR, to.header.req_id, name));
    }

    pub(crate) fn event(&mut self, path: &str, token: &[u8]) {
        let payload = [path.as_bytes(), b"\0", token, b"\0"].concat();
        self.send(&message(Op::WATCH_EVENT, ReqId(0), &payload));
    }

    /// Answers everything that comes with its own first string, until the client is gone.
    pub(crate) fn echo(mut self) {
        while let Some(request) = self.next() {
            let payload = request.first().into_bytes();
            self.reply(&request, &payload);
        }
    }

    /// Waits until the client ends the connection.
    pub(crate) fn until_gone(mut self) {
        while self.next().is_some() {}
    }
}

pub(crate) fn message(op: Op, req_id: ReqId, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        op,
        req_id,
        tx_id: TxId::NONE,
        len: u32::try_from(payload.len()).unwrap(),
    };
    [&header.to_bytes()[..], payload].concat()
}
