//! CONTROL.

use std::fmt::Write as _;

use super::administration::Empty;
use super::core::{Call, Core};
use super::domain::Peaks;
use super::lax;
use super::output::Sink;
use super::quota::{self, Row};
use crate::id::DomId;
use crate::wire::Errno;

/// How a version of the C daemon does CONTROL.
#[derive(Debug)]
pub(super) struct Control {
    /// What `help` lists. Live update and log files are the daemon's own business and not here.
    commands: &'static [Command],
    /// Tabs between the columns of `help`, or blanks.
    tabs: bool,
    /// What `quota` lists.
    quotas: &'static [Row],
    /// The most that a domain has used is shown, too.
    pub(super) maxima: bool,
}

/// C xenstored of Xen 4.17.
pub(super) const C4_17: Control = Control {
    commands: &[
        CHECK,
        command("log", "on|off", log),
        PRINT,
        QUOTA,
        SOFT_QUOTA,
        HELP,
    ],
    tabs: true,
    quotas: quota::HARD,
    maxima: false,
};

/// C xenstored of Xen 4.22 and later.
pub(super) const C4_22: Control = Control {
    commands: &[
        CHECK,
        command("log", "[on|off|+<switch>|-<switch>]", log_switches),
        PRINT,
        QUOTA_MAX,
        SOFT_QUOTA,
        HELP,
    ],
    tabs: false,
    quotas: quota::NAMES,
    maxima: true,
};

/// A command.
#[derive(Debug)]
struct Command {
    name: &'static str,
    parameters: &'static str,
    run: Run,
}

