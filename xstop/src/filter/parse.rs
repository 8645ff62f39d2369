//! From text to terms.

use std::fmt;

use regex::RegexBuilder;

use super::{Comparison, Term, Test};

/// Largest compiled regular expression, in bytes.
const REGEX_MAX: usize = 1 << 20;

/// What is wrong with a filter, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistake {
    /// Byte of the text at which the term begins.
    pub at: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Reads all terms.
pub(super) fn terms(text: &str, fields: &[&str]) -> Result<Vec<Term>, Mistake> {
    let mut terms = Vec::new();
    let mut rest = Cursor { text, at: 0 };
    loop {
        rest.skip_blanks();
        if rest.left().is_empty() {
            return Ok(terms);
        }
        let at = rest.at;
        let term = rest.term(fields).map_err(|reason| Mistake { at, reason })?;
        terms.push(term);
    }
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn left(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        let left = self.left();
        self.at += left.len() - left.trim_start().len();
    }

    fn eat(&mut self, prefix: &str) -> bool {
        let has = self.left().starts_with(prefix);
        if has {
            self.at += prefix.len();
        }
        has
    }

    fn term(&mut self, fields: &[&str]) -> Result<Term, String> {
        let mut is_negated = false;
        while self.eat("!") {
            is_negated = !is_negated;
        }
        let field = self.field(fields)?;
        let test = self.test(field.as_deref())?;
        Ok(Term {
            is_negated,
            field,
            test,
        })
    }

    fn field(&mut self, fields: &[&str]) -> Result<Option<String>, String> {
        let Some((name, _)) = self.left().split_once(':') else {
            return Ok(None);
        };
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
        if !is_name {
            return Ok(None);
        }
        if !fields.contains(&name) {
            let names = fields.join(" ");
            return Err(format!(
                "no field \"{name}\" here; fields: {names} (or quote the text)"
            ));
        }
        self.at += name.len() + 1;
        Ok(Some(name.to_owned()))
    }

    fn test(&mut self, field: Option<&str>) -> Result<Test, String> {
        if self.eat("/") {
            return self.regex();
        }
        if field.is_some() {
            let comparisons = [
                (">=", Comparison::MoreOrEqual),
                ("<=", Comparison::LessOrEqual),
                (">", Comparison::More),
                ("<", Comparison::Less),
            ];
            for (sign, comparison) in comparisons {
                if self.eat(sign) {
                    let word = self.word()?;
                    let number = number(&word)
                        .ok_or_else(|| format!("\"{word}\" is no number such as 5, 1.5M or 10m"))?;
                    return Ok(Test::Compare(comparison, number));
                }
            }
            if self.eat("=") {
                return Ok(Test::Exactly(self.word()?));
            }
        }
        let text = self.word()?;
        if text.is_empty() {
            return Err(match field {
                Some(name) => format!("{name}: of what?"),
                None => "not what?".into(),
            });
        }
        let is_exact_case = text.bytes().any(|b| b.is_ascii_uppercase());
        Ok(Test::Text {
            text,
            is_exact_case,
        })
    }

    fn regex(&mut self) -> Result<Test, String> {
        let mut pattern = String::new();
        let mut chars = self.left().char_indices();
        let mut end = self.text.len();
        while let Some((offset, c)) = chars.next() {
            match c {
                '/' => {
                    end = self.at + offset + 1;
                    break;
                }
                '\\' => match chars.next() {
                    Some((_, '/')) => pattern.push('/'),
                    Some((_, other)) => pattern.extend(['\\', other]),
                    None => pattern.push('\\'),
                },
                other => pattern.push(other),
            }
        }
        // While it is still being typed there is no second slash: it counts all the same.
        self.at = end;
        let has_capital = pattern.bytes().any(|b| b.is_ascii_uppercase());
        RegexBuilder::new(&pattern)
            .case_insensitive(!has_capital)
            .size_limit(REGEX_MAX)
            .build()
            .map(Test::Regex)
            .map_err(|error| {
                let text = error.to_string();
                // The last line is the reason; the lines before draw the place.
                let reason = text.lines().last().unwrap_or_default();
                reason.trim_start_matches("error: ").to_owned()
            })
    }

    /// Up to the next blank; quotes hold blanks.
    fn word(&mut self) -> Result<String, String> {
        let mut word = String::new();
        let mut is_quoted = false;
        for (offset, c) in self.left().char_indices() {
            match c {
                '"' => is_quoted = !is_quoted,
                c if c.is_whitespace() && !is_quoted => {
                    self.at += offset;
                    return Ok(word);
                }
                c => word.push(c),
            }
        }
        self.at = self.text.len();
        if is_quoted {
            return Err("the quote is not closed".into());
        }
        Ok(word)
    }
}

/// A number with an optional unit: k M G T for thousands, s m h d for times, % for hundredths.
pub fn number(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    let factor = match text.get(digits.len()..)? {
        "" | "s" | "B" => 1.0,
        "%" => 0.01,
        "k" | "K" | "kB" => 1e3,
        "M" | "MB" => 1e6,
        "G" | "GB" => 1e9,
        "T" | "TB" => 1e12,
        "ms" => 1e-3,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let number: f64 = digits.parse().ok()?;
    number.is_finite().then_some(number * factor)
}
