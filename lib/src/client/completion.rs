//! The thread that gives answers to asynchronous callers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

use super::request::Pending;
use crate::error::Result;

/// An answer to wait for, and whom to give it to.
struct Job {
    pending: Pending<Vec<u8>>,
    done: Box<dyn FnOnce(Result<Vec<u8>>) + Send>,
}

impl Job {
    fn run(self) {
        (self.done)(self.pending.wait());
    }

    /// A callback that panics, which the panic hook tells, takes no other caller's answer with it.
    fn run_apart(self) {
        drop(catch_unwind(AssertUnwindSafe(|| self.run())));
    }
}

/// Waits for answers on behalf of callers that do not want to, one thread for all, started with the first of them.
///
/// Answers are given in the order of the requests. The thread ends with its client, after the last answer.
#[derive(Default)]
pub(super) struct Completion {
    queue: Mutex<Option<Sender<Job>>>,
}

impl Completion {
    pub(super) fn push(
        &self,
        pending: Pending<Vec<u8>>,
        done: Box<dyn FnOnce(Result<Vec<u8>>) + Send>,
    ) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut job = Job { pending, done };
        if let Some(sender) = &*queue {
            match sender.send(job) {
                Ok(()) => return,
                // Never while the thread lives.
                Err(back) => job = back.0,
            }
        }
        let (sender, receiver) = channel::<Job>();
        let spawned = std::thread::Builder::new()
            .name("xenbus-answers".into())
            .spawn(move || receiver.into_iter().for_each(Job::run_apart));
        if spawned.is_ok() {
            match sender.send(job) {
                Ok(()) => {
                    *queue = Some(sender);
                    return;
                }
                Err(back) => job = back.0,
            }
        }
        // No thread to be had: the caller waits after all.
        drop(queue);
        job.run();
    }
}
