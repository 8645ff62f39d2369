//! The configuration: a YAML file, all of it optional.

mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use xenbus::value::escape;

pub use template::template;

use crate::app::ViewId;
use crate::key::Keymap;
use crate::text::Charset;
use crate::theme::ThemeName;

/// Largest file, in bytes.
const FILE_MAX: u64 = 1 << 18;

/// What the file may say.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Colours.
    #[serde(default)]
    pub theme: ThemeName,
    /// Whether only ASCII is shown; by the locale if it is not said.
    pub ascii: Option<bool>,
    /// Whether the mouse is on from the start.
    #[serde(default)]
    pub mouse: bool,
    /// Seconds between two readings of counters.
    pub interval: Option<f64>,
    /// The first view.
    pub view: Option<ViewId>,
    /// Column by which a view is sorted at first; `-` before it reverses.
    #[serde(default)]
    pub sort: BTreeMap<ViewId, String>,
    /// Filter of a view at first.
    #[serde(default)]
    pub filter: BTreeMap<ViewId, String>,
    /// Keys of actions.
    #[serde(default)]
    pub keys: BTreeMap<String, Vec<String>>,
}

/// Shortest and longest time between two readings of counters.
pub const INTERVALS: [f64; 2] = [0.1, 60.0];

impl Config {
    /// Reads YAML.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(yaml: &str) -> Result<Self, String> {
        // A file of comments only is an empty configuration.
        let is_empty = yaml
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        let config: Self = if is_empty {
            Self::default()
        } else {
            serde_yaml::from_str(yaml)
                .map_err(|error| escape(error.to_string().as_bytes()).to_string())?
        };
        config.check()?;
        Ok(config)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong, with the file's name.
    pub fn load(path: &Path) -> Result<Self, String> {
        let name = escape(path.as_os_str().as_encoded_bytes()).to_string();
        let fail = |why: &dyn std::fmt::Display| format!("{name}: {why}");
        let metadata = std::fs::metadata(path).map_err(|error| fail(&error))?;
        if !metadata.is_file() || metadata.len() > FILE_MAX {
            return Err(fail(&"it is not a regular file of at most 256 KiB"));
        }
        let yaml = std::fs::read_to_string(path).map_err(|error| fail(&error))?;
        Self::parse(&yaml).map_err(|why| fail(&why))
    }

    /// Reads the file that was named, or else the user's own, if there is one.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn find(named: Option<&Path>) -> Result<Self, String> {
        match (named, default_path()) {
            (Some(path), _) => Self::load(path),
            (None, Some(path)) if path.exists() => Self::load(&path),
            (None, _) => Ok(Self::default()),
        }
    }

    /// The keys.
    ///
    /// # Errors
    /// Conflicts, with both names.
    pub fn keymap(&self) -> Result<Keymap, String> {
        Keymap::with(&self.keys)
    }

    /// The characters that may be shown, if it says.
    pub fn charset(&self) -> Option<Charset> {
        Some(if self.ascii? {
            Charset::Ascii
        } else {
            Charset::Unicode
        })
    }

    /// Time between two readings of counters, if it says.
    pub fn interval(&self) -> Option<Duration> {
        self.interval.map(Duration::from_secs_f64)
    }

    fn check(&self) -> Result<(), String> {
        self.keymap()?;
        let [least, most] = INTERVALS;
        if let Some(interval) = self.interval
            && !(least..=most).contains(&interval)
        {
            return Err(format!("interval: must be from {least} to {most} seconds"));
        }
        for (view, sort) in &self.sort {
            view.parse_sort(sort)
                .map_err(|why| format!("sort: {}: {why}", view.word()))?;
        }
        for (view, filter) in &self.filter {
            view.parse_filter(filter)
                .map_err(|why| format!("filter: {}: {why}", view.word()))?;
        }
        Ok(())
    }
}

/// `$XDG_CONFIG_HOME/xstop/config.yaml`, or the same below `~/.config`.
pub fn default_path() -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(base.join("xstop/config.yaml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_the_default_configuration_with_every_key_named() {
        let text = template();
        assert_eq!(Config::parse(&text).unwrap(), Config::default());
        // Without the comment signs it says the same explicitly.
        let lines = text
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line));
        let explicit = lines.collect::<Vec<_>>().join("\n");
        let config = Config::parse(&explicit).unwrap();
        assert_eq!(config.keys.len(), crate::key::BINDINGS.len());
        assert!(config.interval.is_some() && config.view.is_some() && !config.sort.is_empty());
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let error = Config::parse("theme: dark\nthem: light\n").unwrap_err();
        assert!(
            error.contains("them") && error.contains("line 2"),
            "{error}"
        );
        let error = Config::parse("theme: pink\n").unwrap_err();
        assert!(error.contains("pink") && error.contains("dark"), "{error}");
    }

    #[test]
    fn values_that_cannot_be_are_refused_with_their_key() {
        for (yaml, word) in [
            ("interval: 0", "interval"),
            ("interval: .nan", "interval"),
            ("sort: {devices: colour}", "colour"),
            ("filter: {devices: 'nope:1'}", "nope"),
            ("keys: {freeze: [q]}", "quit"),
            ("view: nowhere", "nowhere"),
        ] {
            let error = Config::parse(yaml).unwrap_err();
            assert!(error.contains(word), "{yaml}: {error}");
        }
        assert_eq!(Config::parse("# nothing\n\n").unwrap(), Config::default());
    }
}
