//! A key with its modifiers, as text and back.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key press.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Press {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// Keys with names.
const NAMES: &[(&str, KeyCode)] = &[
    ("Enter", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("Shift-Tab", KeyCode::BackTab),
    ("Backspace", KeyCode::Backspace),
    ("Space", KeyCode::Char(' ')),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PgUp", KeyCode::PageUp),
    ("PgDn", KeyCode::PageDown),
    ("Insert", KeyCode::Insert),
    ("Delete", KeyCode::Delete),
];

impl Press {
    /// Reads "q", "G", "Ctrl-c", "Alt-x", "F5", "PgUp". Names are not case-sensitive, single characters are.
    ///
    /// # Errors
    /// Text that is no key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut rest, mut modifiers) = (text, KeyModifiers::NONE);
        while let Some((modifier, after)) = modifier(rest) {
            modifiers |= modifier;
            rest = after;
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.as_str()) {
            (Some(c), "") if !c.is_control() && c != ' ' => Some(KeyCode::Char(c)),
            (Some('F' | 'f'), number) => number
                .parse()
                .ok()
                .filter(|n| (1..=24).contains(n))
                .map(KeyCode::F),
            _ => None,
        };
        let named = NAMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(rest));
        match code.or(named.map(|(_, code)| *code)) {
            Some(code) => Ok(Self { code, modifiers }),
            None => Err(format!("\"{}\" is no key", text.escape_default())),
        }
    }

    /// What the terminal reported.
    pub fn of(event: KeyEvent) -> Self {
        let mut modifiers = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT);
        let mut code = event.code;
        // Shift is in the character; some terminals report it and some do not.
        if code == KeyCode::Tab && event.modifiers.contains(KeyModifiers::SHIFT) {
            code = KeyCode::BackTab;
        }
        if let KeyCode::Char(c) = code
            && modifiers.contains(KeyModifiers::CONTROL)
        {
            code = KeyCode::Char(c.to_ascii_lowercase());
        }
        // A terminal that cannot tell Ctrl-h from Backspace sends the former for the latter.
        if code == KeyCode::Char('h') && modifiers == KeyModifiers::CONTROL {
            (code, modifiers) = (KeyCode::Backspace, KeyModifiers::NONE);
        }
        Self { code, modifiers }
    }

    /// The character that is typed, if it is one.
    pub fn character(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers.is_empty() => Some(c),
            _ => None,
        }
    }
}

fn modifier(text: &str) -> Option<(KeyModifiers, &str)> {
    [
        ("ctrl-", KeyModifiers::CONTROL),
        ("alt-", KeyModifiers::ALT),
    ]
    .into_iter()
    .find_map(|(name, modifier)| {
        let (head, rest) = text.split_at_checked(name.len())?;
        (head.eq_ignore_ascii_case(name) && !rest.is_empty()).then_some((modifier, rest))
    })
}

impl fmt::Display for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            f.write_str("Ctrl-")?;
        }
        if self.modifiers.contains(KeyModifiers::ALT) {
            f.write_str("Alt-")?;
        }
        let named = NAMES.iter().find(|(_, code)| *code == self.code);
        match (named, self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, KeyCode::F(number)) => write!(f, "F{number}"),
            (None, _) => f.write_str("?"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_written_alike() {
        for text in [
            "q",
            "G",
            "/",
            "-",
            "Ctrl-c",
            "Alt-x",
            "Ctrl-Alt-z",
            "F12",
            "PgUp",
            "Shift-Tab",
            "Space",
        ] {
            assert_eq!(Press::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Press::parse("pgup"), Press::parse("PgUp"));
        for bad in ["", " ", "qq", "Ctrl-", "F0", "F99", "Hyper-x", "\x1b"] {
            assert!(Press::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_terminals_report_differently_is_one_key() {
        let event = |code, modifiers| Press::of(KeyEvent::new(code, modifiers));
        assert_eq!(
            event(KeyCode::Char('G'), KeyModifiers::SHIFT),
            event(KeyCode::Char('G'), KeyModifiers::NONE)
        );
        assert_eq!(
            event(KeyCode::Tab, KeyModifiers::SHIFT),
            event(KeyCode::BackTab, KeyModifiers::NONE)
        );
        assert_eq!(
            event(KeyCode::Char('C'), KeyModifiers::CONTROL),
            Press::parse("Ctrl-c").unwrap()
        );
    }
}
