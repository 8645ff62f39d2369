//! What stands in a cell.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use xenbus::device::history::Age;
use xenbus::device::{Reading, Seen, Severity};

/// What the numbers of a column count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// Words.
    Text,
    /// Plain numbers.
    Count,
    /// Plain numbers per second.
    PerSecond,
    /// KiB of memory.
    Kib,
    /// Bytes per second.
    BytesPerSecond,
    /// A share of a whole, 0 to 1.
    Share,
    /// A length of time.
    Time,
    /// A state of one end.
    State,
    /// How bad something is.
    Severity,
}

/// What stands in a cell. Unknown is never shown as a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// There is none.
    None,
    /// Nothing tells.
    Unknown,
    /// It may exist, but we may not read it.
    Denied,
    /// It is there, and not what belongs there; printable.
    Bad(String),
    /// Printable text.
    Text(Cow<'static, str>),
    /// A whole number.
    Count(u64),
    /// A number with a fraction.
    Number(f64),
    /// A length of time, and whether that is exact; else it is longer.
    Time(Age),
    /// What an end shows.
    State(Seen),
    /// How bad something is.
    Severity(Severity),
}

impl Value {
    /// A text that is known to be printable.
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A count.
    pub fn count(count: usize) -> Self {
        Self::Count(u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// A number that may be unknown.
    pub fn number(number: Option<f64>) -> Self {
        number.map_or(Self::Unknown, Self::Number)
    }

    /// A length of time that may be unknown.
    pub fn age(age: Option<Age>) -> Self {
        age.map_or(Self::Unknown, Self::Time)
    }

    /// What was read, as text. Its display must be printable.
    pub fn shown<T: fmt::Display>(reading: &Reading<T>) -> Self {
        Self::of(reading, |value| Self::Text(value.to_string().into()))
    }

    /// What was read, made a value of.
    pub fn of<T>(reading: &Reading<T>, known: impl FnOnce(&T) -> Self) -> Self {
        match reading {
            Reading::Known(value) => known(value),
            Reading::Missing => Self::None,
            Reading::Denied => Self::Denied,
            Reading::Unreadable(bad) => Self::Bad(bad.to_string()),
        }
    }

    /// Whether it is anything that was read.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::None | Self::Unknown | Self::Denied)
    }

    /// As a number, for what has one.
    pub fn as_number(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "for comparing and for pictures")]
        Some(match self {
            Self::Count(count) => *count as f64,
            Self::Number(number) => *number,
            Self::Time(age) => age.seen.as_secs_f64(),
            Self::State(seen) => f64::from(seen.state()?.0),
            _ => return None,
        })
    }

    /// The exact text of machine-readable output and of filters; nothing for what is not known.
    pub fn plain(&self) -> Cow<'_, str> {
        match self {
            Self::None | Self::Unknown | Self::Denied => "".into(),
            Self::Bad(text) => text.as_str().into(),
            Self::Text(text) => (&**text).into(),
            Self::Count(count) => count.to_string().into(),
            Self::Number(number) => round(*number).to_string().into(),
            Self::Time(age) => seconds(age.seen).to_string().into(),
            Self::State(seen) => seen.to_string().into(),
            Self::Severity(severity) => severity_name(*severity).into(),
        }
    }

    /// The order of sorting: what is not known comes first.
    pub fn order(&self, other: &Self) -> Ordering {
        let rank = |value: &Self| match value {
            Self::None => 0,
            Self::Unknown => 1,
            Self::Denied => 2,
            Self::Bad(_) => 3,
            _ => 4,
        };
        rank(self)
            .cmp(&rank(other))
            .then_with(|| match (self, other) {
                (Self::Severity(a), Self::Severity(b)) => a.cmp(b),
                (a, b) => match (a.as_number(), b.as_number()) {
                    (Some(a), Some(b)) => a.total_cmp(&b),
                    _ => natural(&a.plain(), &b.plain()),
                },
            })
    }
}

/// For JSON: numbers as numbers, what is not known as `null`.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None | Self::Unknown | Self::Denied => serializer.serialize_none(),
            Self::Count(count) => serializer.serialize_u64(*count),
            Self::Number(number) => serializer.serialize_f64(round(*number)),
            Self::Time(age) => serializer.serialize_f64(seconds(age.seen)),
            other => serializer.serialize_str(&other.plain()),
        }
    }
}

/// One word for how bad something is.
pub(crate) fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

/// Three digits behind the point are enough for anything that is measured here.
fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

fn seconds(time: Duration) -> f64 {
    round(time.as_secs_f64())
}

/// Texts in the order of people: numbers in them count as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (da, db) = (digits(a), digits(b));
        if da > 0 && db > 0 {
            let (na, ra) = a.split_at(da);
            let (nb, rb) = b.split_at(db);
            let short = |text: &str| text.trim_start_matches('0').len();
            let order = short(na)
                .cmp(&short(nb))
                .then_with(|| na.trim_start_matches('0').cmp(nb.trim_start_matches('0')))
                .then_with(|| na.cmp(nb));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (ra, rb);
            continue;
        }
        let (mut ca, mut cb) = (a.chars(), b.chars());
        match (ca.next(), cb.next()) {
            (Some(x), Some(y)) if x == y => (a, b) = (ca.as_str(), cb.as_str()),
            (x, y) => return x.cmp(&y),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers_and_the_unknown_comes_first() {
        let mut names = ["web10", "web9", "web", "db2", "web9b"].map(Value::text);
        names.sort_by(Value::order);
        assert_eq!(
            names,
            ["db2", "web", "web9", "web9b", "web10"].map(Value::text)
        );
        assert_eq!(Value::Unknown.order(&Value::Number(0.0)), Ordering::Less);
        assert_eq!(Value::Count(10).order(&Value::Count(9)), Ordering::Greater);
    }

    #[test]
    fn what_is_not_known_is_never_a_number() {
        for value in [Value::None, Value::Unknown, Value::Denied] {
            let json = serde_json::to_value(&value).unwrap();
            assert_eq!((json, value.plain().len()), (serde_json::Value::Null, 0));
        }
        let third = serde_json::to_value(Value::Number(1.0 / 3.0)).unwrap();
        assert_eq!(third, serde_json::json!(0.333));
    }

    proptest! {
        #[test]
        fn the_order_of_names_is_one(a in "[a-c0-9]{0,6}", b in "[a-c0-9]{0,6}", c in "[a-c0-9]{0,6}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            if natural(&a, &b).is_lt() && natural(&b, &c).is_lt() {
                prop_assert!(natural(&a, &c).is_lt());
            }
            prop_assert_eq!(natural(&a, &b).is_eq(), a == b);
        }
    }
}
