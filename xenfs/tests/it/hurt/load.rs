//! Users of a mount who go on whatever happens, and remember what they saw.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use xenbus::{Client, Operations as _};

use crate::mount::rig::path;

/// How long anything may take before a test says that it never comes.
const DEADLINE: Duration = Duration::from_secs(20);

/// Readers and writers of a directory: readers read `read` and list, writers count in files of their own.
pub(super) struct Load {
    users: Vec<(Arc<User>, JoinHandle<()>)>,
    stop: Arc<AtomicBool>,
    recovery: Mutex<Duration>,
}

struct User {
    /// What the user does.
    role: Role,
    done: AtomicU64,
    last: Mutex<Option<Instant>>,
    errors: Mutex<BTreeMap<io::ErrorKind, u64>>,
    /// A writer's last number that was taken.
    taken: AtomicU64,
}

#[derive(Clone, Copy)]
enum Role {
    Reader,
    Writer(usize),
}

/// What the users saw.
pub(super) struct Seen {
    done: u64,
    errors: BTreeMap<io::ErrorKind, u64>,
    recovery: Duration,
}

impl Load {
    pub(super) fn start(directory: &Path, readers: usize, writers: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let roles = (0..readers)
            .map(|_| Role::Reader)
            .chain((0..writers).map(Role::Writer));
        let users = roles.map(|role| {
            let user = Arc::new(User {
                role,
                done: AtomicU64::new(0),
                last: Mutex::default(),
                errors: Mutex::default(),
                taken: AtomicU64::new(0),
            });
            let (stop, directory, at_work) =
                (Arc::clone(&stop), directory.to_owned(), Arc::clone(&user));
            let thread = thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    at_work.work(&directory);
                }
            });
            (user, thread)
        });
        Self {
            users: users.collect(),
            stop,
            recovery: Mutex::default(),
        }
    }

    /// Waits until every user has done something more.
    pub(super) fn runs(&self) {
        self.recovers(Instant::now());
    }

    /// Waits until every user has succeeded with something that began after `since`.
    pub(super) fn recovers(&self, since: Instant) {
        for (user, _) in &self.users {
            while user.last.lock().unwrap().is_none_or(|last| last <= since) {
                assert!(
                    since.elapsed() < DEADLINE,
                    "no recovery: {:?}",
                    user.errors.lock().unwrap()
                );
                thread::sleep(Duration::from_millis(1));
            }
        }
        let mut recovery = self.recovery.lock().unwrap();
        *recovery = since.elapsed().max(*recovery);
    }

    /// Ends it; what was answered must be in the store.
    pub(super) fn finish(self, store: &Client) -> Seen {
        self.stop.store(true, Ordering::SeqCst);
        let mut seen = Seen {
            done: 0,
            errors: BTreeMap::new(),
            recovery: *self.recovery.lock().unwrap(),
        };
        for (user, thread) in self.users {
            thread.join().unwrap();
            seen.done += user.done.load(Ordering::SeqCst);
            for (kind, count) in user.errors.lock().unwrap().iter() {
                *seen.errors.entry(*kind).or_default() += count;
            }
            if let Role::Writer(number) = user.role {
                let value = store.read(&path(&format!("/t/own-{number}"))).unwrap();
                let value: u64 = String::from_utf8(value).unwrap().parse().unwrap();
                let taken = user.taken.load(Ordering::SeqCst);
                // One that failed may have been taken all the same.
                assert!(value >= taken, "{taken} was answered, {value} is there");
            }
        }
        seen
    }
}

impl User {
    fn work(&self, directory: &Path) {
        let begun = Instant::now();
        match self.try_work(directory) {
            Ok(()) => {
                self.done.fetch_add(1, Ordering::SeqCst);
                *self.last.lock().unwrap() = Some(begun);
            }
            Err(error) => {
                let kind = match error.raw_os_error() {
                    // EIO has no kind of its own.
                    Some(5) => io::ErrorKind::Other,
                    _ => error.kind(),
                };
                *self.errors.lock().unwrap().entry(kind).or_default() += 1;
            }
        }
    }

    fn try_work(&self, directory: &Path) -> io::Result<()> {
        match self.role {
            Role::Reader => {
                let value = fs::read_to_string(directory.join("read"))?;
                assert_eq!(value, "always this\n", "a value that nobody wrote");
                for entry in fs::read_dir(directory)? {
                    entry?;
                }
            }
            Role::Writer(number) => {
                let next = self.done.load(Ordering::SeqCst) + 1;
                let own: PathBuf = directory.join(format!("own-{number}"));
                fs::write(own, format!("{next}\n"))?;
                self.taken.store(next, Ordering::SeqCst);
            }
        }
        Ok(())
    }
}

impl Seen {
    /// Whether the users saw no other errors than these.
    pub(super) fn only(&self, kinds: &[io::ErrorKind]) -> bool {
        self.errors.keys().all(|kind| kinds.contains(kind))
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors: Vec<_> = self
            .errors
            .iter()
            .map(|(kind, count)| match kind {
                io::ErrorKind::Other => format!("EIO {count} times"),
                other => format!("{other:?} {count} times"),
            })
            .collect();
        write!(
            f,
            "{} operations, {}; recovered within {:?}; nothing answered was lost",
            self.done,
            if errors.is_empty() {
                "no error".into()
            } else {
                errors.join(", ")
            },
            self.recovery
        )
    }
}

/// Somebody who changes the store as fast as it goes.
pub(super) struct Storm {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Starts one, and lets it make some hundred changes.
pub(super) fn storm(store: &Client) -> Storm {
    let stop = Arc::new(AtomicBool::new(false));
    let (made, some) = mpsc::channel();
    let (stopped, store) = (Arc::clone(&stop), store.clone());
    let thread = thread::spawn(move || {
        let mut count = 0;
        while !stopped.load(Ordering::SeqCst) {
            let node = path(&format!("/storm/d{}/n{}", count % 7, count % 31));
            store.write(&node, count.to_string().as_bytes()).unwrap();
            if count % 11 == 0 {
                store.rm(&path(&format!("/storm/d{}", count % 7))).unwrap();
            }
            count += 1;
            if count == 500 {
                made.send(()).unwrap();
            }
        }
    });
    some.recv_timeout(DEADLINE).unwrap();
    Storm { stop, thread }
}

impl Storm {
    /// Ends it.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
    }
}
