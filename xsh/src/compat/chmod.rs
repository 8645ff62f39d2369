//! `xenstore-chmod`.

use xenbus::Operations;
use xenbus::wire::Op;

use super::options::{self, Options};
use super::store::{Store, ask, directory};
use super::{Call, Result};

/// Sets the permissions of a node; with `-u` of its parents, with `-r` of what is below it.
pub(super) fn run(call: &Call, store: &Store, options: &Options) -> Result<u8> {
    let Some((path, entries)) = options.operands.split_first() else {
        return Ok(0);
    };
    store.transaction(call, |transaction| {
        let mut perms = Vec::new();
        for entry in entries {
            let letter = entry.first().copied().unwrap_or_default();
            if !matches!(letter, b'n' | b'r' | b'w' | b'b') {
                let text = [b"Invalid permission specification: '", &[letter][..], b"'"].concat();
                return Err(call.stop(&text));
            }
            perms.push(letter);
            perms.extend_from_slice(options::number(&entry[1..]).to_string().as_bytes());
            perms.push(0);
        }
        let change = Change {
            call,
            ops: transaction,
            perms: &perms,
        };
        change.at(path, options.upto, options.recurse)?;
        Ok(0)
    })
}

struct Change<'a> {
    call: &'a Call,
    ops: &'a dyn Operations,
    perms: &'a [u8],
}

impl Change<'_> {
    fn at(&self, path: &[u8], upto: bool, recurse: bool) -> Result<()> {
        if path.is_empty() {
            return Ok(());
        }
        ask(self.ops, Op::SET_PERMS, path, self.perms).map_err(|errno| {
            let text = [b"Error occurred setting permissions on '", path, b"'"].concat();
            self.call.stop_with(errno, &text)
        })?;
        if upto {
            let slash = path.iter().rposition(|b| *b == b'/').ok_or_else(|| {
                let text = [b"Unable to locate path separator '/' in '", path, b"'"].concat();
                self.call.stop(&text)
            })?;
            self.at(&path[..slash], true, false)?;
        }
        if recurse {
            for name in directory(self.ops, path).unwrap_or_default() {
                self.at(&[path, b"/", &name[..]].concat(), false, true)?;
            }
        }
        Ok(())
    }
}
