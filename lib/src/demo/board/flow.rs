//! How much a device has done by a given time: a pure function of seed, device, traffic and time.

use std::time::Duration;

use crate::demo::random::Random;
use crate::demo::scenario::Traffic;
use crate::device::id::DeviceId;

/// What a device does.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Flow {
    traffic: Option<Traffic>,
    /// Since when it is connected.
    since: Option<Duration>,
    /// When it stopped answering.
    stalled: Option<Duration>,
    /// Whether the guest writes impossible indices.
    pub(in crate::demo) lies: bool,
    /// Where the indices of its rings began.
    pub(in crate::demo) index_base: u32,
    /// Where in the tide it is, so that not all are at the same point.
    phase: f64,
}

/// What a device has done since it was connected.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::demo) struct Counts {
    pub(in crate::demo) reads: u64,
    pub(in crate::demo) writes: u64,
    pub(in crate::demo) received: u64,
    pub(in crate::demo) sent: u64,
    /// Bytes of one of them.
    pub(in crate::demo) size: u64,
    /// Share of the rings that is in use, per mille.
    pub(in crate::demo) fill: u32,
    /// Times that the backend had no room for a request.
    pub(in crate::demo) crowded: u64,
    /// Whether nothing is answered.
    pub(in crate::demo) is_stalled: bool,
}

/// From this share of the ring on, per mille, a backend runs out of slots now and then.
const CROWDED: u32 = 900;

