//! What the editor wants to know of the store: asked by a thread of its own, kept while it is true.
//!
//! Every list that is kept has a watch; a list whose watch has told of anything is asked again. Where the store refuses
//! the watch, a list is believed for [`BELIEF`].

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use xenbus::watch::WatchOptions;
use xenbus::{Client, DomId, Operations as _, StorePath, Watch, WatchEvent};

use crate::shell::domain_names;

/// How long what no watch guards is believed.
const BELIEF: Duration = Duration::from_secs(2);

/// Most lists that are kept.
const LISTS_MAX: usize = 48;

/// Most children whose own children are asked for.
const MARKED_MAX: usize = 256;

/// A child of a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Child {
    pub(crate) name: String,
    /// Whether it has children itself; unknown in long lists.
    pub(crate) has_children: Option<bool>,
}

/// What is known, and the thread that asks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lookup {
    known: Arc<Mutex<Known>>,
    asks: Sender<Ask>,
}

#[derive(Default)]
struct Known {
    lists: BTreeMap<StorePath, List>,
    /// Lists that are asked for already.
    asked: BTreeSet<StorePath>,
    values: BTreeMap<StorePath, (Instant, Option<Vec<u8>>)>,
    domains: Option<(Instant, Domains)>,
}

/// Numbers and names of domains.
type Domains = Vec<(DomId, Vec<u8>)>;

/// The children of a node; `None` if there is no such node.
type Children = Option<Arc<Vec<Child>>>;

struct List {
    children: Children,
    at: Instant,
    watch: Option<Watch>,
    /// Whether the watch has told of anything.
    is_stale: Cell<bool>,
}

impl List {
    fn is_true(&self) -> bool {
        if self.is_stale.get() {
            return false;
        }
        let is_true = match &self.watch {
            None => self.at.elapsed() < BELIEF,
            Some(watch) => loop {
                match watch.try_next() {
                    Ok(Some(WatchEvent::Initial)) => {}
                    Ok(None) => break true,
                    _ => break false,
                }
            },
        };
        self.is_stale.set(!is_true);
        is_true
    }
}

enum Ask {
    Children(StorePath, Option<Sender<()>>),
    Value(StorePath),
    Domains(Option<Sender<()>>),
}

impl Lookup {
    /// Starts the thread. It ends with the last of the clones.
    pub(crate) fn start(client: Client) -> std::io::Result<Self> {
        let known = Arc::new(Mutex::new(Known::default()));
        let (asks, asked) = channel();
        let shared = Arc::clone(&known);
        std::thread::Builder::new()
            .name("lookup".into())
            .spawn(move || answer(&client, &shared, &asked))?;
        Ok(Self { known, asks })
    }

    /// The children of a node, if they are known; asks for them in any case when they are not.
    pub(super) fn known_children(&self, path: &StorePath) -> Option<Arc<Vec<Child>>> {
        let mut known = self.lock();
        if let Some(list) = known.list(path) {
            return list.children.clone();
        }
        if known.asked.insert(path.clone()) {
            self.ask(Ask::Children(path.clone(), None));
        }
        known.last_children(path)
    }

    /// The children of a node; waits for them, not past `deadline`. `None`: not known in time, or no such node.
    pub(super) fn children(&self, path: &StorePath, deadline: Instant) -> Option<Arc<Vec<Child>>> {
        if let Some(list) = self.lock().list(path) {
            return list.children.clone();
        }
        let (done, wait) = channel();
        self.ask(Ask::Children(path.clone(), Some(done)));
        let patience = deadline.saturating_duration_since(Instant::now());
        // The answer may come later and is kept then; what was true a moment ago is better than nothing.
        let _ = wait.recv_timeout(patience);
        self.lock().last_children(path)
    }

    /// Whether a node is there, as far as that is known.
    pub(super) fn known_to_exist(&self, path: &StorePath) -> Option<bool> {
        let Some(parent) = path.parent() else {
            return Some(true);
        };
        let name = path.name()?;
        let siblings = self.known_children(&parent)?;
        Some(
            siblings
                .binary_search_by(|child| child.name.as_str().cmp(name))
                .is_ok(),
        )
    }

