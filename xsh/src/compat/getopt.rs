//! Options as the C library's `getopt_long` reads them: anywhere among the arguments, long ones shortened, and what is
//! wrong is said and passed over.

/// An option: its letter, its long name if it has one, and whether it takes an argument.
pub(super) struct Spec {
    pub(super) letter: u8,
    pub(super) long: Option<&'static str>,
    pub(super) argument: bool,
}

/// One option that was found.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// A known one, with its argument.
    Known(u8, Option<Vec<u8>>),
    /// What is wrong with one.
    Wrong(Vec<u8>),
}

/// Splits arguments in options and operands. With `posixly_correct` the first operand ends the options.
pub(super) fn parse(
    specs: &[Spec],
    arguments: Vec<Vec<u8>>,
    posixly_correct: bool,
) -> (Vec<Found>, Vec<Vec<u8>>) {
    let mut found = Vec::new();
    let mut operands = Vec::new();
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        match argument.as_slice() {
            b"--" => break,
            [b'-', b'-', long @ ..] => found.push(long_option(specs, long, &mut rest)),
            [b'-', letters @ ..] if !letters.is_empty() => {
                short_options(specs, letters, &mut rest, &mut found);
            }
            _ => {
                operands.push(argument);
                if posixly_correct {
                    break;
                }
            }
        }
    }
    operands.extend(rest);
    (found, operands)
}

fn short_options(
    specs: &[Spec],
    mut letters: &[u8],
    rest: &mut impl Iterator<Item = Vec<u8>>,
    found: &mut Vec<Found>,
) {
    while let Some((&letter, after)) = letters.split_first() {
        letters = after;
        let wrong = |text: &[u8]| Found::Wrong([text, b" -- '", &[letter], b"'"].concat());
        let Some(spec) = specs.iter().find(|spec| spec.letter == letter) else {
            found.push(wrong(b"invalid option"));
            continue;
        };
        if !spec.argument {
            found.push(Found::Known(letter, None));
            continue;
        }
        let argument = if letters.is_empty() {
            rest.next()
        } else {
            Some(letters.to_vec())
        };
        found.push(match argument {
            Some(argument) => Found::Known(letter, Some(argument)),
            None => wrong(b"option requires an argument"),
        });
        return;
    }
}

fn long_option(specs: &[Spec], long: &[u8], rest: &mut impl Iterator<Item = Vec<u8>>) -> Found {
    let mut parts = long.splitn(2, |b| *b == b'=');
    let name = parts.next().unwrap_or_default();
    let value = parts.next();
    let named = specs.iter().filter_map(|spec| Some((spec, spec.long?)));
    let matching: Vec<_> = named
        .filter(|(_, long)| long.as_bytes().starts_with(name))
        .collect();
    let exact = matching.iter().find(|(_, long)| long.as_bytes() == name);
    let (spec, full) = match (exact, &matching[..]) {
        (Some(exact), _) | (None, [exact]) => *exact,
        (None, []) => {
            return Found::Wrong([b"unrecognized option '--", name, b"'"].concat());
        }
        (None, several) => {
            let mut text = [b"option '--", long, b"' is ambiguous; possibilities:"].concat();
            for (_, long) in several {
                text.extend_from_slice(format!(" '--{long}'").as_bytes());
            }
            return Found::Wrong(text);
        }
    };
    let wrong = |what: &str| Found::Wrong(format!("option '--{full}' {what}").into_bytes());
    match (spec.argument, value) {
        (false, None) => Found::Known(spec.letter, None),
        (false, Some(_)) => wrong("doesn't allow an argument"),
        (true, Some(value)) => Found::Known(spec.letter, Some(value.to_vec())),
        (true, None) => match rest.next() {
            Some(value) => Found::Known(spec.letter, Some(value)),
            None => wrong("requires an argument"),
        },
    }
}
