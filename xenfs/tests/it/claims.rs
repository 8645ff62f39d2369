//! Every sentence of the manual page's SEMANTICS has a test.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use xenbus_harness::requires_tool;

/// The table: the beginning of a sentence, `|`, and the names of tests.
const TABLE: &str = include_str!("claims.txt");

/// Rows of the table.
fn rows() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let lines = TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let (claim, tests) = line.split_once(" | ").expect("a row is `claim | tests`");
        (claim.trim(), tests.split(',').map(str::trim).collect())
    })
}

/// The sentences under SEMANTICS, as a reader sees them, without examples and tables.
fn sentences() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../man/xenfs.8");
    let output = Command::new("mandoc")
        .args(["-T", "ascii", "-O", "width=1000"])
        .arg(page)
        .output()
        .unwrap();
    let mut text = String::new();
    // Bold and underlined letters are printed twice, with a backspace in between.
    for letter in String::from_utf8(output.stdout).unwrap().chars() {
        if letter == '\u{8}' {
            text.pop();
        } else {
            text.push(letter);
        }
    }
    let section = text.lines().skip_while(|line| *line != "SEMANTICS").skip(1);
    let section = section.take_while(|line| line.is_empty() || line.starts_with(' '));
    let mut sentences = Vec::new();
    for line in section {
        // Text is indented by 5; items begin with a bullet; columns have wide gaps.
        let Some(line) = line
            .strip_prefix("     ")
            .filter(|line| !line.starts_with(' '))
        else {
            continue;
        };
        let line = line.strip_prefix("o   ").unwrap_or(line);
        if line.contains("   ") {
            continue;
        }
        sentences.extend(line.split("  ").map(str::to_owned));
    }
    sentences
}

/// Names of all tests of this crate, unit tests included.
fn tests(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim_start) {
                match line
                    .strip_prefix("fn ")
                    .and_then(|rest| rest.split_once('('))
                {
                    Some((name, _)) if is_test => {
                        names.insert(name.to_owned());
                    }
                    _ => {}
                }
                is_test = line == "#[test]" || (is_test && line.starts_with('#'));
            }
        }
    }
}

#[test]
fn every_sentence_of_the_semantics_has_a_test() {
    if requires_tool("mandoc").is_none() {
        return;
    }
    let sentences = sentences();
    assert!(sentences.len() > 80, "{sentences:#?}");
    let mut faults = String::new();
    for sentence in &sentences {
        if !rows().any(|(claim, _)| sentence.starts_with(claim)) {
            writeln!(faults, "no test is named for: {sentence}").unwrap();
        }
    }
    let mut names = BTreeSet::new();
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for directory in ["src", "tests"] {
        tests(&crate_root.join(directory), &mut names);
    }
    for (claim, tests) in rows() {
        if !sentences.iter().any(|sentence| sentence.starts_with(claim)) {
            writeln!(faults, "the manual does not say: {claim}").unwrap();
        }
        for test in tests.iter().filter(|test| !names.contains(**test)) {
            writeln!(faults, "there is no such test: {test}").unwrap();
        }
    }
    assert!(faults.is_empty(), "tests/it/claims.txt:\n{faults}");
}
