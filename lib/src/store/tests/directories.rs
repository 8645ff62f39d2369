//! Large directories.

use super::*;

/// A store with `/big` and this many children of 20-byte names.
fn big(children: usize) -> Desk {
    let mut desk = Desk::new();
    desk.check = false;
    for n in 0..children {
        let name = format!("n{n:04}{}", "x".repeat(15));
        assert_eq!(desk.ask(Op::WRITE, &format!("/big/{name}\\0")), OK);
    }
    desk
}

/// Splits a part into generation and list.
fn part(desk: &mut Desk, path: &str, offset: &str) -> (String, String) {
    let answer = desk.ask(Op::DIRECTORY_PART, &format!("{path}\\0{offset}\\0"));
    let (generation, list) = answer.split_once("\\x00").unwrap();
    (generation.into(), list.into())
}

#[test]
fn directory_fails_beyond_4096_bytes_of_names() {
    let mut desk = big(195);
    assert_eq!(
        desk.ask(Op::DIRECTORY, r"/big\0")
            .replace("\\x00", "0")
            .len(),
        4095
    );
    desk.ask(Op::WRITE, r"/big/another\0");
    assert_eq!(desk.ask(Op::DIRECTORY, r"/big\0"), "E2BIG");
}

#[test]
fn a_long_list_is_read_in_parts() {
    let mut desk = big(300);
    let (generation, list) = part(&mut desk, "/big", "0");
    let names: Vec<_> = list.split_terminator("\\x00").map(str::to_owned).collect();
    let bytes: usize = names.iter().map(|n| n.len() + 1).sum();
    assert_eq!((names.len(), bytes), (194, 4074));
    let (again, rest) = part(&mut desk, "/big", &bytes.to_string());
    assert_eq!(again, generation);
    assert!(rest.ends_with("\\x00\\x00"));
    let rest: Vec<_> = rest
        .split_terminator("\\x00")
        .filter(|n| !n.is_empty())
        .collect();
    assert_eq!(names.len() + rest.len(), 300);
}

#[test]
fn odd_offsets_are_answered_as_c_does() {
    let mut desk = big(300);
    assert_eq!(part(&mut desk, "/big", "6300").1, r"\x00");
    assert_eq!(part(&mut desk, "/big", "99999").1, r"\x00");
    assert_eq!(part(&mut desk, "/big", "-1").1, r"\x00");
    assert!(
        part(&mut desk, "/big", "10")
            .1
            .starts_with(r"xxxxxxxxxx\x00n0001x")
    );
    assert_eq!(part(&mut desk, "/tool/xenstored", "0").1, r"\x00");
    assert_eq!(
        desk.ask(Op::DIRECTORY_PART, r"/tool\00\0"),
        r"2\x00xenstored\x00\x00"
    );
    assert_eq!(desk.ask(Op::DIRECTORY_PART, r"/tool\0-1\0"), r"2\x00\x00");
}

#[test]
fn the_generation_follows_the_list_and_not_the_childrens_values() {
    let mut desk = Desk::new();
    desk.ask(Op::WRITE, r"/g/a\0v");
    let before = part(&mut desk, "/g", "0").0;
    desk.ask(Op::WRITE, r"/g/a\0w");
    assert_eq!(part(&mut desk, "/g", "0").0, before);
    desk.ask(Op::WRITE, r"/g/b\0v");
    assert_ne!(part(&mut desk, "/g", "0").0, before);
}

#[test]
fn a_hundred_thousand_children_of_one_node_are_no_trouble() {
    let mut desk = Desk::new();
    desk.check = false;
    for n in 0..100_000 {
        desk.inbox.messages.clear();
        assert_eq!(desk.ask(Op::WRITE, &format!("/many/{n}\\0")), OK);
    }
    let tx = desk.begin(desk.dom0);
    assert_eq!(desk.ask_in(desk.dom0, tx, Op::WRITE, r"/many/new\0v"), OK);
    assert_eq!(desk.ask_in(desk.dom0, tx, Op::RM, r"/many/500\0"), OK);
    assert_eq!(desk.commit(desk.dom0, tx), OK);
    assert_eq!(desk.core.check_store(), Vec::<String>::new());
    assert_eq!(desk.ask(Op::RM, r"/many\0"), OK);
    assert_eq!(desk.core.check_store(), Vec::<String>::new());
}
