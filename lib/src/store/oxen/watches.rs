//! Watches as oxenstored finds them: from the root down, at each place the newest first.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::path::Path;
use super::perms::{Perms, Who};
use super::tree::Node;
use crate::perms::Access;
use crate::store::core::ConnId;
use crate::wire::Errno;

/// Where a watch is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Place {
    Node(Path),
    /// A name with `@`.
    Special(Arc<[u8]>),
}

/// A watch.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) connection: ConnId,
    pub(super) token: Arc<[u8]>,
    /// As the watcher gave it.
    pub(super) name: Arc<[u8]>,
    /// Bytes at the front of an event's path that the watcher does not see, because its watch is relative.
    pub(super) hidden: usize,
}

/// All watches.
#[derive(Debug, Default)]
pub(super) struct Watches {
    places: BTreeMap<Place, Vec<Watch>>,
    /// How many each connection has.
    counts: BTreeMap<ConnId, usize>,
}

/// An event for somebody.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) to: ConnId,
    pub(super) path: Vec<u8>,
    pub(super) token: Arc<[u8]>,
}

/// Who could see what, when something changed: permissions of a node and its parent, as far as they are there. The
/// root has no parent, and oxenstored finds nothing for it.
pub(super) type Look<'a> = dyn Fn(&Path) -> Vec<Perms> + 'a;

impl Watches {
    pub(super) fn add(&mut self, place: Place, watch: Watch) -> Result<(), Errno> {
        let here = self.places.entry(place).or_default();
        let same =
            |other: &Watch| other.connection == watch.connection && other.token == watch.token;
        if here.iter().any(same) {
            return Err(Errno::EEXIST);
        }
        *self.counts.entry(watch.connection).or_default() += 1;
        here.insert(0, watch);
        Ok(())
    }

    pub(super) fn remove(
        &mut self,
        place: &Place,
        connection: ConnId,
        token: &[u8],
    ) -> Result<(), Errno> {
        let here = self.places.get_mut(place).ok_or(Errno::ENOENT)?;
        let at = here
            .iter()
            .position(|watch| watch.connection == connection && *watch.token == *token);
        here.remove(at.ok_or(Errno::ENOENT)?);
        if let Some(count) = self.counts.get_mut(&connection) {
            *count -= 1;
        }
        if here.is_empty() {
            self.places.remove(place);
        }
        Ok(())
    }

    pub(super) fn remove_all(&mut self, connection: ConnId) {
        if self
            .counts
            .remove(&connection)
            .is_none_or(|count| count == 0)
        {
            return;
        }
        self.places.retain(|_, here| {
            here.retain(|watch| watch.connection != connection);
            !here.is_empty()
        });
    }

    /// How many watches a connection has.
    pub(super) fn count(&self, connection: ConnId) -> usize {
        self.counts.get(&connection).copied().unwrap_or_default()
    }

    /// The connections of all watches.
    pub(super) fn connections(&self) -> impl Iterator<Item = ConnId> {
        self.places.values().flatten().map(|watch| watch.connection)
    }

    /// The events of a change of `path`; of its removal, for watches below it too.
    pub(super) fn events(
        &self,
        path: &Path,
        below: bool,
        look: &Look<'_>,
        who: &dyn Fn(ConnId) -> Who,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        let perms = look(path);
        let text = path.to_text();
        for count in 0..=path.names().len() {
            let Some(here) = self.places.get(&Place::Node(path.up_to(count))) else {
                continue;
            };
            for watch in here
                .iter()
                .filter(|watch| may_see(who(watch.connection), &perms))
            {
                events.push(Event {
                    to: watch.connection,
                    path: text[watch.hidden.min(text.len())..].to_vec(),
                    token: watch.token.clone(),
                });
            }
        }
        if below {
            for (place, watches) in self.below(path) {
                let perms = look(place);
                let seen = |watch: &&Watch| may_see(who(watch.connection), &perms);
                events.extend(watches.iter().filter(seen).map(Watch::event));
            }
        }
        events
    }

    /// The events of `@introduceDomain` or `@releaseDomain`; `look` is for its node.
    pub(super) fn special(
        &self,
        name: &[u8],
        perms: &[Perms],
        who: &dyn Fn(ConnId) -> Who,
    ) -> Vec<Event> {
        let here = self.places.get(&Place::Special(name.into()));
        let here = here.into_iter().flatten();
        here.filter(|watch| may_see(who(watch.connection), perms))
            .map(Watch::event)
            .collect()
    }

    /// Watched places below a path, in the order of a walk.
    fn below(&self, top: &Path) -> impl Iterator<Item = (&Path, &Vec<Watch>)> {
        let after = (Bound::Excluded(Place::Node(top.clone())), Bound::Unbounded);
        let count = top.names().len();
        let top = top.clone();
        self.places
            .range(after)
            .map_while(move |(place, watches)| match place {
                Place::Node(path) if path.names().get(..count)? == top.names() => {
                    Some((path, watches))
                }
                _ => None,
            })
    }
}

impl Watch {
    /// The event that names what is watched itself.
    pub(super) fn event(&self) -> Event {
        Event {
            to: self.connection,
            path: self.name.to_vec(),
            token: self.token.clone(),
        }
    }
}

/// Permissions that decide who learns of a change of `path`, in one version: the parent's, and the node's if it is
/// there.
pub(super) fn look(root: &Arc<Node>, path: &Path) -> Vec<Perms> {
    let Some((name, _)) = path.names().split_last() else {
        return Vec::new();
    };
    let Some(parent) = root.get(path.parent().names()) else {
        return Vec::new();
    };
    let node = parent.children.get(name);
    let both = std::iter::once(&parent.perms).chain(node.map(|node| &node.perms));
    both.cloned().collect()
}

fn may_see(who: Who, perms: &[Perms]) -> bool {
    perms.iter().any(|perms| who.may(Access::Read, perms))
}
