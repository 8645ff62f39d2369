//! Parts of the store in full, for whoever looks into them: a device's two directories, or the whole tree.
//!
//! The collector reads only the keys of its model. What is looked at beyond that is mirrored here, for as long as it
//! is looked at, in a thread of its own that the screen never waits for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use xenbus::client::Client;
use xenbus::mirror::{Mirror, MirrorEvent, MirrorOptions, Mirrored, Subscription};
use xenbus::watch::Bell;
use xenbus::{Error, StorePath};

/// Most changes of one part that wait; more mean that it is shown anew.
const QUEUE: usize = 65_536;

/// How long changes are gathered before they are told.
const GATHER: Duration = Duration::from_millis(50);

/// What is told of a part of the store.
#[derive(Clone, Debug)]
pub struct Browsed {
    /// Which part.
    pub top: StorePath,
    /// What happened.
    pub news: News,
}

/// News of a part of the store.
#[derive(Clone, Debug)]
pub enum News {
    /// All of it, sorted.
    Filled(Vec<Arc<Mirrored>>),
    /// These nodes differ now (`None` are gone), and all others are as they were: it is up to date.
    Changed(Vec<(StorePath, Option<Arc<Mirrored>>)>),
    /// From now on it may be out of date.
    Stale,
    /// It cannot be followed, and why.
    Failed(String),
}

/// Follows parts of the store; dropping it ends that.
pub struct Browser {
    wanted: Arc<Mutex<Option<Vec<StorePath>>>>,
    bell: Bell,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Browser {
    /// Starts the thread; news are handed to `tell` there.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn start(
        client: Client,
        tell: impl FnMut(Browsed) + Send + 'static,
    ) -> Result<Self, Error> {
        let bell = Bell::new();
        let wanted = Arc::new(Mutex::new(Some(Vec::new())));
        let mut work = Work {
            client,
            bell: bell.clone(),
            parts: BTreeMap::new(),
            tell,
        };
        let orders = Arc::clone(&wanted);
        let thread = std::thread::Builder::new().name("xstop browser".into());
        let thread = thread
            .spawn(move || work.run(&orders))
            .map_err(|error| Error::io("start the thread that browses", error))?;
        Ok(Self {
            wanted,
            bell,
            thread: Some(thread),
        })
    }

