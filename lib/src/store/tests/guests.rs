//! Domain 1 and what it may do.

use super::*;

fn prepared() -> (Desk, ConnId) {
    let mut desk = Desk::new();
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
    (desk, guest)
}

#[test]
fn a_guest_is_refused_what_c_refuses() {
    let (mut desk, guest) = prepared();
    desk.table_as(
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
            (Op::DIRECTORY, r"dom0only\0", "EACCES"),
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
            (Op::GET_FEATURE, "", "ENOSYS"),
            (Op::READ, r"/refs1\0", "v"),
            (Op::WRITE, r"/refs1\0x", "EACCES"),
            (Op::SET_PERMS, r"/refs1\0n0\0", "EACCES"),
            (Op::READ, r"/own1/sub0\0", "EACCES"),
            (Op::SET_PERMS, r"@releaseDomain\0n1\0", "ENOENT"),
        ][..30],
    );
    assert_eq!(
        desk.ask_as(guest, Op::SET_PERMS, r"@releaseDomain\0n0\0r1\0"),
        "EACCES"
    );
}

#[test]
fn a_guest_hears_only_of_what_it_or_its_parent_lets_it_read() {
    let (mut desk, guest) = prepared();
    for watch in [
        r"@introduceDomain\0i\0",
        r"@releaseDomain\0r\0",
        r"/tool\0t\0",
    ] {
        assert_eq!(desk.ask_as(guest, Op::WATCH, watch), OK);
    }
    assert_eq!(
        desk.events(guest),
        ["@introduceDomain|i", "@releaseDomain|r", "/tool|t"]
    );
    desk.ask(Op::WRITE, r"/tool/x\0v");
    assert_eq!(desk.events(guest), Vec::<String>::new());
    desk.ask(Op::SET_PERMS, r"/tool/x\0r0\0");
    assert_eq!(desk.events(guest), ["/tool/x|t"]);
    desk.ask(Op::RM, r"/tool/x\0");
    assert_eq!(desk.events(guest), ["/tool/x|t"]);
    // The parent may be read, the node not.
    desk.ask(Op::SET_PERMS, r"/tool\0r0\0");
    desk.ask(Op::WRITE, r"/tool/secret\0v");
    desk.events(guest);
    desk.ask(Op::SET_PERMS, r"/tool/secret\0n0\0");
    assert_eq!(desk.events(guest), ["/tool/secret|t"]);
    desk.ask(Op::SET_PERMS, r"/tool\0n0\0");
    assert_eq!(desk.events(guest), ["/tool|t"], "it could read it before");
    desk.ask(Op::WRITE, r"/tool/secret\0w");
    assert_eq!(desk.events(guest), Vec::<String>::new());
}

#[test]
fn quotas_are_those_of_c() {
    let (mut desk, guest) = prepared();
    for (length, answer) in [
        (1024, OK),
        (2000, OK),
        (2015, OK),
        (2016, "ENOSPC"),
        (2028, "ENOSPC"),
        (2048, "ENOSPC"),
    ] {
        let value = "q".repeat(length);
        assert_eq!(
            desk.ask_as(guest, Op::WRITE, &format!("q\\0{value}")),
            answer,
            "{length}"
        );
    }
    let mut watches = 0;
    let refused = loop {
        match desk
            .ask_as(guest, Op::WATCH, &format!("w\\0{watches}\\0"))
            .as_str()
        {
            OK => watches += 1,
            other => break other.to_owned(),
        }
    };
    assert_eq!((watches, refused.as_str()), (129, "E2BIG"));
    let mut transactions = 0;
    let refused = loop {
        match desk.ask_as(guest, Op::TRANSACTION_START, "\\0").as_str() {
            other if other.starts_with('E') => break other.to_owned(),
            _ => transactions += 1,
        }
    };
    assert_eq!((transactions, refused.as_str()), (11, "ENOSPC"));
    assert_eq!(desk.ask_as(guest, Op::WRITE, r"q\0short"), OK);
    assert_eq!(desk.ask_as(guest, Op::RESET_WATCHES, r"\0"), OK);
    assert_eq!(desk.ask_as(guest, Op::TRANSACTION_START, r"\0"), r"12\x00");
    assert_eq!(
        desk.ask_as(guest, Op::SET_PERMS, r"q\0n1\0r2\0r3\0r4\0r5\0"),
        OK
    );
    assert_eq!(
        desk.ask_as(guest, Op::SET_PERMS, r"q\0n1\0r2\0r3\0r4\0r5\0r6\0"),
        "ENOSPC"
    );
}

