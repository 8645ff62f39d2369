//! What stands before the line: transaction, connection, place, rights.

use rustyline::Prompt;

use crate::output::{Role, paint, screen};
use crate::shell::Shell;

/// A prompt, plain and in colours.
pub(super) struct Text {
    raw: String,
    styled: String,
}

impl Prompt for Text {
    fn raw(&self) -> &str {
        &self.raw
    }

    fn styled(&self) -> &str {
        &self.styled
    }
}

/// The prompt of a session: `xsh [tx 7 *3] /local/domain/1# `, with `>` at the end of a read-only one.
pub(super) fn prompt(shell: &Shell, is_lost: bool) -> Text {
    let mut parts = vec![("xsh".to_owned(), Role::Dim)];
    if is_lost {
        parts.push(("[not connected]".to_owned(), Role::Bad));
    }
    if let Some(open) = shell.transaction() {
        let changes = match open.changes {
            0 => String::new(),
            changes => format!(" *{changes}"),
        };
        parts.push((format!("[tx {}{changes}]", open.id), Role::Warning));
    }
    if shell.settings.dry_run {
        parts.push(("[dry run]".to_owned(), Role::Warning));
    }
    let taken: usize = parts.iter().map(|(text, _)| text.len() + 1).sum();
    let width = screen().0;
    let room = (width / 2).saturating_sub(taken).max(8);
    parts.push((place(shell.cwd.as_str(), room), Role::Directory));
    let has_color = shell.out.has_color;
    let end = if shell.settings.read_only { "> " } else { "# " };
    let raw: Vec<&str> = parts.iter().map(|(text, _)| text.as_str()).collect();
    let styled: Vec<String> = parts
        .iter()
        .map(|(text, role)| paint(has_color, *role, text))
        .collect();
    Text {
        raw: raw.join(" ") + end,
        styled: styled.join(" ") + end,
    }
}

/// A path in so many columns: homes as `@3`, and if need be only its end.
fn place(path: &str, room: usize) -> String {
    if path.len() <= room {
        return path.to_owned();
    }
    let short = match path.strip_prefix("/local/domain/") {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => format!("@{rest}"),
        _ => path.to_owned(),
    };
    if short.len() <= room {
        return short;
    }
    // Paths are ASCII.
    let end = &short[short.len() - room.saturating_sub(3).min(short.len())..];
    format!("...{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_place_is_shortened_to_its_end() {
        assert_eq!(place("/local/domain/1", 20), "/local/domain/1");
        assert_eq!(place("/local/domain/12/device", 12), "@12/device");
        assert_eq!(
            place("/local/domain/12/device/vbd/51712", 12),
            "...vbd/51712"
        );
        assert_eq!(place("/a", 1), "...");
    }
}
