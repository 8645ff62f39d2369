//! The store as a tree: what is open, what is selected, what differs from the mark.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use xenbus::device::history::Moment;
use xenbus::mirror::Mirrored;
use xenbus::{StorePath, value::escape};

use super::list::List;
use super::nodes::{Condition, Nodes};
use crate::browse::News;
use crate::filter::{FieldValue, Fields, Filter};

/// What the tree can be filtered by.
pub const FIELDS: &[&str] = &["path", "name", "value", "perms", "size"];

/// The tree.
#[derive(Debug)]
pub struct Tree {
    /// The part of the store that is shown.
    top: StorePath,
    live: Nodes,
    /// What is shown instead while the screen is frozen.
    frozen: Option<Box<Nodes>>,
    open: BTreeSet<StorePath>,
    /// Its rows.
    pub list: List<StorePath>,
    /// Whether whole paths are shown.
    pub is_flat: bool,
    /// Whether only what differs from the mark is shown.
    pub only_changes: bool,
    /// When the mark was set; else differences count from the beginning.
    pub marked: Option<Moment>,
    /// Where to go as soon as it is there.
    wanted: Option<StorePath>,
    /// The filter that the rows are of; none if they are to be made anew.
    made_for: Option<String>,
}

impl Tree {
    /// The tree below a node; the store's own places are open.
    pub fn new(top: StorePath) -> Self {
        let mut open: BTreeSet<StorePath> = [top.clone()].into();
        open.extend(
            ["/local", "/local/domain"]
                .iter()
                .filter_map(|path| StorePath::parse(path).ok()),
        );
        Self {
            top,
            live: Nodes::default(),
            frozen: None,
            open,
            list: List::default(),
            is_flat: false,
            only_changes: false,
            marked: None,
            wanted: None,
            made_for: None,
        }
    }

    /// The part of the store that is shown.
    pub fn top(&self) -> &StorePath {
        &self.top
    }

    /// What is shown.
    pub fn nodes(&self) -> &Nodes {
        self.frozen.as_deref().unwrap_or(&self.live)
    }

    /// The nodes as they are, whatever is shown.
    pub fn live(&self) -> &Nodes {
        &self.live
    }

    /// Takes news in.
    pub fn take(&mut self, news: News, now: Moment) {
        self.live.take(news, now);
        if self.frozen.is_none() {
            self.made_for = None;
        }
    }

    /// Keeps what is shown, or shows the present again.
    pub fn set_frozen(&mut self, is_frozen: bool) {
        if !is_frozen {
            if self.frozen.take().is_some() {
                self.made_for = None;
            }
        } else if self.frozen.is_none() {
            self.frozen = Some(Box::new(self.live.clone()));
        }
    }

    /// Differences count from now on.
    pub fn mark(&mut self, now: Moment) {
        self.live.mark();
        if let Some(frozen) = &mut self.frozen {
            frozen.mark();
        }
        self.marked = Some(now);
        self.made_for = None;
    }

    /// Shows whole paths, or the tree again.
    pub fn set_flat(&mut self, is_flat: bool) {
        (self.is_flat, self.only_changes, self.made_for) = (is_flat, false, None);
    }

    /// Shows only what differs from the mark, or the tree again.
    pub fn set_only_changes(&mut self, only_changes: bool) {
        (self.is_flat, self.only_changes, self.made_for) = (false, only_changes, None);
    }

    /// Makes the rows anew.
    pub fn refresh(&mut self, filter: &Filter, text: &str) {
        if self.wanted.is_none() && self.made_for.as_deref() == Some(text) {
            return;
        }
        self.made_for = Some(text.to_owned());
        if let Some(wanted) = self.wanted.take() {
            if self.nodes().get(&wanted).is_some() {
                self.reveal(&wanted);
                self.list.set(self.rows(filter));
                self.list.go_to(&wanted);
                return;
            }
            // It may come when everything was read.
            if *self.nodes().condition() == Condition::Waiting {
                self.wanted = Some(wanted);
            }
        }
        self.list.set(self.rows(filter));
    }

