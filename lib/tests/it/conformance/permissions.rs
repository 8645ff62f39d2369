//! Permission lists as a privileged client sees them.

use xenbus::wire::Op;
use xenbus::{Access, DomId, Operations, Perms};

use super::ask_all;
use crate::support::{Life, for_each_store, path, refusal};

#[test]
fn lists_come_back_as_they_were_set() {
    for_each_store(|store| {
        store.set_domain(3, Life::Running);
        let client = store.client();
        client.mkdir(&path("/p")).unwrap();
        let long = Perms::from_entries(
            (0..60).map(|domid| xenbus::Perm::new(Access::Read, DomId(domid % 4))),
        )
        .unwrap();
        let lists = [
            "n0",
            "r0",
            "w0",
            "b0",
            "n0,r3,b3",
            "n3,r0",
            "n3,n3",
            "n0,r77",
            "n0,r3,r3,r3,r3,r3",
        ];
        for perms in lists
            .iter()
            .map(|text| Perms::parse(text).unwrap())
            .chain([long])
        {
            client.set_perms(&path("/p"), &perms).unwrap();
            assert_eq!(client.perms(&path("/p")).unwrap(), perms);
        }
        let root = Perms::parse("r0").unwrap();
        client.set_perms(&path("/"), &root).unwrap();
        assert_eq!(client.perms(&path("/")).unwrap(), root);
    });
}

#[test]
fn an_owner_that_is_no_domain_is_refused_by_c_and_taken_by_oxenstored() {
    for_each_store(|store| {
        let client = store.client();
        client.mkdir(&path("/p")).unwrap();
        let perms = Perms::parse("b77").unwrap();
        let set = client.set_perms(&path("/p"), &perms);
        if store.kind().takes_unknown_owner() {
            set.unwrap();
            assert_eq!(client.perms(&path("/p")).unwrap(), perms);
        } else {
            assert_eq!(refusal(set), "ENOENT");
        }
    });
}

#[test]
fn what_is_no_list_is_einval_and_what_is_nearly_one_is_read_loosely() {
    for_each_store(|store| {
        store.set_domain(3, Life::Running);
        let mut raw = store.raw();
        raw.ask(Op::MKDIR, "/p\0");
        for bad in [
            "x0\0", "N0\0", "n\0", "0\0", "n0", "", "\0", "n0 r3\0", "rw0\0",
        ] {
            let answer = raw.ask(Op::SET_PERMS, format!("/p\0{bad}"));
            assert_eq!(answer, "!EINVAL", "{bad}");
            let ours = bad.trim_end_matches('\0');
            assert!(
                bad == "n0" || bad == "n0 r3\0" || Perms::parse(ours).is_err(),
                "{bad}"
            );
        }
        for (given, taken) in [
            ("n0x3\0", "n3|"),
            ("n03\0", "n3|"),
            ("n0\0r3", "n0|"),
            ("n0\0r3\0x", "n0|r3|"),
        ] {
            assert_eq!(raw.ask(Op::SET_PERMS, format!("/p\0{given}")), "OK|");
            assert_eq!(raw.ask(Op::GET_PERMS, "/p\0"), taken, "{given}");
        }
    });
}

#[test]
fn nodes_that_the_privileged_make_belong_to_the_owner_of_their_parent() {
    for_each_store(|store| {
        store.set_domain(3, Life::Running);
        let mut raw = store.raw();
        raw.ask(Op::MKDIR, "/p\0");
        for (parent, child) in [("n0\0r3\0", "n0|r3|"), ("n3\0", "n3|")] {
            raw.ask(Op::RM, "/p/c\0");
            raw.ask(Op::SET_PERMS, format!("/p\0{parent}"));
            raw.ask(Op::WRITE, "/p/c\0v");
            assert_eq!(raw.ask(Op::GET_PERMS, "/p/c\0"), child);
        }
        ask_all(
            store,
            &mut raw,
            &[(Op::SET_PERMS, b"/nosuch\0n0\0", "!ENOENT", "!ENOENT")],
        );
    });
}
