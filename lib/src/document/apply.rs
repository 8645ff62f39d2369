//! Importing a document.

use thiserror::Error as ThisError;

use super::Document;
use super::plan::{self, Change, Mode, Plan};
use crate::client::Client;
use crate::error::{Error, ErrorKind};

/// How a document is imported.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApplyOptions {
    /// What becomes of nodes that the document does not have.
    pub mode: Mode,
    /// Most changes in one transaction; more are made in several, one after the other. By default 1000: C xenstored
    /// searches all nodes of a transaction at each request, and takes 8 s, in which nobody else is served, for 8000.
    pub changes_max: usize,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Merge,
            changes_max: 1000,
        }
    }
}

/// Changes in a transaction where the store limits them: oxenstored takes 1024 requests of a guest
/// (`quota-maxrequests`), C xenstored 1024 nodes (`transaction-nodes`); a change is four requests, and ancestors count.
const LIMITED: usize = 200;

/// How often the changes are worked out again because others change the same nodes.
const ATTEMPTS: u32 = 16;

/// What an import did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Applied {
    /// The changes that were made.
    pub made: Vec<Change>,
    /// How many there were to be made.
    pub planned: usize,
    /// In how many transactions: with more than one, others may have seen a part.
    pub transactions: usize,
    /// How many nodes may have children that could not be seen, and therefore stay.
    pub unseen: usize,
}

/// An import that failed.
#[derive(Clone, Debug, ThisError)]
#[error("{error}{}", before(.done))]
pub struct ApplyError {
    /// Why.
    pub error: Error,
    /// What was done before it failed.
    pub done: Box<Applied>,
}

fn before(done: &Applied) -> String {
    match done.made.len() {
        0 => "; nothing was changed".to_owned(),
        made => format!(
            "; before that, {made} of {} changes were made in {} transactions, and stay",
            done.planned, done.transactions
        ),
    }
}

/// Makes the store as a document says: in one transaction if that is not too large for the store, else in several.
///
/// Each transaction makes its changes only if its nodes are still as they were when the changes were worked out; else
/// they are worked out again.
///
/// # Errors
/// What the store says, and what was done before; a conflict if others change the same nodes all the time.
pub fn apply(
    client: &Client,
    wanted: &Document,
    options: &ApplyOptions,
) -> Result<Applied, ApplyError> {
    let mut done = Applied::default();
    match run(client, wanted, options, &mut done) {
        Ok(()) => Ok(done),
        Err(error) => Err(ApplyError {
            error,
            done: Box::new(done),
        }),
    }
}

fn run(
    client: &Client,
    wanted: &Document,
    options: &ApplyOptions,
    done: &mut Applied,
) -> Result<(), Error> {
    let mut max = options.changes_max.max(1);
    for _ in 0..ATTEMPTS {
        let plan = Plan::make(client, wanted, options.mode)?;
        done.planned = done.made.len() + plan.changes().len();
        done.unseen = plan.unseen();
        match in_chunks(client, plan, max, done) {
            // Perhaps a limit on transactions; if it is one on nodes, that shows again.
            Err(error) if error.kind() == ErrorKind::Limit && max > LIMITED => max = LIMITED,
            Ok(false) => {}
            Ok(true) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Err(Error::Conflict { attempts: ATTEMPTS })
}

/// Makes the changes; `false` if some nodes are not as they were.
fn in_chunks(client: &Client, plan: Plan, max: usize, done: &mut Applied) -> Result<bool, Error> {
    let (mut going, mut coming) = plan.into_parts();
    // What goes is taken out first, to make room.
    if going.len() + coming.len() <= max {
        going.append(&mut coming);
    } else {
        // From the leaves, because a large subtree may be too much for a transaction.
        going.reverse();
    }
    for chunk in going.chunks(max).chain(coming.chunks(max)) {
        let made = client.transaction(|transaction| {
            let holds = plan::holds(transaction, chunk)?;
            if holds {
                plan::submit(transaction, chunk)?;
            }
            Ok(holds)
        })?;
        if !made {
            return Ok(false);
        }
        done.made.extend_from_slice(chunk);
        done.transactions += 1;
    }
    Ok(true)
}
