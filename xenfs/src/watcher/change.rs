//! What is different: the facts compared with what the store says now.

use std::collections::{BTreeSet, HashSet};
use std::time::Instant;

use xenbus::client::NameList;
use xenbus::{Perms, StorePath};

use super::read::{Reading, There};
use super::{Cause, PATIENCE, Work};
use crate::inode::{Kind, View};
use crate::ledger::{Aspect, Children, Digest, Facts, Left, take_within};

/// A difference.
#[derive(Debug)]
pub(super) struct Change {
    /// The node.
    pub(super) path: StorePath,
    /// What happened to it.
    pub(super) what: What,
    /// The views in which a local operation has done it.
    pub(super) echo: Views,
    /// For the streams: what the store says of it now.
    pub(super) value: Option<Vec<u8>>,
    pub(super) perms: Option<Perms>,
    /// The nodes that are known to have gone with it, each before the one that it was in.
    pub(super) removed_below: Vec<StorePath>,
    /// Of a removal: no stream was told that the node is there.
    pub(super) untold: bool,
}

impl Change {
    /// Whether a local operation has done it.
    fn is_echo(&self) -> bool {
        self.echo.plain || self.echo.directories
    }

    /// Whether no local operation has done it.
    pub(super) fn is_foreign(&self) -> bool {
        !self.is_echo() && !matches!(self.what, What::Removed)
    }
}

/// What happened to a node.
#[derive(Debug)]
pub(super) enum What {
    /// It is new; whether it is a directory, and has a value.
    Created { directory: bool, filled: bool },
    /// It is gone, with all below it.
    Removed,
    /// It was written.
    Written {
        /// Whether its value is another one.
        differs: bool,
        /// Whether it is a directory.
        directory: bool,
        /// Whether it had a value, if that is known.
        was_filled: Option<bool>,
        /// Length of the value.
        length: usize,
    },
    /// Its permissions were set.
    Perms,
    /// It was a file and is a directory.
    Turned,
}

impl What {
    /// In what the node differs; `None`: in what no local operation does.
    fn aspect(&self) -> Option<Aspect> {
        match self {
            Self::Created { .. } | Self::Removed => Some(Aspect::Existence),
            Self::Written { differs: true, .. } => Some(Aspect::Value),
            Self::Written { differs: false, .. } => Some(Aspect::All),
            Self::Perms => Some(Aspect::Perms),
            // The kernel makes nothing below a file, and what is made in the view of directories is another node.
            Self::Turned => None,
        }
    }
}

/// For each view whether.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Views {
    plain: bool,
    directories: bool,
}

impl Views {
    pub(super) fn has(self, view: View) -> bool {
        match view {
            View::Plain => self.plain,
            View::Directories => self.directories,
        }
    }
}

impl Work {
    /// Compares what the store says of the node at `path` with the facts, and makes that the facts.
    pub(super) fn compare(
        &mut self,
        path: &StorePath,
        cause: Cause,
        reading: Reading,
        changes: &mut Vec<Change>,
    ) {
        if self.postpones(path, cause) {
            return;
        }
        match reading {
            Reading::Missing => self.gone(path, changes),
            // What we may not read does not tell anything; nothing is believed of it either.
            Reading::Denied => {
                self.unbelievable.push(path.clone());
                if self.is_streamed(path) {
                    // That there is something is known.
                    let ledger = self.fs.ledger();
                    ledger.with_facts(|facts| {
                        facts.entry(path.clone()).or_default();
                    });
                }
            }
            Reading::There(there) => {
                let left = there.left();
                self.there(path, cause, there, changes);
                self.fs.ledger().seen(path, &left, self.asked);
            }
        }
    }

    /// Whether the node is to wait, because a local operation on it is under way: nobody could tell what that does from
    /// what others do.
    fn postpones(&mut self, path: &StorePath, cause: Cause) -> bool {
        if !self.fs.ledger().is_under_way(path) {
            self.waiting.remove(path);
            return false;
        }
        let since = self.waiting.entry(path.clone());
        if since.or_insert_with(Instant::now).elapsed() >= PATIENCE {
            self.waiting.remove(path);
            return false;
        }
        self.unbelievable.push(path.clone());
        self.postponed.push((path.clone(), cause));
        true
    }

    /// Whether a stream tells of the node.
    fn is_streamed(&self, path: &StorePath) -> bool {
        !self.streams.is_empty() && self.fs.ledger().is_pinned(path)
    }

