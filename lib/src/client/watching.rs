//! The watch connection: opened with the first watch, read by the only permanent thread, made again when lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connection::{Connection, Failure};
use super::dialer::{Backoff, Dialer};
use super::polling::{self, Polls};
use super::registry::{Entry, Registry, token};
use super::request::Subject;
use super::ticket::{Bond, Ticket};
use crate::error::{Error, Result};
use crate::id::TxId;
use crate::path::StorePath;
use crate::transport::{InFlight, Watches};
use crate::watch::WatchOptions;
use crate::watch::queue::Queue;
use crate::wire::{Errno, Op, Payload};

/// The watches of a client and the connection that they share.
pub(crate) struct Hub {
    registry: Arc<Registry>,
    dialer: Arc<Dialer>,
    timeout: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    /// Whether the thread lives: it reads `connection`, or makes a new one.
    running: bool,
    closed: bool,
    /// Why there is no connection.
    error: Option<Error>,
}

/// Numbers of watches: unique in the process, because a kernel may want tokens to be.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Hub {
    pub(super) fn new(
        registry: Arc<Registry>,
        dialer: Arc<Dialer>,
        timeout: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            registry,
            dialer,
            timeout,
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        })
    }

    /// Sets a watch.
    pub(crate) fn start(
        self: &Arc<Self>,
        path: &StorePath,
        options: WatchOptions,
    ) -> Result<(u64, Arc<Queue>)> {
        let connection = self.connection(path)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let queue = Queue::new(options.queue, options.bell).keeping_equal(options.keeps_equal);
        let queue = Arc::new(queue);
        let entry = Entry {
            path: path.clone(),
            depth: options.depth,
            interval: options.interval,
            queue: Arc::clone(&queue),
        };
        self.registry.insert(number, entry.clone());
        if connection.traits.watches == Watches::None {
            // The thread looks at once.
            self.changed.notify_all();
            return Ok((number, queue));
        }
        match self.arm(&connection, number, &entry) {
            Ok(()) => Ok((number, queue)),
            Err(error) => {
                // If the connection was lost, the thread may have set the watch on the next one meanwhile.
                self.end(number);
                Err(error)
            }
        }
    }

    /// Ends a watch. Its late events are dropped from now on.
    pub(crate) fn end(&self, number: u64) {
        let Some(entry) = self.registry.remove(number) else {
            return;
        };
        let connection = self.lock().connection.clone();
        if let Some(connection) = connection
            && connection.traits.watches != Watches::None
        {
            // Nobody waits for the answer: a store that lost the connection has forgotten the watch, too.
            drop(self.submit(&connection, Op::UNWATCH, number, &entry, None));
        }
    }

    /// Sends RESET_WATCHES and sets all watches again.
    pub(super) fn reset(&self) -> Result<()> {
        let Some(connection) = self.lock().connection.clone() else {
            return Ok(());
        };
        for (_, entry) in self.registry.all() {
            entry.queue.expect_reset();
        }
        let payload = Payload::new().string("");
        self.send(&connection, Op::RESET_WATCHES, payload, Subject::Nothing)?
            .wait()?;
        self.arm_all(&connection)
    }

    /// Ends everything.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        if let Some(connection) = state.connection.take() {
            connection.close("the client is gone");
        }
        drop(state);
        self.changed.notify_all();
        for (number, entry) in self.registry.all() {
            entry.queue.end(self.gone(&entry.path));
            self.registry.remove(number);
        }
    }

    /// The watch connection, made now if there is none; while it is being made again, waits for that.
    fn connection(self: &Arc<Self>, path: &StorePath) -> Result<Arc<Connection>> {
        let deadline = Instant::now() + self.timeout;
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err(self.gone(path));
            }
            if let Some(connection) = &state.connection {
                return Ok(Arc::clone(connection));
            }
            if !state.running {
                let connection = self.dialer.dial(self.dialer.attempts(), deadline)?;
                self.spawn(Arc::clone(&connection), path)?;
                state.running = true;
                state.connection = Some(Arc::clone(&connection));
                return Ok(connection);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(state.error.clone().unwrap_or(Error::TimedOut {
                    op: Op::WATCH,
                    path: path.to_string(),
                    after: self.timeout,
                }));
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn spawn(self: &Arc<Self>, connection: Arc<Connection>, path: &StorePath) -> Result<()> {
        let hub = Arc::clone(self);
        std::thread::Builder::new()
            .name("xenbus-watches".into())
            .spawn(move || hub.run(connection))
            .map(drop)
            .map_err(|error| Error::io(format!("watch {path}: cannot start a thread"), error))
    }

    /// The thread: reads, and makes the connection again when it is lost.
    fn run(&self, mut connection: Arc<Connection>) {
        loop {
            match connection.traits.watches {
                Watches::Store | Watches::Kernel => drop(connection.read_to_the_end()),
                Watches::None => self.look_until_lost(&connection),
            }
            let watches = self.registry.all();
            let mut state = self.lock();
            state.connection = None;
            if state.closed || watches.is_empty() {
                state.running = false;
                return;
            }
            drop(state);
            for (_, entry) in &watches {
                entry.queue.lost();
            }
            match self.connect_again() {
                Some(again) => connection = again,
                None => return,
            }
        }
    }

    /// Does the watches itself, where nobody does.
    fn look_until_lost(&self, connection: &Arc<Connection>) {
        let mut polls = Polls::default();
        while let Ok(next) = polls.look(self, connection) {
            let state = self.lock();
            if state.closed {
                return;
            }
            let pause = next.map_or(polling::INTERVAL, |at| {
                at.saturating_duration_since(Instant::now())
            });
            // A new watch and the end of the client cut the pause short.
            drop(
                self.changed
                    .wait_timeout(state, pause)
                    .unwrap_or_else(PoisonError::into_inner),
            );
        }
        connection.close("it could not be read");
    }

    fn connect_again(&self) -> Option<Arc<Connection>> {
        let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_secs(1));
        loop {
            let mut state = self.lock();
            if state.closed {
                state.running = false;
                return None;
            }
            drop(state);
            let deadline = Instant::now() + self.timeout;
            let error = match self.dialer.dial(self.dialer.attempts(), deadline) {
                Ok(connection) => match self.arm_all(&connection) {
                    Ok(()) => {
                        let mut state = self.lock();
                        if state.closed {
                            connection.close("the client is gone");
                        }
                        state.error = None;
                        state.connection = Some(Arc::clone(&connection));
                        drop(state);
                        self.changed.notify_all();
                        return Some(connection);
                    }
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let mut state = self.lock();
            state.error = Some(error);
            // Woken early only by the end of the client.
            drop(
                self.changed
                    .wait_timeout_while(state, backoff.now(), |state| !state.closed)
                    .unwrap_or_else(PoisonError::into_inner),
            );
            backoff = backoff.next();
        }
    }

    /// Sets all watches on a new connection. A watch that the store refuses ends with its error.
    fn arm_all(&self, connection: &Arc<Connection>) -> Result<()> {
        if connection.traits.watches == Watches::None {
            return Ok(());
        }
        let mut under_way = Vec::new();
        for (number, entry) in self.registry.all() {
            let depth = Self::depth(connection, &entry);
            let ticket = self.submit(connection, Op::WATCH, number, &entry, depth);
            under_way.push((number, entry, depth, ticket));
        }
        for (number, entry, depth, ticket) in under_way {
            let mut result = ticket.and_then(Ticket::wait);
            if depth.is_some() && is_invalid(&result) {
                result = self
                    .submit(connection, Op::WATCH, number, &entry, None)
                    .and_then(Ticket::wait);
            }
            match result {
                Ok(_) => entry.queue.set_again(),
                Err(error @ Error::Store { .. }) => {
                    self.registry.remove(number);
                    entry.queue.end(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn arm(&self, connection: &Arc<Connection>, number: u64, entry: &Entry) -> Result<()> {
        let depth = Self::depth(connection, entry);
        let mut result = self
            .submit(connection, Op::WATCH, number, entry, depth)?
            .wait();
        if depth.is_some() && is_invalid(&result) {
            // Before Xen 4.22 a third string is an error; the client filters then.
            result = self
                .submit(connection, Op::WATCH, number, entry, None)?
                .wait();
        }
        result.map(drop)
    }

    /// The depth to ask the store for; a kernel would drop it.
    fn depth(connection: &Connection, entry: &Entry) -> Option<u32> {
        entry
            .depth
            .filter(|_| connection.traits.watches == Watches::Store)
    }

    fn submit(
        &self,
        connection: &Arc<Connection>,
        op: Op,
        number: u64,
        entry: &Entry,
        depth: Option<u32>,
    ) -> Result<Ticket> {
        let mut payload = Payload::new()
            .string(entry.path.as_bytes())
            .string(token(number));
        if let Some(depth) = depth {
            payload = payload.string(depth.to_string());
        }
        self.send(connection, op, payload, Subject::Path(entry.path.clone()))
    }

    pub(super) fn send(
        &self,
        connection: &Arc<Connection>,
        op: Op,
        payload: Payload,
        subject: Subject,
    ) -> Result<Ticket> {
        let max = connection.payload_max();
        let too_long = |length| Error::TooLong {
            op,
            path: subject.to_string(),
            length,
            max,
        };
        let payload = payload.finish().map_err(too_long)?;
        if payload.len() > max {
            return Err(too_long(payload.len()));
        }
        let id = connection
            .submit(op, TxId::NONE, &payload, self.timeout)
            .map_err(|failure| match failure {
                Failure::TimedOut => {
                    if connection.traits.in_flight == InFlight::One {
                        connection.close("a request was not answered in time");
                    }
                    Error::TimedOut {
                        op,
                        path: subject.to_string(),
                        after: self.timeout,
                    }
                }
                Failure::Lost { lost, .. } => connection.error(&lost, op, subject.to_string()),
            })?;
        Ok(Ticket {
            connection: Arc::clone(connection),
            id,
            op,
            subject,
            timeout: self.timeout,
            notice: None,
            bond: Bond::Common,
            open: true,
        })
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    fn gone(&self, path: &StorePath) -> Error {
        Error::Disconnected {
            op: Op::WATCH,
            path: path.to_string(),
            address: self.dialer.address(),
            reason: "the client is gone".into(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_invalid(result: &Result<Vec<u8>>) -> bool {
    matches!(result, Err(Error::Store { errno, .. }) if *errno == Errno::EINVAL)
}
