//! Every operation of the protocol as a typed method, for a client and for a transaction alike.

use super::request::{NameList, Pending, Request};
use crate::error::{Error, Result};
use crate::id::DomId;
use crate::path::StorePath;
use crate::perms::Perms;
use crate::value::escape;
use crate::wire::{Op, payload::strings};

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
            .decoded(|answer| names(&answer?))
    }

    /// Names of a node's children, in the store's order.
    fn directory(&self, path: &StorePath) -> Result<NameList> {
        self.submit_directory(path).wait()
    }

    /// Asks for a node's permissions.
    fn submit_perms(&self, path: &StorePath) -> Pending<Perms> {
        self.submit(Request::path(Op::GET_PERMS, path))
            .decoded(|answer| Ok(Perms::from_wire(&answer?)?))
    }

    /// A node's permissions.
    fn perms(&self, path: &StorePath) -> Result<Perms> {
        self.submit_perms(path).wait()
    }

    /// Sends a new value for a node.
    fn submit_write(&self, path: &StorePath, value: &[u8]) -> Pending<()> {
        let mut request = Request::path(Op::WRITE, path);
        request.payload = request.payload.raw(value);
        self.submit(request).decoded(|answer| ok(&answer?))
    }

    /// Sets a node's value; creates it and missing ancestors.
    fn write(&self, path: &StorePath, value: &[u8]) -> Result<()> {
        self.submit_write(path, value).wait()
    }

    /// Creates a node with an empty value; an existing one is left as it is, without an event.
    fn mkdir(&self, path: &StorePath) -> Result<()> {
        self.submit(Request::path(Op::MKDIR, path))
            .decoded(|answer| ok(&answer?))
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
            .decoded(|answer| ok(&answer?))
            .wait()
    }

    /// Sets a node's permissions.
    fn set_perms(&self, path: &StorePath, perms: &Perms) -> Result<()> {
        let mut request = Request::path(Op::SET_PERMS, path);
        request.payload = request.payload.raw(&perms.to_wire());
        self.submit(request).decoded(|answer| ok(&answer?)).wait()
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
