//! Transactions: several operations that take effect together or not at all.

use crate::client::{Client, Operations, Pending, Request};
use crate::error::{Error, Result};
use crate::id::TxId;
use crate::wire::{Op, Payload};

/// An open transaction. Its [`Operations`] see the state of the transaction; dropping it aborts.
pub struct Transaction {
    client: Client,
    id: TxId,
    open: bool,
}

impl Transaction {
    pub(crate) fn begin(client: &Client) -> Result<Self> {
        let request = Request {
            op: Op::TRANSACTION_START,
            payload: Payload::new().string(""),
            subject: String::new(),
        };
        let payload = client.submit(request).wait()?;
        let id = str::from_utf8(&payload)
            .ok()
            .and_then(|t| t.trim_end_matches('\0').parse().ok());
        match id {
            Some(id) if id != 0 => Ok(Self {
                client: client.clone(),
                id: TxId(id),
                open: true,
            }),
            _ => Err(Error::Protocol {
                what: "a transaction without a number".into(),
            }),
        }
    }

    pub(crate) fn run<T>(client: &Client, mut body: impl FnMut(&Self) -> Result<T>) -> Result<T> {
        const ATTEMPTS: u32 = 32;
        for _ in 0..ATTEMPTS {
            let transaction = Self::begin(client)?;
            let result = body(&transaction)?;
            match transaction.commit() {
                Err(error) if error.kind() == crate::ErrorKind::Conflict => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(result),
            }
        }
        Err(Error::Conflict { attempts: ATTEMPTS })
    }

    /// Number of the transaction on its connection.
    pub fn id(&self) -> TxId {
        self.id
    }

    /// Makes the changes visible to everybody.
    ///
    /// # Errors
    /// A [`crate::ErrorKind::Conflict`] if something that the transaction used was changed meanwhile: nothing was
    /// committed, start again. After any error the transaction is gone.
    pub fn commit(mut self) -> Result<()> {
        self.end("T")
    }

    /// Gives the changes up.
    pub fn abort(mut self) -> Result<()> {
        self.end("F")
    }

    fn end(&mut self, how: &str) -> Result<()> {
        self.open = false;
        let request = Request {
            op: Op::TRANSACTION_END,
            payload: Payload::new().string(how),
            subject: String::new(),
        };
        self.submit(request).wait().map(|_| ())
    }
}

impl Operations for Transaction {
    fn submit(&self, request: Request) -> Pending<Vec<u8>> {
        self.client.submit_in(request, self.id)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.open {
            // The store forgets a transaction that it cannot end; there is nobody to tell.
            drop(self.end("F"));
        }
    }
}
