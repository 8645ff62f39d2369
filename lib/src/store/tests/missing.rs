//! Missing and existing nodes.

use super::*;

#[test]
fn missing_nodes_are_enoent_and_their_removal_needs_the_parent() {
    Desk::new().table(&[
        (Op::READ, r"/tool/x\0", "ENOENT"),
        (Op::READ, r"/x/y\0", "ENOENT"),
        (Op::DIRECTORY, r"/x/y\0", "ENOENT"),
        (Op::GET_PERMS, r"/x/y\0", "ENOENT"),
        (Op::RM, r"/tool/x\0", OK),
        (Op::RM, r"/x/y\0", "ENOENT"),
        (Op::RM, r"/x/y/z\0", "ENOENT"),
        (Op::SET_PERMS, r"/x\0n0\0", "ENOENT"),
        (Op::DIRECTORY_PART, r"/x\00\0", "ENOENT"),
        (Op::RM, r"/\0", "EINVAL"),
        (Op::READ, r"/tool\0", ""),
    ]);
}

#[test]
fn mkdir_leaves_what_is_there() {
    Desk::new().table(&[
        (Op::MKDIR, r"/m\0", OK),
        (Op::MKDIR, r"/m\0", OK),
        (Op::WRITE, r"/m\0val", OK),
        (Op::MKDIR, r"/m\0", OK),
        (Op::READ, r"/m\0", "val"),
        (Op::MKDIR, r"/\0", OK),
        (Op::WRITE, r"/\0rootval", OK),
        (Op::READ, r"/\0", "rootval"),
        (Op::MKDIR, r"/p/q/r\0", OK),
        (Op::READ, r"/p\0", ""),
        (Op::DIRECTORY, r"/p\0", r"q\x00"),
        (Op::DIRECTORY, r"/p/q/r\0", ""),
    ]);
}

#[test]
fn new_nodes_have_their_parents_permissions() {
    Desk::new().table(&[
        (Op::MKDIR, r"/inh\0", OK),
        (Op::SET_PERMS, r"/inh\0b0\0r0\0", OK),
        (Op::WRITE, r"/inh/a/b\0v", OK),
        (Op::GET_PERMS, r"/inh/a\0", r"b0\x00r0\x00"),
        (Op::GET_PERMS, r"/inh/a/b\0", r"b0\x00r0\x00"),
        (Op::READ, r"/inh/a\0", ""),
        (Op::MKDIR, r"/inh/m\0", OK),
        (Op::GET_PERMS, r"/inh/m\0", r"b0\x00r0\x00"),
    ]);
}

#[test]
fn children_are_listed_by_age_and_a_remade_one_goes_last() {
    let mut desk = Desk::new();
    for name in ["zz", "aa", "mm", "bb"] {
        assert_eq!(desk.ask(Op::WRITE, &format!("/o/{name}\\0v")), OK);
    }
    desk.table(&[
        (Op::DIRECTORY, r"/o\0", r"zz\x00aa\x00mm\x00bb\x00"),
        (Op::RM, r"/o/aa\0", OK),
        (Op::WRITE, r"/o/aa\0v", OK),
        (Op::DIRECTORY, r"/o\0", r"zz\x00mm\x00bb\x00aa\x00"),
        (Op::RM, r"/o\0", OK),
        (Op::READ, r"/o/mm\0", "ENOENT"),
        (Op::DIRECTORY, r"/\0", r"tool\x00"),
    ]);
}
