use proptest::prelude::*;

use super::*;
use crate::id::DomId;
use crate::perms::{Access, Perm};

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

fn text(document: &Document, format: Format) -> String {
    let mut out = Vec::new();
    document.write(&mut out, format).unwrap();
    String::from_utf8(out).unwrap()
}

fn entry(value: &[u8], perms: &str) -> Entry {
    Entry {
        value: Some(value.to_vec()),
        perms: Some(Perms::parse(perms).unwrap()),
        ..Entry::default()
    }
}

fn document(root: &str, nodes: &[(&str, Entry)]) -> Document {
    let mut document = Document::new(path(root)).unwrap();
    for (at, entry) in nodes {
        assert!(document.insert(path(at), entry.clone()));
    }
    document
}

fn error(text: &str) -> String {
    Document::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_document_reads_as_the_manual_shows_it() {
    let guest = document(
        "/local/domain/3",
        &[
            ("/local/domain/3", entry(b"", "n3,r0")),
            ("/local/domain/3/name", entry(b"guest", "n3,r0")),
            ("/local/domain/3/data/blob", entry(b"\0\xff", "n3")),
            ("/local/domain/3/on", entry(b"no", "n3")),
            (
                "/local/domain/3/secret",
                Entry {
                    denied: Denied {
                        value: true,
                        perms: true,
                        children: true,
                    },
                    ..Entry::default()
                },
            ),
        ],
    );
    assert_eq!(
        text(&guest, Format::Yaml),
        r#"xenstore: 1
root: /local/domain/3
nodes:
  ".": {value: "", perms: [n3, r0]}
  data/blob: {base64: "AP8=", perms: [n3]}
  name: {value: guest, perms: [n3, r0]}
  "on": {value: "no", perms: [n3]}
  secret: {denied: [value, perms, children]}
"#
    );
    assert_eq!(
        text(&guest, Format::Json),
        r#"{"xenstore": 1, "root": "/local/domain/3", "nodes": {
".": {"value": "", "perms": ["n3", "r0"]},
"data/blob": {"base64": "AP8=", "perms": ["n3"]},
"name": {"value": "guest", "perms": ["n3", "r0"]},
"on": {"value": "no", "perms": ["n3"]},
"secret": {"denied": ["value", "perms", "children"]}
}}
"#
    );
    assert_eq!(
        text(&document("/", &[]), Format::Yaml),
        "xenstore: 1\nroot: /\nnodes: {}\n"
    );
}

#[test]
fn what_a_person_writes_is_taken_as_it_stands() {
    let read = Document::parse(
        b"# by hand\nroot: /a\nxenstore: 1\nnodes:\n  b/c: {value: 0012}\n  no:\n    value: |\n      two\n      lines\n  7: {perms: [n0, r-1]}\n  .: {}\n",
    )
    .unwrap();
    let value = |at: &str| read.get(&path(at)).unwrap().value.clone();
    assert_eq!(value("/a/b/c").unwrap(), b"0012");
    assert_eq!(value("/a/no").unwrap(), b"two\nlines\n");
    assert_eq!(value("/a/7"), None);
    let perms = read.get(&path("/a/7")).unwrap().perms.clone().unwrap();
    assert_eq!(
        perms.entries().nth(1),
        Some(Perm::new(Access::Read, DomId(u32::MAX)))
    );
    assert_eq!(read.get(&path("/a")), Some(&Entry::default()));
}

