//! `wait`.

use std::time::Instant;

use regex::bytes::Regex;
use xenbus::watch::WatchOptions;
use xenbus::{Client, ErrorKind, Operations as _, StorePath};

use super::find::regex;
use super::{Args, Changes, Command, Group, Kind, Operand, switch, valued};
use crate::exit::{Exit, Failure, Outcome};
use crate::shell::Shell;

pub(super) const WAIT: Command = Command {
    name: "wait",
    aliases: &[],
    group: Group::Watch,
    summary: "wait until nodes are there, or have a value",
    options: &[
        valued(
            't',
            "timeout",
            ("SECS", Kind::Seconds),
            "Give up after SECS seconds, with code 124",
        ),
        valued(
            'm',
            "match",
            ("REGEX", Kind::Text),
            "Until the value of every PATH matches REGEX",
        ),
        switch('g', "gone", "Until they are not there"),
        switch('a', "any", "Until it holds for one of them"),
        switch(
            'c',
            "changed",
            "Until the value differs from what it is now",
        ),
    ],
    operands: &[Operand::some("PATH[=VALUE]", Kind::Path)],
    text: "Returns at once if it holds already. PATH=VALUE waits for that value, PATH for the node. The store is told once \
           and asked again only when something changed.",
    examples: &[
        (
            "wait -t 30 @1/device/vbd/51712/state=4",
            "until a disk is connected",
        ),
        ("wait -g /local/domain/7", "until a domain is gone"),
    ],
    changes: Changes::Nothing,
    run: wait,
};

/// What is waited for.
enum Goal {
    There,
    Gone,
    Value(Vec<u8>),
    Matches(Regex),
    Differs(Option<Vec<u8>>),
}

impl Goal {
    fn holds(&self, client: &Client, path: &StorePath) -> Result<bool, Failure> {
        let value = read(client, path)?;
        Ok(match self {
            Self::There => value.is_some(),
            Self::Gone => value.is_none(),
            Self::Value(wanted) => value.as_ref() == Some(wanted),
            Self::Matches(wanted) => value.is_some_and(|value| wanted.is_match(&value)),
            Self::Differs(from) => value != *from,
        })
    }
}

/// A value, if the node is there.
fn read(client: &Client, path: &StorePath) -> Result<Option<Vec<u8>>, Failure> {
    match client.read(path) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn wait(shell: &mut Shell, args: &Args) -> Outcome {
    let deadline = args
        .seconds("timeout")?
        .map(|timeout| Instant::now() + timeout);
    let client = shell.client()?;
    let bell = shell.interrupt.bell();
    let mut goals = Vec::new();
    for operand in &args.operands {
        let at = operand.bytes.iter().position(|byte| *byte == b'=');
        let (path, value) = match at {
            Some(at) => (&operand.bytes[..at], Some(operand.bytes[at + 1..].to_vec())),
            None => (&operand.bytes[..], None),
        };
        let paths = if operand.is_pattern && value.is_none() {
            shell.glob(path)?
        } else {
            vec![shell.resolve(path)?]
        };
        for path in paths {
            let goal = match (&value, args.text("match")?) {
                (Some(_), Some(_)) => return Err(args.wrong("give either =VALUE or --match")),
                (Some(value), None) => Goal::Value(value.clone()),
                (None, Some(text)) => Goal::Matches(regex(args, text, false)?),
                (None, None) if args.has("gone") => Goal::Gone,
                (None, None) if args.has("changed") => Goal::Differs(read(&client, &path)?),
                (None, None) => Goal::There,
            };
            goals.push((path, goal));
        }
    }
    // Set before the first look, so that nothing falls between.
    let mut watches = Vec::new();
    for (path, _) in &goals {
        let mut options = WatchOptions::default();
        options.bell = Some(bell.clone());
        options.depth = Some(0);
        watches.push(client.watch_with(path, options)?);
    }
    // A domain's end takes nodes away without events; a guest may not be told.
    let mut options = WatchOptions::default();
    options.bell = Some(bell.clone());
    match client.watch_with(&StorePath::release_domain(), options) {
        Ok(watch) => watches.push(watch),
        Err(error) if error.kind() == ErrorKind::Denied => {}
        Err(error) if error.errno().is_some() => {}
        Err(error) => return Err(error.into()),
    }
    loop {
        shell.interrupt.check()?;
        for watch in &watches {
            while watch.try_next()?.is_some() {}
        }
        let mut done = true;
        for (path, goal) in &goals {
            let holds = match goal.holds(&client, path) {
                Ok(holds) => holds,
                // The client connects again by itself, and the watches tell when it has.
                Err(failure) if failure.exit() == Exit::UNREACHABLE => false,
                Err(failure) => return Err(failure),
            };
            if holds && args.has("any") {
                return Ok(Exit::SUCCESS);
            }
            done &= holds;
        }
        if done && !args.has("any") {
            return Ok(Exit::SUCCESS);
        }
        if !bell.wait_until(deadline) {
            return Ok(Exit::TIMEOUT);
        }
    }
}
