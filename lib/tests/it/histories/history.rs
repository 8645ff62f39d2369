//! What clients did and saw, with times.

use std::sync::atomic::{AtomicU64, Ordering};

/// A value; each is written once in a history. 0 is what a fresh directory has.
pub(super) type Value = u32;

/// Number of a node.
pub(super) type Node = usize;

/// What a client did, and what it was answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Action {
    /// `None`: it was missing.
    Read(Node, Option<Value>),
    Write(Node, Value),
    Remove(Node),
    /// The nodes that were there.
    List(Vec<Node>),
    /// A transaction that was committed.
    Transaction(Vec<Action>),
}

/// One operation of a client.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) client: usize,
    /// A time before it began, and one after it had ended.
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) action: Action,
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            client,
            begin,
            end,
            action,
        } = self;
        write!(f, "client {client} from {begin} to {end}: {action:?}")
    }
}

/// An event as a watcher received it.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) time: u64,
    /// Below the watched node; empty for the node itself.
    pub(super) name: String,
}

/// Everything of one run.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) operations: Vec<Operation>,
    /// What a watcher of the whole directory received, in order.
    pub(super) events: Vec<Event>,
}

/// Time as a number that everybody counts up.
#[derive(Debug, Default)]
pub(super) struct Clock(AtomicU64);

impl Clock {
    pub(super) fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// Name of a node in the directory.
pub(super) fn name(node: Node) -> String {
    format!("n{node}")
}
