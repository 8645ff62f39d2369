//! Permissions, as dom0 sets them.

use super::*;

#[test]
fn lists_are_read_as_laxly_as_c_does() {
    let mut desk = Desk::new();
    desk.core.create_domain(DomId(3));
    desk.ask(Op::MKDIR, r"/p\0");
    let sixty = r"r3\0".repeat(60);
    let sixty_back = r"r3\x00".repeat(60);
    let many = (format!(r"n0\0{sixty}"), format!(r"n0\x00{sixty_back}"));
    for (given, back) in [
        (r"n0\0", r"n0\x00"),
        (r"r0\0", r"r0\x00"),
        (r"w0\0", r"w0\x00"),
        (r"b0\0", r"b0\x00"),
        (r"n0\0r3\0b3\0", r"n0\x00r3\x00b3\x00"),
        (r"n3\0r0\0", r"n3\x00r0\x00"),
        (r"n3\0n3\0", r"n3\x00n3\x00"),
        (r"n0\0r77\0", r"n0\x00r77\x00"),
        (r"n0x3\0", r"n3\x00"),
        (r"n03\0", r"n3\x00"),
        (r"n0\0r3", r"n0\x00"),
        (r"n0\0r3\0x", r"n0\x00r3\x00"),
        (r"n 3\0", r"n3\x00"),
        (&many.0, &many.1),
    ] {
        assert_eq!(
            desk.ask(Op::SET_PERMS, &format!(r"/p\0{given}")),
            OK,
            "{given}"
        );
        assert_eq!(desk.ask(Op::GET_PERMS, r"/p\0"), back, "{given}");
    }
    for (given, answer) in [
        (r"b77\0", "ENOENT"),
        (r"x0\0", "EINVAL"),
        (r"N0\0", "EINVAL"),
        (r"n\0", "EINVAL"),
        (r"0\0", "EINVAL"),
        (r"n-1\0", "ENOENT"),
        (r"n99999\0", "ENOENT"),
        ("n0", "EINVAL"),
        ("", "EINVAL"),
        (r"\0", "EINVAL"),
        (r"n0 r3\0", "EINVAL"),
        (r"rw0\0", "EINVAL"),
    ] {
        assert_eq!(
            desk.ask(Op::SET_PERMS, &format!(r"/p\0{given}")),
            answer,
            "{given}"
        );
    }
}

#[test]
fn special_names_have_permissions_only_to_set() {
    Desk::new().table(&[
        (Op::SET_PERMS, r"/\0n0\0", OK),
        (Op::SET_PERMS, r"@releaseDomain\0n0\0r0\0", OK),
        (Op::SET_PERMS, r"@other\0n0\0", "EINVAL"),
        (Op::GET_PERMS, r"@releaseDomain\0", "EINVAL"),
        (Op::WRITE, r"@releaseDomain\0v", "EINVAL"),
        (Op::RM, r"@releaseDomain\0", "EINVAL"),
    ]);
}

#[test]
fn what_dom0_makes_belongs_to_the_parents_owner() {
    let mut desk = Desk::new();
    desk.core.create_domain(DomId(3));
    desk.table(&[
        (Op::MKDIR, r"/a\0", OK),
        (Op::SET_PERMS, r"/a\0n0\0r3\0", OK),
        (Op::WRITE, r"/a/k\0v", OK),
        (Op::GET_PERMS, r"/a/k\0", r"n0\x00r3\x00"),
        (Op::SET_PERMS, r"/a\0n3\0", OK),
        (Op::WRITE, r"/a/l\0v", OK),
        (Op::GET_PERMS, r"/a/l\0", r"n3\x00"),
    ]);
    // Domain 3 was never introduced; its nodes go with it all the same.
    desk.core.destroy_domain(DomId(3), &mut desk.inbox);
    desk.table(&[
        (Op::GET_PERMS, r"/a\0", "ENOENT"),
        (Op::GET_PERMS, r"/a/k\0", "ENOENT"),
        (Op::DIRECTORY, r"/\0", r"tool\x00"),
    ]);
}
