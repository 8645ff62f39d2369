//! The two ends of a device as a driver sees them.

use std::cell::Cell;

use super::State;
use crate::client::{Client, Operations};
use crate::demo::handshake::Keys;
use crate::error::Result;
use crate::path::StorePath;
use crate::watch::{Bell, Watch, WatchOptions};

/// A driver's own directory, and a watch on the state of the other end.
pub(super) struct Link {
    client: Client,
    own: StorePath,
    /// The key that names the other end.
    other_key: StorePath,
    other: StorePath,
    watch: Watch,
    /// Whether there is a reason to look besides the watch.
    stirred: Cell<bool>,
}

impl Link {
    /// Finds the other end through `key` (`backend` or `frontend`) and watches its state.
    pub(super) fn new(client: &Client, own: &StorePath, key: &str, bell: &Bell) -> Result<Self> {
        let other_key = own.child(key)?;
        let other = StorePath::parse(client.read(&other_key)?)?;
        let watch = client.watch_with(&other.child("state")?, rung(bell))?;
        Ok(Self {
            client: client.clone(),
            own: own.clone(),
            other_key,
            other,
            watch,
            stirred: Cell::new(true),
        })
    }

    /// Something of the own directory changed.
    pub(super) fn stir(&self) {
        self.stirred.set(true);
    }

    /// Whether either end may have changed since this was last asked.
    pub(super) fn stirred(&self) -> bool {
        let other = drained(&self.watch);
        self.stirred.take() || other
    }

    /// Whether the own directory is gone, or was made again for another device.
    pub(super) fn is_stale(&self) -> bool {
        match self.client.read(&self.other_key) {
            Ok(other) => other != self.other.as_bytes(),
            Err(error) => error.is_not_found(),
        }
    }

    /// The own state.
    pub(super) fn state(&self) -> State {
        self.state_in(&self.own)
    }

    /// The state of the other end.
    pub(super) fn other_state(&self) -> State {
        self.state_in(&self.other)
    }

    /// Changes the own state, if the device is still there and has another.
    pub(super) fn switch(&self, state: State) -> Result<()> {
        if self.state() == state {
            return Ok(());
        }
        self.publish(&Keys::new(), state)
    }

    /// Writes keys and then the state, at once.
    pub(super) fn publish(&self, keys: &Keys, state: State) -> Result<()> {
        let mut all = keys.clone();
        all.push(("state".into(), state.text()));
        self.add(&all)
    }

    /// Writes keys, at once.
    pub(super) fn add(&self, keys: &Keys) -> Result<()> {
        self.client.transaction(|transaction| {
            // Without this, a device that was just removed would come back.
            transaction.read(&self.own.child("state")?)?;
            keys.iter().try_for_each(|(key, value)| {
                transaction.write(&self.own.join(key)?, value.as_bytes())
            })
        })
    }

    /// A key of the own directory; `None` if it is missing.
    pub(super) fn key(&self, key: &str) -> Option<Vec<u8>> {
        self.client.read(&self.own.join(key).ok()?).ok()
    }

    /// A key of the other end.
    pub(super) fn key_of_other(&self, key: &str) -> Result<Vec<u8>> {
        self.client.read(&self.other.child(key)?)
    }

    /// Takes a key of the own directory away.
    pub(super) fn remove(&self, key: &str) -> Result<()> {
        self.client.rm(&self.own.child(key)?)
    }

    fn state_in(&self, end: &StorePath) -> State {
        let value = end.child("state").ok().map(|path| self.client.read(&path));
        value.map_or(State::Unknown, |value| {
            value.map_or(State::Unknown, |value| State::parse(&value))
        })
    }
}

/// Options of a watch that rings `bell`.
pub(super) fn rung(bell: &Bell) -> WatchOptions {
    WatchOptions {
        bell: Some(bell.clone()),
        ..WatchOptions::default()
    }
}

/// Takes all events that wait; whether there was one.
fn drained(watch: &Watch) -> bool {
    let mut any = false;
    while let Ok(Some(_)) = watch.try_next() {
        any = true;
    }
    any
}
