//! Losses that nobody tells: oxenstored keeps 1024 events for a client and drops what is beyond without a word. After a
//! burst that may have been longer, everything is looked at again.

use std::time::{Duration, Instant};

use xenbus::client::Request;
use xenbus::path::PHANTOM_NODES;
use xenbus::wire::Op;
use xenbus::{Client, Operations as _, StorePath};

/// Events that oxenstored keeps for a client (`quota-maxwatchevents` of its shipped configuration).
const KEPT: usize = 1024;

/// Events within so long are one burst.
const BURST: Duration = Duration::from_secs(1);

/// How often everything is looked at again because of bursts, at most.
const PAUSE: Duration = Duration::from_secs(10);

/// Counts events of a store that loses some.
#[derive(Debug, Default)]
pub(super) struct Losses {
    forgetful: bool,
    burst: Option<(Instant, usize)>,
    last: Option<Instant>,
}

impl Losses {
    /// Finds out what kind of store this is: oxenstored lists two nodes in the root that are none.
    pub(super) fn ask(&mut self, store: &Client) {
        let names = store
            .submit(Request::path(Op::DIRECTORY, &StorePath::root()))
            .wait()
            .unwrap_or_default();
        let mut names = names.split(|byte| *byte == 0);
        self.forgetful = names.any(|name| PHANTOM_NODES.iter().any(|p| p.as_bytes() == name));
    }

    /// So many events have come. When everything is to be looked at again, if some may be missing.
    pub(super) fn count(&mut self, events: usize, now: Instant) -> Option<Instant> {
        if !self.forgetful {
            return None;
        }
        let (start, count) = self
            .burst
            .filter(|(start, _)| now - *start < BURST)
            .unwrap_or((now, 0));
        self.burst = Some((start, count + events));
        if count + events < KEPT || self.last.is_some_and(|last| now < last) {
            return None;
        }
        let at = self
            .last
            .map_or(now + BURST, |last| (last + PAUSE).max(now + BURST));
        self.last = Some(at);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_burst_of_a_store_that_forgets_is_looked_after_and_not_too_often() {
        let start = Instant::now();
        let mut losses = Losses::default();
        assert_eq!(losses.count(5000, start), None);
        losses.forgetful = true;
        assert_eq!(losses.count(600, start), None);
        assert_eq!(losses.count(600, start + BURST * 2), None, "another burst");
        let first = losses.count(600, start + BURST * 2).unwrap();
        assert_eq!(losses.count(5000, start + BURST * 2), None, "it is to come");
        let second = losses.count(5000, first).unwrap();
        assert!(second >= first + PAUSE);
    }
}
