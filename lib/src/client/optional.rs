//! Operations that not every store has.

use super::request::{Request, Subject};
use super::shared::{Route, Shared};
use crate::error::{Error, Result};
use crate::id::DomId;
use crate::wire::{Errno, Op, Payload};

impl Shared {
    /// Sends a request of an optional operation, unless the store is known to lack it.
    pub(super) fn optional(&self, request: Request, route: &Route) -> Result<Vec<u8>> {
        let op = request.op;
        let epoch = self.epoch();
        if self.abilities.is_missing(epoch, op) {
            return Err(Error::Unsupported { op });
        }
        let answer = self.submit(request, route).wait();
        let Err(Error::Store { errno, .. }) = &answer else {
            return answer;
        };
        let is_missing = match errno.name() {
            "ENOSYS" => true,
            // A kernel or an old daemon that knows nothing of the operation, if the request is not at fault. Ours
            // about a directory is well-formed; of the others a daemon that has the features has the opinions, too.
            "EINVAL" => op == Op::DIRECTORY_PART || !self.has_features(DomId::DOM0)?,
            _ => false,
        };
        if is_missing {
            self.abilities.set_missing(epoch, op);
            return Err(Error::Unsupported { op });
        }
        answer
    }

    /// Whether the store has GET_FEATURE: asked with the own number, because a form without arguments would hang on
    /// oxenstored. A refusal says that it is there.
    pub(super) fn has_features(&self, own: DomId) -> Result<bool> {
        let epoch = self.epoch();
        if let Some(known) = self.abilities.features(epoch) {
            return Ok(known);
        }
        let request = Request {
            op: Op::GET_FEATURE,
            payload: Payload::new().string(own.to_string()),
            subject: Subject::Domain(own),
        };
        let there = match self.submit(request, &Route::Any).wait() {
            Ok(_) => true,
            Err(Error::Store { errno, .. }) => [Errno::EACCES, Errno::EPERM].contains(&errno),
            Err(Error::Unsupported { .. }) => false,
            Err(error) => return Err(error),
        };
        self.abilities.set_features(epoch, there);
        Ok(there)
    }

    /// Two operations have a form without arguments; a store that has GET_FEATURE is not oxenstored and answers it.
    pub(super) fn may_send_empty(&self, op: Op) -> bool {
        matches!(op, Op::GET_FEATURE | Op::GET_QUOTA)
            && self.abilities.features(self.epoch()) == Some(true)
    }
}