    fn rows(&self, filter: &Filter) -> Vec<StorePath> {
        let nodes = self.nodes();
        if self.only_changes {
            return nodes
                .differences()
                .filter(|(path, before, now)| {
                    let node = now.or(*before);
                    filter.is_empty()
                        || node.is_some_and(|node| filter.passes(&Row(node)))
                        || filter.passes(&Bare(path))
                })
                .map(|(path, ..)| path.clone())
                .collect();
        }
        let passing = nodes.iter().filter(|node| filter.passes(&Row(node)));
        if self.is_flat {
            return passing.map(|node| node.path.clone()).collect();
        }
        if !filter.is_empty() {
            let mut rows = BTreeSet::new();
            for node in passing {
                let mut path = Some(node.path.clone());
                // Directories that are there already have theirs, too.
                while let Some(next) =
                    path.filter(|path| path.is_within(&self.top) && rows.insert(path.clone()))
                {
                    path = next.parent();
                }
            }
            return rows.into_iter().collect();
        }
        let mut rows = Vec::new();
        let mut next = nodes.first(Bound::Included(&self.top));
        while let Some(node) = next {
            rows.push(node.path.clone());
            next = if self.open.contains(&node.path) {
                nodes.first(Bound::Excluded(&node.path))
            } else {
                nodes.after_all_below(&node.path)
            };
        }
        rows
    }

    /// The selected node; in a list of changes it may be gone.
    pub fn selected(&self) -> Option<&StorePath> {
        self.list.selected()
    }

    /// Goes to the next row that passes, or the one before.
    pub fn seek(&mut self, is_forward: bool, filter: &Filter) -> bool {
        let nodes = self.frozen.as_deref().unwrap_or(&self.live);
        self.list.seek(is_forward, |path| {
            nodes
                .get(path)
                .is_some_and(|node| filter.passes(&Row(node)))
        })
    }

    /// Whether a node is shown open.
    pub fn is_open(&self, path: &StorePath) -> bool {
        self.open.contains(path)
    }

    /// Columns by which a node is moved to the right.
    pub fn indent(&self, path: &StorePath) -> usize {
        if self.is_flat || self.only_changes {
            0
        } else {
            path.depth().saturating_sub(self.top.depth())
        }
    }

    /// Opens the selected node, or goes to its first child. Whether it did anything.
    pub fn open(&mut self) -> bool {
        let Some(path) = self.selected().cloned() else {
            return false;
        };
        if self.is_flat || self.only_changes {
            self.set_flat(false);
            self.wanted = Some(path);
            return true;
        }
        if !self.nodes().has_children(&path) {
            return false;
        }
        if self.open.insert(path) {
            self.made_for = None;
            return true;
        }
        self.list.step(1);
        true
    }

    /// Opens or closes the selected node.
    pub fn toggle(&mut self) {
        match self.selected().cloned() {
            Some(path) if self.is_open(&path) && !self.is_flat && !self.only_changes => {
                self.open.remove(&path);
                self.made_for = None;
            }
            _ => {
                self.open();
            }
        }
    }

    /// Closes the selected node, or goes to its parent. Whether it did anything.
    pub fn close(&mut self) -> bool {
        let Some(path) = self.selected().cloned() else {
            return false;
        };
        if self.is_flat || self.only_changes {
            return false;
        }
        if self.open.contains(&path) && self.nodes().has_children(&path) && path != self.top {
            self.made_for = None;
            return self.open.remove(&path);
        }
        match path.parent() {
            Some(parent) if path != self.top => self.list.go_to(&parent),
            _ => false,
        }
    }

    /// Goes to a node as soon as it is there. What of its path exists now.
    pub fn go_to(&mut self, path: &StorePath) -> Option<StorePath> {
        self.set_flat(false);
        let mut there = Some(path.clone());
        if *self.nodes().condition() != Condition::Waiting {
            while let Some(path) = &there
                && self.nodes().get(path).is_none()
            {
                there = path.parent();
            }
        }
        self.wanted.clone_from(&there);
        there
    }

    fn reveal(&mut self, path: &StorePath) {
        let mut above = path.parent();
        while let Some(parent) = above {
            above = parent.parent();
            self.open.insert(parent);
        }
    }

    /// What the path that is being typed can be completed to: the common beginning of the names that fit.
    pub fn complete(&self, text: &str) -> Option<String> {
        let (directory, start) = text.rsplit_once('/')?;
        let path = if directory.is_empty() {
            Ok(StorePath::root())
        } else {
            StorePath::parse(directory)
        };
        let names = self.nodes().children(&path.ok()?);
        let mut fitting = names.into_iter().filter(|name| name.starts_with(start));
        let first = fitting.next()?;
        let mut common = first;
        let mut is_only = true;
        for name in fitting {
            is_only = false;
            let length = common
                .bytes()
                .zip(name.bytes())
                .take_while(|(a, b)| a == b)
                .count();
            common = common.get(..length)?;
        }
        let mut full = format!("{directory}/{common}");
        if is_only && StorePath::parse(&full).is_ok_and(|path| self.nodes().has_children(&path)) {
            full.push('/');
        }
        (full != text).then_some(full)
    }
}

