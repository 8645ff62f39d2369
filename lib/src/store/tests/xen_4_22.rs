//! What C xenstored of Xen 4.22 adds.

use super::*;

fn desk() -> Desk {
    Desk::like(Personality::C4_22)
}

#[test]
fn features_and_quotas_are_operations() {
    let mut desk = desk();
    desk.core.create_domain(DomId(3));
    desk.table(&[
        (Op::GET_FEATURE, "", r"14\x00"),
        (Op::GET_FEATURE, r"0\0", r"14\x00"),
        (Op::GET_FEATURE, r"77\0", "ENOENT"),
        (Op::SET_FEATURE, r"0\00\0", "EBUSY"),
        (Op::SET_FEATURE, r"77\00\0", "ENOENT"),
        (Op::SET_FEATURE, r"3\01\0", "EINVAL"),
        (Op::SET_FEATURE, r"3\02\0", OK),
        (Op::GET_FEATURE, r"3\0", r"2\x00"),
        (
            Op::GET_QUOTA,
            "",
            r"nodes watches outstanding memory soft-memory transactions transaction-nodes node-permissions path-max node-size\x00",
        ),
        (Op::GET_QUOTA, r"nodes\0", r"1000\x00"),
        (Op::GET_QUOTA, r"0\0nodes\0", r"1000\x00"),
        (Op::GET_QUOTA, r"0\0", "EINVAL"),
        (Op::GET_QUOTA, r"bogus\0", "EINVAL"),
        (Op::GET_QUOTA, r"node-size\0", r"2048\x00"),
        (Op::SET_QUOTA, r"nodes\01000\0", OK),
        (Op::SET_QUOTA, r"bogus\01\0", "EINVAL"),
        (Op::GET_PERMS, r"@introduceDomain\0", r"n0\x00"),
        (Op::GET_PERMS, r"@releaseDomain\0", r"n0\x00r32757\x00"),
        (Op::GET_DOMAIN_PATH, r"-1\0", "EINVAL"),
        (Op::GET_DOMAIN_PATH, r"abc\0", "EINVAL"),
        (Op::GET_DOMAIN_PATH, r"032\0", r"/local/domain/32\x00"),
        (Op::GET_DOMAIN_PATH, r"\0", r"/local/domain/0\x00"),
        (Op::GET_DOMAIN_PATH, r"32752\0", r"/local/domain/32752\x00"),
        (Op::IS_DOMAIN_INTRODUCED, r"abc\0", "EINVAL"),
    ]);
    let guest = desk.guest(1);
    assert_eq!(desk.ask_as(guest, Op::GET_FEATURE, ""), r"14\x00");
    assert_eq!(desk.ask_as(guest, Op::GET_QUOTA, ""), "EACCES");
}

#[test]
fn watches_have_a_depth() {
    for (depth, events) in [
        ("0", &["/dep|t"][..]),
        ("1", &["/dep|t", "/dep/a|t"]),
        ("x", &["/dep|t"]),
    ] {
        let mut desk = desk();
        assert_eq!(desk.ask(Op::WATCH, &format!("/dep\\0t\\0{depth}\\0")), OK);
        desk.events(desk.dom0);
        for path in ["/dep", "/dep/a", "/dep/a/b"] {
            desk.ask(Op::WRITE, &format!("{path}\\0v"));
        }
        assert_eq!(desk.events(desk.dom0), events, "{depth}");
    }
    assert_eq!(desk().ask(Op::WATCH, r"/dep\0t\0-1\0"), "EINVAL");
}

#[test]
fn domain_events_say_which_domain() {
    let mut desk = desk();
    for watch in [
        r"@introduceDomain\0i\01\0",
        r"@releaseDomain\0r\0",
        r"@releaseDomain/2\0two\0",
    ] {
        assert_eq!(desk.ask(Op::WATCH, watch), OK);
    }
    desk.events(desk.dom0);
    desk.guest(1);
    assert_eq!(desk.events(desk.dom0), ["@introduceDomain/1|i"]);
    desk.guest(2);
    desk.events(desk.dom0);
    desk.core.destroy_domain(DomId(1), &mut desk.inbox);
    assert_eq!(desk.events(desk.dom0), ["@releaseDomain|r"]);
    desk.core.destroy_domain(DomId(2), &mut desk.inbox);
    assert_eq!(
        desk.events(desk.dom0),
        ["@releaseDomain|r", "@releaseDomain/2|two"]
    );
}

