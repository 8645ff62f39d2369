//! Asking the store again.

use std::collections::HashMap;

use xenbus::client::{NameList, Pending};
use xenbus::{ErrorKind, Operations as _, Perms, StorePath};

use super::{BATCH, Cause, Work};
use crate::ledger::{Digest, Left};

/// What the store says of a node now.
#[derive(Debug)]
pub(super) enum Reading {
    /// It is not there.
    Missing,
    /// It may be there: we may not read it.
    Denied,
    /// It is there.
    There(There),
}

/// A node that is there; `None`: that part was not asked, or may not be read.
#[derive(Debug, Default)]
pub(super) struct There {
    pub(super) value: Option<Vec<u8>>,
    pub(super) perms: Option<Perms>,
    pub(super) children: Option<NameList>,
}

impl There {
    /// For comparing with what local operations left.
    pub(super) fn left(&self) -> Left {
        Left {
            missing: false,
            value: self.value.as_deref().map(Digest::of),
            perms: self.perms.clone(),
        }
    }
}

/// The requests about one node.
struct Asked {
    value: Pending<Vec<u8>>,
    perms: Pending<Perms>,
    children: Option<Pending<NameList>>,
}

impl Work {
    /// Asks the store about `nodes`, all at once. Whether one of the answers did not come.
    pub(super) fn read(&self, nodes: &[(StorePath, Cause)]) -> (Vec<Option<Reading>>, bool) {
        let client = self.fs.client().store();
        let asked: Vec<_> = nodes
            .iter()
            .map(|(path, cause)| Asked {
                value: client.submit_read(path),
                perms: client.submit_perms(path),
                children: self
                    .needs_children(path, *cause)
                    .then(|| client.submit_directory(path)),
            })
            .collect();
        let readings: Vec<_> = asked.into_iter().map(answer).collect();
        let failed = readings.iter().any(Option::is_none);
        (readings, failed)
    }

    /// Whether the children are to be listed: of a directory some may have gone together with the old node at this path;
    /// of a node that is new, or was a file, they tell whether it is a directory now. A file has none that was only written.
    fn needs_children(&self, path: &StorePath, cause: Cause) -> bool {
        let is_leaf = self.fs.ledger().with_facts(|facts| {
            let children = facts.get(path).map(|facts| facts.children.as_ref());
            children.is_some_and(|children| children.is_none_or(HashMap::is_empty))
        });
        !is_leaf || cause.doubt || !self.fs.is_file(path)
    }

    /// Reads the permissions of a directory's children: without them a change of permissions looks like one of the value
    /// to who watches the directory and never looked at the file.
    pub(super) fn read_ahead(&mut self, directory: &StorePath) {
        let unread: Vec<_> = self.fs.ledger().with_facts(|facts| {
            let children = facts
                .get(directory)
                .and_then(|facts| facts.children.as_ref());
            let children = children.into_iter().flatten();
            children
                .filter(|(_, perms)| perms.is_none())
                .filter_map(|(name, _)| directory.child(name).ok())
                .filter(|path| !self.dirty.contains(path))
                .take(BATCH)
                .collect()
        });
        let asked: Vec<_> = unread
            .iter()
            .map(|path| self.fs.client().store().submit_perms(path))
            .collect();
        let answers: Vec<_> = asked.into_iter().map(Pending::wait).collect();
        let mut more = answers.len() == BATCH;
        // An event that came meanwhile may be about one of these: it is looked at with what was known before.
        let collected = self.collect().is_ok();
        self.fs.ledger().with_facts(|facts| {
            let children = facts
                .get_mut(directory)
                .and_then(|facts| facts.children.as_mut());
            let Some(children) = children else { return };
            for (path, answer) in unread.iter().zip(answers) {
                let known = path.name().and_then(|name| children.get_mut(name));
                match (known, answer) {
                    (Some(known), Ok(perms)) if known.is_none() && !self.dirty.contains(path) => {
                        *known = Some(perms);
                    }
                    (_, Err(error)) if error.errno().is_none() => more = false,
                    _ => {}
                }
            }
            more &= children.values().any(Option::is_none);
        });
        if more && collected {
            self.unread.push(directory.clone());
        }
    }
}

fn answer(asked: Asked) -> Option<Reading> {
    let mut there = There::default();
    let mut denied = 0;
    let mut missing = false;
    let mut failed = false;
    let mut sort = |error: &xenbus::Error| match error.kind() {
        ErrorKind::NotFound => missing = true,
        ErrorKind::Denied => denied += 1,
        _ => failed = true,
    };
    match asked.value.wait() {
        Ok(value) => there.value = Some(value),
        Err(error) => sort(&error),
    }
    match asked.perms.wait() {
        Ok(perms) => there.perms = Some(perms),
        Err(error) => sort(&error),
    }
    match asked.children.map(Pending::wait) {
        None => {}
        Some(Ok(children)) => there.children = Some(children),
        Some(Err(error)) => sort(&error),
    }
    if missing {
        Some(Reading::Missing)
    } else if failed {
        None
    } else if denied > 0 && there.value.is_none() && there.perms.is_none() {
        Some(Reading::Denied)
    } else {
        Some(Reading::There(there))
    }
}
