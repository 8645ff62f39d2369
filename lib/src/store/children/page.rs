//! The pages of a list of children.

use std::sync::Arc;

use super::Child;

/// Children or pages in one page.
const FANOUT: usize = 32;

#[derive(Clone, Debug)]
pub(super) enum Page {
    Leaf(Vec<Child>),
    Inner(Vec<Below>),
}

#[derive(Clone, Debug)]
pub(super) struct Below {
    /// Position of the first child below, at the time when the page was made.
    pub(super) first: u64,
    pub(super) bytes: usize,
    pub(super) page: Arc<Page>,
}

/// Which of the pages holds a position.
fn holder(below: &[Below], order: u64) -> Option<usize> {
    below.partition_point(|b| b.first <= order).checked_sub(1)
}

impl Page {
    pub(super) fn bytes(&self) -> usize {
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

    pub(super) fn get(&self, order: u64) -> Option<&Child> {
        match self {
            Self::Leaf(children) => {
                let index = children.binary_search_by_key(&order, |c| c.order).ok()?;
                children.get(index)
            }
            Self::Inner(below) => below.get(holder(below, order)?)?.page.get(order),
        }
    }

    pub(super) fn get_mut(&mut self, order: u64) -> Option<&mut Child> {
        match self {
            Self::Leaf(children) => {
                let index = children.binary_search_by_key(&order, |c| c.order).ok()?;
                children.get_mut(index)
            }
            Self::Inner(below) => {
                let index = holder(below, order)?;
                Arc::make_mut(&mut below.get_mut(index)?.page).get_mut(order)
            }
        }
    }

    /// Adds a child at the end; a page that is full stays as it is, and its new right neighbour is returned.
    pub(super) fn push(&mut self, child: Child) -> Option<Below> {
        let (first, bytes) = (child.order, child.bytes());
        let page = match self {
            Self::Leaf(children) if children.len() < FANOUT => {
                // Few children are the commonest: little spare room for them.
                if children.capacity() == children.len() {
                    let more = (children.len() / 2 + 1).min(FANOUT - children.len());
                    children.reserve_exact(more);
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
    pub(super) fn remove(&mut self, order: u64) -> Option<usize> {
        match self {
            Self::Leaf(children) => {
                let index = children.binary_search_by_key(&order, |c| c.order).ok()?;
                Some(children.remove(index).bytes())
            }
            Self::Inner(below) => {
                let index = holder(below, order)?;
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
pub(in crate::store) struct Iter<'a> {
    /// The leaf that is being read, apart because most lists are one leaf.
    leaf: std::slice::Iter<'a, Child>,
    stack: Vec<std::slice::Iter<'a, Below>>,
}

impl<'a> Iter<'a> {
    pub(super) fn new(root: Option<&'a Page>) -> Self {
        let mut iter = Self::empty();
        iter.enter(root, |_| 0, |_| 0);
        iter
    }

    fn empty() -> Self {
        Self {
            leaf: [].iter(),
            stack: Vec::new(),
        }
    }

    /// From the child that contains a byte of the list of names; where in it the byte is.
    pub(super) fn from_offset(root: Option<&'a Page>, offset: usize) -> (Self, usize) {
        let (mut iter, offset) = (Self::empty(), std::cell::Cell::new(offset));
        iter.enter(
            root,
            |below| skip(below.iter().map(|b| b.bytes), &offset),
            |leaf| skip(leaf.iter().map(Child::bytes), &offset),
        );
        (iter, offset.get())
    }

    /// From the first child at or after a position.
    pub(super) fn from_order(root: Option<&'a Page>, order: u64) -> Self {
        let mut iter = Self::empty();
        iter.enter(
            root,
            |below| holder(below, order).unwrap_or(0),
            |leaf| leaf.partition_point(|child| child.order < order),
        );
        iter
    }

    /// Goes down to a leaf, on each level from the index that is chosen.
    fn enter(
        &mut self,
        mut page: Option<&'a Page>,
        choose: impl Fn(&[Below]) -> usize,
        choose_child: impl Fn(&[Child]) -> usize,
    ) {
        while let Some(at) = page {
            match at {
                Page::Leaf(children) => {
                    let start = choose_child(children).min(children.len());
                    self.leaf = children[start..].iter();
                    page = None;
                }
                Page::Inner(below) => {
                    let start = choose(below).min(below.len());
                    let mut rest = below[start..].iter();
                    page = rest.next().map(|b| &*b.page);
                    self.stack.push(rest);
                }
            }
        }
    }
}

/// Index of the first of the sizes that does not lie before `offset`, which is made relative to it.
fn skip(sizes: impl Iterator<Item = usize>, offset: &std::cell::Cell<usize>) -> usize {
    let mut index = 0;
    for size in sizes {
        if offset.get() < size {
            break;
        }
        offset.set(offset.get() - size);
        index += 1;
    }
    index
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Child;

    fn next(&mut self) -> Option<&'a Child> {
        loop {
            if let Some(child) = self.leaf.next() {
                return Some(child);
            }
            let page = loop {
                match self.stack.last_mut()?.next() {
                    Some(below) => break &*below.page,
                    None => drop(self.stack.pop()),
                }
            };
            self.enter(Some(page), |_| 0, |_| 0);
        }
    }
}
