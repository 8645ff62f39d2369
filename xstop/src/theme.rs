//! Colours by meaning. No meaning is told by colour alone: every role that matters has an attribute or a sign as well.

mod detect;

use clap::ValueEnum;
use ratatui::style::{Color, Modifier, Style};
use serde::{Deserialize, Serialize};

pub use detect::{Background, Surroundings};

/// What a piece of the screen means.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// Ordinary text.
    Text,
    /// Less important text: units, labels.
    Dim,
    /// Lines, empty parts of gauges.
    Faint,
    /// Names of things; what can be opened.
    Accent,
    /// Heads of sections.
    Title,
    /// Heads of columns.
    Header,
    /// Head of the column that is sorted by.
    Sorted,
    /// The selected row.
    Selected,
    /// All is well.
    Ok,
    /// Worth knowing; on the way.
    Info,
    /// A warning.
    Warning,
    /// Something does not work.
    Critical,
    /// Changed a moment ago.
    Changed,
    /// New.
    Added,
    /// Gone.
    Removed,
    /// The filled part of a gauge.
    Gauge,
    /// A gauge that is nearly full.
    GaugeHigh,
    /// A sparkline.
    Spark,
    /// A key to press.
    Key,
    /// The tab that is shown.
    Tab,
    /// A line that the user types.
    Prompt,
    /// Text that matches the filter.
    Match,
    /// The bar that says what is shown is not live.
    Banner,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::Text,
        Self::Dim,
        Self::Faint,
        Self::Accent,
        Self::Title,
        Self::Header,
        Self::Sorted,
        Self::Selected,
        Self::Ok,
        Self::Info,
        Self::Warning,
        Self::Critical,
        Self::Changed,
        Self::Added,
        Self::Removed,
        Self::Gauge,
        Self::GaugeHigh,
        Self::Spark,
        Self::Key,
        Self::Tab,
        Self::Prompt,
        Self::Match,
        Self::Banner,
    ];
}

/// A theme by name.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeName {
    /// Chosen by the terminal, its background and NO_COLOR
    #[default]
    Auto,
    /// 256 colours on a dark background
    Dark,
    /// 256 colours on a light background
    Light,
    /// 256 colours that can be read on any background
    Neutral,
    /// The terminal's own 16 colours on a dark background
    Ansi,
    /// The terminal's own 16 colours on a light background
    AnsiLight,
    /// No colours
    Mono,
}

impl ThemeName {
    /// The themes that can be shown, in the order in which the key goes through them.
    const SHOWN: [Self; 6] = [
        Self::Dark,
        Self::Light,
        Self::Neutral,
        Self::Ansi,
        Self::AnsiLight,
        Self::Mono,
    ];

    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::SHOWN.iter().position(|name| *name == self);
        let next = at.map_or(0, |at| (at + 1) % Self::SHOWN.len());
        Self::SHOWN[next]
    }

    /// As it is written in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Neutral => "neutral",
            Self::Ansi => "ansi",
            Self::AnsiLight => "ansi-light",
            Self::Mono => "mono",
        }
    }
}

/// How each role looks.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    name: ThemeName,
    palette: Option<&'static Palette>,
}

/// Colours of a theme.
#[derive(Debug)]
struct Palette {
    accent: Color,
    dim: Color,
    faint: Color,
    ok: Color,
    info: Color,
    warning: Color,
    critical: Color,
    gauge: Color,
    spark: Color,
    key: Color,
    /// Background of the selected row; `None` reverses it.
    selected: Option<Color>,
    /// Background of heads and banners; `None` reverses them.
    raised: Option<Color>,
}

static DARK: Palette = Palette {
    accent: Color::Indexed(111),
    dim: Color::Indexed(246),
    faint: Color::Indexed(239),
    ok: Color::Indexed(114),
    info: Color::Indexed(110),
    warning: Color::Indexed(221),
    critical: Color::Indexed(210),
    gauge: Color::Indexed(73),
    spark: Color::Indexed(67),
    key: Color::Indexed(222),
    selected: Some(Color::Indexed(237)),
    raised: Some(Color::Indexed(236)),
};

static LIGHT: Palette = Palette {
    accent: Color::Indexed(25),
    dim: Color::Indexed(242),
    faint: Color::Indexed(250),
    ok: Color::Indexed(28),
    info: Color::Indexed(31),
    warning: Color::Indexed(130),
    critical: Color::Indexed(160),
    gauge: Color::Indexed(31),
    spark: Color::Indexed(67),
    key: Color::Indexed(94),
    selected: Some(Color::Indexed(254)),
    raised: Some(Color::Indexed(255)),
};

static NEUTRAL: Palette = Palette {
    accent: Color::Indexed(67),
    dim: Color::Indexed(244),
    faint: Color::Indexed(244),
    ok: Color::Indexed(65),
    info: Color::Indexed(67),
    warning: Color::Indexed(136),
    critical: Color::Indexed(167),
    gauge: Color::Indexed(66),
    spark: Color::Indexed(67),
    key: Color::Indexed(136),
    selected: None,
    raised: None,
};

static ANSI: Palette = Palette {
    accent: Color::Cyan,
    dim: Color::Reset,
    faint: Color::Reset,
    ok: Color::Green,
    info: Color::Cyan,
    warning: Color::Yellow,
    critical: Color::Red,
    gauge: Color::Cyan,
    spark: Color::Cyan,
    key: Color::Yellow,
    selected: None,
    raised: None,
};

