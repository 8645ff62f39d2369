//! `xenstore-control`.

use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, Instant};

use xenbus::wire::Op;

use super::options::number;
use super::store::{Store, ask, error_text};
use super::{Call, Result, Stop, flush, print};

/// The store refused.
const REFUSED: u8 = 3;

/// Sends a command to the daemon and prints its answer.
pub(super) fn run(call: &Call, arguments: &[Vec<u8>]) -> Result<u8> {
    let Some((command, rest)) = arguments.split_first() else {
        let program = call.program.as_bytes();
        say(&[b"Usage:\n", program, b" <command> [<arg>...]"].concat());
        return Ok(2);
    };
    let store = Store::open().map_err(|_| {
        say(b"Failed to contact Xenstored.");
        Stop(1)
    })?;
    let control = Control { store: &store };
    if command == b"live-update" {
        return control.live_update(rest);
    }
    match control.send(command, rest) {
        Ok(answer) if answer.is_empty() => Ok(0),
        Ok(mut answer) => {
            answer.push(b'\n');
            let mut stdout = io::stdout().lock();
            print(&mut stdout, &answer)?;
            flush(&mut stdout)?;
            Ok(0)
        }
        Err(errno) if errno == rustix::io::Errno::INVAL.raw_os_error() => {
            match control.send(b"help", &[]) {
                Ok(help) => {
                    say(&[b"Command not supported. Valid commands are:\n", &help[..]].concat());
                }
                Err(_) => say(b"Error when executing command."),
            }
            Ok(REFUSED)
        }
        Err(errno) => {
            say(format!("Error {errno} when trying to execute command.").as_bytes());
            Ok(REFUSED)
        }
    }
}

struct Control<'a> {
    store: &'a Store,
}

impl Control<'_> {
    /// The answer up to its first NUL, or the number of an error.
    fn send(&self, command: &[u8], arguments: &[Vec<u8>]) -> std::result::Result<Vec<u8>, i32> {
        let mut rest = Vec::new();
        for argument in arguments {
            rest.extend_from_slice(argument);
            rest.push(0);
        }
        let mut answer = ask(&self.store.client, Op::CONTROL, command, &rest)?;
        let end = answer.iter().position(|b| *b == 0);
        answer.truncate(end.unwrap_or(answer.len()));
        Ok(answer)
    }

    /// Replaces the daemon by another program that goes on with its store and its clients.
    fn live_update(&self, arguments: &[Vec<u8>]) -> Result<u8> {
        let (mut binary, mut command_line, mut seconds, mut force) = (None, None, 60, false);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_slice() {
                b"-c" => command_line = Some(value(rest.next(), "command line")?),
                b"-t" => seconds = number(value(rest.next(), "timeout")?),
                b"-F" => force = true,
                _ => binary = Some(argument.as_slice()),
            }
        }
        let Some(binary) = binary else {
            say(b"Missing binary specification");
            return Ok(2);
        };
        if ask(&self.store.client, Op::READ, b"/tool/xenstored/domid", b"").is_ok() {
            say(b"xenstored runs in a domain of its own; this tool cannot update that");
            return Ok(1);
        }
        if !self.is_ok("Setting update binary", &[b"-f", binary]) {
            return Ok(REFUSED);
        }
        let set =
            command_line.is_none_or(|line| self.is_ok("Setting update binary", &[b"-c", line]));
        if set && self.start(seconds, force) {
            return Ok(0);
        }
        drop(self.send(b"live-update", &[b"-a".to_vec()]));
        Ok(REFUSED)
    }

    /// Starts the update; tries again while the daemon says that it is busy.
    fn start(&self, seconds: i32, force: bool) -> bool {
        let seconds_text = seconds.cast_unsigned().to_string();
        let mut arguments = vec![&b"-s"[..], b"-t", seconds_text.as_bytes()];
        if force {
            arguments.push(b"-F");
        }
        let arguments: Vec<_> = arguments.into_iter().map(<[u8]>::to_vec).collect();
        let limit = Duration::from_secs(u64::from(seconds.cast_unsigned()));
        let start = Instant::now();
        let mut answer = Ok(b"BUSY".to_vec());
        while start.elapsed() < limit {
            answer = self.send(b"live-update", &arguments);
            if !answer.as_ref().is_ok_and(|answer| answer == b"BUSY") {
                break;
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        is_ok("Starting live update", answer)
    }

    fn is_ok(&self, what: &str, arguments: &[&[u8]]) -> bool {
        let arguments: Vec<_> = arguments.iter().map(|a| a.to_vec()).collect();
        is_ok(what, self.send(b"live-update", &arguments))
    }
}

fn is_ok(what: &str, answer: std::result::Result<Vec<u8>, i32>) -> bool {
    let reason = match answer {
        Ok(answer) if answer == b"OK" => return true,
        Ok(answer) => answer,
        Err(errno) => error_text(errno).into_bytes(),
    };
    say(&[what.as_bytes(), b" failed:\n", &reason].concat());
    false
}

fn value<'a>(argument: Option<&'a Vec<u8>>, what: &str) -> Result<&'a [u8]> {
    argument.map(Vec::as_slice).ok_or_else(|| {
        say(format!("Missing {what} value").as_bytes());
        Stop(2)
    })
}

/// A line on standard error. With standard error closed there is nobody to tell.
fn say(text: &[u8]) {
    drop(io::stderr().lock().write_all(&[text, b"\n"].concat()));
}
