//! What a caller holds while its request is under way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::{Connection, Failure};
use super::pool::Pool;
use super::request::Subject;
use super::slots::Answer;
use crate::error::{Error, Result};
use crate::id::{ReqId, TxId};
use crate::wire::{Errno, Op};

/// Called once when a request waits long though its deadline is far.
pub(crate) type Notice = Arc<dyn Fn(Op, Duration) + Send + Sync>;

/// What losing its connection means to a request.
pub(crate) enum Bond {
    /// It may go over any connection of the pool.
    Free { pool: Arc<Pool>, payload: Vec<u8> },
    /// It means something only on this connection.
    Common,
    /// It is part of a transaction.
    Transaction,
}

/// The right to one answer.
pub(crate) struct Ticket {
    pub(super) connection: Arc<Connection>,
    pub(super) id: ReqId,
    pub(super) op: Op,
    pub(super) subject: Subject,
    pub(super) timeout: Duration,
    /// Told after the first duration, if the answer takes longer.
    pub(super) notice: Option<(Duration, Notice)>,
    /// What losing the connection means.
    pub(super) bond: Bond,
    /// Whether the answer is still to be fetched.
    pub(super) open: bool,
}

impl Ticket {
    pub(super) fn wait(mut self) -> Result<Vec<u8>> {
        self.open = false;
        let answer = loop {
            match self.await_answer() {
                Err(Failure::Lost { unsent: true, .. }) if self.send_again()? => {}
                other => break other,
            }
        };
        match answer {
            Ok(answer) if answer.op == Op::ERROR => Err(Error::Store {
                op: self.op,
                path: self.subject.to_string(),
                errno: Errno::from_wire(&answer.payload),
            }),
            Ok(answer) => Ok(answer.payload),
            Err(failure) => Err(self.error(&failure)),
        }
    }

    fn await_answer(&mut self) -> std::result::Result<Answer, Failure> {
        if let Some((after, notice)) = self.notice.take()
            && after < self.timeout
        {
            match self.connection.wait(self.id, after) {
                Err(Failure::TimedOut) => notice(self.op, after),
                other => return other,
            }
        }
        self.connection.wait(self.id, self.timeout)
    }

    /// Sends a request of which nothing was ever written once more, on another connection.
    fn send_again(&mut self) -> Result<bool> {
        let (pool, payload) = match std::mem::replace(&mut self.bond, Bond::Common) {
            Bond::Free { pool, payload } => (pool, payload),
            bond @ (Bond::Common | Bond::Transaction) => {
                self.bond = bond;
                return Ok(false);
            }
        };
        let deadline = Instant::now() + self.timeout;
        let connection = pool.pick(deadline)?;
        match connection.submit(self.op, TxId::NONE, &payload, self.timeout) {
            Ok(id) => {
                self.connection = connection;
                self.id = id;
                Ok(true)
            }
            Err(failure) => Err(self.error(&failure)),
        }
    }

    fn error(&self, failure: &Failure) -> Error {
        let path = self.subject.to_string();
        match failure {
            Failure::TimedOut => {
                self.connection.give_up(self.id, self.timeout);
                Error::TimedOut {
                    op: self.op,
                    path,
                    after: self.timeout,
                }
            }
            // A commit under way may have happened.
            Failure::Lost { unsent, .. }
                if matches!(self.bond, Bond::Transaction)
                    && (*unsent || self.op != Op::TRANSACTION_END) =>
            {
                Error::TransactionLost
            }
            Failure::Lost { lost, .. } => self.connection.error(lost, self.op, path),
        }
    }

    pub(super) fn flush(&self) {
        self.connection.flush();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.connection.let_go(self.id, self.timeout);
        }
    }
}
