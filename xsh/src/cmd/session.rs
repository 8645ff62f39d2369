//! The shell itself: `help`, `history`, `source`, `time`, `repeat`, `echo`, `alias`, `set-option`, `exit`.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::time::{Duration, Instant};

use super::{Args, Changes, Command, Group, Kind, Operand, find, help, switch, unknown, valued};
use crate::exit::{Exit, Failure, Outcome, shown};
use crate::output::{Cell, Column, Role, column};
use crate::shell::{Mode, SETTINGS, Shell, alias_words, file_name};

pub(super) const HELP: Command = Command {
    name: "help",
    aliases: &[("man", &[]), ("?", &[])],
    group: Group::Shell,
    summary: "explain commands and the language",
    options: &[],
    operands: &[Operand::maybe("COMMAND", Kind::Command)],
    text: "Without COMMAND it lists all. 'help syntax' explains the language, 'help exit-codes' the codes, 'help compat' \
           how xenstore-utils are replaced.",
    examples: &[
        ("help ls", "explain ls"),
        ("help syntax", "quotes, pipes, wild cards"),
    ],
    changes: Changes::Nothing,
    run: help,
};

fn help(shell: &mut Shell, args: &Args) -> Outcome {
    let Some(name) = args.word(0)? else {
        help::overview(shell)?;
        return Ok(Exit::SUCCESS);
    };
    if let Some((command, _)) = find(name) {
        help::show(shell, command)?;
    } else if !help::topic(shell, name)? {
        return Err(unknown(name.as_bytes()));
    }
    Ok(Exit::SUCCESS)
}

pub(super) const HISTORY: Command = Command {
    name: "history",
    aliases: &[],
    group: Group::Shell,
    summary: "list the lines of the prompt",
    options: &[switch(
        'c',
        "clear",
        "Forget the lines of this session, and remove the file",
    )],
    operands: &[Operand::maybe("N", Kind::Number)],
    text: "The last N lines, by default all. They are kept in $XDG_STATE_HOME/xsh/history (by default \
           ~/.local/state/xsh/history), for the user alone; several shells share it. A line that begins with a space is \
           not kept.",
    examples: &[("history 10", "the last ten lines")],
    changes: Changes::Nothing,
    run: history,
};

fn history(shell: &mut Shell, args: &Args) -> Outcome {
    if args.has("clear") {
        shell.history.clear();
        shell.clears_history = true;
        return Ok(Exit::SUCCESS);
    }
    let most = match args.word(0)? {
        None => usize::MAX,
        Some(word) => word.parse().map_err(|_| args.wrong("N is a number"))?,
    };
    let skip = shell.history.len().saturating_sub(most);
    let lines = shell.history.iter().enumerate().skip(skip);
    for (number, line) in lines {
        let line = xenbus::value::escape(line.as_bytes());
        writeln!(shell.out, "{:>5}  {line}", number + 1)?;
    }
    Ok(Exit::SUCCESS)
}

pub(super) const SOURCE: Command = Command {
    name: "source",
    aliases: &[(".", &[])],
    group: Group::Shell,
    summary: "run the commands of a file in this session",
    options: &[],
    operands: &[Operand::one("FILE", Kind::File)],
    text: "A failure ends it, unless the option keep-going is on.",
    examples: &[("source setup.xsh", "run a file")],
    changes: Changes::Nothing,
    run: source,
};

fn source(shell: &mut Shell, args: &Args) -> Outcome {
    let name = &args.operands[0].bytes;
    let name_shown = shown(name);
    let file = File::open(file_name(name))
        .map_err(|error| Failure::io(format!("cannot open {name_shown}"), &error))?;
    // A file is a script, wherever it is run from.
    let mode = std::mem::replace(&mut shell.mode, Mode::Script);
    let exit = crate::script::run(shell, BufReader::new(file), &name_shown);
    shell.mode = mode;
    Ok(exit)
}

pub(super) const TIME: Command = Command {
    name: "time",
    aliases: &[],
    group: Group::Shell,
    summary: "say how long a command takes",
    options: &[],
    operands: &[Operand::any("COMMAND", Kind::Line)],
    text: "Takes a command, or a block: time { COMMANDS }.",
    examples: &[("time count /", "how long counting takes")],
    changes: Changes::Nothing,
    run: time,
};

