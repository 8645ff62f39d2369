use proptest::prelude::*;

use super::*;

/// The words of a text without operators.
fn words(text: &str) -> Vec<String> {
    let lexed = lex(text.as_bytes());
    assert_eq!(
        (&lexed.unfinished, &lexed.faults),
        (&None, &vec![]),
        "{text}"
    );
    lexed
        .tokens
        .iter()
        .map(|token| match &token.kind {
            Kind::Word(word) => String::from_utf8(word.text().unwrap()).unwrap(),
            other => format!("<{other:?}>"),
        })
        .collect()
}

#[test]
fn quotes_and_escapes_make_words() {
    assert_eq!(words(r#"set a 'b c' "d\te""#), ["set", "a", "b c", "d\te"]);
    assert_eq!(words(r"a\ b\'c"), ["a b'c"]);
    assert_eq!(words(r#"a'b'"c"d"#), ["abcd"]);
    assert_eq!(words(r#"'' """#), ["", ""]);
    assert_eq!(words("a\\\nb"), ["ab"]);
    assert_eq!(words("a $5 b$"), ["a", "$5", "b$"]);
    assert_eq!(words("\"\\x41\\x42\""), ["AB"]);
}

#[test]
fn operators_need_no_space_and_have_spans() {
    let text = b"ls>f;a&&b||c<d|grep ';' -v;e # x";
    let lexed = lex(text);
    let kinds: Vec<_> = lexed.tokens.iter().map(|token| &token.kind).collect();
    assert!(matches!(
        kinds[..],
        [
            Kind::Word(_),
            Kind::To,
            Kind::Word(_),
            Kind::End,
            Kind::Word(_),
            Kind::And,
            Kind::Word(_),
            Kind::Or,
            Kind::Word(_),
            Kind::From,
            Kind::Word(_),
            Kind::Pipe(_),
            Kind::End,
            Kind::Word(_),
            Kind::Comment
        ]
    ));
    assert_eq!(kinds[11], &Kind::Pipe(b"grep ';' -v".to_vec()));
    assert_eq!(&text[lexed.tokens[2].span.clone()], b"f");
}

#[test]
fn a_bang_is_a_program_only_where_a_command_begins() {
    let lexed = lex(b"a !b\n!c; d");
    assert_eq!(lexed.tokens[3].kind, Kind::Outside(b"c; d".to_vec()));
    assert_eq!(lexed.tokens.len(), 4);
}

#[test]
fn what_is_open_at_the_end_is_said() {
    for (text, unfinished) in [
        ("a 'b", Unfinished::Single(2)),
        ("a \"b", Unfinished::Double(2)),
        ("a b\\", Unfinished::Backslash),
        ("a | grep 'x", Unfinished::Single(3)),
    ] {
        assert_eq!(lex(text.as_bytes()).unfinished, Some(unfinished), "{text}");
    }
}

#[test]
fn faults_have_a_place() {
    for (text, span) in [("a & b", 2..3), (r#"a "\q""#, 3..5), (r#""\x1""#, 1..3)] {
        let faults = lex(text.as_bytes()).faults;
        assert_eq!(faults.len(), 1, "{text}");
        assert_eq!(faults[0].span, span, "{text}");
    }
}

#[test]
fn braces_are_operators_only_where_they_stand_alone() {
    assert_eq!(words("a {b,c} d}"), ["a", "{b,c}", "d}"]);
    let lexed = lex(b"tx { set a b; }");
    assert_eq!(lexed.tokens[1].kind, Kind::Open);
    assert_eq!(lexed.tokens.last().unwrap().kind, Kind::Close);
}

#[test]
fn variables_are_pieces() {
    let lexed = lex(b"exit $? \"a$_\" '$?'");
    let word = |at: usize| match &lexed.tokens[at].kind {
        Kind::Word(word) => word.pieces.clone(),
        _ => unreachable!("only words"),
    };
    assert_eq!(word(1), [Piece::Status]);
    assert_eq!(word(2)[1], Piece::Last);
    assert_eq!(word(3).len(), 1);
}

proptest! {
    #[test]
    fn a_quoted_word_is_read_back_exactly(bytes: Vec<u8>) {
        let quoted = quote(&bytes);
        prop_assert!(quoted.bytes().all(|b| (0x20..=0x7E).contains(&b)));
        let lexed = lex(quoted.as_bytes());
        prop_assert_eq!(&lexed.unfinished, &None);
        prop_assert_eq!(&lexed.faults, &vec![]);
        prop_assert_eq!(lexed.tokens.len(), 1);
        match &lexed.tokens[0].kind {
            Kind::Word(word) => prop_assert_eq!(word.text(), Some(bytes)),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn any_bytes_are_cut_without_panic_and_in_order(bytes in proptest::collection::vec(
        prop_oneof![any::<u8>(), proptest::sample::select(&b"'\"\\$?_|&;<>{}#! \n"[..])], 0..60)) {
        let lexed = lex(&bytes);
        let mut at = 0;
        for token in &lexed.tokens {
            prop_assert!(token.span.start >= at && token.span.end > token.span.start);
            at = token.span.end;
        }
        prop_assert!(at <= bytes.len());
    }
}