    /// Follows these parts from now on, and no other.
    pub fn follow(&self, tops: Vec<StorePath>) {
        *lock(&self.wanted) = Some(tops);
        self.bell.ring();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        *lock(&self.wanted) = None;
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            // Only a panic of its own makes this an error, and that was printed.
            drop(thread.join());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Work<T> {
    client: Client,
    bell: Bell,
    parts: BTreeMap<StorePath, Part>,
    tell: T,
}

struct Part {
    mirror: Mirror,
    news: Subscription,
    is_filled: bool,
    is_stale: bool,
}

impl<T: FnMut(Browsed)> Work<T> {
    fn run(&mut self, orders: &Mutex<Option<Vec<StorePath>>>) {
        loop {
            self.bell.wait_until(None);
            let Some(wanted) = lock(orders).clone() else {
                return;
            };
            self.parts.retain(|top, _| wanted.contains(top));
            for top in wanted {
                self.open(top);
            }
            self.look();
            // A burst is told at once.
            if lock(orders).is_some() {
                std::thread::park_timeout(GATHER);
            }
        }
    }

    fn open(&mut self, top: StorePath) {
        if self.parts.contains_key(&top) {
            return;
        }
        let mut options = MirrorOptions::default();
        options.perms = true;
        match Mirror::start(&self.client, &top, options) {
            Ok(mirror) => {
                let news = mirror.subscribe(QUEUE, Some(self.bell.clone()));
                // It may have been complete before anybody listened.
                self.bell.ring();
                let part = Part {
                    mirror,
                    news,
                    is_filled: false,
                    is_stale: false,
                };
                self.parts.insert(top, part);
            }
            Err(error) => {
                let news = News::Failed(error.to_string());
                (self.tell)(Browsed { top, news });
            }
        }
    }

    fn look(&mut self) {
        for (top, part) in &mut self.parts {
            for news in part.look() {
                let top = top.clone();
                (self.tell)(Browsed { top, news });
            }
        }
    }
}

impl Part {
    fn look(&mut self) -> Vec<News> {
        let mut told = Vec::new();
        let mut changes = Vec::new();
        while let Some(event) = self.news.try_next() {
            match event {
                MirrorEvent::Changed { old, new } => {
                    let path = new.as_ref().or(old.as_ref()).map(|node| node.path.clone());
                    if let Some(path) = path {
                        changes.push((path, new));
                    }
                }
                MirrorEvent::Stale => {
                    self.is_stale = true;
                    told.push(News::Stale);
                }
                MirrorEvent::Dropped(_) => self.is_filled = false,
                MirrorEvent::Ended => {
                    let why = self.mirror.status().ended;
                    told.push(News::Failed(
                        why.map_or_else(|| "it has ended".into(), |why| why.to_string()),
                    ));
                }
                // Fresh: seen below.
                _ => {}
            }
        }
        let is_fresh = self.mirror.status().stale_since.is_none();
        if is_fresh && !self.is_filled {
            (self.is_filled, self.is_stale) = (true, false);
            let top = self.mirror.top();
            told.push(News::Filled(
                self.mirror
                    .look(|view| view.subtree(top).cloned().collect()),
            ));
        } else if self.is_filled && (!changes.is_empty() || (is_fresh && self.is_stale)) {
            self.is_stale &= !is_fresh;
            told.push(News::Changed(changes));
            if self.is_stale {
                told.push(News::Stale);
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use xenbus::DomId;
    use xenbus::client::{ClientOptions, Operations as _};
    use xenbus::store::{Server, StoreOptions};

    use super::*;

    fn path(text: &str) -> StorePath {
        StorePath::parse(text).unwrap()
    }

    fn next(news: &Receiver<Browsed>, what: &str, fits: impl Fn(&Browsed) -> bool) -> Browsed {
        loop {
            let told = news
                .recv_timeout(Duration::from_secs(20))
                .unwrap_or_else(|_| panic!("no {what}"));
            if fits(&told) {
                return told;
            }
        }
    }

    #[test]
    fn what_is_followed_is_told_in_full_and_then_as_it_changes_and_no_more_when_it_is_not() {
        let server = Server::start(StoreOptions::default()).unwrap();
        let client =
            Client::with_connector(server.connector(DomId::DOM0), ClientOptions::default())
                .unwrap();
        client.write(&path("/a/b"), b"1").unwrap();
        let (sender, news) = channel();
        let browser = Browser::start(client.clone(), move |told| drop(sender.send(told))).unwrap();
        browser.follow(vec![path("/a")]);
        let filled = next(&news, "filling", |told| {
            matches!(told.news, News::Filled(_))
        });
        let News::Filled(nodes) = filled.news else {
            unreachable!("it was asked for")
        };
        let paths: Vec<&str> = nodes.iter().map(|node| node.path.as_str()).collect();
        assert_eq!(paths, ["/a", "/a/b"]);
        client.write(&path("/a/b"), b"2").unwrap();
        let is_two = |told: &Browsed| match &told.news {
            News::Changed(changes) => changes.iter().any(|(path, node)| {
                path.as_str() == "/a/b"
                    && node
                        .as_ref()
                        .is_some_and(|node| node.value.known().is_some_and(|v| &v[..] == b"2"))
            }),
            _ => false,
        };
        next(&news, "change", is_two);
        browser.follow(vec![path("/c")]);
        next(&news, "other part", |told| told.top == path("/c"));
        client.write(&path("/a/b"), b"3").unwrap();
        client.write(&path("/c"), b"3").unwrap();
        let last = next(&news, "change of the other part", |told| {
            matches!(told.news, News::Changed(_))
        });
        assert_eq!(last.top, path("/c"));
    }
}
