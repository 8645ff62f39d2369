//! A mount that goes away with the test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use fuser::{BackgroundSession, Config, MountOption, SessionACL};
use tempfile::TempDir;
use xenbus::{Client, StorePath};
use xenfs::fs::XenFs;
use xenfs::fuse::Adaptor;
use xenfs::settings::Settings;

use crate::count::Count;
use crate::stores::Store;

/// A live mount and a client beside it.
pub(crate) struct Mount {
    directory: TempDir,
    session: Option<BackgroundSession>,
    /// Sees and changes the store past the mount.
    pub(crate) store: Client,
    /// What the mount asks of the store.
    pub(crate) count: Arc<Count>,
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
    /// Mounts `store` with the default settings.
    pub(crate) fn new(store: &Store) -> Self {
        Self::with(store, Settings::default())
    }

    /// Mounts `store`.
    pub(crate) fn with(store: &Store, settings: Settings) -> Self {
        let (client, count) = store.counted();
        Self::of(client, count, store.client(), settings)
    }

    /// Mounts what `client` sees; `store` is for looking past the mount.
    pub(crate) fn of(client: Client, count: Arc<Count>, store: Client, settings: Settings) -> Self {
        let directory = TempDir::new().unwrap();
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName("xenfs".into()),
            MountOption::DefaultPermissions,
        ];
        if settings.read_only {
            config.mount_options.push(MountOption::RO);
        }
        if settings.allow_other {
            config.acl = SessionACL::All;
        }
        config.n_threads = Some(2);
        let adaptor = Adaptor::new(XenFs::new(client, settings).unwrap());
        let session = fuser::spawn_mount(adaptor, directory.path(), &config).unwrap();
        Self {
            directory,
            session: Some(session),
            store,
            count,
        }
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A file of it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Runs a script with `bash` in the root of the mount.
    pub(crate) fn run(&self, script: &str) -> Ran {
        let output = Command::new("timeout")
            .args(["-k", "1", "60", "bash", "-c", script])
            .current_dir(self.path())
            .env("LC_ALL", "C")
            .output()
            .unwrap();
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

impl Drop for Mount {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        if session.umount_and_join().is_err() {
            drop(
                Command::new("umount")
                    .arg("-l")
                    .arg(self.directory.path())
                    .status(),
            );
        }
    }
}

/// A path of the store.
pub(crate) fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}