    fn gone(&mut self, path: &StorePath, changes: &mut Vec<Change>) {
        if self.fs.is_held_back(path) {
            // It is not there yet.
            return;
        }
        if self.fs.inodes().is_used_since(path, self.asked_at) {
            // Somebody was told that it is there, perhaps again, and later than we.
            self.doubt([path.clone()]);
            return;
        }
        let known = self.fs.inodes().knows_within(path);
        let mut removed_below = Vec::new();
        let streamed = self.is_streamed(path);
        let existed = self.fs.ledger().with_facts(|facts| {
            let was_told = streamed && facts.contains_key(path);
            let was_child = match (path.parent(), path.name()) {
                (Some(parent), Some(name)) => facts
                    .get_mut(&parent)
                    .and_then(|facts| facts.children.as_mut())
                    .map(|children| children.remove(name).is_some()),
                _ => None,
            };
            let mut gone = BTreeSet::new();
            for (other, known) in take_within(facts, path) {
                let children = known.children.iter().flatten();
                gone.extend(children.filter_map(|(name, _)| other.child(name).ok()));
                gone.insert(other);
            }
            gone.remove(path);
            removed_below.extend(gone.into_iter().rev());
            // Without a list of its directory: it can only be told of one that the kernel knows.
            was_told || was_child.unwrap_or(known && !streamed)
        });
        if existed || known {
            self.push(path, What::Removed, &Left::missing(), changes);
            if let Some(change) = changes.last_mut() {
                change.removed_below = removed_below;
                change.untold = !existed;
            }
        }
        let ledger = self.fs.ledger();
        ledger.seen(path, &Left::missing(), self.asked);
    }

    fn there(&mut self, path: &StorePath, cause: Cause, there: There, changes: &mut Vec<Change>) {
        let left = there.left();
        let sight = self.fs.inodes().sight(path);
        let kind = self.fs.inodes().known(path).kind;
        let pinned = self.is_streamed(path);
        let new_above = if pinned {
            self.unknown_above(path)
        } else {
            Vec::new()
        };
        if !new_above.is_empty() {
            // They have been removed, and told so, since the event came; what is made first is told first.
            self.doubt(new_above);
            self.dirty.mark(path.clone(), cause);
            return;
        }
        let has_children = there.children.as_ref().map(|names| !names.is_empty());
        let compared = self.fs.ledger().with_facts(|facts| {
            let old_perms = match (path.parent(), path.name()) {
                (Some(parent), Some(name)) => facts
                    .get_mut(&parent)
                    .and_then(|facts| facts.children.as_mut())
                    .map(|children| children.insert(name.into(), there.perms.clone())),
                _ => None,
            };
            let known_before = facts.get(path).cloned();
            // Of a new node in a stream's reach, what is in it is told one by one.
            let is_new = matches!(old_perms, Some(None));
            if sight.is_known() || pinned {
                let facts = facts.entry(path.clone()).or_default();
                if pinned {
                    facts.children.get_or_insert_default();
                }
                update(facts, &there);
            }
            Compared {
                // Its directory's list is known, and does not name it.
                is_new,
                old_perms: known_before
                    .as_ref()
                    .and_then(|facts| facts.perms.clone())
                    .or(old_perms.flatten().flatten()),
                old_value: known_before.as_ref().and_then(|facts| facts.value),
                old_children: known_before
                    .and_then(|facts| facts.children)
                    .or_else(|| pinned.then(Default::default)),
            }
        });
        if compared.is_new {
            let directory = match (has_children, kind) {
                (Some(true), _) => true,
                (_, Some(kind)) => kind == Kind::Directory,
                (_, None) => self.fs.is_directory_when_empty(there.value.as_ref()),
            };
            let filled = there.value.as_ref().is_some_and(|value| !value.is_empty());
            self.push(path, What::Created { directory, filled }, &left, changes);
            if pinned {
                let below = there.children.iter().flatten();
                self.doubt(below.filter_map(|name| path.child(name).ok()));
                keep(changes, &there);
            }
            // Somebody may have changed what was made here before we came to look.
            if !changes.last().is_some_and(Change::is_echo) {
                return;
            }
        }
        if kind == Some(Kind::File) && has_children == Some(true) {
            self.push(path, What::Turned, &left, changes);
        }
        let is_directory = kind == Some(Kind::Directory) || has_children == Some(true);
        let mut found = self.differences(path, cause, &there, &compared, is_directory);
        if compared.is_new {
            // What making it here has left was told with it.
            found.retain(|change| !change.is_echo());
        }
        if pinned {
            for change in &mut found {
                change.value.clone_from(&there.value);
                if matches!(change.what, What::Perms) {
                    change.perms.clone_from(&there.perms);
                }
            }
        }
        changes.append(&mut found);
        if let (Some(old), Some(new)) = (compared.old_children, there.children) {
            self.children(path, &old, &new, changes);
        }
        if cause.event {
            self.doubt_below(path);
        }
    }

