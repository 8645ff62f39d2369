//! Trees in memory that the model can be computed from: maps, snapshots, mirrors.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;

use super::nodes::Nodes;
use super::reading::Reading;
use crate::mirror::{Branch, Mirrored, Place, View};
use crate::path::StorePath;
use crate::tree::{Field, Snapshot};

/// Parents may be left out: a node that has nodes below it exists.
impl Nodes for BTreeMap<StorePath, Vec<u8>> {
    fn value(&self, path: &StorePath) -> Reading<Cow<'_, [u8]>> {
        value(
            self,
            path,
            self.get(path).map(|bytes| Reading::Known(&bytes[..])),
        )
    }

    fn children(&self, path: &StorePath) -> Reading<Vec<String>> {
        children(self, path, self.get(path).map(|_| Reading::Known(())))
    }
}

/// As for plain values; a node that is [`Reading::Denied`] and has no known nodes below it cannot be listed either.
impl Nodes for BTreeMap<StorePath, Reading<Vec<u8>>> {
    fn value(&self, path: &StorePath) -> Reading<Cow<'_, [u8]>> {
        let own = self.get(path).filter(|own| !own.is_missing());
        value(
            self,
            path,
            own.map(|own| own.as_ref().map(|bytes| &bytes[..])),
        )
    }

    fn children(&self, path: &StorePath) -> Reading<Vec<String>> {
        let own = self.get(path).filter(|own| !own.is_missing());
        children(self, path, own.map(|own| own.as_ref().map(|_| ())))
    }
}

/// Several trees as one: what one of them holds, or else what one of them is sure of.
///
/// For a mirror per subtree, or for a guest that reads its own home and single nodes elsewhere.
#[derive(Clone, Default)]
pub struct Several<'a>(pub Vec<&'a dyn Nodes>);

impl Nodes for Several<'_> {
    fn value(&self, path: &StorePath) -> Reading<Cow<'_, [u8]>> {
        let mut best = Reading::Denied;
        for nodes in &self.0 {
            match nodes.value(path) {
                Reading::Denied => {}
                Reading::Missing => best = Reading::Missing,
                found => return found,
            }
        }
        best
    }

    fn children(&self, path: &StorePath) -> Reading<Vec<String>> {
        let mut best: Reading<Vec<String>> = Reading::Denied;
        for nodes in &self.0 {
            best = match (best, nodes.children(path)) {
                (Reading::Known(mut names), Reading::Known(more)) => {
                    names.extend(more);
                    names.sort_unstable();
                    names.dedup();
                    Reading::Known(names)
                }
                (known @ Reading::Known(_), _) | (known, Reading::Denied) => known,
                (_, other) => other,
            };
        }
        best
    }
}

/// What was not asked for, inside the snapshot or outside of it, counts as denied.
impl Nodes for Snapshot {
    fn value(&self, path: &StorePath) -> Reading<Cow<'_, [u8]>> {
        value(
            self,
            path,
            self.get(path)
                .map(|node| field(&node.value).map(|bytes| &bytes[..])),
        )
    }

    fn children(&self, path: &StorePath) -> Reading<Vec<String>> {
        let own = self.get(path).map(|node| field(&node.children).map(|_| ()));
        children(self, path, own)
    }
}

/// Everything outside of the mirror's top counts as denied. A node that was only listed is there, and its value is
/// taken for empty, as that of a directory nearly always is.
impl Nodes for View<'_> {
    fn value(&self, path: &StorePath) -> Reading<Cow<'_, [u8]>> {
        match self.place(path) {
            Place::There(node) => value_of(node),
            // Most keys that the model asks for are missing: that must be cheap.
            Place::Missing => Reading::Missing,
            Place::Unknown if self.leads_to(path).is_some() => Reading::Known(Cow::Borrowed(b"")),
            Place::Unknown => Reading::Denied,
        }
    }

    fn children(&self, path: &StorePath) -> Reading<Vec<String>> {
        if let Some(branch) = View::branch(*self, path) {
            return names_of(branch);
        }
        let own = match self.place(path) {
            Place::There(node) if node.listed => Reading::Known(()),
            Place::Missing => Reading::Missing,
            Place::There(_) | Place::Unknown => Reading::Denied,
        };
        let names = match self.map() {
            Some(map) => names_below(map, path),
            None => self.leads_to(path).map(str::to_owned).into_iter().collect(),
        };
        if names.is_empty() {
            own.map(|()| names)
        } else {
            Reading::Known(names)
        }
    }

    fn shared(&self) -> Option<&(dyn Nodes + Sync)> {
        Some(self)
    }

    fn branch(&self, path: &StorePath) -> Option<&Branch> {
        View::branch(*self, path)
    }
}

