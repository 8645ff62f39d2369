//! Importing a document.

use thiserror::Error as ThisError;

use super::Document;
use super::plan::{self, Mode, Plan};
use crate::client::Client;
use crate::error::{Error, ErrorKind};

/// How a document is imported.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApplyOptions {
    /// What becomes of nodes that the document does not have.
    pub mode: Mode,
    /// Most changes in one transaction. More are made in several, one after the other.
    pub changes_max: usize,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Merge,
            changes_max: 100_000,
        }
    }
}

/// Changes in a transaction where the store limits them: oxenstored takes 1024 requests of a guest
/// (`quota-maxrequests`), C xenstored 1024 nodes (`transaction-nodes`); a change is two requests, and ancestors count.
const LIMITED: usize = 256;

/// What an import did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Applied {
    /// What was to be changed.
    pub plan: Plan,
    /// How many of the changes were made; what goes, goes first.
    pub made: usize,
    /// In how many transactions: with more than one, others may have seen a part.
    pub transactions: usize,
}

/// An import that failed.
#[derive(Clone, Debug, ThisError)]
#[error("{error}{}", .done.as_deref().map(before).unwrap_or_default())]
pub struct ApplyError {
    /// Why.
    pub error: Error,
    /// What was done before it failed; `None`: nothing.
    pub done: Option<Box<Applied>>,
}

fn before(done: &Applied) -> String {
    format!(
        " (before that, {} of {} changes were made in {} transactions, and stay)",
        done.made,
        done.plan.changes().len(),
        done.transactions
    )
}

impl From<Error> for ApplyError {
    fn from(error: Error) -> Self {
        Self { error, done: None }
    }
}

/// Makes the store as a document says: in one transaction if the store's limits allow that, else in several.
///
/// # Errors
/// What the store says, and what was done before.
pub fn apply(
    client: &Client,
    wanted: &Document,
    options: &ApplyOptions,
) -> Result<Applied, ApplyError> {
    let max = options.changes_max.max(1);
    let once = client.transaction(|transaction| {
        let plan = Plan::make(transaction, wanted, options.mode)?;
        if plan.changes().len() <= max {
            plan.submit(transaction)?;
            return Ok(Ok(plan));
        }
        Ok(Err(plan))
    });
    match once {
        Ok(Ok(plan)) => Ok(Applied {
            made: plan.changes().len(),
            transactions: 1,
            plan,
        }),
        Ok(Err(plan)) => in_chunks(client, plan, max),
        Err(error) if error.kind() == ErrorKind::Limit => {
            // Perhaps a limit on transactions; if it is one on nodes, that shows again.
            let plan = Plan::make(client, wanted, options.mode)?;
            in_chunks(client, plan, max.min(LIMITED))
        }
        Err(error) => Err(error.into()),
    }
}

fn in_chunks(client: &Client, plan: Plan, max: usize) -> Result<Applied, ApplyError> {
    let mut applied = Applied {
        plan,
        made: 0,
        transactions: 0,
    };
    // Nodes that go are taken out first, to make room, and from the leaves, because a large subtree may be too much for
    // a transaction.
    let (mut going, coming): (Vec<_>, Vec<_>) = applied
        .plan
        .changes()
        .iter()
        .cloned()
        .partition(|change| change.new.is_none());
    going.reverse();
    for chunk in going.chunks(max).chain(coming.chunks(max)) {
        match client.transaction(|transaction| plan::submit(transaction, chunk)) {
            Ok(()) => {
                applied.made += chunk.len();
                applied.transactions += 1;
            }
            Err(error) => {
                let done = (applied.made > 0).then(|| Box::new(applied));
                return Err(ApplyError { error, done });
            }
        }
    }
    Ok(applied)
}
