//! What the terminal can show, from its environment and, once, from itself.

use std::time::Duration;

use terminal_colorsaurus::{QueryOptions, ThemeMode};

use super::ThemeName;
use crate::text::Charset;

/// How long a terminal may take to say its background. One that answers is not waited for any longer, and an answer
/// that comes too late would be taken for keys.
const ANSWER: Duration = Duration::from_secs(1);

/// Brightness of a background.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Background {
    /// Nobody says.
    Unknown,
    /// Light text belongs on it.
    Dark,
    /// Dark text belongs on it.
    Light,
}

/// What the environment says of the terminal.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `TERM`.
    pub term: String,
    /// `COLORTERM`.
    pub colorterm: String,
    /// Whether `NO_COLOR` is set to anything.
    pub no_color: bool,
    /// `COLORFGBG`.
    pub colorfgbg: String,
    /// `LC_ALL`, else `LC_CTYPE`, else `LANG`.
    pub locale: String,
}

impl Surroundings {
    /// Of this process.
    pub fn read() -> Self {
        let get = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let text = |name: &str| get(name).unwrap_or_default();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(get);
        Self {
            term: text("TERM"),
            colorterm: text("COLORTERM"),
            no_color: get("NO_COLOR").is_some(),
            colorfgbg: text("COLORFGBG"),
            locale: locale.unwrap_or_default(),
        }
    }

    /// The characters that may be shown.
    pub fn charset(&self) -> Charset {
        let locale = self.locale.to_ascii_lowercase();
        let is_utf8 = locale.contains("utf-8") || locale.contains("utf8");
        // The console of Linux has a font of 256 signs.
        if is_utf8 && self.term != "linux" && !self.is_dumb() {
            Charset::Unicode
        } else {
            Charset::Ascii
        }
    }

    /// The theme that fits; `ask` is called only when the background matters and nothing else tells it.
    pub fn theme(&self, ask: impl FnOnce() -> Background) -> ThemeName {
        if self.no_color || self.is_dumb() {
            return ThemeName::Mono;
        }
        let background = match self.background() {
            Background::Unknown if self.term == "linux" => Background::Dark,
            Background::Unknown => ask(),
            known => known,
        };
        let has_256 = self.term.contains("256color")
            || self.term.contains("direct")
            || ["truecolor", "24bit"].contains(&self.colorterm.as_str());
        match (has_256, background) {
            (true, Background::Dark) => ThemeName::Dark,
            (true, Background::Light) => ThemeName::Light,
            (true, Background::Unknown) => ThemeName::Neutral,
            (false, Background::Light) => ThemeName::AnsiLight,
            (false, _) => ThemeName::Ansi,
        }
    }

    fn is_dumb(&self) -> bool {
        self.term.is_empty() || self.term == "dumb" || self.term.starts_with("vt")
    }

    /// `COLORFGBG` is "foreground;background" or "foreground;default;background", each a number of the 16 colours.
    fn background(&self) -> Background {
        match self.colorfgbg.rsplit(';').next().map(str::parse::<u8>) {
            Some(Ok(7 | 9..=15)) => Background::Light,
            Some(Ok(0..=8)) => Background::Dark,
            _ => Background::Unknown,
        }
    }
}

impl Background {
    /// Asks the terminal. It must not be in use otherwise meanwhile.
    pub fn ask() -> Self {
        let mut options = QueryOptions::default();
        options.timeout = ANSWER;
        match terminal_colorsaurus::theme_mode(options) {
            Ok(ThemeMode::Dark) => Self::Dark,
            Ok(ThemeMode::Light) => Self::Light,
            Err(_) => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(term: &str, locale: &str) -> Surroundings {
        Surroundings {
            term: term.into(),
            locale: locale.into(),
            ..Surroundings::default()
        }
    }

    #[test]
    fn the_theme_follows_colours_background_and_no_color() {
        let xterm = surroundings("xterm-256color", "C.UTF-8");
        assert_eq!(xterm.theme(|| Background::Dark), ThemeName::Dark);
        assert_eq!(xterm.theme(|| Background::Light), ThemeName::Light);
        assert_eq!(xterm.theme(|| Background::Unknown), ThemeName::Neutral);
        let told = Surroundings {
            colorfgbg: "0;default;15".into(),
            ..xterm.clone()
        };
        assert_eq!(told.theme(|| unreachable!("it is told")), ThemeName::Light);
        let plain = surroundings("xterm", "C");
        assert_eq!(plain.theme(|| Background::Unknown), ThemeName::Ansi);
        assert_eq!(plain.theme(|| Background::Light), ThemeName::AnsiLight);
        let silent = Surroundings {
            no_color: true,
            ..xterm
        };
        for mono in [
            silent,
            surroundings("dumb", ""),
            surroundings("vt100", ""),
            surroundings("", ""),
        ] {
            assert_eq!(mono.theme(|| unreachable!("no colours")), ThemeName::Mono);
        }
    }

    #[test]
    fn signs_beyond_ascii_need_a_utf8_locale_and_a_font() {
        assert_eq!(
            surroundings("xterm", "de_DE.UTF-8").charset(),
            Charset::Unicode
        );
        assert_eq!(surroundings("xterm", "C.utf8").charset(), Charset::Unicode);
        assert_eq!(surroundings("xterm", "C").charset(), Charset::Ascii);
        assert_eq!(surroundings("linux", "C.UTF-8").charset(), Charset::Ascii);
    }
}
