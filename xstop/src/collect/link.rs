//! What is at the other end of the connection.

use xenbus::Client;
use xenbus::client::Operations as _;
use xenbus::error::{ErrorKind, Result};
use xenbus::wire::Op;

use crate::model::Scope;

/// The two nodes that oxenstored shows in its root, and no other daemon.
const PHANTOM: &[u8] = b"@releaseDomain";

/// With whose eyes a client sees, and which daemon answers as far as its behaviour tells: only the whole host's eyes
/// may list the root.
pub(super) fn find(client: &Client) -> Result<(Scope, Option<&'static str>)> {
    let names = match client.raw(Op::DIRECTORY, b"/\0") {
        Ok(names) => names,
        Err(error) if error.kind() == ErrorKind::Denied => {
            return Ok((Scope::Domain(client.own_domid()?), None));
        }
        Err(error) => return Err(error),
    };
    let has_phantoms = names.split(|byte| *byte == 0).any(|name| name == PHANTOM);
    let daemon = if has_phantoms {
        "oxenstored"
    } else {
        "xenstored"
    };
    Ok((Scope::Host, Some(daemon)))
}
