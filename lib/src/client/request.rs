//! A request before it is sent, and the answer under way.

use std::fmt;

use super::ticket::Ticket;
use crate::error::Result;
use crate::id::DomId;
use crate::path::StorePath;
use crate::value::escape;
use crate::wire::{Op, Payload};

/// A request before it is sent: operation, payload, and what to call it in an error.
#[derive(Clone, Debug)]
pub struct Request {
    /// The operation.
    pub op: Op,
    /// The payload being built. An empty one is sent as one NUL, because oxenstored never answers an empty one.
    pub payload: Payload,
    /// The path or other subject.
    pub subject: Subject,
}

impl Request {
    /// A request about a path: `path|`.
    pub fn path(op: Op, path: &StorePath) -> Self {
        Self {
            op,
            payload: Payload::new().string(path.as_bytes()),
            subject: Subject::Path(path.clone()),
        }
    }

    /// A request about a domain: `domid|`.
    pub fn domid(op: Op, domid: DomId) -> Self {
        Self {
            op,
            payload: Payload::new().string(domid.to_string()),
            subject: Subject::Domain(domid),
        }
    }

    /// Any request, as it is: nothing of the payload is checked but its length.
    pub fn raw(op: Op, payload: &[u8]) -> Self {
        const SHOWN: usize = 80;
        let first = payload.split(|byte| *byte == 0).next().unwrap_or_default();
        Self {
            op,
            payload: Payload::new().raw(payload),
            subject: Subject::Text(escape(&first[..first.len().min(SHOWN)]).to_string()),
        }
    }
}

/// What a request is about; displays as printable ASCII, whatever is in it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Subject {
    /// Nothing in particular.
    Nothing,
    /// A path.
    Path(StorePath),
    /// A domain.
    Domain(DomId),
    /// Anything else, printable.
    Text(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("request"),
            Self::Path(path) => path.fmt(f),
            Self::Domain(domid) => write!(f, "domain {domid}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<String> for Subject {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&StorePath> for Subject {
    fn from(path: &StorePath) -> Self {
        Self::Path(path.clone())
    }
}

/// Names of a node's children, in the order in which the store sent them.
pub type NameList = Vec<String>;

/// An answer under way. Dropping it does not take the request back.
///
/// Requests submitted one after the other may leave together, with the first wait (or drop) of one of them: waiting
/// is what makes sure that a request is sent.
#[must_use = "a request's error shows only in its answer"]
pub struct Pending<T> {
    source: Source,
    decode: Decode<T>,
    /// Whether `decode` does nothing.
    plain: bool,
}

type Decode<T> = Box<dyn FnOnce(Result<Vec<u8>>) -> Result<T> + Send>;

enum Source {
    Ready(Result<Vec<u8>>),
    Sent(Ticket),
}

impl Pending<Vec<u8>> {
    /// An answer that is there already.
    pub fn ready(answer: Result<Vec<u8>>) -> Self {
        Self {
            source: Source::Ready(answer),
            decode: Box::new(|answer| answer),
            plain: true,
        }
    }

    pub(crate) fn sent(ticket: Ticket) -> Self {
        Self {
            source: Source::Sent(ticket),
            decode: Box::new(|answer| answer),
            plain: true,
        }
    }

    /// Does something with the answer or its error once it is waited for.
    pub(crate) fn decoded<T>(
        self,
        next: impl FnOnce(Result<Vec<u8>>) -> Result<T> + Send + 'static,
    ) -> Pending<T> {
        // A closure that captures nothing is boxed without an allocation: the usual case pays none.
        let decode: Decode<T> = if self.plain {
            Box::new(next)
        } else {
            let decode = self.decode;
            Box::new(move |answer| next(decode(answer)))
        };
        Pending {
            source: self.source,
            decode,
            plain: false,
        }
    }
}

impl<T: Send + 'static> Pending<T> {
    /// Waits for the answer, at most until the request's deadline.
    pub fn wait(self) -> Result<T> {
        let answer = match self.source {
            Source::Ready(answer) => answer,
            Source::Sent(ticket) => ticket.wait(),
        };
        (self.decode)(answer)
    }

    /// Makes sure that the request is on its way, without waiting for the answer.
    pub fn flush(&self) {
        if let Source::Sent(ticket) = &self.source {
            ticket.flush();
        }
    }

    /// Does something with the answer once it is waited for.
    pub fn then<U: Send + 'static>(
        self,
        next: impl FnOnce(T) -> Result<U> + Send + 'static,
    ) -> Pending<U> {
        let decode = self.decode;
        Pending {
            source: self.source,
            decode: Box::new(move |answer| next(decode(answer)?)),
            plain: false,
        }
    }
}
