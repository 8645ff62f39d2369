//! The wire protocol: one message is a 16-byte header and up to 4096 bytes of payload.
//!
//! | offset | size | field | meaning |
//! | --- | --- | --- | --- |
//! | 0 | 4 | type | [`Op`] |
//! | 4 | 4 | req_id | chosen by the client, echoed; 0 in a watch event |
//! | 8 | 4 | tx_id | 0 = none; echoed; 0 in a watch event |
//! | 12 | 4 | len | bytes of payload, not counting these 16 |
//!
//! Host byte order, no padding between messages (`xen/include/public/io/xs_wire.h`).

pub mod errno;
pub mod header;
pub mod op;
pub mod payload;

pub use errno::Errno;
pub use header::Header;
pub use op::Op;
pub use payload::{Payload, strings};

/// Largest payload that either side may send (`XENSTORE_PAYLOAD_MAX`).
pub const PAYLOAD_MAX: usize = 4096;

/// Bytes of a header.
pub const HEADER_SIZE: usize = 16;

/// Largest reply that we take. oxenstored sends a whole directory whatever its size, far over [`PAYLOAD_MAX`]; a
/// length beyond this means that the stream is out of step.
pub const REPLY_MAX: usize = 1 << 20;
