//! `man/xsh.1`: a page with the parts that the registry and the command line know put in, and the test that it is.
//!
//! What people wrote of it is `manual/page.mdoc`, in which a line `@NAME@` stands for a part.

use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::cmd::help::SYNTAX;
use crate::cmd::{COMMANDS, COMMON, Command, Count, DRY_RUN, Group, Opt};
use crate::exit::Exit;
use crate::shell::SETTINGS;

/// The whole page.
fn page() -> String {
    let mut page = String::new();
    for line in include_str!("manual/page.mdoc").lines() {
        match line {
            "@OPTIONS@" => options(&mut page),
            "@COMMON@" => common(&mut page),
            "@COMMANDS@" => commands(&mut page),
            "@SYNTAX@" => page += &format!(".Bd -literal\n{}\n.Ed\n", escaped(SYNTAX)),
            "@SETTINGS@" => settings(&mut page),
            "@EXIT@" => exits(&mut page),
            "@COMPAT@" => compat(&mut page),
            line => page += &format!("{line}\n"),
        }
    }
    page
}

/// Text that is no macro, in lines that are not too long.
fn text(text: &str) -> String {
    let mut lines = String::new();
    for (at, paragraph) in text.split("\n\n").enumerate() {
        if at > 0 {
            lines += ".Pp\n";
        }
        for sentence in sentences(paragraph) {
            for line in crate::cmd::help::wrapped(&sentence, 78) {
                lines += &format!("{}\n", escaped(&line));
            }
        }
    }
    lines
}

