//! Unix stream sockets.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv,
    send, socket_with,
};

use super::{Connector, Ready, Traits, Transport};
use crate::error::{Error, Result};

/// A connected Unix stream socket.
#[derive(Debug)]
pub struct Socket {
    stream: UnixStream,
    /// Whether a blocking read ends by itself after [`Socket::SLICE`].
    sliced: bool,
}

impl Socket {
    /// How long one blocking read lasts at most. A read whose deadline is farther needs no poll before it: one system
    /// call instead of two or three.
    const SLICE: Duration = Duration::from_millis(500);

    /// Takes a connected stream.
    pub fn new(stream: UnixStream) -> Self {
        let sliced = stream.set_nonblocking(false).is_ok()
            && stream.set_read_timeout(Some(Self::SLICE)).is_ok();
        Self { stream, sliced }
    }
}

impl Transport for Socket {
    fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let blocking = self.sliced && left.is_some_and(|left| left >= Self::SLICE);
            let flags = if blocking {
                RecvFlags::empty()
            } else {
                RecvFlags::DONTWAIT
            };
            match recv(&self.stream, &mut *buffer, flags) {
                Ok((read, _)) => return Ok(read),
                Err(rustix::io::Errno::AGAIN) if blocking => {}
                Err(rustix::io::Errno::AGAIN) => {
                    let wanted = Ready {
                        read: true,
                        write: false,
                    };
                    self.wait(wanted, deadline)?;
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
            let mut fds = [PollFd::new(&self.stream, flags)];
            match poll(&mut fds, time_left(deadline).as_ref()) {
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

/// The time until `deadline` as `poll` wants it.
pub(super) fn time_left(deadline: Option<Instant>) -> Option<Timespec> {
    let left = deadline?.saturating_duration_since(Instant::now());
    Timespec::try_from(left).ok()
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

    /// Connects without ever blocking. The daemons listen with a backlog of 1: while one is busy (or out of
    /// descriptors, for ever) a third client gets EAGAIN, and has to try again.
    fn connect_by(&self, deadline: Option<Instant>) -> io::Result<UnixStream> {
        const FIRST_PAUSE: Duration = Duration::from_micros(200);
        const LONGEST_PAUSE: Duration = Duration::from_millis(20);
        let address = SocketAddrUnix::new(&self.path)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let mut pause = FIRST_PAUSE;
        loop {
            match connect(&socket, &address) {
                Ok(()) | Err(rustix::io::Errno::ISCONN) => return Ok(socket.into()),
                Err(rustix::io::Errno::AGAIN) => {
                    let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                    if left.is_some_and(|left| left.is_zero()) {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    std::thread::sleep(left.map_or(pause, |left| left.min(pause)));
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Connector for SocketConnector {
    fn connect(&self, deadline: Option<Instant>) -> Result<Box<dyn Transport>> {
        let stream = self
            .connect_by(deadline)
            .map_err(|error| refused(self.address(), &error))?;
        Ok(Box::new(Socket::new(stream)))
    }

    fn address(&self) -> String {
        format!(
            "unix:{}",
            crate::value::escape(self.path.as_os_str().as_encoded_bytes())
        )
    }
}

/// The error of a connection that could not be made, with what to do about it.
pub(crate) fn refused(address: String, error: &io::Error) -> Error {
    use io::ErrorKind as Kind;
    let (reason, hint) = match error.kind() {
        Kind::NotFound => (
            "there is no such file".into(),
            "; is xenstored running? Without Xen, try --demo",
        ),
        Kind::ConnectionRefused => (
            "nobody listens there".into(),
            "; is xenstored running? Without Xen, try --demo",
        ),
        Kind::PermissionDenied => ("permission denied".into(), "; are you root?"),
        Kind::TimedOut => (
            "it does not accept connections in time".into(),
            "; xenstored is busy, hangs, or is out of file descriptors",
        ),
        Kind::InvalidInput => (error.to_string(), "; a socket's path has at most 107 bytes"),
        _ => (error.to_string(), ""),
    };
    Error::Connect {
        address,
        reason,
        hint: hint.into(),
    }
}
