//! Paths as people write them.

use xenbus::path::is_name;
use xenbus::{DomId, StorePath};

use super::Shell;
use crate::exit::{Exit, Failure, shown};

impl Shell {
    /// Reads a path: absolute, relative to the current node, `~` for the own home, `@3` and `%name` for that domain's;
    /// `.` and `..` work, and slashes too many do no harm. `@introduceDomain` and `@releaseDomain` are what they are.
    pub(crate) fn resolve(&mut self, text: &[u8]) -> Result<StorePath, Failure> {
        if let Some(special) = special(text) {
            return Ok(StorePath::parse(special)?);
        }
        let (start, rest) = self.start_of(text)?;
        below(&start, rest)
    }

    /// Where a path begins, and what remains of it.
    pub(super) fn start_of<'a>(
        &mut self,
        text: &'a [u8],
    ) -> Result<(StorePath, &'a [u8]), Failure> {
        let end = text.iter().position(|b| *b == b'/').unwrap_or(text.len());
        let (first, rest) = text.split_at(end);
        let start = match first {
            b"" if text.is_empty() => {
                return Err(Failure::usage("'' is not a path").hint("the current node is '.'"));
            }
            b"" => StorePath::root(),
            b"~" => StorePath::home(self.own_domid()?),
            [b'@', digits @ ..] if is_number(digits) => StorePath::home(
                DomId::parse(&String::from_utf8_lossy(digits))
                    .map_err(|error| Failure::from(xenbus::Error::from(error)))?,
            ),
            [b'%', name @ ..] => StorePath::home(self.domain_named(name)?),
            _ => return Ok((self.cwd.clone(), text)),
        };
        Ok((start, rest))
    }

    /// A domain by number or by name, with or without `@` and `%`.
    pub(crate) fn domain(&mut self, text: &[u8]) -> Result<DomId, Failure> {
        match text {
            b"~" => self.own_domid(),
            [b'%', name @ ..] => self.domain_named(name),
            [b'@', digits @ ..] | digits if is_number(digits) => {
                DomId::parse(&String::from_utf8_lossy(digits))
                    .map_err(|error| xenbus::Error::from(error).into())
            }
            name => self.domain_named(name),
        }
    }

    fn domain_named(&mut self, name: &[u8]) -> Result<DomId, Failure> {
        let ops = self.ops()?;
        let mut found = Vec::new();
        for (domid, value) in domain_names(&ops)? {
            if value == name {
                found.push(domid);
            }
        }
        match found[..] {
            [domid] => Ok(domid),
            [] => Err(Failure::new(
                Exit::FAILURE,
                format!("no domain has the name '{}'", shown(name)),
            )
            .hint("'domains' lists them")),
            [first, second, ..] => Err(Failure::new(
                Exit::FAILURE,
                format!(
                    "domains {first} and {second} have the name '{}'",
                    shown(name)
                ),
            )
            .hint("give the number: @3")),
        }
    }
}

/// The numbers and names of the domains that have a home, as far as they can be read.
pub(crate) fn domain_names(
    ops: &dyn xenbus::Operations,
) -> Result<Vec<(DomId, Vec<u8>)>, xenbus::Error> {
    let homes = StorePath::parse("/local/domain")?;
    let names = match ops.directory(&homes) {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        other => other?,
    };
    let mut domains: Vec<DomId> = names
        .iter()
        .filter_map(|name| DomId::parse(name).ok())
        .collect();
    domains.sort_unstable();
    let asked: Vec<_> = domains
        .into_iter()
        .map(|domid| {
            let path = StorePath::home(domid).join("name");
            (domid, path.map(|path| ops.submit_read(&path)))
        })
        .collect();
    let mut known = Vec::with_capacity(asked.len());
    for (domid, asked) in asked {
        match asked?.wait() {
            Ok(name) => known.push((domid, name)),
            Err(error) if error.errno().is_some() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(known)
}

/// A path that begins with `@` and no number: a special watch.
fn special(text: &[u8]) -> Option<&[u8]> {
    let (first, rest) = text.split_first()?;
    let end = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
    (*first == b'@' && !is_number(&rest[..end])).then_some(text)
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// The node at a relative path, in which `.`, `..` and empty elements are allowed, below `start`.
pub(super) fn below(start: &StorePath, rest: &[u8]) -> Result<StorePath, Failure> {
    let mut path = start.clone();
    for element in rest.split(|b| *b == b'/') {
        match element {
            b"" | b"." => {}
            b".." => path = path.parent().unwrap_or_else(StorePath::root),
            name => path = step(&path, name)?,
        }
    }
    Ok(path)
}

/// The child of a node.
pub(super) fn step(path: &StorePath, name: &[u8]) -> Result<StorePath, Failure> {
    if is_name(name) {
        return Ok(path.child(&String::from_utf8_lossy(name))?);
    }
    // For the error.
    let mut whole = path.as_bytes().to_vec();
    if !path.is_root() {
        whole.push(b'/');
    }
    whole.extend_from_slice(name);
    match StorePath::parse(whole) {
        Ok(path) => Ok(path),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_and_slashes_are_resolved() {
        let at = |start: &str, rest: &str| {
            below(&StorePath::parse(start).unwrap(), rest.as_bytes())
                .unwrap()
                .to_string()
        };
        assert_eq!(at("/a/b", "../c//d/."), "/a/c/d");
        assert_eq!(at("/a", "../../.."), "/");
        assert_eq!(at("/", "@x/"), "/@x");
        assert!(below(&StorePath::root(), b"a b").is_err());
        assert!(below(&StorePath::root(), b"\x1b[2J").is_err());
    }

    #[test]
    fn an_at_with_digits_is_no_special_path() {
        assert_eq!(special(b"@3"), None);
        assert_eq!(special(b"@3/device"), None);
        assert_eq!(special(b"@releaseDomain/3"), Some(&b"@releaseDomain/3"[..]));
        assert_eq!(special(b"./@x"), None);
    }
}
