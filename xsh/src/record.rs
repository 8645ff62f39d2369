//! Records of messages: taken without ever holding up who sends them, told in order, losses counted.

mod line;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

use xenbus::tap::{Direction, Tap};
use xenbus::wire::Header;

pub(crate) use line::Teller;

/// Records that may wait to be told.
const QUEUE: usize = 65_536;
/// Bytes of payloads that may wait.
const BYTES: usize = 16 << 20;
/// Bytes of one payload that are kept; oxenstored sends longer ones.
pub(crate) const PAYLOAD_KEPT: usize = 16 << 10;

/// Something that happened on a connection.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A client came: its process, as far as that is known.
    Opened { pid: Option<u32>, program: String },
    /// One side ended the connection.
    Closed,
    /// A message.
    Message {
        direction: Direction,
        header: Header,
        /// Its payload, or the first part of it.
        payload: Vec<u8>,
    },
}

/// An event, when it was and on which connection.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) time: SystemTime,
    pub(crate) connection: u32,
    pub(crate) event: Event,
    /// How many records before it were dropped.
    missed: u64,
}

impl Record {
    #[cfg(test)]
    pub(crate) fn new(time: SystemTime, connection: u32, event: Event) -> Self {
        Self {
            time,
            connection,
            event,
            missed: 0,
        }
    }
}

/// What comes out of a recording.
#[derive(Debug)]
pub(crate) enum Told {
    Record(Record),
    /// So many records were dropped before the next, because they came faster than they could be told.
    Dropped(u64),
    /// There is nothing now.
    Nothing,
}

/// Takes records from any thread; never blocks.
pub(crate) struct Recorder {
    queue: SyncSender<Record>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    bytes: AtomicUsize,
    dropped: AtomicU64,
}

/// Where records are told.
pub(crate) struct Records {
    queue: Receiver<Record>,
    shared: Arc<Shared>,
    /// The next record, after it was told that some before it are missing.
    next: Option<Record>,
}

/// A recorder and where its records come out.
pub(crate) fn recording() -> (Arc<Recorder>, Records) {
    let (sender, receiver) = sync_channel(QUEUE);
    let shared = Arc::new(Shared::default());
    let recorder = Recorder {
        queue: sender,
        shared: Arc::clone(&shared),
    };
    let records = Records {
        queue: receiver,
        shared,
        next: None,
    };
    (Arc::new(recorder), records)
}

impl Recorder {
    /// Takes an event, unless too many wait.
    pub(crate) fn event(&self, connection: u32, event: Event) {
        let bytes = size(&event);
        let missed = self.shared.dropped.swap(0, Ordering::Relaxed);
        let record = Record {
            time: SystemTime::now(),
            connection,
            event,
            missed,
        };
        let waiting = self.shared.bytes.fetch_add(bytes, Ordering::Relaxed);
        if waiting + bytes > BYTES || self.queue.try_send(record).is_err() {
            self.shared.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.shared.dropped.fetch_add(missed + 1, Ordering::Relaxed);
        }
    }
}

impl Tap for Recorder {
    fn message(&self, connection: u32, direction: Direction, header: Header, payload: &[u8]) {
        let event = Event::Message {
            direction,
            header,
            payload: payload[..payload.len().min(PAYLOAD_KEPT)].to_vec(),
        };
        self.event(connection, event);
    }
}

impl Records {
    /// The next record, if there is one within `patience`.
    pub(crate) fn next(&mut self, patience: Duration) -> Told {
        if let Some(record) = self.next.take() {
            return Told::Record(record);
        }
        match self.queue.recv_timeout(patience) {
            Ok(mut record) => {
                let bytes = size(&record.event);
                self.shared.bytes.fetch_sub(bytes, Ordering::Relaxed);
                match std::mem::take(&mut record.missed) {
                    0 => Told::Record(record),
                    missed => {
                        self.next = Some(record);
                        Told::Dropped(missed)
                    }
                }
            }
            Err(_) => match self.shared.dropped.swap(0, Ordering::Relaxed) {
                0 => Told::Nothing,
                dropped => Told::Dropped(dropped),
            },
        }
    }
}

fn size(event: &Event) -> usize {
    match event {
        Event::Message { payload, .. } => payload.len(),
        Event::Opened { .. } | Event::Closed => 0,
    }
}

#[cfg(test)]
mod tests {
    use xenbus::wire::Op;
    use xenbus::{ReqId, TxId};

    use super::*;

    #[test]
    fn more_than_may_wait_is_dropped_counted_and_never_blocks() {
        let (recorder, mut records) = recording();
        let header = Header {
            op: Op::WRITE,
            req_id: ReqId(1),
            tx_id: TxId::NONE,
            len: 4096,
        };
        for _ in 0..2 * BYTES / 4096 {
            recorder.message(1, Direction::Sent, header, &[0; 4096]);
        }
        let mut kept = 0;
        let dropped = loop {
            match records.next(Duration::ZERO) {
                Told::Record(_) => kept += 1,
                Told::Dropped(count) => break count,
                Told::Nothing => panic!("too many came"),
            }
        };
        assert_eq!(kept + dropped, 2 * BYTES as u64 / 4096);
        recorder.message(1, Direction::Sent, header, &[0; 4096]);
        assert!(matches!(records.next(Duration::ZERO), Told::Record(_)));
    }
}
