//! From samples of one device to rates.

use std::sync::Arc;

use xenbus::counters::{Meter, Occupancy, Width};
use xenbus::device::Reading;
use xenbus::device::history::Moment;

use super::{Counter, Sample, Series, Traffic};
use crate::model::Flow;

/// Meters of one device.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Metered {
    meters: Vec<((&'static str, Option<u32>), Meter)>,
    /// Of the requests in each ring.
    rings: Vec<Meter>,
    series: Series,
    /// What was made of the last sample.
    pub(in crate::model) last: Option<Arc<Traffic>>,
}

impl Metered {
    /// Takes a sample. Whether anything that is shown differs: where all stands still nothing does, and whoever shows
    /// it can sleep on.
    pub(in crate::model) fn sample(&mut self, sample: Sample, now: Moment) -> bool {
        let mut meters = std::mem::take(&mut self.meters);
        let mut kept = Vec::with_capacity(meters.len());
        let counters: Vec<Counter> = sample
            .numbers
            .iter()
            .enumerate()
            .map(|(place, (kind, queue, value))| {
                let rate = kind.is_counter.then(|| {
                    let key = (kind.id, *queue);
                    // Samples of a device list the same numbers in the same order nearly always.
                    let at = match meters.get(place) {
                        Some((other, _)) if *other == key => Some(place),
                        _ => meters.iter().position(|(other, _)| *other == key),
                    };
                    let mut meter = match at {
                        Some(at) => meters[at].1.clone(),
                        None => Meter::new(Width::Bits64),
                    };
                    let rate = meter.sample(now, &Reading::Known(*value));
                    kept.push((key, meter));
                    rate
                });
                Counter {
                    kind,
                    queue: *queue,
                    value: *value,
                    rate: rate.flatten(),
                }
            })
            .collect();
        meters.clear();
        self.meters = kept;
        let ring_rates = self.ring_rates(&sample, now);
        let flow = flow(&counters, ring_rates);
        let is_moving = counters
            .iter()
            .filter_map(|counter| counter.rate)
            .chain(ring_rates)
            .any(|rate| rate > 0.0);
        if !is_moving
            && self.last.as_ref().is_some_and(|last| {
                last.flow == flow
                    && last.counters == counters
                    && last.rings == sample.rings
                    && last.interface == sample.interface
            })
        {
            return false;
        }
        self.series.push(now, flow);
        self.last = Some(Arc::new(Traffic {
            at: now,
            interface: sample.interface,
            counters,
            rings: sample.rings,
            flow,
            series: self.series.clone(),
        }));
        true
    }

    /// Requests per second through all rings whose indices are known; they wrap at 2^32.
    fn ring_rates(&mut self, sample: &Sample, now: Moment) -> Option<f64> {
        self.rings
            .resize_with(sample.rings.len(), || Meter::new(Width::Bits32));
        let mut sum = None;
        for (ring, meter) in sample.rings.iter().zip(&mut self.rings) {
            let produced = match &ring.occupancy {
                Reading::Known(Occupancy::Requests { req_prod, .. }) => {
                    Reading::Known(u64::from(*req_prod))
                }
                _ => Reading::Missing,
            };
            if let Some(rate) = meter.sample(now, &produced) {
                sum = Some(sum.unwrap_or(0.0) + rate);
            }
        }
        sum
    }
}

/// What a device moves, from the best source that tells.
fn flow(counters: &[Counter], ring_rates: Option<f64>) -> Flow {
    let sum = |ids: &[&str]| {
        let rates = counters
            .iter()
            .filter(|counter| ids.contains(&counter.kind.id))
            .filter_map(|counter| counter.rate);
        rates.fold(None, |sum: Option<f64>, rate| {
            Some(sum.unwrap_or(0.0) + rate)
        })
    };
    let sectors = |id| sum(&[id]).map(|rate| rate * 512.0);
    Flow {
        requests: sum(&["rd_req", "wr_req", "f_req", "ds_req"])
            .or_else(|| sum(&["rx_packets", "tx_packets"]))
            .or_else(|| sum(&["td_rd_completed", "td_wr_completed"]))
            .or(ring_rates),
        into_guest: sectors("rd_sect")
            .or_else(|| sum(&["rx_bytes"]))
            .or_else(|| sectors("td_rd_sect")),
        from_guest: sectors("wr_sect")
            .or_else(|| sum(&["tx_bytes"]))
            .or_else(|| sectors("td_wr_sect")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    fn block(reads: u64, sectors: u64) -> Sample {
        let mut sample = Sample::default();
        sample.add("rd_req", None, reads);
        sample.add("rd_sect", None, sectors);
        sample
    }

    #[test]
    fn the_first_sample_has_no_rates_and_a_reset_gives_none_either() {
        let mut metered = Metered::default();
        let mut rates = Vec::new();
        for (second, reads, sectors) in [(0, 100, 800), (2, 300, 2400), (4, 10, 80), (6, 30, 240)] {
            metered.sample(block(reads, sectors), at(second));
            let flow = metered.last.as_ref().map(|last| last.flow).unwrap();
            rates.push((flow.requests, flow.into_guest, flow.from_guest));
        }
        assert_eq!(rates[0], (None, None, None));
        assert_eq!(rates[1], (Some(100.0), Some(800.0 * 512.0), None));
        assert_eq!(rates[2], (None, None, None));
        assert_eq!(rates[3], (Some(10.0), Some(80.0 * 512.0), None));
    }

    #[test]
    fn what_stands_still_is_no_news_and_counts_as_nothing_until_it_moves() {
        let mut metered = Metered::default();
        let news: Vec<bool> = (0..60)
            .map(|second| metered.sample(block(5, 40), at(second)))
            .collect();
        // The first has no rates, the second has those of nothing.
        assert_eq!(news.iter().filter(|is_news| **is_news).count(), 2);
        assert!(news[0] && news[1]);
        assert!(metered.sample(block(6, 48), at(60)));
        let series = metered.last.unwrap().series.clone();
        let second = Duration::from_secs(1);
        let steps = series.steps(at(60), second, 60, second * 12, |point| point.bytes);
        assert_eq!(steps[59], Some(8.0 * 512.0));
        assert!(
            steps[..59].iter().all(|step| *step == Some(0.0)),
            "{steps:?}"
        );
    }

    #[test]
    fn a_number_that_comes_and_goes_has_no_rate_across_the_gap() {
        let mut metered = Metered::default();
        metered.sample(block(1, 1), at(1));
        metered.sample(Sample::default(), at(2));
        metered.sample(block(100, 1), at(3));
        assert_eq!(metered.last.unwrap().flow, Flow::default());
    }

    proptest! {
        #[test]
        fn rates_are_never_negative(samples in proptest::collection::vec((any::<u64>(), any::<u64>()), 1..20)) {
            let mut metered = Metered::default();
            for (second, (reads, sectors)) in (0..).zip(samples) {
                metered.sample(block(reads, sectors), at(second));
                let flow = metered.last.as_ref().unwrap().flow;
                prop_assert!(flow.requests.is_none_or(|rate| rate >= 0.0));
                prop_assert!(flow.bytes().is_none_or(|rate| rate >= 0.0));
            }
        }
    }
}
