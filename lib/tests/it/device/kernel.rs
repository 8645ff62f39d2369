//! A kernel's xenbus device, faked: it breaks replies where a real one does.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use xenbus::id::{ReqId, TxId};
use xenbus::transport::device::Quirks;
use xenbus::transport::{Connector, Ready, Traits, Transport};
use xenbus::wire::{HEADER_SIZE, Header, Op};

/// Where events come relative to the reply of the request that caused them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Events {
    Before,
    After,
}

/// The kernel, and the store behind it.
#[derive(Clone)]
pub(crate) struct Kernel {
    shared: Arc<(Mutex<State>, Condvar)>,
    pub(crate) traits: Traits,
}

struct State {
    nodes: BTreeMap<String, Vec<u8>>,
    opens: Vec<Open>,
    /// What a user did against the rules.
    violations: Vec<String>,
    seen: Vec<(usize, Op, Vec<u8>)>,
    next_transaction: u32,
    events: Events,
    /// Made-up replies carry request number 0, as those of old kernels.
    old: bool,
    /// What follows the OK of WATCH and UNWATCH.
    padding: usize,
    /// Opens that answer nothing.
    silent: HashSet<usize>,
}

#[derive(Default)]
struct Open {
    partial: Vec<u8>,
    in_flight: Option<(Header, Vec<u8>)>,
    replies: VecDeque<u8>,
    watches: Vec<(String, Vec<u8>)>,
    transactions: HashSet<u32>,
    closed: bool,
}

impl Kernel {
    pub(crate) fn new(quirks: Quirks) -> Self {
        let state = State {
            nodes: BTreeMap::new(),
            opens: Vec::new(),
            violations: Vec::new(),
            seen: Vec::new(),
            next_transaction: 0,
            events: Events::Before,
            old: false,
            padding: if quirks == Quirks::FreeBsd { 5 } else { 0 },
            silent: HashSet::new(),
        };
        Self {
            shared: Arc::new((Mutex::new(state), Condvar::new())),
            traits: quirks.traits(),
        }
    }

    pub(crate) fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap()
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// Number of open files, ever.
    pub(crate) fn opened(&self) -> usize {
        self.lock().opens.len()
    }

    /// Files that are open now.
    pub(crate) fn open_files(&self) -> usize {
        self.lock().opens.iter().filter(|open| !open.closed).count()
    }

    /// Requests of a type that arrived: the open file and the payload.
    pub(crate) fn seen(&self, op: Op) -> Vec<(usize, Vec<u8>)> {
        let state = self.lock();
        let of_type = state.seen.iter().filter(|(_, seen, _)| *seen == op);
        of_type
            .map(|(open, _, payload)| (*open, payload.clone()))
            .collect()
    }

    /// Transactions that are open on files that are open.
    pub(crate) fn transactions(&self) -> usize {
        let state = self.lock();
        let open = state.opens.iter().filter(|open| !open.closed);
        open.map(|open| open.transactions.len()).sum()
    }

    pub(crate) fn place_events(&self, events: Events) {
        self.lock().events = events;
    }

    pub(crate) fn be_old(&self) {
        self.lock().old = true;
    }

    /// Lets the next open file answer nothing, ever.
    pub(crate) fn silence_open(&self, number: usize) {
        self.lock().silent.insert(number);
    }

    /// A change by somebody else.
    pub(crate) fn change(&self, path: &str, value: &[u8]) {
        let mut state = self.lock();
        state.nodes.insert(path.into(), value.to_vec());
        state.fire(path);
        drop(state);
        self.shared.1.notify_all();
    }

    /// A removal by somebody else.
    pub(crate) fn remove(&self, path: &str) {
        let mut state = self.lock();
        state.nodes.remove(path);
        state.fire(path);
        drop(state);
        self.shared.1.notify_all();
    }
}

