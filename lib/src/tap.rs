//! An observer of every message in both directions.
//!
//! `XENBUS_TRACE=1` (see [`from_environment`]) prints messages decoded and escaped on standard error; tests and
//! recorders give their own [`Tap`] in the client's options. Without one, nothing is paid.

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use crate::value::escape;
use crate::wire::Header;

/// Which way a message went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// To the store.
    Sent,
    /// From the store.
    Received,
}

/// Sees every message of a client. Called on the thread that sends or receives: it must not block, and must not use
/// the client.
pub trait Tap: Send + Sync {
    /// One whole message. `connection` numbers the client's connections from 1.
    fn message(&self, connection: u32, direction: Direction, header: Header, payload: &[u8]);
}

/// Prints messages on standard error, escaped, with the seconds since the first one.
pub struct Trace {
    start: Instant,
}

impl Trace {
    /// Starts the clock.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

impl Tap for Trace {
    fn message(&self, connection: u32, direction: Direction, header: Header, payload: &[u8]) {
        let line = Line {
            connection,
            direction,
            header,
            payload,
        };
        // Tracing must never stop a program; a closed standard error is the reader's wish.
        drop(writeln!(
            std::io::stderr().lock(),
            "{:10.6} {line}",
            self.start.elapsed().as_secs_f64()
        ));
    }
}

/// A message as one line of printable ASCII.
pub struct Line<'a> {
    /// Number of the connection.
    pub connection: u32,
    /// Which way it went.
    pub direction: Direction,
    /// Its header.
    pub header: Header,
    /// Its payload.
    pub payload: &'a [u8],
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = match self.direction {
            Direction::Sent => '>',
            Direction::Received => '<',
        };
        let Header {
            op, req_id, tx_id, ..
        } = self.header;
        write!(
            f,
            "c{} {arrow} {op:<20} id={} tx={} \"{}\"",
            self.connection,
            req_id.0,
            tx_id.0,
            escape(self.payload)
        )
    }
}

/// The tap that the environment asks for: [`Trace`] if `XENBUS_TRACE` is `1`, nothing if it is unset, empty or `0`.
///
/// # Errors
/// The value, escaped, if it is anything else.
pub fn from_environment() -> Result<Option<Arc<dyn Tap>>, String> {
    match std::env::var_os("XENBUS_TRACE") {
        None => Ok(None),
        Some(value) if value.is_empty() || value == "0" => Ok(None),
        Some(value) if value == "1" => Ok(Some(Arc::new(Trace::new()))),
        Some(value) => Err(escape(value.as_encoded_bytes()).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ReqId, TxId};
    use crate::wire::Op;

    #[test]
    fn a_line_is_printable_whatever_the_payload() {
        let header = Header {
            op: Op::WRITE,
            req_id: ReqId(7),
            tx_id: TxId(1),
            len: 3,
        };
        let line = Line {
            connection: 2,
            direction: Direction::Sent,
            header,
            payload: b"\x1b\0\n",
        };
        assert_eq!(
            line.to_string(),
            "c2 > WRITE                id=7 tx=1 \"\\x1b\\x00\\n\""
        );
    }
}
