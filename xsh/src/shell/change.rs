//! Changes of nodes: the one way in which commands change the store.
//!
//! It is here that `--dry-run` shows instead of doing, and that the journal learns what was there before.

use std::collections::{HashSet, VecDeque};
use std::io::Write as _;
use std::mem::discriminant;

use xenbus::client::Pending;
use xenbus::tree::{Snapshot, WalkOptions};
use xenbus::value::escape;
use xenbus::{Operations as _, Perms, StorePath};

use super::{After, Before, Entry, Ops, Shell, Undo};
use crate::exit::Failure;
use crate::output::{Cell, Column, Format, Role, column};

/// A change of one node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// A value; the node and those above it are made if they are missing.
    Write(StorePath, Vec<u8>),
    /// A node with an empty value, if it is missing.
    Make(StorePath),
    /// The node and all below it go.
    Remove(StorePath),
    /// Permissions.
    SetPerms(StorePath, Perms),
}

impl Change {
    /// The node.
    pub(crate) fn path(&self) -> &StorePath {
        match self {
            Self::Write(path, _)
            | Self::Make(path)
            | Self::Remove(path)
            | Self::SetPerms(path, _) => path,
        }
    }

    fn submit(&self, ops: &Ops) -> Pending<()> {
        match self {
            Self::Write(path, value) => ops.submit_write(path, value),
            Self::Make(path) => ops.submit_mkdir(path),
            Self::Remove(path) => ops.submit_rm(path),
            Self::SetPerms(path, perms) => ops.submit_set_perms(path, perms),
        }
    }
}

/// Requests under way at once.
const WINDOW: usize = 256;

const COLUMNS: &[Column] = &[
    column("change"),
    column("path").role(Role::Name),
    column("old"),
    column("new"),
];

impl Shell {
    /// Makes changes, in the open transaction if there is one; with `--dry-run` shows them. Changes of one kind that
    /// follow each other are sent together, so they may happen in any order.
    ///
    /// # Errors
    /// What the store says of the first that fails; those before it, and perhaps some after it, are done.
    pub(crate) fn change(&mut self, what: &str, changes: &[Change]) -> Result<(), Failure> {
        if self.settings.dry_run {
            return self.show(changes);
        }
        let ops = self.ops()?;
        let mut undo = if self.journal.is_kept() {
            self.before(&ops, changes)?
        } else {
            Vec::new()
        };
        let result = self.apply(&ops, changes);
        if let Err(failure) = &result {
            // Some are done, others are not, and those need no undoing. Where nobody can be asked, undoing will ask.
            let mut asks = !matches!(failure, Failure::Interrupted);
            undo.retain(|undo| {
                let holds = if asks { undo.holds(&ops).ok() } else { None };
                asks = holds.is_some();
                holds.unwrap_or(true)
            });
        }
        let entry = (!undo.is_empty()).then(|| Entry::new(what.to_owned(), undo));
        self.changed(changes.len() as u64, entry);
        result
    }

    fn apply(&self, ops: &Ops, changes: &[Change]) -> Result<(), Failure> {
        let mut flying: VecDeque<Pending<()>> = VecDeque::with_capacity(WINDOW);
        let mut touched = HashSet::new();
        let mut kind = None;
        for change in changes {
            self.interrupt.check()?;
            // Requests under way together have no order: another kind, or the same node again, waits for them.
            let is_next = kind.is_some_and(|kind| kind != discriminant(change));
            if is_next || touched.contains(change.path()) {
                flying.drain(..).try_for_each(Pending::wait)?;
                touched.clear();
            }
            kind = Some(discriminant(change));
            touched.insert(change.path());
            if flying.len() == WINDOW
                && let Some(oldest) = flying.pop_front()
            {
                oldest.wait()?;
            }
            flying.push_back(change.submit(ops));
        }
        flying.into_iter().try_for_each(Pending::wait)?;
        Ok(())
    }

