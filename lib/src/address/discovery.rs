//! Where the store is when nobody says: the environment, the daemon's socket, the kernel's device.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::transport::device::{DeviceConnector, OWN_DEVICES};
use crate::transport::socket::SocketConnector;
use crate::transport::{Connector, Transport};
use crate::value::escape;

/// Finds the store as libxenstore does.
///
/// `XENSTORED_PATH` names a socket or a device, decided by what the file is. Without it come the daemon's socket
/// (`socket` in `XENSTORED_RUNDIR`, by default in `/run/xenstored` and `/var/run/xenstored`), then the device of the
/// operating system. They are tried anew for each connection, so that a daemon may move.
#[derive(Debug)]
pub struct Discovery {
    candidates: Vec<Candidate>,
    /// What the latest connection was made to.
    found: Mutex<Option<String>>,
}

#[derive(Clone, Debug)]
enum Candidate {
    Socket(PathBuf),
    Device(PathBuf),
    /// Whichever the file is.
    Either(PathBuf),
}

/// Where the daemon's socket is unless `XENSTORED_RUNDIR` says otherwise.
const RUN_DIRS: [&str; 2] = ["/run/xenstored", "/var/run/xenstored"];

impl Discovery {
    /// With what the environment says now.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a variable that cannot be a path.
    pub fn from_environment() -> Result<Self> {
        Self::new(
            std::env::var_os("XENSTORED_PATH"),
            std::env::var_os("XENSTORED_RUNDIR"),
        )
    }

    /// With these values of `XENSTORED_PATH` and `XENSTORED_RUNDIR`; an empty one is as none.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a value that cannot be a path.
    pub fn new(path: Option<OsString>, run_dir: Option<OsString>) -> Result<Self> {
        if let Some(path) = absolute("XENSTORED_PATH", path)? {
            return Ok(Self::of(vec![Candidate::Either(path)]));
        }
        let run_dirs = match absolute("XENSTORED_RUNDIR", run_dir)? {
            Some(dir) => vec![dir],
            None => RUN_DIRS.map(PathBuf::from).to_vec(),
        };
        let mut candidates = Vec::new();
        for dir in run_dirs {
            let socket = dir.join("socket");
            let seen = candidates.iter().any(|known| match known {
                Candidate::Socket(known) => same_file(known, &socket),
                Candidate::Device(_) | Candidate::Either(_) => false,
            });
            if !seen {
                candidates.push(Candidate::Socket(socket));
            }
        }
        candidates.extend(
            OWN_DEVICES
                .iter()
                .map(|device| Candidate::Device(device.into())),
        );
        Ok(Self::of(candidates))
    }

    fn of(candidates: Vec<Candidate>) -> Self {
        Self {
            candidates,
            found: Mutex::new(None),
        }
    }

    fn found(&self) -> MutexGuard<'_, Option<String>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connector for Discovery {
    fn connect(&self, deadline: Option<Instant>) -> Result<Box<dyn Transport>> {
        let mut tried = Vec::new();
        for candidate in &self.candidates {
            let connector: Result<Arc<dyn Connector>> = match candidate {
                Candidate::Socket(path) => Ok(Arc::new(SocketConnector::new(path))),
                Candidate::Device(path) => Ok(Arc::new(DeviceConnector::new(path))),
                Candidate::Either(path) => super::by_type(path),
            };
            let result = connector.and_then(|connector| {
                let transport = connector.connect(deadline)?;
                *self.found() = Some(connector.address());
                Ok(transport)
            });
            match result {
                Ok(transport) => return Ok(transport),
                Err(Error::Connect {
                    address, reason, ..
                }) => tried.push(format!("{address} ({reason})")),
                Err(error) => tried.push(error.to_string()),
            }
        }
        let denied = tried.iter().any(|line| line.contains("permission denied"));
        let hint = if denied {
            "; are you root? Without Xen, try --demo"
        } else {
            "; is xenstored running? Are you root? Without Xen, try --demo"
        };
        Err(Error::Connect {
            address: "its usual places".into(),
            reason: format!("tried {}", tried.join(", ")),
            hint: hint.into(),
        })
    }

    /// What the latest connection was made to; before it, where one will be looked for.
    fn address(&self) -> String {
        let found = self.found().clone();
        found.unwrap_or_else(|| "the usual places".into())
    }
}

fn absolute(name: &str, value: Option<OsString>) -> Result<Option<PathBuf>> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let path = PathBuf::from(value);
    if path.is_absolute() {
        return Ok(Some(path));
    }
    Err(Error::Invalid {
        what: format!("the environment variable {name}"),
        reason: format!(
            "it is '{}', which is not an absolute path",
            escape(path.as_os_str().as_bytes())
        ),
    })
}

/// `/var/run` is a link to `/run` nearly everywhere: naming both would only lengthen the error.
fn same_file(a: &std::path::Path, b: &std::path::Path) -> bool {
    let canonical = |path: &std::path::Path| {
        path.parent()
            .and_then(|dir| dir.parent())
            .and_then(|dir| dir.canonicalize().ok())
    };
    canonical(a).is_some_and(|dir| canonical(b) == Some(dir))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_path_of_the_environment_wins_and_its_file_decides_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let _listener = UnixListener::bind(&socket).unwrap();
        let found = Discovery::new(Some(socket.into()), Some("/nonexistent".into())).unwrap();
        assert_eq!(found.candidates.len(), 1);
        found.connect(Some(Instant::now())).unwrap();
        assert!(found.address().starts_with("unix:"), "{}", found.address());
        let plain = dir.path().join("plain");
        std::fs::write(&plain, "").unwrap();
        let found = Discovery::new(Some(plain.into()), None).unwrap();
        let error = found.connect(Some(Instant::now())).unwrap_err().to_string();
        assert!(error.contains("neither a socket nor"), "{error}");
    }

    #[test]
    fn the_error_says_what_was_tried_and_what_to_do() {
        let found = Discovery::new(None, Some("/nonexistent".into())).unwrap();
        let error = found.connect(Some(Instant::now())).unwrap_err().to_string();
        for part in [
            "/nonexistent/socket",
            OWN_DEVICES[0],
            "is xenstored running?",
            "--demo",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_relative_environment_value_gets_one_clear_error() {
        for (path, dir, name) in [
            (Some("x/\x1b"), None, "XENSTORED_PATH"),
            (None, Some("run"), "XENSTORED_RUNDIR"),
        ] {
            let error = Discovery::new(path.map(OsString::from), dir.map(OsString::from))
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(name) && error.contains("not an absolute path"),
                "{error}"
            );
            assert!(!error.contains('\x1b'));
        }
        assert!(Discovery::new(Some(OsString::new()), Some(OsString::new())).is_ok());
    }
}
