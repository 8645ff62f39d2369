//! A mount that goes away with the test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fuser::SessionACL;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mount::MountFlags;
use tempfile::TempDir;
use xenbus::{Client, Operations, Perms, StorePath};
use xenbus_harness::requires_fuse;
use xenfs::cli::MountPoint;
use xenfs::fs::XenFs;
use xenfs::live::Live;
use xenfs::mount::Mount as Mounted;
use xenfs::options::Options;
use xenfs::replay::Program;
use xenfs::settings::Settings;
use xenfs::stats::Stats;

use crate::count::Count;
use crate::stores::{Store, for_each_store};

/// Changes that may wait to be told: oxenstored keeps 1024 for a client, drops what is beyond without a word, and may
/// never answer whoever caused them, which a machine that is busy with other things shows.
const BURST: usize = 512;

/// A live mount and a client beside it.
pub(crate) struct Mount {
    directory: TempDir,
    mounted: Mounted,
    live: Live,
    ended: Mutex<Receiver<()>>,
    /// Sees and changes the store past the mount.
    pub(crate) store: Client,
    /// What the mount asks of the store.
    pub(crate) count: Arc<Count>,
    fs: Arc<XenFs>,
}

/// What a script did.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
    /// Exit status; 124 when it was stopped because it hung.
    pub(crate) status: i32,
}

impl Mount {
    /// Mounts `store`.
    pub(crate) fn with(store: &Store, settings: &Settings) -> Self {
        let (client, count) = store.counted();
        Self::of(client, count, store.client(), settings)
    }

    /// Mounts what `client` sees; `store` is for looking past the mount.
    pub(crate) fn of(
        client: Client,
        count: Arc<Count>,
        store: Client,
        settings: &Settings,
    ) -> Self {
        let mount = Self::made(client, count, store, settings);
        assert_eq!(mount.notes(), [] as [String; 0]);
        mount
    }

    /// Mounts what `client` sees, though it may have something to note.
    pub(crate) fn noted(client: Client, store: Client, settings: &Settings) -> Self {
        Self::made(client, Arc::default(), store, settings)
    }

    /// What the mount has told the one who mounts.
    pub(crate) fn notes(&self) -> &[String] {
        self.live.notes()
    }

    fn made(client: Client, count: Arc<Count>, store: Client, settings: &Settings) -> Self {
        let directory = TempDir::new().unwrap();
        let mut options = Options {
            settings: settings.clone(),
            ..Options::default()
        };
        if settings.read_only {
            options.flags |= MountFlags::RDONLY;
        }
        let point = MountPoint::Path(directory.path().to_owned());
        let mounted = Mounted::new(&point, "xenfs".as_ref(), &options).unwrap();
        let fs = Arc::new(XenFs::new(client, settings).unwrap());
        let (sender, ended) = channel();
        let live = Live::start(
            Arc::clone(&fs),
            &mounted,
            &options,
            SessionACL::All,
            Program {
                path: env!("CARGO_BIN_EXE_xenfs").into(),
                name: "xenfs-replay".into(),
            },
            move |_| sender.send(()).unwrap_or_default(),
        )
        .unwrap();
        Self {
            directory,
            mounted,
            live,
            ended: Mutex::new(ended),
            store,
            count,
            fs,
        }
    }

    /// The process that repeats changes.
    pub(crate) fn helper(&self) -> u32 {
        self.live.helper().unwrap()
    }