#[test]
fn a_directory_counts_towards_the_size_of_its_node() {
    let (mut desk, guest) = prepared();
    desk.check = false;
    let mut made = 0;
    let refused = loop {
        match desk
            .ask_as(guest, Op::WRITE, &format!("many/{made}\\0"))
            .as_str()
        {
            OK => made += 1,
            other => break other.to_owned(),
        }
    };
    assert_eq!((made, refused.as_str()), (531, "ENOSPC"));
    assert_eq!(desk.core.check_store(), Vec::<String>::new());
}

#[test]
fn a_domain_owns_at_most_1000_nodes_in_and_out_of_transactions() {
    let (mut desk, guest) = prepared();
    desk.check = false;
    // It owns its home and /own1 already; a chain is refused as a whole.
    for n in 0..99 {
        assert_eq!(
            desk.ask_as(guest, Op::WRITE, &format!("{n}/1/2/3/4/5/6/7/8/9\\0")),
            OK
        );
    }
    assert_eq!(
        desk.ask_as(guest, Op::WRITE, r"x/1/2/3/4/5/6/7/8/9\0"),
        "ENOSPC"
    );
    assert_eq!(desk.ask_as(guest, Op::READ, r"x\0"), "ENOENT");
    let tx = desk.begin(guest);
    for n in 0..9 {
        assert_eq!(desk.ask_in(guest, tx, Op::WRITE, &format!("t{n}\\0")), OK);
    }
    assert_eq!(desk.commit(guest, tx), "ENOSPC");
    for n in 0..8 {
        assert_eq!(desk.ask_as(guest, Op::WRITE, &format!("y{n}\\0")), OK);
    }
    assert_eq!(desk.ask_as(guest, Op::WRITE, r"z\0"), "ENOSPC");
    assert_eq!(desk.core.check_store(), Vec::<String>::new());
    assert_eq!(desk.ask_as(guest, Op::RM, r"0\0"), OK);
    assert_eq!(desk.ask_as(guest, Op::WRITE, r"z\0"), OK);
    assert_eq!(desk.core.check_store(), Vec::<String>::new());
}

#[test]
fn a_transaction_uses_at_most_1024_nodes_and_then_only_ends() {
    let (mut desk, guest) = prepared();
    desk.check = false;
    let tx = desk.begin(guest);
    for n in 0..1023 {
        assert_eq!(
            desk.ask_in(guest, tx, Op::READ, &format!("/own1/{n}\\0")),
            "ENOENT"
        );
    }
    assert_eq!(desk.ask_in(guest, tx, Op::READ, r"/own1/x\0"), "ENOSPC");
    assert_eq!(desk.commit(guest, tx), "ENOMEM");
}

#[test]
fn memory_is_bounded_whoever_fills_it() {
    let (mut desk, guest) = prepared();
    desk.check = false;
    let value = "m".repeat(1900);
    let mut refused = None;
    for n in 0..30 {
        for m in 0..50 {
            let answer = desk.ask_as(guest, Op::WRITE, &format!("{n}/{m}\\0{value}"));
            if answer != OK {
                refused.get_or_insert(answer);
            }
        }
    }
    // 1000 nodes of 1900 bytes fit below 2.5 MiB: the number of nodes is what ends it.
    assert_eq!(refused.as_deref(), Some("ENOSPC"));
    let tokens = "t".repeat(4000);
    let mut refused = None;
    for n in 0..300 {
        let answer = desk.ask_as(guest, Op::WATCH, &format!("w\\0{n}{tokens}\\0"));
        if answer != OK {
            refused.get_or_insert(answer);
        }
    }
    assert_eq!(refused.as_deref(), Some("E2BIG"));
    assert_eq!(desk.core.check_store(), Vec::<String>::new());
}

#[test]
fn a_device_models_target_lends_its_rights() {
    let (mut desk, target) = prepared();
    let model = desk.guest(2);
    desk.ask_as(target, Op::WRITE, r"secret\0v");
    let path = r"/local/domain/1/secret\0";
    assert_eq!(desk.ask_as(model, Op::READ, path), "EACCES");
    assert_eq!(desk.ask(Op::SET_TARGET, r"2\01\0"), OK);
    assert_eq!(desk.ask_as(model, Op::READ, path), "v");
    assert_eq!(desk.ask_as(model, Op::READ, r"/refs1\0"), "v");
    assert_eq!(
        desk.ask_as(target, Op::READ, r"/local/domain/2\0"),
        "EACCES"
    );
    desk.core.destroy_domain(DomId(1), &mut desk.inbox);
    desk.core.create_domain(DomId(1));
    desk.core.introduce(DomId(1), &mut desk.inbox).unwrap();
    assert_eq!(
        desk.ask_as(model, Op::READ, r"/refs1\0"),
        "EACCES",
        "the target was another domain"
    );
}
