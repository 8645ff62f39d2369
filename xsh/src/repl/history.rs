//! The lines of the prompt: in a file for the user alone, which several shells share.

use std::path::PathBuf;

use rustyline::Editor;
use rustyline::history::{FileHistory, History as _};

use super::HISTORY_MAX;
use crate::editor::Assistant;
use crate::shell::Shell;

/// The file of the lines; none if there is no place for it.
pub(super) struct Lines {
    file: Option<PathBuf>,
}

impl Lines {
    /// Reads what earlier sessions left.
    pub(super) fn open(editor: &mut Editor<Assistant, FileHistory>, shell: &mut Shell) -> Self {
        let file = directory("XDG_STATE_HOME", ".local/state").and_then(|directory| {
            use std::os::unix::fs::DirBuilderExt as _;
            // A home that cannot be written has no history, and that is no error.
            let made = std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&directory);
            made.ok().map(|()| directory.join("history"))
        });
        if let Some(file) = &file {
            // There is none the first time.
            drop(editor.load_history(file));
        }
        shell.history = editor.history().iter().cloned().collect();
        Self { file }
    }

    /// Keeps a line, unless it begins with a space.
    pub(super) fn add(
        &self,
        editor: &mut Editor<Assistant, FileHistory>,
        shell: &mut Shell,
        line: &str,
    ) {
        if line.trim().is_empty() || line.starts_with(' ') {
            return;
        }
        // Fails only in memory that is not there.
        if editor.add_history_entry(line).unwrap_or(false) {
            shell.history.push_back(line.to_owned());
            while shell.history.len() > HISTORY_MAX {
                shell.history.pop_front();
            }
        }
        if let Some(file) = &self.file {
            drop(editor.append_history(file));
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&self, editor: &mut Editor<Assistant, FileHistory>) {
        drop(editor.history_mut().clear());
        if let Some(file) = &self.file {
            drop(std::fs::remove_file(file));
        }
    }
}

/// Our directory below one of the XDG base directories; `None` without a home.
pub(super) fn directory(variable: &str, default: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let base = absolute(variable).or_else(|| Some(absolute("HOME")?.join(default)))?;
    Some(base.join("xsh"))
}
