//! A daemon is replaced by a new one that goes on with its store.

use xenbus::address::Address;
use xenbus::{Client, ClientOptions, Operations as _, StorePath};
use xenbus_harness::Kind;

use super::{Pair, Seen, Side, for_each_pair, requires_tool};
use crate::stores::Store;

/// The daemon's program, where there is one.
fn daemon_of(pair: &Pair) -> Option<(Kind, String)> {
    let Store::Real(daemon) = &pair.ours else {
        return None;
    };
    let program = match daemon.kind() {
        Kind::C => "xenstored",
        Kind::OCaml => "oxenstored",
    };
    let program = requires_tool(program)?;
    Some((daemon.kind(), program.to_str().unwrap().to_owned()))
}

/// Whether the daemons of both sides are successors: they are started with another command line.
fn are_successors(pair: &Pair, mark: &str) -> bool {
    [&pair.ours, &pair.theirs].into_iter().all(|store| {
        let Store::Real(daemon) = store else {
            return false;
        };
        let file = format!("/proc/{}/cmdline", daemon.pid().unwrap());
        let words = std::fs::read(file).unwrap();
        words.split(|b| *b == 0).any(|word| word == mark.as_bytes())
    })
}

#[test]
fn a_live_update_succeeds_or_fails_as_with_the_original() {
    for_each_pair(|pair| {
        let Some((kind, program)) = daemon_of(pair) else {
            return;
        };
        let mark = match kind {
            Kind::C => "-U",
            Kind::OCaml => "--live",
        };
        let program = program.as_bytes();
        pair.same("xenstore-write", &[b"/kept", b"value"]);
        assert!(!are_successors(pair, mark));
        let update = |arguments: &[&[u8]]| {
            pair.same(
                "xenstore-control",
                &[&[&b"live-update"[..]], arguments].concat(),
            )
        };
        let seen = update(&[program]);
        assert_eq!((seen.code, &seen.stderr[..]), (Some(0), &b""[..]));
        assert!(are_successors(pair, mark));
        assert_eq!(pair.same("xenstore-read", &[b"/kept"]).stdout, b"value\n");
        assert_eq!(update(&[b"-F", b"-t", b"5", program]).code, Some(0));
        // What is no option is the program; the last one counts.
        assert_eq!(update(&[b"-x", program]).code, Some(0));
        for arguments in [
            &[b"-c", &b"--nonsense -x"[..], program][..],
            &[b"-t", b"0", program],
            &[program, b"extra"],
            &[b"-t", b"1", b"/etc/passwd"],
            &[b"-t", b"1", b"/tmp"],
        ] {
            update(arguments);
        }
        assert_eq!(pair.same("xenstore-read", &[b"/kept"]).stdout, b"value\n");
    });
}

#[test]
fn a_live_update_waits_for_transactions_as_long_as_the_original_does() {
    for_each_pair(|pair| {
        let Some((kind, program)) = daemon_of(pair) else {
            return;
        };
        let run = |side, options: &[&str]| {
            let store = match side {
                Side::Ours => &pair.ours,
                Side::Theirs => &pair.theirs,
            };
            let address = Address::Unix(store.socket().to_owned());
            let client = Client::connect(&address, ClientOptions::default()).unwrap();
            let open = client.begin().unwrap();
            open.write(&StorePath::parse("/open").unwrap(), b"v")
                .unwrap();
            let mut seen = Seen::of(
                pair.tool(side, "xenstore-control")
                    .arg("live-update")
                    .args(options)
                    .arg(&program),
            );
            // How many seconds the transaction is old.
            seen.stderr.retain(|byte| !byte.is_ascii_digit());
            seen
        };
        let both = |options: &[&str]| {
            let (theirs, ours) = (run(Side::Theirs, options), run(Side::Ours, options));
            assert_eq!(ours, theirs, "{}: {options:?} (left: ours)", pair.kind);
            ours.code
        };
        assert_eq!(both(&["-t", "1"]), Some(3));
        if kind == Kind::C {
            // oxenstored does not know it, and ends when the transaction does.
            assert_eq!(both(&["-F", "-t", "1"]), Some(0));
        }
    });
}
