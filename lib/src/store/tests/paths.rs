//! Paths.

use super::*;

#[test]
fn only_the_daemons_grammar_is_taken() {
    let mut desk = Desk::new();
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
            desk.raw(desk.dom0, 0, Op::WRITE, format!("{bad}\0v").as_bytes()),
            "EINVAL",
            "{bad:?}"
        );
        assert_eq!(
            desk.raw(desk.dom0, 0, Op::READ, format!("{bad}\0").as_bytes()),
            "EINVAL",
            "{bad:?}"
        );
    }
    for good in ["/", "od", "od/rel", "/od@d", "/@od", "/-", "/_"] {
        assert_eq!(desk.ask(Op::WRITE, &format!("{good}\\0v")), OK, "{good}");
        assert_eq!(desk.ask(Op::READ, &format!("{good}\\0")), "v", "{good}");
    }
    assert_eq!(desk.ask(Op::READ, r"/local/domain/0/od/rel\0"), "v");
}

#[test]
fn malformed_requests_are_einval() {
    // C 4.17 answers some of these with whatever error was the last one.
    Desk::new().table(&[
        (Op::READ, "/tool", "EINVAL"),
        (Op::READ, "", "EINVAL"),
        (Op::READ, r"/tool\0/tool\0", "EINVAL"),
        (Op::WRITE, "/tool", "EINVAL"),
        (Op::WRITE, "", "EINVAL"),
        (Op::MKDIR, r"/new\0x", "EINVAL"),
        (Op::UNWATCH, r"/tool\0", "EINVAL"),
        (Op::RM, "", "EINVAL"),
        (Op::SET_PERMS, "", "EINVAL"),
        (Op::DIRECTORY_PART, "", "EINVAL"),
        (Op::GET_DOMAIN_PATH, "", "EINVAL"),
    ]);
}

fn long(total: usize) -> String {
    let mut path = String::new();
    while path.len() + 101 < total {
        path += "/";
        path += &"x".repeat(100);
    }
    let rest = total - path.len() - 1;
    path + "/" + &"y".repeat(rest)
}

#[test]
fn paths_end_at_2048_bytes_not_counting_a_domains_home() {
    let mut desk = Desk::new();
    for (length, answer) in [
        (255, OK),
        (1024, OK),
        (2047, OK),
        (2048, OK),
        (2049, "EINVAL"),
        (4000, "EINVAL"),
    ] {
        let path = long(length);
        assert_eq!(path.len(), length);
        assert_eq!(
            desk.ask(Op::WRITE, &format!("{path}\\0v")),
            answer,
            "{length}"
        );
        let missing = path[..length - 1].to_owned() + "z";
        let answer = if answer == OK { "ENOENT" } else { "EINVAL" };
        assert_eq!(
            desk.ask(Op::READ, &format!("{missing}\\0")),
            answer,
            "{length}"
        );
    }
    for (length, answer) in [(1023, OK), (2048, OK), (2049, "EINVAL")] {
        let path = format!("/local/domain/5/{}", "z".repeat(length));
        assert_eq!(
            desk.ask(Op::WRITE, &format!("{path}\\0v")),
            answer,
            "{length}"
        );
        assert_eq!(
            desk.ask(Op::WRITE, &format!("{}\\0v", "r".repeat(length))),
            answer,
            "{length}"
        );
    }
}

#[test]
fn deep_paths_are_made_listed_and_removed_without_deep_stacks() {
    let mut desk = Desk::new();
    desk.check = false;
    for levels in [100, 500, 512, 1024] {
        let path = "/d".repeat(levels);
        assert_eq!(desk.ask(Op::WRITE, &format!("{path}\\0v")), OK);
        assert_eq!(desk.ask(Op::READ, &format!("{path}\\0")), "v");
    }
    assert_eq!(desk.core.check_store(), Vec::<String>::new());
    assert_eq!(desk.ask(Op::RM, r"/d\0"), OK);
    assert_eq!(desk.ask(Op::DIRECTORY, r"/\0"), r"tool\x00");
    assert_eq!(desk.core.check_store(), Vec::<String>::new());
}

#[test]
fn a_chain_of_1500_levels_comes_and_goes_on_a_small_stack() {
    let work = || {
        let mut desk = Desk::like(Personality::C4_22);
        desk.check = false;
        let path = "/d".repeat(1500);
        assert_eq!(desk.ask(Op::WRITE, &format!("{path}\\0v")), OK);
        let tx = desk.begin(desk.dom0);
        assert_eq!(desk.ask_in(desk.dom0, tx, Op::RM, r"/d\0"), OK);
        assert_eq!(desk.commit(desk.dom0, tx), OK);
        assert_eq!(desk.ask(Op::WRITE, &format!("{path}\\0v")), OK);
        drop(desk);
    };
    let thread = std::thread::Builder::new()
        .stack_size(64 * 1024)
        .spawn(work);
    thread.unwrap().join().unwrap();
}
