//! A bounded sequence that grows at its end; clones share what they have in common.

use std::collections::VecDeque;
use std::sync::Arc;

/// Items in pieces: a clone copies pointers to pieces, not items.
#[derive(Clone, Debug)]
pub(super) struct Chain<T> {
    pieces: VecDeque<Arc<Vec<T>>>,
    length: usize,
    most: usize,
}

/// A piece of this size is not made longer.
const PIECE: usize = 256;

impl<T: Clone> Chain<T> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            pieces: VecDeque::new(),
            length: 0,
            most,
        }
    }

    /// Adds items, and drops the oldest pieces that are over the limit.
    pub(super) fn extend(&mut self, items: Vec<T>) {
        if items.is_empty() {
            return;
        }
        self.length += items.len();
        match self.pieces.back_mut() {
            Some(last) if last.len() + items.len() <= PIECE => Arc::make_mut(last).extend(items),
            _ => self.pieces.push_back(Arc::new(items)),
        }
        while let Some(first) = self.pieces.front()
            && self.length - first.len() >= self.most
        {
            self.length -= first.len();
            self.pieces.pop_front();
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.pieces.iter().flat_map(|piece| piece.iter())
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_clones_stay_as_they_are() {
        let mut chain = Chain::new(1000);
        let mut early = chain.clone();
        for start in (0..5000).step_by(7) {
            chain.extend((start..start + 7).collect());
            if start == 700 {
                early = chain.clone();
            }
        }
        let last: Vec<i32> = chain.iter().copied().collect();
        assert!((1000..1000 + PIECE).contains(&last.len()));
        assert_eq!(last.len(), chain.len());
        assert!(last.is_sorted() && last.last() == Some(&5004));
        assert_eq!(early.iter().next_back(), Some(&706));
        assert_eq!(early.len(), 707);
    }
}
