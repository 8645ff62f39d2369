//! Watches of the session: what happened, in words, and the background ones that report above the prompt.

mod background;
mod source;

pub(crate) use background::{Action, Background};
pub(crate) use source::{Source, SourceOptions};

use std::time::SystemTime;

use xenbus::value::escape;

use crate::clock::{time_of_day, timestamp};
use crate::output::{Role, json_string};

/// Something that a watch saw.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Seen {
    pub(crate) time: SystemTime,
    pub(crate) kind: SeenKind,
    /// The node, or the special path.
    pub(crate) path: String,
    pub(crate) old: Option<Vec<u8>>,
    pub(crate) new: Option<Vec<u8>>,
}

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SeenKind {
    /// A node that was not there; its value is `new`.
    Added,
    /// Its value was `old`.
    Changed,
    /// Its value was `old`.
    Removed,
    /// `old` and `new` are permissions.
    Perms,
    /// The store said that something happened; that is all that is asked for.
    Fired,
    /// The connection was lost; nothing is seen until `Restored`.
    Lost,
    /// The connection is there again, and the watch set again.
    Restored,
    /// So many events were dropped, because they came faster than they could be told.
    Dropped(u64),
    /// The watch has ended: `path` says why.
    Ended,
}

impl SeenKind {
    /// One word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Perms => "perms",
            Self::Fired => "fired",
            Self::Lost => "lost",
            Self::Restored => "restored",
            Self::Dropped(_) => "dropped",
            Self::Ended => "ended",
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Added => Role::Good,
            Self::Removed | Self::Lost | Self::Ended | Self::Dropped(_) => Role::Bad,
            Self::Perms => Role::Perms,
            Self::Changed | Self::Restored => Role::Warning,
            Self::Fired => Role::Plain,
        }
    }

    /// Whether it is about a node, and not about the watch.
    pub(crate) fn is_event(self) -> bool {
        matches!(
            self,
            Self::Added | Self::Changed | Self::Removed | Self::Perms | Self::Fired
        )
    }
}

impl Seen {
    /// One that is about the watch itself.
    fn about(kind: SeenKind, path: impl Into<String>) -> Self {
        Self {
            time: SystemTime::now(),
            kind,
            path: path.into(),
            old: None,
            new: None,
        }
    }

    /// A line for people, without its end, printable; `paint` colours it.
    pub(crate) fn line(&self, paint: impl Fn(Role, &str) -> String) -> String {
        let time = paint(Role::Dim, &time_of_day(self.time));
        let word = paint(self.kind.role(), &format!("{:<8}", self.kind.word()));
        let shown = |value: &Option<Vec<u8>>| match value {
            Some(value) => format!("\"{}\"", escape(value)),
            None => "?".to_owned(),
        };
        let text = |value: &Option<Vec<u8>>| match value {
            Some(value) => escape(value).to_string(),
            None => "?".to_owned(),
        };
        let path = &self.path;
        let rest = match self.kind {
            SeenKind::Added => format!("{path} = {}", shown(&self.new)),
            SeenKind::Changed => format!("{path} = {} -> {}", shown(&self.old), shown(&self.new)),
            SeenKind::Removed => format!("{path} (was {})", shown(&self.old)),
            SeenKind::Perms => format!("{path} ({} -> {})", text(&self.old), text(&self.new)),
            SeenKind::Fired | SeenKind::Ended => path.clone(),
            SeenKind::Lost => format!("{path}: the connection was lost; changes are not seen now"),
            SeenKind::Restored => format!("{path}: connected and watched again"),
            SeenKind::Dropped(count) => {
                format!("{path}: {count} events were dropped; look at it again")
            }
        };
        format!("{time} {word} {rest}")
    }

    /// A JSON object.
    pub(crate) fn json(&self) -> String {
        let mut members = vec![
            format!("\"time\":\"{}\"", timestamp(self.time)),
            format!("\"event\":\"{}\"", self.kind.word()),
            format!("\"path\":{}", json_string(&self.path)),
        ];
        if let SeenKind::Dropped(count) = self.kind {
            members.push(format!("\"count\":{count}"));
        }
        for (name, value) in [("old", &self.old), ("new", &self.new)] {
            if let Some(value) = value {
                let (key, value) = crate::output::bytes_member(name, value, json_string);
                members.push(format!("\"{key}\":{value}"));
            }
        }
        format!("{{{}}}", members.join(","))
    }
}
