//! Scripts: where they come from, what they return, what they do not do.

use std::io::Write as _;
use std::process::{Output, Stdio};

use xenbus_harness::for_each_daemon;

use crate::process::{Serve, xsh};

fn run(serve: &Serve, args: &[&str], input: &str) -> Output {
    let mut child = xsh()
        .env("XENSTORED_PATH", serve.socket())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A script may end before it is read to its end.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const SCRIPT: &str =
    "# a script\ncd /s\nset a 'one\ntwo'\ntx {\n  set b 2\n  set c 3\n}\nls\ncat a | wc -c\n";

#[test]
fn the_same_script_does_the_same_from_a_line_a_file_and_standard_input() {
    let serve = Serve::start(&[]);
    run(&serve, &["mkdir", "/s"], "");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("script.xsh");
    std::fs::write(&file, format!("#!/usr/bin/env xsh\n{SCRIPT}")).unwrap();
    let file = file.to_str().unwrap();
    for (args, input) in [
        (&["-c", SCRIPT][..], ""),
        (&["-f", file], ""),
        (&[file], ""),
        (&[], SCRIPT),
        (&["-f", "-"], SCRIPT),
        (&["source", file], ""),
    ] {
        let output = run(&serve, args, input);
        assert_eq!(text(&output.stderr), "", "{args:?}");
        assert_eq!(text(&output.stdout), "a\nb\nc\n9\n", "{args:?}");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
}

#[test]
fn errors_of_a_script_name_file_and_line() {
    let serve = Serve::start(&[]);
    let output = run(&serve, &[], "pwd\n\ncat /missing\npwd\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "/\n");
    let said = text(&output.stderr);
    assert!(said.starts_with("xsh: stdin:3: read /missing"), "{said}");
    // What is unfinished at the end, and what is no command at all.
    for (script, words) in [
        ("pwd\ntx {\npwd\n", "stdin:2: syntax: a { is not closed"),
        ("pwd\n}\n", "stdin:2: syntax"),
    ] {
        let output = run(&serve, &["-k"], script);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text(&output.stderr).contains(words),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn every_exit_code_of_the_table_happens() {
    let serve = Serve::start(&[]);
    let deep = format!("/{}", vec!["x"; 1600].join("/"));
    let long = "v".repeat(5000);
    for (code, args) in [
        (0, &["pwd"][..]),
        (1, &["cat", "/missing"]),
        (2, &["cat"]),
        (3, &["--read-only", "set", "/a", "1"]),
        (5, &["--connect", "unix:/nonexistent", "ls"]),
        (6, &["set", "/a", &long]),
        (124, &["wait", "-t", "0.05", "/missing"]),
        (2, &["ls", &deep]),
    ] {
        let output = run(&serve, args, "");
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}: {}",
            text(&output.stderr)
        );
    }
    // A conflict: somebody else changes what the transaction has read.
    let conflict = format!(
        "tx begin; cat /c; !XENSTORED_PATH={} {} set /c 2\nset /c 3; tx commit",
        serve.socket().display(),
        env!("CARGO_BIN_EXE_xsh")
    );
    run(&serve, &["set", "/c", "1"], "");
    let output = run(&serve, &[], &conflict.replace("; !", "\n!"));
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    // A guest may not write what is not its own: told by a store that treats us as one.
    let interrupted = std::process::Command::new("sh")
        .args([
            "-c",
            &format!("{} -c 'exit 130'", env!("CARGO_BIN_EXE_xsh")),
        ])
        .status()
        .unwrap();
    assert_eq!(interrupted.code(), Some(130));
}

#[test]
fn a_block_is_run_again_when_others_interfere() {
    for_each_daemon(|daemon| {
        let script = format!(
            "tx {{ cat /n; !test -e done || {{ touch done; XENSTORED_PATH={} {} set /n 5; }}\n set /m 1 }}\ncat /m",
            daemon.socket().display(),
            env!("CARGO_BIN_EXE_xsh")
        );
        let directory = tempfile::tempdir().unwrap();
        let run = |args: &[&str]| {
            xsh()
                .current_dir(directory.path())
                .env("XENSTORED_PATH", daemon.socket())
                .args(args)
                .output()
                .unwrap()
        };
        run(&["set", "/n", "4"]);
        let output = run(&["-c", &script]);
        assert_eq!(text(&output.stderr), "");
        // Read twice: before and after the other's change.
        assert_eq!(text(&output.stdout), "4\n5\n1\n");
    });
}

#[test]
fn output_goes_to_files_and_comes_from_files() {
    let serve = Serve::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a file");
    let quoted = format!("'{}'", file.display());
    let script = format!(
        "set /f/a 1 /f/b 2\nls /f > {quoted}\necho more >> {quoted}\nset /f/c < {quoted}\ncat /f/c"
    );
    let output = run(&serve, &["-c", &script], "");
    assert_eq!(text(&output.stdout), "a\\nb\\nmore\\n\n");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a\nb\nmore\n");
    let output = run(&serve, &["set", "/f/d"], "from standard\0input\n");
    assert_eq!(output.status.code(), Some(0));
    let output = run(&serve, &["-o", "raw", "cat", "/f/d"], "");
    assert_eq!(output.stdout, b"from standard\0input\n");
    let output = run(&serve, &["-0", "find", "/f"], "");
    assert_eq!(output.stdout.split(|b| *b == 0).count(), 6);
}

#[test]
fn a_slow_store_is_said_with_the_code_of_a_timeout() {
    for_each_daemon(|daemon| {
        daemon.pause();
        let output = xsh()
            .env("XENSTORED_PATH", daemon.socket())
            .args(["--timeout", "0.2", "cat", "/a"])
            .output()
            .unwrap();
        daemon.resume();
        assert_eq!(output.status.code(), Some(124), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("no answer within 0.2 s"));
    });
}

#[test]
fn every_command_explains_itself() {
    let overview = text(&xsh().arg("help").output().unwrap().stdout);
    let commands: Vec<&str> = overview
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_ascii_whitespace().next())
        .collect();
    assert!(commands.len() > 30, "{commands:?}");
    for command in commands {
        let by_name = xsh().args(["help", command]).output().unwrap();
        let by_option = xsh().args([command, "--help"]).output().unwrap();
        assert!(by_name.status.success(), "{command}");
        let help = text(&by_name.stdout);
        for heading in ["NAME", "SYNOPSIS", "OPTIONS", "EXAMPLES"] {
            assert!(help.contains(heading), "{command}: {help}");
        }
        if !["serve", "completions", "compat"].contains(&command) {
            assert_eq!(by_name.stdout, by_option.stdout, "{command}");
        }
    }
    for topic in ["syntax", "exit-codes"] {
        assert!(xsh().args(["help", topic]).status().unwrap().success());
    }
    assert_eq!(
        xsh().args(["help", "nonsense"]).status().unwrap().code(),
        Some(2)
    );
}

#[test]
fn the_examples_of_the_help_are_commands_that_work() {
    let overview = text(&xsh().arg("help").output().unwrap().stdout);
    let commands = overview
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_ascii_whitespace().next());
    let mut tried = 0;
    let directory = tempfile::tempdir().unwrap();
    for command in commands {
        let help = text(&xsh().args(["help", command]).output().unwrap().stdout);
        let examples = help.split("EXAMPLES\n").nth(1).unwrap();
        for example in examples.lines() {
            let line = example.split("  # ").next().unwrap().trim();
            // What waits, asks, opens an editor, needs a file, or ends the shell is tried elsewhere.
            let first = line.split(' ').next().unwrap();
            if [
                "watch",
                "wait",
                "edit",
                "monitor",
                "proxy",
                "exit",
                "source",
                "cd",
                "import",
                "diff",
                "undo",
                "unwatch",
                "alias",
                "repeat",
                "serve",
                "introduce",
                "release",
                "resume",
                "set-target",
                "quota",
                "feature",
                "control",
                "raw",
                "info",
            ]
            .contains(&first)
            {
                continue;
            }
            let mut shell = xsh();
            // Some write files.
            shell.current_dir(directory.path());
            let output = shell.args(["--demo", "-c", line]).output().unwrap();
            let said = text(&output.stderr);
            assert_ne!(output.status.code(), Some(2), "{line}: {said}");
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}
