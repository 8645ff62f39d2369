//! The recent past of a device's traffic.

use std::collections::VecDeque;
use std::time::Duration;

use xenbus::device::history::Moment;

use crate::model::Flow;

/// Samples that are kept of a device.
const KEPT: usize = 120;

/// What a device moved, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Series(VecDeque<Point>);

/// What a device moved at one moment, per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When.
    pub at: Moment,
    /// Requests and packets.
    pub requests: Option<f32>,
    /// Bytes both ways.
    pub bytes: Option<f32>,
}

impl Series {
    pub(super) fn push(&mut self, at: Moment, flow: Flow) {
        #[expect(clippy::cast_possible_truncation, reason = "for pictures")]
        let short = |number: Option<f64>| number.map(|number| number as f32);
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Point {
            at,
            requests: short(flow.requests),
            bytes: short(flow.bytes()),
        });
    }

    /// All samples, oldest first.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = &Point> {
        self.0.iter()
    }

    /// One value for each of the `count` steps that end at `now`, oldest first. A step without a sample shows the one
    /// before it, if that is no older than `reach`; what was never known stays `None`: a gap is not a zero.
    pub fn steps(
        &self,
        now: Moment,
        step: Duration,
        count: usize,
        reach: Duration,
        value: impl Fn(&Point) -> Option<f32>,
    ) -> Vec<Option<f32>> {
        let mut points = self.0.iter().rev().peekable();
        let mut steps = Vec::with_capacity(count);
        let mut end = now.0;
        for _ in 0..count {
            while points.next_if(|point| point.at.0 > end).is_some() {}
            let seen = points
                .peek()
                .filter(|point| end.saturating_sub(point.at.0) <= reach);
            steps.push(seen.and_then(|point| value(point)));
            let Some(before) = end.checked_sub(step) else {
                break;
            };
            end = before;
        }
        steps.resize(count, None);
        steps.reverse();
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    fn flow(requests: f64) -> Flow {
        Flow {
            requests: Some(requests),
            ..Flow::default()
        }
    }

    #[test]
    fn gaps_stay_gaps_and_slow_samples_fill_the_steps_between() {
        let mut series = Series::default();
        series.push(at(10), flow(1.0));
        series.push(at(20), flow(2.0));
        series.push(at(40), flow(4.0));
        let steps = |reach| {
            let reach = Duration::from_secs(reach);
            series.steps(at(40), Duration::from_secs(5), 8, reach, |p| p.requests)
        };
        let some = |list: [f32; 8]| list.map(|n| (n > 0.0).then_some(n)).to_vec();
        assert_eq!(steps(6), some([0.0, 1.0, 1.0, 2.0, 2.0, 0.0, 0.0, 4.0]));
        assert_eq!(steps(60), some([0.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 4.0]));
    }

    #[test]
    fn only_the_last_samples_are_kept() {
        let mut series = Series::default();
        for second in 0..500 {
            series.push(at(second), Flow::default());
        }
        assert_eq!(series.points().count(), KEPT);
    }
}