/// The value of a mirrored node.
pub(super) fn value_of(node: &Mirrored) -> Reading<Cow<'_, [u8]>> {
    match &node.value {
        Field::Known(value) => Reading::Known(Cow::Borrowed(value)),
        Field::Unasked => Reading::Known(Cow::Borrowed(b"")),
        Field::Denied => Reading::Denied,
    }
}

/// The names of the nodes directly below a mirrored one.
pub(super) fn names_of(branch: &Branch) -> Reading<Vec<String>> {
    let names: Vec<String> = branch
        .children()
        .iter()
        .map(|child| child.name().to_owned())
        .collect();
    if names.is_empty() && !branch.node().listed {
        Reading::Denied
    } else {
        Reading::Known(names)
    }
}

/// Paths in their order.
trait Sorted {
    fn first(&self, from: Bound<&StorePath>) -> Option<&StorePath>;

    /// Whether a path that is not there is certainly missing.
    fn covers(&self, path: &StorePath) -> bool;
}

impl<V> Sorted for BTreeMap<StorePath, V> {
    fn first(&self, from: Bound<&StorePath>) -> Option<&StorePath> {
        let mut range = self.range::<StorePath, _>((from, Bound::Unbounded));
        range.next().map(|(path, _)| path)
    }

    fn covers(&self, _: &StorePath) -> bool {
        true
    }
}

impl Sorted for Snapshot {
    fn first(&self, from: Bound<&StorePath>) -> Option<&StorePath> {
        let nodes = self.nodes();
        let at = nodes.partition_point(|node| match from {
            Bound::Included(path) => node.path < *path,
            Bound::Excluded(path) => node.path <= *path,
            Bound::Unbounded => false,
        });
        nodes.get(at).map(|node| &node.path)
    }

    fn covers(&self, path: &StorePath) -> bool {
        path.is_within(self.top())
    }
}

fn field<T>(field: &Field<T>) -> Reading<&T> {
    match field {
        Field::Known(value) => Reading::Known(value),
        Field::Denied | Field::Unasked => Reading::Denied,
    }
}

fn value<'a>(
    tree: &impl Sorted,
    path: &StorePath,
    own: Option<Reading<&'a [u8]>>,
) -> Reading<Cow<'a, [u8]>> {
    match own {
        Some(own) => own.map(Cow::Borrowed),
        None if has_children(tree, path) => Reading::Known(Cow::Borrowed(b"")),
        None if tree.covers(path) => Reading::Missing,
        None => Reading::Denied,
    }
}

fn children(
    tree: &impl Sorted,
    path: &StorePath,
    own: Option<Reading<()>>,
) -> Reading<Vec<String>> {
    let names = names_below(tree, path);
    match own {
        _ if !names.is_empty() => Reading::Known(names),
        Some(own) => own.map(|()| names),
        None if tree.covers(path) => Reading::Missing,
        None => Reading::Denied,
    }
}

fn has_children(tree: &impl Sorted, path: &StorePath) -> bool {
    tree.first(Bound::Excluded(path))
        .is_some_and(|next| next.is_within(path))
}

/// The first elements below `path`, by jumping from subtree to subtree.
fn names_below(tree: &impl Sorted, path: &StorePath) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut from = Bound::Excluded(path.clone());
    while let Some(next) = tree.first(from.as_ref()) {
        let Some(name) = next
            .below(path)
            .and_then(|rest| rest.split('/').next())
            .filter(|name| !name.is_empty())
        else {
            break;
        };
        // '-' is the smallest byte that a name may hold, so nothing lies between the subtree of `name` and `name-`.
        let after = match path.join(&format!("{name}-")) {
            Ok(after) => Bound::Included(after),
            Err(_) => Bound::Excluded(next.clone()),
        };
        if names.last().map(String::as_str) != Some(name) {
            names.push(name.to_owned());
        }
        from = after;
    }
    names
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
