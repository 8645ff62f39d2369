//! Lines that the user types: filters and paths.

use xenbus::StorePath;

use super::prompt::{Line, Typed};
use super::{App, Effect};
use crate::key::Press;
use crate::theme::Role;

/// Most lines that are remembered of each purpose.
const REMEMBERED: usize = 50;

/// What is being typed.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What for.
    pub purpose: Purpose,
    /// The line.
    pub line: Line,
    /// What was there before, for when it is given up.
    before: String,
    /// Which remembered line is shown, counted from the latest.
    recalled: Option<usize>,
}

/// What a line is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Purpose {
    /// A filter.
    Filter,
    /// A path to go to.
    Path,
}

impl App {
    pub(super) fn ask(&mut self, purpose: Purpose, text: String) {
        // What a device's description shows cannot be filtered.
        if purpose == Purpose::Filter && matches!(self.place, super::Place::Device(_)) {
            self.say("a device has no rows to filter", Role::Info);
            return;
        }
        self.prompt = Some(Prompt {
            purpose,
            before: text.clone(),
            line: Line::new(text),
            recalled: None,
        });
    }

    pub(super) fn paste(&mut self, text: &str) -> Vec<Effect> {
        if let Some(prompt) = &mut self.prompt {
            prompt.line.paste(text);
            self.typed_something();
        }
        Vec::new()
    }

    pub(super) fn type_key(&mut self, press: Press) -> Vec<Effect> {
        let Some(prompt) = &mut self.prompt else {
            return Vec::new();
        };
        let purpose = prompt.purpose;
        match prompt.line.press(press) {
            Typed::Changed => self.typed_something(),
            Typed::Nothing => {}
            Typed::Done => self.finish(),
            Typed::Cancelled => {
                let before = prompt.before.clone();
                self.prompt = None;
                if purpose == Purpose::Filter {
                    let view = self.view();
                    self.table_mut().set_filter(view, before);
                }
            }
            Typed::Complete => {
                if purpose == Purpose::Path
                    && let Some(full) = self.tree.complete(prompt.line.text())
                {
                    prompt.line = Line::new(full);
                }
            }
            Typed::Earlier => self.recall(1),
            Typed::Later => self.recall(-1),
        }
        Vec::new()
    }

    fn typed_something(&mut self) {
        let Some(prompt) = &self.prompt else {
            return;
        };
        if prompt.purpose == Purpose::Filter {
            let text = prompt.line.text().to_owned();
            let view = self.view();
            self.table_mut().set_filter(view, text);
        }
    }

    fn finish(&mut self) {
        let Some(prompt) = self.prompt.take() else {
            return;
        };
        let text = prompt.line.text().to_owned();
        match prompt.purpose {
            // A filter that is wrong stays open, with what is wrong.
            Purpose::Filter if self.table().mistake.is_some() => {
                self.prompt = Some(prompt);
                return;
            }
            Purpose::Filter => {}
            Purpose::Path => {
                let trimmed = if text.len() > 1 {
                    text.trim_end_matches('/')
                } else {
                    &text
                };
                match StorePath::parse(trimmed) {
                    Ok(path) if trimmed.starts_with('/') => self.go_to_path(&path),
                    Ok(_) => self.say("a path begins with /", Role::Warning),
                    Err(error) => self.say(error.to_string(), Role::Warning),
                }
            }
        }
        let lines = self.typed.entry(prompt.purpose).or_default();
        lines.retain(|line| *line != text);
        if !text.is_empty() {
            lines.push(text);
        }
        if lines.len() > REMEMBERED {
            lines.remove(0);
        }
    }

    fn recall(&mut self, by: isize) {
        let Some(prompt) = &mut self.prompt else {
            return;
        };
        let lines = self
            .typed
            .get(&prompt.purpose)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let next = match prompt.recalled {
            None if by > 0 => Some(0),
            None => return,
            Some(0) if by < 0 => None,
            Some(at) => Some(
                at.saturating_add_signed(by)
                    .min(lines.len().saturating_sub(1)),
            ),
        };
        let text = match next {
            Some(at) => lines.iter().rev().nth(at),
            None => Some(&prompt.before),
        };
        if let Some(text) = text {
            prompt.line = Line::new(text.clone());
            prompt.recalled = next;
            self.typed_something();
        }
    }
}