/// What carries a command out: the call, the command's arguments.
type Run = fn(&mut Core, &Call<'_>, &[&[u8]], &mut dyn Sink) -> Result<(), Errno>;

const CHECK: Command = command("check", "", check);
const PRINT: Command = command("print", "<string>", print);
const QUOTA: Command = command("quota", "[set <name> <val>|<domid>]", hard_quota);
const QUOTA_MAX: Command = command("quota", "[set <name> <val>|<domid>|max [-r]]", hard_quota);
const SOFT_QUOTA: Command = command("quota-soft", "[set <name> <val>]", soft_quota);
const HELP: Command = command("help", "", help);

const fn command(name: &'static str, parameters: &'static str, run: Run) -> Command {
    Command {
        name,
        parameters,
        run,
    }
}

/// What Xen 4.22 can trace, and whether it does at the start.
pub(super) const SWITCHES: [(&str, bool); 5] = [
    ("obj", true),
    ("io", true),
    ("wrl", false),
    ("acc", false),
    ("tdb", false),
];

impl Core {
    pub(super) fn control(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let strings: Vec<&[u8]> = call.request.strings().collect();
        let Some((name, arguments)) = strings.split_first() else {
            return Err(Errno::EINVAL);
        };
        let commands = self.world.rules.control.commands;
        let command = commands.iter().find(|c| c.name.as_bytes() == *name);
        let command = command.ok_or(Errno::EINVAL)?;
        (command.run)(self, call, arguments, sink)
    }
}

fn check(
    core: &mut Core,
    call: &Call<'_>,
    arguments: &[&[u8]],
    sink: &mut dyn Sink,
) -> Result<(), Errno> {
    if !arguments.is_empty() {
        return Err(Errno::EINVAL);
    }
    for fault in core.check_store() {
        sink.log(&fault);
    }
    call.request.ack(sink);
    Ok(())
}

fn log(
    _core: &mut Core,
    call: &Call<'_>,
    arguments: &[&[u8]],
    sink: &mut dyn Sink,
) -> Result<(), Errno> {
    // There is no trace file that could be switched: what is worth a line is always logged.
    match arguments {
        [b"on" | b"off"] => {
            call.request.ack(sink);
            Ok(())
        }
        _ => Err(Errno::EINVAL),
    }
}

/// As a daemon without a trace file: the switches are kept, and nothing comes of them.
fn log_switches(
    core: &mut Core,
    call: &Call<'_>,
    arguments: &[&[u8]],
    sink: &mut dyn Sink,
) -> Result<(), Errno> {
    let place = |name: &[u8]| {
        let mut names = SWITCHES.iter().map(|(name, _)| name.as_bytes());
        names.position(|n| n == name).ok_or(Errno::EINVAL)
    };
    match arguments {
        [] => {
            let mut text = String::from("Log switch settings:\n");
            for ((name, _), on) in SWITCHES.iter().zip(core.switches) {
                let _ = writeln!(text, "{name:<8}: {}", if on { "on" } else { "off" });
            }
            return call
                .request
                .bounded_reply(sink, format!("{text}\0").as_bytes());
        }
        [b"on" | b"off"] => {}
        [[b'+', name @ ..]] => core.switches[place(name)?] = true,
        [[b'-', name @ ..]] => core.switches[place(name)?] = false,
        _ => return Err(Errno::EINVAL),
    }
    call.request.ack(sink);
    Ok(())
}

fn print(
    _core: &mut Core,
    call: &Call<'_>,
    arguments: &[&[u8]],
    sink: &mut dyn Sink,
) -> Result<(), Errno> {
    let [text] = arguments else {
        return Err(Errno::EINVAL);
    };
    log_print(text, sink);
    call.request.ack(sink);
    Ok(())
}

fn log_print(text: &[u8], sink: &mut dyn Sink) {
    sink.log(&format!("control: {}", crate::value::escape(text)));
}

fn hard_quota(
    core: &mut Core,
    call: &Call<'_>,
    arguments: &[&[u8]],
    sink: &mut dyn Sink,
) -> Result<(), Errno> {
    match arguments {
        [] => show_quotas(core, call, core.world.rules.control.quotas, sink),
        [b"set", rest @ ..] => set_quota(core, call, core.world.rules.control.quotas, rest, sink),
        [b"max", rest @ ..] if core.world.rules.control.maxima => {
            show_all_maxima(core, call, rest, sink)
        }
        [domid] if core.world.rules.control.maxima => show_maxima(core, call, domid, sink),
        [domid] => {
            let domid = DomId(lax::atoi(domid));
            let domain = core.world.domains.get(domid).ok_or(Errno::ENOENT)?;
            let usage = domain.usage;
            let mut text = format!("Domain {domid}:\n");
            for (name, value) in [
                ("nodes", usage.nodes),
                ("watches", usage.watches),
                ("transactions", usage.transactions),
                ("outstanding", 0),
                ("memory", usage.memory),
            ] {
                // Writing into a String cannot fail.
                let _ = writeln!(text, "{name:<16}: {value:8}");
            }
            call.request
                .bounded_reply(sink, format!("{text}\0").as_bytes())
        }
        _ => Err(Errno::EINVAL),
    }
}

/// What a domain uses, and the most that it has used.
fn show_maxima(
    core: &mut Core,
    call: &Call<'_>,
    domid: &[u8],
    sink: &mut dyn Sink,
) -> Result<(), Errno> {
    let domid = core.lax_domid(domid, Empty::Wrong)?;
    let domain = core.world.domains.get(domid).ok_or(Errno::ENOENT)?;
    // There the two special names are nodes, of domain 0.
    let special = if domid == DomId::DOM0 { 2 } else { 0 };
    let mut used = domain.usage;
    used.nodes += special;
    let used = Peaks {
        usage: used,
        ..Peaks::default()
    };
    let mut peak = domain.peak;
    peak.usage.nodes += special;
    let mut text = format!("Domain {domid}:\n");
    for ((name, value), (_, max)) in rows(&used).into_iter().zip(rows(&peak)) {
        let _ = writeln!(text, "{name:<17}: {value:8} (max {max:8})");
    }
    call.request
        .bounded_reply(sink, format!("{text}\0").as_bytes())
}

/// What accounts are kept of, in the order of C 4.22.
fn rows(peaks: &Peaks) -> [(&'static str, usize); 9] {
    [
        ("nodes", peaks.usage.nodes),
        ("watches", peaks.usage.watches),
        ("outstanding", peaks.outstanding),
        ("memory", peaks.usage.memory),
        ("transactions", peaks.usage.transactions),
        ("transaction-nodes", peaks.transaction_nodes),
        ("node-permissions", peaks.node_permissions),
        ("path-max", peaks.path),
        ("node-size", peaks.node_size),
    ]
}

/// The most that any guest has used, perhaps after forgetting what is no longer so.
fn show_all_maxima(
    core: &mut Core,
    call: &Call<'_>,
    arguments: &[&[u8]],
    sink: &mut dyn Sink,
) -> Result<(), Errno> {
    match arguments {
        [] => {}
        [b"-r"] => core.world.domains.forget_peaks(),
        _ => return Err(Errno::EINVAL),
    }
    let mut text = String::from("Max. seen accounting values:\n");
    for (name, max) in rows(&core.world.domains.peak) {
        let _ = writeln!(text, "{name:<17}: {max:8}");
    }
    call.request
        .bounded_reply(sink, format!("{text}\0").as_bytes())
}

fn soft_quota(
    core: &mut Core,
    call: &Call<'_>,
    arguments: &[&[u8]],
    sink: &mut dyn Sink,
) -> Result<(), Errno> {
    match arguments {
        [] => show_quotas(core, call, quota::SOFT, sink),
        [b"set", rest @ ..] => set_quota(core, call, quota::SOFT, rest, sink),
        _ => Err(Errno::EINVAL),
    }
}

fn show_quotas(
    core: &mut Core,
    call: &Call<'_>,
    rows: &[Row],
    sink: &mut dyn Sink,
) -> Result<(), Errno> {
    let mut text = String::from("Quota settings:\n");
    for row in rows.iter().filter(|row| !row.meaning.is_empty()) {
        let value = *(row.value)(&mut core.world.quotas);
        let _ = writeln!(text, "{:<17}: {value:8} {}", row.name, row.meaning);
    }
    call.request
        .bounded_reply(sink, format!("{text}\0").as_bytes())
}

fn set_quota(
    core: &mut Core,
    call: &Call<'_>,
    rows: &[Row],
    arguments: &[&[u8]],
    sink: &mut dyn Sink,
) -> Result<(), Errno> {
    let [name, value] = arguments else {
        return Err(Errno::EINVAL);
    };
    let value = lax::atoi(value);
    if value.cast_signed() < 1 {
        return Err(Errno::EINVAL);
    }
    let row = rows.iter().find(|row| row.name.as_bytes() == *name);
    *(row.ok_or(Errno::EINVAL)?.value)(&mut core.world.quotas) = value;
    call.request.ack(sink);
    Ok(())
}

fn help(
    core: &mut Core,
    call: &Call<'_>,
    arguments: &[&[u8]],
    sink: &mut dyn Sink,
) -> Result<(), Errno> {
    if !arguments.is_empty() {
        return Err(Errno::EINVAL);
    }
    let Control { commands, tabs, .. } = core.world.rules.control;
    let lines = commands.iter().map(|c| match tabs {
        true => format!("{}\t{}\n", c.name, c.parameters),
        false => format!("{:<15} {}\n", c.name, c.parameters),
    });
    let text = lines.collect::<String>() + "\0";
    call.request.bounded_reply(sink, text.as_bytes())
}
