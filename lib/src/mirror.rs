//! A copy of a subtree that a watch keeps true.
//!
//! An event never says what happened: the mirror reads again what it names, and all that the copy has below it,
//! because a node may have been removed and made again since. What an event names inside a directory that the copy
//! lacks is read from that directory on: stores tell nothing of parents that they make by the way. A domain's death
//! takes nodes away without events: then, and after lost events or a lost connection, everything is read again.

mod harvest;
mod shared;
mod subscription;
mod sync;
mod tree;
mod view;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

pub use subscription::{MirrorEvent, Subscription};
pub use tree::Branch;
pub(crate) use view::Place;
pub use view::{MirrorStatus, Mirrored, View};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::path::StorePath;
use crate::tree::{Filter, Plan, Want};
use crate::watch::{Bell, WatchOptions};
use shared::Shared;
use sync::Sync;

/// What a [`Mirror`] holds.
#[derive(Clone)]
#[non_exhaustive]
pub struct MirrorOptions {
    /// Whether permissions are mirrored, too.
    pub perms: bool,
    /// Which nodes are mirrored, by path; one that is not takes all below it out, too. An event outside costs a
    /// look-up and no request. The top always is.
    pub filter: Option<Filter>,
    /// What is read of each node that is mirrored, from the root on; `None`: everything. [`Want::Nothing`] leaves it
    /// and all below it out, as the filter does.
    pub wants: Option<Plan>,
    /// Whether subscribers are told of events outside of what is mirrored, too ([`MirrorEvent::Outside`]).
    pub tell_all: bool,
    /// Whether the copy shows what was read so far while everything is read for the first time. It costs: each part
    /// is put together from the beginning.
    pub parts: bool,
    /// Rung whenever a further part is shown, and when everything was read once.
    pub first_bell: Option<Bell>,
    /// Most nodes; a larger subtree ends the mirror with an error.
    pub nodes_max: usize,
    /// Most events that wait for the mirror; more mean that everything is read again.
    pub events_max: usize,
}

impl MirrorOptions {
    /// Whether a node below a mirrored one is mirrored.
    fn covers(&self, path: &StorePath) -> bool {
        self.filter.as_ref().is_none_or(|wanted| wanted(path))
            && self
                .wants
                .as_ref()
                .is_none_or(|plan| plan.at(path).want != Want::Nothing)
    }
}

impl MirrorOptions {
    /// Whether the children of a mirrored node are asked for.
    fn lists(&self, path: &StorePath) -> bool {
        self.wants
            .as_ref()
            .is_none_or(|plan| plan.at(path).want != Want::Value)
    }
}

impl Default for MirrorOptions {
    fn default() -> Self {
        Self {
            perms: false,
            filter: None,
            wants: None,
            tell_all: false,
            parts: false,
            first_bell: None,
            nodes_max: 1_000_000,
            events_max: 65_536,
        }
    }
}

/// A copy of a subtree, kept true by a thread of its own until it is dropped. Dropping it waits for the requests under
/// way, at most for the deadline of the client.
pub struct Mirror {
    top: StorePath,
    shared: Arc<Shared>,
    bell: Bell,
    thread: Option<JoinHandle<()>>,
}

impl Mirror {
    /// Starts to mirror `top` and all below it, whether or not it is there already. It is stale until all was read
    /// once: see [`Mirror::wait_fresh`].
    ///
    /// # Errors
    /// If the store refuses the watch, or the system a thread.
    pub fn start(client: &Client, top: &StorePath, options: MirrorOptions) -> Result<Self> {
        let bell = Bell::new();
        let watching = |queue| WatchOptions {
            queue,
            bell: Some(bell.clone()),
            ..WatchOptions::default()
        };
        let watch = client.watch_with(top, watching(options.events_max))?;
        // A guest may lack the right: then nothing tells it of deaths.
        let deaths = client.watch_with(&StorePath::release_domain(), watching(16));
        let shared = Arc::new(Shared::new(top, options.first_bell.clone()));
        let sync = Sync::new(
            client.clone(),
            watch,
            deaths.ok(),
            options,
            Arc::clone(&shared),
            bell.clone(),
        );
        let thread = std::thread::Builder::new().name("xenbus mirror".into());
        let thread = thread
            .spawn(move || sync.run())
            .map_err(|error| Error::io("start the thread of a mirror", error))?;
        Ok(Self {
            top: top.clone(),
            shared,
            bell,
            thread: Some(thread),
        })
    }

    /// What is mirrored.
    pub fn top(&self) -> &StorePath {
        &self.top
    }

    /// A node of the copy.
    pub fn get(&self, path: &StorePath) -> Option<Arc<Mirrored>> {
        self.look(|view| view.get(path).cloned())
    }

    /// Looks at the copy while nothing changes in it. Changes wait meanwhile: be quick, and use nothing of the mirror
    /// but the view, because everything else waits, too.
    pub fn look<T>(&self, at: impl FnOnce(View<'_>) -> T) -> T {
        self.shared.look(at)
    }

    /// How the mirror is.
    pub fn status(&self) -> MirrorStatus {
        self.shared.status()
    }

    /// Waits until the copy is not stale, not past `deadline`.
    ///
    /// # Errors
    /// If the mirror has ended, or [`Error::TimedOut`].
    pub fn wait_fresh(&self, deadline: Instant) -> Result<()> {
        self.shared.wait_fresh(deadline, &self.top)
    }

    /// Tells every change from now on. `queue` is how many may wait; more are dropped and said. `bell`, if given, is
    /// rung for each.
    pub fn subscribe(&self, queue: usize, bell: Option<Bell>) -> Subscription {
        self.shared.subscribe(queue, bell)
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.shared.stop();
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            // Only a panic of its own makes this an error, and that was printed.
            drop(thread.join());
        }
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror")
            .field("top", &self.top)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
