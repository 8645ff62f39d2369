//! Who we are to the store, and which node is the root of the mount.

use xenbus::client::Request;
use xenbus::path::PathKind;
use xenbus::wire::Op;
use xenbus::{Client, DomId, Error, ErrorKind, Operations, Result, StorePath};

use crate::attr::Caller;
use crate::settings::Subdir;

/// Asks the store what we may do.
pub(super) fn caller(client: &Client) -> Result<Caller> {
    // Only a privileged client may ask this (xenstore.txt, IS_DOMAIN_INTRODUCED), and both daemons refuse a guest.
    let question = Request::domid(Op::IS_DOMAIN_INTRODUCED, DomId::DOM0);
    match client.submit(question).wait() {
        Err(error) if error.kind() == ErrorKind::Denied => {
            Ok(Caller::Domain(own_domid(client).ok()))
        }
        Err(
            error @ (Error::TimedOut { .. } | Error::Disconnected { .. } | Error::Protocol { .. }),
        ) => Err(error),
        // A store that does not know the question is not one that guests can reach.
        _ => Ok(Caller::Privileged),
    }
}

/// The node that is the root of the mount.
pub(super) fn root(client: &Client, subdir: &Subdir, caller: Caller) -> Result<StorePath> {
    let home = || match caller {
        Caller::Domain(Some(own)) => Ok(own),
        _ => own_domid(client),
    };
    let root = match subdir {
        Subdir::Root => return Ok(StorePath::root()),
        Subdir::Home => StorePath::home(home()?),
        Subdir::Node(path) => match path.kind() {
            PathKind::Absolute => path.clone(),
            PathKind::Relative => path.absolute(home()?)?,
            PathKind::Special => return Err(unusable(path, "a special path is no node")),
        },
    };
    match client.perms(&root) {
        Err(error) if error.is_not_found() => Err(unusable(&root, "there is no such node")),
        // It may be readable only further down.
        Err(error) if error.kind() == ErrorKind::Denied => Ok(root),
        Err(error) => Err(error),
        Ok(_) => Ok(root),
    }
}

/// Every toolstack writes a domain's number into its home, and a relative path is below one's own home.
fn own_domid(client: &Client) -> Result<DomId> {
    let value = client.read(&StorePath::parse("domid")?)?;
    Ok(DomId::parse(&String::from_utf8_lossy(&value))?)
}

fn unusable(path: &StorePath, reason: &str) -> Error {
    Error::Invalid {
        what: format!("subdir={path}"),
        reason: reason.into(),
    }
}
