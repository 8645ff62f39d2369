//! Transactions: several operations that take effect together or not at all.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use crate::client::{
    Client, NameList, Operations, Pending, Request, Route, Subject, submit_directory,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::TxId;
use crate::path::StorePath;
use crate::wire::{Errno, Op, Payload};

/// An open transaction. Its [`Operations`] see the state of the transaction; dropping it aborts.
///
/// It keeps its [`Client`] alive. On a device it has an open file of its own.
pub struct Transaction {
    client: Client,
    id: TxId,
    route: Route,
    /// Whether the store still has it.
    open: bool,
}

impl Transaction {
    /// How often [`Client::transaction`] tries before it gives up with [`Error::Conflict`].
    pub const ATTEMPTS: u32 = 64;

    pub(crate) fn begin(client: &Client) -> Result<Self> {
        let start = || {
            let route = Route::Pinned(client.shared().pin()?, TxId::NONE);
            let request = Request {
                op: Op::TRANSACTION_START,
                payload: Payload::new().string(""),
                subject: Subject::Nothing,
            };
            let answer = client.shared().submit(request, &route).wait()?;
            Ok((answer, route))
        };
        let (payload, route) = match start() {
            // What was started on a connection that is gone is gone with it.
            Err(Error::Disconnected { .. }) => start()?,
            other => other?,
        };
        let id = str::from_utf8(payload.strip_suffix(b"\0").unwrap_or(&payload))
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|id| *id != 0)
            .map(TxId);
        match (id, route) {
            (Some(id), Route::Pinned(connection, _)) => Ok(Self {
                client: client.clone(),
                id,
                route: Route::Pinned(connection, id),
                open: true,
            }),
            _ => Err(Error::Protocol {
                what: "a transaction without a number".into(),
            }),
        }
    }

    pub(crate) fn run<T>(client: &Client, mut body: impl FnMut(&Self) -> Result<T>) -> Result<T> {
        for attempt in 0..Self::ATTEMPTS {
            let transaction = Self::begin(client)?;
            let outcome = match body(&transaction) {
                Ok(result) => transaction.commit().map(|()| result),
                Err(error) => Err(error),
            };
            match outcome {
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    std::thread::sleep(Self::pause(attempt));
                }
                other => return other,
            }
        }
        Err(Error::Conflict {
            attempts: Self::ATTEMPTS,
        })
    }

    /// How long to wait before another attempt, counted from 0: the longer the more there were, and by chance, so that
    /// two clients in each other's way get out of it.
    pub fn pause(attempt: u32) -> Duration {
        const FIRST_MICROS: u64 = 100;
        const DOUBLINGS: u32 = 9;
        let most = FIRST_MICROS << attempt.min(DOUBLINGS);
        // The standard library's only source of chance: the keys of a hash map.
        let chance = RandomState::new().build_hasher().finish();
        Duration::from_micros(chance % most)
    }

    /// Number of the transaction on its connection.
    pub fn id(&self) -> TxId {
        self.id
    }

    /// Makes the changes visible to everybody.
    ///
    /// # Errors
    /// A [`crate::ErrorKind::Conflict`] if something that the transaction used was changed meanwhile: nothing was
    /// committed, start again. [`Error::Disconnected`] and [`Error::TimedOut`] leave open whether it was committed.
    /// After any error the transaction is gone.
    pub fn commit(mut self) -> Result<()> {
        self.end("T")
    }

    /// Gives the changes up.
    pub fn abort(mut self) -> Result<()> {
        match self.end("F") {
            // With the connection goes the transaction, which is what was wanted.
            Err(error) if error.kind() == ErrorKind::Disconnected => Ok(()),
            other => other,
        }
    }

    fn end(&mut self, how: &str) -> Result<()> {
        let answer = self.submit(end_request(how)).wait();
        self.open = false;
        if answer
            .as_ref()
            .is_err_and(|e| e.errno() == Some(&Errno::EINVAL))
        {
            // The one error after which both daemons still have the transaction.
            drop(self.submit(end_request("F")).wait());
        }
        self.unpin(answer.is_ok() || answer.as_ref().is_err_and(|e| e.errno().is_some()));
        answer.map(drop)
    }

    fn unpin(&mut self, answered: bool) {
        let route = std::mem::replace(&mut self.route, Route::Any);
        if answered && let Route::Pinned(connection, _) = route {
            self.client.shared().unpin(connection);
        }
    }
}

impl Operations for Transaction {
    fn submit(&self, request: Request) -> Pending<Vec<u8>> {
        self.client.shared().submit(request, &self.route)
    }

    fn submit_directory(&self, path: &StorePath) -> Pending<NameList> {
        submit_directory(self.client.shared(), &self.route, path)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let abort = self.submit(end_request("F"));
        if self.client.shared().takes_many() {
            // Sent with the drop; the store forgets a transaction that it cannot end, and there is nobody to tell.
            drop(abort);
        } else {
            let answered = abort.wait().is_ok();
            self.unpin(answered);
        }
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn end_request(how: &str) -> Request {
    Request {
        op: Op::TRANSACTION_END,
        payload: Payload::new().string(how),
        subject: Subject::Nothing,
    }
}
