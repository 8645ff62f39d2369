//! What the editor knows of the session.

use std::collections::BTreeSet;

use xenbus::{DomId, StorePath};

use super::lookup::Lookup;
use crate::cmd;
use crate::shell::Settings;

/// The session as it is while a line is typed.
pub(crate) struct Scene {
    pub(crate) cwd: StorePath,
    pub(crate) last: String,
    /// The own domain, if it is known.
    pub(crate) own: Option<DomId>,
    pub(crate) aliases: BTreeSet<String>,
    pub(crate) settings: Settings,
    pub(crate) has_color: bool,
    pub(crate) lookup: Lookup,
}

impl Scene {
    /// Whether a word can begin a command.
    pub(super) fn is_command(&self, word: &str) -> bool {
        cmd::find(word).is_some() || self.aliases.contains(word)
    }

    /// The node that a text names, without asking the store; `None` if that takes asking, or it names none.
    pub(super) fn resolve(&self, text: &str) -> Option<StorePath> {
        let (first, rest) = match text.find('/') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let (start, rest) = match first {
            "" if text.is_empty() => return Some(self.cwd.clone()),
            "" => (StorePath::root(), rest),
            "~" => (StorePath::home(self.own?), rest),
            _ if first.starts_with('@') => {
                let domain = DomId::parse(&first[1..]).ok()?;
                (StorePath::home(domain), rest)
            }
            _ if first.starts_with('%') => {
                let domain = self.lookup.domain_named(&first.as_bytes()[1..])?;
                (StorePath::home(domain), rest)
            }
            _ => (self.cwd.clone(), text),
        };
        let mut path = start;
        for element in rest.split('/') {
            path = match element {
                "" | "." => path,
                ".." => path.parent().unwrap_or_else(StorePath::root),
                name => path.child(name).ok()?,
            };
        }
        Some(path)
    }
}
