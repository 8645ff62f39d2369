//! Completion.

use std::time::Instant;

use rustyline::completion::{FilenameCompleter, Pair};
use xenbus::{StorePath, value::escape};

use super::cursor::{Cursor, Place, cursor};
use super::{PATIENCE, Scene};
use crate::cmd::{self, Command, Kind};
use crate::shell::SETTINGS;
use crate::token::quote;

/// Most candidates that are worth showing.
const CANDIDATES_MAX: usize = 20_000;

/// Where the word at the cursor begins, and what it may become.
pub(super) fn complete(scene: &Scene, line: &str, pos: usize) -> (usize, Vec<Pair>) {
    let deadline = Instant::now() + PATIENCE;
    let cursor = cursor(line, pos);
    let mut words = match &cursor.place {
        Place::Nothing => Vec::new(),
        Place::File => return files(line, pos),
        Place::Command => commands(scene, &cursor),
        Place::Option(command) => options(command, &cursor),
        Place::Value {
            command,
            wants,
            before,
        } => match wants {
            Kind::File => return files(line, pos),
            wants => values(scene, &cursor, command, *wants, before, deadline),
        },
    };
    words.truncate(CANDIDATES_MAX);
    let is_only = words.len() == 1;
    let pairs = words.into_iter().map(|word| Pair {
        replacement: word.quoted(&cursor, is_only),
        display: word.shown,
    });
    (cursor.span.start, pairs.collect())
}

/// A candidate.
struct Word {
    /// The text of the word.
    text: String,
    /// What the list shows.
    shown: String,
    /// Whether more may follow within the word.
    is_open: bool,
}

impl Word {
    fn whole(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            shown: text.clone(),
            text,
            is_open: false,
        }
    }

    /// The word as it has to be typed, in the quotes that are open already.
    fn quoted(&self, cursor: &Cursor, is_only: bool) -> String {
        let mut typed = match cursor.quote {
            // Paths need no escape in either.
            Some(mark) => format!("{mark}{}", self.text),
            None if self.is_open => self.text.clone(),
            None => quote(self.text.as_bytes()),
        };
        if is_only && !self.is_open {
            if let Some(mark) = cursor.quote {
                typed.push(mark);
            }
            typed.push(' ');
        }
        typed
    }
}

fn commands(scene: &Scene, cursor: &Cursor) -> Vec<Word> {
    let known: Vec<&'static str> = cmd::names().collect();
    let aliases = scene.aliases.iter().map(String::as_str);
    let mut names: Vec<&str> = aliases
        .chain(known)
        .filter(|name| name.starts_with(&cursor.text))
        .collect();
    names.sort_unstable();
    names.into_iter().map(Word::whole).collect()
}

fn options(command: &'static Command, cursor: &Cursor) -> Vec<Word> {
    let mut words = Vec::new();
    for option in command.all_options() {
        let long = format!("--{}", option.long);
        if long.starts_with(&cursor.text) {
            words.push(Word {
                shown: option
                    .short
                    .map_or_else(|| long.clone(), |short| format!("{long} (-{short})")),
                text: long,
                is_open: false,
            });
        }
    }
    words
}

fn starting(words: impl Iterator<Item = impl Into<String>>, start: &str) -> Vec<Word> {
    words
        .map(Word::whole)
        .filter(|word| word.text.starts_with(start))
        .collect()
}

fn values(
    scene: &Scene,
    cursor: &Cursor,
    command: &'static Command,
    wants: Kind,
    before: &[String],
    deadline: Instant,
) -> Vec<Word> {
    let text = &cursor.text;
    match wants {
        Kind::Path if command.name == "unwatch" && text.is_empty() => Vec::new(),
        Kind::Path => paths(scene, text, deadline),
        Kind::Word(words) => starting(words.iter().copied(), text),
        Kind::Command => {
            let names = cmd::names().chain(cmd::help::TOPICS.iter().copied());
            starting(names, text)
        }
        Kind::Setting => starting(SETTINGS.iter().map(|setting| setting.name), text),
        Kind::SettingValue => {
            let setting = SETTINGS
                .iter()
                .find(|setting| before.last().is_some_and(|name| name == setting.name));
            setting.map_or_else(Vec::new, |setting| {
                starting(setting.words.iter().copied(), text)
            })
        }
        Kind::Domain => domains(scene, text, "", deadline),
        Kind::Device => devices(scene, text, deadline),
        Kind::Perms => perms(scene, text, deadline),
        Kind::Value => {
            // The value that is there, to be changed.
            let path = before.last().and_then(|path| scene.resolve(path));
            let value = path.and_then(|path| scene.lookup.known_value(&path));
            let value = value.and_then(|value| String::from_utf8(value).ok());
            value
                .filter(|value| !value.is_empty() && value.starts_with(text))
                .map(Word::whole)
                .into_iter()
                .collect()
        }
        Kind::File | Kind::Line | Kind::Program | Kind::Number | Kind::Seconds | Kind::Text => {
            Vec::new()
        }
    }
}

