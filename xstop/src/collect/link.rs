//! What is at the other end of the connection.

use xenbus::Client;
use xenbus::wire::Op;

/// The two nodes that oxenstored shows in its root, and no other daemon.
const PHANTOM: &[u8] = b"@releaseDomain";

/// Which daemon answers, as far as its behaviour tells; `None` where we may not look.
pub(super) fn daemon(client: &Client) -> Option<&'static str> {
    let names = client.raw(Op::DIRECTORY, b"/\0").ok()?;
    let has_phantoms = names.split(|byte| *byte == 0).any(|name| name == PHANTOM);
    Some(if has_phantoms {
        "oxenstored"
    } else {
        "xenstored"
    })
}