/// The sentences of a paragraph: each begins a line, as mdoc wants it.
fn sentences(paragraph: &str) -> Vec<String> {
    let mut sentences = vec![String::new()];
    for word in paragraph.split_ascii_whitespace() {
        if let Some(last) = sentences.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
        if word
            .trim_end_matches(['\'', '"', ')'])
            .ends_with(['.', '!', '?'])
        {
            sentences.push(String::new());
        }
    }
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// Text in which nothing is a macro or an escape.
fn escaped(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.replace('\\', "\\e");
        if line.starts_with(['.', '\'']) {
            format!("\\&{line}")
        } else {
            line
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// An argument of a macro: no word of it is a macro itself.
fn argument(word: &str) -> String {
    let word = word.replace('\\', "\\e").replace('"', "\\(dq");
    match word.chars().next() {
        Some(first) if first.is_ascii_alphabetic() && word.len() > 2 => word,
        _ => format!("\\&{word}"),
    }
}

fn options(page: &mut String) {
    let mut cli = Cli::command();
    cli.build();
    *page += ".Bl -tag -width Ds\n";
    for arg in cli.get_arguments() {
        let value = arg
            .get_value_names()
            .and_then(|names| names.first())
            .filter(|_| arg.get_action().takes_values());
        let mut names = Vec::new();
        if let Some(short) = arg.get_short() {
            names.push(format!("Fl {}", argument(&short.to_string())));
        }
        if let Some(long) = arg.get_long() {
            names.push(format!("Fl Fl {long}"));
        }
        if names.is_empty() {
            continue;
        }
        let needs_equals = arg.is_require_equals_set();
        let value = value.map_or_else(String::new, |value| {
            if needs_equals {
                format!(" Ns Op = Ns Ar {}", value.to_lowercase())
            } else {
                format!(" Ar {}", value.to_lowercase())
            }
        });
        *page += &format!(".It {}{value}\n", names.join(" , "));
        let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let words: Vec<String> = arg
            .get_possible_values()
            .iter()
            .map(|word| word.get_name().to_owned())
            .collect();
        if !words.is_empty() && arg.get_action().takes_values() {
            help += &format!(": {}", words.join(", "));
        }
        *page += &text(&format!("{help}."));
    }
    *page += ".El\n";
}

fn common(page: &mut String) {
    *page += ".Bl -tag -width Ds\n";
    for option in COMMON.iter().chain([&DRY_RUN]) {
        one_option(page, option);
    }
    *page += ".El\n";
}

fn one_option(page: &mut String, option: &Opt) {
    let mut names = Vec::new();
    if let Some(short) = option.short {
        names.push(format!("Fl {}", argument(&short.to_string())));
    }
    names.push(format!("Fl Fl {}", option.long));
    let value = option.value.map_or_else(String::new, |(value, _)| {
        format!(" Ar {}", argument(&value.to_lowercase()))
    });
    *page += &format!(".It {}{value}\n", names.join(" , "));
    *page += &text(&format!("{}.", option.help));
}

fn commands(page: &mut String) {
    for group in Group::ALL {
        let mut of_group = COMMANDS
            .iter()
            .filter(|command| command.group == group)
            .peekable();
        if of_group.peek().is_none() {
            continue;
        }
        *page += &format!(".Ss {}\n.Bl -tag -width Ds\n", group.title());
        for command in of_group {
            one_command(page, command);
        }
        *page += ".El\n";
    }
}

fn one_command(page: &mut String, command: &Command) {
    *page += &format!(".It Ic {}", command.name);
    let letters: String = command
        .options
        .iter()
        .filter(|option| option.value.is_none())
        .filter_map(|option| option.short)
        .collect();
    if !letters.is_empty() {
        *page += &format!(" Oo Fl {} Oc", argument(&letters));
    }
    for option in command.options {
        if option.value.is_none() && option.short.is_some() {
            continue;
        }
        let name = option.short.map_or_else(
            || format!("Fl Fl {}", option.long),
            |short| format!("Fl {}", argument(&short.to_string())),
        );
        *page += &match option.value {
            Some((value, _)) => format!(" Oo {name} Ar {} Oc", argument(&value.to_lowercase())),
            None => format!(" Oo {name} Oc"),
        };
    }
    for operand in command.operands {
        let words: Vec<_> = operand
            .name
            .to_lowercase()
            .split(' ')
            .map(argument)
            .collect();
        let name = words.join(" ");
        *page += &match operand.count {
            Count::One => format!(" Ar {name}"),
            Count::Maybe => format!(" Oo Ar {name} Oc"),
            Count::Any => format!(" Oo Ar {name} Ns ... Oc"),
            Count::Some => format!(" Ar {name} Ns ..."),
        };
    }
    page.push('\n');
    let mut summary = command.summary.to_owned();
    if let Some(first) = summary.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    *page += &text(&format!("{summary}."));
    for (alias, options) in command.aliases {
        let meaning = std::iter::once(command.name)
            .chain(options.iter().copied())
            .collect::<Vec<_>>()
            .join(" ");
        *page += &format!(
            ".Ic {} No is Ql {} .\n",
            argument(alias),
            argument(&meaning)
        );
    }
    if !command.text.is_empty() {
        *page += ".Pp\n";
        *page += &text(command.text);
    }
    if !command.options.is_empty() {
        *page += ".Bl -tag -width Ds -compact\n";
        for option in command.options {
            one_option(page, option);
        }
        *page += ".El\n";
    }
    *page += ".Pp\n.Bd -literal -compact\n";
    let longest = command.examples.iter().map(|(line, _)| line.len()).max();
    let width = longest.unwrap_or_default().min(44);
    for (line, what) in command.examples {
        *page += &format!("{}\n", escaped(&format!("{line:<width$}  # {what}")));
    }
    *page += ".Ed\n";
}

fn settings(page: &mut String) {
    *page += ".Bl -tag -width Ds\n";
    for setting in SETTINGS {
        let mut help = setting.help.to_owned();
        if let Some(first) = help.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        *page += &format!(".It Cm {}\n", setting.name);
        *page += &text(&format!("{help}: {}.", setting.words.join(", ")));
    }
    *page += ".El\n";
}

/// What is done otherwise than by xenstore-utils.
fn compat(page: &mut String) {
    *page += ".Bl -tag -width Ds\n";
    for (tool, what, why) in crate::compat::DEVIATIONS {
        *page += &format!(".It {}\n", escaped(tool));
        *page += &text(&format!("{what}: {why}."));
    }
    *page += ".El\n";
}

fn exits(page: &mut String) {
    *page += ".Bl -tag -width Ds\n";
    for (exit, meaning) in Exit::ALL {
        *page += &format!(".It {}\n", exit.0);
        *page += &text(meaning);
    }
    *page += ".El\n";
}

#[test]
fn the_manual_page_says_what_the_registry_says() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../man/xsh.1");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, &page).unwrap();
    }
    let there = std::fs::read_to_string(file).unwrap();
    let differs = page
        .lines()
        .zip(there.lines())
        .enumerate()
        .find(|(_, (new, old))| new != old);
    assert!(
        page == there,
        "man/xsh.1 is not what the registry says; UPDATE=1 cargo test -p xsh manual rewrites it: {differs:?}"
    );
}
