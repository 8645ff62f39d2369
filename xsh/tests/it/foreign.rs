//! Clients that are not ours.

use std::process::{Command, Output, Stdio};

use xenbus_harness::requires_tool;

use crate::process::Serve;

fn run(serve: &Serve, tool: &str, args: &[&str]) -> Option<Output> {
    let program = requires_tool(tool)?;
    let output = Command::new(program)
        .args(args)
        .env("XENSTORED_PATH", serve.socket())
        .stdin(Stdio::null())
        .output();
    Some(output.unwrap())
}

#[test]
fn the_xenstore_tools_work() {
    for personality in ["c", "c4.22", "oxenstored"] {
        let serve = Serve::start(&["--personality", personality]);
        for (tool, args, code, stdout) in [
            ("xenstore-write", &["/a/b", "v", "/a/c", ""][..], 0, ""),
            ("xenstore-read", &["/a/b"], 0, "v\n"),
            ("xenstore-list", &["/a"], 0, "b\nc\n"),
            ("xenstore-exists", &["/a/b"], 0, ""),
            ("xenstore-exists", &["/a/x"], 1, ""),
            ("xenstore-chmod", &["/a/b", "n0", "r0"], 0, ""),
            (
                "xenstore-ls",
                &["-f", "-p", "/a"],
                0,
                "/a/b = \"v\"   (n0,r0)\n/a/c = \"\"   (n0)\n",
            ),
            ("xenstore-rm", &["/a/b"], 0, ""),
            ("xenstore-read", &["/a/b"], 1, ""),
        ] {
            let Some(output) = run(&serve, tool, args) else {
                return;
            };
            assert_eq!(
                output.status.code(),
                Some(code),
                "{personality}: {tool} {args:?}"
            );
            assert_eq!(
                String::from_utf8(output.stdout).unwrap(),
                stdout,
                "{personality}: {tool} {args:?}"
            );
        }
    }
}

#[test]
fn xens_own_test_of_a_store_passes() {
    for personality in ["c", "c4.22", "oxenstored"] {
        let serve = Serve::start(&["--personality", personality]);
        let Some(output) = run(&serve, "test-xenstore", &["-i", "3"]) else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{personality}: {said}");
        assert!(
            said.contains("ta rmw") && !said.contains("failed"),
            "{personality}: {said}"
        );
    }
}
