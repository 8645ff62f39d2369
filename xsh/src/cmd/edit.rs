//! `edit`: nodes in a text editor.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use xenbus::document::{Document, Entry, Format, Mode, Plan};
use xenbus::tree::{Snapshot, WalkOptions};
use xenbus::{Operations as _, StorePath};

use super::{Args, Changes, Command, Group, Kind, Operand, document, switch};
use crate::exit::{Exit, Failure, Outcome, say};
use crate::shell::Shell;

pub(super) const EDIT: Command = Command {
    name: "edit",
    aliases: &[],
    group: Group::Change,
    summary: "change nodes in a text editor",
    options: &[
        switch(
            'r',
            "recursive",
            "PATH and all below it, with permissions, as a document",
        ),
        switch('f', "force", "Apply the changes without asking"),
    ],
    operands: &[Operand::maybe("PATH", Kind::Path)],
    text: "Opens the value of PATH (by default the current node) in $VISUAL, $EDITOR or vi. When the editor ends, what changed is shown, \
           and after a question made in one transaction; not if somebody has changed the same nodes meanwhile. With -r it \
           is a document as 'export' writes it: values, permissions, lines added and removed. A value that is no plain \
           text is always edited as a document.",
    examples: &[
        ("edit @1/name", "a value"),
        ("edit -r @1/device/vif/0", "a device with its permissions"),
    ],
    changes: Changes::Nodes,
    run: edit,
};

fn edit(shell: &mut Shell, args: &Args) -> Outcome {
    let path = match args.operands.len() {
        0 => shell.cwd.clone(),
        _ => args.path(shell, 0)?,
    };
    let ops = shell.ops()?;
    if args.has("recursive") {
        let snapshot = Snapshot::take(&ops, &path, WalkOptions::full())?;
        return edit_document(shell, args, &Document::from(&snapshot));
    }
    let value = match ops.read(&path) {
        Ok(value) => value,
        Err(error) if error.is_not_found() => return edit_new(shell, args, &path),
        Err(error) => return Err(error.into()),
    };
    let mut old = whole(&path)?;
    let entry = |value: Vec<u8>| Entry {
        value: Some(value),
        ..Entry::default()
    };
    old.insert(path.clone(), entry(value.clone()));
    let is_plain = str::from_utf8(&value).is_ok_and(|text| {
        text.chars()
            .all(|c| !c.is_control() || matches!(c, '\n' | '\t'))
    });
    if !is_plain {
        return edit_document(shell, args, &old);
    }
    let file = Scratch::new("txt", &with_newline(&value))?;
    file.edit()?;
    let text = file.read()?;
    let text = if value.ends_with(b"\n") {
        text
    } else {
        without_newline(text)
    };
    let mut new = whole(&path)?;
    new.insert(path, entry(text));
    finish(shell, args, &file, &old, &new)
}

/// A node that is not there yet.
fn edit_new(shell: &mut Shell, args: &Args, path: &StorePath) -> Outcome {
    say(&format!("{path} is new"));
    let file = Scratch::new("txt", b"")?;
    file.edit()?;
    let value = without_newline(file.read()?);
    let mut new = whole(path)?;
    new.insert(
        path.clone(),
        Entry {
            value: Some(value),
            ..Entry::default()
        },
    );
    finish(shell, args, &file, &whole(path)?, &new)
}

fn edit_document(shell: &mut Shell, args: &Args, old: &Document) -> Outcome {
    let mut text = Vec::new();
    old.write(&mut text, Format::Yaml)?;
    let file = Scratch::new("yaml", &text)?;
    loop {
        file.edit()?;
        match Document::parse(&file.read()?) {
            Ok(new) if new.root() == old.root() => return finish(shell, args, &file, old, &new),
            Ok(_) => say("the root of a document that is edited has to stay"),
            Err(error) => say(&error.to_string()),
        }
        let again = shell.may_ask() && shell.confirm("Edit it again?", false).is_ok();
        if !again {
            let kept = file.keep();
            return Err(Failure::usage(format!(
                "nothing was changed; your text is in {kept}"
            )));
        }
    }
}

