//! `xsh completions`: what the outer shells should know about us, and the words that they then ask for.
//!
//! The scripts know nothing themselves: they hand the words of the line to `xsh complete-words`, which answers from the
//! registry, the command line and the store.

use std::ffi::OsString;
use std::io::Write as _;

use clap::{CommandFactory, Parser as _};
use xenbus::cli::ConnectArgs;
use xenbus::store::{Server, StoreOptions};
use xenbus::{Client, ClientOptions, DomId, Operations as _, StorePath};

use crate::cli::{Cli, OuterShell};
use crate::cmd;
use crate::editor::{Lookup, Scene, complete_line};
use crate::exit::{Exit, say};
use crate::shell::{Settings, alias_words};
use crate::token::quote;

/// Prints the script of a shell.
pub(crate) fn run(shell: OuterShell) -> Exit {
    print(match shell {
        OuterShell::Bash => include_bytes!("completions/bash"),
        OuterShell::Zsh => include_bytes!("completions/zsh"),
        OuterShell::Fish => include_bytes!("completions/fish"),
    })
}

/// Prints what the last word may become, a candidate on each line.
pub(crate) fn words(words: &[OsString]) -> Exit {
    let words: Vec<_> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let Some((current, before)) = words.split_last() else {
        return Exit::SUCCESS;
    };
    let mut text = String::new();
    for candidate in candidates(current, before) {
        // A name of a file may hold anything; a line is a candidate.
        if !candidate.chars().any(char::is_control) {
            text += &(candidate + "\n");
        }
    }
    print(text.as_bytes())
}

fn print(bytes: &[u8]) -> Exit {
    match std::io::stdout().write_all(bytes) {
        Ok(()) => Exit::SUCCESS,
        // A reader that had enough is no failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::SUCCESS,
        Err(error) => {
            say(&format!("xsh: cannot print the completions: {error}"));
            Exit::FAILURE
        }
    }
}

fn candidates(current: &str, before: &[String]) -> Vec<String> {
    let line = Cli::command();
    let starting = |words: Vec<String>| -> Vec<String> {
        words
            .into_iter()
            .filter(|word| word.starts_with(current))
            .collect()
    };
    // Our own options stand before the command.
    let mut at = 0;
    while let Some(word) = before.get(at).filter(|word| word.starts_with('-')) {
        at += 1;
        if takes_value(&line, word) {
            match before.get(at) {
                Some(_) => at += 1,
                None => return starting(values(&line, word)),
            }
        }
    }
    let Some(command) = before.get(at) else {
        if current.starts_with('-') {
            return starting(options(&line));
        }
        let own = line.get_subcommands().filter(|own| !own.is_hide_set());
        let own = own.map(|own| own.get_name().to_owned());
        return starting(own.chain(cmd::names().map(str::to_owned)).collect());
    };
    let connect = || connect_args(&before[..at]);
    if let Some(own) = line.find_subcommand(command) {
        if current.starts_with('-') && command != "compat" {
            return starting(options(own));
        }
        let last = before
            .last()
            .filter(|last| before.len() > at + 1 && takes_value(own, last));
        if let Some(last) = last {
            return starting(values(own, last));
        }
        if before.len() == at + 1 {
            return starting(positional(own));
        }
        // The tools of xenstore-utils take paths.
        return if command == "compat" {
            of_line(&connect(), "cat ", current)
        } else {
            Vec::new()
        };
    }
    let quoted: Vec<_> = before[at..]
        .iter()
        .map(|word| quote(word.as_bytes()))
        .collect();
    of_line(&connect(), &(quoted.join(" ") + " "), current)
}

/// What the prompt would offer for the last word of a line.
fn of_line(connect: &ConnectArgs, before: &str, current: &str) -> Vec<String> {
    let Some(client) = client(connect) else {
        return Vec::new();
    };
    let own = client.own_domid().ok();
    let Ok(lookup) = Lookup::start(client) else {
        return Vec::new();
    };
    let scene = Scene {
        cwd: StorePath::root(),
        last: String::new(),
        own,
        aliases: std::collections::BTreeSet::new(),
        settings: Settings::default(),
        has_color: false,
        lookup,
    };
    let line = format!("{before}{current}");
    let (start, replacements) = complete_line(&scene, &line);
    replacements
        .into_iter()
        .filter_map(|replacement| {
            let kept = line.get(before.len()..start).unwrap_or_default();
            plain(&format!("{kept}{}", replacement.trim_end()))
        })
        .collect()
}

/// A word of our language as the bytes that it stands for.
fn plain(word: &str) -> Option<String> {
    if !word.contains(['"', '\'', '\\']) {
        return Some(word.to_owned());
    }
    let words = alias_words(word).ok()?;
    let text = words.first()?.text()?;
    String::from_utf8(text).ok()
}

/// The store, or an empty one where there is none: commands and options are known without it.
fn client(connect: &ConnectArgs) -> Option<Client> {
    if let Ok(client) = connect.client() {
        return Some(client);
    }
    let server = Server::start(StoreOptions::default()).ok()?;
    Client::with_connector(server.connector(DomId::DOM0), ClientOptions::default()).ok()
}

fn connect_args(options: &[String]) -> ConnectArgs {
    let words = ["xsh"]
        .into_iter()
        .chain(options.iter().map(String::as_str));
    let parsed = Cli::try_parse_from(words.chain(["pwd"]));
    parsed.map(|cli| cli.connect).unwrap_or_default()
}

fn options(command: &clap::Command) -> Vec<String> {
    let arguments = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set());
    let longs = arguments.filter_map(clap::Arg::get_long);
    longs
        .chain(["help"])
        .map(|long| format!("--{long}"))
        .collect()
}

fn find<'a>(command: &'a clap::Command, option: &str) -> Option<&'a clap::Arg> {
    command.get_arguments().find(|argument| {
        let long = argument.get_long().map(|long| format!("--{long}"));
        let short = argument.get_short().map(|short| format!("-{short}"));
        [long, short].contains(&Some(option.to_owned()))
    })
}

fn takes_value(command: &clap::Command, option: &str) -> bool {
    find(command, option).is_some_and(|argument| {
        argument.get_action().takes_values() && !argument.is_require_equals_set()
    })
}

fn values(command: &clap::Command, option: &str) -> Vec<String> {
    find(command, option).map(possible).unwrap_or_default()
}

fn positional(command: &clap::Command) -> Vec<String> {
    command
        .get_positionals()
        .next()
        .map(possible)
        .unwrap_or_default()
}

fn possible(argument: &clap::Arg) -> Vec<String> {
    let values = argument.get_possible_values();
    values
        .iter()
        .map(|value| value.get_name().to_owned())
        .collect()
}
