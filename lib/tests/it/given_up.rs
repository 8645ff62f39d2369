//! An answer that is given up while another thread is writing.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use xenbus::client::{Client, Operations as _};
use xenbus::transport::socket::Socket;
use xenbus::transport::{Ready, Traits, Transport};
use xenbus::wire::{HEADER_SIZE, Header, Op};

use crate::peer::{Once, PATIENCE, eventually, message, options, path};

/// A stream whose writes can be made to return late, though the bytes have left.
#[derive(Debug, Default)]
struct Gate {
    closed: Mutex<bool>,
    opened: Condvar,
    held: AtomicBool,
    reading: AtomicBool,
}

#[derive(Debug)]
struct Gated {
    gate: Arc<Gate>,
    socket: Socket,
}

impl Transport for Gated {
    fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        self.gate.reading.store(true, Ordering::Release);
        let read = self.socket.read(buffer, deadline);
        self.gate.reading.store(false, Ordering::Release);
        read
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.socket.try_write(bytes);
        let mut closed = self.gate.closed.lock().unwrap();
        while *closed {
            self.gate.held.store(true, Ordering::Release);
            closed = self.gate.opened.wait(closed).unwrap();
        }
        written
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

/// Answers the third request, then the second. The first is never answered.
fn answer_late(mut stream: UnixStream) {
    use io::{Read as _, Write as _};
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mut head = [0; HEADER_SIZE];
        stream.read_exact(&mut head).unwrap();
        let header = Header::from_bytes(&head);
        let mut body = vec![0; header.len as usize];
        stream.read_exact(&mut body).unwrap();
        ids.push(header.req_id);
    }
    for id in [ids[2], ids[1]] {
        stream.write_all(&message(Op::READ, id, b"v")).unwrap();
    }
    drop(stream.read(&mut [0]));
}

#[test]
fn giving_an_answer_up_does_not_wait_for_bytes_that_nobody_sends() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let peer = std::thread::spawn(move || answer_late(theirs));
    let gate = Arc::new(Gate::default());
    let gated = Gated {
        gate: Arc::clone(&gate),
        socket: Socket::new(ours),
    };
    let connector = Arc::new(Once::new(gated));
    let timeout = PATIENCE * 2;
    let client = Client::with_connector(connector, options(timeout)).unwrap();
    let start = Instant::now();
    std::thread::scope(|scope| {
        let given_up = client.submit_read(&path("/given-up"));
        let reader = scope.spawn(|| client.read(&path("/reader")));
        eventually("the reader reads", || gate.reading.load(Ordering::Acquire));
        *gate.closed.lock().unwrap() = true;
        let writer = scope.spawn(|| client.read(&path("/writer")));
        eventually("the writer writes", || gate.held.load(Ordering::Acquire));
        assert_eq!(reader.join().unwrap().unwrap(), b"v");
        // Both answers are there; the writer does not know it yet.
        let dropper = scope.spawn(move || drop(given_up));
        // Either it reads, which would be wrong and last until the deadline, or it waits for the writer.
        let soon = Instant::now() + Duration::from_millis(200);
        while !gate.reading.load(Ordering::Acquire) && Instant::now() < soon {
            std::thread::yield_now();
        }
        *gate.closed.lock().unwrap() = false;
        gate.opened.notify_all();
        assert_eq!(writer.join().unwrap().unwrap(), b"v");
        dropper.join().unwrap();
    });
    assert!(start.elapsed() < timeout, "it waited for the deadline");
    drop(client);
    peer.join().unwrap();
}
