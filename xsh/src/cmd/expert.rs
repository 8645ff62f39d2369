//! For those who know what they do: domains of the store, quotas, features, the daemon's control, any message.

use std::io::Write as _;

use data_encoding::HEXLOWER_PERMISSIVE;
use xenbus::value::escape;
use xenbus::wire::{Op, strings};
use xenbus::{Client, DomId, Error};

use super::{Args, Changes, Command, Group, Kind, Operand, info, switch, valued};
use crate::exit::{Exit, Failure, Outcome, shown};
use crate::output::{Cell, Column, Format, Role, column};
use crate::shell::Shell;

pub(super) const INTRODUCE: Command = Command {
    name: "introduce",
    aliases: &[],
    group: Group::Expert,
    summary: "make a domain known to the store",
    options: &[],
    operands: &[
        Operand::one("DOMAIN", Kind::Domain),
        Operand::one("FRAME", Kind::Number),
        Operand::one("PORT", Kind::Number),
    ],
    text: "The domain has to exist. FRAME is the frame number of its ring page, which C xenstored does not use; PORT is the \
           event channel that it allocated for the store. A toolstack does this when it builds a domain.",
    examples: &[("introduce 7 1 1", "let domain 7 connect")],
    changes: Changes::Daemon,
    run: introduce,
};

fn introduce(shell: &mut Shell, args: &Args) -> Outcome {
    let domain = domain(args, 0)?;
    let (frame, port) = (number(args, 1, "FRAME")?, number(args, 2, "PORT")?);
    ask(
        shell,
        &format!("INTRODUCE {domain} {frame} {port}"),
        |client| client.introduce(domain, frame, port),
    )
}

pub(super) const RELEASE: Command = Command {
    name: "release",
    aliases: &[],
    group: Group::Expert,
    summary: "make the store forget a domain",
    options: &[],
    operands: &[Operand::one("DOMAIN", Kind::Domain)],
    text: "The store closes its connection and drops its watches and transactions; its nodes stay. A toolstack does this \
           when a domain is gone.",
    examples: &[("release 7", "forget domain 7")],
    changes: Changes::Daemon,
    run: release,
};

fn release(shell: &mut Shell, args: &Args) -> Outcome {
    let domain = domain(args, 0)?;
    ask(shell, &format!("RELEASE {domain}"), |client| {
        client.release(domain)
    })
}

pub(super) const RESUME: Command = Command {
    name: "resume",
    aliases: &[],
    group: Group::Expert,
    summary: "tell the store that a suspended domain goes on",
    options: &[],
    operands: &[Operand::one("DOMAIN", Kind::Domain)],
    text: "After this, @releaseDomain tells its next shutdown again.",
    examples: &[("resume 7", "domain 7 goes on")],
    changes: Changes::Daemon,
    run: resume,
};

fn resume(shell: &mut Shell, args: &Args) -> Outcome {
    let domain = domain(args, 0)?;
    ask(shell, &format!("RESUME {domain}"), |client| {
        client.resume(domain)
    })
}

pub(super) const SET_TARGET: Command = Command {
    name: "set-target",
    aliases: &[],
    group: Group::Expert,
    summary: "give a domain the rights of another",
    options: &[],
    operands: &[
        Operand::one("DOMAIN", Kind::Domain),
        Operand::one("TARGET", Kind::Domain),
    ],
    text: "For a device model that runs in a domain of its own: DOMAIN may then do to nodes what TARGET may.",
    examples: &[("set-target 8 7", "domain 8 serves domain 7")],
    changes: Changes::Daemon,
    run: set_target,
};

fn set_target(shell: &mut Shell, args: &Args) -> Outcome {
    let (domain, target) = (domain(args, 0)?, domain(args, 1)?);
    ask(shell, &format!("SET_TARGET {domain} {target}"), |client| {
        client.set_target(domain, target)
    })
}

pub(super) const QUOTA: Command = Command {
    name: "quota",
    aliases: &[],
    group: Group::Expert,
    summary: "show or set limits of domains",
    options: &[valued(
        'd',
        "domain",
        ("DOMAIN", Kind::Domain),
        "Those of one domain instead of those that all have",
    )],
    operands: &[
        Operand::maybe("NAME", Kind::Text),
        Operand::maybe("VALUE", Kind::Number),
    ],
    text: "Without NAME it lists all; with VALUE it sets one, 0 is no limit. This is GET_QUOTA and SET_QUOTA of Xen 4.22; \
           an earlier C xenstored is asked by 'control quota', in its own words.",
    examples: &[
        ("quota", "all limits"),
        ("quota -d 3 nodes 2000", "more for domain 3"),
    ],
    changes: Changes::Daemon,
    run: quota,
};

