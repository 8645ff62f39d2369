//! The command line and its exit codes.

use std::process::Command;

use crate::process::xsh;

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let output = xsh().args(args).output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn what_is_wrong_with_the_command_line_is_said_with_exit_code_2() {
    for (args, words) in [
        (&["serve"][..], "--socket"),
        (&["serve", "--socket"], "--socket"),
        (&["nonsense"], "nonsense"),
        (
            &["serve", "--socket", "/s", "--personality", "x"],
            "oxenstored",
        ),
        (&["serve", "--socket", "/s", "--demo=no-such"], "no-such"),
        (&["serve", "--socket", "/s", "--demo", "quiet"], "quiet"),
        (&["completions", "tcsh"], "zsh"),
    ] {
        let (code, _, said) = run(args);
        assert_eq!(code, Some(2), "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
}

#[test]
fn a_socket_that_cannot_be_made_is_exit_code_5() {
    let long = format!("/tmp/{}", "x".repeat(120));
    for (path, words) in [("/nonexistent/s", "No such file"), (&long, "107")] {
        let (code, _, said) = run(&["serve", "--socket", path]);
        assert_eq!(code, Some(5), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_closed_standard_stream_is_the_null_device() {
    for (closed, number) in [("<&-", 0), ("2>&-", 2)] {
        let line = format!("exec \"$0\" -c '!readlink /proc/self/fd/{number}' {closed}");
        let output = Command::new("sh")
            .args(["-c", &line, env!("CARGO_BIN_EXE_xsh")])
            .output()
            .unwrap();
        assert_eq!(output.stdout, b"/dev/null\n", "{closed}");
    }
    let output = Command::new("sh")
        .args(["-c", "exec \"$0\" echo lost >&-", env!("CARGO_BIN_EXE_xsh")])
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
}

#[test]
fn version_and_completions_are_printed() {
    let (code, version, _) = run(&["--version"]);
    assert_eq!(
        (code, version.as_str()),
        (Some(0), concat!("xsh ", env!("CARGO_PKG_VERSION"), "\n"))
    );
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = run(&["completions", shell]);
        assert_eq!(code, Some(0));
        assert!(script.contains("complete-words"), "{shell}");
    }
}

#[test]
fn the_manual_names_every_option_and_is_well_formed() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../man/xsh.1");
    let text = std::fs::read_to_string(page).unwrap();
    for word in [
        "socket",
        "demo",
        "personality",
        "oxenstored",
        "c4.22",
        "completions",
        "XENSTORED_PATH",
    ] {
        assert!(text.contains(word), "{word}");
    }
    let Some(mandoc) = xenbus_harness::requires_tool("mandoc") else {
        return;
    };
    let output = Command::new(mandoc)
        .args(["-T", "lint", "-W", "warning", page])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
}
