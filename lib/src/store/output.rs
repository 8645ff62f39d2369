//! What the state machine sends, and the queue in which it waits for a client to take it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashTable;

use super::core::ConnId;
use crate::id::{DomId, ReqId, TxId};
use crate::wire::{HEADER_SIZE, Header, Op};

/// Takes what the state machine sends. It is called in the order in which a client must see the messages.
pub trait Sink {
    /// A reply. The header's length is that of `payload`.
    fn reply(&mut self, to: ConnId, header: Header, payload: &[u8]);

    /// A watch event. If `mergeable` it may be left out when an equal one is still unsent for the same client.
    fn event(&mut self, to: ConnId, path: &[u8], token: &[u8], mergeable: bool);

    /// The connection was ended by the store: its domain is gone.
    fn close(&mut self, connection: ConnId);

    /// A domain was introduced, for the first time or again: if it has a ring, it is served from now on.
    fn introduced(&mut self, domid: DomId);

    /// Something that an operator should know. May contain anything; escape before showing.
    fn log(&mut self, line: &str);
}

/// Counts the bytes that wait for all clients of a store.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    /// The bytes.
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Bytes waiting for one client.
#[derive(Debug)]
pub struct Output {
    bytes: Vec<u8>,
    /// Bytes at the front that are sent already.
    sent: usize,
    /// The last event with a hash.
    events: HashTable<Event>,
    hasher: RandomState,
    waiting: Waiting,
}

/// A mergeable event in the queue.
#[derive(Debug)]
struct Event {
    /// Of its path and token.
    hash: u64,
    /// Where it ends among the queue's bytes.
    end: usize,
}

impl Drop for Output {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Default for Output {
    fn default() -> Self {
        Self::new(Waiting::default())
    }
}

impl Output {
    /// An empty queue whose bytes are counted by `waiting`.
    pub fn new(waiting: Waiting) -> Self {
        Self {
            bytes: Vec::new(),
            sent: 0,
            events: HashTable::new(),
            hasher: RandomState::new(),
            waiting,
        }
    }

    /// Drops what waits.
    pub fn clear(&mut self) {
        self.advance(self.unsent().len());
    }

    /// Adds a reply.
    pub fn push_reply(&mut self, header: Header, payload: &[u8]) {
        self.push(header, &[payload]);
    }

    /// Adds an event, if it is not mergeable with one that is still wholly or partly unsent.
    pub fn push_event(&mut self, path: &[u8], token: &[u8], mergeable: bool) {
        let header = Header {
            op: Op::WATCH_EVENT,
            req_id: ReqId(0),
            tx_id: TxId::NONE,
            len: 0,
        };
        let parts = [path, b"\0", token, b"\0"];
        if !mergeable {
            self.push(header, &parts);
            return;
        }
        let hash = self.hasher.hash_one((path, token));
        let same = |event: &Event| event.hash == hash;
        if let Some(Event { end, .. }) = self.events.find(hash, same)
            && *end > self.sent
        {
            let len = parts.iter().map(|part| part.len()).sum();
            let equal = end
                .checked_sub(len)
                .and_then(|start| self.bytes.get(start..*end))
                .is_some_and(|old| {
                    old.starts_with(path)
                        && old[path.len()] == 0
                        && old[path.len() + 1..].starts_with(token)
                });
            if equal {
                return;
            }
        }
        self.push(header, &parts);
        let end = self.bytes.len();
        let of = |event: &Event| event.hash;
        self.events
            .entry(hash, same, of)
            .insert(Event { hash, end });
    }

    fn push(&mut self, mut header: Header, parts: &[&[u8]]) {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        // Payloads are bounded far below this by what a request can cause.
        header.len = u32::try_from(len).unwrap_or(u32::MAX);
        self.bytes.reserve(HEADER_SIZE + len);
        self.waiting
            .0
            .fetch_add(HEADER_SIZE + len, Ordering::Relaxed);
        self.bytes.extend_from_slice(&header.to_bytes());
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }

    /// What is still to be sent.
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Takes note that the first `count` of the unsent bytes were sent.
    pub fn advance(&mut self, count: usize) {
        let count = count.min(self.bytes.len() - self.sent);
        self.sent += count;
        self.waiting.0.fetch_sub(count, Ordering::Relaxed);
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.events.clear();
            self.sent = 0;
            // One long listing must not keep its memory for the life of an idle connection.
            self.bytes.shrink_to(64 * 1024);
        } else if self.sent >= 64 * 1024 && self.sent * 2 >= self.bytes.len() {
            self.bytes.drain(..self.sent);
            let sent = std::mem::take(&mut self.sent);
            self.events.retain(|event| {
                event.end = event.end.saturating_sub(sent);
                event.end > 0
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(output: &mut Output, path: &str) -> usize {
        let before = output.unsent().len();
        output.push_event(path.as_bytes(), b"t", true);
        output.unsent().len() - before
    }

    #[test]
    fn an_equal_event_is_merged_only_while_the_first_is_unsent() {
        let mut output = Output::new(Waiting::default());
        assert!(event(&mut output, "/a") > 0);
        assert!(event(&mut output, "/b") > 0);
        assert_eq!(event(&mut output, "/a"), 0);
        output.advance(1);
        assert_eq!(event(&mut output, "/a"), 0);
        output.advance(HEADER_SIZE + 4);
        assert!(event(&mut output, "/a") > 0);
        assert_eq!(event(&mut output, "/b"), 0);
        output.advance(output.unsent().len());
        assert!(event(&mut output, "/b") > 0);
    }

    #[test]
    fn what_waits_for_all_is_counted_until_it_is_sent_or_dropped() {
        let waiting = Waiting::default();
        let (mut one, mut other) = (Output::new(waiting.clone()), Output::new(waiting.clone()));
        let bytes = event(&mut one, "/a") + event(&mut other, "/b");
        assert_eq!(waiting.bytes(), bytes);
        one.advance(10);
        assert_eq!(waiting.bytes(), bytes - 10);
        drop(other);
        one.clear();
        assert_eq!(waiting.bytes(), 0);
    }

    #[test]
    fn sent_bytes_are_given_back_and_pending_events_still_merge() {
        let mut output = Output::new(Waiting::default());
        let header = Header {
            op: Op::READ,
            req_id: ReqId(1),
            tx_id: TxId::NONE,
            len: 0,
        };
        output.push_reply(header, &vec![1; 100_000]);
        event(&mut output, "/late");
        output.advance(90_000);
        assert!(output.bytes.len() < 20_000);
        assert_eq!(event(&mut output, "/late"), 0);
    }
}