impl State {
    /// Takes one write() of an open file.
    fn write(&mut self, number: usize, bytes: &[u8]) -> io::Result<usize> {
        let open = &mut self.opens[number];
        open.partial.extend_from_slice(bytes);
        let Some(head) = open.partial.first_chunk::<HEADER_SIZE>() else {
            return Ok(bytes.len());
        };
        let header = Header::from_bytes(head);
        let length = HEADER_SIZE + header.len as usize;
        if length > 4096 {
            open.partial.clear();
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if open.partial.len() < length {
            return Ok(bytes.len());
        }
        let message = std::mem::take(&mut open.partial);
        if message.len() > length {
            // The second one is dropped, and the full length returned.
            self.violations.push("two messages in one write".into());
        }
        let payload = message[HEADER_SIZE..length].to_vec();
        self.seen.push((number, header.op, payload.clone()));
        if header.op == Op::RESET_WATCHES {
            self.violations
                .push("RESET_WATCHES: hot-plug is dead".into());
        }
        let path = String::from_utf8_lossy(payload.split(|b| *b == 0).next().unwrap()).into_owned();
        if header.op == Op::WATCH {
            match &*path {
                "/refused" => return Err(io::Error::from_raw_os_error(22)),
                "/quota" => return Err(io::Error::from_raw_os_error(28)),
                _ => {}
            }
        }
        let open = &mut self.opens[number];
        if open.in_flight.is_some() {
            // The kernel queued a pointer to its one buffer, and this request overwrote it.
            self.violations
                .push(format!("a second request in flight on file {number}"));
        }
        open.in_flight = Some((header, payload));
        Ok(bytes.len())
    }

    /// Answers what is in flight: as late as possible, so that an impatient user is caught.
    fn serve(&mut self, number: usize) {
        if self.silent.contains(&number) {
            return;
        }
        let Some((header, payload)) = self.opens[number].in_flight.take() else {
            return;
        };
        let mut strings = payload.split(|b| *b == 0);
        let path = String::from_utf8_lossy(strings.next().unwrap()).into_owned();
        let second = strings.next().unwrap_or_default().to_vec();
        let mut fired = None;
        let answer: Result<Vec<u8>, &str> = match header.op {
            Op::READ => self.nodes.get(&path).cloned().ok_or("ENOENT"),
            Op::GET_PERMS if self.nodes.contains_key(&path) => Ok(b"n0\0".to_vec()),
            Op::DIRECTORY => Ok(self.children(&path)),
            Op::WRITE => {
                self.nodes
                    .insert(path.clone(), payload[path.len() + 1..].to_vec());
                fired = Some(path);
                Ok(b"OK\0".to_vec())
            }
            Op::RM => {
                self.nodes.remove(&path);
                fired = Some(path);
                Ok(b"OK\0".to_vec())
            }
            Op::TRANSACTION_START => {
                self.next_transaction += 1;
                let id = self.next_transaction;
                self.opens[number].transactions.insert(id);
                Ok(format!("{id}\0").into_bytes())
            }
            Op::TRANSACTION_END => {
                let id = header.tx_id.0;
                let known = self.opens[number].transactions.remove(&id);
                known.then(|| b"OK\0".to_vec()).ok_or("ENOENT")
            }
            Op::WATCH => {
                self.opens[number]
                    .watches
                    .push((path.clone(), second.clone()));
                // Of the kernel's own watch, which it has for all its users.
                let event = event(&path, &second);
                if self.events == Events::Before {
                    self.opens[number].replies.extend(event);
                    Ok(self.made_up())
                } else {
                    let reply = self.reply(&header, Ok(self.made_up()));
                    self.opens[number].replies.extend(reply);
                    self.opens[number].replies.extend(event);
                    return;
                }
            }
            Op::UNWATCH => {
                self.opens[number]
                    .watches
                    .retain(|(_, token)| *token != second);
                Ok(self.made_up())
            }
            _ => Err("ENOENT"),
        };
        let reply = self.reply(&header, answer);
        match (self.events, fired) {
            (Events::Before, Some(path)) => {
                self.fire(&path);
                self.opens[number].replies.extend(reply);
            }
            (Events::After, Some(path)) => {
                self.opens[number].replies.extend(reply);
                self.fire(&path);
            }
            (_, None) => self.opens[number].replies.extend(reply),
        }
    }

    fn made_up(&self) -> Vec<u8> {
        [&b"OK\0"[..], &vec![0xEE; self.padding]].concat()
    }

    fn reply(&self, header: &Header, answer: Result<Vec<u8>, &str>) -> Vec<u8> {
        let made_up = self.old && matches!(header.op, Op::WATCH | Op::UNWATCH);
        let (op, payload) = match answer {
            Ok(payload) => (header.op, payload),
            Err(name) => (Op::ERROR, [name.as_bytes(), b"\0"].concat()),
        };
        let header = Header {
            op,
            req_id: if made_up { ReqId(0) } else { header.req_id },
            tx_id: if made_up { TxId(0) } else { header.tx_id },
            len: u32::try_from(payload.len()).unwrap(),
        };
        [&header.to_bytes()[..], &payload].concat()
    }

    fn children(&self, path: &str) -> Vec<u8> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let names = self
            .nodes
            .keys()
            .filter_map(|node| node.strip_prefix(&prefix));
        let direct = names.filter(|name| !name.contains('/'));
        direct
            .flat_map(|name| [name.as_bytes(), b"\0"].concat())
            .collect()
    }

