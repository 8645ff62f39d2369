//! The requests about one node while they are under way.

use super::{Field, Node, Want};
use crate::client::{NameList, Operations, Pending};
use crate::error::{Error, ErrorKind, Result};
use crate::path::StorePath;
use crate::perms::Perms;

/// One node's requests.
pub(super) struct Flight {
    path: StorePath,
    names: Option<Pending<NameList>>,
    value: Option<Pending<Vec<u8>>>,
    perms: Option<Pending<Perms>>,
}

impl Flight {
    pub(super) fn start<O: Operations + ?Sized>(
        ops: &O,
        path: StorePath,
        want: Want,
        perms: bool,
    ) -> Self {
        Self {
            names: (want != Want::Value).then(|| ops.submit_directory(&path)),
            value: (want != Want::Names).then(|| ops.submit_read(&path)),
            perms: perms.then(|| ops.submit_perms(&path)),
            path,
        }
    }

    /// Makes sure that the requests, and all before them, are on their way.
    pub(super) fn flush(&self) {
        if let Some(names) = &self.names {
            names.flush();
        } else if let Some(value) = &self.value {
            value.flush();
        }
    }

    /// Waits for all answers: the node and its children's names, or what the store said if it is not there (any more).
    pub(super) fn land<O: Operations + ?Sized>(
        self,
        ops: &O,
    ) -> Result<Result<(Node, NameList), Missing>> {
        let Self {
            path,
            names,
            value,
            perms,
        } = self;
        let names = match names.map(Pending::wait) {
            // A list too long for one message: asked for in parts.
            Some(Err(error)) if error.kind() == ErrorKind::TooLong => field(ops.directory(&path)),
            Some(other) => field(other),
            None => Ok(Field::Unasked),
        };
        let value = value.map_or(Ok(Field::Unasked), |value| field(value.wait()));
        let perms = perms.map_or(Ok(Field::Unasked), |perms| field(perms.wait()));
        let (names, value, perms) = match (names, value, perms) {
            (Ok(names), Ok(value), Ok(perms)) => (names, value, perms),
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) if error.is_not_found() => {
                return Ok(Err(Missing(error)));
            }
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => return Err(error),
        };
        let (children, names) = match names {
            Field::Known(names) => (Field::Known(names.len()), names),
            Field::Denied => (Field::Denied, NameList::new()),
            Field::Unasked => (Field::Unasked, NameList::new()),
        };
        let node = Node {
            path,
            value,
            perms,
            children,
        };
        Ok(Ok((node, names)))
    }
}

/// A node is not there; what the store said.
pub(super) struct Missing(pub(super) Error);

fn field<T>(answer: Result<T>) -> Result<Field<T>> {
    match answer {
        Ok(known) => Ok(Field::Known(known)),
        Err(error) if error.kind() == ErrorKind::Denied => Ok(Field::Denied),
        Err(error) => Err(error),
    }
}