/// Nodes.
fn paths(scene: &Scene, text: &str, deadline: Instant) -> Vec<Word> {
    let Some(at) = text.rfind('/') else {
        if text.starts_with('@') {
            let mut words = domains(scene, text, "@", deadline);
            words.extend(starting(
                ["@introduceDomain", "@releaseDomain"].into_iter(),
                text,
            ));
            return words;
        }
        if text.starts_with('%') {
            let mut words = names_of_domains(scene, text, deadline);
            for word in &mut words {
                word.text.push('/');
                word.is_open = true;
            }
            return words;
        }
        if text == "~" {
            return vec![Word {
                text: "~/".into(),
                shown: "~/".into(),
                is_open: true,
            }];
        }
        return children(scene, &scene.cwd, "", text, deadline);
    };
    let (above, start) = text.split_at(at + 1);
    if above.starts_with('%') {
        // So that the name can be resolved.
        scene.lookup.domains(deadline);
    }
    let node = match above.trim_end_matches('/') {
        "" => Some(StorePath::root()),
        node => scene.resolve(node),
    };
    node.map_or_else(Vec::new, |node| {
        children(scene, &node, above, start, deadline)
    })
}

fn children(
    scene: &Scene,
    node: &StorePath,
    above: &str,
    start: &str,
    deadline: Instant,
) -> Vec<Word> {
    let Some(children) = scene.lookup.children(node, deadline) else {
        return Vec::new();
    };
    let from = children.partition_point(|child| child.name.as_str() < start);
    children[from..]
        .iter()
        .take_while(|child| child.name.starts_with(start))
        .map(|child| {
            let is_open = child.has_children == Some(true);
            let mark = if is_open { "/" } else { "" };
            // A node named `@3` is none of domain 3.
            let dot = if above.is_empty() && child.name.starts_with('@') {
                "./"
            } else {
                ""
            };
            Word {
                text: format!("{dot}{above}{}{mark}", child.name),
                shown: format!("{}{mark}", child.name),
                is_open,
            }
        })
        .collect()
}

/// Numbers of domains, shown with their names.
fn domains(scene: &Scene, text: &str, sign: &str, deadline: Instant) -> Vec<Word> {
    if text.starts_with('%') {
        return names_of_domains(scene, text, deadline);
    }
    let mut words = Vec::new();
    for (domid, name) in scene.lookup.domains(deadline) {
        let number = format!("{sign}{domid}");
        if number.starts_with(text) {
            let mark = if sign.is_empty() { "" } else { "/" };
            words.push(Word {
                shown: format!("{number} ({})", escape(&name)),
                text: format!("{number}{mark}"),
                is_open: !sign.is_empty(),
            });
        }
    }
    words
}

/// Names of domains, as far as they can be typed.
fn names_of_domains(scene: &Scene, text: &str, deadline: Instant) -> Vec<Word> {
    let domains = scene.lookup.domains(deadline).into_iter();
    domains
        .filter_map(|(_, name)| String::from_utf8(name).ok())
        .filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/'))
        .map(|name| format!("%{name}"))
        .filter(|name| name.starts_with(text))
        .map(Word::whole)
        .collect()
}

/// `DOMAIN/CLASS/ID`.
fn devices(scene: &Scene, text: &str, deadline: Instant) -> Vec<Word> {
    if text.starts_with(['/', '~', '.']) {
        return paths(scene, text, deadline);
    }
    let Some((domain, rest)) = text.split_once('/') else {
        let mut words = domains(scene, text, "", deadline);
        for word in &mut words {
            word.text.push('/');
            word.is_open = true;
        }
        return words;
    };
    let Some(home) = scene.resolve(&format!("@{}", domain.trim_start_matches('@'))) else {
        return Vec::new();
    };
    let (above, start) = rest
        .rsplit_once('/')
        .map_or(("", rest), |(above, start)| (above, start));
    let below = format!("device/{above}");
    let Ok(node) = home.join(below.trim_end_matches('/')) else {
        return Vec::new();
    };
    let prefix = &text[..text.len() - start.len()];
    let mut words = children(scene, &node, prefix, start, deadline);
    if !above.is_empty() {
        for word in &mut words {
            word.text.truncate(word.text.trim_end_matches('/').len());
            word.is_open = false;
        }
    }
    words
}

/// Letters of permissions, then domains.
fn perms(scene: &Scene, text: &str, deadline: Instant) -> Vec<Word> {
    let at = text.rfind(',').map_or(0, |at| at + 1);
    let (done, entry) = text.split_at(at);
    let (sign, entry) = match entry.strip_prefix('+') {
        Some(entry) => ("+", entry),
        None => ("", entry),
    };
    let mut words = Vec::new();
    for letter in ["n", "r", "w", "b"] {
        for (domid, name) in scene.lookup.domains(deadline) {
            let perm = format!("{letter}{domid}");
            if perm.starts_with(entry) {
                words.push(Word {
                    text: format!("{done}{sign}{perm}"),
                    shown: format!("{perm} ({})", escape(&name)),
                    is_open: false,
                });
            }
        }
    }
    if done.is_empty() && sign.is_empty() {
        words.extend(starting(
            [
                "owner=",
                "others=none",
                "others=read",
                "others=write",
                "others=both",
            ]
            .into_iter(),
            entry,
        ));
    }
    words
}

/// Files outside.
fn files(line: &str, pos: usize) -> (usize, Vec<Pair>) {
    FilenameCompleter::new()
        .complete_path(line, pos)
        .unwrap_or((pos, Vec::new()))
}
