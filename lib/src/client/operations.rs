//! Every operation of the protocol as a typed method, for a client and for a transaction alike.

use super::directory::names;
use super::request::{NameList, Pending, Request};
use crate::error::{Error, Result};
use crate::id::DomId;
use crate::path::{PathKind, StorePath};
use crate::perms::Perms;
use crate::value::{Escaped, escape};
use crate::wire::Op;

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
    ///
    /// In the root exactly [`crate::path::PHANTOM_NODES`] are left out, which oxenstored shows though they are no nodes
    /// ([`super::Client::raw`] gives the list as it is). A client and a transaction fetch a list that is too long for
    /// one reply in parts.
    fn submit_directory(&self, path: &StorePath) -> Pending<NameList> {
        let of = path.clone();
        self.submit(Request::path(Op::DIRECTORY, path))
            .decoded(move |answer| names(&of, &answer?))
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
        submit_change(self, request, path)
    }

    /// Sets a node's value; creates it and missing ancestors.
    fn write(&self, path: &StorePath, value: &[u8]) -> Result<()> {
        self.submit_write(path, value).wait()
    }

    /// Asks for a node to be created; see [`Operations::mkdir`].
    fn submit_mkdir(&self, path: &StorePath) -> Pending<()> {
        submit_change(self, Request::path(Op::MKDIR, path), path)
    }

    /// Creates a node with an empty value; an existing one is left as it is, without an event.
    fn mkdir(&self, path: &StorePath) -> Result<()> {
        self.submit_mkdir(path).wait()
    }

    /// Asks for a node and all below to be removed; see [`Operations::rm`].
    fn submit_rm(&self, path: &StorePath) -> Pending<()> {
        submit_change(self, Request::path(Op::RM, path), path)
    }

    /// Removes a node and all below. A missing node is no error if its parent exists.
    ///
    /// The root is refused here: oxenstored would empty the whole store.
    fn rm(&self, path: &StorePath) -> Result<()> {
        self.submit_rm(path).wait()
    }

    /// Sends new permissions for a node.
    fn submit_set_perms(&self, path: &StorePath, perms: &Perms) -> Pending<()> {
        let mut request = Request::path(Op::SET_PERMS, path);
        request.payload = request.payload.raw(&perms.to_wire());
        self.submit(request).decoded(|answer| ok(&answer?))
    }

    /// Sets a node's permissions.
    fn set_perms(&self, path: &StorePath, perms: &Perms) -> Result<()> {
        self.submit_set_perms(path, perms).wait()
    }

    /// Whether the node is there. EACCES is an error: it proves neither.
    fn exists(&self, path: &StorePath) -> Result<bool> {
        // The shortest reply that says so: values and lists may be long.
        match self.submit_perms(path).wait() {
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
        let home = StorePath::parse(text(&payload)?)?;
        if home.kind() == PathKind::Absolute {
            return Ok(home);
        }
        Err(Error::Protocol {
            what: format!("the home '{home}' of domain {domid}, which is no absolute path"),
        })
    }

    /// The own number, from the node `domid` in the own home, where toolstacks put it.
    fn own_domid(&self) -> Result<DomId> {
        let value = self.read(&StorePath::parse("domid")?)?;
        Ok(DomId::parse(text(&value)?)?)
    }

    /// The own home.
    fn home(&self) -> Result<StorePath> {
        Ok(StorePath::home(self.own_domid()?))
    }
}

/// Sends a request that changes a node, unless the node is the root's removal or no node at all.
fn submit_change(
    on: &(impl Operations + ?Sized),
    request: Request,
    path: &StorePath,
) -> Pending<()> {
    let reason = if request.op == Op::RM && path.is_root() {
        "it would empty the whole store"
    } else if path.kind() == PathKind::Special {
        // C answers EINVAL; oxenstored obeys, and has one special node less.
        "a special path names no node"
    } else {
        return on.submit(request).decoded(|answer| ok(&answer?));
    };
    let refused = Error::Refused {
        op: request.op,
        path: path.to_string(),
        reason,
    };
    Pending::ready(Err(refused)).decoded(|answer| answer.map(drop))
}

/// Checks the reply of an operation without a result: it starts with `OK` (FreeBSD's device adds bytes to it).
pub(super) fn ok(payload: &[u8]) -> Result<()> {
    if payload.starts_with(b"OK") {
        return Ok(());
    }
    Err(Error::Protocol {
        what: format!("the answer \"{}\" instead of \"OK\"", start_of(payload)),
    })
}

/// A reply that is one string, with or without its NUL.
pub(super) fn text(payload: &[u8]) -> Result<&str> {
    let bytes = payload.strip_suffix(b"\0").unwrap_or(payload);
    str::from_utf8(bytes).map_err(|_| Error::Protocol {
        what: format!("the answer \"{}\", which is no text", start_of(payload)),
    })
}

fn start_of(payload: &[u8]) -> Escaped<'_> {
    const SHOWN: usize = 32;
    escape(&payload[..payload.len().min(SHOWN)])
}
