//! What others write, and how much of it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use xenbus::address::Address;
use xenbus::{Client, ClientOptions, Operations as _, Perms, StorePath};
use xenbus_harness::for_each_daemon;

use crate::process::{Serve, xsh};

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

fn client(socket: &Path) -> Client {
    let mut options = ClientOptions::default();
    // Thousands of requests at once, on a machine that may be busy.
    options.timeout = Duration::from_mins(1);
    Client::connect(&Address::Unix(socket.into()), options).unwrap()
}

fn output(socket: &Path, args: &[&str]) -> Vec<u8> {
    let output = xsh()
        .env("XENSTORED_PATH", socket)
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    output.stdout
}

/// Escape sequences, 8-bit controls, direction marks, nothing, everything.
const NASTY: [&[u8]; 6] = [
    b"\x1b[2J\x1b]0;owned\x07",
    b"\xc2\x9b31m",
    "\u{202e}evil".as_bytes(),
    b"",
    b"a\tb\nc\rd\0\x7f",
    b"\xff\xfe \\ \" ' $? {}",
];

#[test]
fn every_command_shows_values_in_printable_ascii() {
    let serve = Serve::start(&[]);
    let client = client(serve.socket());
    for (at, value) in NASTY.iter().enumerate() {
        client.write(&path(&format!("/n/{at}")), value).unwrap();
        client
            .write(
                &path(&format!("/local/domain/1/device/vif/{at}/mac")),
                value,
            )
            .unwrap();
    }
    client
        .write(&path("/local/domain/1/name"), NASTY[0])
        .unwrap();
    let all: Vec<u8> = (0..=255).collect();
    client.write(&path("/n/all"), &all).unwrap();
    for args in [
        &["ls", "-lR", "/"][..],
        &["ls", "-le", "/local/domain/1"],
        &["cat", "/n/*"],
        &["tree", "/"],
        &["tree", "-e", "/local"],
        &["stat", "/n/*"],
        &["grep", "-r", ".", "/"],
        &["find", "/", "-l"],
        &["-o", "json", "ls", "-R", "/"],
        &["-o", "yaml", "ls", "-R", "/"],
        &["-o", "csv", "ls", "-R", "/"],
        &["-o", "jsonl", "cat", "/n/*"],
        &["domains"],
        &["devices"],
        &["device", "1/vif/0"],
        &["explain", "-R", "/local/domain/1"],
        &["set", "-n", "/n/0", "x"],
        &["rm", "-rn", "/n"],
        &["watch", "-i", "-c", "5", "/n"],
        &["-o", "jsonl", "watch", "-i", "-c", "5", "/n"],
    ] {
        for extra in [&[][..], &["--color=always"]] {
            let out = output(serve.socket(), &[extra, args].concat());
            // Our own colours, and nothing else.
            let text = String::from_utf8(out).unwrap();
            let plain = without_colors(&text);
            let bad = plain
                .bytes()
                .find(|b| !matches!(b, 0x20..=0x7E | b'\n' | b'\t' | b'\r'));
            assert_eq!(bad, None, "{args:?}: {plain:?}");
            assert!(!extra.is_empty() || plain == text, "{args:?}");
        }
    }
}

/// A text without the sequences that set colours.
fn without_colors(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        plain += &rest[..at];
        let end = rest[at..].find('m').expect("a colour ends");
        let inside = &rest[at + 2..at + end];
        assert!(inside.bytes().all(|b| b.is_ascii_digit() || b == b';'));
        rest = &rest[at + end + 1..];
    }
    plain + rest
}

#[test]
fn what_cat_prints_set_takes_back_exactly() {
    let serve = Serve::start(&[]);
    let socket = serve.socket();
    let client = client(socket);
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    let values = proptest::collection::vec(any::<u8>(), 0..200);
    runner
        .run(&values, |value| {
            client.write(&path("/v"), &value).unwrap();
            // As a script that is made of what was printed, between double quotes and as an escaped argument.
            let shown = String::from_utf8(output(socket, &["cat", "/v"])).unwrap();
            let shown = shown.trim_end_matches('\n');
            let quoted = shown.replace('"', "\\\"").replace('$', "\\$");
            output(socket, &["-c", &format!("set /quoted -- \"{quoted}\"")]);
            prop_assert_eq!(&client.read(&path("/quoted")).unwrap(), &value);
            output(socket, &["set", "-E", "/escaped", "--", shown]);
            prop_assert_eq!(&client.read(&path("/escaped")).unwrap(), &value);
            // Exact bytes, in and out.
            prop_assert_eq!(&output(socket, &["read", "/v"]), &value);
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &value).unwrap();
            let name = file.path().to_str().unwrap();
            output(socket, &["set", "-f", name, "/file"]);
            prop_assert_eq!(&client.read(&path("/file")).unwrap(), &value);
            Ok(())
        })
        .unwrap();
}

