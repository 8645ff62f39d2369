//! The nodes of a copy, as a tree: whoever knows a node finds those below it at once.

use std::sync::Arc;

use super::subscription::MirrorEvent;
use super::view::Mirrored;
use crate::path::StorePath;

/// A node, and what lies below it.
#[derive(Clone, Debug)]
pub struct Branch {
    node: Arc<Mirrored>,
    /// The beginning of its name: a search among many need not look at the paths, each somewhere else in memory.
    start: Start,
    /// Where its name begins in its path.
    name_at: u16,
    /// Sorted by name.
    below: Vec<Branch>,
}

impl Branch {
    /// `below` are the nodes directly below it, sorted by name.
    pub(super) fn new(node: Arc<Mirrored>, below: Vec<Self>) -> Self {
        let name_at = node.path.name_at();
        Self {
            start: Start::of(&node.path.as_str()[name_at..]),
            // Paths are far shorter.
            name_at: u16::try_from(name_at).unwrap_or(u16::MAX),
            node,
            below,
        }
    }

    /// Nodes in the order of their paths as a branch; the first is its top, and those of which nothing above is there
    /// are left out.
    pub(super) fn grow(nodes: impl IntoIterator<Item = Mirrored>) -> Option<Self> {
        let mut open: Vec<Self> = Vec::new();
        let close = |open: &mut Vec<Self>| {
            if let Some(last) = open.pop()
                && let Some(above) = open.last_mut()
            {
                above.below.push(last);
            }
        };
        for node in nodes {
            let parent = node.path.parent();
            let is_parent = |branch: &Self| parent.as_ref() == Some(&branch.node.path);
            while open.len() > 1 && open.last().is_some_and(|last| !is_parent(last)) {
                close(&mut open);
            }
            if open.last().is_none_or(is_parent) {
                open.push(Self::new(Arc::new(node), Vec::new()));
            }
        }
        while open.len() > 1 {
            close(&mut open);
        }
        open.pop()
    }

    /// The node.
    pub fn node(&self) -> &Arc<Mirrored> {
        &self.node
    }

    /// Its name; empty for the root.
    pub fn name(&self) -> &str {
        &self.node.path.as_str()[usize::from(self.name_at)..]
    }

    /// The nodes directly below it, sorted by name.
    pub fn children(&self) -> &[Self] {
        &self.below
    }

    /// The node of this name directly below it.
    pub fn child(&self, name: &str) -> Option<&Self> {
        Some(&self.below[self.place(name).ok()?])
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        let start = Start::of(name);
        self.below.binary_search_by(|branch| {
            let by_start = branch.start.cmp(&start);
            // Names hold no NUL: equal starts of short names are equal names.
            if by_start.is_ne() || start.is_whole() {
                by_start
            } else {
                branch.name().cmp(name)
            }
        })
    }

    /// The node at a relative path below it; else the last one on the way that is there.
    pub(crate) fn find(&self, below: &str) -> Result<&Self, &Self> {
        let mut at = self;
        for name in below.split('/').filter(|name| !name.is_empty()) {
            at = at.child(name).ok_or(at)?;
        }
        Ok(at)
    }

    /// How many nodes it has, itself included.
    pub(super) fn len(&self) -> usize {
        1 + self.below.iter().map(Self::len).sum::<usize>()
    }

    /// It and all below it, each before those below it.
    pub(super) fn each(&self) -> Each<'_> {
        Each {
            levels: vec![std::slice::from_ref(self).iter()],
        }
    }
}

/// The first bytes of a name, as a number with the order of the names.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Start(u64);

impl Start {
    fn of(name: &str) -> Self {
        let name = name.as_bytes();
        let mut bytes = [0; 8];
        let length = name.len().min(bytes.len());
        bytes[..length].copy_from_slice(&name[..length]);
        Self(u64::from_be_bytes(bytes))
    }

    /// Whether there is no more of the name.
    fn is_whole(self) -> bool {
        self.0.trailing_zeros() >= 8
    }
}

/// The nodes of a branch; see [`Branch::each`].
pub(super) struct Each<'a> {
    levels: Vec<std::slice::Iter<'a, Branch>>,
}

