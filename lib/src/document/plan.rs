//! What an import changes.

use std::collections::VecDeque;

use super::{Denied, Document, Entry};
use crate::client::{Operations, Pending};
use crate::error::{Error, ErrorKind, Result};
use crate::path::StorePath;
use crate::perms::Perms;
use crate::tree::{Field, Node, Snapshot, WalkOptions};

/// Requests under way at once.
pub(super) const WINDOW: usize = 256;

/// What an import does with nodes that the document does not have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// They stay.
    #[default]
    Merge,
    /// They are removed, if they are below the document's root and the document does not say that it could not see
    /// there. The root itself stays.
    Replace,
}

/// A difference at one node. Where both sides are there, they hold only what differs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// The node.
    pub path: StorePath,
    /// What it was; `None` if it is new.
    pub old: Option<Entry>,
    /// What it becomes; `None` if it goes.
    pub new: Option<Entry>,
}

/// The changes that turn what is there into what a document says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    changes: Vec<Change>,
    unseen: usize,
}

impl Plan {
    /// Compares the store, or what a transaction sees of it, with a document.
    ///
    /// # Errors
    /// If the store is lost. What may not be read is taken to differ.
    pub fn make<O: Operations + ?Sized>(ops: &O, wanted: &Document, mode: Mode) -> Result<Self> {
        let present = match mode {
            Mode::Merge => read(ops, wanted)?,
            Mode::Replace => match Snapshot::take(ops, wanted.root(), WalkOptions::full()) {
                Ok(snapshot) => Document::from(&snapshot),
                Err(error) if error.is_not_found() => empty(wanted),
                Err(error) => return Err(error),
            },
        };
        Ok(Self::between(&present, wanted, mode))
    }

    /// Compares two documents with the same root (see [`Document::moved`]): the differences of files and snapshots.
    pub fn between(present: &Document, wanted: &Document, mode: Mode) -> Self {
        let mut changes = Vec::new();
        let mut old = present.nodes.iter().peekable();
        let mut hidden: Option<&StorePath> = None;
        for (path, entry) in &wanted.nodes {
            while let Some((gone, was)) = old.next_if(|(there, _)| *there < path) {
                if mode == Mode::Replace && removable(gone, wanted, hidden) {
                    changes.push(removed(gone, was));
                }
            }
            if entry.denied.children && hidden.is_none_or(|hidden| !path.is_within(hidden)) {
                hidden = Some(path);
            }
            match old.next_if(|(there, _)| *there == path) {
                Some((_, was)) => changes.extend(updated(path, was, entry)),
                None => changes.push(Change {
                    path: path.clone(),
                    old: None,
                    new: Some(entry.clone()),
                }),
            }
        }
        if mode == Mode::Replace {
            let rest = old.filter(|(gone, _)| removable(gone, wanted, hidden));
            changes.extend(rest.map(|(gone, was)| removed(gone, was)));
        }
        let unseen = match mode {
            Mode::Merge => 0,
            Mode::Replace => {
                let mut entries = present.nodes.values();
                entries
                    .by_ref()
                    .filter(|entry| entry.denied.children)
                    .count()
            }
        };
        Self { changes, unseen }
    }

    /// The changes, sorted by path.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many nodes of the store may have children that could not be seen, and therefore stay.
    pub fn unseen(&self) -> usize {
        self.unseen
    }

    /// Makes all the changes, if the nodes are still as they were when the plan was made; whether they are. In a
    /// transaction, because others may come between.
    ///
    /// # Errors
    /// As [`Plan::submit`].
    pub fn submit_if_unchanged<O: Operations + ?Sized>(&self, ops: &O) -> Result<bool> {
        let holds = holds(ops, &self.changes)?;
        if holds {
            self.submit(ops)?;
        }
        Ok(holds)
    }

    /// What goes and what comes or changes.
    pub(super) fn into_parts(self) -> (Vec<Change>, Vec<Change>) {
        let parts = self.changes.into_iter();
        parts.partition(|change| change.new.is_none())
    }

    /// Makes all the changes; see [`super::apply`] for a transaction around it.
    ///
    /// # Errors
    /// What the store says; some changes may have been made then.
    pub fn submit<O: Operations + ?Sized>(&self, ops: &O) -> Result<()> {
        submit(ops, &self.changes)
    }
}

/// Makes changes: what goes first, for it frees quota; permissions last, for they may take the right to write.
pub(super) fn submit<O: Operations + ?Sized>(ops: &O, changes: &[Change]) -> Result<()> {
    let mut top: Option<&StorePath> = None;
    let going = changes.iter().filter(|change| change.new.is_none());
    // With a node go those below it.
    let tops = going.filter(|change| {
        let is_top = top.is_none_or(|top| !change.path.is_within(top));
        if is_top {
            top = Some(&change.path);
        }
        is_top
    });
    all(
        tops,
        |change| ops.submit_rm(&change.path),
        |_, error| {
            // Somebody else has removed it, with its parent.
            if error.is_not_found() {
                Ok(())
            } else {
                Err(error)
            }
        },
    )?;
    let coming = || {
        changes
            .iter()
            .filter_map(|change| Some((change, change.new.as_ref()?)))
    };
    let values = coming().filter(|(change, new)| change.old.is_none() || new.value.is_some());
    let write = |(change, new): &(&Change, &Entry)| match &new.value {
        Some(value) => ops.submit_write(&change.path, value),
        None => ops.submit_mkdir(&change.path),
    };
    all(values, write, |_, error| Err(error))?;
    let perms = coming().filter_map(|(change, new)| Some((change, new.perms.as_ref()?)));
    let set = |(change, perms): &(&Change, &Perms)| ops.submit_set_perms(&change.path, perms);
    all(perms, set, |(change, perms), error| {
        Err(unknown_owner(change, perms, error))
    })
}

