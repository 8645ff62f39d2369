//! What the store said of a node.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use xenbus::{Perms, StorePath};

use super::{Flight, Ledger, Left, State};

/// Names of a directory's children, each with its permissions if they were read.
pub type Children = HashMap<Box<str>, Option<Perms>>;

/// What the store said of a node; `None`: it was not asked.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Its value.
    pub value: Option<Digest>,
    /// Its permissions.
    pub perms: Option<Perms>,
    /// Its children.
    pub children: Option<Children>,
}

/// A value, to be compared with others. Made with a random key, so that nobody can choose two values that look the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Digest {
    /// Length of the value.
    pub length: u32,
    sum: u64,
}

impl Digest {
    /// The digest of a value.
    pub fn of(value: &[u8]) -> Self {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        Self {
            length: u32::try_from(value.len()).unwrap_or(u32::MAX),
            sum: KEY.hash_one(value),
        }
    }
}

/// Takes out what is known of the node at `top` and of all below it.
pub fn take_within(
    facts: &mut BTreeMap<StorePath, Facts>,
    top: &StorePath,
) -> Vec<(StorePath, Facts)> {
    let paths: Vec<_> = facts
        .range(top.clone()..)
        .map(|(path, _)| path)
        .take_while(|path| path.is_within(top))
        .cloned()
        .collect();
    let taken = paths
        .into_iter()
        .filter_map(|path| facts.remove_entry(&path));
    taken.collect()
}

/// Largest directory whose children's permissions are read in advance.
const READ_AHEAD: usize = 1024;

impl State {
    /// Whether a node that was found is new to who listens in its directory, and no event will say so: stores tell
    /// nothing of nodes that they make on the way to others.
    fn is_unheard(&self, path: &StorePath) -> bool {
        let listed = path.parent().and_then(|above| {
            let children = self.facts.get(&above)?.children.as_ref()?;
            Some(children.contains_key(path.name()?))
        });
        listed == Some(false) && !self.echoes.has(path)
    }
}

impl Ledger {
    /// Remembers what a request has learnt, unless something is known already or may have changed meanwhile.
    pub fn learn(
        &self,
        flight: &Flight,
        value: Option<Digest>,
        perms: Option<&Perms>,
        children: Option<&[String]>,
    ) {
        let path = flight.path();
        let mut state = self.state();
        if !self.is_followed() {
            return;
        }
        let state = &mut *state;
        let found = Left {
            value,
            perms: perms.cloned(),
            ..Left::default()
        };
        state.echoes.seen(path, &found, flight.asked());
        if let Some(names) = children {
            state.echoes.listed(path, names, flight.asked());
        }
        if state.is_pinned(path) && !state.facts.contains_key(path) {
            // A stream has not been told yet that it is there.
            return;
        }
        if state.is_unheard(path) {
            state.unheard.push(path.clone());
            self.bell.ring();
        }
        let facts = state.facts.entry(path.clone()).or_default();
        if !flight.is_hit_at_or_above() {
            facts.value = facts.value.or(value);
            if facts.perms.is_none() {
                facts.perms = perms.cloned();
            }
        }
        let Some(names) = children else {
            return;
        };
        if let Some(known) = &facts.children {
            let is_known = |name: &String| known.contains_key(name.as_str());
            if names.len() != known.len() || !names.iter().all(is_known) {
                // Read between changes that will be told as one, which may come to no difference: not to be kept.
                flight.hit_below();
            }
            return;
        }
        if flight.is_hit() {
            // Events alone know which of the names are new.
            state.rechecks.push(path.clone());
            self.bell.ring();
            return;
        }
        facts.children = Some(
            names
                .iter()
                .map(|name| (name.as_str().into(), None))
                .collect(),
        );
        if !names.is_empty() && names.len() <= READ_AHEAD {
            state.unread.push(path.clone());
            self.bell.ring();
        }
    }

    /// The names of a directory's children are known.
    pub fn knows_children(&self, path: &StorePath) -> bool {
        let state = self.state();
        state
            .facts
            .get(path)
            .is_some_and(|facts| facts.children.is_some())
    }
}
