//! What can be set: by options, and by `set-option`.

use crate::output::{Format, Style};

/// When something is done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum When {
    /// On a terminal.
    #[default]
    Auto,
    Always,
    Never,
}

impl When {
    pub(crate) const WORDS: &[&str] = &["auto", "always", "never"];

    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "auto" => Self::Auto,
            "always" => Self::Always,
            "never" => Self::Never,
            _ => return None,
        })
    }

    pub(crate) fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }
}

/// The settings of a session.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches")]
pub(crate) struct Settings {
    pub(crate) style: Style,
    pub(crate) color: When,
    /// Whether changes are only shown.
    pub(crate) dry_run: bool,
    /// Whether changes are refused.
    pub(crate) read_only: bool,
    /// Whether a script goes on after a failure.
    pub(crate) keep_going: bool,
    /// Whether long output goes through a pager.
    pub(crate) pager: bool,
    /// Whether the prompt shows hints.
    pub(crate) hints: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            style: Style::default(),
            color: When::Auto,
            dry_run: false,
            read_only: false,
            keep_going: false,
            pager: true,
            hints: true,
        }
    }
}

/// A setting of `set-option`.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) words: &'static [&'static str],
    pub(crate) show: fn(&Settings) -> &'static str,
    /// Sets it to one of its words.
    pub(crate) set: fn(&mut Settings, &str),
}

const ON_OFF: &[&str] = &["on", "off"];

fn on(flag: bool) -> &'static str {
    if flag { "on" } else { "off" }
}

/// All settings.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        name: "output",
        help: "form of the output",
        words: Format::WORDS,
        show: |s| s.style.format.word(),
        set: |s, word| s.style.format = Format::named(word).unwrap_or_default(),
    },
    Setting {
        name: "color",
        help: "when output has colours",
        words: When::WORDS,
        show: |s| s.color.word(),
        set: |s, word| s.color = When::named(word).unwrap_or_default(),
    },
    Setting {
        name: "header",
        help: "whether tables have a header",
        words: ON_OFF,
        show: |s| on(s.style.header),
        set: |s, word| s.style.header = word == "on",
    },
    Setting {
        name: "pager",
        help: "whether output that does not fit on the screen goes through $PAGER",
        words: ON_OFF,
        show: |s| on(s.pager),
        set: |s, word| s.pager = word == "on",
    },
    Setting {
        name: "hints",
        help: "whether the prompt shows hints",
        words: ON_OFF,
        show: |s| on(s.hints),
        set: |s, word| s.hints = word == "on",
    },
    Setting {
        name: "dry-run",
        help: "whether changes are only shown",
        words: ON_OFF,
        show: |s| on(s.dry_run),
        set: |s, word| s.dry_run = word == "on",
    },
    Setting {
        name: "read-only",
        help: "whether changes are refused",
        words: ON_OFF,
        show: |s| on(s.read_only),
        set: |s, word| s.read_only = word == "on",
    },
    Setting {
        name: "keep-going",
        help: "whether a script goes on after a failure",
        words: ON_OFF,
        show: |s| on(s.keep_going),
        set: |s, word| s.keep_going = word == "on",
    },
];
