//! `info` and what is for experts.

use crate::stores::{Store, for_each_store};

#[test]
fn info_tells_the_daemons_apart_and_what_this_domain_may() {
    for_each_store(|store| {
        let told = store.does("info -o json");
        let rows: Vec<serde_json::Value> = serde_json::from_str(&told).unwrap();
        let value = |name: &str| {
            let row = rows.iter().find(|row| row["name"] == name);
            row.map(|row| row["value"].as_str().unwrap().to_owned())
                .unwrap_or_default()
        };
        let is_oxenstored =
            matches!(store, Store::Real(daemon) if daemon.kind() == xenbus_harness::Kind::OCaml);
        assert_eq!(value("daemon").contains("OCaml"), is_oxenstored, "{told}");
        assert!(value("privilege").starts_with("yes"), "{told}");
        assert!(
            value("address").contains(store.socket().to_str().unwrap()),
            "{told}"
        );
        assert_eq!(
            value("quota nodes"),
            if is_oxenstored { "" } else { "1000" }
        );
    });
    let newer = Store::Embedded(crate::process::Serve::start(&["--personality", "c4.22"]));
    let told = newer.does("info");
    assert!(
        told.contains("4.22 or later") && told.contains("14 ("),
        "{told}"
    );
    assert!(newer.does("quota").contains("node-size"));
    newer.does("quota nodes 900");
    assert!(newer.does("quota nodes --no-header").contains("900"));
    assert!(newer.does("feature").starts_with("14 ("));
}

#[test]
fn raw_messages_control_and_domains_are_asked_as_they_are() {
    for_each_store(|store| {
        assert_eq!(
            store.does("raw -e WRITE /raw 'v\\x'; cat -r /raw"),
            "OK\nv\\x"
        );
        assert_eq!(store.does("raw -x read 2f72617700"), "v\\\\x\n");
        assert_eq!(store.does("raw 2 /raw"), "v\\\\x\n");
        assert_eq!(store.does("raw -n RM /raw; release -n 7; introduce -n 7 1 2; set-target -n 8 7; resume -n 7; control -n check"),
            "would ask: RM \"/raw\\x00\"\nwould ask: RELEASE 7\nwould ask: INTRODUCE 7 1 2\nwould ask: SET_TARGET 8 7\n\
             would ask: RESUME 7\nwould ask: CONTROL check\n");
        for (words, code) in [
            (&["raw", "FROB"][..], 2),
            (&["raw", "-x", "READ", "2"], 2),
            (&["raw", "READ", "/nope"], 1),
            (&["raw", "RM", "/"], 2),
            (&["release", "x"], 2),
            (&["release", "40000"], 2),
            (&["introduce", "7"], 2),
            (&["introduce", "7", "x", "1"], 2),
            (&["--read-only", "control", "check"], 3),
        ] {
            let (status, _, said) = store.run(words);
            assert_eq!(status, Some(code), "{words:?}: {said}");
        }
        assert!(store.does("control").contains(
            if matches!(store, Store::Real(daemon) if daemon.kind() == xenbus_harness::Kind::OCaml)
            {
                "OK"
            } else {
                "check"
            }
        ));
        assert_eq!(store.does("control check"), "OK\n");
    });
}
