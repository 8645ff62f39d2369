//! Paths in requests: completed and checked as the daemon does, which is laxer than what a client should send.

use std::borrow::Cow;

use super::access::Caller;
use super::personality::Rules;
use super::quota::{Quotas, exceeded};
use crate::path::{RELATIVE_MAX, is_name_byte};
use crate::wire::Errno;

/// The absolute path of a node that a request names.
pub(super) fn node_path<'a>(
    name: &'a [u8],
    caller: Caller,
    quotas: &Quotas,
    rules: &Rules,
) -> Result<Cow<'a, str>, Errno> {
    let text = str::from_utf8(name).map_err(|_| Errno::EINVAL)?;
    let path = match name.first() {
        Some(b'/') => Cow::Borrowed(text),
        Some(b'@') => return Err(Errno::EINVAL),
        _ => Cow::Owned(format!("{}/{text}", implicit_path(caller))),
    };
    let held = rules.path_limit_for_all || !caller.privileged;
    if is_valid(&path) && !(held && exceeded(counted(&path), quotas.path_max)) {
        Ok(path)
    } else {
        Err(Errno::EINVAL)
    }
}

/// What a watch is on: a node's absolute path or a special name, and how many bytes of it the watcher did not write.
pub(super) fn watch_path<'a>(
    name: &'a [u8],
    caller: Caller,
    quotas: &Quotas,
    rules: &Rules,
) -> Result<(Cow<'a, str>, usize), Errno> {
    match name.first() {
        Some(b'@') => {
            let text = str::from_utf8(name).map_err(|_| Errno::EINVAL)?;
            if text.len() > RELATIVE_MAX {
                return Err(Errno::EINVAL);
            }
            Ok((Cow::Borrowed(text), 0))
        }
        Some(b'/') => Ok((node_path(name, caller, quotas, rules)?, 0)),
        _ => {
            let path = node_path(name, caller, quotas, rules)?;
            Ok((path, implicit_path(caller).len()))
        }
    }
}

/// What relative paths of a caller are below.
fn implicit_path(caller: Caller) -> String {
    format!("/local/domain/{}", caller.domid)
}

/// Whether an absolute path keeps the grammar.
fn is_valid(path: &str) -> bool {
    let bytes = path.as_bytes();
    if bytes == b"/" {
        return true;
    }
    let mut last = 0;
    for byte in bytes {
        if *byte == b'/' {
            if last == b'/' {
                return false;
            }
        } else if !is_name_byte(*byte) {
            return false;
        }
        last = *byte;
    }
    bytes.first() == Some(&b'/') && last != b'/'
}

/// Bytes of a path that its limit counts: those after `/local/domain/<n>/`.
pub(super) fn counted(path: &str) -> usize {
    let after = path.strip_prefix("/local/domain/").and_then(|rest| {
        let digits = rest.bytes().take(5).take_while(u8::is_ascii_digit).count();
        (digits > 0).then(|| rest[digits..].strip_prefix('/'))?
    });
    after.map_or(path.len(), str::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_of_a_domain_is_not_counted() {
        assert_eq!(counted("/local/domain/5/abc"), 3);
        assert_eq!(counted("/local/domain/5"), 15);
        assert_eq!(counted("/local/domain/123456/a"), 22);
        assert_eq!(counted("/local/domain//a"), 16);
        assert_eq!(counted("/a"), 2);
    }

    #[test]
    fn the_grammar_is_the_daemons() {
        for good in ["/", "/a", "/a/b", "/@a", "/a@b/-_"] {
            assert!(is_valid(good), "{good}");
        }
        for bad in ["", "//", "/a/", "/a//b", "a", "/a.b", "/a b", "/a\x7f"] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
