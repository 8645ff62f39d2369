//! Repeating other people's changes on the own mount, so that inotify tells them: the kernel makes events of operations,
//! never of a file system's word.
//!
//! A *step* is one operation on the mount, done by the helper: a process of its own with one thread that holds a detached
//! clone of the mount and nothing of `/dev/fuse` (a thread of ours that waits for our own mount could never be killed).
//! What the helper asks is recognised by its process number and answered here, at once and without the store: it is to
//! succeed whatever became of the node meanwhile.

mod detached;
mod helper;
mod process;
mod step;

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use detached::{Detached, is_mounted};
pub use helper::{VARIABLE as HELPER_VARIABLE, run as run_helper};
pub use process::Program;
pub use step::{Action, Answer, Place, Question, Step};

use crate::errno::{Errno, Result};
use crate::stats::Stats;
use process::Process;

/// The helper as the watcher and the adaptor see it.
pub struct Replay {
    /// Its process number; 0: there is none.
    pid: AtomicU32,
    steps: Mutex<Vec<Step>>,
    process: Mutex<Option<Process>>,
    program: Program,
    detached: Mutex<Option<Detached>>,
    stats: Arc<Stats>,
}

/// What the helper has done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Performed {
    /// How many steps, from the first.
    pub done: usize,
    /// The error number of the one after those; the rest was not tried.
    pub failed: Option<i32>,
}

impl Replay {
    /// Starts a helper on `detached`.
    ///
    /// # Errors
    /// The system's, when the process cannot be started.
    pub fn start(program: Program, detached: Detached, stats: Arc<Stats>) -> io::Result<Self> {
        let replay = Self {
            pid: AtomicU32::new(0),
            steps: Mutex::default(),
            process: Mutex::new(None),
            program,
            detached: Mutex::new(Some(detached)),
            stats,
        };
        replay.spawn()?;
        Ok(replay)
    }

    /// The helper's process number, if there is one.
    pub fn helper(&self) -> Option<u32> {
        Some(self.pid.load(Ordering::Acquire)).filter(|pid| *pid != 0)
    }

    /// Whether a request comes from the helper.
    pub fn is_helper(&self, pid: u32) -> bool {
        pid != 0 && pid == self.pid.load(Ordering::Acquire)
    }

    /// Has the helper do `steps` in order, until one fails, and returns when it has.
    ///
    /// A helper that has died is replaced, and the steps that it may not have done are tried once more.
    ///
    /// # Errors
    /// There is no helper, and none can be started.
    pub fn perform(&self, steps: &[Step]) -> io::Result<Performed> {
        let orders: Vec<_> = steps.iter().map(Step::order).collect();
        *self.steps() = steps.to_vec();
        let mut results = self.ask(&orders);
        if results.is_err() {
            results = self.spawn().and_then(|()| {
                self.stats.helpers.add(1);
                self.ask(&orders)
            });
        }
        self.steps().clear();
        let results = results?;
        let failed = results.last().copied().filter(|errno| *errno != 0);
        let done = results.len() - usize::from(failed.is_some());
        self.stats.replayed.add(done as u64);
        Ok(Performed { done, failed })
    }

    /// What the helper is told that asks `question`.
    ///
    /// # Errors
    /// ENOENT if no step that is under way explains it.
    pub fn explain<T>(&self, question: impl Fn(&Step) -> Option<T>) -> Result<T> {
        self.steps().iter().find_map(question).ok_or(Errno::ENOENT)
    }

    /// The same for the question that ends a step, which explains nothing afterwards: what was just made can be found.
    ///
    /// # Errors
    /// ENOENT if no step that is under way explains it.
    pub fn finish(&self, question: Question<'_>) -> Result<Answer> {
        let mut steps = self.steps();
        let mut answers = steps.iter().map(|step| step.answer(question));
        let at = answers
            .position(|answer| answer.is_some())
            .ok_or(Errno::ENOENT)?;
        steps.remove(at).answer(question).ok_or(Errno::ENOENT)
    }

    /// Lets the mount go: no helper and no clone keeps it from ending.
    pub fn stop(&self) {
        *self.detached() = None;
        self.pid.store(0, Ordering::Release);
        self.stats.helper.set(0);
        // Dropping it ends the helper, even if it is in the middle of a step.
        let process = self.process().take();
        drop(process);
    }

    fn ask(&self, orders: &[Vec<u8>]) -> io::Result<Vec<i32>> {
        let asked = match &*self.process() {
            Some(process) => process.channel(),
            None => return Err(io::ErrorKind::NotConnected.into()),
        };
        // Not under the lock: `stop` must get through.
        asked.ask(orders)
    }

    /// Replaces the helper. The old one is reaped only when its number is not looked for any more.
    fn spawn(&self) -> io::Result<()> {
        let process = match &*self.detached() {
            Some(detached) => Process::spawn(&self.program, detached)?,
            None => return Err(io::ErrorKind::NotConnected.into()),
        };
        self.pid.store(process.id(), Ordering::Release);
        self.stats.helper.set(process.id().into());
        let old = self.process().replace(process);
        drop(old);
        Ok(())
    }

    fn steps(&self) -> MutexGuard<'_, Vec<Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn detached(&self) -> MutexGuard<'_, Option<Detached>> {
        self.detached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.stop();
    }
}