#[test]
fn any_guest_hears_of_released_domains_and_any_domain_may_be_named() {
    let mut desk = desk();
    let guest = desk.guest(1);
    desk.ask_as(guest, Op::WATCH, r"@releaseDomain\0r\0");
    desk.ask(Op::WRITE, r"/any\0v");
    desk.ask(Op::SET_PERMS, r"/any\0n0\0r32757\0");
    assert_eq!(desk.ask_as(guest, Op::READ, r"/any\0"), "v");
    desk.guest(2);
    desk.events(guest);
    desk.core.destroy_domain(DomId(2), &mut desk.inbox);
    assert_eq!(desk.events(guest), ["@releaseDomain|r"]);
}

#[test]
fn dom0_has_no_limit_on_paths_but_the_packet() {
    let path = "/".to_owned() + &"x".repeat(3999);
    assert_eq!(desk().ask(Op::WRITE, &format!("{path}\\0v")), OK);
}

/// Rows of a text, as name and numbers.
fn rows(text: &str) -> Vec<(String, Vec<u64>)> {
    let row = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        let digits = numbers.split(|c: char| !c.is_ascii_digit());
        let numbers: Vec<u64> = digits.filter_map(|n| n.parse().ok()).collect();
        (!numbers.is_empty()).then(|| (name.trim().to_owned(), numbers))
    };
    text.trim_end_matches(r"\x00")
        .split(r"\n")
        .filter_map(row)
        .collect()
}

#[test]
fn the_most_that_guests_have_used_is_shown_and_can_be_forgotten() {
    let mut desk = Desk::like(Personality::C4_22);
    let guest = desk.guest(1);
    let zero = desk.ask(Op::CONTROL, r"quota\0max\0");
    assert!(
        zero.starts_with(r"Max. seen accounting values:\n"),
        "{zero}"
    );
    for (op, payload) in [
        (Op::WRITE, r"data/one\0value"),
        (Op::WATCH, r"data\0token\0"),
        (Op::UNWATCH, r"data\0token\0"),
        (Op::SET_PERMS, r"data/one\0n1\0r0\0r2\0"),
        (Op::RM, r"data/one\0"),
    ] {
        assert_eq!(desk.ask_as(guest, op, payload), OK, "{op} {payload}");
    }
    let names = [
        "nodes",
        "watches",
        "outstanding",
        "memory",
        "transactions",
        "transaction-nodes",
        "node-permissions",
        "path-max",
        "node-size",
    ];
    let own = rows(&desk.ask(Op::CONTROL, r"quota\01\0"));
    let all = rows(&desk.ask(Op::CONTROL, r"quota\0max\0"));
    assert_eq!(
        own.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
        names
    );
    assert_eq!(
        all.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
        names
    );
    let max = |name: &str| own.iter().find(|row| row.0 == name).unwrap().1[1];
    let (watches, permissions, path) = (max("watches"), max("node-permissions"), max("path-max"));
    assert_eq!((watches, permissions, path), (1, 3, 8));
    assert!(max("nodes") >= 1 && max("node-size") > 5 && max("memory") > 5);
    for (own, all) in own.iter().zip(&all) {
        assert_eq!(own.1[1], all.1[0], "{}", own.0);
    }
    let forgotten = rows(&desk.ask(Op::CONTROL, r"quota\0max\0-r\0"));
    assert!(
        forgotten.iter().all(|(_, numbers)| numbers == &[0]),
        "{forgotten:?}"
    );
    let own = rows(&desk.ask(Op::CONTROL, r"quota\01\0"));
    assert!(
        own.iter().all(|(_, numbers)| numbers[0] == numbers[1]),
        "{own:?}"
    );
    assert_eq!(desk.ask(Op::CONTROL, r"quota\0max\0-x\0"), "EINVAL");
    assert_eq!(
        Desk::like(Personality::C).ask(Op::CONTROL, r"quota\0max\0-r\0"),
        "EINVAL"
    );
}
