//! Where a store is: `unix:PATH`, `dev:PATH`, or found as libxenstore finds it.

mod discovery;

use std::fmt;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

pub use discovery::Discovery;

use crate::error::{Error, Result};
use crate::transport::Connector;
use crate::transport::device::DeviceConnector;
use crate::transport::socket::{SocketConnector, refused};
use crate::value::escape;

/// Where a store is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Address {
    /// Found as libxenstore does; see [`Discovery`].
    #[default]
    Default,
    /// `unix:PATH`: a daemon's socket.
    Unix(PathBuf),
    /// `dev:PATH`: a kernel's xenbus device.
    Device(PathBuf),
    /// `PATH`, starting with `/` or `.`: a socket or a device, whichever the file is.
    Path(PathBuf),
    /// `demo:` or `demo:SCENARIO|FILE`: a simulated host in this process. The tools' common options start it
    /// (the module `cli`); [`Address::connector`] alone cannot.
    Demo(Option<String>),
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the forms that there are.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |reason: &str| Error::Invalid {
            what: format!("the address '{}'", escape(text.as_bytes())),
            reason: format!("{reason}; use unix:PATH, dev:PATH, demo: or demo:SCENARIO"),
        };
        if text.contains('\0') {
            return Err(wrong("it contains a NUL"));
        }
        let path = |path: &str| match path {
            "" => Err(wrong("the path is missing")),
            path => Ok(PathBuf::from(path)),
        };
        match text.split_once(':') {
            Some(("unix", rest)) => path(rest).map(Self::Unix),
            Some(("dev", rest)) => path(rest).map(Self::Device),
            Some(("demo", "")) => Ok(Self::Demo(None)),
            Some(("demo", scenario)) => Ok(Self::Demo(Some(scenario.into()))),
            _ if text.starts_with(['/', '.']) => path(text).map(Self::Path),
            _ if text.is_empty() => Err(wrong("it is empty")),
            Some(_) => Err(wrong("its kind is unknown")),
            None => Err(wrong("it has no kind")),
        }
    }

    /// How to open streams to it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an environment variable that cannot be used, and for `demo:`.
    pub fn connector(&self) -> Result<Arc<dyn Connector>> {
        match self {
            Self::Default => Ok(Arc::new(Discovery::from_environment()?)),
            Self::Unix(path) => Ok(Arc::new(SocketConnector::new(path))),
            Self::Device(path) => Ok(Arc::new(DeviceConnector::new(path))),
            Self::Path(path) => by_type(path),
            Self::Demo(_) => Err(Error::Invalid {
                what: format!("the address '{self}'"),
                reason: "a simulated host has to be started first; the tools do that".into(),
            }),
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |path: &Path| escape(path.as_os_str().as_encoded_bytes()).to_string();
        match self {
            Self::Default => f.write_str("the default address"),
            Self::Unix(path) => write!(f, "unix:{}", shown(path)),
            Self::Device(path) => write!(f, "dev:{}", shown(path)),
            Self::Path(path) => f.write_str(&shown(path)),
            Self::Demo(None) => f.write_str("demo:"),
            Self::Demo(Some(scenario)) => write!(f, "demo:{}", escape(scenario.as_bytes())),
        }
    }
}

/// A connector for whatever a file is: libxenstore asks `stat`, too.
fn by_type(path: &Path) -> Result<Arc<dyn Connector>> {
    let shown = || escape(path.as_os_str().as_encoded_bytes()).to_string();
    let kind = std::fs::metadata(path)
        .map_err(|error| refused(shown(), &error))?
        .file_type();
    if kind.is_socket() {
        Ok(Arc::new(SocketConnector::new(path)))
    } else if kind.is_char_device() {
        Ok(Arc::new(DeviceConnector::new(path)))
    } else {
        Err(Error::Connect {
            address: shown(),
            reason: "it is neither a socket nor a character device".into(),
            hint: String::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_alike() {
        for text in [
            "unix:/run/xenstored/socket",
            "dev:/dev/xen/xenbus",
            "demo:",
            "demo:busy.yaml",
            "/a/b",
            "./b",
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Address::parse("unix:a:b").unwrap(),
            Address::Unix("a:b".into())
        );
    }

    #[test]
    fn a_wrong_address_gets_one_line_with_the_reason_and_the_forms() {
        for (text, reason) in [
            ("", "it is empty"),
            ("unix:", "the path is missing"),
            ("dev:", "the path is missing"),
            ("tcp:host", "its kind is unknown"),
            ("socket", "it has no kind"),
            ("unix:/a\0b", "it contains a NUL"),
            ("\x1b[2J", "it has no kind"),
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
            assert!(error.contains("unix:PATH") && !error.contains('\x1b'));
        }
    }

    #[test]
    fn a_plain_file_is_no_store() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Address::Path(file.path().into()).connector().unwrap_err();
        assert!(
            error.to_string().contains("neither a socket nor"),
            "{error}"
        );
    }
}