#[test]
fn permissions_that_perm_prints_it_takes_back() {
    let serve = Serve::start(&[]);
    let client = client(serve.socket());
    client.write(&path("/p"), b"").unwrap();
    client.write(&path("/q"), b"").unwrap();
    for text in ["n0", "r0,w5", "b0,n1,r2,w3,b4", "w0,r32751"] {
        client
            .set_perms(&path("/p"), &Perms::parse(text).unwrap())
            .unwrap();
        let shown = output(serve.socket(), &["-o", "raw", "perm", "/p"]);
        let shown = String::from_utf8(shown).unwrap();
        output(serve.socket(), &["perm", "/q", shown.trim()]);
        assert_eq!(client.perms(&path("/q")).unwrap().to_string(), text);
    }
}

#[test]
fn a_large_tree_is_streamed_in_bounded_memory() {
    const FEW: usize = 1_000;
    let many = if std::env::var_os("XENBUS_LONG").is_some() {
        100_000
    } else {
        20_000
    };
    let serve = Serve::start(&[]);
    let client = client(serve.socket());
    for (top, nodes) in [("few", FEW), ("many", many)] {
        let mut answers = std::collections::VecDeque::new();
        for at in 0..nodes {
            let node = path(&format!("/{top}/{}/{}/{at}", at % 10, at % 97));
            answers.push_back(client.submit_write(&node, &[b'x'; VALUE]));
            if answers.len() > 500 {
                answers.pop_front().unwrap().wait().unwrap();
            }
        }
        for answer in answers {
            answer.wait().unwrap();
        }
    }
    for args in [
        &["ls", "-lR"][..],
        &["tree"],
        &["find", "-l"],
        &["grep", "-r", "x"],
        &["-o", "json", "ls", "-R"],
        &["export"],
    ] {
        let peak = |top, nodes| peak_kib(serve.socket(), args, top, nodes);
        let (few, many) = (peak("/few", FEW), peak("/many", many));
        // The values of the many alone are 8 MB.
        assert!(
            few > 0 && many < few + (4 << 10),
            "{args:?}: {few} KiB for few nodes, {many} KiB for many"
        );
    }
}

/// Bytes of a value of a large tree.
const VALUE: usize = 400;

/// Most memory that a command takes for a tree.
fn peak_kib(socket: &Path, args: &[&str], top: &str, nodes: usize) -> u64 {
    let mut child = xsh()
        .env("XENSTORED_PATH", socket)
        .args(["--timeout", "60"])
        .args(args)
        .arg(top)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut lines = 0;
    let mut peak = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = std::io::Read::read(&mut stdout, &mut buffer).unwrap();
        if count == 0 {
            break;
        }
        lines += buffer[..count].split(|b| *b == b'\n').count() - 1;
        peak = peak.max(high_water_kib(child.id()));
    }
    assert!(child.wait().unwrap().success());
    assert!(lines >= nodes, "{args:?}: {lines}");
    peak
}

/// Most resident memory that a process had, KiB.
fn high_water_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_ascii_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

#[test]
fn a_reader_that_has_enough_ends_the_command_without_an_error() {
    let serve = Serve::start(&["--demo=quiet"]);
    let script = format!(
        "{} ls -lR / | head -n 1; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_xsh")
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .env("XENSTORED_PATH", serve.socket())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.stdout.split(|b| *b == b'\n').count(), 2);
}

#[test]
fn the_first_hit_in_a_large_tree_is_shown_after_few_requests() {
    for_each_daemon(|daemon| {
        let client = client(daemon.socket());
        let writes: Vec<_> = (0..5_000)
            .map(|at| client.submit_write(&path(&format!("/wide/{}/{at}", at % 250)), b"v"))
            .collect();
        for write in writes {
            write.wait().unwrap();
        }
        for line in ["find /wide --leaf", "grep -r v /wide"] {
            let both = format!(
                "exec {} --timeout 60 {line} 2>&1",
                env!("CARGO_BIN_EXE_xsh")
            );
            let output = std::process::Command::new("sh")
                .args(["-c", &both])
                .env("XENSTORED_PATH", daemon.socket())
                .env("XENBUS_TRACE", "1")
                .output()
                .unwrap();
            let output = String::from_utf8(output.stdout).unwrap();
            let messages = output.lines().position(|line| line.starts_with('/'));
            assert!(
                messages.is_some_and(|count| count < 200),
                "{line}: {messages:?} messages before the first hit"
            );
            assert!(output.lines().count() > 10_000, "{line}");
        }
    });
}

#[test]
fn what_a_script_has_found_is_seen_while_it_goes_on() {
    for_each_daemon(|daemon| {
        let client = client(daemon.socket());
        client.write(&path("/first/hit"), b"").unwrap();
        client.write(&path("/first/later"), b"").unwrap();
        // The second one comes only after we have seen the first.
        let mut child = xsh()
            .env("XENSTORED_PATH", daemon.socket())
            .args([
                "-c",
                "find /first -name hit; wait /go; find /first -name later",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines =
            std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        assert_eq!(lines.next().unwrap().unwrap(), "/first/hit");
        client.write(&path("/go"), b"").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "/first/later");
        assert!(child.wait().unwrap().success());
    });
}