    /// What the mount counts.
    pub(crate) fn stats(&self) -> &Stats {
        self.fs.stats()
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A file of it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Gives a node a value past the mount.
    #[track_caller]
    pub(crate) fn put(&self, node: &str, value: &str) {
        self.store.write(&path(node), value.as_bytes()).unwrap();
    }

    /// Makes many nodes past the mount.
    pub(crate) fn put_many(&self, nodes: impl Iterator<Item = String>) {
        let nodes: Vec<_> = nodes.collect();
        for (at, burst) in nodes.chunks(BURST).enumerate() {
            if at > 0 {
                self.quiet();
            }
            for window in burst.chunks(64) {
                let writes: Vec<_> = window
                    .iter()
                    .map(|node| self.store.submit_write(&path(node), b"v"))
                    .collect();
                for write in writes {
                    write.wait().unwrap();
                }
            }
        }
    }

    /// A node's value, asked past the mount.
    #[track_caller]
    pub(crate) fn get(&self, node: &str) -> String {
        String::from_utf8(self.store.read(&path(node)).unwrap()).unwrap()
    }

    /// Sets a node's permissions past the mount.
    pub(crate) fn perms(&self, node: &str, perms: &str) {
        let perms = Perms::parse(perms).unwrap();
        self.store.set_perms(&path(node), &perms).unwrap();
    }

    /// A node's permissions, asked past the mount.
    pub(crate) fn perms_of(&self, node: &str) -> String {
        self.store.perms(&path(node)).unwrap().to_string()
    }

    /// Waits until something is so.
    #[track_caller]
    pub(crate) fn until(is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(Instant::now() < deadline, "it never became so");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until the mount has dealt with all events of changes that are done.
    #[track_caller]
    pub(crate) fn quiet(&self) {
        self.put("/sentinel", "");
        let sentinel = File::open(self.file("sentinel")).unwrap();
        self.put("/sentinel", "4");
        // Whichever of the two events this tells, those of all changes before have come.
        let mut polled = [PollFd::new(&sentinel, PollFlags::PRI)];
        let patience = Timespec::try_from(Duration::from_secs(20)).unwrap();
        assert_eq!(poll(&mut polled, Some(&patience)), Ok(1), "no event came");
        let events = self.stats().events.get();
        self.store.rm(&path("/sentinel")).unwrap();
        Self::until(|| self.stats().events.get() > events && self.stats().queue.get() == 0);
    }

    /// Waits until the kernel has closed every file: it tells the mount a little after `close()` has returned.
    #[track_caller]
    pub(crate) fn settled(&self) {
        Self::until(|| self.fs.open_files() == 0);
    }

    /// Runs a script with `bash` in the root of the mount.
    pub(crate) fn run(&self, script: &str) -> Ran {
        let output = Command::new("timeout")
            .args(["-k", "1", "60", "bash", "-c", script])
            .current_dir(self.path())
            .env("LC_ALL", "C")
            .output();
        // Even the root can be out of reach for a moment, when the store is.
        let output = match output {
            Err(error) => {
                return Ran {
                    out: String::new(),
                    err: error.to_string(),
                    status: -1,
                };
            }
            Ok(output) => output,
        };
        Ran {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            status: output.status.code().unwrap_or(-1),
        }
    }

    /// Runs a script that must succeed without a word on standard error, and returns what it printed.
    #[track_caller]
    pub(crate) fn sh(&self, script: &str) -> String {
        let ran = self.run(script);
        assert!(ran.status == 0 && ran.err.is_empty(), "{script}\n{ran:#?}");
        ran.out
    }

    /// Runs a script that must fail, and returns what it said on standard error.
    #[track_caller]
    pub(crate) fn fails(&self, script: &str) -> String {
        let ran = self.run(script);
        assert!(ran.status != 0 && ran.status != 124, "{script}\n{ran:#?}");
        ran.err
    }
}

impl Mount {
    /// Waits until the session has ended.
    #[track_caller]
    pub(crate) fn ended(&self) {
        let ended = self.ended.lock().unwrap();
        ended.recv_timeout(Duration::from_secs(20)).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.mounted.unmount().is_err() {
            drop(
                Command::new("umount")
                    .arg("-l")
                    .arg(self.directory.path())
                    .status(),
            );
        }
        self.live.release();
        // Another mount at the same place, or a file of it that is open somewhere, keeps the session.
        let ended = self.ended.get_mut().unwrap();
        ended
            .recv_timeout(Duration::from_secs(5))
            .unwrap_or_default();
    }
}

/// Runs `test` on a mount of a fresh store of each kind; a visible skip where nothing can be mounted.
pub(crate) fn for_each_mount(test: impl Fn(&Mount)) {
    for_each_mount_with(&Settings::default(), test);
}

/// The same with settings.
pub(crate) fn for_each_mount_with(settings: &Settings, test: impl Fn(&Mount)) {
    if requires_fuse() {
        for_each_store(|store| test(&Mount::with(store, settings)));
    }
}

/// A path of the store.
pub(crate) fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

/// A generator of small numbers (xorshift), the same in every run.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}
