//! Requests without anything around them: what the daemon itself needs.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use xenbus::tap::{Direction, Tap};
use xenbus::wire::Header;

/// Requests under way, as many as a walk has.
const WINDOW: usize = 384;

/// Everything that a client has asked.
#[derive(Default)]
pub(crate) struct Asked(Mutex<Vec<Vec<u8>>>);

impl Tap for Asked {
    fn message(&self, _: u32, direction: Direction, header: Header, payload: &[u8]) {
        if direction == Direction::Sent {
            let message = [&header.to_bytes()[..], payload].concat();
            self.0.lock().unwrap().push(message);
        }
    }
}

impl Asked {
    /// The readings: watches would stay.
    pub(crate) fn readings(self: &Arc<Self>) -> Vec<Vec<u8>> {
        let all = self.0.lock().unwrap();
        // DIRECTORY is 1, READ 2 (`xs_wire.h`).
        let is_reading = |message: &&Vec<u8>| matches!(message[0], 1 | 2);
        all.iter().filter(is_reading).cloned().collect()
    }
}

/// Sends messages with a window, and reads the answers without looking at them.
pub(crate) fn replay(socket: &Path, messages: &[Vec<u8>]) -> Duration {
    let mut stream = UnixStream::connect(socket).unwrap();
    let begin = Instant::now();
    let mut answers = Answers::default();
    let mut waiting = messages.iter().collect::<VecDeque<_>>();
    let mut under_way = 0;
    let mut batch = Vec::new();
    while !waiting.is_empty() || under_way > 0 {
        // As the walk: refilled by quarters, so that many leave together.
        if under_way <= WINDOW - WINDOW / 4 {
            batch.clear();
            while under_way < WINDOW
                && let Some(message) = waiting.pop_front()
            {
                batch.extend_from_slice(message);
                under_way += 1;
            }
            stream.write_all(&batch).unwrap();
        }
        under_way -= answers.read(&mut stream);
    }
    begin.elapsed()
}

#[derive(Default)]
struct Answers {
    /// A header that has come in part, and bytes of a payload that are still to come.
    header: Vec<u8>,
    rest: usize,
}

impl Answers {
    /// Takes what is there; how many answers are whole.
    fn read(&mut self, stream: &mut UnixStream) -> usize {
        let mut buffer = vec![0; 65_536];
        let length = stream.read(&mut buffer).unwrap();
        assert!(length > 0, "the store has closed the connection");
        let mut bytes = &buffer[..length];
        let mut whole = 0;
        while !bytes.is_empty() {
            if self.rest == 0 && self.header.len() < 16 {
                let take = bytes.len().min(16 - self.header.len());
                self.header.extend_from_slice(&bytes[..take]);
                bytes = &bytes[take..];
                if self.header.len() < 16 {
                    break;
                }
                self.rest = u32::from_ne_bytes(self.header[12..16].try_into().unwrap()) as usize;
            }
            let take = bytes.len().min(self.rest);
            bytes = &bytes[take..];
            self.rest -= take;
            if self.rest == 0 && self.header.len() == 16 {
                self.header.clear();
                whole += 1;
            }
        }
        whole
    }
}
