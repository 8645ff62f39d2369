//! Watching: `watch`, `watches`, `unwatch`.

use std::io::Write as _;
use std::time::Instant;

use xenbus::StorePath;
use xenbus::value::escape;

use super::{Args, Changes, Command, Group, Kind, Operand, switch, valued};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Cell, Column, Format, Role, column};
use crate::shell::{Mode, Shell};
use crate::token::quote;
use crate::watching::{Action, Seen, SeenKind, Source, SourceOptions};

pub(super) const WATCH: Command = Command {
    name: "watch",
    aliases: &[],
    group: Group::Watch,
    summary: "tell what changes at and below nodes",
    options: &[
        valued(
            'L',
            "depth",
            ("N", Kind::Number),
            "N levels below PATH only",
        ),
        valued('c', "count", ("N", Kind::Number), "End after N events"),
        valued(
            't',
            "timeout",
            ("SECS", Kind::Seconds),
            "End after SECS seconds; without an event that is code 124",
        ),
        switch(
            'p',
            "paths",
            "Print only paths, as they are told by the store; read nothing",
        ),
        switch('i', "initial", "Begin with what is there"),
        switch(
            'w',
            "wait",
            "At the prompt, too: wait here, and show nothing else",
        ),
        valued(
            'x',
            "exec",
            ("PROGRAM", Kind::Program),
            "Run PROGRAM by /bin/sh for each event",
        ),
    ],
    operands: &[Operand::any("PATH", Kind::Path)],
    text: "Prints the time (UTC), what happened, and the node with its old and new value or permissions. At the prompt the \
           watch works in the background: its events appear above the line that is being typed, until 'unwatch' ends \
           it. In a script, and with --wait, -c or -t, it is waited for; Ctrl-C ends it.\n\n\
           PATH need not exist. @introduceDomain and @releaseDomain tell of domains that come and go. A store may merge \
           changes that follow each other closely; what was lost is said.\n\n\
           PROGRAM finds the event in XSH_EVENT, XSH_PATH, XSH_OLD and XSH_NEW, the values escaped as 'cat' does.",
    examples: &[
        ("watch @1/device/vbd/51712/state", "see a handshake"),
        (
            "watch -c 1 -t 10 @releaseDomain",
            "wait for a domain to end, ten seconds at most",
        ),
        ("watch -o jsonl -c 3 /local/domain", "three events as JSON"),
    ],
    changes: Changes::Nothing,
    run: watch,
};

fn watch(shell: &mut Shell, args: &Args) -> Outcome {
    let paths = args.paths_or_here(shell)?;
    let most: Option<u64> = args.number("count")?;
    let timeout = args.seconds("timeout")?;
    let options = SourceOptions {
        depth: args.number("depth")?,
        bare: args.has("paths"),
        initial: args.has("initial"),
    };
    let exec = args.text("exec")?.map(str::to_owned);
    let waits = shell.mode != Mode::Interactive
        || args.has("wait")
        || most.is_some()
        || timeout.is_some()
        || shell.out.style.format != Format::Text
        || !shell.out.is_terminal;
    let client = shell.client()?;
    if !waits {
        for path in &paths {
            let action = exec.clone().map(program);
            let notices = shell.notices.clone();
            let number =
                shell
                    .watches
                    .start(&client, path, options, exec.clone(), notices, action)?;
            crate::exit::say(&format!("[{number}] watching {path}"));
        }
        return Ok(Exit::SUCCESS);
    }
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let bell = shell.interrupt.bell();
    let mut sources = Vec::new();
    for path in &paths {
        sources.push(Source::start(&client, path, options, bell.clone())?);
    }
    let mut action = exec.map(program);
    let mut count = 0;
    loop {
        shell.interrupt.check()?;
        let mut all_ended = true;
        let mut seen_any = false;
        for source in &mut sources {
            while let Some(seen) = source.try_next() {
                seen_any = true;
                shell.interrupt.check()?;
                tell(shell, &seen)?;
                if seen.kind == SeenKind::Ended {
                    return Ok(Exit::UNREACHABLE);
                }
                if !seen.kind.is_event() {
                    continue;
                }
                if let Some(action) = &mut action {
                    action(&seen);
                }
                count += 1;
                if most.is_some_and(|most| count >= most) {
                    return Ok(Exit::SUCCESS);
                }
            }
            all_ended &= source.has_ended();
        }
        if all_ended {
            return Ok(Exit::UNREACHABLE);
        }
        if !seen_any {
            shell.out.flush()?;
            if !bell.wait_until(deadline) {
                return Ok(if count == 0 {
                    Exit::TIMEOUT
                } else {
                    Exit::SUCCESS
                });
            }
        }
    }
}

