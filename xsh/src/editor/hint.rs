//! Hints: what may follow, in a dim colour after the cursor.

use rustyline::Context;
use rustyline::history::SearchDirection;
use xenbus::value::escape;

use super::Scene;
use super::cursor::{Place, cursor, operand};
use crate::cmd::{Command, Kind};
use crate::token::quote;

/// A hint.
pub(crate) struct Hint {
    shown: String,
    /// What the right arrow takes over.
    taken: Option<String>,
}

impl rustyline::hint::Hint for Hint {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        self.taken.as_deref()
    }
}

/// Longest hint, in columns.
const LONGEST: usize = 60;

/// The hint at the end of a line. Asks nothing: takes what is known.
pub(super) fn hint(scene: &Scene, line: &str, context: &Context<'_>) -> Option<Hint> {
    if line.trim().is_empty() {
        return None;
    }
    let cursor = cursor(line, line.len());
    if cursor.text.is_empty()
        && cursor.quote.is_none()
        && let Place::Value {
            command,
            wants,
            before,
        } = &cursor.place
    {
        if *wants == Kind::Value
            && let Some(hint) = current_value(scene, before)
        {
            return Some(hint);
        }
        let hint = from_history(line, context).or_else(|| synopsis(command, before));
        prefetch(scene, *wants, &cursor.text);
        return hint;
    }
    if let Place::Value { command, wants, .. } = &cursor.place {
        prefetch(scene, *wants, &cursor.text);
        let has_value = |operand: &crate::cmd::Operand| operand.kind == Kind::Value;
        if *wants == Kind::Path
            && command.operands.iter().any(has_value)
            && let Some(path) = scene.resolve(&cursor.text)
        {
            drop(scene.lookup.known_value(&path));
        }
    }
    from_history(line, context)
}

/// So that completion and colours have it when they are wanted.
fn prefetch(scene: &Scene, wants: Kind, text: &str) {
    if wants != Kind::Path {
        return;
    }
    let above = text.rsplit_once('/').map_or("", |(above, _)| above);
    let node = if text.starts_with('/') && above.is_empty() {
        Some(xenbus::StorePath::root())
    } else {
        scene.resolve(above)
    };
    if let Some(node) = node {
        drop(scene.lookup.known_children(&node));
    }
}

/// The value of the node that is about to be changed.
fn current_value(scene: &Scene, before: &[String]) -> Option<Hint> {
    let path = scene.resolve(before.last()?)?;
    let value = scene.lookup.known_value(&path)?;
    let typed = quote(&value);
    let shown = format!("\"{}\"", escape(&value));
    if shown.len() > LONGEST {
        let shown = format!("{}... ({} bytes)", &shown[..LONGEST], value.len());
        return Some(Hint { shown, taken: None });
    }
    Some(Hint {
        shown: typed.clone(),
        taken: Some(typed),
    })
}

fn from_history(line: &str, context: &Context<'_>) -> Option<Hint> {
    let history = context.history();
    let start = context.history_index().min(history.len().checked_sub(1)?);
    let found = history
        .starts_with(line, start, SearchDirection::Reverse)
        .ok()??;
    let rest = found.entry.get(line.len()..)?;
    // Lines of the file may have been written by anything.
    if rest.is_empty() || !rest.bytes().all(|b| (0x20..0x7F).contains(&b)) {
        return None;
    }
    Some(Hint {
        shown: rest.to_owned(),
        taken: Some(rest.to_owned()),
    })
}

/// The operands that are still to come.
fn synopsis(command: &'static Command, before: &[String]) -> Option<Hint> {
    let next = operand(command, before)?;
    let at = command
        .operands
        .iter()
        .position(|operand| std::ptr::eq(operand, next))?;
    let rest: Vec<_> = command.operands[at..]
        .iter()
        .map(crate::cmd::Operand::shown)
        .collect();
    let mut shown = rest.join(" ");
    if before.is_empty() && !command.options.is_empty() {
        shown = format!("[OPTIONS] {shown}");
    }
    Some(Hint { shown, taken: None })
}
