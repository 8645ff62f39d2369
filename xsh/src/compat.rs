//! The drop-in for xenstore-utils: called as `xenstore-read`, `xenstore-ls`, … (or `xsh compat NAME`), it takes the
//! same arguments and gives the same output, errors and exit status as the programs of Xen 4.17.
//!
//! What differs, and why, is in [`DEVIATIONS`]; the tests compare everything else with the originals, on every store.

mod chmod;
mod control;
mod escape;
mod getopt;
mod list;
mod options;
mod rm;
mod store;
mod value;
mod watch;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use options::Options;
use store::Store;

/// What is done otherwise than by the programs of Xen 4.17: the tool, what, and why.
pub(crate) const DEVIATIONS: &[(&str, &str, &str)] = &[
    (
        "watch",
        "-d DEPTH, --depth DEPTH limits how many levels below the path count",
        "as in Xen 4.22; where the store cannot do it, its events are filtered",
    ),
    (
        "watch",
        "a lost daemon is waited for, the watches are set again, and each path is printed once more",
        "the original goes on at full speed without ever printing again",
    ),
    (
        "watch",
        "events of several watched paths that come at once may be printed in another order",
        "each path has a queue of its own",
    ),
    (
        "list",
        "-p / prints /name",
        "as in Xen 4.22; the original prints //name, which is no path",
    ),
    (
        "ls",
        "a node that goes while it is printed is left out",
        "the original prints half of it",
    ),
    (
        "list, ls, chmod -r, rm -t",
        "children whose names are more than 4096 bytes are listed on oxenstored as well",
        "the original fails with \"Bad file descriptor\"",
    ),
    (
        "chmod -r",
        "paths may be longer than 255 bytes",
        "the original cuts them and sets the permissions of another node, or fails",
    ),
    (
        "rm",
        "the root is refused on oxenstored as it is on C xenstored",
        "the original empties the whole store",
    ),
    (
        "all",
        "XENSTORED_PATH has to name a socket or a device",
        "the original writes its request into whatever file it names",
    ),
    (
        "control",
        "live-update of a xenstored that runs in a domain of its own is refused",
        "it needs a builder of domains",
    ),
];

/// One of the programs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tool {
    Read,
    Write,
    Ls,
    List,
    Exists,
    Rm,
    Chmod,
    Watch,
    Control,
}

impl Tool {
    /// What all names begin with.
    pub(crate) const PREFIX: &str = "xenstore-";

    /// Every program, by its name.
    pub(crate) const ALL: [(&str, Self); 9] = [
        ("xenstore-read", Self::Read),
        ("xenstore-write", Self::Write),
        ("xenstore-ls", Self::Ls),
        ("xenstore-list", Self::List),
        ("xenstore-exists", Self::Exists),
        ("xenstore-rm", Self::Rm),
        ("xenstore-chmod", Self::Chmod),
        ("xenstore-watch", Self::Watch),
        ("xenstore-control", Self::Control),
    ];

    fn named(name: &[u8]) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(known, tool)| (known.as_bytes() == name).then_some(tool))
    }

    /// By its name without the prefix.
    fn mode(name: &[u8]) -> Option<Self> {
        Self::named(&[Self::PREFIX.as_bytes(), name].concat())
    }
}

/// How a program was called.
pub(crate) struct Call {
    /// Its first argument, the name that it was called by.
    program: OsString,
    /// The name that options are said to belong to.
    options_of: OsString,
    /// `read ` where the program is `xenstore` and the tool its first argument.
    mode: String,
}

impl Call {
    /// The name without directories, which stands before every error.
    fn short(&self) -> &[u8] {
        base_name(&self.program)
    }
}

/// Why a tool ends early: its exit status, after what it said.
pub(crate) struct Stop(u8);

/// Result of a part of a tool.
pub(crate) type Result<T> = std::result::Result<T, Stop>;

/// If the arguments are those of a program of xenstore-utils (by the name in the first), runs it.
pub(crate) fn run_if_called(mut arguments: impl Iterator<Item = OsString>) -> Option<u8> {
    let program = arguments.next()?;
    let name = base_name(&program);
    if name == b"xenstore" {
        return Some(multi(program, arguments));
    }
    let tool = Tool::named(name)?;
    Some(single(tool, program, arguments))
}

/// `xsh compat NAME …`: as if called `xenstore-NAME …`.
pub(crate) fn run_named(name: &str, arguments: Vec<OsString>) -> u8 {
    match Tool::named(name.as_bytes()) {
        Some(tool) => single(tool, name.into(), arguments.into_iter()),
        // The command line knows only names of tools.
        None => 2,
    }
}

