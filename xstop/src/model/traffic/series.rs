//! The recent past of a device's traffic.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use xenbus::device::history::Moment;

use crate::model::Flow;

/// Samples that are kept of a device.
const KEPT: usize = 120;

/// What a device moved, oldest first. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Series(Arc<VecDeque<Packed>>);

/// A [`Point`] in half the room: there is one per second and device.
#[derive(Clone, Copy, Debug)]
struct Packed {
    micros: u64,
    /// Not a number if it is not known.
    requests: f32,
    bytes: f32,
}

impl Packed {
    fn point(self) -> Point {
        let known = |number: f32| (!number.is_nan()).then_some(number);
        Point {
            at: Moment(Duration::from_micros(self.micros)),
            requests: known(self.requests),
            bytes: known(self.bytes),
        }
    }
}

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
        let short = |number: Option<f64>| number.map_or(f32::NAN, |number| number as f32);
        let points = Arc::make_mut(&mut self.0);
        if points.len() == KEPT {
            points.pop_front();
        }
        points.push_back(Packed {
            micros: u64::try_from(at.0.as_micros()).unwrap_or(u64::MAX),
            requests: short(flow.requests),
            bytes: short(flow.bytes()),
        });
    }

    /// All samples, oldest first.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = Point> {
        self.0.iter().map(|packed| packed.point())
    }

    /// One value for each of the `count` steps that end at `now`, oldest first. A step without a sample shows the one
    /// before it, if that is no older than `reach`; what was never known stays `None`: a gap is not a zero. Only a zero
    /// holds until the next sample: while nothing moves none is kept.
    pub fn steps(
        &self,
        now: Moment,
        step: Duration,
        count: usize,
        reach: Duration,
        value: impl Fn(&Point) -> Option<f32>,
    ) -> Vec<Option<f32>> {
        let mut points = self.points().rev().peekable();
        let mut steps = Vec::with_capacity(count);
        let mut end = now.0;
        for _ in 0..count {
            while points.next_if(|point| point.at.0 > end).is_some() {}
            let seen = points.peek().and_then(|point| {
                let shown = value(point)?;
                let is_near = end.saturating_sub(point.at.0) <= reach;
                (is_near || shown == 0.0).then_some(shown)
            });
            steps.push(seen);
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
