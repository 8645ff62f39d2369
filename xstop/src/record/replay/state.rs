//! The model at one moment of a recording.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use xenbus::device::history::Moment;
use xenbus::mirror::{Mirrored, View};
use xenbus::{DomId, StorePath};

use super::Nodes;
use crate::model::{Builder, Link, NodeChange, Scope, Snapshot, Stale};
use crate::record::line::{Line, LinkLine};

/// Everything that the lines so far say.
#[derive(Clone)]
pub(super) struct State {
    builder: Builder,
    nodes: Arc<Nodes>,
    link: Arc<Link>,
    is_complete: bool,
    now: Moment,
}

impl State {
    pub(super) fn new(epoch: Duration) -> Self {
        let link = Link {
            is_replay: true,
            loading: Some(0),
            ..Link::default()
        };
        Self {
            builder: Builder::new(epoch),
            nodes: Arc::default(),
            link: Arc::new(link),
            is_complete: false,
            now: Moment::default(),
        }
    }

    /// The moment of the last line.
    pub(super) fn now(&self) -> Moment {
        self.now
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    pub(super) fn apply(&mut self, step: Line, at: Moment) -> Result<(), String> {
        self.now = at;
        for (path, node) in step.nodes.into_iter().flatten() {
            let path = parse(&path)?;
            let node = node.at(path.clone())?;
            Arc::make_mut(&mut self.nodes).insert(path, Arc::new(node));
        }
        if let Some(path) = step.path {
            let path = parse(&path)?;
            let new = match step.value {
                Some(node) if !step.gone => Some(Arc::new(node.at(path.clone())?)),
                _ => None,
            };
            self.change(&path, new.as_ref(), at);
        }
        if let Some(sample) = step.sample {
            let (id, sample) = sample.read();
            // What has changed before may have brought the device.
            self.settle(at);
            self.builder.sampled(&id, sample, at);
        }
        if let Some(way) = step.link {
            self.set_link(way);
        }
        if step.complete {
            self.is_complete = true;
            self.builder.reread();
            self.settle(at);
            let link = Arc::make_mut(&mut self.link);
            link.loading = None;
            link.nodes = self.nodes.len();
        }
        Ok(())
    }

    fn change(&mut self, path: &StorePath, new: Option<&Arc<Mirrored>>, at: Moment) {
        let nodes = Arc::make_mut(&mut self.nodes);
        let old = match new {
            Some(new) => nodes.insert(path.clone(), Arc::clone(new)),
            None => nodes.remove(path),
        };
        if !self.is_complete {
            return;
        }
        let change = NodeChange {
            path,
            old: old.as_deref(),
            new: new.map(|new| &**new),
        };
        self.builder.changed(&View::new(&self.nodes), change, at);
    }

    fn set_link(&mut self, way: LinkLine) {
        let link = Arc::make_mut(&mut self.link);
        // Whoever made the file could have put anything in.
        let plain = |text: String| xenbus::value::escape(text.as_bytes()).to_string();
        link.address = plain(way.address);
        link.daemon = way.daemon.map(|daemon| match daemon.as_str() {
            "oxenstored" => "oxenstored",
            _ => "xenstored",
        });
        link.xen_version = way.xen.map(plain);
        link.scope = way
            .domain
            .map_or(Scope::Host, |domain| Scope::Domain(DomId(domain)));
        let since = way.stale_since.unwrap_or_default();
        link.stale = way.stale_why.map(|why| Stale {
            since: Moment(Duration::try_from_secs_f64(since).unwrap_or_default()),
            why: plain(why),
        });
        link.lost = way.lost;
    }

    fn settle(&mut self, at: Moment) {
        let nodes = Arc::clone(&self.nodes);
        self.builder
            .settle(&View::new(&nodes), self.is_complete, at);
    }

    /// Whether the picture at `now` differs from the last.
    pub(super) fn is_dirty(&self, now: Moment) -> bool {
        self.builder.is_dirty() || self.builder.next().is_some_and(|at| at <= now)
    }

    pub(super) fn next(&self) -> Option<Moment> {
        self.builder.next()
    }

    pub(super) fn snapshot(&mut self, now: Moment, shown: &Mutex<Arc<Nodes>>) -> Arc<Snapshot> {
        self.settle(now);
        *shown.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&self.nodes);
        self.builder.snapshot(&self.link, now)
    }
}

fn parse(path: &str) -> Result<StorePath, String> {
    StorePath::parse(path).map_err(|error| error.to_string())
}
