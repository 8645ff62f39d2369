//! The clock of everything that is shown.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use xenbus::device::history::Moment;

/// Tells moments. A recording's runs as fast as it is played, and jumps.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<Hands>>);

#[derive(Clone, Copy, Debug)]
struct Hands {
    /// When it was set, and to what.
    at: Instant,
    shows: Moment,
    speed: f64,
    /// The Unix time of moment zero.
    epoch: Duration,
    /// It goes no further.
    end: Option<Moment>,
}

impl Clock {
    /// A clock that starts now, at zero.
    pub fn start() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self::new(since.unwrap_or_default(), 1.0, None)
    }

    /// A clock of a time long ago, that starts at zero now.
    pub fn new(epoch: Duration, speed: f64, end: Option<Moment>) -> Self {
        Self(Arc::new(Mutex::new(Hands {
            at: Instant::now(),
            shows: Moment::default(),
            speed,
            epoch,
            end,
        })))
    }

    fn hands(&self) -> Hands {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now.
    pub fn now(&self) -> Moment {
        let hands = self.hands();
        let passed = hands.at.elapsed().as_secs_f64() * hands.speed;
        let passed = Duration::try_from_secs_f64(passed).unwrap_or(Duration::MAX);
        let now = Moment(hands.shows.0.saturating_add(passed));
        hands.end.map_or(now, |end| end.min(now))
    }

    /// The Unix time of moment zero.
    pub fn epoch(&self) -> Duration {
        self.hands().epoch
    }

    /// When it will show `moment`; never if it stands still or goes no further.
    pub fn instant_of(&self, moment: Moment) -> Option<Instant> {
        let hands = self.hands();
        if hands.speed <= 0.0 || hands.end.is_some_and(|end| moment > end) {
            return None;
        }
        let ahead = moment.since(hands.shows).as_secs_f64() / hands.speed;
        hands
            .at
            .checked_add(Duration::try_from_secs_f64(ahead).ok()?)
    }

    /// Sets it to a moment and a speed; zero stops it.
    pub fn set(&self, shows: Moment, speed: f64) {
        let mut hands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hands.at = Instant::now();
        hands.shows = shows;
        hands.speed = speed;
    }

    /// How fast it runs.
    pub fn speed(&self) -> f64 {
        self.hands().speed
    }
}
