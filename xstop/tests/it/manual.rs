//! Manual page, help and tables say the same.

use clap::CommandFactory;
use xstop::app::ViewId;
use xstop::cli::Cli;
use xstop::key::BINDINGS;

const PAGE: &str = include_str!("../../../man/xstop.1");

/// The page as text: macros without their names, escapes undone.
fn text() -> String {
    let line = |line: &str| {
        let line = line.strip_prefix('.').map_or(line, |rest| {
            rest.split_once(' ').map_or("", |(_, args)| args)
        });
        line.replace("\\&", "")
            .replace("\\-", "-")
            .replace("\\e", "\\")
            .replace('"', "")
    };
    PAGE.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The items of a section: the arguments of its `.It` lines.
fn items(section: &str) -> Vec<String> {
    let start = PAGE
        .find(&format!(".Sh {section}\n"))
        .unwrap_or_else(|| panic!("section {section}"));
    let rest = &PAGE[start + 4..];
    let end = rest.find("\n.Sh ").unwrap_or(rest.len());
    rest[..end]
        .lines()
        .filter_map(|line| line.strip_prefix(".It "))
        .map(|item| item.replace("\\&", "").replace('"', ""))
        .collect()
}

/// The long options that an item names.
fn long_options(item: &str) -> Vec<String> {
    let words: Vec<&str> = item.split_whitespace().collect();
    let long = |three: &[&str]| (three[0] == "Fl" && three[1] == "Fl").then(|| three[2].to_owned());
    words.windows(3).filter_map(long).collect()
}

#[test]
fn every_option_is_in_the_page_and_every_option_of_the_page_exists() {
    let command = Cli::command();
    let mut options: Vec<String> = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set())
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .chain(["help".into(), "version".into()])
        .collect();
    let mut named: Vec<String> = items("OPTIONS")
        .iter()
        .flat_map(|item| long_options(item))
        .collect();
    options.sort_unstable();
    named.sort_unstable();
    assert_eq!(options, named);
}

#[test]
fn every_key_is_in_the_page_with_what_it_does() {
    let page = text();
    let items = items("KEYS");
    for binding in BINDINGS {
        let keys = binding.keys.join(" ");
        assert!(
            items
                .iter()
                .any(|item| item.trim_start_matches("Ic ") == keys),
            "{keys} is not in the page"
        );
        let help = binding.help;
        let words: String = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(help), "{}: {help}", binding.name);
    }
    assert_eq!(
        items.len(),
        BINDINGS.len(),
        "the page has keys that do not exist"
    );
}

#[test]
fn every_view_and_every_field_of_a_filter_is_in_the_page() {
    let page = text();
    for view in ViewId::ALL {
        assert!(page.contains(view.title()), "{}", view.title());
        for field in view.field_names() {
            let has = page
                .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .any(|word| word == field);
            assert!(has, "{field} of {}", view.word());
        }
    }
}
