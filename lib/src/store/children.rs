//! The children of a node in the order of their creation.
//!
//! A B-tree over ever growing positions: children are only added at the end, removed anywhere. Its pages are shared
//! between copies, so that a transaction's copy of a directory costs nothing, and a change of a shared copy costs one
//! page per level. Every page knows how many bytes its names take, so that a long list can be entered at an offset.

use std::sync::Arc;

/// Children or pages in one page.
const FANOUT: usize = 32;

/// A child: its full path, which the tree's key shares, and the position of its name within.
#[derive(Clone, Debug)]
pub(super) struct Child {
    order: u64,
    path: Arc<str>,
}

impl Child {
    /// The child's full path.
    pub(super) fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// The child's position.
    pub(super) fn order(&self) -> u64 {
        self.order
    }

    /// The child's name.
    pub(super) fn name(&self) -> &str {
        name_of(&self.path)
    }

    /// Bytes of the name in a list of children: with its NUL.
    fn bytes(&self) -> usize {
        self.name().len() + 1
    }
}

/// The last element of an absolute path.
pub(super) fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The children of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Children {
    root: Option<Arc<Page>>,
    /// Position of the next child.
    next: u64,
    bytes: usize,
}

#[derive(Clone, Debug)]
enum Page {
    Leaf(Vec<Child>),
    Inner(Vec<Below>),
}

#[derive(Clone, Debug)]
struct Below {
    /// Position of the first child below, at the time when the page was made.
    first: u64,
    bytes: usize,
    page: Arc<Page>,
}

impl Children {
    /// Bytes of all names with their NULs: the length of the payload of DIRECTORY.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Position that the next child will have.
    pub(super) fn next_order(&self) -> u64 {
        self.next
    }

    /// Adds a child at the end and returns its position, by which it is removed.
    pub(super) fn push(&mut self, path: Arc<str>) -> u64 {
        let order = self.next;
        let child = Child { order, path };
        self.next += 1;
        self.bytes += child.bytes();
        match &mut self.root {
            None => self.root = Some(Arc::new(Page::Leaf(vec![child]))),
            Some(root) => {
                if let Some(sibling) = Arc::make_mut(root).push(child) {
                    let left = Below {
                        first: 0,
                        bytes: root.bytes(),
                        page: Arc::clone(root),
                    };
                    *root = Arc::new(Page::Inner(vec![left, sibling]));
                }
            }
        }
        order
    }

    /// Removes the child with this path, which was at a position when it was made.
    pub(super) fn remove_at(&mut self, order: u64, path: &str) -> bool {
        let at_place = self.root.as_ref().and_then(|root| root.get(order));
        let is_it = |child: &&Child| &**child.path() == path;
        let found = at_place
            .filter(is_it)
            .or_else(|| self.iter().find(is_it))
            .map(Child::order);
        found.is_some_and(|order| self.remove(order))
    }

    /// Removes the child at a position.
    fn remove(&mut self, order: u64) -> bool {
        let Some(root) = &mut self.root else {
            return false;
        };
        let Some(bytes) = Arc::make_mut(root).remove(order) else {
            return false;
        };
        self.bytes -= bytes;
        loop {
            match &**root {
                Page::Leaf(children) if children.is_empty() => {
                    self.root = None;
                    break;
                }
                Page::Inner(below) if below.len() == 1 => *root = Arc::clone(&below[0].page),
                _ => break,
            }
        }
        true
    }

    /// The children in order.
    pub(super) fn iter(&self) -> Iter<'_> {
        let mut iter = Iter { stack: Vec::new() };
        if let Some(root) = &self.root {
            iter.stack.push((root, 0));
        }
        iter
    }

    /// The children from the one that contains byte `offset` of the list of names, and where in it the byte is.
    pub(super) fn iter_from(&self, mut offset: usize) -> (Iter<'_>, usize) {
        let mut iter = Iter { stack: Vec::new() };
        let mut page = self.root.as_ref();
        while let Some(at) = page {
            match &**at {
                Page::Leaf(children) => {
                    let index = skip(children.iter().map(Child::bytes), &mut offset);
                    iter.stack.push((at, index));
                    page = None;
                }
                Page::Inner(below) => {
                    let index = skip(below.iter().map(|b| b.bytes), &mut offset);
                    iter.stack.push((at, index + 1));
                    page = below.get(index).map(|b| &b.page);
                }
            }
        }
        (iter, offset)
    }
}

/// Index of the first of the sizes that does not lie before `offset`, which is made relative to it.
fn skip(sizes: impl Iterator<Item = usize>, offset: &mut usize) -> usize {
    let mut index = 0;
    for size in sizes {
        if *offset < size {
            break;
        }
        *offset -= size;
        index += 1;
    }
    index
}

