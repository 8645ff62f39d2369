//! CONTROL, and features and quotas as operations of their own (Xen 4.21 and 4.22).

use std::fmt::Write as _;

use super::administration::Empty;
use super::core::{Call, Core};
use super::lax;
use super::output::Sink;
use super::quota::{self, Row};
use crate::id::DomId;
use crate::wire::Errno;

/// A CONTROL command of the C daemon.
struct Command {
    name: &'static str,
    parameters: &'static str,
    run: Run,
}

/// What carries a command out: the call, the command's arguments.
type Run = fn(&mut Core, &Call<'_>, &[&[u8]], &mut dyn Sink) -> Result<(), Errno>;

/// What `help` lists. Live update and log files are the daemon's own business and not here.
const COMMANDS: &[Command] = &[
    Command {
        name: "check",
        parameters: "",
        run: check,
    },
    Command {
        name: "log",
        parameters: "on|off",
        run: log,
    },
    Command {
        name: "print",
        parameters: "<string>",
        run: print,
    },
    Command {
        name: "quota",
        parameters: "[set <name> <val>|<domid>]",
        run: hard_quota,
    },
    Command {
        name: "quota-soft",
        parameters: "[set <name> <val>]",
        run: soft_quota,
    },
    Command {
        name: "help",
        parameters: "",
        run: help,
    },
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
        let command = COMMANDS.iter().find(|c| c.name.as_bytes() == *name);
        let command = command.ok_or(Errno::EINVAL)?;
        (command.run)(self, call, arguments, sink)
    }

    pub(super) fn get_feature(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let all = self.world.rules.features;
        let features = if call.request.payload.is_empty() {
            all
        } else {
            let domid = self.lax_domid(call.request.one_string()?, Empty::Wrong)?;
            if !call.caller.privileged && domid != call.caller.domid {
                return Err(Errno::EACCES);
            }
            let domain = self.world.domains.get(domid).ok_or(Errno::ENOENT)?;
            domain.features.unwrap_or(all)
        };
        call.request.reply(sink, format!("{features}\0").as_bytes());
        Ok(())
    }

    pub(super) fn set_feature(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let [domid, value] = call.request.first_strings()?;
        let domid = self.lax_domid(domid, Empty::Wrong)?;
        let value = lax::whole_number(value).ok_or(Errno::EINVAL)?;
        let (all, generation) = (self.world.rules.features, self.world.tree.generation());
        let domain = self.world.domains.existing(domid, generation);
        let domain = domain.ok_or(Errno::ENOENT)?;
        if domain.introduced {
            return Err(Errno::EBUSY);
        }
        if value & !all != 0 {
            return Err(Errno::EINVAL);
        }
        domain.features = Some(value);
        call.request.ack(sink);
        Ok(())
    }

    pub(super) fn get_quota(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let strings: Vec<&[u8]> = call.request.strings().collect();
        let answer = match strings[..] {
            [] => quota::NAMES
                .iter()
                .map(|row| row.name)
                .collect::<Vec<_>>()
                .join(" "),
            [name] => {
                let row = quota::named(name).ok_or(Errno::EINVAL)?;
                (row.value)(&mut self.world.quotas).to_string()
            }
            [domid, name] => {
                let domid = self.lax_domid(domid, Empty::Wrong)?;
                let domain = self.world.domains.get(domid).ok_or(Errno::ENOENT)?;
                let row = quota::named(name).ok_or(Errno::EINVAL)?;
                let own = domain.quotas.get(row.name).copied();
                let value = own.unwrap_or_else(|| *(row.value)(&mut self.world.quotas));
                value.to_string()
            }
            _ => return Err(Errno::EINVAL),
        };
        call.request.reply(sink, format!("{answer}\0").as_bytes());
        Ok(())
    }

    pub(super) fn set_quota(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let strings: Vec<&[u8]> = call.request.strings().collect();
        let (domid, name, value) = match strings[..] {
            [name, value] => (None, name, value),
            [domid, name, value] => (Some(self.lax_domid(domid, Empty::Wrong)?), name, value),
            _ => return Err(Errno::EINVAL),
        };
        let row = quota::named(name).ok_or(Errno::EINVAL)?;
        let value = lax::whole_number(value).ok_or(Errno::EINVAL)?;
        match domid {
            None => *(row.value)(&mut self.world.quotas) = value,
            Some(domid) => {
                let domain = self.world.domains.get_mut(domid).ok_or(Errno::ENOENT)?;
                domain.quotas.insert(row.name, value);
            }
        }
        call.request.ack(sink);
        Ok(())
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
        [] => show_quotas(core, call, quota::HARD, sink),
        [b"set", rest @ ..] => set_quota(core, call, quota::HARD, rest, sink),
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
    for row in rows {
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
    _core: &mut Core,
    call: &Call<'_>,
    arguments: &[&[u8]],
    sink: &mut dyn Sink,
) -> Result<(), Errno> {
    if !arguments.is_empty() {
        return Err(Errno::EINVAL);
    }
    let lines = COMMANDS
        .iter()
        .map(|c| format!("{}\t{}\n", c.name, c.parameters));
    let text = lines.collect::<String>() + "\0";
    call.request.bounded_reply(sink, text.as_bytes())
}
