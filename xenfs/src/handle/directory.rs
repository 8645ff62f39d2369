//! One open directory: the list of names as it was when the stream was begun.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::inode::{Kind, Node};

/// An open directory. Positions are positions in its own list, which only rewinding replaces.
pub struct Directory {
    /// What was opened.
    pub node: Node,
    listing: Mutex<Listing>,
}

/// The list of names.
#[derive(Default)]
pub struct Listing {
    /// The names below the directory, without `.` and `..`.
    pub entries: Vec<Listed>,
    /// Reading has begun: reading from the start again makes a new list.
    pub begun: bool,
}

/// One name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Listed {
    /// `.value`.
    Value,
    /// A child, by its name in the store, and what it is, once that is known.
    Child(String, Option<Kind>),
}

impl Directory {
    /// A stream over `entries`.
    pub fn new(node: Node, entries: Vec<Listed>) -> Self {
        Self {
            node,
            listing: Mutex::new(Listing {
                entries,
                begun: false,
            }),
        }
    }

    /// The list.
    pub fn listing(&self) -> MutexGuard<'_, Listing> {
        self.listing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
