//! A part of the store as it was last told.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use xenbus::StorePath;
use xenbus::device::history::Moment;
use xenbus::mirror::Mirrored;

use crate::browse::News;

/// How it is with a part of the store.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Condition {
    /// Nothing was told so far.
    #[default]
    Waiting,
    /// It is up to date.
    Fresh,
    /// It may be out of date since then.
    Stale(Moment),
    /// It cannot be read, and why.
    Failed(String),
}

/// Nodes of a part of the store, and when each was last seen to change.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    all: BTreeMap<StorePath, Arc<Mirrored>>,
    changed: BTreeMap<StorePath, Moment>,
    /// What the nodes that differ were at the mark; `None` if they were not there.
    before: BTreeMap<StorePath, Option<Arc<Mirrored>>>,
    condition: Condition,
}

/// Most nodes of which the time of the last change is remembered.
const CHANGED_MAX: usize = 100_000;

/// How a node differs from the mark.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Difference {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// Its value or its permissions are others.
    Changed,
}

impl Nodes {
    /// Takes news in.
    pub fn take(&mut self, news: News, now: Moment) {
        match news {
            News::Filled(nodes) => self.fill(nodes, now),
            News::Changed(changes) => {
                for (path, node) in changes {
                    self.set(path, node.as_ref(), now);
                }
                self.condition = Condition::Fresh;
            }
            News::Stale => {
                if self.condition == Condition::Fresh {
                    self.condition = Condition::Stale(now);
                }
            }
            News::Failed(why) => self.condition = Condition::Failed(why),
        }
    }

    fn fill(&mut self, nodes: Vec<Arc<Mirrored>>, now: Moment) {
        let is_first = self.condition == Condition::Waiting;
        self.condition = Condition::Fresh;
        let nodes: BTreeMap<_, _> = nodes
            .into_iter()
            .map(|node| (node.path.clone(), node))
            .collect();
        if is_first {
            self.all = nodes;
            return;
        }
        let gone: Vec<StorePath> = self
            .all
            .keys()
            .filter(|path| !nodes.contains_key(path))
            .cloned()
            .collect();
        for path in gone {
            self.set(path, None, now);
        }
        for (path, node) in nodes {
            self.set(path, Some(&node), now);
        }
    }

    fn set(&mut self, path: StorePath, node: Option<&Arc<Mirrored>>, now: Moment) {
        let old = match node {
            Some(node) => self.all.insert(path.clone(), Arc::clone(node)),
            None => self.all.remove(&path),
        };
        let alike = |a: &Mirrored, b: &Mirrored| a.value == b.value && a.perms == b.perms;
        let is_same = match (&old, node) {
            (Some(old), Some(new)) => alike(old, new),
            (None, None) => true,
            _ => false,
        };
        if is_same {
            return;
        }
        let before = self.before.entry(path.clone()).or_insert(old);
        // Back to what it was at the mark: no difference any more.
        let is_back = match (&*before, node) {
            (Some(old), Some(new)) => alike(old, new),
            (None, None) => true,
            _ => false,
        };
        if is_back {
            self.before.remove(&path);
        }
        if self.changed.len() >= CHANGED_MAX {
            self.changed.clear();
        }
        self.changed.insert(path, now);
    }

    /// From now on differences are counted from here.
    pub fn mark(&mut self) {
        self.before.clear();
    }

    /// How it is.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A node.
    pub fn get(&self, path: &StorePath) -> Option<&Arc<Mirrored>> {
        self.all.get(path)
    }

    /// A node's value, if it is there and can be read.
    pub fn value(&self, path: &StorePath) -> Option<&[u8]> {
        Some(self.get(path)?.value.known()?)
    }

