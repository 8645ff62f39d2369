//! The connection of a session, and its transaction.

use std::sync::Arc;

use xenbus::cli::ConnectArgs;
use xenbus::client::{NameList, Pending, Request};
use xenbus::tap::Tap;
use xenbus::transport::Connector;
use xenbus::{Client, DomId, Operations, Transaction};

use super::{Entry, Mode, Shell};
use crate::exit::{Exit, Failure};

/// The connection: made with the first command that needs it.
pub(super) struct Store {
    connect: ConnectArgs,
    connector: Option<Arc<dyn Connector>>,
    client: Option<Client>,
    /// Earlier clients, which watches in the background may still use.
    retired: Vec<Client>,
    /// Sees every message.
    tap: Option<Arc<dyn Tap>>,
    own: Option<DomId>,
    transaction: Option<Open>,
}

/// An open transaction.
struct Open {
    transaction: Arc<Transaction>,
    changes: u64,
    /// What of it can be undone once it is committed.
    entries: Vec<Entry>,
    /// Whether a block of `tx { }` has it, which ends it itself.
    is_block: bool,
}

/// What is asked: the store, or the open transaction.
#[derive(Clone)]
pub(crate) enum Ops {
    Store(Client),
    Transaction(Arc<Transaction>),
}

impl Operations for Ops {
    fn submit(&self, request: Request) -> Pending<Vec<u8>> {
        match self {
            Self::Store(client) => client.submit(request),
            Self::Transaction(transaction) => transaction.submit(request),
        }
    }

    fn submit_directory(&self, path: &xenbus::StorePath) -> Pending<NameList> {
        match self {
            Self::Store(client) => client.submit_directory(path),
            Self::Transaction(transaction) => transaction.submit_directory(path),
        }
    }
}

impl Store {
    pub(super) fn new(connect: ConnectArgs) -> Self {
        Self {
            connect,
            connector: None,
            client: None,
            retired: Vec::new(),
            tap: None,
            own: None,
            transaction: None,
        }
    }
}

/// What the prompt and `tx status` say of the open transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransactionStatus {
    pub(crate) id: u32,
    pub(crate) changes: u64,
}

impl Shell {
    /// The client; connects with the first call.
    pub(crate) fn client(&mut self) -> Result<Client, Failure> {
        if let Some(client) = &self.store.client {
            return Ok(client.clone());
        }
        let mut options = self.store.connect.options();
        options.notice = Some(Arc::new(|op, after| {
            crate::exit::say(&format!(
                "xsh: {} takes more than {} s (a live update of the daemon may hold it back a minute)",
                op.to_string().to_lowercase().replace('_', " "),
                after.as_secs()
            ));
        }));
        if self.store.tap.is_some() {
            options.tap.clone_from(&self.store.tap);
        }
        let client = Client::with_connector(self.connector()?, options)?;
        self.store.client = Some(client.clone());
        Ok(client)
    }

    /// How connections are made. A simulated host lives as long as the session.
    pub(crate) fn connector(&mut self) -> Result<Arc<dyn Connector>, Failure> {
        if let Some(connector) = &self.store.connector {
            return Ok(Arc::clone(connector));
        }
        let mut connector = self.store.connect.connector()?;
        if self.mode == Mode::Interactive {
            connector = self.lines.through(connector);
        }
        self.store.connector = Some(Arc::clone(&connector));
        Ok(connector)
    }

    /// Lets `tap` see every message from now on, on a new connection.
    pub(crate) fn set_tap(&mut self, tap: Option<Arc<dyn Tap>>) -> Result<(), Failure> {
        if self.store.transaction.is_some() {
            return Err(
                Failure::usage("a transaction is open, and it is bound to its connection")
                    .hint("tx commit or tx abort ends it"),
            );
        }
        self.store.tap = tap;
        let client = self.store.client.take();
        self.store.retired.extend(client);
        Ok(())
    }

    /// What commands ask: the open transaction if there is one, else the store.
    pub(crate) fn ops(&mut self) -> Result<Ops, Failure> {
        match &self.store.transaction {
            Some(open) => Ok(Ops::Transaction(Arc::clone(&open.transaction))),
            None => Ok(Ops::Store(self.client()?)),
        }
    }

    /// The number of our own domain.
    pub(crate) fn own_domid(&mut self) -> Result<DomId, Failure> {
        if let Some(own) = self.store.own {
            return Ok(own);
        }
        let own = self.client()?.own_domid().map_err(|error| {
            Failure::from(error).hint("the own domain is the value of the node 'domid' in its home")
        })?;
        self.store.own = Some(own);
        Ok(own)
    }

    /// The open transaction.
    pub(crate) fn transaction(&self) -> Option<TransactionStatus> {
        let open = self.store.transaction.as_ref()?;
        Some(TransactionStatus {
            id: open.transaction.id().0,
            changes: open.changes,
        })
    }

    /// Whether the open transaction is that of a block.
    pub(crate) fn is_in_block(&self) -> bool {
        self.store
            .transaction
            .as_ref()
            .is_some_and(|open| open.is_block)
    }

    /// Starts a transaction.
    pub(crate) fn begin(&mut self, is_block: bool) -> Result<TransactionStatus, Failure> {
        if self.store.transaction.is_some() {
            return Err(Failure::usage("a transaction is open already")
                .hint("tx commit or tx abort ends it"));
        }
        let transaction = Arc::new(self.client()?.begin()?);
        let id = transaction.id().0;
        self.store.transaction = Some(Open {
            transaction,
            changes: 0,
            entries: Vec::new(),
            is_block,
        });
        Ok(TransactionStatus { id, changes: 0 })
    }

    /// Commits the open transaction; how many changes it had.
    pub(crate) fn commit(&mut self) -> Result<u64, Failure> {
        let (transaction, open) = self.take_transaction()?;
        transaction.commit()?;
        let (changes, entries) = open;
        for entry in entries {
            self.journal.add(entry);
        }
        Ok(changes)
    }

    /// Gives the open transaction up; how many changes it had.
    pub(crate) fn abort(&mut self) -> Result<u64, Failure> {
        let (transaction, (changes, _)) = self.take_transaction()?;
        transaction.abort()?;
        Ok(changes)
    }

    fn take_transaction(&mut self) -> Result<(Transaction, (u64, Vec<Entry>)), Failure> {
        let open =
            self.store.transaction.take().ok_or_else(|| {
                Failure::usage("no transaction is open").hint("tx begin opens one")
            })?;
        match Arc::try_unwrap(open.transaction) {
            Ok(transaction) => Ok((transaction, (open.changes, open.entries))),
            Err(_) => Err(Failure::new(
                Exit::FAILURE,
                "the transaction is still in use; it was aborted",
            )),
        }
    }

    /// Notes changes that were made.
    pub(super) fn changed(&mut self, count: u64, entry: Option<Entry>) {
        match &mut self.store.transaction {
            Some(open) => {
                open.changes += count;
                open.entries.extend(entry);
            }
            None => entry.into_iter().for_each(|entry| self.journal.add(entry)),
        }
    }
}