impl Page {
    fn bytes(&self) -> usize {
        match self {
            Self::Leaf(children) => children.iter().map(Child::bytes).sum(),
            Self::Inner(below) => below.iter().map(|b| b.bytes).sum(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Leaf(children) => children.len(),
            Self::Inner(below) => below.len(),
        }
    }

    /// The child at a position.
    fn get(&self, order: u64) -> Option<&Child> {
        match self {
            Self::Leaf(children) => {
                let index = children.binary_search_by_key(&order, |c| c.order).ok()?;
                children.get(index)
            }
            Self::Inner(below) => {
                let index = below.partition_point(|b| b.first <= order).checked_sub(1)?;
                below[index].page.get(order)
            }
        }
    }

    /// Adds a child at the end; a page that is full stays as it is, and its new right neighbour is returned.
    fn push(&mut self, child: Child) -> Option<Below> {
        let (first, bytes) = (child.order, child.bytes());
        let page = match self {
            Self::Leaf(children) if children.len() < FANOUT => {
                // One child is the commonest directory: no spare room for it.
                if children.capacity() == children.len() {
                    children.reserve_exact((children.len() + 1).min(FANOUT - children.len()));
                }
                children.push(child);
                return None;
            }
            Self::Leaf(_) => Self::Leaf(vec![child]),
            Self::Inner(below) => {
                let last = below.last_mut()?;
                let sibling = Arc::make_mut(&mut last.page).push(child);
                let Some(sibling) = sibling else {
                    last.bytes += bytes;
                    return None;
                };
                if below.len() < FANOUT {
                    below.push(sibling);
                    return None;
                }
                Self::Inner(vec![sibling])
            }
        };
        Some(Below {
            first,
            bytes,
            page: Arc::new(page),
        })
    }

    /// Removes a child and returns the bytes of its name. Pages that become small join their neighbour.
    fn remove(&mut self, order: u64) -> Option<usize> {
        match self {
            Self::Leaf(children) => {
                let index = children.binary_search_by_key(&order, |c| c.order).ok()?;
                Some(children.remove(index).bytes())
            }
            Self::Inner(below) => {
                let index = below.partition_point(|b| b.first <= order).checked_sub(1)?;
                let bytes = Arc::make_mut(&mut below[index].page).remove(order)?;
                below[index].bytes -= bytes;
                if below[index].page.len() == 0 {
                    below.remove(index);
                } else {
                    let left = index.saturating_sub(1);
                    if left + 1 < below.len()
                        && below[left].page.len() + below[left + 1].page.len() <= FANOUT / 2
                    {
                        let right = below.remove(left + 1);
                        below[left].bytes += right.bytes;
                        Arc::make_mut(&mut below[left].page)
                            .append(Arc::unwrap_or_clone(right.page));
                    }
                }
                Some(bytes)
            }
        }
    }

    fn append(&mut self, right: Self) {
        match (self, right) {
            (Self::Leaf(children), Self::Leaf(more)) => children.extend(more),
            (Self::Inner(below), Self::Inner(more)) => below.extend(more),
            // Pages of one level are of one kind.
            _ => {}
        }
    }
}

/// Iterator over children.
pub(super) struct Iter<'a> {
    stack: Vec<(&'a Arc<Page>, usize)>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Child;

    fn next(&mut self) -> Option<&'a Child> {
        loop {
            let (page, index) = self.stack.last_mut()?;
            let at = *index;
            *index += 1;
            let page = *page;
            match &**page {
                Page::Leaf(children) => match children.get(at) {
                    Some(child) => return Some(child),
                    None => drop(self.stack.pop()),
                },
                Page::Inner(below) => match below.get(at) {
                    Some(below) => self.stack.push((&below.page, 0)),
                    None => drop(self.stack.pop()),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(children: &Children) -> Vec<&str> {
        children.iter().map(Child::name).collect()
    }

    proptest! {
        #[test]
        fn a_list_keeps_the_order_of_creation_and_copies_are_independent(
            steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..600),
            copy_at in any::<prop::sample::Index>(),
        ) {
            let (mut children, mut model) = (Children::default(), Vec::<(u64, String)>::new());
            let mut copy = None;
            let copy_at = copy_at.index(steps.len() + 1);
            for (step, (add, which)) in steps.iter().enumerate() {
                if step == copy_at {
                    copy = Some((children.clone(), model.clone()));
                }
                if *add || model.is_empty() {
                    let name = "x".repeat(step % 7 + 1) + &step.to_string();
                    let order = children.push(format!("/d/{name}").into());
                    model.push((order, name));
                } else {
                    let (order, _) = model.remove(which.index(model.len()));
                    prop_assert!(children.remove(order));
                    prop_assert!(!children.remove(order));
                }
            }
            for (children, model) in copy.iter().chain([&(children, model)]) {
                prop_assert_eq!(names(children), model.iter().map(|(_, n)| n.as_str()).collect::<Vec<_>>());
                prop_assert_eq!(children.iter().count(), model.len());
                let list = model.iter().map(|(_, n)| n.clone() + "\0").collect::<String>();
                prop_assert_eq!(children.bytes(), list.len());
                for offset in 0..list.len() {
                    let (mut iter, within) = children.iter_from(offset);
                    let rest = format!("{}\0", &iter.next().unwrap().name()[within..]);
                    prop_assert!(list[offset..].starts_with(&rest));
                }
            }
        }
    }

    #[test]
    fn a_hundred_thousand_children_come_and_go() {
        let mut children = Children::default();
        let orders: Vec<u64> = (0..100_000)
            .map(|n| children.push(format!("/d/{n}").into()))
            .collect();
        assert_eq!(children.iter().count(), 100_000);
        for order in orders {
            assert!(children.remove(order));
        }
        assert_eq!((children.iter().count(), children.bytes()), (0, 0));
    }
}
