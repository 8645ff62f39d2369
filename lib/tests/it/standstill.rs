//! A program that could not run for a while: its guest was paused, or it was stopped.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use xenbus::client::{Client, Operations as _};
use xenbus::transport::socket::Socket;
use xenbus::transport::{Ready, Traits, Transport};

use crate::peer::{Once, Peer, options, path};

const TIMEOUT: Duration = Duration::from_millis(500);

/// A stream whose first read ends long after its deadline, as if nobody had run meanwhile.
#[derive(Debug)]
struct Stopped {
    socket: Socket,
    runs_again: Mutex<Option<Sender<()>>>,
}

impl Transport for Stopped {
    fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        let first = self.runs_again.lock().unwrap().take();
        if let (Some(runs_again), Some(deadline)) = (first, deadline) {
            let end = deadline + TIMEOUT;
            std::thread::sleep(end.saturating_duration_since(Instant::now()));
            runs_again.send(()).unwrap();
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.read(buffer, deadline)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.try_write(bytes)
    }

    fn wait(&self, wanted: Ready, deadline: Option<Instant>) -> io::Result<Ready> {
        self.socket.wait(wanted, deadline)
    }

    fn shutdown(&self) {
        self.socket.shutdown();
    }

    fn traits(&self) -> Traits {
        self.socket.traits()
    }
}

#[test]
fn the_time_in_which_nobody_could_run_does_not_count_as_waiting() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (runs_again, running) = channel();
    let peer = std::thread::spawn(move || {
        let mut peer = Peer { stream: theirs };
        let request = peer.next().unwrap();
        running.recv().unwrap();
        // The store stood still, too: its answer comes only now.
        peer.reply(&request, b"1");
        peer.until_gone();
    });
    let stopped = Stopped {
        socket: Socket::new(ours),
        runs_again: Mutex::new(Some(runs_again)),
    };
    let connector = Arc::new(Once::new(stopped));
    let client = Client::with_connector(connector, options(TIMEOUT)).unwrap();
    assert_eq!(client.read(&path("/a")).unwrap(), b"1");
    drop(client);
    peer.join().unwrap();
}
