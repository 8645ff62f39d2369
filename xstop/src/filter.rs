//! What the user types after `/`: terms that must all hold.
//!
//! A term is text (in any column; capitals count only if it has some), `/regex/`, or `field:` with text, `=text`,
//! `/regex/` or a comparison (`age:>5m`, `out:>=1M`). `!` before a term turns it round, quotes hold blanks together.

mod parse;

use regex::Regex;

pub use parse::{Mistake, number};

/// Text and, where there is one, number of a field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldValue {
    /// As it is shown.
    pub text: String,
    /// For comparisons, in base units: seconds, bytes, requests per second.
    pub number: Option<f64>,
}

/// Something that can be filtered.
pub trait Fields {
    /// Whether any of its texts passes.
    fn any(&self, test: &mut dyn FnMut(&str) -> bool) -> bool;

    /// A field by name; `None` if this row has no such field.
    fn field(&self, name: &str) -> Option<FieldValue>;
}

/// A filter; the empty one lets everything through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    is_negated: bool,
    field: Option<String>,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    /// Contains it; the text is in lower case if capitals do not count.
    Text {
        text: String,
        is_exact_case: bool,
    },
    /// Is exactly it.
    Exactly(String),
    Regex(Regex),
    Compare(Comparison, f64),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Comparison {
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

impl Filter {
    /// The one that lets everything through.
    pub const fn new() -> Self {
        Self { terms: Vec::new() }
    }

    /// Reads a filter for rows with these fields.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str, fields: &[&str]) -> Result<Self, Mistake> {
        parse::terms(text, fields).map(|terms| Self { terms })
    }

    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a row passes.
    pub fn passes(&self, row: &impl Fields) -> bool {
        self.terms.iter().all(|term| term.holds(row))
    }

    /// Where text matches one of the plain terms or regular expressions, for highlighting; in bytes.
    pub fn first_match(&self, text: &str) -> Option<std::ops::Range<usize>> {
        let terms = self
            .terms
            .iter()
            .filter(|term| !term.is_negated && term.field.is_none());
        terms
            .filter_map(|term| term.test.find(text))
            .min_by_key(|range| range.start)
    }
}

impl Term {
    fn holds(&self, row: &impl Fields) -> bool {
        let holds = match &self.field {
            None => row.any(&mut |text| self.test.text_passes(text)),
            Some(name) => row
                .field(name)
                .is_some_and(|value| self.test.passes(&value)),
        };
        holds != self.is_negated
    }
}

impl Test {
    fn text_passes(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => text == wanted,
            Self::Compare(..) => false,
            Self::Text { .. } | Self::Regex(_) => self.find(text).is_some(),
        }
    }

    fn passes(&self, value: &FieldValue) -> bool {
        match self {
            Self::Compare(comparison, wanted) => {
                value.number.is_some_and(|number| match comparison {
                    Comparison::Less => number < *wanted,
                    Comparison::LessOrEqual => number <= *wanted,
                    Comparison::More => number > *wanted,
                    Comparison::MoreOrEqual => number >= *wanted,
                })
            }
            _ => self.text_passes(&value.text),
        }
    }

    fn find(&self, text: &str) -> Option<std::ops::Range<usize>> {
        match self {
            Self::Text {
                text: wanted,
                is_exact_case,
            } => {
                let start = if *is_exact_case {
                    text.find(wanted)
                } else {
                    // Only ASCII changes its case, so offsets stay true.
                    text.to_ascii_lowercase().find(wanted)
                }?;
                Some(start..start + wanted.len())
            }
            Self::Regex(regex) => regex.find(text).map(|found| found.range()),
            Self::Exactly(_) | Self::Compare(..) => None,
        }
    }
}

#[cfg(test)]
mod tests;
