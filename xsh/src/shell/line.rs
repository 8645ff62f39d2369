//! Streams to the store that can be cut: Ctrl-C stops a command that waits for a store that does not answer.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use xenbus::transport::{Connector, Ready, Traits, Transport};

/// All open streams of a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    open: Arc<Mutex<Vec<Weak<Line>>>>,
}

impl Lines {
    /// A connector whose streams can be cut.
    pub(super) fn through(&self, inner: Arc<dyn Connector>) -> Arc<dyn Connector> {
        Arc::new(Cuttable {
            inner,
            lines: self.clone(),
        })
    }

    /// Cuts the streams on which somebody waits for an answer: nothing came since something was sent.
    pub(crate) fn cut(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|line| line.strong_count() > 0);
        for line in open.iter().filter_map(Weak::upgrade) {
            if line.is_awaited() {
                line.inner.shutdown();
            }
        }
    }
}

#[derive(Debug)]
struct Cuttable {
    inner: Arc<dyn Connector>,
    lines: Lines,
}

impl Connector for Cuttable {
    fn connect(&self, deadline: Option<Instant>) -> xenbus::Result<Box<dyn Transport>> {
        let line = Arc::new(Line {
            inner: self.inner.connect(deadline)?,
            turn: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            readers: AtomicUsize::new(0),
        });
        let mut open = self
            .lines
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.retain(|line| line.strong_count() > 0);
        open.push(Arc::downgrade(&line));
        Ok(Box::new(Shared(line)))
    }

    fn address(&self) -> String {
        self.inner.address()
    }
}

/// A stream, and the order of what happened on it.
#[derive(Debug)]
struct Line {
    inner: Box<dyn Transport>,
    turn: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    readers: AtomicUsize,
}

impl Line {
    fn is_awaited(&self) -> bool {
        self.readers.load(Ordering::SeqCst) > 0
            && self.sent.load(Ordering::SeqCst) > self.received.load(Ordering::SeqCst)
    }

    fn note(&self, what: &AtomicU64) {
        what.store(
            self.turn.fetch_add(1, Ordering::SeqCst) + 1,
            Ordering::SeqCst,
        );
    }
}

/// The stream as its client has it.
#[derive(Debug)]
struct Shared(Arc<Line>);

impl Transport for Shared {
    fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        self.0.readers.fetch_add(1, Ordering::SeqCst);
        let read = self.0.inner.read(buffer, deadline);
        self.0.readers.fetch_sub(1, Ordering::SeqCst);
        if read.is_ok() {
            self.0.note(&self.0.received);
        }
        read
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        // Noted first: the answer may be read at once.
        self.0.note(&self.0.sent);
        self.0.inner.try_write(bytes)
    }

    fn wait(&self, wanted: Ready, deadline: Option<Instant>) -> io::Result<Ready> {
        self.0.readers.fetch_add(1, Ordering::SeqCst);
        let ready = self.0.inner.wait(wanted, deadline);
        self.0.readers.fetch_sub(1, Ordering::SeqCst);
        ready
    }

    fn shutdown(&self) {
        self.0.inner.shutdown();
    }

    fn traits(&self) -> Traits {
        self.0.inner.traits()
    }
}