    fn fire(&mut self, path: &str) {
        for open in self.opens.iter_mut().filter(|open| !open.closed) {
            for (watched, token) in &open.watches {
                let below = path.strip_prefix(watched.as_str());
                if below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                    open.replies.extend(event(path, token));
                }
            }
        }
    }
}

fn event(path: &str, token: &[u8]) -> Vec<u8> {
    let payload = [path.as_bytes(), b"\0", token, b"\0"].concat();
    crate::peer::message(Op::WATCH_EVENT, ReqId(0), &payload)
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kernel")
    }
}

impl Connector for Kernel {
    fn connect(&self, _deadline: Option<Instant>) -> xenbus::Result<Box<dyn Transport>> {
        let mut state = self.lock();
        state.opens.push(Open::default());
        let number = state.opens.len() - 1;
        drop(state);
        Ok(Box::new(File {
            kernel: self.clone(),
            number,
        }))
    }

    fn address(&self) -> String {
        "dev:/fake/xenbus".into()
    }
}

/// One open file of the device.
#[derive(Debug)]
struct File {
    kernel: Kernel,
    number: usize,
}

impl File {
    /// Serves and waits until something can be read or the file is closed.
    fn readable(&self, deadline: Option<Instant>) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.kernel.lock();
        loop {
            state.serve(self.number);
            // A request of this file may have fired a watch of another.
            self.kernel.shared.1.notify_all();
            let open = &state.opens[self.number];
            if open.closed || !open.replies.is_empty() {
                return Ok(state);
            }
            let changed = &self.kernel.shared.1;
            state = match deadline {
                None => changed.wait(state).unwrap(),
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    changed.wait_timeout(state, left).unwrap().0
                }
            };
        }
    }
}

impl Transport for File {
    fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        let mut state = self.readable(deadline)?;
        let open = &mut state.opens[self.number];
        if open.closed {
            return Ok(0);
        }
        // A read may end anywhere.
        let most = buffer.len().min(11);
        io::Read::read(&mut open.replies, &mut buffer[..most])
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.kernel.lock();
        let result = state.write(self.number, bytes);
        drop(state);
        self.kernel.shared.1.notify_all();
        result
    }

    fn wait(&self, wanted: Ready, deadline: Option<Instant>) -> io::Result<Ready> {
        if wanted.write {
            return Ok(Ready {
                read: false,
                write: true,
            });
        }
        drop(self.readable(deadline)?);
        Ok(Ready {
            read: true,
            write: false,
        })
    }

    fn shutdown(&self) {
        let mut state = self.kernel.lock();
        state.opens[self.number].closed = true;
        drop(state);
        self.kernel.shared.1.notify_all();
    }

    fn traits(&self) -> Traits {
        self.kernel.traits
    }
}