#[test]
fn what_is_wrong_is_refused_with_its_reason() {
    let head = "xenstore: 1\nroot: /a\nnodes:\n";
    for (body, reason) in [
        ("  b: {value: x}\n  b: {value: y}\n", "twice"),
        ("  b: {value: ~}\n", "null is no text"),
        ("  b: {value: }\n", "null is no text"),
        ("  b: {value: null}\n", "null is no text"),
        ("  b: {base64: null}\n", "null is no text"),
        ("  b: {perms: null}\n", "invalid type"),
        ("  b: {perms: [n0, ~]}\n", "null is no text"),
        ("  ~: {value: x}\n", "null is no text"),
        ("  b: ~\n", "invalid type"),
        ("  b: {value: x, base64: AA==}\n", "both"),
        ("  b: {base64: A}\n", "base64"),
        ("  b: {base64: \"AA=\"}\n", "base64"),
        ("  b: {base64: AB==}\n", "base64"),
        ("  b: {valeu: x}\n", "valeu"),
        ("  b: {value: x, value: y}\n", "duplicate"),
        ("  b: {value: [x]}\n", "invalid type"),
        ("  b: {perms: []}\n", "perms"),
        ("  b: {perms: [q0]}\n", "q0"),
        ("  b: {value: x, denied: [value]}\n", "denied"),
        ("  b: {denied: [mind]}\n", "mind"),
        ("  /b: {value: x}\n", "absolute"),
        ("  b//c: {value: x}\n", "empty element"),
        ("  b c: {value: x}\n", "not allowed"),
        ("  ..: {value: x}\n", "not allowed"),
        ("  <<: {value: x}\n", "not allowed"),
    ] {
        let said = error(&format!("{head}{body}"));
        assert!(said.contains(reason), "{body}: {said}");
    }
    for (whole, reason) in [
        ("", "missing field"),
        ("xenstore: 2\nroot: /a\nnodes: {}\n", "version 2"),
        ("xenstore: 1\nnodes: {}\n", "root"),
        ("xenstore: 1\nroot: a\nnodes: {}\n", "absolute"),
        ("xenstore: 1\nroot: /a\n", "nodes"),
        ("xenstore: 1\nroot: /a\nnodes:\n", "map"),
        ("xenstore: 1\nroot: /a\nnodes: {}\nmore: 1\n", "more"),
        ("xenstore: 1\nroot: /a\nroot: /b\nnodes: {}\n", "duplicate"),
        (
            r#"{"xenstore": 1, "root": "/a", "nodes": {"b": {"value": 12}}}"#,
            "invalid type",
        ),
        (
            r#"{"xenstore": 1, "root": "/a", "nodes": {"b": {"value": null}}}"#,
            "null is no text",
        ),
        (
            r#"{"xenstore": 1, "root": "/a", "nodes": {"b": {}, "b": {}}}"#,
            "twice",
        ),
        (
            r#"{"xenstore": 1, "root": "/a", "nodes": {}} x"#,
            "trailing",
        ),
        ("a: &a [*a, *a]\n", ""),
    ] {
        let said = error(whole);
        assert!(said.contains(reason), "{whole}: {said}");
    }
    let said = error("xenstore: 1\nroot: /a\nnodes:\n  b: {\"v\\e[31m\": x}\n");
    assert!(!said.contains('\x1b') && said.len() < 500, "{said}");
    let bomb = format!(
        "a: &a [{0}]\nb: &b [{1}]\nc: &c [{2}]\nnodes: [{3}]\n",
        "x,".repeat(50),
        "*a,".repeat(50),
        "*b,".repeat(50),
        "*c,".repeat(50)
    );
    assert!(Document::parse(bomb.as_bytes()).is_err());
    assert!(Document::parse("[".repeat(100_000).as_bytes()).is_err());
    assert!(Document::parse(format!("{{\"a\": {}", "[".repeat(100_000)).as_bytes()).is_err());
}

#[test]
fn longer_input_than_the_limit_is_refused_before_it_is_read() {
    let endless = std::io::repeat(b'#');
    let said = Document::read(endless).unwrap_err().to_string();
    assert!(said.contains("longer than"), "{said}");
}

#[test]
fn a_path_of_a_thousand_elements_comes_back() {
    let deep = format!("/{}x", "a/".repeat(1500));
    let one = document("/", &[(&deep, entry(b"v", "n0"))]);
    for format in [Format::Yaml, Format::Json] {
        assert_eq!(Document::parse(text(&one, format).as_bytes()).unwrap(), one);
    }
}

fn change(plan: &Plan) -> Vec<String> {
    let kind = |change: &Change| match (&change.old, &change.new) {
        (None, _) => '+',
        (_, None) => '-',
        _ => '~',
    };
    let shown = |change: &Change| format!("{}{}", kind(change), change.path);
    plan.changes().iter().map(shown).collect()
}

#[test]
fn a_merge_keeps_what_a_replacement_removes() {
    let present = document(
        "/a",
        &[
            ("/a", entry(b"", "n0")),
            ("/a/gone", entry(b"", "n0")),
            ("/a/gone/below", entry(b"", "n0")),
            ("/a/hidden/x", entry(b"", "n0")),
            ("/a/same", entry(b"v", "n0")),
            ("/a/up", entry(b"", "n0")),
            ("/a/up/old", entry(b"", "n0")),
            ("/a/value", entry(b"v", "n0")),
        ],
    );
    let mut wanted = document(
        "/a",
        &[
            ("/a/new", entry(b"", "n0")),
            ("/a/same", entry(b"v", "n0")),
            ("/a/up/new", entry(b"", "n0")),
            ("/a/value", entry(b"w", "n0")),
        ],
    );
    let denied = Denied {
        children: true,
        ..Denied::default()
    };
    wanted.insert(
        path("/a/hidden"),
        Entry {
            denied,
            ..Entry::default()
        },
    );
    let merge = Plan::between(&present, &wanted, Mode::Merge);
    assert_eq!(
        change(&merge),
        ["+/a/hidden", "+/a/new", "+/a/up/new", "~/a/value"]
    );
    let replace = Plan::between(&present, &wanted, Mode::Replace);
    assert_eq!(
        change(&replace),
        [
            "-/a/gone",
            "-/a/gone/below",
            "+/a/hidden",
            "+/a/new",
            "+/a/up/new",
            "-/a/up/old",
            "~/a/value"
        ]
    );
    let value = replace.changes().last().unwrap();
    assert_eq!(value.old.as_ref().unwrap().perms, None, "only what differs");
    assert_eq!(
        value.new.as_ref().unwrap().value.as_deref(),
        Some(&b"w"[..])
    );
}