impl<'a> Iterator for Each<'a> {
    type Item = &'a Arc<Mirrored>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(branch) = self.levels.last_mut()?.next() else {
                self.levels.pop();
                continue;
            };
            if !branch.below.is_empty() {
                self.levels.push(branch.below.iter());
            }
            return Some(&branch.node);
        }
    }
}

/// All nodes of a copy.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    top: StorePath,
    root: Option<Branch>,
    len: usize,
}

impl Tree {
    pub(super) fn new(top: &StorePath) -> Self {
        Self {
            top: top.clone(),
            root: None,
            len: 0,
        }
    }

    pub(super) fn top(&self) -> &StorePath {
        &self.top
    }

    pub(super) fn root(&self) -> Option<&Branch> {
        self.root.as_ref()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The node at a path, else the last one on the way that is there; `None` outside of the copy.
    pub(super) fn find(&self, path: &StorePath) -> Option<Result<&Branch, &Branch>> {
        let below = path.below(&self.top)?;
        Some(self.root.as_ref()?.find(below))
    }

    pub(super) fn get(&self, path: &StorePath) -> Option<&Branch> {
        self.find(path)?.ok()
    }

    /// Shows this instead of all that there is, and tells nobody. `nodes` is how many it has, if that is known.
    pub(super) fn show(&mut self, root: Option<Branch>, nodes: Option<usize>) {
        self.len = nodes.unwrap_or_else(|| root.as_ref().map_or(0, Branch::len));
        debug_assert_eq!(self.len, root.as_ref().map_or(0, Branch::len));
        self.root = root;
    }

    /// Replaces the node at `path` and all below it, and tells each difference. The node above is there, or it is the
    /// top.
    pub(super) fn replace(
        &mut self,
        path: &StorePath,
        fresh: Option<Branch>,
        tell: &mut dyn FnMut(MirrorEvent),
    ) {
        if *path != self.top && self.above(path).is_none() {
            return;
        }
        let old = self.take(path);
        self.len -= old.as_ref().map_or(0, Branch::len);
        if let Some(mut fresh) = fresh {
            let added = fresh.len();
            differ(old.as_ref(), Some(&mut fresh), tell);
            self.put(path, fresh);
            self.len += added;
        } else {
            differ(old.as_ref(), None, tell);
        }
    }

    fn take(&mut self, path: &StorePath) -> Option<Branch> {
        if *path == self.top {
            return self.root.take();
        }
        let above = self.above(path)?;
        let at = above.place(path.name()?).ok()?;
        Some(above.below.remove(at))
    }

    fn put(&mut self, path: &StorePath, branch: Branch) {
        if *path == self.top {
            self.root = Some(branch);
        } else if let Some(above) = self.above(path)
            && let Err(at) = above.place(branch.name())
        {
            above.below.insert(at, branch);
        }
    }

    fn above(&mut self, path: &StorePath) -> Option<&mut Branch> {
        let below = path.below(&self.top)?;
        let mut at = self.root.as_mut()?;
        let names: Vec<&str> = below.split('/').collect();
        for name in &names[..names.len() - 1] {
            let place = at.place(name).ok()?;
            at = &mut at.below[place];
        }
        Some(at)
    }
}

/// Tells what differs; a node that does not keeps its old form, which others share.
fn differ(old: Option<&Branch>, new: Option<&mut Branch>, tell: &mut dyn FnMut(MirrorEvent)) {
    let (was, is) = (old.map(|old| &old.node), new.as_ref().map(|new| &new.node));
    let has_changed = match (was, is) {
        (Some(was), Some(is)) => was != is,
        (None, None) => false,
        _ => true,
    };
    if has_changed {
        tell(MirrorEvent::Changed {
            old: was.cloned(),
            new: is.cloned(),
        });
    }
    let mut before = old.map_or(&[][..], |old| &old.below).iter().peekable();
    let Some(new) = new else {
        for gone in before {
            differ(Some(gone), None, tell);
        }
        return;
    };
    if !has_changed && let Some(old) = old {
        new.node = Arc::clone(&old.node);
    }
    for child in &mut new.below {
        while let Some(gone) = before.next_if(|gone| gone.name() < child.name()) {
            differ(Some(gone), None, tell);
        }
        let same = before.next_if(|old| old.name() == child.name());
        differ(same, Some(child), tell);
    }
    for gone in before {
        differ(Some(gone), None, tell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Field;

    fn branch(path: &str, value: &str, below: Vec<Branch>) -> Branch {
        let node = Mirrored {
            path: StorePath::parse(path).unwrap(),
            value: Field::Known(value.into()),
            perms: Field::Unasked,
            listed: true,
            more: false,
        };
        Branch::new(Arc::new(node), below)
    }

    /// `-path` for a node that went, `+path` for one that came, `~path` for one that changed.
    fn told(event: MirrorEvent) -> String {
        match event {
            MirrorEvent::Changed {
                old: Some(_),
                new: Some(new),
            } => format!("~{}", new.path),
            MirrorEvent::Changed { new: Some(new), .. } => format!("+{}", new.path),
            MirrorEvent::Changed { old: Some(old), .. } => format!("-{}", old.path),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_branch_grows_from_sorted_nodes_and_leaves_out_what_has_no_parent() {
        let node = |path: &str| Mirrored {
            path: StorePath::parse(path).unwrap(),
            value: Field::Unasked,
            perms: Field::Unasked,
            listed: true,
            more: false,
        };
        let paths = ["/a", "/a/b", "/a/b/c", "/a/d", "/a/x/y", "/a-z"];
        let branch = Branch::grow(paths.map(node)).unwrap();
        let order: Vec<_> = branch.each().map(|node| node.path.as_str()).collect();
        assert_eq!(order, ["/a", "/a/b", "/a/b/c", "/a/d"]);
        assert!(Branch::grow([]).is_none());
    }

    #[test]
    fn only_differences_are_told_and_only_the_subtree_is_touched() {
        let mut tree = Tree::new(&StorePath::root());
        let mut changes = Vec::new();
        let a = |below| branch("/a", "", below);
        let b = branch("/a/b", "1", vec![branch("/a/b/c", "2", vec![])]);
        let first = branch(
            "/",
            "",
            vec![
                a(vec![b, branch("/a/d", "3", vec![])]),
                branch("/a-z", "", vec![]),
            ],
        );
        tree.replace(&StorePath::root(), Some(first), &mut |event| {
            changes.push(told(event));
        });
        assert_eq!(changes, ["+/", "+/a", "+/a/b", "+/a/b/c", "+/a/d", "+/a-z"]);
        changes.clear();
        let path = StorePath::parse("/a").unwrap();
        let fresh = a(vec![
            branch("/a/a", "0", vec![]),
            branch("/a/b", "1", vec![]),
            branch("/a/d", "4", vec![]),
        ]);
        tree.replace(&path, Some(fresh), &mut |event| changes.push(told(event)));
        assert_eq!(changes, ["+/a/a", "-/a/b/c", "~/a/d"]);
        let order: Vec<_> = tree
            .root()
            .unwrap()
            .each()
            .map(|n| n.path.to_string())
            .collect();
        assert_eq!(order, ["/", "/a", "/a/a", "/a/b", "/a/d", "/a-z"]);
        changes.clear();
        tree.replace(&path, None, &mut |event| changes.push(told(event)));
        assert_eq!(changes, ["-/a", "-/a/a", "-/a/b", "-/a/d"]);
        assert_eq!(tree.len(), 2);
        let deep = StorePath::parse("/a-z/x/y").unwrap();
        assert_eq!(tree.find(&deep).unwrap().unwrap_err().name(), "a-z");
    }

    #[test]
    fn names_are_found_whatever_their_beginnings_have_in_common() {
        let names = [
            "b",
            "back",
            "backend",
            "backend-",
            "backend-id",
            "backend-id0",
            "backend0",
            "c",
        ];
        let below = |name: &&str| branch(&format!("/a/{name}"), name, vec![]);
        let all = branch("/a", "", names.iter().map(below).collect());
        for name in names {
            assert_eq!(all.child(name).map(Branch::name), Some(name));
        }
        for name in ["", "a", "bac", "backen", "backend-i", "backend-id00", "d"] {
            assert!(all.child(name).is_none(), "{name}");
        }
    }
}
