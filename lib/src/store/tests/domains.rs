//! Domains come and go.

use super::*;

fn watching() -> Desk {
    let mut desk = Desk::new();
    desk.ask(Op::WATCH, r"@introduceDomain\0i\0");
    desk.ask(Op::WATCH, r"@releaseDomain\0r\0");
    desk.inbox.messages.clear();
    desk
}

#[test]
fn introduction_is_told_once_and_before_the_reply() {
    let mut desk = watching();
    assert_eq!(desk.ask(Op::INTRODUCE, r"1\01\05\0"), "EINVAL");
    desk.core.create_domain(DomId(1));
    assert_eq!(desk.ask(Op::IS_DOMAIN_INTRODUCED, r"1\0"), r"F\x00");
    desk.inbox.messages.clear();
    assert_eq!(desk.ask(Op::INTRODUCE, r"1\01\05\0"), OK);
    assert_eq!(
        desk.inbox.messages[0].1,
        Seen::Event("@introduceDomain|i".into())
    );
    desk.events(desk.dom0);
    assert_eq!(desk.ask(Op::INTRODUCE, r"1\01\06\0"), OK);
    assert_eq!(desk.events(desk.dom0), Vec::<String>::new());
    assert_eq!(desk.ask(Op::IS_DOMAIN_INTRODUCED, r"1\0"), r"T\x00");
}

#[test]
fn introducing_again_drops_the_domains_watches_and_transactions() {
    let mut desk = Desk::new();
    let guest = desk.guest(1);
    desk.ask_as(guest, Op::WATCH, r"x\0t\0");
    let tx = desk.begin(guest);
    assert_eq!(desk.ask(Op::INTRODUCE, r"1\01\05\0"), OK);
    desk.events(guest);
    assert_eq!(desk.ask_as(guest, Op::WRITE, r"x\0v"), OK);
    assert_eq!(desk.events(guest), Vec::<String>::new());
    assert_eq!(desk.commit(guest, tx), "ENOENT");
}

#[test]
fn shutdown_resume_and_death_are_told_as_by_c() {
    let mut desk = watching();
    let guest = desk.guest(1);
    desk.ask_as(guest, Op::WRITE, r"a\0v");
    desk.table(&[
        (Op::WRITE, r"/own1/sub0\0v", OK),
        (Op::SET_PERMS, r"/own1/sub0\0n0\0", OK),
        (Op::SET_PERMS, r"/own1\0n1\0", OK),
        (Op::WRITE, r"/refs1\0v", OK),
        (Op::SET_PERMS, r"/refs1\0n0\0r1\0", OK),
    ]);
    desk.events(desk.dom0);
    let events = |desk: &mut Desk| desk.events(desk.dom0);
    desk.core.shutdown_domain(DomId(1), &mut desk.inbox);
    assert_eq!(events(&mut desk), ["@releaseDomain|r"]);
    desk.core.check_domains(&mut desk.inbox);
    assert_eq!(events(&mut desk), Vec::<String>::new());
    assert_eq!(desk.ask(Op::IS_DOMAIN_INTRODUCED, r"1\0"), r"T\x00");
    assert_eq!(desk.ask(Op::RESUME, r"1\0"), OK);
    desk.core.check_domains(&mut desk.inbox);
    assert_eq!(events(&mut desk), ["@releaseDomain|r"]);
    desk.core.destroy_domain(DomId(1), &mut desk.inbox);
    assert!(desk.inbox.messages.contains(&(guest, Seen::Closed)));
    assert_eq!(events(&mut desk), ["@releaseDomain|r"]);
    desk.core.check_domains(&mut desk.inbox);
    assert_eq!(events(&mut desk), Vec::<String>::new());
    desk.table(&[
        (Op::IS_DOMAIN_INTRODUCED, r"1\0", r"F\x00"),
        (Op::GET_PERMS, r"/local/domain/1\0", "ENOENT"),
        (Op::GET_PERMS, r"/local/domain/1/a\0", "ENOENT"),
        (Op::GET_PERMS, r"/own1\0", "ENOENT"),
        (Op::GET_PERMS, r"/own1/sub0\0", "ENOENT"),
        (Op::GET_PERMS, r"/refs1\0", r"n0\x00r1\x00"),
    ]);
}

#[test]
fn a_new_domain_does_not_inherit_what_was_meant_for_an_old_one() {
    let mut desk = Desk::new();
    desk.guest(1);
    desk.ask(Op::WRITE, r"/refs1\0v");
    desk.ask(Op::SET_PERMS, r"/refs1\0n0\0r1\0");
    desk.core.destroy_domain(DomId(1), &mut desk.inbox);
    let heir = desk.guest(1);
    assert_eq!(desk.ask_as(heir, Op::READ, r"/refs1\0"), "EACCES");
    desk.ask(Op::WRITE, r"/refs1\0w");
    desk.ask(Op::WRITE, r"/refs1/below\0w");
    assert_eq!(desk.ask_as(heir, Op::READ, r"/refs1\0"), "EACCES");
    assert_eq!(desk.ask_as(heir, Op::READ, r"/refs1/below\0"), "EACCES");
    desk.ask(Op::SET_PERMS, r"/refs1\0n0\0r1\0");
    assert_eq!(desk.ask_as(heir, Op::READ, r"/refs1\0"), "w");
}

#[test]
fn permissions_named_before_the_domain_existed_mean_nobody() {
    let mut desk = Desk::new();
    desk.ask(Op::WRITE, r"/early\0v");
    desk.ask(Op::SET_PERMS, r"/early\0n0\0r1\0");
    let guest = desk.guest(1);
    assert_eq!(desk.ask_as(guest, Op::READ, r"/early\0"), "EACCES");
}

#[test]
fn release_forgets_the_domain_and_removes_its_nodes() {
    let mut desk = watching();
    desk.guest(1);
    desk.ask(Op::WATCH, r"/local\0t\0");
    desk.events(desk.dom0);
    assert_eq!(desk.ask(Op::RELEASE, r"1\0"), OK);
    assert_eq!(
        desk.events(desk.dom0),
        ["/local/domain/1|t", "@releaseDomain|r"]
    );
    assert_eq!(desk.ask(Op::READ, r"/local/domain/1\0"), "ENOENT");
    assert_eq!(desk.ask(Op::INTRODUCE, r"1\01\05\0"), OK);
}

#[test]
fn nobody_connects_for_a_domain_that_is_not_introduced() {
    let mut desk = Desk::new();
    assert_eq!(desk.core.connect(Identity::Domain(DomId(1))), None);
    desk.core.create_domain(DomId(1));
    assert_eq!(desk.core.connect(Identity::Domain(DomId(1))), None);
    assert!(desk.core.connect(Identity::Domain(DomId::DOM0)).is_some());
}