fn time(shell: &mut Shell, args: &Args) -> Outcome {
    let start = Instant::now();
    let outcome = run_rest(shell, args, 0);
    shell.out.flush()?;
    let seconds = start.elapsed().as_secs_f64();
    crate::exit::say(&format!("{seconds:.6} s"));
    outcome
}

/// Runs the block, or the operands as a command.
pub(super) fn run_rest(shell: &mut Shell, args: &Args, from: usize) -> Outcome {
    match &args.block {
        Some(block) if args.operands.len() <= from => Ok(shell.run_script(block)),
        Some(_) => Err(args.wrong("either a command or a block")),
        None if args.operands.len() <= from => Err(args.wrong("COMMAND is missing")),
        None => shell.run_arguments(args.operands[from..].to_vec(), None),
    }
}

pub(super) const REPEAT: Command = Command {
    name: "repeat",
    aliases: &[],
    group: Group::Shell,
    summary: "run a command several times",
    options: &[
        valued(
            'i',
            "interval",
            ("SECS", Kind::Seconds),
            "Wait SECS seconds between the runs",
        ),
        switch('k', "keep-going", "Go on after a failure"),
    ],
    operands: &[
        Operand::one("N", Kind::Number),
        Operand::any("COMMAND", Kind::Line),
    ],
    text: "Takes a command, or a block. Ctrl-C ends it.",
    examples: &[("repeat 3 -i 1 cat @1/name", "three times, a second apart")],
    changes: Changes::Nothing,
    run: repeat,
};

fn repeat(shell: &mut Shell, args: &Args) -> Outcome {
    let word = args.word(0)?.unwrap_or_default();
    let times: u64 = word.parse().map_err(|_| args.wrong("N is a number"))?;
    let pause = args.seconds("interval")?.unwrap_or(Duration::ZERO);
    let bell = shell.interrupt.bell();
    let mut worst = Exit::SUCCESS;
    for at in 0..times {
        shell.interrupt.check()?;
        if at > 0 && !pause.is_zero() {
            shell.out.flush()?;
            let until = Instant::now() + pause;
            while bell.wait_until(Some(until)) {
                shell.interrupt.check()?;
            }
        }
        let exit = run_rest(shell, args, 1)?;
        if worst.is_success() {
            worst = exit;
        }
        let stops = !exit.is_success() && !args.has("keep-going");
        if stops || shell.leaving.is_some() {
            break;
        }
    }
    Ok(worst)
}

pub(super) const ECHO: Command = Command {
    name: "echo",
    aliases: &[],
    group: Group::Shell,
    summary: "print its arguments",
    options: &[],
    operands: &[Operand::any("TEXT", Kind::Text)],
    text: "",
    examples: &[("echo $? $_", "the last status and path")],
    changes: Changes::Nothing,
    run: echo,
};

fn echo(shell: &mut Shell, args: &Args) -> Outcome {
    for (at, operand) in args.operands.iter().enumerate() {
        if at > 0 {
            shell.out.write_all(b" ")?;
        }
        if shell.out.is_terminal {
            write!(shell.out, "{}", xenbus::value::escape(&operand.bytes))?;
        } else {
            shell.out.write_all(&operand.bytes)?;
        }
    }
    let end = shell.out.end();
    shell.out.write_all(end)?;
    Ok(Exit::SUCCESS)
}

pub(super) const ALIAS: Command = Command {
    name: "alias",
    aliases: &[],
    group: Group::Shell,
    summary: "let a word stand for a command and its arguments",
    options: &[switch('d', "delete", "Forget NAME")],
    operands: &[
        Operand::maybe("NAME", Kind::Text),
        Operand::maybe("WORDS", Kind::Text),
    ],
    text: "Without arguments it lists all; with NAME it shows that one.",
    examples: &[
        ("alias disks 'find / -path **/vbd/*/*'", "make one"),
        ("alias -d disks", "forget it"),
    ],
    changes: Changes::Nothing,
    run: alias,
};