impl Flow {
    pub(in crate::demo) fn new(seed: u64, id: &DeviceId, traffic: Option<&Traffic>) -> Self {
        let name = format!("{}/{}/{}", id.domain(), id.kind(), id.index());
        let hash = name.bytes().fold(seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let part = Random::new(hash).below(1000);
        Self {
            traffic: traffic.cloned(),
            since: None,
            stalled: None,
            lies: false,
            index_base: 0,
            phase: float(part) / 1000.0,
        }
    }

    pub(in crate::demo) fn is_connected(&self) -> bool {
        self.since.is_some()
    }

    /// Connected now, with everything at 0; or closed.
    pub(in crate::demo) fn connect(&mut self, now: Option<Duration>) {
        self.since = now;
        self.stalled = None;
        self.index_base = 0;
    }

    /// Nothing is answered any more, or again. What was not done meanwhile is lost.
    pub(in crate::demo) fn stall(&mut self, now: Duration, is_stalled: bool) {
        match (self.stalled, is_stalled) {
            (None, true) => self.stalled = Some(now),
            (Some(at), false) => {
                self.since = self.since.map(|since| since + now.saturating_sub(at));
                self.stalled = None;
            }
            _ => {}
        }
    }

    /// Lets the indices of the rings come to the end of their range soon.
    pub(in crate::demo) fn wrap(&mut self, now: Duration) {
        const LEFT: u32 = 200;
        let counts = self.counts(now);
        let done = counts.reads + counts.writes + counts.sent;
        self.index_base = 0_u32.wrapping_sub(LEFT).wrapping_sub(low(done));
    }

    /// What was done by `now`.
    pub(in crate::demo) fn counts(&self, now: Duration) -> Counts {
        let (Some(traffic), Some(since)) = (&self.traffic, self.since) else {
            return Counts::default();
        };
        let until = self.stalled.unwrap_or(now);
        let (from, to) = (
            since.as_secs_f64(),
            until.as_secs_f64().max(since.as_secs_f64()),
        );
        let turn = |at: f64| (at / traffic.period + self.phase).fract();
        // The integral of 1 + swing * tide: it never falls, because swing is at most 1.
        let gained = tide_since_turn(turn(to)) - tide_since_turn(turn(from));
        let seconds = to - from + traffic.swing * traffic.period * gained;
        let count = |rate: f64| whole(rate * seconds.max(0.0));
        let is_stalled = self.stalled.is_some();
        let is_busy = traffic.reads + traffic.writes + traffic.received + traffic.sent > 0.0;
        let fill = match is_stalled {
            true => 1000,
            false if !is_busy => 0,
            false => {
                let high = 1.0 + traffic.swing * tide(turn(now.as_secs_f64()));
                u32::try_from(whole(1000.0 * traffic.fill * high).min(1000)).unwrap_or(1000)
            }
        };
        let requests = traffic.reads + traffic.writes + traffic.received;
        let crowded = traffic.fill * 1000.0 * (1.0 + traffic.swing) >= f64::from(CROWDED);
        Counts {
            reads: count(traffic.reads),
            writes: count(traffic.writes),
            received: count(traffic.received),
            sent: count(traffic.sent),
            size: traffic.size.into(),
            fill,
            crowded: if crowded { count(requests / 100.0) } else { 0 },
            is_stalled,
        }
    }
}

/// How high the tide is after `turn` of its period, from 0 to 1: 0, 1 at a quarter, 0, -1 at three quarters. Of two
/// parabolas, as like a sine as anybody can see: that would need the library of mathematics, which every start of every
/// tool would load.
fn tide(turn: f64) -> f64 {
    if turn < 0.5 {
        16.0 * turn * (0.5 - turn)
    } else {
        -tide(turn - 0.5)
    }
}

/// The integral of [`tide`] since its period began.
fn tide_since_turn(turn: f64) -> f64 {
    if turn < 0.5 {
        turn * turn * (4.0 - 16.0 / 3.0 * turn)
    } else {
        1.0 / 3.0 - tide_since_turn(turn - 0.5)
    }
}

/// The low 32 bits.
pub(in crate::demo) fn low(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "never negative; what is beyond the range of the counter is its end"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[expect(clippy::cast_precision_loss, reason = "below 1000")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::DomId;

    fn traffic(swing: f64) -> Traffic {
        let yaml = format!(
            "{{reads: 100, writes: 10, size: 8192, fill: 0.5, swing: {swing}, period: 20}}"
        );
        serde_yaml::from_str(&yaml).unwrap()
    }

    fn flow(swing: f64) -> Flow {
        let id = DeviceId::new(DomId(3), "vbd", "51712");
        let mut flow = Flow::new(1, &id, Some(&traffic(swing)));
        flow.connect(Some(Duration::from_secs(5)));
        flow
    }

    fn at(flow: &Flow, millis: u64) -> Counts {
        flow.counts(Duration::from_millis(millis))
    }

    #[test]
    fn a_steady_flow_does_its_rate_from_when_it_is_connected() {
        let flow = flow(0.0);
        assert_eq!(at(&flow, 4000).reads, 0);
        let counts = at(&flow, 15_000);
        assert_eq!((counts.reads, counts.writes, counts.fill), (1000, 100, 500));
    }

    #[test]
    fn nothing_is_counted_while_it_stalls_and_its_rings_are_full() {
        let mut flow = flow(0.0);
        flow.stall(Duration::from_secs(10), true);
        let counts = at(&flow, 50_000);
        assert_eq!((counts.reads, counts.fill), (500, 1000));
        flow.stall(Duration::from_secs(50), false);
        assert_eq!(at(&flow, 51_000).reads, 600);
    }

    #[test]
    fn a_new_connection_begins_at_zero() {
        let mut flow = flow(0.3);
        flow.connect(None);
        assert_eq!(at(&flow, 50_000), Counts::default());
        flow.connect(Some(Duration::from_mins(1)));
        assert_eq!(at(&flow, 60_000).reads, 0);
    }

    proptest! {
        #[test]
        fn counters_never_fall(swing in 0.0..=1.0, mut times in proptest::collection::vec(0_u64..100_000, 2..20)) {
            let flow = flow(swing);
            times.sort_unstable();
            let reads: Vec<u64> = times.iter().map(|time| at(&flow, *time).reads).collect();
            prop_assert!(reads.is_sorted(), "{reads:?}");
        }
    }
}
