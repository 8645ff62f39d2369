//! The few requests that the harness itself makes. It does not use the library under test.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

pub(crate) const READ: u32 = 2;
pub(crate) const INTRODUCE: u32 = 8;
pub(crate) const RELEASE: u32 = 9;
pub(crate) const MKDIR: u32 = 12;
pub(crate) const SET_PERMS: u32 = 14;
const ERROR: u32 = 16;

/// A privileged connection to a daemon.
pub(crate) struct Raw(UnixStream);

impl Raw {
    pub(crate) fn connect(socket: &Path, timeout: Duration) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Self(stream))
    }

    /// One request and its answer; an error reply is an error with its name.
    pub(crate) fn request(&mut self, op: u32, payload: &[u8]) -> io::Result<Vec<u8>> {
        let len = u32::try_from(payload.len()).map_err(io::Error::other)?;
        let header = [op, 1, 0, len].map(u32::to_ne_bytes).concat();
        self.0.write_all(&[&header, payload].concat())?;
        let mut header = [0; 16];
        self.0.read_exact(&mut header)?;
        let word = |at: usize| {
            u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let mut answer = vec![0; (word(12) as usize).min(1 << 20)];
        self.0.read_exact(&mut answer)?;
        match word(0) {
            ERROR => Err(io::Error::other(
                String::from_utf8_lossy(&answer)
                    .trim_end_matches('\0')
                    .to_owned(),
            )),
            answered if answered == op => Ok(answer),
            other => Err(io::Error::other(format!("an answer of type {other}"))),
        }
    }
}
