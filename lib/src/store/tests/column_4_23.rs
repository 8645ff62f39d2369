//! Every question that was put to C xenstored 4.23-dev, with its answers, put to the personality of Xen 4.22 and later.

use super::*;

/// Error, or success with anything.
const ANY: &str = "*";

fn desk() -> Desk {
    Desk::like(Personality::C4_22)
}

/// Many questions of one connection, in order; an answer of [`ANY`] is any but an error.
fn column(desk: &mut Desk, from: ConnId, rows: &[(Op, &str, &str)]) {
    for (op, payload, answer) in rows {
        let said = desk.ask_as(from, *op, payload);
        if *answer == ANY {
            assert!(!is_error(&said), "{op} {payload:?}: {said}");
        } else {
            assert_eq!(said, *answer, "{op} {payload:?}");
        }
    }
}

fn is_error(said: &str) -> bool {
    said.starts_with('E')
        && said
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// How often something succeeds, and the error then.
fn until_refused(
    desk: &mut Desk,
    from: ConnId,
    op: Op,
    payload: impl Fn(usize) -> String,
) -> (usize, String) {
    for count in 0..5_000 {
        let said = desk.ask_as(from, op, &payload(count));
        if is_error(&said) {
            return (count, said);
        }
    }
    panic!("{op} is never refused");
}

#[test]
fn fresh_store() {
    let mut desk = desk();
    let dom0 = desk.dom0;
    column(
        &mut desk,
        dom0,
        &[
            (Op::DIRECTORY, r"/\0", r"tool\x00"),
            (Op::READ, r"/\0", ""),
            (Op::GET_PERMS, r"/\0", r"n0\x00"),
            (Op::DIRECTORY, r"/tool\0", r"xenstored\x00"),
            (Op::READ, r"/tool\0", ""),
            (Op::GET_PERMS, r"/tool\0", r"n0\x00"),
            (Op::DIRECTORY, r"/tool/xenstored\0", ""),
            (Op::READ, r"/tool/xenstored\0", ""),
            (Op::GET_PERMS, r"/tool/xenstored\0", r"n0\x00"),
            (Op::DIRECTORY, r"/local\0", "ENOENT"),
            (Op::READ, r"@introduceDomain\0", "EINVAL"),
            (Op::GET_PERMS, r"@introduceDomain\0", r"n0\x00"),
            (Op::READ, r"@releaseDomain\0", "EINVAL"),
            (Op::GET_PERMS, r"@releaseDomain\0", r"n0\x00r32757\x00"),
            (Op::READ, r"/@releaseDomain\0", "ENOENT"),
            (Op::GET_PERMS, r"/@releaseDomain\0", "ENOENT"),
            (Op::DIRECTORY_PART, r"/tool\00\0", r"2\x00xenstored\x00\x00"),
            (Op::DIRECTORY_PART, r"/tool\0-1\0", r"2\x00\x00"),
        ],
    );
}

#[test]
fn paths() {
    let mut desk = desk();
    let dom0 = desk.dom0;
    for bad in [
        "",
        "//",
        "/od/",
        "/od//x",
        "/od d",
        "/od.d",
        "/od+d",
        "/od:d",
        "/od,d",
        "/od~d",
        "/od%2f",
        "/od\\d",
        "/od\nd",
        "/od\x7fd",
        "/od\u{e9}",
        "@od",
        "/od/.",
        "/od/..",
    ] {
        assert_eq!(
            desk.ask(Op::WRITE, &format!("{bad}\\0v")),
            "EINVAL",
            "{bad:?}"
        );
        assert_eq!(
            desk.ask(Op::READ, &format!("{bad}\\0")),
            "EINVAL",
            "{bad:?}"
        );
    }
    for good in ["/", "od", "od/rel", "/od@d", "/@od", "/-", "/_"] {
        assert_eq!(desk.ask(Op::WRITE, &format!("{good}\\0v")), OK, "{good:?}");
        assert_eq!(desk.ask(Op::READ, &format!("{good}\\0")), "v", "{good:?}");
    }
    column(
        &mut desk,
        dom0,
        &[
            (Op::READ, "/od", "EINVAL"),
            (Op::READ, "", "EINVAL"),
            (Op::READ, r"/od\0/od\0", "EINVAL"),
            (Op::WRITE, "/od", "EINVAL"),
            (Op::WRITE, "", "EINVAL"),
            (Op::MKDIR, r"/od\0x", "EINVAL"),
            (Op::READ, r"/local/domain/0/od/rel\0", "v"),
        ],
    );
    for length in [255, 1024, 1025, 2048, 2049, 3071, 3072, 3073, 4000] {
        let path = "/x".repeat(2000)[..length - length % 2].to_owned()
            + if length % 2 == 1 { "x" } else { "" };
        assert_eq!(
            desk.ask(Op::READ, &format!("{path}\\0")),
            "ENOENT",
            "{length}"
        );
        assert_eq!(desk.ask(Op::WRITE, &format!("{path}\\0v")), OK, "{length}");
    }
    for length in [1024, 2048, 2049] {
        let name = "x".repeat(length);
        assert_eq!(
            desk.ask(Op::WRITE, &format!("/local/domain/5/{name}\\0v")),
            OK
        );
        assert_eq!(
            desk.ask(Op::WRITE, &format!("{name}\\0v")),
            OK,
            "relative, {length}"
        );
    }
}

#[test]
fn missing_and_existing_nodes() {
    let mut desk = desk();
    let dom0 = desk.dom0;
    for op in [Op::READ, Op::DIRECTORY, Op::GET_PERMS] {
        assert_eq!(desk.ask(op, r"/tool/x\0"), "ENOENT");
        assert_eq!(desk.ask(op, r"/x/x\0"), "ENOENT");
    }
    column(
        &mut desk,
        dom0,
        &[
            (Op::RM, r"/x\0", OK),
            (Op::RM, r"/x/x\0", "ENOENT"),
            (Op::RM, r"/x/x/x\0", "ENOENT"),
            (Op::SET_PERMS, r"/x\0n0\0", "ENOENT"),
            (Op::DIRECTORY_PART, r"/x\00\0", "ENOENT"),
            (Op::RM, r"/\0", "EINVAL"),
            (Op::READ, r"/tool\0", ""),
            (Op::MKDIR, r"/m\0", OK),
            (Op::MKDIR, r"/m\0", OK),
            (Op::WRITE, r"/m\0val", OK),
            (Op::MKDIR, r"/m\0", OK),
            (Op::READ, r"/m\0", "val"),
            (Op::MKDIR, r"/\0", OK),
            (Op::WRITE, r"/\0rootval", OK),
            (Op::READ, r"/\0", "rootval"),
            (Op::MKDIR, r"/inh\0", OK),
            (Op::SET_PERMS, r"/inh\0b0\0r0\0", OK),
            (Op::WRITE, r"/inh/a/b\0v", OK),
            (Op::GET_PERMS, r"/inh/a\0", r"b0\x00r0\x00"),
            (Op::GET_PERMS, r"/inh/a/b\0", r"b0\x00r0\x00"),
            (Op::READ, r"/inh/a\0", ""),
            (Op::RM, r"/inh\0", OK),
            (Op::READ, r"/inh/a\0", "ENOENT"),
            (Op::WRITE, r"/o/zz\0", OK),
            (Op::WRITE, r"/o/aa\0", OK),
            (Op::WRITE, r"/o/mm\0", OK),
            (Op::DIRECTORY, r"/o\0", r"zz\x00aa\x00mm\x00"),
            (Op::RM, r"/o/aa\0", OK),
            (Op::WRITE, r"/o/aa\0", OK),
            (Op::DIRECTORY, r"/o\0", r"zz\x00mm\x00aa\x00"),
        ],
    );
}

#[test]
fn empty_payloads_and_long_values() {
    let mut desk = desk();
    for op in [
        Op::READ,
        Op::DIRECTORY,
        Op::GET_PERMS,
        Op::WRITE,
        Op::MKDIR,
        Op::RM,
        Op::SET_PERMS,
        Op::WATCH,
        Op::UNWATCH,
        Op::TRANSACTION_END,
        Op::INTRODUCE,
        Op::RELEASE,
        Op::GET_DOMAIN_PATH,
        Op::IS_DOMAIN_INTRODUCED,
        Op::RESUME,
        Op::SET_TARGET,
        Op::DIRECTORY_PART,
        Op::CONTROL,
    ] {
        assert_eq!(desk.ask(op, ""), "EINVAL", "{op}");
    }
    assert_eq!(desk.ask(Op::TRANSACTION_START, ""), r"1\x00");
    assert_eq!(desk.ask(Op::RESET_WATCHES, ""), OK);
    for length in [0, 1, 2048, 2049, 4000, 4093] {
        let value = "v".repeat(length);
        assert_eq!(desk.ask(Op::WRITE, &format!("/v\\0{value}")), OK);
        assert_eq!(desk.ask(Op::READ, r"/v\0"), value);
    }
}

#[test]
fn watches() {
    let mut desk = desk();
    let dom0 = desk.dom0;
    column(
        &mut desk,
        dom0,
        &[
            (Op::WATCH, r"/w\0tok\0", OK),
            (Op::WATCH, r"/w\0tok\0", "EEXIST"),
            (Op::WATCH, r"/w\0other\0", OK),
            (Op::UNWATCH, r"/w\0unknown\0", "ENOENT"),
            (Op::UNWATCH, r"/unwatched\0tok\0", "ENOENT"),
            (Op::UNWATCH, r"/w\0other\0", OK),
            (Op::UNWATCH, r"/w\0tok", "EINVAL"),
            (Op::WATCH, r"/w\0", "EINVAL"),
            (Op::WATCH, r"/w\0\0", OK),
            (Op::WATCH, r"/w\0tok", "EINVAL"),
            (Op::WATCH, r"\0t\0", "EINVAL"),
            (Op::WATCH, r"/w/\0t\0", "EINVAL"),
            (Op::WATCH, r"//\0t\0", "EINVAL"),
            (Op::WATCH, r"/w w\0t\0", "EINVAL"),
            (Op::WATCH, r"/w.x\0t\0", "EINVAL"),
            (Op::WATCH, r"rel\0t\0", OK),
            (Op::WATCH, r"@nosuch\0t\0", OK),
            (Op::WATCH, r"@releaseDomain/1\0t\0", OK),
            (Op::WATCH, r"/dep\0t\0-1\0", "EINVAL"),
        ],
    );
    let first: Vec<String> = desk.events(dom0);
    let expected = [
        "/w|tok",
        "/w|other",
        "/w|",
        "rel|t",
        "@nosuch|t",
        "@releaseDomain/1|t",
    ];
    assert_eq!(first, expected);
    for length in [3072, 3073] {
        let path = "/".to_owned() + &"x".repeat(length - 1);
        assert_eq!(
            desk.ask(Op::WATCH, &format!("{path}\\0t\\0")),
            OK,
            "{length}"
        );
    }
    assert_eq!(desk.ask(Op::WATCH, r"@introduceDomain\0d\01\0"), OK);
    assert_eq!(desk.events(dom0).last().unwrap(), "@introduceDomain|d");
}

#[test]
fn transactions() {
    let mut desk = desk();
    let dom0 = desk.dom0;
    column(
        &mut desk,
        dom0,
        &[
            (Op::TRANSACTION_START, r"\0", r"1\x00"),
            (Op::TRANSACTION_START, r"\0", r"2\x00"),
            (Op::TRANSACTION_END, r"T\0", "ENOENT"),
        ],
    );
    for op in [Op::READ, Op::WRITE] {
        assert_eq!(desk.ask_in(dom0, 99, op, r"/tool\0"), "ENOENT");
    }
    assert_eq!(desk.ask_in(dom0, 99, Op::GET_DOMAIN_PATH, r"1\0"), "ENOENT");
    assert_eq!(desk.ask_in(dom0, 1, Op::TRANSACTION_START, r"\0"), "EBUSY");
    for payload in [r"X\0", "T", "", r"TT\0", r"T\0T\0", r"t\0"] {
        let said = desk.ask_in(dom0, 1, Op::TRANSACTION_END, payload);
        assert_eq!(said, "EINVAL", "{payload:?}");
    }
    assert_eq!(desk.commit(dom0, 1), OK);
    assert_eq!(desk.commit(dom0, 1), "ENOENT");
    // What it did, what another did meanwhile, and how it ends.
    for (own, others, end) in [
        (&["W/c/a"][..], "W/c/a", "EAGAIN"),
        (&["W/c/a"], "W/c/b", OK),
        (&["R/c/a", "W/c/b"], "W/c/a", "EAGAIN"),
        (&["R/c/a"], "W/c/a", "EAGAIN"),
        (&["R/c/x", "W/c/b"], "W/c/x", "EAGAIN"),
        (&["R/c/a", "W/c/b"], "W/c/a/k", "EAGAIN"),
        (&["D/c", "W/c/b"], "W/c/x", "EAGAIN"),
        (&["W/c/x"], "W/c/y", "EAGAIN"),
        (&["W/c/a"], "-/c", "EAGAIN"),
        (&["W/c/a"], "P/c/a", "EAGAIN"),
        (&["W/c/a"], "W/unrelated", OK),
    ] {
        let mut desk = Desk::like(Personality::C4_22);
        let (dom0, other) = (desk.dom0, desk.another());
        desk.ask(Op::WRITE, r"/c/a\0v");
        desk.ask(Op::WRITE, r"/c/b\0v");
        let tx = desk.begin(dom0);
        let one = |desk: &mut Desk, from, tx, what: &str| {
            let path = &what[1..];
            match &what[..1] {
                "W" => desk.ask_in(from, tx, Op::WRITE, &format!("{path}\\0v")),
                "R" => desk.ask_in(from, tx, Op::READ, &format!("{path}\\0")),
                "D" => desk.ask_in(from, tx, Op::DIRECTORY, &format!("{path}\\0")),
                "P" => desk.ask_in(from, tx, Op::SET_PERMS, &format!("{path}\\0n0\\0")),
                _ => desk.ask_in(from, tx, Op::RM, &format!("{path}\\0")),
            }
        };
        for what in own {
            one(&mut desk, dom0, tx, what);
        }
        one(&mut desk, other, 0, others);
        assert_eq!(desk.commit(dom0, tx), end, "{own:?} against {others}");
    }
}

#[test]
fn permissions() {
    let mut desk = desk();
    let dom0 = desk.dom0;
    desk.core.create_domain(DomId(3));
    desk.ask(Op::WRITE, r"/p\0v");
    for same in [
        r"n0\0",
        r"r0\0",
        r"w0\0",
        r"b0\0",
        r"n0\0r3\0b3\0",
        r"n3\0r0\0",
        r"n3\0n3\0",
        r"n0\0r77\0",
        r"n0\0r3\0r3\0r3\0r3\0r3\0",
    ] {
        assert_eq!(
            desk.ask(Op::SET_PERMS, &format!("/p\\0{same}")),
            OK,
            "{same}"
        );
        assert_eq!(
            desk.ask(Op::GET_PERMS, r"/p\0"),
            same.replace(r"\0", r"\x00")
        );
    }
    for (given, back) in [
        (r"n0x3\0", r"n3\x00"),
        (r"n03\0", r"n3\x00"),
        (r"n 3\0", r"n3\x00"),
        (r"n0\0r3", r"n0\x00"),
        (r"n0\0r3\0x", r"n0\x00r3\x00"),
    ] {
        assert_eq!(
            desk.ask(Op::SET_PERMS, &format!("/p\\0{given}")),
            OK,
            "{given}"
        );
        assert_eq!(desk.ask(Op::GET_PERMS, r"/p\0"), back);
    }
    for (given, error) in [
        (r"b77\0", "ENOENT"),
        (r"n-1\0", "ENOENT"),
        (r"n99999\0", "ENOENT"),
        (r"x0\0", "EINVAL"),
        (r"N0\0", "EINVAL"),
        (r"n\0", "EINVAL"),
        (r"0\0", "EINVAL"),
        ("n0", "EINVAL"),
        ("", "EINVAL"),
        (r"\0", "EINVAL"),
        (r"n0 r3\0", "EINVAL"),
        (r"rw0\0", "EINVAL"),
    ] {
        assert_eq!(
            desk.ask(Op::SET_PERMS, &format!("/p\\0{given}")),
            error,
            "{given}"
        );
    }
    column(
        &mut desk,
        dom0,
        &[
            (Op::SET_PERMS, r"/\0n0\0", OK),
            (Op::SET_PERMS, r"@releaseDomain\0n0\0r3\0", OK),
            (Op::GET_PERMS, r"@releaseDomain\0", r"n0\x00r3\x00"),
            (Op::WRITE, r"@releaseDomain\0v", "EINVAL"),
            (Op::RM, r"@releaseDomain\0", "EINVAL"),
            (Op::WRITE, r"/gone\0v", OK),
            (Op::SET_PERMS, r"/gone\0n3\0", OK),
        ],
    );
    desk.core.destroy_domain(DomId(3), &mut desk.inbox);
    assert_eq!(desk.ask(Op::GET_PERMS, r"/gone\0"), "ENOENT");
}

/// Domain 1 with what the questions need.
fn guest(desk: &mut Desk) -> ConnId {
    let guest = desk.guest(1);
    desk.table(&[
        (Op::WRITE, r"/local/domain/1/dom0only\0v", OK),
        (Op::SET_PERMS, r"/local/domain/1/dom0only\0n0\0", OK),
        (Op::WRITE, r"/refs1\0v", OK),
        (Op::SET_PERMS, r"/refs1\0n0\0r1\0", OK),
        (Op::WRITE, r"/own1/sub0\0v", OK),
        (Op::SET_PERMS, r"/own1/sub0\0n0\0", OK),
        (Op::SET_PERMS, r"/own1\0n1\0", OK),
    ]);
    desk.inbox.messages.clear();
    guest
}

#[test]
fn domain_1() {
    let mut desk = desk();
    let guest = guest(&mut desk);
    column(
        &mut desk,
        guest,
        &[
            (Op::CONTROL, r"print\0x\0", "EACCES"),
            (Op::INTRODUCE, r"2\01\05\0", "EACCES"),
            (Op::RELEASE, r"1\0", "EACCES"),
            (Op::RESUME, r"1\0", "EACCES"),
            (Op::SET_TARGET, r"1\00\0", "EACCES"),
            (Op::IS_DOMAIN_INTRODUCED, r"1\0", "EACCES"),
            (Op::GET_DOMAIN_PATH, r"1\0", r"/local/domain/1\x00"),
            (Op::READ, r"/nosuch\0", "EACCES"),
            (Op::READ, r"/tool\0", "EACCES"),
            (Op::DIRECTORY, r"/\0", "EACCES"),
            (Op::DIRECTORY, r"/local/domain\0", "EACCES"),
            (Op::READ, r"dom0only\0", "EACCES"),
            (Op::GET_PERMS, r"dom0only\0", "EACCES"),
            (Op::READ, r"nosuch\0", "ENOENT"),
            (Op::WRITE, r"/top\0v", "EACCES"),
            (Op::WRITE, r"a/b/c\0v", OK),
            (Op::GET_PERMS, r"a/b\0", r"n1\x00"),
            (Op::SET_PERMS, r"a\0n0\0", "EPERM"),
            (Op::SET_PERMS, r"a\0n1\0r0\0r2\0", OK),
            (Op::MKDIR, r"mk\0", OK),
            (Op::RM, r"dom0only\0", "EACCES"),
            (Op::RM, r"/tool\0", "EACCES"),
            (Op::RM, r"nosuch\0", OK),
            (Op::RM, r"/nosuch/x\0", "EACCES"),
            (Op::GET_FEATURE, "", r"14\x00"),
            (Op::GET_QUOTA, "", "EACCES"),
            (Op::DIRECTORY_PART, r"a\00\0", ANY),
            (Op::WATCH, r"@introduceDomain\0i\0", OK),
            (Op::WATCH, r"@releaseDomain\0r\0", OK),
            (Op::WATCH, r"/tool\0t\0", OK),
            (Op::READ, r"/refs1\0", "v"),
            (Op::WRITE, r"/refs1\0x", "EACCES"),
            (Op::READ, r"/own1/sub0\0", "EACCES"),
        ],
    );
    let first = desk.events(guest);
    assert_eq!(first, ["@introduceDomain|i", "@releaseDomain|r", "/tool|t"]);
    desk.ask(Op::WRITE, r"/tool/x\0v");
    assert_eq!(desk.events(guest), Vec::<String>::new());
    desk.ask(Op::SET_PERMS, r"/tool/x\0r0\0");
    desk.events(guest);
    desk.ask(Op::RM, r"/tool/x\0");
    assert_eq!(desk.events(guest), ["/tool/x|t"]);
}

#[test]
fn domain_1_and_its_limits() {
    let mut desk = desk();
    let guest = guest(&mut desk);
    desk.check = false;
    for (length, answer) in [(1024, OK), (2000, OK), (2028, "ENOSPC"), (2048, "ENOSPC")] {
        let value = "q".repeat(length);
        let said = desk.ask_as(guest, Op::WRITE, &format!("q\\0{value}"));
        assert_eq!(said, answer, "{length}");
    }
    let refused = until_refused(&mut desk, guest, Op::WATCH, |n| format!("w\\0{n}\\0"));
    assert_eq!(refused, (127, "ENOSPC".to_owned()));
    let refused = until_refused(&mut desk, guest, Op::TRANSACTION_START, |_| {
        r"\0".to_owned()
    });
    assert_eq!(refused, (9, "ENOSPC".to_owned()));
    assert_eq!(desk.ask_as(guest, Op::RESET_WATCHES, r"\0"), OK);
    assert!(!is_error(&desk.ask_as(guest, Op::TRANSACTION_START, r"\0")));
    let refused = until_refused(&mut desk, guest, Op::WRITE, |n| format!("many/{n}\\0"));
    assert_eq!(refused, (533, "ENOSPC".to_owned()));
    column(
        &mut desk,
        guest,
        &[
            (Op::WRITE, r"q\0short", OK),
            (Op::SET_PERMS, r"q\0n1\0r2\0r3\0r4\0r5\0r6\0", "ENOSPC"),
            (Op::SET_PERMS, r"q\0n1\0r2\0r3\0r4\0r5\0", "ENOSPC"),
            (Op::SET_PERMS, r"q\0n1\0r2\0r3\0r4\0", OK),
        ],
    );
    assert_eq!(desk.core.check_store(), Vec::<String>::new());
}

#[test]
fn domain_1_and_its_end() {
    let mut desk = desk();
    guest(&mut desk);
    let introduced = |desk: &mut Desk| desk.ask(Op::IS_DOMAIN_INTRODUCED, r"1\0");
    let (one, dom0) = (DomId(1), desk.dom0);
    desk.ask(Op::WATCH, r"@releaseDomain\0r\0");
    desk.events(dom0);
    let told = |desk: &mut Desk| desk.events(desk.dom0).len();
    desk.core.shutdown_domain(one, &mut desk.inbox);
    assert_eq!(
        (told(&mut desk), introduced(&mut desk)),
        (1, r"T\x00".into())
    );
    desk.core.check_domains(&mut desk.inbox);
    assert_eq!(told(&mut desk), 0, "told already");
    assert_eq!(desk.ask(Op::RESUME, r"1\0"), OK);
    desk.core.check_domains(&mut desk.inbox);
    assert_eq!(told(&mut desk), 0, "the hypervisor tells changes only");
    desk.core.dying_domain(one, &mut desk.inbox);
    assert_eq!(
        (told(&mut desk), introduced(&mut desk)),
        (0, r"T\x00".into())
    );
    desk.core.destroy_domain(one, &mut desk.inbox);
    assert_eq!(
        (told(&mut desk), introduced(&mut desk)),
        (1, r"F\x00".into())
    );
    desk.core.check_domains(&mut desk.inbox);
    assert_eq!(told(&mut desk), 0);
    column(
        &mut desk,
        dom0,
        &[
            (Op::GET_PERMS, r"/local/domain/1\0", "ENOENT"),
            (Op::GET_PERMS, r"/own1\0", "ENOENT"),
            (Op::GET_PERMS, r"/own1/sub0\0", "ENOENT"),
            (Op::GET_PERMS, r"/refs1\0", r"n0\x00"),
        ],
    );
}

#[test]
fn a_domain_that_is_suspended_again_is_told_of_again() {
    let mut desk = desk();
    guest(&mut desk);
    let dom0 = desk.dom0;
    desk.ask(Op::WATCH, r"@releaseDomain\0r\0");
    for _ in 0..2 {
        desk.events(dom0);
        desk.core.shutdown_domain(DomId(1), &mut desk.inbox);
        assert_eq!(desk.events(dom0), ["@releaseDomain|r"]);
        desk.ask(Op::RESUME, r"1\0");
        desk.core.run_domain(DomId(1));
    }
}

#[test]
fn administrative_operations() {
    let mut desk = desk();
    let dom0 = desk.dom0;
    column(
        &mut desk,
        dom0,
        &[
            (Op::GET_DOMAIN_PATH, r"0\0", r"/local/domain/0\x00"),
            (Op::GET_DOMAIN_PATH, r"77\0", r"/local/domain/77\x00"),
            (Op::GET_DOMAIN_PATH, r"032\0", r"/local/domain/32\x00"),
            (Op::GET_DOMAIN_PATH, r"-1\0", "EINVAL"),
            (Op::GET_DOMAIN_PATH, r"99999\0", "EINVAL"),
            (Op::GET_DOMAIN_PATH, r"abc\0", "EINVAL"),
            (Op::GET_DOMAIN_PATH, r"\0", r"/local/domain/0\x00"),
            (Op::GET_DOMAIN_PATH, r"32752\0", r"/local/domain/32752\x00"),
            (Op::IS_DOMAIN_INTRODUCED, r"0\0", r"T\x00"),
            (Op::IS_DOMAIN_INTRODUCED, r"77\0", r"F\x00"),
            (Op::IS_DOMAIN_INTRODUCED, r"32752\0", r"T\x00"),
            (Op::IS_DOMAIN_INTRODUCED, r"abc\0", "EINVAL"),
            (Op::IS_DOMAIN_INTRODUCED, r"\0", r"T\x00"),
            (Op::IS_DOMAIN_INTRODUCED, "0", "EINVAL"),
            (Op::RESUME, r"0\0", "EINVAL"),
            (Op::RESUME, r"77\0", "ENOENT"),
            (Op::RESUME, r"abc\0", "EINVAL"),
            (Op::RELEASE, r"77\0", "ENOENT"),
            (Op::RELEASE, r"abc\0", "EINVAL"),
            (Op::SET_TARGET, r"77\078\0", "ENOENT"),
            (Op::INTRODUCE, r"77\01\05\0", "EINVAL"),
            (Op::INTRODUCE, r"77\01\0", "EINVAL"),
            (Op::INTRODUCE, r"77\01\00\0", "EINVAL"),
            (Op::RESET_WATCHES, r"\0", OK),
            (Op::CONTROL, r"\0", "EINVAL"),
            (Op::CONTROL, r"check\0", OK),
            (Op::CONTROL, r"print\0hello\0", OK),
            (
                Op::CONTROL,
                r"log\0",
                r"Log switch settings:\nobj     : on\nio      : on\nwrl     : off\nacc     : off\ntdb     : off\n\x00",
            ),
            (Op::CONTROL, r"log\0+wrl\0", OK),
            (Op::CONTROL, r"log\0-io\0", OK),
            (Op::CONTROL, r"log\0+bogus\0", "EINVAL"),
            (
                Op::CONTROL,
                r"log\0",
                r"Log switch settings:\nobj     : on\nio      : off\nwrl     : on\nacc     : off\ntdb     : off\n\x00",
            ),
            (Op::CONTROL, r"memreport\0", "EINVAL"),
            (Op::CONTROL, r"nonsense\0", "EINVAL"),
            (Op::CONTROL, r"logfile\0", "EINVAL"),
            (Op::GET_FEATURE, "", r"14\x00"),
            (Op::GET_FEATURE, r"0\0", r"14\x00"),
            (Op::GET_FEATURE, r"77\0", "ENOENT"),
            (Op::SET_FEATURE, r"0\00\0", "EBUSY"),
            (Op::SET_FEATURE, r"77\00\0", "ENOENT"),
            (Op::GET_QUOTA, r"nodes\0", r"1000\x00"),
            (Op::GET_QUOTA, r"0\0nodes\0", r"1000\x00"),
            (Op::GET_QUOTA, r"0\0", "EINVAL"),
            (Op::GET_QUOTA, r"bogus\0", "EINVAL"),
            (Op::GET_QUOTA, r"node-size\0", r"2048\x00"),
            (Op::SET_QUOTA, r"nodes\01000\0", OK),
            (Op::SET_QUOTA, r"bogus\01\0", "EINVAL"),
        ],
    );
    let help = desk.ask(Op::CONTROL, r"help\0");
    let start = r"check           \nlog             [on|off|+<switch>|-<switch>]\n";
    assert!(help.starts_with(start), "{help}");
    let quotas = desk.ask(Op::CONTROL, r"quota\0");
    let start = r"Quota settings:\nnodes            :     1000 Nodes per domain\nwatches          :      128 Watches per domain\noutstanding      :       20 Outstanding";
    assert!(quotas.starts_with(start), "{quotas}");
    assert_eq!(quotas.replace(r"\n", "n").replace(r"\x00", "0").len(), 530);
    let usage = Desk::like(Personality::C4_22).ask(Op::CONTROL, r"quota\00\0");
    let start = r"Domain 0:\nnodes            :        5 (max        5)\nwatches          :        0 (max        0)\n";
    assert!(usage.starts_with(start), "{usage}");
    let outstanding = r"\noutstanding      :        0 (max        1)\nmemory ";
    assert!(usage.contains(outstanding), "{usage}");
    assert_eq!(usage.replace(r"\n", "n").replace(r"\x00", "0").len(), 398);
    for code in [0xf, 0x10, 0x14, 0x1b, 0x63, 0xffff, 0xffff_ffff] {
        assert_eq!(desk.ask(Op(code), r"x\0"), "ENOSYS", "{code:#x}");
    }
}

#[test]
fn limits_of_one_domain_hold_for_it_alone() {
    let mut desk = desk();
    let (one, two) = (desk.guest(1), desk.guest(2));
    assert_eq!(desk.ask(Op::SET_QUOTA, r"1\0watches\03\0"), OK);
    assert_eq!(desk.ask(Op::SET_QUOTA, r"77\0watches\03\0"), "ENOENT");
    assert_eq!(desk.ask(Op::GET_QUOTA, r"1\0watches\0"), r"3\x00");
    assert_eq!(desk.ask(Op::GET_QUOTA, r"2\0watches\0"), r"128\x00");
    let refused = until_refused(&mut desk, one, Op::WATCH, |n| format!("w\\0{n}\\0"));
    assert_eq!(refused, (2, "ENOSPC".to_owned()));
    let refused = until_refused(&mut desk, two, Op::WATCH, |n| format!("w\\0{n}\\0"));
    assert_eq!(refused, (127, "ENOSPC".to_owned()));
}