/// Prints an event.
fn tell(shell: &mut Shell, seen: &Seen) -> Result<(), Failure> {
    let line = match shell.out.style.format {
        Format::Json | Format::Jsonl => seen.json(),
        Format::Yaml => format!("- {}", seen.json()),
        Format::Csv => {
            let text = |value: &Option<Vec<u8>>| {
                let value = value.as_deref().unwrap_or_default();
                escape(value).to_string().replace('"', "\"\"")
            };
            format!(
                "{},{},{},\"{}\",\"{}\"",
                crate::clock::timestamp(seen.time),
                seen.kind.word(),
                seen.path,
                text(&seen.old),
                text(&seen.new)
            )
        }
        Format::Text if seen.kind == SeenKind::Fired => seen.path.clone(),
        Format::Raw if seen.kind.is_event() => seen.path.clone(),
        _ => seen.line(|role, text| shell.out.paint(role, text)),
    };
    // What is about the watch is no record.
    if !seen.kind.is_event() && matches!(shell.out.style.format, Format::Text | Format::Raw) {
        crate::exit::say(&line);
        return Ok(());
    }
    let end = shell.out.end();
    shell.out.write_all(line.as_bytes())?;
    shell.out.write_all(end)?;
    shell.out.tick()?;
    Ok(())
}

/// Runs a program for an event and waits for it; what it prints is its own affair.
fn program(line: String) -> Action {
    Box::new(move |seen| {
        let value = |value: &Option<Vec<u8>>| {
            let bytes = value.as_deref().unwrap_or_default();
            escape(bytes).to_string()
        };
        let status = crate::output::shell(line.as_bytes())
            .env("XSH_EVENT", seen.kind.word())
            .env("XSH_PATH", &seen.path)
            .env("XSH_OLD", value(&seen.old))
            .env("XSH_NEW", value(&seen.new))
            .stdin(std::process::Stdio::null())
            .status();
        if let Err(error) = status {
            crate::exit::say(&format!("xsh: watch: cannot run /bin/sh: {error}"));
        }
    })
}

pub(super) const WATCHES: Command = Command {
    name: "watches",
    aliases: &[],
    group: Group::Watch,
    summary: "list the watches that work in the background",
    options: &[],
    operands: &[],
    text: "",
    examples: &[("watches", "number, path, and how many events there were")],
    changes: Changes::Nothing,
    run: watches,
};

const COLUMNS: &[Column] = &[
    column("number"),
    column("path").role(Role::Name),
    column("events"),
    column("depth"),
    column("exec"),
];

fn watches(shell: &mut Shell, _: &Args) -> Outcome {
    let mut sheet = shell.out.sheet(COLUMNS);
    for watching in shell.watches.list() {
        let exec = watching.exec.as_ref();
        sheet.row(&[
            Cell::Number(watching.number.into()),
            Cell::Path(&watching.path),
            Cell::Number(watching.events()),
            watching
                .options
                .depth
                .map_or(Cell::Missing, |depth| Cell::Number(depth.into())),
            exec.map_or(Cell::Missing, |line| Cell::Text(quote(line.as_bytes()))),
        ])?;
    }
    sheet.finish()?;
    Ok(Exit::SUCCESS)
}

pub(super) const UNWATCH: Command = Command {
    name: "unwatch",
    aliases: &[],
    group: Group::Watch,
    summary: "end watches that work in the background",
    options: &[switch('a', "all", "All of them")],
    operands: &[Operand::any("NUMBER|PATH", Kind::Path)],
    text: "",
    examples: &[
        ("unwatch -a", "end all of them"),
        ("unwatch 1", "end the first"),
    ],
    changes: Changes::Nothing,
    run: unwatch,
};

fn unwatch(shell: &mut Shell, args: &Args) -> Outcome {
    if args.has("all") && args.operands.is_empty() {
        shell.watches.end(|_| true);
        return Ok(Exit::SUCCESS);
    }
    if args.operands.is_empty() {
        return Err(args.wrong("which one? 'watches' lists them"));
    }
    for operand in &args.operands {
        let number = String::from_utf8_lossy(&operand.bytes).parse::<u32>().ok();
        let ended = if let Some(number) = number {
            shell.watches.end(|watching| watching.number == number)
        } else {
            let path: StorePath = shell.resolve(&operand.bytes)?;
            shell.watches.end(|watching| watching.path == path)
        };
        if ended == 0 {
            let shown = crate::exit::shown(&operand.bytes);
            return Err(
                Failure::new(Exit::FAILURE, format!("unwatch: there is no watch {shown}"))
                    .hint("'watches' lists them"),
            );
        }
    }
    Ok(Exit::SUCCESS)
}
