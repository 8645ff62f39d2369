//! The views.

use serde::{Deserialize, Serialize};

use super::fields;
use crate::filter::{Filter, Mistake};
use crate::key::Action;

/// A view of the host.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum ViewId {
    /// The host and its domains.
    #[default]
    Overview,
    /// Every device.
    Devices,
    /// Every ring.
    Rings,
    /// What is wrong.
    Findings,
    /// What changes.
    Events,
    /// The store.
    Tree,
}

/// By which column, and which way round.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sort {
    /// The column's name.
    pub column: &'static str,
    /// Whether the greatest comes first.
    pub is_reversed: bool,
}

impl ViewId {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Overview,
        Self::Devices,
        Self::Rings,
        Self::Findings,
        Self::Events,
        Self::Tree,
    ];

    /// Its name in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Devices => "devices",
            Self::Rings => "rings",
            Self::Findings => "findings",
            Self::Events => "events",
            Self::Tree => "tree",
        }
    }

    /// Its name on its tab.
    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Devices => "Devices",
            Self::Rings => "Rings",
            Self::Findings => "Findings",
            Self::Events => "Events",
            Self::Tree => "Tree",
        }
    }

    /// The action that shows it.
    pub fn action(self) -> Action {
        match self {
            Self::Overview => Action::Overview,
            Self::Devices => Action::Devices,
            Self::Rings => Action::Rings,
            Self::Findings => Action::Findings,
            Self::Events => Action::Events,
            Self::Tree => Action::Tree,
        }
    }

    /// The one after it, or before it.
    #[must_use]
    pub fn step(self, by: isize) -> Self {
        let count = Self::ALL.len();
        let at = Self::ALL.iter().position(|view| *view == self).unwrap_or(0);
        let at = (at + count).wrapping_add_signed(by) % count;
        Self::ALL.get(at).copied().unwrap_or_default()
    }

    /// Whether it is a table that can be sorted.
    pub fn has_columns(self) -> bool {
        !matches!(self, Self::Events | Self::Tree)
    }

    /// The names of its fields.
    pub fn field_names(self) -> Vec<&'static str> {
        fields::names(self)
    }

    /// How it is sorted at first, as in the configuration.
    pub fn default_sort(self) -> &'static str {
        match self {
            Self::Overview | Self::Devices => "domid",
            Self::Rings => "-load",
            Self::Findings => "-severity",
            Self::Events | Self::Tree => "",
        }
    }

    /// Reads a sort order: a column, with `-` before it if the greatest comes first.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse_sort(self, text: &str) -> Result<Sort, String> {
        let (name, is_reversed) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let names = self.field_names();
        match names.iter().find(|known| **known == name) {
            Some(column) if self.has_columns() => Ok(Sort {
                column,
                is_reversed,
            }),
            _ if !self.has_columns() => Err("it cannot be sorted".into()),
            _ => Err(format!(
                "no column \"{}\"; columns: {}",
                name.escape_default(),
                names.join(" ")
            )),
        }
    }

    /// Reads a filter.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse_filter(self, text: &str) -> Result<Filter, Mistake> {
        Filter::parse(text, &self.field_names())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_has_a_sound_sort_order_and_its_neighbours() {
        for view in ViewId::ALL {
            assert_eq!(view.step(1).step(-1), view);
            if view.has_columns() {
                view.parse_sort(view.default_sort()).unwrap();
            }
            assert!(!view.field_names().is_empty());
        }
        assert_eq!(ViewId::Overview.step(-1), ViewId::Tree);
    }
}
