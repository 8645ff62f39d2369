use proptest::prelude::*;

use super::*;

/// A row with a name, a state and an age.
struct Row(&'static str, &'static str, f64);

impl Fields for Row {
    fn any(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        test(self.0) || test(self.1)
    }

    fn field(&self, name: &str) -> Option<FieldValue> {
        let text = |text: &str| FieldValue {
            text: text.to_owned(),
            number: None,
        };
        match name {
            "name" => Some(text(self.0)),
            "state" => Some(text(self.1)),
            "age" => Some(FieldValue {
                text: String::new(),
                number: Some(self.2),
            }),
            _ => None,
        }
    }
}

const FIELDS: [&str; 3] = ["name", "state", "age"];

fn passing(filter: &str) -> Vec<&'static str> {
    let filter = Filter::parse(filter, &FIELDS).unwrap();
    [
        Row("web", "Connected", 400.0),
        Row("db", "Closing", 3.0),
        Row("Web two", "Connected", 4000.0),
    ]
    .into_iter()
    .filter(|row| filter.passes(row))
    .map(|row| row.0)
    .collect()
}

#[test]
fn text_regex_negation_and_fields_work_together() {
    assert_eq!(passing(""), ["web", "db", "Web two"]);
    assert_eq!(passing("web"), ["web", "Web two"]);
    assert_eq!(passing("Web"), ["Web two"]);
    assert_eq!(passing("!web"), ["db"]);
    assert_eq!(passing("/^.b$/"), ["db"]);
    assert_eq!(
        passing("/clos"),
        ["db"],
        "a pattern that is still being typed counts"
    );
    assert_eq!(passing("state:conn !two"), ["web"]);
    assert_eq!(passing("name:=web"), ["web"]);
    assert_eq!(passing("name:/WEB|db/"), ["db"]);
    assert_eq!(passing("\"web two\""), ["Web two"]);
    assert_eq!(passing("age:>5m"), ["web", "Web two"]);
    assert_eq!(passing("age:>=4k"), ["Web two"]);
    assert_eq!(passing("!age:<1h"), ["Web two"]);
}

#[test]
fn mistakes_say_what_and_where() {
    let mistake = |text| Filter::parse(text, &FIELDS).unwrap_err();
    let unknown = mistake("web nmae:x");
    assert_eq!(unknown.at, 4);
    assert!(unknown.reason.contains("nmae") && unknown.reason.contains("state"));
    for text in ["/(/", "age:>much", "\"open", "name:", "!", "/x{99999999}/"] {
        let mistake = mistake(text);
        assert!(
            !mistake.reason.is_empty() && !mistake.reason.contains('\n'),
            "{text}"
        );
    }
}

#[test]
fn a_match_is_found_for_highlighting() {
    let filter = Filter::parse("!no EB /b$/", &FIELDS).unwrap();
    assert_eq!(filter.first_match("xEBb"), Some(1..3));
    assert_eq!(filter.first_match("none"), None);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text: String) {
        if let Ok(filter) = Filter::parse(&text, &FIELDS) {
            filter.passes(&Row("web", "é", 1.0));
            filter.first_match("öäüß");
        }
    }
}