/// Keeps a window of requests under way until all are answered, the errors as `forgive` sees them.
fn all<T>(
    items: impl Iterator<Item = T>,
    mut submit: impl FnMut(&T) -> Pending<()>,
    forgive: impl Fn(T, Error) -> Result<()>,
) -> Result<()> {
    let mut flying: VecDeque<(T, Pending<()>)> = VecDeque::with_capacity(WINDOW);
    let land =
        |(item, request): (T, Pending<()>)| request.wait().or_else(|error| forgive(item, error));
    for item in items {
        if flying.len() >= WINDOW {
            // By halves, so that many requests leave together.
            flying.drain(..WINDOW / 2).try_for_each(land)?;
        }
        let request = submit(&item);
        flying.push_back((item, request));
    }
    flying.into_iter().try_for_each(land)
}

/// C xenstored answers ENOENT if the owner does not exist, which reads as if the node were missing.
fn unknown_owner(change: &Change, perms: &Perms, error: Error) -> Error {
    if !error.is_not_found() {
        return error;
    }
    Error::Invalid {
        what: format!("permissions {perms} of {}", change.path),
        reason: format!(
            "the store says ENOENT: there is no domain {} to own the node",
            perms.owner()
        ),
    }
}

fn removed(path: &StorePath, was: &Entry) -> Change {
    Change {
        path: path.clone(),
        old: Some(was.clone()),
        new: None,
    }
}

/// Whether a node that the document does not have may go.
fn removable(path: &StorePath, wanted: &Document, hidden: Option<&StorePath>) -> bool {
    let has_wanted_below = || {
        let mut from_here = wanted.nodes.range(path.clone()..);
        from_here
            .next()
            .is_some_and(|(next, _)| next.is_within(path))
    };
    path != &wanted.root
        && hidden.is_none_or(|hidden| !path.is_within(hidden))
        && !has_wanted_below()
}

fn updated(path: &StorePath, was: &Entry, entry: &Entry) -> Option<Change> {
    let value = entry.value.is_some() && entry.value != was.value;
    let perms = entry.perms.is_some() && entry.perms != was.perms;
    let only = |entry: &Entry| Entry {
        value: entry.value.clone().filter(|_| value),
        perms: entry.perms.clone().filter(|_| perms),
        denied: Denied {
            value: value && entry.denied.value,
            perms: perms && entry.denied.perms,
            children: false,
        },
    };
    (value || perms).then(|| Change {
        path: path.clone(),
        old: Some(only(was)),
        new: Some(only(entry)),
    })
}

fn empty(like: &Document) -> Document {
    Document {
        root: like.root.clone(),
        nodes: std::collections::BTreeMap::new(),
    }
}

/// What the store has of the document's nodes.
fn read<O: Operations + ?Sized>(ops: &O, wanted: &Document) -> Result<Document> {
    let mut present = empty(wanted);
    look(
        ops,
        wanted.nodes.keys(),
        |path| path,
        |path, there| {
            if let Some(entry) = there {
                present.nodes.insert(path.clone(), entry);
            }
        },
    )?;
    Ok(present)
}

/// Whether the nodes are still as they were when the changes were worked out. What goes may have changed.
pub(super) fn holds<O: Operations + ?Sized>(ops: &O, changes: &[Change]) -> Result<bool> {
    let mut holds = true;
    let stays = changes.iter().filter(|change| change.new.is_some());
    look(
        ops,
        stays,
        |change| &change.path,
        |change, there| {
            holds &= match (&change.old, there) {
                (None, None) => true,
                (Some(old), Some(now)) => {
                    (old.value.is_none() || old.value == now.value)
                        && (old.perms.is_none() || old.perms == now.perms)
                }
                _ => false,
            };
        },
    )?;
    Ok(holds)
}

/// Reads value and permissions of nodes, many at a time.
fn look<'a, O: Operations + ?Sized, T: 'a>(
    ops: &O,
    items: impl Iterator<Item = &'a T>,
    path: impl Fn(&'a T) -> &'a StorePath,
    mut found: impl FnMut(&'a T, Option<Entry>),
) -> Result<()> {
    type Asked<'a, T> = (&'a T, Pending<Vec<u8>>, Pending<Perms>);
    let mut flying: VecDeque<Asked<'a, T>> = VecDeque::with_capacity(WINDOW);
    let mut land = |(item, value, perms): Asked<'a, T>| -> Result<()> {
        let parts = (part(value.wait())?, part(perms.wait())?);
        let (Some(value), Some(perms)) = parts else {
            found(item, None);
            return Ok(());
        };
        let node = Node {
            path: path(item).clone(),
            value,
            perms,
            children: Field::Unasked,
        };
        found(item, Some(Entry::from(&node)));
        Ok(())
    };
    for item in items {
        if flying.len() >= WINDOW / 2 {
            flying.drain(..WINDOW / 4).try_for_each(&mut land)?;
        }
        let path = path(item);
        flying.push_back((item, ops.submit_read(path), ops.submit_perms(path)));
    }
    flying.into_iter().try_for_each(&mut land)
}

/// A part of a node; `None` if there is no such node.
fn part<T>(answer: Result<T>) -> Result<Option<Field<T>>> {
    match answer {
        Ok(known) => Ok(Some(Field::Known(known))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) if error.kind() == ErrorKind::Denied => Ok(Some(Field::Denied)),
        Err(error) => Err(error),
    }
}