fn alias(shell: &mut Shell, args: &Args) -> Outcome {
    let missing = |name: &str| {
        let name = shown(name.as_bytes());
        Failure::new(Exit::FAILURE, format!("alias: there is no alias '{name}'"))
    };
    match (args.word(0)?, args.word(1)?) {
        (Some(name), _) if args.has("delete") => {
            shell.aliases.remove(name).ok_or_else(|| missing(name))?;
        }
        (Some(name), Some(text)) => {
            alias_words(text)?;
            let is_word = |b: u8| b.is_ascii_alphanumeric() || b"-_?.".contains(&b);
            if !name.bytes().all(is_word) || name.is_empty() || name.starts_with('-') {
                return Err(args.wrong("NAME has letters, digits, '-' and '_'"));
            }
            shell.aliases.insert(name.to_owned(), text.to_owned());
        }
        (name, None) => {
            let wanted = |known: &str| name.is_none_or(|name| name == known);
            let list: Vec<_> = shell.aliases.iter().filter(|(n, _)| wanted(n)).collect();
            if let (true, Some(name)) = (list.is_empty(), name) {
                return Err(missing(name));
            }
            for (name, text) in list {
                let text = crate::token::quote(text.as_bytes());
                writeln!(shell.out, "alias {name} {text}")?;
            }
        }
        (None, Some(_)) => {}
    }
    Ok(Exit::SUCCESS)
}

pub(super) const SET_OPTION: Command = Command {
    name: "set-option",
    aliases: &[],
    group: Group::Shell,
    summary: "show or change how the shell behaves",
    options: &[],
    operands: &[
        Operand::maybe("NAME", Kind::Setting),
        Operand::maybe("VALUE", Kind::SettingValue),
    ],
    text: "Without arguments it lists all settings.",
    examples: &[
        ("set-option", "all settings"),
        ("set-option output json", "JSON from now on"),
        ("set-option read-only on", "refuse changes"),
    ],
    changes: Changes::Nothing,
    run: set_option,
};

const SETTING_COLUMNS: &[Column] = &[
    column("setting").role(Role::Name),
    column("value"),
    column("values"),
    column("meaning"),
];

fn set_option(shell: &mut Shell, args: &Args) -> Outcome {
    let Some(name) = args.word(0)? else {
        let settings = shell.settings;
        let mut sheet = shell.out.sheet(SETTING_COLUMNS);
        for setting in SETTINGS {
            sheet.row(&[
                Cell::Text(setting.name.to_owned()),
                Cell::Text((setting.show)(&settings).to_owned()),
                Cell::Text(setting.words.join("|")),
                Cell::Text(setting.help.to_owned()),
            ])?;
        }
        sheet.finish()?;
        return Ok(Exit::SUCCESS);
    };
    let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
        let names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        return Err(args.wrong(&format!("NAME is one of {}", names.join(", "))));
    };
    let Some(value) = args.word(1)? else {
        writeln!(shell.out, "{}", (setting.show)(&shell.settings))?;
        return Ok(Exit::SUCCESS);
    };
    if !setting.words.contains(&value) {
        return Err(args.wrong(&format!("{name} is one of {}", setting.words.join(", "))));
    }
    (setting.set)(&mut shell.settings, value);
    if shell.mode == Mode::Interactive || name == "color" {
        let out = shell.standard_output();
        shell.out.has_color = out.has_color;
    }
    Ok(Exit::SUCCESS)
}

pub(super) const EXIT: Command = Command {
    name: "exit",
    aliases: &[("quit", &[])],
    group: Group::Shell,
    summary: "leave the shell",
    options: &[],
    operands: &[Operand::maybe("CODE", Kind::Number)],
    text: "The exit code is CODE, or the status of the last command. An open transaction is given up.",
    examples: &[("exit", "leave"), ("exit 3", "leave with exit code 3")],
    changes: Changes::Nothing,
    run: exit,
};

fn exit(shell: &mut Shell, args: &Args) -> Outcome {
    let code = match args.word(0)? {
        None => shell.status,
        Some(word) => Exit(
            word.parse()
                .map_err(|_| args.wrong("CODE is a number up to 255"))?,
        ),
    };
    shell.leaving = Some(code);
    Ok(code)
}
