//! Changes that were planned with a document: what the journal keeps of them.

use std::collections::BTreeSet;

use xenbus::StorePath;
use xenbus::document::Change;

use super::change::topmost_missing;
use super::{After, Before, Entry, Shell, Undo};
use crate::exit::Failure;

impl Shell {
    /// How planned changes can be undone; nothing if this session keeps no journal.
    pub(crate) fn undo_of(&mut self, changes: &[Change]) -> Result<Vec<Undo>, Failure> {
        if !self.journal.is_kept() {
            return Ok(Vec::new());
        }
        let ops = self.ops()?;
        let mut undo = Vec::with_capacity(changes.len());
        // What goes, the leaves first, so that undoing begins with the top.
        for change in changes.iter().rev().filter(|change| change.new.is_none()) {
            let old = change.old.clone().unwrap_or_default();
            undo.push(Undo {
                path: change.path.clone(),
                before: Before::Node {
                    value: old.value,
                    perms: old.perms,
                },
                after: After::Missing,
            });
        }
        let mut made: BTreeSet<&StorePath> = BTreeSet::new();
        for change in changes {
            self.interrupt.check()?;
            let Some(new) = &change.new else { continue };
            let before = if let Some(old) = &change.old {
                Before::Node {
                    value: old.value.clone(),
                    perms: old.perms.clone(),
                }
            } else {
                let parent = change.path.parent();
                let has_parent = parent.as_ref().is_some_and(|parent| made.contains(parent));
                made.insert(&change.path);
                let topmost = if has_parent {
                    change.path.clone()
                } else {
                    topmost_missing(&ops, &change.path)?
                };
                Before::Missing { topmost }
            };
            undo.push(Undo {
                path: change.path.clone(),
                before,
                after: After::Node {
                    value: new.value.clone(),
                    perms: new.perms.clone(),
                },
            });
        }
        Ok(undo)
    }

    /// Notes that planned changes were made.
    pub(crate) fn made(&mut self, what: &str, count: usize, undo: Vec<Undo>) {
        let entry = (count > 0 && !undo.is_empty()).then(|| Entry::new(what.to_owned(), undo));
        self.changed(count as u64, entry);
    }
}
