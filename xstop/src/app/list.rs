//! A list with a cursor: what is selected stays selected when rows come, go and move.

/// Rows by their keys, a cursor, and where the window begins.
#[derive(Clone, Debug)]
pub struct List<K> {
    rows: Vec<K>,
    cursor: usize,
    offset: usize,
    /// Whether the cursor follows the last row.
    follows_end: bool,
    /// Whether the cursor follows its row; at the first row it stays there, whatever that is.
    follows_row: bool,
}

impl<K> Default for List<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> List<K> {
    /// A list without rows.
    pub const fn new() -> Self {
        Self {
            rows: Vec::new(),
            cursor: 0,
            offset: 0,
            follows_end: false,
            follows_row: false,
        }
    }
}

impl<K: PartialEq + Clone> List<K> {
    /// A list whose cursor stays at its end until it is moved away.
    pub fn at_end() -> Self {
        Self {
            follows_end: true,
            ..Self::default()
        }
    }

    /// Other rows. The cursor stays on its row, or where that row was.
    pub fn set(&mut self, rows: Vec<K>) {
        let key = self.selected().filter(|_| self.follows_row).cloned();
        // Most often it has not moved.
        let is_there = key.is_some() && rows.get(self.cursor) == key.as_ref();
        if !is_there && let Some(at) = key.and_then(|key| rows.iter().position(|row| *row == key)) {
            self.cursor = at;
        }
        self.rows = rows;
        if self.follows_end {
            self.cursor = self.rows.len();
        }
        self.cursor = self.cursor.min(self.rows.len().saturating_sub(1));
    }

    /// The rows.
    pub fn rows(&self) -> &[K] {
        &self.rows
    }

    /// The row under the cursor.
    pub fn selected(&self) -> Option<&K> {
        self.rows.get(self.cursor)
    }

    /// Where the cursor is.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The first row of the window.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Moves the cursor.
    pub fn step(&mut self, by: isize) {
        self.go(self.cursor.saturating_add_signed(by));
    }

    /// Puts the cursor on a row.
    pub fn go(&mut self, to: usize) {
        let last = self.rows.len().saturating_sub(1);
        self.cursor = to.min(last);
        self.follows_end = self.follows_end && self.cursor == last;
        self.follows_row = self.cursor > 0;
    }

    /// Puts the cursor on the last row, and keeps it there if that is this list's way.
    pub fn go_to_end(&mut self, stays: bool) {
        self.follows_end = stays;
        self.cursor = self.rows.len().saturating_sub(1);
        self.follows_row = self.cursor > 0;
    }

    /// Puts the cursor on the row with this key.
    pub fn go_to(&mut self, key: &K) -> bool {
        let at = self.rows.iter().position(|row| row == key);
        if let Some(at) = at {
            self.go(at);
        }
        at.is_some()
    }

    /// Puts the cursor on the next row (or the one before) that passes, all around.
    pub fn seek(&mut self, is_forward: bool, passes: impl Fn(&K) -> bool) -> bool {
        let count = self.rows.len();
        let at = (1..=count).map(|step| {
            let step = if is_forward { step } else { count - step };
            (self.cursor + step) % count
        });
        let found = at
            .into_iter()
            .find(|at| self.rows.get(*at).is_some_and(&passes));
        if let Some(at) = found {
            self.go(at);
        }
        found.is_some()
    }

    /// Moves a window of this height so that the cursor is in it.
    pub fn settle(&mut self, height: usize) {
        let height = height.max(1);
        let most = self.rows.len().saturating_sub(height);
        let lowest = (self.cursor + 1).saturating_sub(height);
        self.offset = self
            .offset
            .clamp(lowest, self.cursor.max(lowest))
            .min(most.max(lowest));
    }

    /// Moves the window without the cursor, as far as the cursor stays in it.
    pub fn scroll(&mut self, by: isize, height: usize) {
        let most = self.rows.len().saturating_sub(height.max(1));
        self.offset = self.offset.saturating_add_signed(by).min(most);
        let last = (self.offset + height.max(1) - 1).min(self.rows.len().saturating_sub(1));
        let to = self.cursor.clamp(self.offset.min(last), last);
        self.go(to);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_cursor_stays_on_its_row_when_rows_move() {
        let mut list = List::default();
        list.set(vec!["a", "b", "c"]);
        list.go(1);
        list.set(vec!["c", "x", "y", "b"]);
        assert_eq!(list.selected(), Some(&"b"));
        list.set(vec!["y", "b"]);
        list.go(0);
        list.set(vec!["new", "y", "b"]);
        assert_eq!(
            list.selected(),
            Some(&"new"),
            "at the top it stays at the top"
        );
        list.go(1);
        list.set(vec!["c", "x"]);
        assert_eq!(
            list.selected(),
            Some(&"x"),
            "its row is gone: the place stays"
        );
        list.set(vec![]);
        assert_eq!((list.selected(), list.cursor()), (None, 0));
    }

    #[test]
    fn a_list_at_its_end_follows_until_the_cursor_leaves() {
        let mut list = List::at_end();
        list.set(vec![1, 2]);
        assert_eq!(list.selected(), Some(&2));
        list.step(-1);
        list.set(vec![1, 2, 3]);
        assert_eq!(list.selected(), Some(&1));
        list.go_to_end(true);
        list.set(vec![1, 2, 3, 4]);
        assert_eq!(list.selected(), Some(&4));
    }

    #[test]
    fn seeking_goes_around() {
        let mut list = List::default();
        list.set(vec![1, 2, 3, 4]);
        assert!(list.seek(true, |n| n % 2 == 0) && list.selected() == Some(&2));
        assert!(list.seek(true, |n| *n == 1) && list.selected() == Some(&1));
        assert!(list.seek(false, |n| n % 2 == 0) && list.selected() == Some(&4));
        assert!(!list.seek(true, |n| *n > 9));
    }

    proptest! {
        #[test]
        fn the_cursor_is_always_in_the_window(
            count in 0_usize..60, height in 0_usize..20, steps in prop::collection::vec(-70_isize..70, 0..20),
        ) {
            let mut list = List::default();
            list.set((0..count).collect());
            for (at, step) in steps.into_iter().enumerate() {
                if at % 3 == 0 { list.scroll(step, height) } else { list.step(step) }
                list.settle(height);
                let window = list.offset()..list.offset() + height.max(1);
                prop_assert!(count == 0 || window.contains(&list.cursor()));
                prop_assert!(list.offset() == 0 || window.end <= count.max(height.max(1)));
            }
        }
    }
}
