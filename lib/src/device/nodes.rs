//! Where the model gets its nodes from: anything that can look up a path and list children.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;

use super::reading::{self, BadValue, Reading, Text};
use crate::path::StorePath;

/// A tree of nodes that is already in memory: a snapshot, a mirror, a map.
///
/// The model asks often and for nodes that may not exist; answers must be cheap.
pub trait Nodes {
    /// The value at `path`.
    fn value(&self, path: &StorePath) -> Reading<Cow<'_, [u8]>>;

    /// The names of the nodes directly below `path`, each a valid element of a path.
    fn children(&self, path: &StorePath) -> Reading<Vec<String>>;
}

impl<N: Nodes + ?Sized> Nodes for &N {
    fn value(&self, path: &StorePath) -> Reading<Cow<'_, [u8]>> {
        (**self).value(path)
    }

    fn children(&self, path: &StorePath) -> Reading<Vec<String>> {
        (**self).children(path)
    }
}

/// Parents may be left out: a node that has nodes below it exists.
impl Nodes for BTreeMap<StorePath, Vec<u8>> {
    fn value(&self, path: &StorePath) -> Reading<Cow<'_, [u8]>> {
        match self.get(path) {
            Some(bytes) => Reading::Known(Cow::Borrowed(bytes)),
            None if has_children(self, path) => Reading::Known(Cow::Borrowed(b"")),
            None => Reading::Missing,
        }
    }

    fn children(&self, path: &StorePath) -> Reading<Vec<String>> {
        let names = names_below(self, path);
        if names.is_empty() && !self.contains_key(path) {
            Reading::Missing
        } else {
            Reading::Known(names)
        }
    }
}

/// As for plain values; a node that is [`Reading::Denied`] and has no known nodes below it cannot be listed either.
impl Nodes for BTreeMap<StorePath, Reading<Vec<u8>>> {
    fn value(&self, path: &StorePath) -> Reading<Cow<'_, [u8]>> {
        match self.get(path) {
            Some(Reading::Known(bytes)) => Reading::Known(Cow::Borrowed(bytes)),
            Some(Reading::Denied) => Reading::Denied,
            Some(Reading::Unreadable(bad)) => Reading::Unreadable(bad.clone()),
            Some(Reading::Missing) | None if has_children(self, path) => {
                Reading::Known(Cow::Borrowed(b""))
            }
            Some(Reading::Missing) | None => Reading::Missing,
        }
    }

    fn children(&self, path: &StorePath) -> Reading<Vec<String>> {
        let names = names_below(self, path);
        if !names.is_empty() {
            return Reading::Known(names);
        }
        match self.get(path) {
            Some(Reading::Known(_)) => Reading::Known(names),
            Some(Reading::Denied) => Reading::Denied,
            Some(Reading::Unreadable(bad)) => Reading::Unreadable(bad.clone()),
            Some(Reading::Missing) | None => Reading::Missing,
        }
    }
}

fn has_children<V>(map: &BTreeMap<StorePath, V>, path: &StorePath) -> bool {
    map.range::<StorePath, _>((Bound::Excluded(path), Bound::Unbounded))
        .next()
        .is_some_and(|(next, _)| next.is_within(path))
}

/// The first elements below `path`, by jumping from subtree to subtree.
fn names_below<V>(map: &BTreeMap<StorePath, V>, path: &StorePath) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut from = Bound::Excluded(path.clone());
    while let Some((next, _)) = map
        .range::<StorePath, _>((from.clone(), Bound::Unbounded))
        .next()
    {
        let Some(name) = next
            .below(path)
            .and_then(|rest| rest.split('/').next())
            .filter(|name| !name.is_empty())
        else {
            break;
        };
        // '-' is the smallest byte that a name may hold, so nothing lies between the subtree of `name` and `name-`.
        from = match path.join(&format!("{name}-")) {
            Ok(after) => Bound::Included(after),
            Err(_) => Bound::Excluded(next.clone()),
        };
        if names.last().map(String::as_str) != Some(name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// A value in the store that is not what belongs there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// The node.
    pub path: StorePath,
    /// Its value, and what is wrong with it.
    pub value: BadValue,
}

/// Most notes that are kept of one device or domain: who writes nonsense does not get our memory.
const NOTES: usize = 32;

/// Collects [`Note`]s while something is read.
#[derive(Debug, Default)]
pub(crate) struct Notes(RefCell<Vec<Note>>);

impl Notes {
    pub(crate) fn add(&self, path: StorePath, value: BadValue) {
        let mut list = self.0.borrow_mut();
        if list.len() < NOTES {
            list.push(Note { path, value });
        }
    }

    pub(crate) fn into_list(self) -> Vec<Note> {
        self.0.into_inner()
    }
}

/// A node whose children are keys, and where to complain about their values.
#[derive(Clone)]
pub(crate) struct Folder<'a> {
    nodes: &'a dyn Nodes,
    notes: &'a Notes,
    path: StorePath,
}

