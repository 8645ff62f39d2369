//! Plays a recording: the same model, made of what came in then.

mod reader;
mod state;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use xenbus::StorePath;
use xenbus::device::history::Moment;
use xenbus::error::{Error, Result};
use xenbus::mirror::Mirrored;
use xenbus::watch::Bell;

use crate::collect::{Clock, Command, Handle, Stop, Update, launch};
use reader::Reader;
use state::State;

/// Least time between two snapshots.
const PACE: Duration = Duration::from_millis(100);
/// Most states that are remembered to go back to.
const MARKS: usize = 16;

/// The nodes of a recording, as they were.
pub(crate) type Nodes = BTreeMap<StorePath, Arc<Mirrored>>;

/// From when to when a recording is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeline {
    /// When everything was known first.
    pub begin: Moment,
    /// The last thing that happened.
    pub end: Moment,
}

/// What a recording's screens may look at besides its snapshots.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) timeline: Timeline,
    nodes: Arc<Mutex<Arc<Nodes>>>,
}

impl Recorded {
    /// The nodes as they are at the moment that is played.
    pub(crate) fn nodes(&self) -> Arc<Nodes> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&nodes)
    }
}

/// Starts to play a recording, `speed` times as fast as it was.
///
/// # Errors
/// If it cannot be read, or is none.
pub fn replay(
    path: &Path,
    speed: f64,
    sink: impl FnMut(Update) + Send + 'static,
) -> Result<Handle> {
    let wrong = |why: String| Error::Invalid {
        what: format!("recording {}", path.display()),
        reason: why,
    };
    let reader = Reader::open(path).map_err(wrong)?;
    let state = State::new(reader.epoch());
    let timeline = reader.timeline();
    let clock = Clock::new(reader.epoch(), speed, Some(timeline.end));
    clock.set(timeline.begin, speed);
    let nodes = Arc::default();
    let recorded = Recorded {
        timeline,
        nodes: Arc::clone(&nodes),
    };
    let mut player = Player {
        begin: state.clone(),
        state,
        reader,
        clock: clock.clone(),
        marks: BTreeMap::new(),
        shown: nodes,
        path: path.display().to_string(),
    };
    let run = move |commands, bell, stop| player.run(&commands, &bell, &stop, Box::new(sink));
    Ok(launch(clock, None, run)?.with_recorded(recorded))
}

struct Player {
    reader: Reader,
    state: State,
    begin: State,
    clock: Clock,
    /// States on the way, and where the reader was.
    marks: BTreeMap<Moment, (State, u64)>,
    shown: Arc<Mutex<Arc<Nodes>>>,
    path: String,
}

impl Player {
    fn run(
        &mut self,
        commands: &Receiver<Command>,
        bell: &Bell,
        stop: &Stop,
        mut sink: Box<dyn FnMut(Update) + Send>,
    ) {
        let mut published: Option<Instant> = None;
        let mut is_paused = false;
        let mut is_asked = true;
        loop {
            if stop.is_asked() {
                return;
            }
            loop {
                match commands.try_recv() {
                    Ok(Command::Seek(to)) => {
                        let timeline = self.reader.timeline();
                        let to = Moment(to).clamp(timeline.begin, timeline.end);
                        self.clock.set(to, self.clock.speed());
                        is_asked = true;
                    }
                    Ok(Command::Speed(speed)) if speed.is_finite() && speed >= 0.0 => {
                        self.clock.set(self.clock.now(), speed);
                    }
                    Ok(Command::Pause(pause)) => is_paused = pause,
                    Ok(Command::ReadAll) => is_asked = true,
                    Ok(_) => {}
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            let now = self.clock.now();
            if let Err(why) = self.go(now) {
                sink(Update::Fatal(format!("recording {}: {why}", self.path)));
                return;
            }
            let due = published.map_or_else(Instant::now, |last| last + PACE);
            let wants = is_asked || self.state.is_dirty(now);
            if wants && !is_paused && due <= Instant::now() {
                sink(Update::Snapshot(self.state.snapshot(now, &self.shown)));
                published = Some(Instant::now());
                is_asked = false;
            }
            let again = published.map_or_else(Instant::now, |last| last + PACE);
            let next = [self.reader.next(), self.state.next()];
            let next = next.into_iter().flatten().min();
            let next = next.and_then(|at| self.clock.instant_of(at));
            let wait = if wants && !is_paused {
                Some(again)
            } else {
                next.map(|at| at.max(again))
            };
            bell.wait_until(wait);
        }
    }

    /// Makes the state that of a moment.
    fn go(&mut self, to: Moment) -> Result<(), String> {
        if self.state.now() > to {
            let mark = self.marks.range(..=to).next_back();
            let (state, place) = match mark {
                Some((_, (state, place))) => (state.clone(), *place),
                None => (self.begin.clone(), self.reader.begin()),
            };
            self.state = state;
            self.reader.seek(place)?;
        }
        let timeline = self.reader.timeline();
        let length = timeline.end.since(timeline.begin);
        let step = (length / u32::try_from(MARKS).unwrap_or(1)).max(Duration::from_secs(1));
        while let Some((line, at)) = self.reader.take(to)? {
            self.state.apply(line, at)?;
            let last = self.marks.last_key_value().map(|(at, _)| *at);
            let is_due = last.is_none_or(|last| at > last && at.since(last) >= step);
            if is_due && self.state.is_complete() && self.marks.len() < MARKS {
                let place = self.reader.place();
                self.marks.insert(at, (self.state.clone(), place));
            }
        }
        Ok(())
    }
}