/// A node as a row to be filtered.
#[derive(Debug)]
pub struct Row<'a>(pub &'a Arc<Mirrored>);

impl Fields for Row<'_> {
    fn any(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        test(self.0.path.as_str())
            || self
                .0
                .value
                .known()
                .is_some_and(|value| test(&escape(value).to_string()))
    }

    fn field(&self, name: &str) -> Option<FieldValue> {
        let node = self.0;
        let text = |text: String| FieldValue { text, number: None };
        match name {
            "path" => Some(text(node.path.to_string())),
            "name" => Some(text(node.path.name().unwrap_or("/").to_owned())),
            "value" => {
                let value = node.value.known()?;
                let shown = escape(value).to_string();
                Some(FieldValue {
                    number: shown.parse().ok().filter(|number: &f64| number.is_finite()),
                    text: shown,
                })
            }
            "perms" => Some(text(node.perms.known()?.to_string())),
            "size" => {
                let size = node.value.known()?.len();
                Some(FieldValue {
                    text: size.to_string(),
                    number: u32::try_from(size).ok().map(f64::from),
                })
            }
            _ => None,
        }
    }
}

/// A path of which nothing is left.
struct Bare<'a>(&'a StorePath);

impl Fields for Bare<'_> {
    fn any(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        test(self.0.as_str())
    }

    fn field(&self, name: &str) -> Option<FieldValue> {
        (name == "path").then(|| FieldValue {
            text: self.0.to_string(),
            number: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::nodes::tests::node;
    use super::*;

    fn path(text: &str) -> StorePath {
        StorePath::parse(text).unwrap()
    }

    fn tree() -> Tree {
        let mut tree = Tree::new(StorePath::root());
        let all = [
            "/",
            "/local",
            "/local/domain",
            "/local/domain/0",
            "/local/domain/0/name",
            "/tool",
            "/vm",
        ];
        tree.take(
            News::Filled(all.map(|path| node(path, "x")).into()),
            Moment::default(),
        );
        tree.refresh(&Filter::default(), "");
        tree
    }

    fn shown(tree: &Tree) -> Vec<&str> {
        tree.list.rows().iter().map(StorePath::as_str).collect()
    }

    #[test]
    fn nodes_open_and_close_and_the_cursor_goes_to_the_parent() {
        let mut tree = tree();
        let closed = [
            "/",
            "/local",
            "/local/domain",
            "/local/domain/0",
            "/tool",
            "/vm",
        ];
        assert_eq!(shown(&tree), closed);
        tree.list.go(3);
        assert!(tree.open());
        tree.refresh(&Filter::default(), "");
        assert!(shown(&tree).contains(&"/local/domain/0/name"));
        tree.list.step(1);
        assert!(tree.close());
        assert_eq!(tree.selected(), Some(&path("/local/domain/0")));
        assert!(tree.close());
        tree.refresh(&Filter::default(), "");
        assert_eq!(shown(&tree), closed);
    }

    #[test]
    fn a_filter_shows_what_matches_and_the_way_to_it() {
        let mut tree = tree();
        tree.refresh(&Filter::parse("name:name", FIELDS).unwrap(), "name:name");
        assert_eq!(
            shown(&tree),
            [
                "/",
                "/local",
                "/local/domain",
                "/local/domain/0",
                "/local/domain/0/name"
            ]
        );
    }

    #[test]
    fn a_path_is_gone_to_as_far_as_it_exists_and_completed() {
        let mut tree = tree();
        assert_eq!(
            tree.go_to(&path("/local/domain/0/nothing")),
            Some(path("/local/domain/0"))
        );
        tree.refresh(&Filter::default(), "");
        assert_eq!(tree.selected(), Some(&path("/local/domain/0")));
        assert_eq!(tree.complete("/lo").as_deref(), Some("/local/"));
        assert_eq!(tree.complete("/x"), None);
    }

    #[test]
    fn changes_since_the_mark_are_listed_with_what_is_gone() {
        let mut tree = tree();
        let changes = vec![
            (path("/vm"), None),
            (path("/tool"), Some(node("/tool", "y"))),
        ];
        tree.mark(Moment::default());
        tree.take(News::Changed(changes), Moment::default());
        tree.set_only_changes(true);
        tree.refresh(&Filter::default(), "");
        assert_eq!(shown(&tree), ["/tool", "/vm"]);
    }
}
