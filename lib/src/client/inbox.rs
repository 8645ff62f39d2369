//! Bytes that came from a store, cut into messages.

use std::time::{Duration, Instant};

use crate::wire::{HEADER_SIZE, Header, REPLY_MAX};

/// Bytes to begin with: room for one message of the usual kind. Most programs ask for a value or two.
const FIRST: usize = 4096 + HEADER_SIZE;

/// The read half's buffer. It grows only as bytes arrive: a peer that announces much and sends nothing costs nothing.
pub(super) struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    usual: usize,
    /// More came at once than there was room for.
    is_full: bool,
    /// When the first bytes of the message came of which a part is there.
    amid_since: Option<Instant>,
}

impl Inbox {
    /// A buffer that is of `usual` bytes as soon as much arrives, and to which it shrinks back after a long message.
    pub(super) fn new(usual: usize) -> Self {
        let usual = usual.max(HEADER_SIZE);
        Self {
            buffer: vec![0; usual.min(FIRST)],
            start: 0,
            end: 0,
            usual,
            is_full: false,
            amid_since: None,
        }
    }

    /// Where the next bytes go; never empty.
    pub(super) fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            let is_small = self.is_full && self.buffer.len() < self.usual;
            if is_small || self.buffer.len() > self.usual {
                self.buffer = vec![0; self.usual];
            }
            self.is_full = false;
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.end == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        &mut self.buffer[self.end..]
    }

    /// Says that `count` bytes were put into [`Inbox::space`].
    pub(super) fn arrived(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
        self.is_full |= self.end == self.buffer.len();
    }

    /// The next whole message, if it is there.
    ///
    /// # Errors
    /// The length that a header claims, if no reply can be so long: the stream is out of step.
    pub(super) fn next(&mut self) -> Result<Option<(Header, &[u8])>, u32> {
        let Some((header, end)) = self.whole()? else {
            if self.is_amid() {
                self.amid_since.get_or_insert_with(Instant::now);
            }
            return Ok(None);
        };
        let body = self.start + HEADER_SIZE;
        self.start = end;
        self.amid_since = None;
        Ok(Some((header, &self.buffer[body..end])))
    }

    /// The header of the next message and where that ends, if all of it is there.
    fn whole(&self) -> Result<Option<(Header, usize)>, u32> {
        let Some(head) = self.buffer[self.start..self.end].first_chunk::<HEADER_SIZE>() else {
            return Ok(None);
        };
        let header = Header::from_bytes(head);
        let length = header.len as usize;
        if length > REPLY_MAX {
            return Err(header.len);
        }
        let end = self.start + HEADER_SIZE + length;
        Ok((end <= self.end).then_some((header, end)))
    }

    /// For how long part of a message has been there without the rest.
    pub(super) fn amid_for(&self) -> Option<Duration> {
        self.amid_since.map(|since| since.elapsed())
    }

    /// Whether part of a message is there.
    pub(super) fn is_amid(&self) -> bool {
        self.start != self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ReqId, TxId};
    use crate::wire::Op;

    fn message(len: u32, body: &[u8]) -> Vec<u8> {
        let header = Header {
            op: Op::READ,
            req_id: ReqId(1),
            tx_id: TxId::NONE,
            len,
        };
        [&header.to_bytes()[..], body].concat()
    }

    fn put(inbox: &mut Inbox, bytes: &[u8]) {
        for part in bytes.chunks(7) {
            let space = inbox.space();
            let fits = part.len().min(space.len());
            space[..fits].copy_from_slice(&part[..fits]);
            inbox.arrived(fits);
            if fits < part.len() {
                put(inbox, &part[fits..]);
            }
        }
    }

    #[test]
    fn messages_are_cut_whatever_the_pieces_they_come_in() {
        let mut inbox = Inbox::new(32);
        let long: Vec<u8> = (0..=255).cycle().take(5000).collect();
        put(&mut inbox, &message(3, b"abc"));
        put(&mut inbox, &message(5000, &long));
        put(&mut inbox, &message(0, b""));
        assert_eq!(inbox.next().unwrap().unwrap().1, b"abc");
        assert_eq!(inbox.next().unwrap().unwrap().1, long);
        assert_eq!(inbox.next().unwrap().unwrap().1, b"");
        assert!(inbox.next().unwrap().is_none() && !inbox.is_amid());
        assert_eq!(
            inbox.space().len(),
            32,
            "the long message's memory is given back"
        );
    }

    #[test]
    fn an_announced_length_costs_no_memory_before_its_bytes_arrive() {
        let mut inbox = Inbox::new(64);
        put(&mut inbox, &message(1 << 20, b""));
        assert!(inbox.next().unwrap().is_none());
        inbox.space();
        assert_eq!(inbox.buffer.len(), 64);
        let mut inbox = Inbox::new(64);
        put(&mut inbox, &message(u32::MAX, b""));
        assert_eq!(inbox.next(), Err(u32::MAX));
        assert_eq!(inbox.buffer.len(), 64);
    }
}
