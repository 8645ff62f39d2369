//! `xenstore-rm`.

use xenbus::Operations;
use xenbus::wire::Op;

use super::options::Options;
use super::store::{Store, ask, directory};
use super::{Call, Result};

/// Removes nodes and what is below them; with `-t` also the parents that are left without children and value.
pub(super) fn run(call: &Call, store: &Store, options: &Options) -> Result<u8> {
    store.transaction(call, |transaction| {
        for path in &options.operands {
            if !remove(call, transaction, path, options.tidy) {
                return Ok(1);
            }
        }
        Ok(0)
    })
}

fn remove(call: &Call, ops: &dyn Operations, path: &[u8], tidy: bool) -> bool {
    let mut path = path;
    loop {
        if ask(ops, Op::RM, path, b"").is_err() {
            call.warn(&[b"could not remove path ", path].concat());
            return false;
        }
        let slash = path.iter().rposition(|b| *b == b'/').filter(|_| tidy);
        let Some(slash) = slash else { return true };
        path = &path[..slash];
        let is_empty = ask(ops, Op::READ, path, b"").is_ok_and(|value| value.is_empty())
            && directory(ops, path).is_ok_and(|names| names.is_empty());
        if !is_empty {
            return true;
        }
    }
}