    /// A node's value, if it is known; asks for it when it is not.
    pub(super) fn known_value(&self, path: &StorePath) -> Option<Vec<u8>> {
        let mut known = self.lock();
        if let Some((at, value)) = known.values.get(path)
            && at.elapsed() < BELIEF
        {
            return value.clone();
        }
        known.values.retain(|_, (at, _)| at.elapsed() < BELIEF);
        drop(known);
        self.ask(Ask::Value(path.clone()));
        None
    }

    /// The domains with their names; waits for them, not past `deadline`.
    pub(super) fn domains(&self, deadline: Instant) -> Domains {
        if let Some((at, domains)) = &self.lock().domains
            && at.elapsed() < BELIEF
        {
            return domains.clone();
        }
        let (done, wait) = channel();
        self.ask(Ask::Domains(Some(done)));
        let _ = wait.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        self.known_domains()
    }

    /// The domain with a name, if it is known.
    pub(super) fn domain_named(&self, name: &[u8]) -> Option<DomId> {
        let domains = self.known_domains();
        if domains.is_empty() {
            self.ask(Ask::Domains(None));
        }
        let mut named = domains.iter().filter(|(_, known)| known == name);
        named.next().map(|(domid, _)| *domid)
    }

    fn known_domains(&self) -> Domains {
        let known = self.lock();
        let domains = known.domains.as_ref();
        domains.map_or_else(Vec::new, |(_, domains)| domains.clone())
    }

    /// Forgets what our own commands may have changed.
    pub(crate) fn forget_values(&self) {
        let mut known = self.lock();
        known.values.clear();
        known.domains = None;
        known.lists.retain(|_, list| list.watch.is_some());
    }

    fn ask(&self, ask: Ask) {
        // Fails only if the thread is gone: then nothing is known.
        drop(self.asks.send(ask));
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The list of a node that is known to be true.
    fn list(&self, path: &StorePath) -> Option<&List> {
        self.lists.get(path).filter(|list| list.is_true())
    }

    /// The children of a node as they were when they were asked for last.
    fn last_children(&self, path: &StorePath) -> Children {
        self.lists.get(path)?.children.clone()
    }
}

/// The thread.
fn answer(client: &Client, known: &Mutex<Known>, asked: &Receiver<Ask>) {
    let lock = || known.lock().unwrap_or_else(PoisonError::into_inner);
    for ask in asked {
        match ask {
            Ask::Children(path, done) => {
                if lock().list(&path).is_none() {
                    let list = list(client, &path);
                    let mut known = lock();
                    if known.lists.len() >= LISTS_MAX {
                        let oldest = known.lists.iter().min_by_key(|(_, list)| list.at);
                        if let Some(oldest) = oldest.map(|(path, _)| path.clone()) {
                            known.lists.remove(&oldest);
                        }
                    }
                    known.lists.insert(path.clone(), list);
                }
                lock().asked.remove(&path);
                if let Some(done) = done {
                    // Whoever asked may have lost patience.
                    let _ = done.send(());
                }
            }
            Ask::Value(path) => {
                let value = client.read(&path).ok();
                lock().values.insert(path, (Instant::now(), value));
            }
            Ask::Domains(done) => {
                if let Ok(domains) = domain_names(client) {
                    lock().domains = Some((Instant::now(), domains));
                }
                if let Some(done) = done {
                    let _ = done.send(());
                }
            }
        }
    }
}

/// Lists a node, with a watch that was set before.
fn list(client: &Client, path: &StorePath) -> List {
    let mut options = WatchOptions::default();
    options.depth = Some(1);
    options.queue = 4;
    let watch = client.watch_with(path, options).ok();
    let children = client.directory(path).ok().map(|mut names| {
        names.sort_unstable();
        let marks: Vec<Option<bool>> = if names.len() <= MARKED_MAX {
            let asked: Vec<_> = names
                .iter()
                .map(|name| {
                    path.child(name)
                        .ok()
                        .map(|child| client.submit_directory(&child))
                })
                .collect();
            let answers = asked.into_iter();
            answers
                .map(|asked| Some(!asked?.wait().ok()?.is_empty()))
                .collect()
        } else {
            vec![None; names.len()]
        };
        let children = names.into_iter().zip(marks);
        Arc::new(
            children
                .map(|(name, has_children)| Child { name, has_children })
                .collect(),
        )
    });
    List {
        children,
        at: Instant::now(),
        watch,
        is_stale: Cell::new(false),
    }
}
