//! Every operation of the protocol as a typed method, for a client and for a transaction alike.

use crate::error::{Error, Result};
use crate::id::DomId;
use crate::path::StorePath;
use crate::perms::Perms;
use crate::value::escape;
use crate::wire::{Op, Payload, payload::strings};

/// A request before it is sent: operation, payload, and what to call it in an error.
#[derive(Clone, Debug)]
pub struct Request {
    /// The operation.
    pub op: Op,
    /// The payload being built.
    pub payload: Payload,
    /// The path or other subject, printable.
    pub subject: String,
}

impl Request {
    /// A request about a path: `path|`.
    pub fn path(op: Op, path: &StorePath) -> Self {
        Self {
            op,
            payload: Payload::new().string(path.as_str()),
            subject: path.to_string(),
        }
    }

    /// A request about a domain: `domid|`.
    pub fn domid(op: Op, domid: DomId) -> Self {
        Self {
            op,
            payload: Payload::new().string(domid.to_string()),
            subject: format!("domain {domid}"),
        }
    }
}

/// Names of a node's children, in the order in which the store sent them.
pub type NameList = Vec<String>;

/// An answer under way. Dropping it does not take the request back.
#[must_use = "a request's error shows only in its answer"]
pub struct Pending<T> {
    wait: Box<dyn FnOnce() -> Result<T> + Send>,
}

impl<T: Send + 'static> Pending<T> {
    pub(crate) fn new(wait: impl FnOnce() -> Result<T> + Send + 'static) -> Self {
        Self {
            wait: Box::new(wait),
        }
    }

    /// Waits for the answer, at most until the request's deadline.
    pub fn wait(self) -> Result<T> {
        (self.wait)()
    }

    pub(crate) fn then<U: Send + 'static>(
        self,
        decode: impl FnOnce(T) -> Result<U> + Send + 'static,
    ) -> Pending<U> {
        Pending::new(move || decode((self.wait)()?))
    }
}

/// The operations of the protocol. `submit_…` sends and returns at once, so that many requests can be under way.
pub trait Operations {
    /// Sends a request as it is; the answer is the reply's payload, an error reply an error.
    fn submit(&self, request: Request) -> Pending<Vec<u8>>;

    /// Asks for a node's value.
    fn submit_read(&self, path: &StorePath) -> Pending<Vec<u8>> {
        self.submit(Request::path(Op::READ, path))
    }

    /// A node's value.
    fn read(&self, path: &StorePath) -> Result<Vec<u8>> {
        self.submit_read(path).wait()
    }

    /// Asks for the names of a node's children.
    fn submit_directory(&self, path: &StorePath) -> Pending<NameList> {
        self.submit(Request::path(Op::DIRECTORY, path))
            .then(|payload| names(&payload))
    }

    /// Names of a node's children, in the store's order.
    fn directory(&self, path: &StorePath) -> Result<NameList> {
        self.submit_directory(path).wait()
    }

    /// Asks for a node's permissions.
    fn submit_perms(&self, path: &StorePath) -> Pending<Perms> {
        self.submit(Request::path(Op::GET_PERMS, path))
            .then(|payload| Ok(Perms::from_wire(&payload)?))
    }

    /// A node's permissions.
    fn perms(&self, path: &StorePath) -> Result<Perms> {
        self.submit_perms(path).wait()
    }

    /// Sends a new value for a node.
    fn submit_write(&self, path: &StorePath, value: &[u8]) -> Pending<()> {
        let mut request = Request::path(Op::WRITE, path);
        request.payload = request.payload.raw(value);
        self.submit(request).then(|payload| ok(&payload))
    }

    /// Sets a node's value; creates it and missing ancestors.
    fn write(&self, path: &StorePath, value: &[u8]) -> Result<()> {
        self.submit_write(path, value).wait()
    }

    /// Creates a node with an empty value; an existing one is left as it is, without an event.
    fn mkdir(&self, path: &StorePath) -> Result<()> {
        self.submit(Request::path(Op::MKDIR, path))
            .then(|payload| ok(&payload))
            .wait()
    }

    /// Removes a node and all below. A missing node is no error if its parent exists.
    ///
    /// The root is refused here: oxenstored would empty the whole store.
    fn rm(&self, path: &StorePath) -> Result<()> {
        if path.is_root() {
            return Err(Error::Refused {
                op: Op::RM,
                path: "/".into(),
                reason: "it would empty the whole store",
            });
        }
        self.submit(Request::path(Op::RM, path))
            .then(|payload| ok(&payload))
            .wait()
    }

    /// Sets a node's permissions.
    fn set_perms(&self, path: &StorePath, perms: &Perms) -> Result<()> {
        let mut request = Request::path(Op::SET_PERMS, path);
        request.payload = request.payload.raw(&perms.to_wire());
        self.submit(request).then(|payload| ok(&payload)).wait()
    }

    /// Whether the node is there. EACCES is an error: it proves neither.
    fn exists(&self, path: &StorePath) -> Result<bool> {
        match self.submit_directory(path).wait() {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The home of a domain, whether or not there is such a domain.
    fn domain_path(&self, domid: DomId) -> Result<StorePath> {
        let payload = self
            .submit(Request::domid(Op::GET_DOMAIN_PATH, domid))
            .wait()?;
        Ok(StorePath::parse(
            payload.strip_suffix(b"\0").unwrap_or(&payload),
        )?)
    }
}

/// Checks the reply of an operation without a result: it starts with `OK` (FreeBSD's device adds bytes to it).
fn ok(payload: &[u8]) -> Result<()> {
    if payload.starts_with(b"OK") {
        return Ok(());
    }
    let shown = &payload[..payload.len().min(32)];
    Err(Error::Protocol {
        what: format!("the answer \"{}\" instead of \"OK\"", escape(shown)),
    })
}

/// The names in the reply of DIRECTORY: checked, because they become parts of paths.
fn names(payload: &[u8]) -> Result<NameList> {
    let broken = |name: &[u8]| Error::Protocol {
        what: format!(
            "the name \"{}\" in a list of children",
            escape(&name[..name.len().min(80)])
        ),
    };
    let Some(list) = strings(payload) else {
        return Err(broken(payload));
    };
    list.map(|name| match str::from_utf8(name) {
        Ok(text) if crate::path::is_name(name) => Ok(text.to_owned()),
        _ => Err(broken(name)),
    })
    .collect()
}