    /// What is there before changes.
    fn before(&self, ops: &Ops, changes: &[Change]) -> Result<Vec<Undo>, Failure> {
        let mut undo = Vec::with_capacity(changes.len());
        for group in changes.chunks(WINDOW) {
            self.interrupt.check()?;
            let asked: Vec<_> = group
                .iter()
                .map(|change| {
                    let path = change.path();
                    (change, ops.submit_read(path), ops.submit_perms(path))
                })
                .collect();
            for (change, value, perms) in asked {
                let (value, perms) = (value.wait(), perms.wait());
                let is_missing = value.as_ref().is_err_and(xenbus::Error::is_not_found);
                let path = change.path().clone();
                let before = match change {
                    // No change at all.
                    Change::Make(_) if !is_missing => continue,
                    Change::Remove(_) | Change::SetPerms(..) if is_missing => continue,
                    Change::Remove(_) => {
                        match Snapshot::take(ops, &path, WalkOptions::full()) {
                            Ok(tree) => Before::Tree(tree),
                            // It went meanwhile, or may not be read: then it cannot be put back.
                            Err(error) if error.errno().is_some() => continue,
                            Err(error) => return Err(error.into()),
                        }
                    }
                    _ if is_missing => Before::Missing {
                        topmost: topmost_missing(ops, &path)?,
                    },
                    _ => Before::Node {
                        value: value.ok(),
                        perms: perms.ok(),
                    },
                };
                let after = match change {
                    Change::Write(_, value) => After::Node {
                        value: Some(value.clone()),
                        perms: None,
                    },
                    Change::Make(_) => After::Node {
                        value: Some(Vec::new()),
                        perms: None,
                    },
                    Change::SetPerms(_, perms) => After::Node {
                        value: None,
                        perms: Some(perms.clone()),
                    },
                    Change::Remove(_) => After::Missing,
                };
                undo.push(Undo {
                    path,
                    before,
                    after,
                });
            }
        }
        Ok(undo)
    }

    /// Shows what changes would do.
    fn show(&mut self, changes: &[Change]) -> Result<(), Failure> {
        let ops = self.ops()?;
        let is_text = self.out.style.format == Format::Text;
        let interrupt = self.interrupt.clone();
        let mut lines = Vec::new();
        let mut rows = Vec::new();
        for change in changes {
            interrupt.check()?;
            let path = change.path();
            let old = ops.read(path);
            let is_missing = old.as_ref().is_err_and(xenbus::Error::is_not_found);
            if let Err(error) = &old
                && error.errno().is_none()
            {
                return Err(error.clone().into());
            }
            let old = old.ok();
            match change {
                Change::Write(_, new) if old.as_ref() == Some(new) => {}
                Change::Write(_, new) => {
                    if let Some(old) = &old {
                        lines.push((Role::Bad, format!("- {path} = \"{}\"", escape(old))));
                    }
                    lines.push((Role::Good, format!("+ {path} = \"{}\"", escape(new))));
                    rows.push(("write", path.clone(), old, Some(new.clone())));
                }
                Change::Make(_) if !is_missing => {}
                Change::Make(_) => {
                    lines.push((Role::Good, format!("+ {path} = \"\"")));
                    rows.push(("write", path.clone(), None, Some(Vec::new())));
                }
                Change::Remove(_) if is_missing => {}
                Change::Remove(_) => {
                    let options = WalkOptions::default();
                    for node in Snapshot::take(&ops, path, options)?.nodes() {
                        let value = node.value.known().cloned();
                        let shown = value.clone().unwrap_or_default();
                        lines.push((
                            Role::Bad,
                            format!("- {} = \"{}\"", node.path, escape(&shown)),
                        ));
                        rows.push(("remove", node.path.clone(), value, None));
                    }
                }
                Change::SetPerms(_, new) => {
                    let old = ops.perms(path).ok();
                    if old.as_ref() == Some(new) {
                        continue;
                    }
                    let old = old.map(|perms| perms.to_string());
                    if let Some(old) = &old {
                        lines.push((Role::Bad, format!("- {path} ({old})")));
                    }
                    lines.push((Role::Good, format!("+ {path} ({new})")));
                    let new = new.to_string();
                    rows.push((
                        "perms",
                        path.clone(),
                        old.map(String::into_bytes),
                        Some(new.into_bytes()),
                    ));
                }
            }
        }
        if is_text {
            for (role, line) in lines {
                let line = self.out.paint(role, &line);
                writeln!(self.out, "{line}")?;
            }
            return Ok(());
        }
        let mut sheet = self.out.sheet(COLUMNS);
        for (kind, path, old, new) in &rows {
            let old = old.as_deref().map_or(Cell::Missing, Cell::Bytes);
            let new = new.as_deref().map_or(Cell::Missing, Cell::Bytes);
            sheet.row(&[Cell::Text((*kind).to_owned()), Cell::Path(path), old, new])?;
        }
        sheet.finish()?;
        Ok(())
    }
}

/// The highest node on the way to a missing one that is missing, too.
pub(super) fn topmost_missing(ops: &Ops, path: &StorePath) -> Result<StorePath, Failure> {
    let mut topmost = path.clone();
    while let Some(parent) = topmost.parent().filter(|parent| !parent.is_root()) {
        match ops.exists(&parent) {
            Ok(false) => topmost = parent,
            Ok(true) => break,
            Err(error) if error.errno().is_some() => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(topmost)
}