    /// All of them, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Mirrored>> {
        self.all.values()
    }

    /// When a node was last seen to change, if that was seen.
    pub fn changed_at(&self, path: &StorePath) -> Option<Moment> {
        self.changed.get(path).copied()
    }

    /// Paths that differ from the mark, what they were, and what they are.
    pub fn differences(
        &self,
    ) -> impl Iterator<Item = (&StorePath, Option<&Arc<Mirrored>>, Option<&Arc<Mirrored>>)> {
        self.before
            .iter()
            .map(|(path, before)| (path, before.as_ref(), self.all.get(path)))
    }

    /// How a path differs from the mark.
    pub fn difference(&self, path: &StorePath) -> Option<Difference> {
        let before = self.before.get(path)?;
        Some(match (before, self.all.get(path)) {
            (None, _) => Difference::Added,
            (Some(_), None) => Difference::Removed,
            (Some(_), Some(_)) => Difference::Changed,
        })
    }

    /// What a path was at the mark, if it differs.
    pub fn before(&self, path: &StorePath) -> Option<&Arc<Mirrored>> {
        self.before.get(path)?.as_ref()
    }

    /// How many paths differ from the mark.
    pub fn difference_count(&self) -> usize {
        self.before.len()
    }

    /// The first node at or after a bound.
    pub fn first(&self, from: Bound<&StorePath>) -> Option<&Arc<Mirrored>> {
        let mut range = self.all.range::<StorePath, _>((from, Bound::Unbounded));
        range.next().map(|(_, node)| node)
    }

    /// The first node after a path and all below it.
    pub fn after_all_below(&self, path: &StorePath) -> Option<&Arc<Mirrored>> {
        // '-' is the least byte of a name that is greater than '/'.
        match StorePath::parse(format!("{path}-")) {
            Ok(next) if !path.is_root() => self.first(Bound::Included(&next)),
            _ => self
                .all
                .range::<StorePath, _>((Bound::Excluded(path), Bound::Unbounded))
                .map(|(_, node)| node)
                .find(|node| !node.path.is_within(path)),
        }
    }

    /// Whether a node has children.
    pub fn has_children(&self, path: &StorePath) -> bool {
        self.first(Bound::Excluded(path))
            .is_some_and(|node| node.path.is_within(path))
    }

    /// Names of the children of a node.
    pub fn children(&self, path: &StorePath) -> Vec<&str> {
        let mut names = Vec::new();
        let mut next = self
            .first(Bound::Excluded(path))
            .filter(|node| node.path.is_within(path));
        while let Some(node) = next {
            names.extend(node.path.name());
            next = self
                .after_all_below(&node.path)
                .filter(|node| node.path.is_within(path));
        }
        names
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use xenbus::tree::Field;

    use super::*;

    pub(crate) fn node(path: &str, value: &str) -> Arc<Mirrored> {
        Arc::new(Mirrored {
            path: StorePath::parse(path).unwrap(),
            value: Field::Known(value.into()),
            perms: Field::Unasked,
            listed: true,
            more: false,
        })
    }

    fn path(text: &str) -> StorePath {
        StorePath::parse(text).unwrap()
    }

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    fn filled() -> Nodes {
        let mut nodes = Nodes::default();
        let all = [
            ("/", ""),
            ("/a", ""),
            ("/a/b", "1"),
            ("/a/b/c", ""),
            ("/a-b", ""),
            ("/b", ""),
        ];
        nodes.take(
            News::Filled(all.map(|(path, value)| node(path, value)).into()),
            at(1),
        );
        nodes
    }

    #[test]
    fn children_are_found_without_what_is_below_them() {
        let nodes = filled();
        assert_eq!(nodes.children(&StorePath::root()), ["a", "a-b", "b"]);
        assert_eq!(nodes.children(&path("/a")), ["b"]);
        assert!(nodes.has_children(&path("/a/b")) && !nodes.has_children(&path("/a-b")));
        assert_eq!(
            nodes.after_all_below(&path("/a")).unwrap().path,
            path("/a-b")
        );
    }

    #[test]
    fn differences_are_counted_from_the_mark_and_vanish_when_all_is_as_before() {
        let mut nodes = filled();
        let change = |nodes: &mut Nodes, text: &str, value: Option<&str>, now| {
            let changed = vec![(path(text), value.map(|value| node(text, value)))];
            nodes.take(News::Changed(changed), at(now));
        };
        change(&mut nodes, "/a/b", Some("2"), 5);
        change(&mut nodes, "/b", None, 6);
        change(&mut nodes, "/c", Some(""), 7);
        assert_eq!(nodes.difference(&path("/a/b")), Some(Difference::Changed));
        assert_eq!(nodes.difference(&path("/b")), Some(Difference::Removed));
        assert_eq!(nodes.difference(&path("/c")), Some(Difference::Added));
        assert_eq!(nodes.changed_at(&path("/a/b")), Some(at(5)));
        change(&mut nodes, "/a/b", Some("1"), 8);
        assert_eq!(nodes.difference(&path("/a/b")), None);
        nodes.mark();
        assert_eq!(nodes.difference_count(), 0);
        // After an outage everything is told again; only what differs counts.
        nodes.take(News::Stale, at(9));
        assert_eq!(nodes.condition(), &Condition::Stale(at(9)));
        let again = vec![node("/", ""), node("/a", "x"), node("/c", "")];
        nodes.take(News::Filled(again), at(10));
        assert_eq!(nodes.difference(&path("/a")), Some(Difference::Changed));
        assert_eq!(nodes.difference(&path("/a-b")), Some(Difference::Removed));
        assert_eq!(nodes.difference(&path("/c")), None);
    }
}