const COLUMNS: &[Column] = &[column("name").role(Role::Name), column("value")];

fn quota(shell: &mut Shell, args: &Args) -> Outcome {
    let of = args
        .text("domain")?
        .map(DomId::parse)
        .transpose()
        .map_err(Error::from)?;
    let name = args.word(0)?.map(str::to_owned);
    let client = shell.client()?;
    if let (Some(name), Some(_)) = (&name, args.word(1)?) {
        let value = number(args, 1, "VALUE")?;
        let whose = of.map_or_else(String::new, |of| format!("{of} "));
        let set = format!("SET_QUOTA {whose}{} {value}", shown(name.as_bytes()));
        return ask(shell, &set, |client| client.set_quota(of, name, value));
    }
    let names = match name {
        Some(name) => vec![name],
        None => match client.quota_names() {
            Ok(names) => names,
            Err(Error::Unsupported { .. }) => {
                let mut words = vec!["quota".to_owned()];
                words.extend(of.map(|of| of.to_string()));
                return control_words(shell, &words);
            }
            Err(error) => return Err(error.into()),
        },
    };
    let mut values = Vec::new();
    for name in names {
        let value = client.quota(of, &name)?;
        values.push((shown(name.as_bytes()), value));
    }
    let mut sheet = shell.out.sheet(COLUMNS);
    for (name, value) in values {
        sheet.row(&[Cell::Text(name), Cell::Number(value.into())])?;
    }
    sheet.finish()?;
    Ok(Exit::SUCCESS)
}

pub(super) const FEATURE: Command = Command {
    name: "feature",
    aliases: &[],
    group: Group::Expert,
    summary: "show features of the store or a domain, or set a domain's",
    options: &[],
    operands: &[
        Operand::maybe("DOMAIN", Kind::Domain),
        Operand::maybe("BITS", Kind::Number),
    ],
    text: "GET_FEATURE and SET_FEATURE of Xen 4.21. BITS can be set before the domain is introduced.",
    examples: &[
        ("feature", "what the store can do"),
        ("feature 7 0", "none of it for domain 7"),
    ],
    changes: Changes::Daemon,
    run: feature,
};

fn feature(shell: &mut Shell, args: &Args) -> Outcome {
    let domain = match args.word(0)? {
        Some(_) => Some(domain(args, 0)?),
        None => None,
    };
    if let (Some(domain), Some(_)) = (domain, args.word(1)?) {
        let bits = number(args, 1, "BITS")?;
        return ask(shell, &format!("SET_FEATURE {domain} {bits}"), |client| {
            client.set_feature(domain, bits)
        });
    }
    let bits = shell.client()?.feature(domain)?;
    if shell.out.style.format == Format::Text {
        writeln!(shell.out, "{}", info::features(bits))?;
    } else {
        writeln!(shell.out, "{bits}")?;
    }
    Ok(Exit::SUCCESS)
}

pub(super) const CONTROL: Command = Command {
    name: "control",
    aliases: &[],
    group: Group::Expert,
    summary: "send a command to the daemon itself",
    options: &[],
    operands: &[Operand::any("WORD", Kind::Text)],
    text: "Without WORD it prints the daemon's own help. What there is depends on the daemon: a check of the store, a log, memory reports, \
           quotas, its live update. oxenstored answers OK to commands that it does not have, 'help' among them.",
    examples: &[
        ("control", "what this daemon can do"),
        ("control check", "check the store"),
    ],
    changes: Changes::Daemon,
    run: control,
};

fn control(shell: &mut Shell, args: &Args) -> Outcome {
    let mut words = Vec::new();
    for at in 0..args.operands.len() {
        words.extend(args.word(at)?.map(str::to_owned));
    }
    if words.is_empty() {
        words.push("help".to_owned());
    }
    control_words(shell, &words)
}

