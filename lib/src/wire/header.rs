//! The 16 bytes in front of every message.

use crate::id::{ReqId, TxId};
use crate::wire::{HEADER_SIZE, Op};

/// Header of a message (`struct xsd_sockmsg`). Nothing is checked and nothing allocated by reading one: the length is
/// whatever the peer claims.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// What is asked or answered.
    pub op: Op,
    /// Number of the request.
    pub req_id: ReqId,
    /// Number of the transaction.
    pub tx_id: TxId,
    /// Bytes of payload that follow, as claimed by the sender.
    pub len: u32,
}

impl Header {
    /// Reads a header in host byte order.
    pub fn from_bytes(bytes: &[u8; HEADER_SIZE]) -> Self {
        let word = |at: usize| {
            u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Self {
            op: Op(word(0)),
            req_id: ReqId(word(4)),
            tx_id: TxId(word(8)),
            len: word(12),
        }
    }

    /// The header in host byte order.
    pub fn to_bytes(self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        for (at, word) in [self.op.0, self.req_id.0, self.tx_id.0, self.len]
            .into_iter()
            .enumerate()
        {
            bytes[at * 4..at * 4 + 4].copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_round_trip(bytes: [u8; HEADER_SIZE]) {
            prop_assert_eq!(Header::from_bytes(&bytes).to_bytes(), bytes);
        }
    }
}
