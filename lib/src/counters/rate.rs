//! From samples to rates.

use crate::device::history::Moment;
use crate::device::reading::Reading;

/// How a counter overflows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Width {
    /// It wraps at 2^32, as ring indices do. A step of more than half of that is taken for a new start.
    Bits32,
    /// It never wraps.
    Bits64,
}

/// Makes rates of the samples of one counter.
///
/// A counter that has decreased has a new base (the backend has connected again): that gives no rate, and never a huge
/// one. A sample that is not known gives none either, and ends the series.
#[derive(Clone, Debug)]
pub struct Meter {
    width: Width,
    last: Option<(Moment, u64)>,
}

impl Meter {
    /// A meter without samples.
    pub fn new(width: Width) -> Self {
        Self { width, last: None }
    }

    /// Takes a sample; the rate per second since the one before, if there is one.
    pub fn sample(&mut self, at: Moment, value: &Reading<u64>) -> Option<f64> {
        let Some(value) = value.known().copied() else {
            self.last = None;
            return None;
        };
        let Some((since, before)) = self.last else {
            self.last = Some((at, value));
            return None;
        };
        let elapsed = at.since(since).as_secs_f64();
        if elapsed <= 0.0 {
            return None;
        }
        self.last = Some((at, value));
        Some(approximate(self.step(before, value)?) / elapsed)
    }

    /// How far the counter has gone; none if it began anew.
    fn step(&self, before: u64, now: u64) -> Option<u64> {
        match self.width {
            Width::Bits64 => now.checked_sub(before),
            Width::Bits32 => {
                let narrow = |value: u64| u32::try_from(value & u64::from(u32::MAX)).ok();
                let step = narrow(now)?.wrapping_sub(narrow(before)?);
                (step <= u32::MAX / 2).then_some(u64::from(step))
            }
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate is shown with a few digits"
)]
fn approximate(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Moment {
        Moment(Duration::from_millis(millis))
    }

    fn rates(width: Width, samples: &[(u64, Reading<u64>)]) -> Vec<Option<f64>> {
        let mut meter = Meter::new(width);
        samples
            .iter()
            .map(|(time, value)| meter.sample(at(*time), value))
            .collect()
    }

    #[test]
    fn a_rate_is_the_step_per_second() {
        let samples = [100, 150, 150].map(Reading::Known);
        let samples: Vec<_> = [0, 500, 1500].into_iter().zip(samples).collect();
        assert_eq!(
            rates(Width::Bits64, &samples),
            [None, Some(100.0), Some(0.0)]
        );
    }

    #[test]
    fn a_decrease_is_a_new_base() {
        let samples = [
            (0, Reading::Known(1_000_000)),
            (1000, Reading::Known(5)),
            (2000, Reading::Known(15)),
        ];
        for width in [Width::Bits64, Width::Bits32] {
            assert_eq!(rates(width, &samples), [None, None, Some(10.0)]);
        }
    }

    #[test]
    fn an_index_of_32_bits_wraps() {
        let samples = [
            (0, Reading::Known(u64::from(u32::MAX) - 9)),
            (1000, Reading::Known(10)),
        ];
        assert_eq!(rates(Width::Bits32, &samples), [None, Some(20.0)]);
    }

    #[test]
    fn unknown_is_not_zero() {
        let samples = [
            (0, Reading::Known(5)),
            (1000, Reading::Missing),
            (2000, Reading::Known(9)),
            (2000, Reading::Known(90)),
            (3000, Reading::Known(19)),
        ];
        let expected = [None, None, None, None, Some(10.0)];
        assert_eq!(rates(Width::Bits64, &samples), expected);
    }

    proptest! {
        #[test]
        fn a_rate_is_never_negative_nor_beyond_what_was_counted(
            samples in proptest::collection::vec((0_u64..10_000, any::<u64>()), 0..20),
            wraps: bool,
        ) {
            let mut sorted: Vec<_> = samples.iter().map(|(t, v)| (*t, Reading::Known(*v))).collect();
            sorted.sort_by_key(|(time, _)| *time);
            let width = if wraps { Width::Bits32 } else { Width::Bits64 };
            for rate in rates(width, &sorted).into_iter().flatten() {
                prop_assert!(rate >= 0.0 && rate.is_finite());
            }
        }
    }
}