impl<'a> Folder<'a> {
    pub(crate) fn new(nodes: &'a dyn Nodes, remarks: &'a Notes, path: StorePath) -> Self {
        Self {
            nodes,
            notes: remarks,
            path,
        }
    }

    pub(crate) fn path(&self) -> &StorePath {
        &self.path
    }

    pub(crate) fn notes(&self) -> &'a Notes {
        self.notes
    }

    /// Whether the node itself is there.
    pub(crate) fn presence(&self) -> Reading<()> {
        self.nodes.value(&self.path).map(|_| ())
    }

    pub(crate) fn names(&self) -> Reading<Vec<String>> {
        self.nodes.children(&self.path)
    }

    /// The folder at a relative path; `None` if that is too long to exist.
    pub(crate) fn inside(&self, below: &str) -> Option<Self> {
        let path = self.path.join(below).ok()?;
        Some(Self {
            path,
            ..self.clone()
        })
    }

    pub(crate) fn bytes(&self, key: &str) -> Reading<Cow<'a, [u8]>> {
        match self.path.join(key) {
            Ok(path) => self.nodes.value(&path),
            Err(_) => Reading::Missing,
        }
    }

    /// Reads a key; a value that `parse` refuses is noted.
    pub(crate) fn read<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, &'static str>,
    ) -> Reading<T> {
        let reading = self.bytes(key).parse(parse);
        if let (Reading::Unreadable(bad), Ok(path)) = (&reading, self.path.join(key)) {
            self.notes.add(path, bad.clone());
        }
        reading
    }

    pub(crate) fn number(&self, key: &str, max: u32) -> Reading<u32> {
        self.read(key, |bytes| reading::decimal32(bytes, max))
    }

    pub(crate) fn text(&self, key: &str) -> Reading<Text> {
        self.read(key, reading::text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> StorePath {
        StorePath::parse(text).unwrap()
    }

    #[test]
    fn a_map_lists_children_whose_parents_it_does_not_hold() {
        let map: BTreeMap<_, _> = ["/a/b/c", "/a/b-c", "/a/b/d/e", "/ab", "/a/z/y"]
            .map(|p| (path(p), b"v".to_vec()))
            .into();
        assert_eq!(
            map.children(&path("/a")),
            Reading::Known(vec!["b".into(), "b-c".into(), "z".into()])
        );
        let empty: Cow<'_, [u8]> = Cow::Borrowed(b"");
        assert_eq!(map.value(&path("/a/b")), Reading::Known(empty));
        assert_eq!(map.children(&path("/q")), Reading::Missing);
        assert_eq!(map.value(&path("/q")), Reading::Missing);
        assert_eq!(map.children(&path("/ab")), Reading::Known(vec![]));
    }

    #[test]
    fn denied_nodes_stay_denied() {
        let map: BTreeMap<_, Reading<Vec<u8>>> = [(path("/a"), Reading::Denied)].into();
        assert_eq!(map.value(&path("/a")), Reading::Denied);
        assert_eq!(map.children(&path("/a")), Reading::Denied);
    }

    proptest! {
        #[test]
        fn children_are_those_of_a_plain_search(
            paths in proptest::collection::btree_set("(/[ab-]{1,2}){1,4}", 0..20)
        ) {
            let map: BTreeMap<_, _> = paths.iter().map(|p| (path(p), Vec::new())).collect();
            for above in ["/", "/a", "/b/a"].map(path) {
                let mut plain: Vec<String> = map
                    .keys()
                    .filter_map(|p| p.below(&above))
                    .filter(|rest| !rest.is_empty())
                    .map(|rest| rest.split('/').next().unwrap().to_owned())
                    .collect();
                plain.sort();
                plain.dedup();
                let listed = match map.children(&above) {
                    Reading::Known(names) => names,
                    _ => vec![],
                };
                prop_assert_eq!(listed, plain);
            }
        }
    }
}
