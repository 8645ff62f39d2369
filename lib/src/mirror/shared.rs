//! What a mirror and its thread share: the copy, how true it is, and who wants to know of changes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use super::subscription::{MirrorEvent, Queue, Subscription};
use super::tree::{Branch, Tree};
use super::view::{MirrorStatus, View};
use crate::error::{Error, Result};
use crate::path::StorePath;
use crate::watch::Bell;
use crate::watch::waiters::Waiters;
use crate::wire::Op;

/// What a mirror and its thread share.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Waiters,
    /// Rung for what happens until everything was read once.
    first: Option<Bell>,
}

pub(super) struct State {
    pub(super) nodes: Tree,
    /// Nodes found by the first reading, while it lasts.
    pub(super) found: Option<usize>,
    stale_since: Option<Instant>,
    pub(super) events: u64,
    pub(super) scans: u64,
    ended: Option<Error>,
    /// Why reading failed the last time, while the copy is stale.
    pub(super) trouble: Option<Error>,
    pub(super) stopping: bool,
    subscribers: Vec<Weak<Queue>>,
}

impl Shared {
    pub(super) fn new(top: &StorePath, first: Option<Bell>) -> Self {
        Self {
            first,
            state: Mutex::new(State {
                nodes: Tree::new(top),
                found: None,
                stale_since: Some(Instant::now()),
                events: 0,
                scans: 0,
                ended: None,
                trouble: None,
                stopping: false,
                subscribers: Vec::new(),
            }),
            changed: Waiters::default(),
        }
    }

    pub(super) fn look<T>(&self, at: impl FnOnce(View<'_>) -> T) -> T {
        at(View::of(&self.lock().nodes))
    }

    pub(super) fn status(&self) -> MirrorStatus {
        let state = self.lock();
        MirrorStatus {
            nodes: state.nodes.len(),
            found: state.found,
            stale_since: state.stale_since,
            events: state.events,
            scans: state.scans,
            ended: state.ended.clone(),
            trouble: state.trouble.clone(),
        }
    }

    pub(super) fn wait_fresh(&self, deadline: Instant, top: &StorePath) -> Result<()> {
        let start = Instant::now();
        let mut state = self.lock();
        loop {
            if let Some(ended) = &state.ended {
                return Err(ended.clone());
            }
            if state.stale_since.is_none() {
                return Ok(());
            }
            match self.changed.wait(state, Some(deadline)) {
                Some(guard) => state = guard,
                None => {
                    return Err(Error::TimedOut {
                        op: Op::WATCH,
                        path: top.to_string(),
                        after: start.elapsed(),
                    });
                }
            }
        }
    }

    pub(super) fn subscribe(&self, most: usize, bell: Option<Bell>) -> Subscription {
        let queue = Arc::new(Queue::new(most, bell));
        self.lock().subscribers.push(Arc::downgrade(&queue));
        Subscription { queue }
    }

    pub(super) fn stop(&self) {
        self.lock().stopping = true;
    }

    /// Changes the copy and tells the subscribers, all at once.
    pub(super) fn change(&self, what: impl FnOnce(&mut State)) {
        let is_first = {
            let mut state = self.lock();
            let is_first = state.scans == 0;
            what(&mut state);
            is_first
        };
        self.changed.wake();
        if let Some(bell) = self.first.as_ref().filter(|_| is_first) {
            bell.ring();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell(subscribers: &mut Vec<Weak<Queue>>, event: &MirrorEvent) {
        subscribers.retain(|subscriber| {
            let alive = subscriber.upgrade();
            if let Some(queue) = &alive {
                queue.push(event.clone());
            }
            alive.is_some()
        });
    }

    pub(super) fn tell_all(&mut self, event: &MirrorEvent) {
        Self::tell(&mut self.subscribers, event);
    }

    pub(super) fn stale(&mut self) {
        if self.stale_since.is_none() {
            self.stale_since = Some(Instant::now());
            Self::tell(&mut self.subscribers, &MirrorEvent::Stale);
        }
    }

    pub(super) fn fresh(&mut self) {
        self.trouble = None;
        if self.stale_since.take().is_some() {
            Self::tell(&mut self.subscribers, &MirrorEvent::Fresh);
        }
    }

    /// `nodes` is how many `fresh` has, if that is known and it is the only one.
    pub(super) fn replace(
        &mut self,
        root: &StorePath,
        fresh: Option<Branch>,
        nodes: Option<usize>,
    ) {
        let subscribers = &mut self.subscribers;
        if subscribers.is_empty() && root == self.nodes.top() {
            self.nodes.show(fresh, nodes);
            return;
        }
        self.nodes
            .replace(root, fresh, &mut |event| Self::tell(subscribers, &event));
    }

    pub(super) fn end(&mut self, why: Error) {
        self.stale();
        self.ended = Some(why);
        Self::tell(&mut self.subscribers, &MirrorEvent::Ended);
    }
}
