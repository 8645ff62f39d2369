//! Lines that come while somebody types: they go through a bounded queue to a thread of their own.
//!
//! The editor's printer may block: it has one place, which only the prompt's own loop empties, and that loop does not
//! run while a completion is worked out. So nobody who may be waited for prints: `tell` never blocks, a full queue
//! drops, and what was dropped is counted and said.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::output::{Role, paint};
use crate::watching::Seen;

/// Lines that may wait.
const QUEUE: usize = 256;

/// Where lines go in the end.
pub(crate) type Print = Box<dyn FnMut(String) + Send>;

/// Tells lines; cheap to clone.
#[derive(Clone)]
pub(crate) struct Notices {
    shared: Arc<Shared>,
}

struct Shared {
    /// Made when it is first needed: most sessions are a single command, and tell nothing.
    queue: LazyLock<Queue>,
    dropped: AtomicU64,
    color: bool,
    /// Watches that were ended: what waits of them is not shown any more.
    ended: Mutex<BTreeSet<u32>>,
}

struct Queue {
    sender: SyncSender<Line>,
    /// Taken by the printer's thread.
    receiver: Mutex<Option<Receiver<Line>>>,
}

/// A line, and the watch that tells it.
struct Line {
    watch: Option<u32>,
    text: String,
}

impl Notices {
    /// Notices that wait until [`Notices::print_with`] says where to.
    pub(crate) fn new(color: bool) -> Self {
        Self {
            shared: Arc::new(Shared {
                queue: LazyLock::new(Queue::new),
                dropped: AtomicU64::new(0),
                color,
                ended: Mutex::default(),
            }),
        }
    }

    /// Starts the thread that prints.
    pub(crate) fn print_with(&self, mut print: Print) -> std::io::Result<()> {
        let mut receiver = self
            .shared
            .queue
            .receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(receiver) = receiver.take() else {
            return Ok(());
        };
        let shared = Arc::downgrade(&self.shared);
        std::thread::Builder::new()
            .name("notices".into())
            .spawn(move || {
                for line in receiver {
                    let has_ended = |number: &u32| {
                        shared.upgrade().is_none_or(|shared| shared.ended().contains(number))
                    };
                    if !line.watch.as_ref().is_some_and(has_ended) {
                        print(line.text + "\n");
                    }
                    let dropped = shared
                        .upgrade()
                        .map_or(0, |shared| shared.dropped.swap(0, Ordering::SeqCst));
                    if dropped > 0 {
                        print(format!(
                            "xsh: {dropped} lines were dropped, because they came faster than they can be shown\n"
                        ));
                    }
                }
            })
            .map(drop)
    }

    /// Tells a line, printable and without its end. Never waits.
    pub(crate) fn tell(&self, text: String) {
        self.queue(Line { watch: None, text });
    }

    /// Shows nothing more of a watch that was ended.
    pub(crate) fn silence(&self, watch: u32) {
        self.shared.ended().insert(watch);
    }

    fn queue(&self, line: Line) {
        if self.shared.queue.sender.try_send(line).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Tells what a watch saw.
    pub(crate) fn tell_seen(&self, number: u32, seen: &Seen) {
        let color = self.shared.color;
        let line = seen.line(|role, text| paint(color, role, text));
        let mark = paint(color, Role::Dim, &format!("[{number}]"));
        self.queue(Line {
            watch: Some(number),
            text: format!("{mark} {line}"),
        });
    }
}

impl Queue {
    fn new() -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        Self {
            sender,
            receiver: Mutex::new(Some(receiver)),
        }
    }
}

impl Shared {
    fn ended(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_printer_that_blocks_stops_nobody_and_losses_are_told() {
        let notices = Notices::new(false);
        let (gate, opened) = channel::<()>();
        let (told, lines) = channel();
        notices
            .print_with(Box::new(move |line| {
                // The first line blocks until the gate opens, the others pass.
                let _ = opened.recv();
                drop(told.send(line));
            }))
            .unwrap();
        // Returns though nothing is printed.
        for number in 0..2 * QUEUE {
            notices.tell(number.to_string());
        }
        drop(gate);
        let patience = Duration::from_secs(10);
        assert_eq!(lines.recv_timeout(patience).unwrap(), "0\n");
        let mut shown = 1;
        let dropped = loop {
            let line = lines.recv_timeout(patience).unwrap();
            match line.strip_prefix("xsh: ") {
                Some(rest) => {
                    break rest.split(' ').next().unwrap().parse::<usize>().unwrap();
                }
                None => shown += 1,
            }
        };
        notices.tell("end".into());
        while lines.recv_timeout(patience).unwrap() != "end\n" {
            shown += 1;
        }
        assert_eq!(shown + dropped, 2 * QUEUE);
    }
}
