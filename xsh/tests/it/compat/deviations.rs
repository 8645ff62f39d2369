//! What is done otherwise on purpose: each row of the table.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::{Seen, Side, for_each_pair};
use crate::stores::Store;

#[test]
fn watch_takes_a_depth_as_in_xen_4_22() {
    for_each_pair(|pair| {
        let mut command = pair.tool(Side::Ours, "xenstore-watch");
        command.args(["-d", "1", "-n", "3", "/w"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let mut seen = vec![lines.next().unwrap()];
        for path in ["/w/a/too/deep", "/w/b", "/w"] {
            let mut write = pair.tool(Side::Ours, "xenstore-write");
            assert_eq!(Seen::of(write.args([path, "v"])).code, Some(0));
        }
        seen.extend(lines);
        assert!(child.wait().unwrap().success());
        assert_eq!(seen, ["/w", "/w/b", "/w"], "{}", pair.kind);
    });
}

#[test]
fn list_prints_paths_of_the_root_that_are_paths() {
    for_each_pair(|pair| {
        let seen = Seen::of(pair.tool(Side::Ours, "xenstore-list").args(["-p", "/"]));
        let text = String::from_utf8(seen.stdout).unwrap();
        assert!(text.lines().any(|line| line == "/tool"), "{text}");
    });
}

#[test]
fn children_with_many_names_are_listed_on_every_store() {
    for_each_pair(|pair| {
        let Store::Real(daemon) = &pair.ours else {
            return;
        };
        let nodes: Vec<_> = (0..400)
            .map(|node| format!("/many/a-long-name-{node}"))
            .collect();
        for some in nodes.chunks(100) {
            let mut write = pair.tool(Side::Ours, "xenstore-write");
            for node in some {
                write.args([node, ""]);
            }
            assert_eq!(Seen::of(&mut write).code, Some(0));
        }
        for arguments in [&["xenstore-list", "/many"][..], &["xenstore-ls", "/many"]] {
            let seen = Seen::of(pair.tool(Side::Ours, arguments[0]).args(&arguments[1..]));
            let lines = seen.stdout.split(|b| *b == b'\n').count();
            assert_eq!((lines, seen.code), (401, Some(0)), "{daemon:?}");
        }
        let chmod = Seen::of(
            pair.tool(Side::Ours, "xenstore-chmod")
                .args(["-r", "/many", "n0", "r1"]),
        );
        assert_eq!(chmod.code, Some(0), "{chmod:?}");
    });
}

#[test]
fn chmod_of_everything_below_takes_long_paths() {
    for_each_pair(|pair| {
        let path = format!(
            "/deep/{}/end",
            "long-element/".repeat(24).trim_end_matches('/')
        );
        let tool =
            |name: &str, arguments: &[&str]| Seen::of(pair.tool(Side::Ours, name).args(arguments));
        assert_eq!(tool("xenstore-write", &[&path, "v"]).code, Some(0));
        let seen = tool("xenstore-chmod", &["-r", "/deep", "n0", "r9"]);
        assert_eq!(seen.code, Some(0), "{seen:?}");
        let seen = String::from_utf8(tool("xenstore-ls", &["-f", "-p", "/deep"]).stdout).unwrap();
        assert!(
            seen.contains(&format!("{path} = \"v\"   (n0,r9)")),
            "{seen}"
        );
    });
}

#[test]
fn the_root_is_not_removed() {
    for_each_pair(|pair| {
        let seen = Seen::of(pair.tool(Side::Ours, "xenstore-rm").arg("/"));
        assert_eq!(seen.code, Some(1));
        assert_eq!(seen.stderr, b"xenstore-rm: could not remove path /\n");
        assert_eq!(
            Seen::of(pair.tool(Side::Ours, "xenstore-exists").arg("/tool")).code,
            Some(0)
        );
    });
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "precious").unwrap();
    let mut command = crate::process::xsh();
    command
        .args(["compat", "read", "/a"])
        .env("XENSTORED_PATH", file.path());
    assert_eq!(Seen::of(&mut command).code, Some(1));
    assert_eq!(std::fs::read(file.path()).unwrap(), b"precious");
}

#[test]
fn a_watch_goes_on_when_the_daemon_is_started_again() {
    for_each_pair(|pair| {
        let Store::Real(daemon) = &pair.ours else {
            return;
        };
        let mut command = pair.tool(Side::Ours, "xenstore-watch");
        let mut child = command
            .args(["-n", "3", "/w"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let mut seen = vec![lines.next().unwrap()];
        daemon.restart();
        seen.extend(lines.next());
        let mut write = pair.tool(Side::Ours, "xenstore-write");
        assert_eq!(Seen::of(write.args(["/w/a", "v"])).code, Some(0));
        seen.extend(lines);
        assert_eq!(seen, ["/w", "/w", "/w/a"]);
        assert!(child.wait().unwrap().success());
    });
}
