//! Files that readers never see half written.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// Files below a directory, and what they hold.
pub(super) struct Files {
    root: PathBuf,
    /// Where new contents are written before they take their place.
    fresh: PathBuf,
    held: HashMap<String, String>,
}

/// Contents that stand for a link to another place.
pub(super) const LINK: &str = "-> ";

impl Files {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            fresh: root.join("sys/.fresh"),
            held: HashMap::new(),
        }
    }

    /// Gives a file new contents, if it has others.
    pub(super) fn put(&mut self, path: &str, text: String) -> io::Result<()> {
        if self.held.get(path) == Some(&text) {
            return Ok(());
        }
        let place = self.root.join(path);
        if !self.held.contains_key(path)
            && let Some(above) = place.parent()
        {
            std::fs::create_dir_all(above)?;
        }
        if let Some(target) = text.strip_prefix(LINK) {
            symlink(target, &place)?;
        } else {
            let mut options = std::fs::OpenOptions::new();
            // debugfs shows the rings to root alone.
            let mode = if path.contains("/io_ring_q") {
                0o600
            } else {
                0o644
            };
            options.write(true).create(true).truncate(true).mode(mode);
            io::Write::write_all(&mut options.open(&self.fresh)?, text.as_bytes())?;
            std::fs::rename(&self.fresh, &place)?;
        }
        self.held.insert(path.to_owned(), text);
        Ok(())
    }

    /// Takes a file away, and directories that are empty then.
    pub(super) fn remove(&mut self, path: &str) {
        self.held.remove(path);
        let place = self.root.join(path);
        // What somebody else took away is gone as well.
        drop(std::fs::remove_file(&place));
        let mut above = place.parent();
        while let Some(directory) = above.filter(|above| *above != self.root) {
            if std::fs::remove_dir(directory).is_err() {
                break;
            }
            above = directory.parent();
        }
    }
}
