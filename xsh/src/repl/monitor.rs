//! Whether the store can be reached, while nobody asks it anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use xenbus::watch::WatchOptions;
use xenbus::{Client, StorePath, Watch, WatchEvent};

use crate::notice::Notices;

/// A watch on a quiet node: its connection is told to be lost, and to be there again.
pub(super) struct Monitor {
    lost: Arc<AtomicBool>,
    watch: Option<Arc<Watch>>,
}

impl Monitor {
    pub(super) fn start(client: &Client, notices: Notices) -> Self {
        let lost = Arc::new(AtomicBool::new(false));
        let monitor = |watch| Self {
            lost: Arc::clone(&lost),
            watch,
        };
        let Ok(path) = StorePath::parse("/tool/xenstored") else {
            return monitor(None);
        };
        let mut options = WatchOptions::default();
        options.depth = Some(0);
        // A store that refuses it is asked by commands all the same.
        let Ok(watch) = client.watch_with(&path, options) else {
            return monitor(None);
        };
        let watch = Arc::new(watch);
        let shared = (Arc::clone(&watch), Arc::clone(&lost));
        let address = client.address();
        let run = move || {
            let (watch, lost) = shared;
            while let Ok(event) = watch.next() {
                match event {
                    WatchEvent::Lost => {
                        lost.store(true, Ordering::SeqCst);
                        notices.tell(format!("xsh: the connection to {address} was lost"));
                    }
                    WatchEvent::Reset if lost.swap(false, Ordering::SeqCst) => {
                        notices.tell(format!(
                            "xsh: connected to {address} again; watches are set again"
                        ));
                    }
                    _ => {}
                }
            }
        };
        let thread = std::thread::Builder::new().name("monitor".into());
        monitor(thread.spawn(run).ok().map(|_| watch))
    }

    /// Whether the connection is lost.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    /// A command has reached the store.
    pub(super) fn look_again(&self) {
        self.lost.store(false, Ordering::SeqCst);
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.close();
        }
    }
}