    /// A directory's children were `old` and are `new`.
    fn children(
        &mut self,
        path: &StorePath,
        old: &Children,
        new: &NameList,
        changes: &mut Vec<Change>,
    ) {
        let names: HashSet<_> = new.iter().map(String::as_str).collect();
        let child = |name| path.child(name).ok();
        let gone = old.keys().filter(|name| !names.contains(&***name));
        for child in gone.filter_map(|name| child(name)) {
            if !self.postpones(&child, Cause::DOUBT) {
                self.gone(&child, changes);
            }
        }
        let new = names.into_iter().filter(|name| !old.contains_key(*name));
        self.doubt(new.filter_map(child));
    }

    /// A node may have been removed and made again, with all below it: none of that has an event of its own.
    fn doubt_below(&mut self, path: &StorePath) {
        let known = self.fs.inodes().known_within(path);
        let mut below: BTreeSet<_> = known.into_iter().map(|(below, _)| below).collect();
        if self.is_streamed(path) {
            self.fs.ledger().with_facts(|facts| {
                let told = facts.range(path.clone()..).map(|(below, _)| below);
                below.extend(told.take_while(|below| below.is_within(path)).cloned());
            });
        }
        below.remove(path);
        self.doubt(below);
    }

    /// In what a node is another than it was.
    fn differences(
        &self,
        path: &StorePath,
        cause: Cause,
        there: &There,
        compared: &Compared,
        directory: bool,
    ) -> Vec<Change> {
        let mut found = Vec::new();
        let left = there.left();
        let perms_differ = differ(compared.old_perms.as_ref(), there.perms.as_ref());
        if perms_differ {
            self.push(path, What::Perms, &left, &mut found);
        }
        let differs = differ(compared.old_value.as_ref(), left.value.as_ref());
        if differs || (!perms_differ && cause.event) {
            let what = What::Written {
                differs,
                directory,
                was_filled: compared.old_value.map(|old| old.length > 0),
                length: there.value.as_ref().map_or(0, Vec::len),
            };
            self.push(path, what, &left, &mut found);
        }
        found
    }

    fn push(&self, path: &StorePath, what: What, left: &Left, changes: &mut Vec<Change>) {
        let is_echo = |view| {
            let aspect = what.aspect();
            aspect.is_some_and(|aspect| self.fs.ledger().is_echo(path, view, left, aspect))
        };
        changes.push(Change {
            echo: Views {
                plain: is_echo(View::Plain),
                directories: is_echo(View::Directories),
            },
            path: path.clone(),
            what,
            value: None,
            perms: None,
            removed_below: Vec::new(),
            untold: false,
        });
    }
}

struct Compared {
    is_new: bool,
    old_perms: Option<Perms>,
    old_value: Option<Digest>,
    old_children: Option<Children>,
}

/// Keeps for the streams what the last change found.
fn keep(changes: &mut [Change], there: &There) {
    if let Some(change) = changes.last_mut() {
        change.value.clone_from(&there.value);
    }
}

/// Whether two known things differ.
fn differ<T: PartialEq>(old: Option<&T>, new: Option<&T>) -> bool {
    matches!((old, new), (Some(old), Some(new)) if old != new)
}

fn update(facts: &mut Facts, there: &There) {
    if let Some(value) = &there.value {
        facts.value = Some(Digest::of(value));
    }
    if let Some(perms) = &there.perms {
        facts.perms = Some(perms.clone());
    }
    if let (None, Some(names)) = (&facts.children, &there.children) {
        // From now on names are put in and taken out when that is told.
        let names = names.iter();
        facts.children = Some(names.map(|name| (name.as_str().into(), None)).collect());
    }
}
