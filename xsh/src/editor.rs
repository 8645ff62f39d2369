//! The line editor: completion, hints, highlighting and continuation over the one lexer.
//!
//! rustyline calls all of it on the thread that reads the keys. So nothing here asks the store: a thread of its own
//! does ([`Lookup`]). Completion waits for it, at most [`PATIENCE`]; hints and highlighting take what is known already.

mod complete;
mod cursor;
mod highlight;
mod hint;
mod lookup;
mod scene;

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Context, Helper};

pub(crate) use lookup::Lookup;
pub(crate) use scene::Scene;

use crate::output::{Role, paint};
use crate::parse::{Wrong, parse};
use crate::token::lex;

/// How long a completion may take.
const PATIENCE: Duration = Duration::from_millis(150);

/// Where the last word of a line begins, and what it may become.
pub(crate) fn complete_line(scene: &Scene, line: &str) -> (usize, Vec<String>) {
    let (start, pairs) = complete::complete(scene, line, line.len());
    let replacements = pairs.into_iter().map(|pair| pair.replacement);
    (start, replacements.collect())
}

/// What rustyline asks.
pub(crate) struct Assistant {
    /// What the session is like while a line is typed.
    pub(crate) scene: Rc<RefCell<Scene>>,
}

impl Helper for Assistant {}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(complete::complete(&self.scene.borrow(), line, pos))
    }
}

impl Hinter for Assistant {
    type Hint = hint::Hint;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<hint::Hint> {
        let scene = self.scene.borrow();
        if !scene.settings.hints || pos < line.len() {
            return None;
        }
        hint::hint(&scene, line, context)
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        let scene = self.scene.borrow();
        if scene.has_color {
            Cow::Owned(highlight::highlight(&scene, line))
        } else {
            Cow::Borrowed(line)
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        let has_color = self.scene.borrow().has_color;
        Cow::Owned(paint(has_color, Role::Dim, hint))
    }

    fn highlight_candidate<'c>(&self, candidate: &'c str, _: CompletionType) -> Cow<'c, str> {
        let has_color = self.scene.borrow().has_color;
        if has_color && candidate.ends_with('/') {
            Cow::Owned(paint(true, Role::Directory, candidate))
        } else {
            Cow::Borrowed(candidate)
        }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        // What is wrong for good is said when it is run.
        let is_open = matches!(
            parse(&lex(context.input().as_bytes())),
            Err(Wrong::Unfinished { .. })
        );
        Ok(if is_open {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}