fn single(tool: Tool, program: OsString, arguments: impl Iterator<Item = OsString>) -> u8 {
    let call = Call {
        options_of: program.clone(),
        program,
        mode: String::new(),
    };
    finish(tool, &call, arguments.collect())
}

/// The program `xenstore`, whose first argument says which tool.
fn multi(program: OsString, mut arguments: impl Iterator<Item = OsString>) -> u8 {
    let name = arguments.next();
    let mut call = Call {
        options_of: name.clone().unwrap_or_default(),
        program,
        mode: String::new(),
    };
    let Some(name) = name else {
        let text = [b"Usage: ", call.program.as_bytes(), b" <mode> [-h] [...]"].concat();
        return call.stop(&text).0;
    };
    match Tool::mode(name.as_bytes()) {
        // The original has no mode for it.
        None | Some(Tool::Control) => {
            let text = [b"unknown mode ", name.as_bytes(), b"\n"].concat();
            call.stop(&text).0
        }
        Some(tool) => {
            call.mode = format!("{} ", name.to_string_lossy());
            finish(tool, &call, arguments.collect())
        }
    }
}

fn finish(tool: Tool, call: &Call, arguments: Vec<OsString>) -> u8 {
    let arguments: Vec<_> = arguments.into_iter().map(OsString::into_vec).collect();
    match run(tool, call, arguments) {
        Ok(status) | Err(Stop(status)) => status,
    }
}

fn run(tool: Tool, call: &Call, arguments: Vec<Vec<u8>>) -> Result<u8> {
    if tool == Tool::Control {
        return control::run(call, &arguments);
    }
    let options = Options::parse(tool, call, arguments)?;
    let store = || Store::open().map_err(|errno| call.stop_with(errno, b"xs_open"));
    match tool {
        Tool::Read => value::read(call, &store()?, &options),
        Tool::Write => value::write(call, &store()?, &options),
        Tool::Exists => value::exists(call, &store()?, &options),
        Tool::List => list::list(call, &store()?, &options),
        Tool::Ls => list::ls(call, &store()?, &options),
        Tool::Rm => rm::run(call, &store()?, &options),
        Tool::Chmod => chmod::run(call, &store()?, &options),
        Tool::Watch => watch::run(call, &store()?, &options),
        Tool::Control => Ok(0),
    }
}

impl Call {
    /// Says something on standard error, after the program's name.
    fn warn(&self, text: &[u8]) {
        let line = [self.short(), b": ", text, b"\n"].concat();
        // With standard error closed there is nobody to tell.
        drop(io::stderr().lock().write_all(&line));
    }

    /// As [`Call::warn`], and ends with status 1.
    fn stop(&self, text: &[u8]) -> Stop {
        self.warn(text);
        Stop(1)
    }

    /// As [`Call::stop`], with what the system calls an error.
    fn stop_with(&self, errno: i32, text: &[u8]) -> Stop {
        self.stop(&with_reason(errno, text))
    }
}

/// A text with what the system calls an error.
fn with_reason(errno: i32, text: &[u8]) -> Vec<u8> {
    [text, b": ", store::error_text(errno).as_bytes()].concat()
}

/// Writes to standard output. Whoever reads it may have had enough; then we end as the original does, by SIGPIPE.
fn print(out: &mut impl io::Write, bytes: &[u8]) -> Result<()> {
    out.write_all(bytes).map_err(|error| unwritten(&error))
}

/// Hands over what is left.
fn flush(out: &mut impl io::Write) -> Result<()> {
    out.flush().map_err(|error| unwritten(&error))
}

fn unwritten(error: &io::Error) -> Stop {
    if error.kind() == io::ErrorKind::BrokenPipe {
        // Returns only if it cannot be done.
        drop(signal_hook::low_level::emulate_default_handler(
            signal_hook::consts::SIGPIPE,
        ));
    }
    // Of a full disk the original knows nothing.
    Stop(0)
}

fn base_name(program: &OsStr) -> &[u8] {
    let bytes = program.as_bytes();
    bytes.rsplit(|b| *b == b'/').next().unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_xenstore_utils_are_taken() {
        for name in ["xsh", "xenstore-", "xenstore-frob", "xenstored", "read", ""] {
            assert!(run_if_called([name.into()].into_iter()).is_none(), "{name}");
        }
    }
}
