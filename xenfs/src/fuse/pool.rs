//! Threads that wait for the store.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Most threads: as many requests wait for the store at once, further ones wait for a thread.
const THREADS: usize = 64;

/// How long an idle thread stays.
const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// A pool that grows with the number of requests that wait, and shrinks again.
#[derive(Default)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
    gone: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl Pool {
    /// Runs `job` soon. The queue is as long as the kernel has requests, no longer.
    pub(super) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.state();
        state.jobs.push_back(Box::new(job));
        if state.jobs.len() > state.idle && state.threads < THREADS {
            let shared = Arc::clone(&self.shared);
            let spawned = thread::Builder::new()
                .name("xenfs-worker".into())
                .spawn(move || shared.work());
            match spawned {
                Ok(_) => state.threads += 1,
                // The threads there are will come to it. Without any, do it here: late is better than never.
                Err(_) if state.threads == 0 => {
                    let job = state.jobs.pop_front();
                    drop(state);
                    if let Some(job) = job {
                        job();
                    }
                    return;
                }
                Err(_) => {}
            }
        }
        drop(state);
        self.shared.work.notify_one();
    }

    /// Waits until all jobs are done, but no longer than `patience`: a store that hangs must not keep a program from
    /// ending.
    pub(super) fn shut_down(&self, patience: Duration) {
        let mut state = self.shared.state();
        state.closed = true;
        self.shared.work.notify_all();
        let deadline = Instant::now() + patience;
        while state.threads > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let (woken, _) = self
                .shared
                .gone
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // What is under way ends by itself; a job that nobody waits for has been answered to by the session's end.
        self.shut_down(Duration::ZERO);
    }
}

impl Shared {
    fn work(&self) {
        let mut state = self.state();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                // A job that panics has dropped its reply, which answers EIO; the others go on.
                drop(catch_unwind(AssertUnwindSafe(job)));
                state = self.state();
                continue;
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let (woken, timeout) = self
                .work
                .wait_timeout(state, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.jobs.is_empty() {
                break;
            }
        }
        state.threads -= 1;
        drop(state);
        self.gone.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn many_slow_jobs_wait_side_by_side() {
        let pool = Pool::default();
        let barrier = Arc::new(std::sync::Barrier::new(THREADS));
        let (done, finished) = mpsc::channel();
        for _ in 0..THREADS {
            let (barrier, done) = (Arc::clone(&barrier), done.clone());
            pool.run(move || {
                barrier.wait();
                done.send(()).unwrap();
            });
        }
        for _ in 0..THREADS {
            finished.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        assert!(pool.shared.state().threads <= THREADS);
    }

    #[test]
    fn a_job_that_hangs_does_not_keep_the_pool_from_ending() {
        let pool = Pool::default();
        let (release, hang) = mpsc::channel::<()>();
        pool.run(move || hang.recv().unwrap_or_default());
        pool.shut_down(Duration::from_millis(20));
        assert_eq!(pool.shared.state().threads, 1);
        drop(release);
        pool.shut_down(Duration::from_secs(20));
        assert_eq!(pool.shared.state().threads, 0);
    }

    #[test]
    fn every_job_is_done_before_the_pool_ends_also_after_a_panic() {
        let pool = Pool::default();
        let count = Arc::new(AtomicUsize::new(0));
        pool.run(|| panic!("a test panics here on purpose"));
        for _ in 0..1000 {
            let count = Arc::clone(&count);
            pool.run(move || {
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
        pool.shut_down(Duration::from_secs(20));
        assert_eq!(count.load(Ordering::Relaxed), 1000);
    }
}
