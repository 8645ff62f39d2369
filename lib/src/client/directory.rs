//! Listing children, however many there are.

use std::sync::Arc;

use super::request::{NameList, Pending, Request};
use super::shared::{Route, Shared};
use crate::error::{Error, Result};
use crate::path::{PHANTOM_NODES, StorePath, is_name};
use crate::value::escape;
use crate::wire::{Errno, Op, strings};

/// A part of a list of children, from [`super::Client::directory_part`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DirectoryPart {
    /// State of the list, opaque: parts of different generations do not belong together.
    pub generation: Vec<u8>,
    /// The names in this part.
    pub names: NameList,
    /// Offset of the next part, in bytes; `None` after the last one.
    pub next: Option<u32>,
}

/// Most bytes of names that are taken for one directory: a hostile store does not fill the memory.
const MOST_BYTES: u32 = 64 << 20;

/// How often a list that changes while it is read is begun again.
const MOST_RESTARTS: usize = 64;

/// Asks for all children: DIRECTORY, and in parts when the store says that the list is too long for one reply.
pub(crate) fn submit(shared: &Arc<Shared>, route: &Route, path: &StorePath) -> Pending<NameList> {
    let pending = shared.submit(Request::path(Op::DIRECTORY, path), route);
    let again = (Arc::clone(shared), route.clone(), path.clone());
    pending.decoded(move |answer| {
        let (shared, route, path) = again;
        match answer {
            Err(Error::Store { errno, .. }) if errno == Errno::E2BIG => {
                match in_parts(|offset| part(&shared, &route, &path, offset), &path) {
                    Err(Error::Unsupported { .. }) => Err(Error::Store {
                        op: Op::DIRECTORY,
                        path: path.to_string(),
                        errno,
                    }),
                    other => other,
                }
            }
            answer => names(&path, &answer?),
        }
    })
}

/// Asks for one part.
pub(super) fn part(
    shared: &Shared,
    route: &Route,
    path: &StorePath,
    offset: u32,
) -> Result<DirectoryPart> {
    let mut request = Request::path(Op::DIRECTORY_PART, path);
    request.payload = request.payload.string(offset.to_string());
    let payload = shared.optional(request, route)?;
    read_part(path, &payload, offset)
}

fn read_part(path: &StorePath, payload: &[u8], offset: u32) -> Result<DirectoryPart> {
    let broken = |what: &str| Error::Protocol {
        what: format!("{what} in a part of the children of {path}"),
    };
    let Some(cut) = payload.iter().position(|byte| *byte == 0) else {
        return Err(broken("no generation"));
    };
    let (generation, rest) = (&payload[..cut], &payload[cut + 1..]);
    // The list ends with an empty name.
    let (list, is_last) = match rest {
        [0] => (&rest[..0], true),
        [list @ .., 0, 0] => (&rest[..=list.len()], true),
        list => (list, false),
    };
    if list.is_empty() && !is_last {
        return Err(broken("neither a name nor the end"));
    }
    let bytes = u32::try_from(list.len()).unwrap_or(u32::MAX);
    let next = offset.saturating_add(bytes);
    if next > MOST_BYTES {
        return Err(broken("more names than any store can hold"));
    }
    Ok(DirectoryPart {
        generation: generation.to_vec(),
        names: names(path, list)?,
        next: (!is_last).then_some(next),
    })
}

fn in_parts(
    mut part: impl FnMut(u32) -> Result<DirectoryPart>,
    path: &StorePath,
) -> Result<NameList> {
    for _ in 0..MOST_RESTARTS {
        let first = part(0)?;
        let mut names = first.names;
        let mut next = first.next;
        while let Some(offset) = next {
            let more = part(offset)?;
            if more.generation != first.generation {
                break;
            }
            names.extend(more.names);
            next = more.next;
        }
        if next.is_none() {
            return Ok(names);
        }
    }
    Err(Error::Refused {
        op: Op::DIRECTORY_PART,
        path: path.to_string(),
        reason: "its children change faster than they can be listed",
    })
}

/// The names in a reply about `path`: checked, because they become parts of paths. In the root exactly
/// [`PHANTOM_NODES`] are dropped: oxenstored shows them though they are no nodes.
pub(super) fn names(path: &StorePath, payload: &[u8]) -> Result<NameList> {
    let broken = |name: &[u8]| Error::Protocol {
        what: format!(
            "the name \"{}\" among the children of {path}",
            escape(&name[..name.len().min(80)])
        ),
    };
    let Some(list) = strings(payload) else {
        return Err(broken(payload));
    };
    let names = list.map(|name| match str::from_utf8(name) {
        Ok(text) if is_name(name) => Ok(text.to_owned()),
        _ => Err(broken(name)),
    });
    if path.is_root() {
        let is_node = |name: &Result<String>| {
            name.as_ref()
                .map_or(true, |name| !PHANTOM_NODES.contains(&name.as_str()))
        };
        names.filter(is_node).collect()
    } else {
        names.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &[u8], offset: u32) -> Result<DirectoryPart> {
        read_part(&StorePath::root(), payload, offset)
    }

    #[test]
    fn a_part_ends_the_list_with_an_empty_name() {
        let last = read(b"25\0b\0cc\0\0", 7).unwrap();
        assert_eq!(
            (last.names, last.next),
            (vec!["b".into(), "cc".into()], None)
        );
        let more = read(b"25\0b\0cc\0", 7).unwrap();
        assert_eq!((more.generation, more.next), (b"25".to_vec(), Some(12)));
        assert_eq!(read(b"25\0\0", 0).unwrap().next, None);
    }

    #[test]
    fn a_part_without_progress_or_sense_is_an_error() {
        for payload in [
            &b""[..],
            b"25",
            b"25\0",
            b"25\0b",
            b"25\0b\0\0\0",
            b"25\0a/b\0\0",
        ] {
            assert!(read(payload, 0).is_err(), "{}", escape(payload));
        }
        assert!(read(b"25\0b\0", MOST_BYTES - 1).is_err());
    }

    #[test]
    fn a_changed_generation_starts_the_list_again_and_not_for_ever() {
        let mut replies = [&b"1\0a\0"[..], b"2\0x\0\0", b"2\0c\0", b"2\0b\0\0"].into_iter();
        let mut offsets = Vec::new();
        let names = in_parts(
            |offset| {
                offsets.push(offset);
                read(replies.next().unwrap(), offset)
            },
            &StorePath::root(),
        );
        assert_eq!(names.unwrap(), ["c", "b"]);
        assert_eq!(offsets, [0, 2, 0, 2]);
        let mut generation = 0;
        let endless = in_parts(
            |offset| {
                generation += 1;
                read(format!("{generation}\0a\0").as_bytes(), offset)
            },
            &StorePath::root(),
        );
        assert!(endless.unwrap_err().to_string().contains("faster"));
    }

    #[test]
    fn the_root_lists_without_the_two_nodes_that_are_none() {
        let payload = b"@introduceDomain\0@releaseDomain\0@other\0local\0";
        let listed = |path: &str| names(&StorePath::parse(path).unwrap(), payload).unwrap();
        assert_eq!(listed("/"), ["@other", "local"]);
        assert_eq!(listed("/a").len(), 4);
    }
}
