//! The manual page of scenarios.

use std::path::Path;

use xenbus::demo::Scenario;

/// The words that a reader expects in the place of `x`.
fn expected(yaml: &str) -> Vec<String> {
    let error = Scenario::parse(yaml).unwrap_err();
    let (_, list) = error.split_once("expected").unwrap();
    list.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_page_names_every_key_and_word_and_every_shipped_scenario() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../man/xenstore-scenario.5");
    let Ok(page) = std::fs::read_to_string(page) else {
        eprintln!("skipped: the page is not part of the package");
        return;
    };
    let mut words: Vec<String> = Scenario::shipped().map(str::to_owned).collect();
    for place in [
        "x: 1",
        "time: x",
        "host: {x: 1}",
        "nodes: [{x: 1}]",
        "domains: [{x: 1}]",
        "domains: [{name: a, kind: x}]",
        "domains: [{name: a, disks: [{x: 1}]}]",
        "domains: [{name: a, vifs: [{x: 1}]}]",
        "domains: [{name: a, vifs: [{fault: x}]}]",
        "domains: [{name: a, devices: [{x: 1}]}]",
        "traffic: [{x: 1}]",
        "life: [{x: 1}]",
        "life: [{every: 1, what: x}]",
        "timeline: [{x: 1}]",
        "timeline: [{at: 0, do: x}]",
        "timeline: [{at: 0, do: crash, then: x}]",
        "timeline: [{at: 0, do: write, end: x}]",
    ] {
        let found = expected(place);
        assert!(found.len() > 1, "{place}: {found:?}");
        words.extend(found);
    }
    let page = page.replace("\\-", "-");
    let known: Vec<&str> = page
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
        .collect();
    let missing: Vec<&String> = words
        .iter()
        .filter(|word| !known.contains(&word.as_str()))
        .collect();
    assert_eq!(missing, [""; 0], "not in the page");
}
