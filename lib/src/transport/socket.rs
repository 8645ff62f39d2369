//! Unix stream sockets.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::{Connector, Ready, Traits, Transport};
use crate::error::{Error, Result};

/// A connected Unix stream socket.
#[derive(Debug)]
pub struct Socket {
    stream: UnixStream,
}

impl Socket {
    /// Takes a connected stream.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream }
    }
}

impl Transport for Socket {
    fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        loop {
            match recv(&self.stream, &mut *buffer, RecvFlags::DONTWAIT) {
                Ok((read, _)) => return Ok(read),
                Err(rustix::io::Errno::AGAIN) => {
                    self.wait(
                        Ready {
                            read: true,
                            write: false,
                        },
                        deadline,
                    )?;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match send(
                &self.stream,
                bytes,
                SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
            ) {
                Err(rustix::io::Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }

    fn wait(&self, wanted: Ready, deadline: Option<Instant>) -> io::Result<Ready> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, wanted.read);
        flags.set(PollFlags::OUT, wanted.write);
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            let mut fds = [PollFd::from_borrowed_fd(self.stream.as_fd(), flags)];
            match poll(&mut fds, timeout.as_ref()) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => {
                    let seen = fds[0].revents();
                    let ended = seen.intersects(PollFlags::HUP | PollFlags::ERR);
                    return Ok(Ready {
                        read: seen.contains(PollFlags::IN) || ended,
                        write: seen.contains(PollFlags::OUT) || ended,
                    });
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn shutdown(&self) {
        // Fails only if the peer is gone already.
        drop(self.stream.shutdown(std::net::Shutdown::Both));
    }

    fn traits(&self) -> Traits {
        Traits::STORE
    }
}

/// Connects to the socket of a daemon.
#[derive(Debug)]
pub struct SocketConnector {
    path: PathBuf,
}

impl SocketConnector {
    /// For the socket at `path`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
        }
    }
}

impl Connector for SocketConnector {
    fn connect(&self, _deadline: Option<Instant>) -> Result<Box<dyn Transport>> {
        let stream = UnixStream::connect(&self.path).map_err(|error| Error::Connect {
            address: self.address(),
            reason: error.to_string(),
            hint: String::new(),
        })?;
        Ok(Box::new(Socket::new(stream)))
    }

    fn address(&self) -> String {
        format!(
            "unix:{}",
            crate::value::escape(self.path.as_os_str().as_encoded_bytes())
        )
    }
}
