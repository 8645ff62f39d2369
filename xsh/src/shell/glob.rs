//! Wild cards: `*`, `?`, `[…]` within a name, `**` for any number of levels.

use globset::{Glob, GlobMatcher};
use xenbus::tree::{Walk, WalkOptions};
use xenbus::{ErrorKind, Operations as _, StorePath};

use super::Shell;
use super::path::step;
use crate::exit::{Exit, Failure, shown};

/// Most nodes that a pattern may match.
const MATCHES_MAX: usize = 1_000_000;

/// Whether bytes have a wild card.
pub(crate) fn has_wildcard(bytes: &[u8]) -> bool {
    bytes.iter().any(|b| b"*?[".contains(b))
}

/// A matcher for one name.
pub(crate) fn matcher(pattern: &[u8]) -> Result<GlobMatcher, Failure> {
    let text = String::from_utf8_lossy(pattern);
    Glob::new(&text)
        .map(|glob| glob.compile_matcher())
        .map_err(|error| {
            let why = error.kind().to_string();
            Failure::usage(format!("the pattern '{}': {why}", shown(pattern)))
        })
}

impl Shell {
    /// The nodes that a pattern matches, sorted.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn glob(&mut self, pattern: &[u8]) -> Result<Vec<StorePath>, Failure> {
        let (start, rest) = self.start_of(pattern)?;
        let ops = self.ops()?;
        let mut found = vec![start];
        // A name without wild cards after them may not exist below each.
        let mut unsure = false;
        for element in rest.split(|b| *b == b'/') {
            self.interrupt.check()?;
            found = match element {
                b"" | b"." => found,
                b".." => found
                    .iter()
                    .map(|path| path.parent().unwrap_or_else(StorePath::root))
                    .collect(),
                b"**" => self.everything_below(&found)?,
                name if has_wildcard(name) => {
                    let wanted = matcher(name)?;
                    let lists: Vec<_> = found
                        .iter()
                        .map(|path| (path, ops.submit_directory(path)))
                        .collect();
                    let mut next = Vec::new();
                    for (path, list) in lists {
                        let mut names = match list.wait() {
                            Ok(names) => names,
                            Err(error)
                                if matches!(
                                    error.kind(),
                                    ErrorKind::NotFound | ErrorKind::Denied
                                ) =>
                            {
                                continue;
                            }
                            Err(error) => return Err(error.into()),
                        };
                        names.sort_unstable();
                        for name in names.iter().filter(|name| wanted.is_match(name.as_str())) {
                            next.push(path.child(name)?);
                        }
                    }
                    unsure = false;
                    next
                }
                name => {
                    unsure = true;
                    found
                        .iter()
                        .map(|path| step(path, name))
                        .collect::<Result<_, _>>()?
                }
            };
            if found.len() > MATCHES_MAX {
                return Err(Failure::new(
                    Exit::LIMIT,
                    format!("'{}' matches more than {MATCHES_MAX} nodes", shown(pattern)),
                ));
            }
        }
        if unsure {
            let asked: Vec<_> = found.iter().map(|path| ops.submit_perms(path)).collect();
            let mut there = Vec::new();
            for (path, answer) in found.into_iter().zip(asked) {
                match answer.wait() {
                    Err(error) if error.is_not_found() => {}
                    Err(error) if error.kind() != ErrorKind::Denied => return Err(error.into()),
                    _ => there.push(path),
                }
            }
            found = there;
        }
        found.sort();
        found.dedup();
        if found.is_empty() {
            return Err(Failure::new(
                Exit::FAILURE,
                format!("nothing matches '{}'", shown(pattern)),
            ));
        }
        Ok(found)
    }

    fn everything_below(&mut self, tops: &[StorePath]) -> Result<Vec<StorePath>, Failure> {
        let ops = self.ops()?;
        let mut found = Vec::new();
        for top in tops {
            for node in Walk::new(&ops, top, WalkOptions::names()) {
                self.interrupt.check()?;
                match node {
                    Ok(node) => found.push(node.path),
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Err(error.into()),
                }
                if found.len() > MATCHES_MAX {
                    break;
                }
            }
        }
        Ok(found)
    }
}
