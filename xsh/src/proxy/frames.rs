//! Messages in a stream of bytes that is not ours.

use xenbus::tap::{Direction, Tap};
use xenbus::wire::{HEADER_SIZE, Header};

use crate::record::PAYLOAD_KEPT;

/// Splits a stream in messages; of a payload no more is kept than [`PAYLOAD_KEPT`], whatever its header claims.
#[derive(Default)]
pub(super) struct Frames {
    header: Vec<u8>,
    payload: Vec<u8>,
    /// Bytes of the payload still to come.
    left: usize,
}

impl Frames {
    /// Takes bytes of the stream and tells the messages that they end.
    pub(super) fn take(
        &mut self,
        mut bytes: &[u8],
        connection: u32,
        direction: Direction,
        tap: &dyn Tap,
    ) {
        while !bytes.is_empty() {
            if self.header.len() < HEADER_SIZE {
                let missing = HEADER_SIZE - self.header.len();
                let (head, rest) = bytes.split_at(missing.min(bytes.len()));
                self.header.extend_from_slice(head);
                bytes = rest;
                let Some(header) = self.whole_header() else {
                    return;
                };
                self.left = header.len as usize;
            }
            let (part, rest) = bytes.split_at(self.left.min(bytes.len()));
            let room = PAYLOAD_KEPT - self.payload.len();
            self.payload
                .extend_from_slice(&part[..part.len().min(room)]);
            self.left -= part.len();
            bytes = rest;
            if self.left == 0
                && let Some(header) = self.whole_header()
            {
                tap.message(connection, direction, header, &self.payload);
                self.header.clear();
                self.payload.clear();
            }
        }
    }

    fn whole_header(&self) -> Option<Header> {
        let bytes = self.header.as_slice().try_into().ok()?;
        Some(Header::from_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;
    use xenbus::wire::Op;
    use xenbus::{ReqId, TxId};

    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<(Header, Vec<u8>)>>);

    impl Tap for Kept {
        fn message(&self, _: u32, _: Direction, header: Header, payload: &[u8]) {
            self.0.lock().unwrap().push((header, payload.to_vec()));
        }
    }

    proptest! {
        #[test]
        fn messages_are_found_however_the_stream_is_cut(
            messages in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..50)), 0..8),
            cuts in prop::collection::vec(1..40usize, 1..20),
        ) {
            let mut stream = Vec::new();
            let mut expected = Vec::new();
            for (op, payload) in &messages {
                let header = Header {
                    op: Op(*op),
                    req_id: ReqId(1),
                    tx_id: TxId(2),
                    len: u32::try_from(payload.len()).unwrap(),
                };
                stream.extend_from_slice(&header.to_bytes());
                stream.extend_from_slice(payload);
                expected.push((header, payload.clone()));
            }
            let (mut frames, kept) = (Frames::default(), Kept::default());
            let mut rest = &stream[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, next) = rest.split_at((*cut).min(rest.len()));
                frames.take(piece, 1, Direction::Sent, &kept);
                rest = next;
            }
            prop_assert_eq!(kept.0.into_inner().unwrap(), expected);
        }
    }

    #[test]
    fn a_message_of_four_gigabytes_is_not_stored() {
        let header = Header {
            op: Op::DIRECTORY,
            req_id: ReqId(1),
            tx_id: TxId(0),
            len: u32::MAX,
        };
        let (mut frames, kept) = (Frames::default(), Kept::default());
        frames.take(&header.to_bytes(), 1, Direction::Received, &kept);
        let piece = vec![7; 65_536];
        for _ in 0..64 {
            frames.take(&piece, 1, Direction::Received, &kept);
        }
        assert!(
            frames.payload.len() <= PAYLOAD_KEPT && frames.payload.capacity() <= 2 * PAYLOAD_KEPT
        );
        assert!(kept.0.into_inner().unwrap().is_empty());
    }
}
