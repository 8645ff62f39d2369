//! What the comparison has found, one test each.

use xenbus_harness::{Kind, available};

use super::run::Comparison;
use super::step::parse;

/// Runs steps beside a daemon.
fn agree(kind: Kind, steps: &str) {
    if !available().contains(&kind) {
        return;
    }
    if let Err(difference) = Comparison::start(kind).run(&parse(steps)) {
        panic!("step {} of{steps}\n{}", difference.at, difference.text);
    }
}

#[test]
fn in_a_transaction_a_child_that_its_parent_does_not_list_is_not_removed() {
    agree(
        Kind::C,
        r"
        s0 WRITE /a\x00top
        s0 START c
        s0@c READ /a/x/a\x00
        s1 RM /a\x00
        s0@c RM /a\x00
        s0@c TRANSACTION_END T\x00",
    );
}

#[test]
fn in_a_transaction_a_listed_child_that_is_missing_ends_the_removal() {
    agree(
        Kind::C,
        r"
        s0 WRITE /a/x/y\x00top
        s0 WRITE /a/z\x00
        s0 START c
        s0@c DIRECTORY /a\x00
        s1 RM /a/x\x00
        s0@c RM /a\x00
        s0@c DIRECTORY /a\x00
        s0@c TRANSACTION_END T\x00",
    );
}

#[test]
fn set_perms_refused_to_one_who_is_not_the_owner_uses_the_parent_in_a_transaction() {
    agree(
        Kind::C,
        r"
        life 2 running
        introduce 2
        s0 WRITE /a\x00top
        s0 SET_PERMS /a\x00n0\x00b2\x00
        d2 START e
        s1 WRITE /a/c\x000
        d2@e SET_PERMS /a/c\x00n0\x00r77\x00
        s1 WRITE /a/n01\x001
        d2@e TRANSACTION_END T\x00",
    );
}

#[test]
fn in_a_transaction_a_node_whose_parent_was_found_missing_is_not_removed() {
    agree(
        Kind::C,
        r"
        s0 START a
        s0@a GET_PERMS data\x00
        s1 WRITE /local/domain/0/a/n01/b\x001
        s0@a RM a\x00
        s0@a TRANSACTION_END T\x00",
    );
}

#[test]
fn release_in_a_transaction_concerns_only_what_it_sees() {
    agree(
        Kind::OCaml,
        r"
        s0 WRITE /a\x00
        s0 SET_PERMS /a\x00n77\x00
        s0 START c
        s0@c RELEASE 77\x00
        s0@c READ /a\x00
        s1 READ /a\x00
        s0@c WRITE a/state\x002
        s0@c TRANSACTION_END T\x00
        s1 READ /a\x00",
    );
}

#[test]
fn in_a_transaction_a_node_below_one_whose_owner_has_gone_is_made_and_not_committed() {
    agree(
        Kind::C,
        r"
        life 1 running
        s0 WRITE /a\x00top
        s0 SET_PERMS /a\x00n1\x00b2\x00
        s1 START a
        s1@a READ /a\x00
        life 1 gone
        s1@a MKDIR /a/b/c\x00
        s1@a TRANSACTION_END T\x00",
    );
}

#[test]
fn permissions_set_in_a_transaction_need_the_owner_until_the_commit() {
    agree(
        Kind::C,
        r"
        life 2 running
        s1 WRITE /a/state\x001
        s1 SET_PERMS /a\x00w2\x00w3\x00
        s1 START e
        s1@e SET_PERMS /a\x00b2\x00b1\x00b2\x00r1\x00
        life 2 gone
        s1@e TRANSACTION_END T\x00",
    );
}

#[test]
fn a_privileged_transaction_makes_more_nodes_for_a_domain_than_it_may_have() {
    let steps = |end: &str| {
        format!(
            r"
        life 1 running
        introduce 1
        s0 WRITE /a\x00top
        s0 SET_PERMS /a\x00n1\x00
        s0 CONTROL quota\x00set\x00nodes\x004\x00
        {end} START d
        {end}@d WRITE /a/b/c/d\x001
        {end}@d WRITE /a/e\x001
        {end}@d TRANSACTION_END T\x00"
        )
    };
    agree(Kind::C, &steps("s1"));
    agree(Kind::C, &steps("d1"));
}

#[test]
fn a_number_that_is_no_domain_is_shown_as_the_daemon_shows_it() {
    for kind in [Kind::C, Kind::OCaml] {
        agree(
            kind,
            r"
            s0 WRITE /a\x00
            s0 SET_PERMS /a\x00n0\x00r-1\x00r4294967297\x00b99999\x00
            s0 GET_PERMS /a\x00",
        );
    }
}
