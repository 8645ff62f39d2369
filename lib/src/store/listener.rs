//! A Unix socket on which clients are taken.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::Errno as OsError;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with,
};

use crate::error::{Error, Result};

/// A listening socket; its file goes when it is dropped.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: OwnedFd,
    path: PathBuf,
    /// Device and inode of the file, so that only our own is removed.
    file: Option<(u64, u64)>,
    /// A descriptor to give up when there is no other, so that a client can be told no.
    reserve: Option<OwnedFd>,
    /// Whether the lack of descriptors was told already.
    told: bool,
}

/// What came of an attempt to take a client.
pub enum Accepted {
    /// A client.
    Client(OwnedFd),
    /// There is none now.
    Nobody,
    /// There was no descriptor for the client; it was refused. With the line to log, if it is the first time.
    Refused(Option<String>),
    /// There is no descriptor even to refuse: look again when a client has gone.
    Stuck(Option<String>),
}

impl Listener {
    /// Listens at `path`, with mode 0600. A stale socket there is replaced.
    ///
    /// # Errors
    /// [`Error::Invalid`]: why nobody can listen there.
    pub fn bind(path: &Path) -> Result<Self> {
        clear_the_way(path)?;
        let failed = |error: OsError| cannot_listen(path, &io::Error::from(error).to_string());
        let address = SocketAddrUnix::new(path).map_err(|error| {
            if error == OsError::NAMETOOLONG {
                let length = path.as_os_str().len();
                return cannot_listen(
                    path,
                    &format!(
                        "the path has {length} bytes, a socket's may have 107; choose a shorter one"
                    ),
                );
            }
            failed(error)
        })?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed)?;
        // The file gets the mode that the socket has when it is bound: it is never open to others, not even briefly.
        rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR).map_err(failed)?;
        bind(&socket, &address).map_err(failed)?;
        let file = std::fs::symlink_metadata(path).ok();
        let listener = Self {
            socket,
            path: path.to_owned(),
            file: file.map(|file| (file.dev(), file.ino())),
            reserve: reserve(),
            told: false,
        };
        listen(&listener.socket, 128).map_err(failed)?;
        Ok(listener)
    }

    /// Takes the next client.
    pub fn accept(&mut self) -> Accepted {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        match accept_with(&self.socket, flags) {
            Ok(client) => {
                self.told = false;
                if self.reserve.is_none() {
                    self.reserve = reserve();
                }
                Accepted::Client(client)
            }
            Err(OsError::MFILE | OsError::NFILE | OsError::NOBUFS | OsError::NOMEM) => {
                let told = std::mem::replace(&mut self.told, true);
                let line = (!told).then(|| {
                    let path = crate::value::escape(self.path.as_os_str().as_encoded_bytes());
                    format!("{path}: no descriptor is left for a further client: refused")
                });
                if self.reserve.take().is_none() {
                    return Accepted::Stuck(line);
                }
                drop(accept_with(&self.socket, flags));
                self.reserve = reserve();
                Accepted::Refused(line)
            }
            // A client that has gone again, or none at all.
            Err(_) => Accepted::Nobody,
        }
    }
}

impl AsFd for Listener {
    /// Readable when there is a client to take.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let now = std::fs::symlink_metadata(&self.path).ok();
        if now.map(|file| (file.dev(), file.ino())) == self.file && self.file.is_some() {
            // Nobody is left to tell; the next start removes a stale file.
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// Removes a socket's file that nobody listens on.
fn clear_the_way(path: &Path) -> Result<()> {
    let Ok(file) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !file.file_type().is_socket() {
        return Err(cannot_listen(
            path,
            "there is something else than a socket; it is left alone",
        ));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|error| {
                cannot_listen(
                    path,
                    &format!("the stale socket cannot be removed: {error}"),
                )
            })
        }
        Ok(_) => Err(cannot_listen(
            path,
            "another process serves this socket; stop it or choose another path",
        )),
        Err(error) => Err(cannot_listen(path, &error.to_string())),
    }
}

fn cannot_listen(path: &Path, reason: &str) -> Error {
    Error::Invalid {
        what: format!(
            "cannot serve {}",
            crate::value::escape(path.as_os_str().as_encoded_bytes())
        ),
        reason: reason.to_owned(),
    }
}

fn reserve() -> Option<OwnedFd> {
    std::fs::File::open("/dev/null").ok().map(OwnedFd::from)
}