static ANSI_LIGHT: Palette = Palette {
    accent: Color::Blue,
    dim: Color::Reset,
    faint: Color::Reset,
    ok: Color::Green,
    info: Color::Blue,
    warning: Color::Magenta,
    critical: Color::Red,
    gauge: Color::Blue,
    spark: Color::Blue,
    key: Color::Magenta,
    selected: None,
    raised: None,
};

impl Theme {
    /// The theme of that name; `auto` is for [`Surroundings::theme`] to decide and has no colours here.
    pub fn new(name: ThemeName) -> Self {
        let palette = match name {
            ThemeName::Dark => Some(&DARK),
            ThemeName::Light => Some(&LIGHT),
            ThemeName::Neutral => Some(&NEUTRAL),
            ThemeName::Ansi => Some(&ANSI),
            ThemeName::AnsiLight => Some(&ANSI_LIGHT),
            ThemeName::Auto | ThemeName::Mono => None,
        };
        Self { name, palette }
    }

    /// Its name.
    pub fn name(self) -> ThemeName {
        self.name
    }

    /// How a role looks. Without a palette the style has no colour at all: a terminal layer that drops colours
    /// (NO_COLOR) would drop the attributes with them.
    pub fn style(self, role: Role) -> Style {
        let style = Style::new().add_modifier(attributes(role));
        // A reversed bar has one look: what stands in it keeps neither its grey nor its colour.
        let style = match role {
            Role::Selected => style.remove_modifier(Modifier::DIM),
            _ => style,
        };
        match self.palette {
            Some(palette) => palette.color(role, style),
            None => style,
        }
    }
}

/// What tells a role without colours.
fn attributes(role: Role) -> Modifier {
    match role {
        Role::Text
        | Role::Ok
        | Role::Info
        | Role::Gauge
        | Role::Spark
        | Role::Accent
        | Role::Prompt => Modifier::empty(),
        Role::Dim | Role::Faint => Modifier::DIM,
        Role::Title | Role::Header | Role::Warning | Role::Key | Role::Added | Role::GaugeHigh => {
            Modifier::BOLD
        }
        Role::Selected | Role::Tab | Role::Banner => Modifier::REVERSED,
        Role::Critical | Role::Sorted => Modifier::BOLD.union(Modifier::UNDERLINED),
        Role::Changed => Modifier::BOLD.union(Modifier::ITALIC),
        Role::Removed => Modifier::CROSSED_OUT,
        Role::Match => Modifier::UNDERLINED,
    }
}

impl Palette {
    fn color(&self, role: Role, style: Style) -> Style {
        let plain = Style::new();
        let on = |back: Option<Color>, style: Style| match back {
            Some(color) => style.remove_modifier(Modifier::REVERSED).bg(color),
            None => style,
        };
        // The terminal's own colours have no grey that can be trusted: there the attribute stays.
        let grey = |color: Color| match color {
            Color::Reset => style,
            color => plain.fg(color),
        };
        match role {
            Role::Text => style,
            Role::Dim => grey(self.dim),
            Role::Faint => grey(self.faint),
            Role::Accent | Role::Title | Role::Prompt => style.fg(self.accent),
            Role::Header => grey(self.dim).add_modifier(Modifier::BOLD),
            Role::Sorted => plain.fg(self.accent).add_modifier(Modifier::BOLD),
            Role::Selected => match self.selected {
                Some(_) => on(self.selected, style),
                None => style.fg(Color::Reset).bg(Color::Reset),
            },
            Role::Ok | Role::Added => style.fg(self.ok),
            Role::Info => style.fg(self.info),
            Role::Warning => plain.fg(self.warning).add_modifier(Modifier::BOLD),
            Role::Critical => plain.fg(self.critical).add_modifier(Modifier::BOLD),
            Role::Changed | Role::GaugeHigh => style.fg(self.warning),
            Role::Removed => style.fg(self.critical),
            Role::Gauge => style.fg(self.gauge),
            Role::Spark => style.fg(self.spark),
            Role::Key | Role::Match => style.fg(self.key),
            Role::Tab => on(self.selected, style)
                .fg(self.accent)
                .add_modifier(Modifier::BOLD),
            Role::Banner => on(self.raised, style)
                .fg(self.warning)
                .add_modifier(Modifier::BOLD),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_differs_from_ordinary_text_without_any_colour() {
        let mono = Theme::new(ThemeName::Mono);
        for role in Role::ALL {
            let style = mono.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
        let text = mono.style(Role::Text);
        let matters = [
            Role::Selected,
            Role::Critical,
            Role::Warning,
            Role::Changed,
            Role::Removed,
            Role::Tab,
            Role::Banner,
            Role::Match,
        ];
        for role in matters {
            assert_ne!(mono.style(role), text, "{role:?}");
        }
        assert_ne!(mono.style(Role::Critical), mono.style(Role::Warning));
    }

    #[test]
    fn the_key_goes_through_every_theme_and_comes_back() {
        let mut name = ThemeName::Auto;
        let mut seen = Vec::new();
        for _ in 0..ThemeName::SHOWN.len() {
            name = name.next();
            seen.push(name);
        }
        assert_eq!(seen, ThemeName::SHOWN);
        assert_eq!(name.next(), ThemeName::Dark);
        for name in ThemeName::SHOWN {
            assert_eq!(Theme::new(name).name(), name);
            let value = name.to_possible_value().unwrap();
            assert_eq!(value.get_name(), name.word());
        }
    }
}