/// Shows what changed, asks, and does it.
fn finish(
    shell: &mut Shell,
    args: &Args,
    file: &Scratch,
    old: &Document,
    new: &Document,
) -> Outcome {
    let plan = Plan::between(old, new, Mode::Replace);
    if plan.is_empty() {
        say("nothing was changed");
        return Ok(Exit::SUCCESS);
    }
    document::show(shell, plan.changes(), None)?;
    shell.out.flush()?;
    if shell.settings.dry_run {
        return Ok(Exit::SUCCESS);
    }
    let done = shell
        .confirm("Make these changes?", args.has("force"))
        .and_then(|()| document::commit(shell, &format!("edit {}", old.root()), &plan));
    done.map_err(|failure| failure.hint(format!("your text is in {}", file.keep())))?;
    Ok(Exit::SUCCESS)
}

fn whole(path: &StorePath) -> Result<Document, Failure> {
    Document::new(path.clone())
        .ok_or_else(|| Failure::usage(format!("{path} is no node whose value can be edited")))
}

fn with_newline(value: &[u8]) -> Vec<u8> {
    let mut text = value.to_vec();
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text
}

fn without_newline(mut text: Vec<u8>) -> Vec<u8> {
    if text.last() == Some(&b'\n') {
        text.pop();
    }
    text
}

/// A file for an editor, for the user alone; it goes when it is dropped, unless it is kept.
struct Scratch {
    path: PathBuf,
    kept: std::cell::Cell<bool>,
}

impl Scratch {
    fn new(extension: &str, bytes: &[u8]) -> Result<Self, Failure> {
        let directory = std::env::temp_dir();
        let mut tries = 0;
        loop {
            let name = format!("xsh-{}-{tries}.{extension}", std::process::id());
            let path = directory.join(name);
            let made = std::fs::File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match made {
                Ok(mut file) => {
                    let scratch = Self {
                        path,
                        kept: std::cell::Cell::new(false),
                    };
                    file.write_all(bytes).map_err(|error| {
                        Failure::io("cannot write a file for the editor", &error)
                    })?;
                    return Ok(scratch);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && tries < 100 => {
                    tries += 1;
                }
                Err(error) => return Err(Failure::io("cannot make a file for the editor", &error)),
            }
        }
    }

    /// Runs the editor on it.
    fn edit(&self) -> Result<(), Failure> {
        let editor = ["VISUAL", "EDITOR"]
            .into_iter()
            .filter_map(std::env::var_os)
            .find(|name| !name.is_empty())
            .unwrap_or_else(|| OsString::from("vi"));
        // By the shell, because the variable may hold options as well.
        let mut line = editor.clone();
        line.push(" \"$1\"");
        let status = Process::new("/bin/sh")
            .args([
                OsStr::new("-c"),
                &line,
                OsStr::new("sh"),
                self.path.as_os_str(),
            ])
            .status()
            .map_err(|error| Failure::io("cannot run /bin/sh", &error))?;
        if status.success() {
            return Ok(());
        }
        let editor = crate::exit::shown(editor.as_encoded_bytes());
        Err(Failure::new(
            Exit::FAILURE,
            format!("the editor '{editor}' ended with {status}; nothing was changed"),
        ))
    }

    fn read(&self) -> Result<Vec<u8>, Failure> {
        crate::shell::read_file(self.path.as_os_str().as_encoded_bytes())
    }

    /// Leaves the file where it is; its name.
    fn keep(&self) -> String {
        self.kept.set(true);
        self.path().display().to_string()
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.kept.get() {
            // Somebody else may have removed it.
            drop(std::fs::remove_file(&self.path));
        }
    }
}
