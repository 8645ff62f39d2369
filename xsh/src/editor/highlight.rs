//! Colours of the line that is being typed, by meaning.

use super::Scene;
use super::cursor::{Place, cursor};
use crate::cmd::Kind as Wants;
use crate::output::{Role, paint};
use crate::token::{Kind, lex};

/// The line with colours; its width stays.
pub(super) fn highlight(scene: &Scene, line: &str) -> String {
    let lexed = lex(line.as_bytes());
    let mut text = String::with_capacity(line.len() + 32);
    let mut at = 0;
    for token in &lexed.tokens {
        text += &line[at..token.span.start];
        at = token.span.end;
        let raw = &line[token.span.clone()];
        let is_faulty = lexed
            .faults
            .iter()
            .any(|fault| fault.span.start >= token.span.start && fault.span.start < token.span.end);
        let role = match &token.kind {
            _ if is_faulty => Role::Bad,
            Kind::Word(word) => {
                let is_open = lexed.unfinished.is_some() && token.span.end == line.len();
                if is_open {
                    Role::Warning
                } else {
                    let plain = word.text();
                    let plain = plain.as_deref().unwrap_or_default();
                    of_word(scene, line, token.span.end, &String::from_utf8_lossy(plain))
                }
            }
            Kind::Comment => Role::Dim,
            Kind::Pipe(_) | Kind::Outside(_) => Role::Perms,
            _ => Role::Name,
        };
        text += &paint(true, role, raw);
    }
    text += &line[at..];
    text
}

/// The colour of the word that ends at `end`.
fn of_word(scene: &Scene, line: &str, end: usize, text: &str) -> Role {
    match cursor(line, end).place {
        Place::Command if scene.is_command(text) => Role::Good,
        // It may become one.
        Place::Command if end == line.len() && may_become_command(scene, text) => Role::Plain,
        Place::Command => Role::Bad,
        Place::Option(command) => {
            let name = text.trim_start_matches('-');
            let name = name.split_once('=').map_or(name, |(name, _)| name);
            let is_known = if text.starts_with("--") {
                command
                    .all_options()
                    .any(|option| option.long.starts_with(name))
            } else {
                name.is_empty()
                    || command.long(name).is_some()
                    || name
                        .chars()
                        .next()
                        .is_some_and(|c| command.short(c).is_some())
            };
            if is_known { Role::Name } else { Role::Bad }
        }
        Place::Value {
            wants: Wants::Path, ..
        } => {
            let path = text.split_once('=').map_or(text, |(path, _)| path);
            let exists = scene
                .resolve(path.trim_end_matches('/'))
                .filter(|_| !path.is_empty())
                .and_then(|path| scene.lookup.known_to_exist(&path));
            match exists {
                Some(true) => Role::Directory,
                Some(false) if end < line.len() => Role::Warning,
                _ => Role::Plain,
            }
        }
        _ => Role::Plain,
    }
}

fn may_become_command(scene: &Scene, text: &str) -> bool {
    crate::cmd::names().any(|name| name.starts_with(text))
        || scene.aliases.iter().any(|name| name.starts_with(text))
}