fn control_words(shell: &mut Shell, words: &[String]) -> Outcome {
    let client = shell.client()?;
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    if shell.settings.dry_run && words != ["help"] {
        let words = shown(words.join(" ").as_bytes());
        writeln!(shell.out, "would ask: CONTROL {words}")?;
        return Ok(Exit::SUCCESS);
    }
    let answer = client.control(&words).map_err(|error| {
        let is_unknown = error.errno() == Some(&xenbus::wire::Errno::EINVAL);
        let failure = Failure::from(error);
        if is_unknown {
            failure.hint("'control' alone prints the daemon's help")
        } else {
            failure
        }
    })?;
    if shell.out.style.format == Format::Raw {
        shell.out.write_all(&answer)?;
        return Ok(Exit::SUCCESS);
    }
    let end = answer
        .iter()
        .rposition(|b| *b != 0 && *b != b'\n')
        .map_or(0, |at| at + 1);
    for line in answer[..end].split(|b| *b == b'\n') {
        // Its columns are made with tabs.
        let line = line
            .split(|b| *b == b'\t')
            .map(|part| escape(part).to_string());
        writeln!(
            shell.out,
            "{}",
            line.collect::<Vec<_>>().join("\t").trim_end()
        )?;
    }
    Ok(Exit::SUCCESS)
}

pub(super) const RAW: Command = Command {
    name: "raw",
    aliases: &[],
    group: Group::Expert,
    summary: "send any message of the protocol and print its answer",
    options: &[
        switch('e', "exact", "No NUL after the last WORD: for a value"),
        switch('x', "hex", "WORD is the payload in hexadecimal"),
    ],
    operands: &[
        Operand::one("OP", Kind::Text),
        Operand::any("WORD", Kind::Text),
    ],
    text: "OP is the name or the number of an operation, such as READ. The payload is each WORD with a NUL behind it; the \
           answer's strings are printed a line each, escaped, or with -o raw as they are. It is sent outside of an open \
           transaction. What would do harm to this shell or the whole store is refused: WATCH, whose events nobody \
           would see, and RM of the root.",
    examples: &[
        (
            "raw GET_PERMS @releaseDomain",
            "permissions of a special path",
        ),
        ("raw -e WRITE /data/x value", "a value"),
    ],
    changes: Changes::Daemon,
    run: raw,
};

fn raw(shell: &mut Shell, args: &Args) -> Outcome {
    let name = args.word(0)?.unwrap_or_default();
    let known = Op::ALL.iter().find(|op| {
        op.name()
            .is_some_and(|known| known.eq_ignore_ascii_case(name))
    });
    let op = match (known, name.parse()) {
        (Some(op), _) => *op,
        (None, Ok(number)) => Op(number),
        (None, Err(_)) => {
            let names: Vec<_> = Op::ALL.iter().filter_map(|op| op.name()).collect();
            return Err(args
                .wrong(&format!(
                    "there is no operation '{}'",
                    shown(name.as_bytes())
                ))
                .hint(names.join(" ")));
        }
    };
    let words: Vec<_> = args.operands[1..]
        .iter()
        .map(|word| word.bytes.as_slice())
        .collect();
    let mut payload = Vec::new();
    if args.has("hex") {
        payload = HEXLOWER_PERMISSIVE
            .decode(&words.concat())
            .map_err(|error| args.wrong(&format!("the payload: {error}")))?;
    } else {
        for word in words {
            payload.extend_from_slice(word);
            payload.push(0);
        }
        if args.has("exact") {
            payload.pop();
        }
    }
    if shell.settings.dry_run {
        writeln!(shell.out, "would ask: {op} \"{}\"", escape(&payload))?;
        return Ok(Exit::SUCCESS);
    }
    let answer = shell.client()?.raw(op, &payload)?;
    if shell.out.style.format == Format::Raw {
        shell.out.write_all(&answer)?;
    } else if let Some(words) = strings(&answer) {
        for word in words {
            writeln!(shell.out, "{}", escape(word))?;
        }
    } else {
        writeln!(shell.out, "{}", escape(&answer))?;
    }
    Ok(Exit::SUCCESS)
}

/// Asks the daemon for something, or with `--dry-run` says what would be asked.
fn ask(shell: &mut Shell, what: &str, body: impl FnOnce(&Client) -> Result<(), Error>) -> Outcome {
    if shell.settings.dry_run {
        writeln!(shell.out, "would ask: {what}")?;
    } else {
        body(&shell.client()?)?;
    }
    Ok(Exit::SUCCESS)
}

fn domain(args: &Args, at: usize) -> Result<DomId, Failure> {
    let word = args.word(at)?.unwrap_or_default();
    let word = word.strip_prefix('@').unwrap_or(word);
    Ok(DomId::parse(word).map_err(Error::from)?)
}

fn number<N: std::str::FromStr>(args: &Args, at: usize, name: &str) -> Result<N, Failure> {
    let word = args.word(at)?.unwrap_or_default();
    word.parse()
        .map_err(|_| args.wrong(&format!("{name} '{}' is no number", shown(word.as_bytes()))))
}
