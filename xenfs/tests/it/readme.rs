//! The README's tour, run as a reader would.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use crate::process::Place;

#[test]
fn the_tour_of_the_readme_shows_what_really_happens() {
    let Some(place) = Place::new() else { return };
    if ["getfattr", "umount"]
        .into_iter()
        .any(|tool| xenbus_harness::requires_tool(tool).is_none())
    {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        xenbus_harness::skip("needs root for umount");
        return;
    }
    let readme =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let (_, tour) = readme.split_once("## One minute").unwrap();
    let tour = tour
        .split("```console\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let commands: Vec<&str> = tour
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .collect();
    assert!(commands.len() > 8, "{tour}");
    // One shell for all, because a tour changes directory; named bash, because it names itself in errors.
    let script: Vec<String> = commands
        .iter()
        .map(|command| {
            format!(
                "printf '%s\\n' '$ {}'\n{command}\n",
                command.replace('\'', "'\\''")
            )
        })
        .collect();
    let output = place
        .command("bash")
        .arg0("bash")
        .args(["-c", &format!("exec 2>&1; cd; {}", script.concat())])
        .env("HOME", place.point.parent().unwrap())
        .output()
        .unwrap();
    // A shell that runs a script says where in it an error is; one that is typed into does not.
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Vec<String> = said.lines().map(without_line_number).collect();
    assert_eq!(said, tour.lines().collect::<Vec<_>>());
}

fn without_line_number(line: &str) -> String {
    match line
        .strip_prefix("bash: line ")
        .and_then(|rest| rest.split_once(": "))
    {
        Some((_, rest)) => format!("bash: {rest}"),
        None => line.to_owned(),
    }
}
