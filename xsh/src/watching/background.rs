//! Watches that report above the prompt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use xenbus::watch::Bell;
use xenbus::{Client, Error, StorePath};

use super::{Seen, Source, SourceOptions};
use crate::notice::Notices;

/// The background watches of a session.
#[derive(Default)]
pub(crate) struct Background {
    watches: Vec<Watching>,
    last: u32,
}

/// One of them.
pub(crate) struct Watching {
    pub(crate) number: u32,
    pub(crate) path: StorePath,
    pub(crate) options: SourceOptions,
    pub(crate) exec: Option<String>,
    state: Arc<State>,
    notices: Notices,
    thread: Option<JoinHandle<()>>,
}

struct State {
    stop: AtomicBool,
    ended: AtomicBool,
    events: AtomicU64,
    bell: Bell,
}

/// What a background watch does with an event beside telling it: given the event.
pub(crate) type Action = Box<dyn FnMut(&Seen) + Send>;

impl Background {
    /// Starts one; its events are told by `notices`, and `action` is called for each.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) fn start(
        &mut self,
        client: &Client,
        path: &StorePath,
        options: SourceOptions,
        exec: Option<String>,
        notices: Notices,
        mut action: Option<Action>,
    ) -> Result<u32, Error> {
        self.forget_ended();
        let state = Arc::new(State {
            stop: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            events: AtomicU64::new(0),
            bell: Bell::new(),
        });
        let mut source = Source::start(client, path, options, state.bell.clone())?;
        self.last += 1;
        let number = self.last;
        let shared = Arc::clone(&state);
        let told_by = notices.clone();
        let run = move || {
            while !shared.stop.load(Ordering::SeqCst) && !source.has_ended() {
                let Some(seen) = source.next(None) else {
                    continue;
                };
                if seen.kind.is_event() {
                    shared.events.fetch_add(1, Ordering::SeqCst);
                    if let Some(action) = &mut action {
                        action(&seen);
                    }
                }
                notices.tell_seen(number, &seen);
            }
            shared.ended.store(true, Ordering::SeqCst);
        };
        let thread = std::thread::Builder::new()
            .name(format!("watch {number}"))
            .spawn(run)
            .map_err(|error| Error::io("start the thread of a watch", error))?;
        self.watches.push(Watching {
            number,
            path: path.clone(),
            options,
            exec,
            state,
            notices: told_by,
            thread: Some(thread),
        });
        Ok(number)
    }

    /// Those that have not ended.
    pub(crate) fn list(&mut self) -> &[Watching] {
        self.forget_ended();
        &self.watches
    }

    /// Ends those for which `which` holds; how many that were.
    pub(crate) fn end(&mut self, which: impl Fn(&Watching) -> bool) -> usize {
        self.forget_ended();
        let before = self.watches.len();
        self.watches.retain(|watching| {
            let ends = which(watching);
            if ends {
                watching.notices.silence(watching.number);
            }
            !ends
        });
        before - self.watches.len()
    }

    fn forget_ended(&mut self) {
        self.watches
            .retain(|watching| !watching.state.ended.load(Ordering::SeqCst));
    }
}

impl Watching {
    /// How many events it told.
    pub(crate) fn events(&self) -> u64 {
        self.state.events.load(Ordering::SeqCst)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        self.state.bell.ring();
        // Its thread ends as soon as it looks; a program that it runs is not waited for.
        drop(self.thread.take());
    }
}
