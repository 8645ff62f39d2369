//! Help, version, completions and the manual page agree with the program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use xenbus::wire::{Errno, Op};
use xenfs::options::TABLE;

fn output(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_xenfs"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    String::from_utf8(output.stdout).unwrap()
}

fn manual() -> String {
    let page = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../man/xenfs.8"));
    // A backslash at the end continues a line, one before a hyphen only tells it from a minus sign.
    std::fs::read_to_string(page)
        .unwrap()
        .replace("\\\n", "")
        .replace("\\-", "-")
}

/// The items of a section of the manual page: what stands after `.It` there, without the macros.
fn items(section: &str) -> BTreeSet<String> {
    let manual = manual();
    let start = manual
        .find(&format!("\n.Sh {section}\n"))
        .expect("the section");
    let body = &manual[start + 5..];
    let body = &body[..body.find("\n.Sh ").unwrap_or(body.len())];
    body.lines()
        .filter_map(|line| line.strip_prefix(".It "))
        .map(|item| item.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn help_lists_every_mount_option_and_says_how_to_unmount() {
    let help = output(&["--help"]);
    for option in TABLE {
        assert!(help.contains(&option.to_string()), "{option}");
    }
    assert!(help.contains("fusermount3 -u MOUNTPOINT") && help.contains("man xenfs"));
    assert_eq!(help, output(&["-h"]));
}

#[test]
fn version_names_program_and_number() {
    let version = concat!("xenfs ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(output(&["--version"]), version);
}

#[test]
fn the_manual_page_has_the_mount_options_of_the_program_and_no_others() {
    let documented: BTreeSet<_> = items("MOUNT OPTIONS")
        .iter()
        .flat_map(|item| {
            // `Cm name` or `Cm name Ns = Ns Ar value`, several separated by ` , Cm `.
            item.split("Cm ")
                .filter_map(|part| part.split(' ').next().map(str::to_owned))
                .filter(|name| !name.is_empty())
                .collect::<Vec<_>>()
        })
        .collect();
    let known: BTreeSet<_> = TABLE.iter().map(|option| option.name.to_owned()).collect();
    assert_eq!(documented, known);
}

#[test]
fn the_manual_page_has_the_command_line_options_of_the_program_and_no_others() {
    let documented: BTreeSet<_> = items("OPTIONS")
        .iter()
        .filter(|item| item.starts_with("Fl "))
        .flat_map(|item| {
            item.split("Fl ")
                .filter_map(|part| part.split(' ').next().map(|name| format!("-{name}")))
                .filter(|name| name != "-")
                .collect::<Vec<_>>()
        })
        .collect();
    let mut known = BTreeSet::new();
    for argument in xenfs::cli::command().get_arguments() {
        known.extend(argument.get_short().map(|short| format!("-{short}")));
        known.extend(argument.get_long().map(|long| format!("--{long}")));
    }
    known.extend(["-h", "--help", "-V", "--version"].map(str::to_owned));
    assert_eq!(documented, known);
}

#[test]
fn the_manual_pages_table_of_errors_is_what_programs_see() {
    let manual = manual();
    let (_, table) = manual.split_once(".It Sy Store Ta Sy Program\n").unwrap();
    let (table, _) = table.split_once(".El").unwrap();
    let mut documented = BTreeSet::new();
    for row in table.lines() {
        let (names, shown) = row
            .strip_prefix(".It ")
            .unwrap()
            .split_once(" Ta Er ")
            .unwrap();
        for name in names.split(", ") {
            let error = xenbus::Error::Store {
                op: Op::READ,
                path: "/".into(),
                errno: Errno::from_wire(name.as_bytes()),
            };
            assert_eq!(
                format!("{:?}", xenfs::errno::Errno::from(&error)),
                shown,
                "{name}"
            );
            documented.insert(name);
        }
    }
    for known in Errno::ALL {
        // EIO and EISCONN are among "any other".
        let other = ["EIO", "EISCONN"].contains(&known.name());
        assert!(other || documented.contains(known.name()), "{known:?}");
    }
}

#[test]
fn the_manual_page_is_clean_mdoc() {
    if xenbus_harness::requires_tool("mandoc").is_none() {
        return;
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../man/xenfs.8");
    let output = Command::new("mandoc")
        .args(["-T", "lint", "-W", "style", page])
        .output()
        .unwrap();
    // Pages of ours are installed together with this one.
    let ours = |line: &str| {
        let page = line.split_once("referenced manual not found: Xr ");
        let name = page.map(|(_, page)| page.replace(' ', "."));
        name.is_some_and(|name| Path::new(page_directory()).join(name).exists())
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let faults: Vec<_> = said.lines().filter(|line| !ours(line)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

fn page_directory() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../man")
}

#[test]
fn completion_scripts_know_the_options_and_are_accepted_by_their_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let script = output(&["--completions", shell]);
        for option in ["connect", "demo", "foreground", "timeout"] {
            assert!(script.contains(option), "{shell}: {option}");
        }
    }
    let script = output(&["--completions", "bash"]);
    let checked = Command::new("bash").args(["-n", "-c", &script]).output();
    assert!(checked.unwrap().status.success());
}
