//! A recording socket in front of a daemon: what its clients and the daemon say to each other passes as it is, and a
//! copy of it is recorded.
//!
//! Each connection has two threads, one for each direction. They move bytes and never wait for who reads the records.

mod frames;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_peercred;
use xenbus::error::{Error, Result};
use xenbus::store::listener::{Accepted, Listener};
use xenbus::tap::Direction;
use xenbus::transport::socket::Socket;
use xenbus::transport::{Connector, InFlight, Ready, Transport};
use xenbus::value::escape;

use crate::record::{Event, Recorder};
use frames::Frames;

/// How long connecting to the daemon may take.
const CONNECT: Duration = Duration::from_secs(5);
/// Connections at a time; the daemons have similar limits.
const CONNECTIONS_MAX: usize = 4096;
/// Bytes moved at a time.
const PIECE: usize = 16 << 10;
/// Stack of a thread that only moves bytes.
const STACK: usize = 128 << 10;

/// A running proxy; ends when dropped, and takes its connections with it.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    acceptor: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    connector: Arc<dyn Connector>,
    recorder: Arc<Recorder>,
    links: Mutex<HashMap<u32, Arc<Link>>>,
    stopping: AtomicBool,
}

/// One client and its connection to the daemon.
struct Link {
    number: u32,
    client: Box<dyn Transport>,
    daemon: Box<dyn Transport>,
    /// How many of its two directions have ended.
    ended: AtomicU8,
}

impl Link {
    fn end(&self) {
        self.client.shutdown();
        self.daemon.shutdown();
    }
}

impl Proxy {
    /// Listens on a socket (mode 0600) and passes its clients on by `connector`.
    ///
    /// # Errors
    /// If nobody can listen there, the daemon cannot be reached, or it is a device, which takes a request at a time.
    pub(crate) fn start(
        listener: Listener,
        connector: Arc<dyn Connector>,
        recorder: Arc<Recorder>,
    ) -> Result<Self> {
        let probe = connector.connect(Some(Instant::now() + CONNECT))?;
        if probe.traits().in_flight == InFlight::One {
            return Err(Error::Invalid {
                what: connector.address(),
                reason: "a proxy can stand only before a daemon's socket".into(),
            });
        }
        drop(probe);
        let shared = Arc::new(Shared {
            connector,
            recorder,
            links: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = std::thread::Builder::new()
            .name("proxy".into())
            .spawn(move || accepting.accept(listener))
            .map_err(|error| Error::io("start a thread", error))?;
        Ok(Self {
            shared,
            acceptor: Some(acceptor),
        })
    }
}

/// Ends a proxy from another thread: its socket goes, and no client is taken any more.
#[derive(Clone)]
pub(crate) struct Stopper(Arc<Shared>);

impl Stopper {
    pub(crate) fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.0.stopping.load(Ordering::SeqCst)
    }
}

impl Proxy {
    pub(crate) fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.shared))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopper().stop();
        if let Some(acceptor) = self.acceptor.take() {
            // It has nothing to say if it panicked.
            drop(acceptor.join());
        }
        for link in self.shared.links().values() {
            link.end();
        }
    }
}

impl Shared {
    fn links(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes clients until the end.
    fn accept(self: &Arc<Self>, mut listener: Listener) {
        const LOOK: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 200_000_000,
        };
        let mut number = 0;
        while !self.stopping.load(Ordering::SeqCst) {
            // Nothing else wakes this thread: it looks now and then whether it is to end.
            if !matches!(
                poll(&mut [PollFd::new(&listener, PollFlags::IN)], Some(&LOOK)),
                Ok(1..)
            ) {
                continue;
            }
            match listener.accept() {
                Accepted::Client(client) => {
                    number += 1;
                    self.open(number, client);
                }
                Accepted::Nobody => {}
                Accepted::Refused(line) | Accepted::Stuck(line) => {
                    if let Some(line) = line {
                        crate::exit::say(&format!("xsh: {line}"));
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }

    /// Passes a client on. One that cannot be passed on is refused by closing its connection.
    fn open(self: &Arc<Self>, number: u32, client: OwnedFd) {
        let (pid, program) = who(&client);
        self.recorder.event(number, Event::Opened { pid, program });
        let daemon = self.connector.connect(Some(Instant::now() + CONNECT));
        let daemon = match daemon {
            Ok(daemon) if self.links().len() < CONNECTIONS_MAX => daemon,
            refused => {
                if let Err(error) = refused {
                    crate::exit::say(&format!("xsh: c{number}: {error}"));
                }
                self.recorder.event(number, Event::Closed);
                return;
            }
        };
        let link = Arc::new(Link {
            number,
            client: Box::new(Socket::new(UnixStream::from(client))),
            daemon,
            ended: AtomicU8::new(0),
        });
        self.links().insert(number, Arc::clone(&link));
        for direction in [Direction::Sent, Direction::Received] {
            let (shared, moving) = (Arc::clone(self), Arc::clone(&link));
            let run = move || shared.pump(&moving, direction);
            let thread = std::thread::Builder::new()
                .name(format!("c{number}"))
                .stack_size(STACK);
            if let Err(error) = thread.spawn(run) {
                crate::exit::say(&format!("xsh: c{number}: no thread for it: {error}"));
                self.close(&link);
                return;
            }
        }
    }

    /// Moves bytes one way until one side ends.
    fn pump(&self, link: &Link, direction: Direction) {
        let (from, to) = match direction {
            Direction::Sent => (&link.client, &link.daemon),
            Direction::Received => (&link.daemon, &link.client),
        };
        let mut frames = Frames::default();
        let mut piece = vec![0; PIECE];
        while let Ok(length @ 1..) = from.read(&mut piece, None) {
            let bytes = &piece[..length];
            // Recorded before it is passed on: what follows from it is recorded after it.
            frames.take(bytes, link.number, direction, self.recorder.as_ref());
            if !write_all(to.as_ref(), bytes) {
                break;
            }
        }
        self.close(link);
    }

    /// Ends a connection whose one direction has ended; when both have, it is told.
    fn close(&self, link: &Link) {
        link.end();
        if link.ended.fetch_add(1, Ordering::SeqCst) == 1 {
            self.links().remove(&link.number);
            self.recorder.event(link.number, Event::Closed);
        }
    }
}

fn write_all(to: &dyn Transport, mut bytes: &[u8]) -> bool {
    let wanted = Ready {
        read: false,
        write: true,
    };
    while !bytes.is_empty() {
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if to.wait(wanted, None).is_err() {
                    return false;
                }
            }
            Err(_) => return false,
        }
    }
    true
}

/// The process at the other end and its name, printable.
fn who(client: &OwnedFd) -> (Option<u32>, String) {
    let unknown = || "somebody".to_owned();
    let Ok(credentials) = socket_peercred(client) else {
        return (None, unknown());
    };
    let pid = credentials.pid.as_raw_nonzero().get();
    let name = std::fs::read(format!("/proc/{pid}/comm")).ok();
    let name = name.map(|name| escape(name.trim_ascii_end()).to_string());
    (u32::try_from(pid).ok(), name.unwrap_or_else(unknown))
}
