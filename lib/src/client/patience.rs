//! How long a request is waited for.

use std::time::{Duration, Instant};

/// How long is waited at a time. Longer than what a transport waits for without looking at the clock.
const SLICE: Duration = Duration::from_secs(1);

/// A thread that wakes so much later than it asked for could not run, nor mostly could the store.
const STANDSTILL: Duration = Duration::from_millis(100);

/// A deadline that does not count the time in which we could not run: a guest was paused or moved to another host, a
/// program was stopped, a machine has too much to do. Without that all requests under way would fail afterwards, although
/// their answers are there or about to come.
pub(super) struct Patience {
    /// `None`: for ever.
    deadline: Option<Instant>,
}

/// The next while to wait.
#[derive(Clone, Copy)]
pub(super) struct Slice {
    start: Instant,
    end: Option<Instant>,
}

impl Slice {
    pub(super) fn end(self) -> Option<Instant> {
        self.end
    }
}

impl Patience {
    pub(super) fn until(deadline: Option<Instant>) -> Self {
        Self { deadline }
    }

    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|at| at <= Instant::now())
    }

    pub(super) fn slice(&self) -> Slice {
        let start = Instant::now();
        let end = self.deadline.map(|at| at.min(start + SLICE).max(start));
        Slice { start, end }
    }

    /// A slice has ended, perhaps before its time. One that ended long after it is as good as not waited at all.
    pub(super) fn waited(&mut self, slice: Slice) {
        if let (Some(deadline), Some(end)) = (&mut self.deadline, slice.end) {
            let now = Instant::now();
            let stood_still = now.saturating_duration_since(end) >= STANDSTILL;
            if stood_still {
                *deadline += now.saturating_duration_since(slice.start);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long_ago() -> Instant {
        Instant::now().checked_sub(Duration::from_mins(1)).unwrap()
    }

    #[test]
    fn what_was_waited_in_time_counts() {
        let now = Instant::now();
        let deadline = Some(now + Duration::from_mins(1));
        let mut patience = Patience::until(deadline);
        let slice = patience.slice();
        assert!(slice.end.is_some_and(|end| end >= now + SLICE));
        assert!(slice.end < deadline);
        patience.waited(slice);
        assert_eq!(patience.deadline, deadline);
        assert!(!patience.is_over());
    }

    #[test]
    fn a_standstill_does_not_count() {
        let start = long_ago();
        let end = start + SLICE;
        let mut patience = Patience::until(Some(end));
        assert!(patience.is_over());
        let before = Instant::now();
        patience.waited(Slice {
            start,
            end: Some(end),
        });
        let after = Instant::now();
        assert!(patience.deadline >= Some(before + SLICE));
        assert!(patience.deadline <= Some(after + SLICE));
    }

    #[test]
    fn who_comes_late_for_an_answer_has_not_stood_still() {
        let patience = Patience::until(Some(long_ago()));
        let now = Instant::now();
        let slice = patience.slice();
        assert!(slice.start >= now && slice.end == Some(slice.start));
        assert!(patience.is_over());
    }
}
