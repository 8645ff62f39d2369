//! A mount that is being served: the session that answers the kernel, the thread that follows the store's events, the
//! helper that repeats changes, and what lets go of the mount when it has been taken away.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread;

use fuser::{Config, Session, SessionACL};
use rustix::event::{PollFd, PollFlags, poll};

use crate::error::{Error, Result};
use crate::fs::XenFs;
use crate::fuse::{Adaptor, THREADS};
use crate::guard::Guard;
use crate::heap;
use crate::mount::Mount;
use crate::mounted::Mounted;
use crate::notify::Notifier;
use crate::options::Options;
use crate::replay::{Detached, Program, Replay, is_mounted};
use crate::watcher::Watcher;

/// A mount that is being served.
pub struct Live {
    replay: Option<Arc<Replay>>,
    watcher: Option<Watcher>,
    guard: Option<Guard>,
    notes: Vec<String>,
}

impl Live {
    /// Answers the kernel's INIT and serves `mount` until it ends; `ended` is told then.
    ///
    /// The order matters: the clone of the mount is taken before the mount becomes read-only, and nothing uses the mount
    /// before somebody answers.
    ///
    /// # Errors
    /// When the mount cannot be served at all. That changes cannot be followed or repeated is no error but a note.
    pub fn start(
        mounted: impl Into<Mounted>,
        mount: &Mount,
        options: &Options,
        admitted: SessionACL,
        program: Program,
        ended: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> Result<Self> {
        heap::prepare();
        let mut config = Config::default();
        config.n_threads = Some(THREADS);
        let mounted = mounted.into();
        let fs = Arc::clone(mounted.main());
        let adaptor = Adaptor::new(mounted);
        let slot = adaptor.replay();
        let session = Session::from_fd(adaptor, mount.device()?, admitted, config)
            .map_err(|error| Error::mount("answer the kernel", error))?;
        let mut live = Self {
            replay: None,
            watcher: None,
            guard: None,
            notes: Vec::new(),
        };
        let detached = live.detach(mount);
        mount.protect(options)?;
        live.start_guard(mount, &program);
        if let Some(detached) = detached {
            live.start_replay(&fs, detached, program);
        }
        if let Some(replay) = &live.replay {
            drop(slot.set(Arc::clone(replay)));
        }
        // Before the first request is answered: whether the kernel may keep lists is asked only once.
        let notifier = Notifier::new(mount.device()?);
        match Watcher::start(&fs, notifier, live.replay.clone()) {
            Ok(watcher) => live.watcher = Some(watcher),
            Err(error) => live.note(format!(
                "the store's watches cannot be used ({error}): nothing tells of changes"
            )),
        }
        thread::Builder::new()
            .name("session".into())
            .spawn(move || ended(session.run()))
            .map_err(|error| Error::mount("start a thread", error))?;
        live.let_go_later(mount)?;
        Ok(live)
    }

    /// What works less well than it could, for the one who mounts.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The process number of the helper that repeats changes.
    pub fn helper(&self) -> Option<u32> {
        self.replay.as_ref().and_then(|replay| replay.helper())
    }

    /// Lets go of the mount, which has been taken away: nothing of ours keeps it any longer.
    pub fn release(&self) {
        if let Some(replay) = &self.replay {
            replay.stop();
        }
    }

    fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    fn detach(&mut self, mount: &Mount) -> Option<Detached> {
        match Detached::of(mount.path()?) {
            Ok(detached) => Some(detached),
            Err(error) => {
                self.note(format!("inotify does not tell of other people's changes: the mount cannot be cloned: {error}"));
                None
            }
        }
    }

    fn start_guard(&mut self, mount: &Mount, program: &Program) {
        let Some(device) = mount.device_number() else {
            return;
        };
        match Guard::start(&program.path, device) {
            Ok(guard) => self.guard = Some(guard),
            Err(error) => self.note(format!(
                "users of the mount may have to wait for ever if this process is killed: it has no guard: {error}"
            )),
        }
    }

    fn start_replay(&mut self, fs: &XenFs, detached: Detached, program: Program) {
        match Replay::start(program, detached, Arc::clone(fs.stats())) {
            Ok(replay) => self.replay = Some(Arc::new(replay)),
            Err(error) => self.note(format!("inotify does not tell of other people's changes: the helper cannot be started: {error}")),
        }
    }

    /// The clone keeps the file system alive when its mount is gone: then it is given up.
    fn let_go_later(&self, mount: &Mount) -> Result<()> {
        let (Some(replay), Some(device)) = (self.replay.clone(), mount.device_number()) else {
            return Ok(());
        };
        let table = File::open("/proc/self/mountinfo")
            .map_err(|error| Error::mount("open /proc/self/mountinfo", error))?;
        thread::Builder::new()
            .name("xenfs-mounts".into())
            .spawn(move || {
                while is_mounted(device) {
                    let mut polled = [PollFd::new(&table, PollFlags::PRI)];
                    if let Err(error) = poll(&mut polled, None)
                        && error != rustix::io::Errno::INTR
                    {
                        break;
                    }
                }
                replay.stop();
            })
            .map(drop)
            .map_err(|error| Error::mount("start a thread", error))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.release();
        self.watcher = None;
    }
}
