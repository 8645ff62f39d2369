//! Copies of subtrees.

use std::collections::VecDeque;

use super::{Field, Node, Snapshot, WalkOptions};
use crate::client::{Operations, Pending, Request};
use crate::error::{Error, Result};
use crate::path::StorePath;
use crate::wire::Op;

/// Requests under way at once.
const WINDOW: usize = 256;

/// What becomes of the permissions of a copy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CopyPerms {
    /// Those of the original. Until all nodes are there, they have those that the store gives to new nodes, unless it
    /// is done in a transaction.
    Keep,
    /// Those that the store gives to new nodes, taken from the parent.
    Inherit,
}

/// Copies the nodes at and below `from` to `to`, and says how many that were. What is at `to` before stays, unless it
/// is overwritten. Do it in a transaction if nobody may see a half of it.
///
/// # Errors
/// If a part of the original cannot be read (nothing is written then), if `to` is the root or lies within `from`, and
/// what the store says.
pub fn copy<O: Operations + ?Sized>(
    ops: &O,
    from: &StorePath,
    to: &StorePath,
    perms: CopyPerms,
) -> Result<usize> {
    let refused = |path: &StorePath, reason| Error::Refused {
        op: Op::WRITE,
        path: path.to_string(),
        reason,
    };
    if to.is_root() {
        return Err(refused(to, "the root cannot be a copy"));
    }
    if to.is_within(from) {
        return Err(refused(to, "it lies within the original"));
    }
    let options = WalkOptions {
        perms: perms == CopyPerms::Keep,
        ..WalkOptions::default()
    };
    let original = Snapshot::take(ops, from, options)?;
    if let Some(node) = original.nodes().iter().find(|node| node.is_denied()) {
        return Err(refused(
            &node.path,
            "a part of the original may not be read",
        ));
    }
    let target = |node: &Node| node.path.moved(from, to);
    // Permissions come last: they may take away the right to write.
    all(original.nodes().iter().map(|node| {
        let value = node.value.known().map_or(&[][..], Vec::as_slice);
        Ok(ops.submit_write(&target(node)?, value))
    }))?;
    all(original
        .nodes()
        .iter()
        .filter_map(|node| match &node.perms {
            Field::Known(perms) => Some(target(node).map_err(Error::from).map(|path| {
                let mut request = Request::path(Op::SET_PERMS, &path);
                request.payload = request.payload.raw(&perms.to_wire());
                ops.submit(request).then(|_| Ok(()))
            })),
            _ => None,
        }))?;
    Ok(original.nodes().len())
}

/// Keeps a window of requests under way until all are answered.
fn all(requests: impl Iterator<Item = Result<Pending<()>>>) -> Result<()> {
    let mut flying = VecDeque::with_capacity(WINDOW);
    for request in requests {
        if flying.len() == WINDOW
            && let Some(oldest) = flying.pop_front()
        {
            Pending::wait(oldest)?;
        }
        flying.push_back(request?);
    }
    flying.into_iter().try_for_each(Pending::wait)
}