#[test]
fn a_moved_document_compares_with_one_of_another_place() {
    let here = document(
        "/a",
        &[("/a", entry(b"", "n0")), ("/a/b", entry(b"v", "n0"))],
    );
    let there = here.moved(&path("/x/y")).unwrap();
    assert_eq!(there.get(&path("/x/y/b")), here.get(&path("/a/b")));
    assert!(Plan::between(&here, &there.moved(&path("/a")).unwrap(), Mode::Replace).is_empty());
    assert!(here.moved(&path("relative")).is_err());
    assert!(
        here.moved(&path(&format!("/{}", "x".repeat(3071))))
            .is_err()
    );
}

fn any_perms() -> impl Strategy<Value = Perms> {
    let letters = [Access::None, Access::Read, Access::Write, Access::Both];
    let entry = (0..4usize, prop_oneof![0..10u32, any::<u32>()]);
    prop::collection::vec(entry, 1..9).prop_map(move |entries| {
        let entries = entries
            .into_iter()
            .map(|(letter, domid)| Perm::new(letters[letter], DomId(domid)));
        Perms::from_entries(entries).unwrap()
    })
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    let awkward = prop::sample::select(vec![
        "",
        " ",
        "~",
        "null",
        "NULL",
        "yes",
        "y",
        "No",
        "ON",
        "true",
        "1",
        "0012",
        "1e3",
        "12:30:45",
        "0x1F",
        "0o7",
        "1_000",
        ".inf",
        ".nan",
        "-",
        "--- a",
        "...",
        "a: b",
        "a #b",
        "#",
        "&a",
        "*a",
        "!t",
        "|",
        ">",
        "%",
        "@a",
        "`",
        "'",
        "\"",
        "\\",
        "\\x41",
        "{a}",
        "[a]",
        "a,b",
        "= ",
        "=",
        "<<",
        "a ",
        " a",
        "a\n",
        "\n",
        "\r\n",
        "\t",
        "a\tb",
        "2001-01-01",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{202e}x",
        "\u{1f600}",
        "\u{e9}",
        "?",
        "? a",
        "a?",
        ":",
        "a:",
    ]);
    prop_oneof![
        awkward.prop_map(|text| text.as_bytes().to_vec()),
        any::<String>().prop_map(String::into_bytes),
        any::<Vec<u8>>(),
        "[ -~]{0,20}".prop_map(String::into_bytes),
    ]
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let parts = (
        prop::option::of(any_value()),
        prop::option::of(any_perms()),
        any::<(bool, bool, bool)>(),
    );
    parts.prop_map(|(value, perms, (v, p, children))| Entry {
        denied: Denied {
            value: v && value.is_none(),
            perms: p && perms.is_none(),
            children,
        },
        value,
        perms,
    })
}

fn any_document() -> impl Strategy<Value = Document> {
    let name = "[-A-Za-z0-9_@]{1,4}|no|on|y|null|1e3|0x1F|true";
    let place = prop::collection::vec(name, 0..4);
    let nodes = prop::collection::vec((place.clone(), any_entry()), 0..12);
    (place, nodes).prop_map(|(root, nodes)| {
        let root = path(&format!("/{}", root.join("/")));
        let mut document = Document::new(root.clone()).unwrap();
        for (place, entry) in nodes {
            let at = if place.is_empty() {
                root.clone()
            } else {
                root.join(&place.join("/")).unwrap()
            };
            assert!(document.insert(at, entry));
        }
        document
    })
}

proptest! {
    #[test]
    fn every_byte_and_every_permission_comes_back(document in any_document()) {
        for format in [Format::Yaml, Format::Json] {
            let written = text(&document, format);
            prop_assert!(!written.chars().any(|c| c.is_control() && c != '\n'), "{}", written);
            let read = Document::parse(written.as_bytes());
prop_assert_eq!(&read.unwrap(), &document, "{}", written);
        }
    }

    #[test]
    fn any_yaml_reader_sees_the_same_texts_as_we_do(document in any_document()) {
        // The JSON form through a reader that knows nothing of documents, and the YAML form likewise: all scalars are
        // strings, because every text that could be something else is quoted.
        let json: serde_json::Value = serde_json::from_str(&text(&document, Format::Json)).unwrap();
        let yaml: serde_json::Value = serde_yaml::from_str(&text(&document, Format::Yaml)).unwrap();
        prop_assert_eq!(json, yaml);
    }

    #[test]
    fn applying_the_plan_in_mind_gives_what_is_wanted(old in any_document(), new in any_document()) {
        let old = old.moved(new.root());
        prop_assume!(old.is_ok());
        let mut state = old.unwrap();
        let plan = Plan::between(&state, &new, Mode::Merge);
        for change in plan.changes() {
            let there = state.nodes.entry(change.path.clone()).or_default();
            let becomes = change.new.as_ref().unwrap();
            if becomes.value.is_some() { there.value.clone_from(&becomes.value); }
            if becomes.perms.is_some() { there.perms.clone_from(&becomes.perms); }
        }
        prop_assert!(Plan::between(&state, &new, Mode::Merge).is_empty());
    }

    #[test]
    fn no_input_panics(bytes: Vec<u8>) {
        drop(Document::parse(&bytes));
    }
}
