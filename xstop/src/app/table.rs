//! Rows, order and filter of a view.

use super::{Key, List, Place, Sort, ViewId};
use crate::filter::{Filter, Mistake};

/// Rows, order and filter of a view.
#[derive(Clone, Debug)]
pub struct Table {
    /// The rows that are shown.
    pub list: List<Key>,
    /// Their order, if it can be chosen.
    pub sort: Option<Sort>,
    /// What was typed as a filter.
    pub text: String,
    /// The last filter that was right.
    pub filter: Filter,
    /// What is wrong with what was typed.
    pub mistake: Option<Mistake>,
    /// How many rows there are without the filter.
    pub all: usize,
    /// Which moment and place the rows are of; none if they are to be made anew.
    pub(super) made_for: Option<(u64, Place)>,
}

/// Stands for a table where there is none.
pub(super) static EMPTY: Table = Table {
    list: List::new(),
    sort: None,
    text: String::new(),
    filter: Filter::new(),
    mistake: None,
    all: 0,
    made_for: None,
};

impl Table {
    /// A table in an order as the configuration writes it.
    pub fn new(view: ViewId, sort: &str) -> Self {
        let list = if view == ViewId::Events {
            List::at_end()
        } else {
            List::default()
        };
        Self {
            list,
            sort: view.parse_sort(sort).ok(),
            text: String::new(),
            filter: Filter::default(),
            mistake: None,
            all: 0,
            made_for: None,
        }
    }

    /// Another filter. While it is wrong the last right one counts.
    pub fn set_filter(&mut self, view: ViewId, text: String) {
        match view.parse_filter(&text) {
            Ok(filter) => (self.filter, self.mistake) = (filter, None),
            Err(mistake) => self.mistake = Some(mistake),
        }
        self.text = text;
        self.made_for = None;
    }

    /// Another order.
    pub fn set_sort(&mut self, sort: Sort) {
        self.sort = Some(sort);
        self.made_for = None;
    }

    /// Whether something is filtered out, or would be.
    pub fn has_filter(&self) -> bool {
        !self.text.is_empty()
    }
}
