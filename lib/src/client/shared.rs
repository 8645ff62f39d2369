//! What all clones of a client have in common.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::abilities::Abilities;
use super::completion::Completion;
use super::connection::{Connection, Failure};
use super::dialer::Dialer;
use super::pool::Pool;
use super::registry::Registry;
use super::request::{Pending, Request};
use super::ticket::{Bond, Notice, Ticket};
use super::watching::Hub;
use super::{ClientOptions, Subject};
use crate::error::{Error, Result};
use crate::id::TxId;
use crate::tap;
use crate::transport::{Connector, InFlight, Watches};
use crate::wire::{Op, Payload};

/// What all clones of a client have in common.
pub(crate) struct Shared {
    pub(crate) options: ClientOptions,
    dialer: Arc<Dialer>,
    pool: Arc<Pool>,
    pub(crate) hub: Arc<Hub>,
    pub(super) abilities: Abilities,
    completion: Completion,
}

/// Where a request goes.
#[derive(Clone)]
pub(crate) enum Route {
    /// Any connection, outside transactions.
    Any,
    /// The connection of a transaction.
    Pinned(Arc<Connection>, TxId),
}

impl Shared {
    pub(crate) fn connect(
        connector: Arc<dyn Connector>,
        mut options: ClientOptions,
    ) -> Result<Arc<Self>> {
        if options.tap.is_none() {
            options.tap = tap::from_environment().map_err(|value| Error::Invalid {
                what: "the environment variable XENBUS_TRACE".into(),
                reason: format!("it is '{value}'; only 0 and 1 are known"),
            })?;
        }
        let registry = Arc::new(Registry::default());
        let events = Arc::clone(&registry);
        let dialer = Arc::new(Dialer::new(connector, options.tap.clone(), events));
        let deadline = Instant::now() + options.timeout;
        let pool = Pool::open(Arc::clone(&dialer), options.device_opens, deadline)?;
        let pool = Arc::new(pool);
        let hub = Hub::new(registry, Arc::clone(&dialer), options.timeout);
        Ok(Arc::new(Self {
            options,
            dialer,
            pool,
            hub,
            abilities: Abilities::default(),
            completion: Completion::default(),
        }))
    }

    pub(crate) fn address(&self) -> String {
        self.dialer.address()
    }

    /// A number that changes whenever the store behind may have changed.
    pub(super) fn epoch(&self) -> u64 {
        self.pool.epoch()
    }

    /// A connection for a request now.
    pub(super) fn connection(&self) -> Result<Arc<Connection>> {
        self.pool.pick(Instant::now() + self.options.timeout)
    }

    /// A new connection, for one thread alone.
    pub(super) fn dial(&self) -> Result<Arc<Connection>> {
        let deadline = Instant::now() + self.options.timeout;
        self.dialer.dial(self.dialer.attempts(), deadline)
    }

    /// A connection for a transaction; see [`Shared::unpin`].
    pub(crate) fn pin(&self) -> Result<Arc<Connection>> {
        self.pool.take_out(Instant::now() + self.options.timeout)
    }

    /// Takes a transaction's connection back, the transaction ended.
    pub(crate) fn unpin(&self, connection: Arc<Connection>) {
        self.pool.give_back(connection);
    }

    /// Whether requests of several callers share a connection.
    pub(crate) fn takes_many(&self) -> bool {
        self.pool.takes_many()
    }

    pub(crate) fn submit(&self, request: Request, route: &Route) -> Pending<Vec<u8>> {
        match self.send(request, route) {
            Ok(ticket) => Pending::sent(ticket),
            Err(error) => Pending::ready(Err(error)),
        }
    }

    /// Calls `done` with the answer on the client's completion thread.
    pub(crate) fn submit_with(
        &self,
        request: Request,
        route: &Route,
        done: Box<dyn FnOnce(Result<Vec<u8>>) + Send>,
    ) {
        let pending = self.submit(request, route);
        pending.flush();
        self.completion.push(pending, done);
    }

    fn send(&self, request: Request, route: &Route) -> Result<Ticket> {
        let Request {
            op,
            payload,
            subject,
        } = request;
        let payload = if payload.is_empty() && !self.may_send_empty(op) {
            // oxenstored answers an empty payload only when more bytes come.
            payload.raw(b"\0")
        } else {
            payload
        };
        let timeout = if op == Op::TRANSACTION_START {
            self.options.transaction_timeout.max(self.options.timeout)
        } else {
            self.options.timeout
        };
        let start = Instant::now();
        let deadline = start + timeout;
        let (mut connection, tx_id) = match route {
            Route::Any => (self.pool.pick(start + self.options.timeout)?, TxId::NONE),
            Route::Pinned(connection, tx_id) => (Arc::clone(connection), *tx_id),
        };
        connection.check(op)?;
        Self::check(&connection, op, &payload, &subject)?;
        let max = connection.payload_max();
        let payload = payload
            .finish()
            .and_then(|payload| match payload.len() {
                length if length > max => Err(length),
                _ => Ok(payload),
            })
            .map_err(|length| Error::TooLong {
                op,
                path: subject.to_string(),
                length,
                max,
            })?;
        let mut again = matches!(route, Route::Any);
        loop {
            match connection.submit(op, tx_id, &payload, timeout) {
                Ok(id) => {
                    let bond = match route {
                        Route::Any => Bond::Free {
                            pool: Arc::clone(&self.pool),
                            payload,
                        },
                        Route::Pinned(_, TxId::NONE) => Bond::Common,
                        Route::Pinned(..) => Bond::Transaction,
                    };
                    return Ok(Ticket {
                        connection,
                        id,
                        op,
                        subject,
                        timeout,
                        notice: self.notice(timeout),
                        bond,
                        open: true,
                    });
                }
                Err(Failure::TimedOut) => {
                    if connection.traits.in_flight == InFlight::One {
                        connection.close("a request was not answered in time");
                    }
                    return Err(Error::TimedOut {
                        op,
                        path: subject.to_string(),
                        after: timeout,
                    });
                }
                Err(Failure::Lost { .. }) if tx_id != TxId::NONE => {
                    return Err(Error::TransactionLost);
                }
                Err(Failure::Lost { unsent: true, .. }) if again => {
                    again = false;
                    connection = self.pool.pick(deadline)?;
                }
                Err(Failure::Lost { lost, .. }) => {
                    return Err(connection.error(&lost, op, subject.to_string()));
                }
            }
        }
    }

    /// Refuses what would do harm whoever asks.
    fn check(connection: &Connection, op: Op, payload: &Payload, subject: &Subject) -> Result<()> {
        let reason = match op {
            Op::RM if payload.is(b"/\0") => "it would empty the whole store",
            Op::RESET_WATCHES if connection.traits.watches != Watches::Store => {
                "on a device it would take away the kernel's own watches, and hot-plug with them"
            }
            Op::WATCH | Op::UNWATCH => "a watch is set with Client::watch, or its events are lost",
            _ => return Ok(()),
        };
        Err(Error::Refused {
            op,
            path: subject.to_string(),
            reason,
        })
    }

    fn notice(&self, timeout: Duration) -> Option<(Duration, Notice)> {
        let notice = self.options.notice.as_ref()?;
        let after = self.options.notice_after;
        (timeout > after).then(|| (after, Arc::clone(notice)))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.hub.close();
        self.pool.close();
    }
}
