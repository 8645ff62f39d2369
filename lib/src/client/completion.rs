//! The thread that gives answers to asynchronous callers.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

use super::request::Pending;
use crate::error::Result;

type Done = Box<dyn FnOnce(Result<Vec<u8>>) + Send>;

/// Waits for answers on behalf of callers that do not want to, one thread for all, started with the first of them.
///
/// Answers are given in the order of the requests. The thread ends with its client, after the last answer.
#[derive(Default)]
pub(super) struct Completion {
    queue: Mutex<Option<Sender<(Pending<Vec<u8>>, Done)>>>,
}

impl Completion {
    pub(super) fn push(&self, pending: Pending<Vec<u8>>, done: Done) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let job = match queue.as_ref() {
            Some(sender) => match sender.send((pending, done)) {
                Ok(()) => return,
                // A callback panicked and took the thread with it.
                Err(back) => back.0,
            },
            None => (pending, done),
        };
        let (sender, receiver) = channel::<(Pending<Vec<u8>>, Done)>();
        let spawned = std::thread::Builder::new()
            .name("xenbus-answers".into())
            .spawn(move || {
                for (pending, done) in receiver {
                    done(pending.wait());
                }
            });
        match spawned {
            Ok(_) => {
                if let Err(back) = sender.send(job) {
                    let (pending, done) = back.0;
                    done(pending.wait());
                } else {
                    *queue = Some(sender);
                }
            }
            // No thread to be had: the caller waits after all.
            Err(_) => {
                drop(queue);
                let (pending, done) = job;
                done(pending.wait());
            }
        }
    }
}
