//! What is different: the facts compared with what the store says now.

use std::collections::BTreeSet;

use xenbus::{Perms, StorePath};

use super::read::{Reading, There};
use super::{Cause, Work};
use crate::inode::{Kind, View};
use crate::ledger::{Digest, Facts, Left};

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
}

impl Change {
    /// Whether no local operation has done it.
    pub(super) fn is_foreign(&self) -> bool {
        !self.echo.plain && !self.echo.directories && !matches!(self.what, What::Removed)
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
        match reading {
            Reading::Missing => self.gone(path, changes),
            // What we may not read does not tell anything; nothing is believed of it either.
            Reading::Denied => {
                self.rechecks.insert(path.clone());
            }
            Reading::There(there) => self.there(path, cause, there, changes),
        }
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
        let existed = self.fs.ledger().with_facts(|facts| {
            let was_child = match (path.parent(), path.name()) {
                (Some(parent), Some(name)) => facts
                    .get_mut(&parent)
                    .and_then(|facts| facts.children.as_mut())
                    .map(|children| children.remove(name).is_some()),
                _ => None,
            };
            let below: Vec<_> = facts
                .range(path.clone()..)
                .map(|(other, _)| other)
                .take_while(|other| other.is_within(path))
                .cloned()
                .collect();
            let mut gone = BTreeSet::new();
            for other in below {
                let children = facts.remove(&other).and_then(|facts| facts.children);
                let children = children.iter().flatten();
                gone.extend(children.filter_map(|(name, _)| other.child(name).ok()));
                gone.insert(other);
            }
            gone.remove(path);
            removed_below.extend(gone.into_iter().rev());
            // Without a list of its directory: it can only be told of one that the kernel knows.
            was_child.unwrap_or(known)
        });
        if existed || known {
            self.push(path, What::Removed, &Left::missing(), changes);
            if let Some(change) = changes.last_mut() {
                change.removed_below = removed_below;
            }
        }
    }

    fn there(&mut self, path: &StorePath, cause: Cause, there: There, changes: &mut Vec<Change>) {
        let left = there.left();
        let sight = self.fs.inodes().sight(path);
        let kind = self.fs.inodes().known(path).kind;
        let pinned = !self.streams.is_empty() && self.fs.ledger().is_pinned(path);
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
                if is_new && pinned {
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
                old_children: known_before.and_then(|facts| facts.children),
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
                self.doubt(
                    below
                        .filter_map(|name| path.child(name).ok())
                        .collect::<Vec<_>>(),
                );
                keep(changes, there);
            }
            return;
        }
        if kind == Some(Kind::File) && has_children == Some(true) {
            self.push(path, What::Turned, &left, changes);
        }
        let first = changes.len();
        let perms_differ = differ(compared.old_perms.as_ref(), there.perms.as_ref());
        let value_differs = differ(compared.old_value.as_ref(), left.value.as_ref());
        if perms_differ {
            self.push(path, What::Perms, &left, changes);
        }
        if value_differs || (!perms_differ && cause.event) {
            let what = What::Written {
                directory: kind == Some(Kind::Directory) || has_children == Some(true),
                was_filled: compared.old_value.map(|old| old.length > 0),
                length: there.value.as_ref().map_or(0, Vec::len),
            };
            self.push(path, what, &left, changes);
        }
        if pinned {
            for change in &mut changes[first..] {
                change.value.clone_from(&there.value);
                if matches!(change.what, What::Perms) {
                    change.perms.clone_from(&there.perms);
                }
            }
        }
        if let (Some(old), Some(new)) = (compared.old_children, there.children) {
            let gone: Vec<_> = old
                .keys()
                .filter(|name| !new.iter().any(|other| **other == ***name))
                .filter_map(|name| path.child(name).ok())
                .collect();
            for child in gone {
                self.gone(&child, changes);
            }
            let new: Vec<_> = new
                .iter()
                .filter(|name| !old.contains_key(name.as_str()))
                .filter_map(|name| path.child(name).ok())
                .collect();
            self.doubt(new);
        }
        if cause.event {
            // It may have been removed and made again, with all below it: none of that has an event of its own.
            let below = self.fs.inodes().known_within(path);
            let below = below.into_iter().map(|(below, _)| below);
            self.doubt(below.filter(|below| below != path));
        }
    }

    fn push(&self, path: &StorePath, what: What, left: &Left, changes: &mut Vec<Change>) {
        let ledger = self.fs.ledger();
        changes.push(Change {
            path: path.clone(),
            what,
            echo: Views {
                plain: ledger.is_echo(path, View::Plain, left),
                directories: ledger.is_echo(path, View::Directories, left),
            },
            value: None,
            perms: None,
            removed_below: Vec::new(),
        });
    }
}

struct Compared {
    is_new: bool,
    old_perms: Option<Perms>,
    old_value: Option<Digest>,
    old_children: Option<crate::ledger::Children>,
}

/// Keeps for the streams what the last change found.
fn keep(changes: &mut [Change], there: There) {
    if let Some(change) = changes.last_mut() {
        change.value = there.value;
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
    if let Some(names) = &there.children {
        // New names are put in when they are told.
        facts.children = Some(match facts.children.take() {
            None => names
                .iter()
                .map(|name| (name.as_str().into(), None))
                .collect(),
            Some(mut old) => {
                let names: std::collections::HashSet<_> =
                    names.iter().map(String::as_str).collect();
                old.retain(|name, _| names.contains(&**name));
                old
            }
        });
    }
}
