//! Keys: one table that dispatch, footer, help, the configuration's template and the manual page read.

mod press;
mod table;

use std::collections::BTreeMap;

pub use press::Press;
pub use table::{BINDINGS, Binding};

/// What a key does.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the table says what each one does")]
pub enum Action {
    Quit,
    Help,
    Suspend,
    Redraw,
    Overview,
    Devices,
    Rings,
    Findings,
    Events,
    Tree,
    NextView,
    PreviousView,
    Down,
    Up,
    Left,
    Right,
    Top,
    Bottom,
    HalfDown,
    HalfUp,
    PageDown,
    PageUp,
    Open,
    Back,
    Filter,
    NextHit,
    PreviousHit,
    Sort,
    SortNext,
    SortPrevious,
    Reverse,
    Freeze,
    Earlier,
    Later,
    Now,
    Jump,
    Mark,
    Changes,
    Flat,
    Hex,
    Expand,
    Copy,
    Faster,
    Slower,
    Mouse,
    Theme,
    Save,
}

/// Where a key counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Everywhere.
    Everywhere,
    /// In tables that can be sorted.
    Table,
    /// In the tree.
    Tree,
    /// In one device's details and in the tree.
    Nodes,
}

impl Scope {
    /// Whether a key can count in both at once.
    pub fn overlaps(self, other: Self) -> bool {
        let nodes = |scope| matches!(scope, Self::Tree | Self::Nodes);
        self == other
            || self == Self::Everywhere
            || other == Self::Everywhere
            || (nodes(self) && nodes(other))
    }

    /// As the manual page says it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Table => "in tables",
            Self::Tree => "in the tree",
            Self::Nodes => "in a device and in the tree",
        }
    }
}

/// Which keys do what, after the configuration has had its say.
#[derive(Clone, Debug)]
pub struct Keymap {
    /// The keys of each row of the table, in its order.
    keys: Vec<Vec<Press>>,
}

impl Default for Keymap {
    fn default() -> Self {
        let parse = |key: &&str| Press::parse(key).ok();
        Self {
            keys: BINDINGS
                .iter()
                .map(|binding| binding.keys.iter().filter_map(parse).collect())
                .collect(),
        }
    }
}

impl Keymap {
    /// The table with other keys for some of its rows.
    ///
    /// # Errors
    /// Names without a row, keys that are none, and keys that would mean two things.
    pub fn with(changes: &BTreeMap<String, Vec<String>>) -> Result<Self, String> {
        let mut map = Self::default();
        for (name, keys) in changes {
            let at = BINDINGS.iter().position(|binding| binding.name == name);
            let Some(place) = at.and_then(|at| map.keys.get_mut(at)) else {
                let names: Vec<&str> = BINDINGS.iter().map(|binding| binding.name).collect();
                return Err(format!(
                    "keys: there is no action \"{}\"; actions are {}",
                    name.escape_default(),
                    names.join(", ")
                ));
            };
            *place = keys
                .iter()
                .map(|key| Press::parse(key).map_err(|why| format!("keys: {name}: {why}")))
                .collect::<Result<_, _>>()?;
        }
        map.check()?;
        Ok(map)
    }

    fn check(&self) -> Result<(), String> {
        let all = || BINDINGS.iter().zip(&self.keys);
        for (at, (binding, keys)) in all().enumerate() {
            for (other, others) in all().skip(at + 1) {
                if !binding.scope.overlaps(other.scope) {
                    continue;
                }
                if let Some(key) = keys.iter().find(|key| others.contains(key)) {
                    let (one, two) = (binding.name, other.name);
                    return Err(format!("keys: {key} would mean both {one} and {two}"));
                }
            }
        }
        if all().any(|(binding, keys)| binding.action == Action::Quit && keys.is_empty()) {
            return Err("keys: quit needs a key".into());
        }
        Ok(())
    }

    /// What a key does where these scopes count.
    pub fn action(&self, press: Press, scopes: &[Scope]) -> Option<Action> {
        BINDINGS
            .iter()
            .zip(&self.keys)
            .find(|(binding, keys)| scopes.contains(&binding.scope) && keys.contains(&press))
            .map(|(binding, _)| binding.action)
    }

    /// The rows with their keys, in the order of the table.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Binding, &[Press])> {
        BINDINGS.iter().zip(self.keys.iter().map(Vec::as_slice))
    }

    /// The first key of an action, for the footer.
    pub fn first(&self, action: Action) -> Option<Press> {
        self.rows()
            .find(|(binding, _)| binding.action == action)
            .and_then(|(_, keys)| keys.first().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, keys: &[&str]) -> Result<Keymap, String> {
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        Keymap::with(&BTreeMap::from([(name.to_owned(), keys)]))
    }

    #[test]
    fn the_table_is_sound() {
        let map = Keymap::default();
        map.check().unwrap();
        for (binding, keys) in map.rows() {
            assert_eq!(keys.len(), binding.keys.len(), "{}", binding.name);
            for (press, text) in keys.iter().zip(binding.keys) {
                assert_eq!(
                    press.to_string(),
                    *text,
                    "keys are written as they are shown"
                );
            }
            let same = BINDINGS.iter().filter(|other| other.name == binding.name);
            assert_eq!(same.count(), 1, "{}", binding.name);
            let same = BINDINGS
                .iter()
                .filter(|other| other.action == binding.action);
            assert_eq!(same.count(), 1, "{}", binding.name);
        }
    }

    #[test]
    fn a_key_with_two_meanings_is_refused_with_both_names() {
        let error = with("freeze", &["q"]).unwrap_err();
        assert!(
            error.contains("freeze") && error.contains("quit") && error.contains('q'),
            "{error}"
        );
        assert!(
            with("freeze", &["ctrl-f5x"])
                .unwrap_err()
                .contains("freeze")
        );
        assert!(with("frieze", &["x"]).unwrap_err().contains("freeze"));
        assert!(with("quit", &[]).is_err());
    }

    #[test]
    fn keys_are_replaced_and_may_be_taken_away() {
        let map = with("freeze", &["F5"]).unwrap();
        let scopes = [Scope::Everywhere, Scope::Table];
        let press = |key| Press::parse(key).unwrap();
        assert_eq!(map.action(press("F5"), &scopes), Some(Action::Freeze));
        assert_eq!(map.action(press("f"), &scopes), None);
        assert_eq!(with("mouse", &[]).unwrap().first(Action::Mouse), None);
    }

    #[test]
    fn scopes_decide_what_a_key_means() {
        let map = Keymap::default();
        let sort = map.first(Action::Sort).unwrap();
        assert_eq!(
            map.action(sort, &[Scope::Everywhere, Scope::Table]),
            Some(Action::Sort)
        );
        assert_eq!(map.action(sort, &[Scope::Everywhere, Scope::Tree]), None);
    }
}
