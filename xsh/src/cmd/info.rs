//! `info`: the store that this shell speaks to, as far as it tells.

use std::path::Path;

use xenbus::transport::InFlight;
use xenbus::value::escape;
use xenbus::wire::{Op, strings};
use xenbus::{Client, DomId, Error, ErrorKind, Operations as _, StorePath};

use super::{Args, Changes, Command, Group};
use crate::exit::{Exit, Failure, Outcome, shown};
use crate::output::{Cell, Column, Role, column};
use crate::shell::Shell;

pub(super) const INFO: Command = Command {
    name: "info",
    aliases: &[],
    group: Group::Host,
    summary: "tell about the store, its daemon, and what this domain may do there",
    options: &[],
    operands: &[],
    text: "Where the store is and how it is reached; the kind of daemon and its version, as far as its answers tell them \
           apart; features and quotas, where it tells them; the own domain and whether it is privileged; and what the system \
           tells of Xen: its version, the event channel of the store and its interrupt.",
    examples: &[
        ("info", "what is this store?"),
        ("info -o json", "the same for a program"),
    ],
    changes: Changes::Nothing,
    run: info,
};

const COLUMNS: &[Column] = &[column("name").role(Role::Name), column("value")];

fn info(shell: &mut Shell, _: &Args) -> Outcome {
    let client = shell.client()?;
    let mut facts = Facts(Vec::new());
    let daemon = Daemon::ask(&client)?;
    facts.add("address", client.address());
    let probe = shell.connector()?.connect(Some(
        std::time::Instant::now() + std::time::Duration::from_secs(5),
    ))?;
    facts.add(
        "transport",
        match probe.traits().in_flight {
            InFlight::One => "device of the kernel, one request at a time",
            InFlight::Many => "stream, many requests at a time",
        },
    );
    facts.add(
        "payload",
        format!("{} bytes at most", probe.traits().payload_max),
    );
    drop(probe);
    facts.add("daemon", daemon.kind);
    facts.maybe("features", daemon.features);
    match client.own_domid() {
        Ok(own) => facts.add("domain", own.to_string()),
        Err(error) if error.errno().is_some() => {
            facts.add("domain", "unknown: there is no node 'domid' in its home");
        }
        Err(error) => return Err(error.into()),
    }
    facts.add(
        "privilege",
        if daemon.is_privileged {
            "yes: this domain may do everything"
        } else {
            "no: only what permissions allow"
        },
    );
    for (name, value) in daemon.quotas {
        facts.add(&format!("quota {name}"), value);
    }
    system(&mut facts);
    let mut sheet = shell.out.sheet(COLUMNS);
    for (name, value) in facts.0 {
        sheet.row(&[Cell::Text(name), Cell::Text(value)])?;
    }
    sheet.finish()?;
    Ok(Exit::SUCCESS)
}

struct Facts(Vec<(String, String)>);

impl Facts {
    fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    fn maybe(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}

/// What the daemon tells of itself.
struct Daemon {
    kind: String,
    features: Option<String>,
    quotas: Vec<(String, String)>,
    is_privileged: bool,
}

impl Daemon {
    fn ask(client: &Client) -> Result<Self, Failure> {
        let is_privileged = match client.is_introduced(DomId::DOM0) {
            Ok(_) => true,
            Err(error) if error.errno().is_some() => false,
            Err(Error::Unsupported { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        let bits = optional(client.feature(None))?;
        // oxenstored alone shows two names in the root that are no nodes.
        let root = client.raw(Op::DIRECTORY, b"/\0")?;
        let names = strings(&root).into_iter().flatten();
        let is_oxenstored = names.into_iter().any(|name| name == b"@introduceDomain");
        let names = optional(client.quota_names())?;
        let kind = match (is_oxenstored, bits, &names) {
            (true, ..) => "oxenstored (OCaml)",
            (_, Some(_), Some(_)) => "C xenstored of Xen 4.22 or later",
            (_, Some(_), None) => "C xenstored of Xen 4.21 or later",
            (..) => "C xenstored of Xen 4.20 or earlier",
        };
        let mut kind = kind.to_owned();
        let program = client.read(&StorePath::parse("/tool/xenstored")?);
        if let Ok(program) = program
            && !program.is_empty()
        {
            kind.push_str(&format!(", {}", shown(&program)));
        }
        let quotas = match names {
            Some(names) => names
                .into_iter()
                .filter_map(|name| {
                    let value = client.quota(None, &name).ok()?;
                    Some((shown(name.as_bytes()), value.to_string()))
                })
                .collect(),
            None if is_privileged && !is_oxenstored => quotas_of_control(client),
            None => Vec::new(),
        };
        Ok(Self {
            kind,
            features: bits.map(features),
            quotas,
            is_privileged,
        })
    }
}

/// What a store may lack, or not tell to everybody.
fn optional<T>(answer: Result<T, Error>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(known) => Ok(Some(known)),
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Denied) => {
            Ok(None)
        }
        Err(error) if error.errno().is_some() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The bits of GET_FEATURE in words.
pub(super) fn features(bits: u32) -> String {
    const WORDS: [(u32, &str); 4] = [
        (1, "reconnection of rings"),
        (2, "errors of rings"),
        (4, "depth of watches"),
        (8, "permissions for all domains"),
    ];
    let mut words: Vec<_> = WORDS
        .iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, word)| (*word).to_owned())
        .collect();
    let unknown = bits & !15;
    if unknown != 0 {
        words.push(format!("unknown {unknown:#x}"));
    }
    format!("{bits} ({})", words.join(", "))
}

/// The quotas that a C xenstored before Xen 4.22 prints on request: `name : value meaning`.
fn quotas_of_control(client: &Client) -> Vec<(String, String)> {
    let Ok(answer) = client.control(&["quota"]) else {
        return Vec::new();
    };
    let text = escape(&answer).to_string();
    text.split("\\n")
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            let value = value.trim().split(' ').next()?;
            (!value.is_empty()).then(|| (name.trim().to_owned(), value.to_owned()))
        })
        .collect()
}

/// What the system tells of Xen.
fn system(facts: &mut Facts) {
    let read = |path: &str| {
        let text = std::fs::read(Path::new(path)).ok()?;
        let text = shown(text.trim_ascii());
        (!text.is_empty()).then_some(text)
    };
    let version =
        ["major", "minor", "extra"].map(|part| read(&format!("/sys/hypervisor/version/{part}")));
    if let [Some(major), Some(minor), extra] = version {
        facts.add(
            "xen",
            format!("{major}.{minor}{}", extra.unwrap_or_default()),
        );
    }
    facts.maybe("event channel", read("/proc/xen/xsd_port"));
    let interrupts = std::fs::read_to_string("/proc/interrupts").unwrap_or_default();
    let line = interrupts
        .lines()
        .find(|line| line.trim_end().ends_with(" xenbus"));
    let number = line.and_then(|line| line.trim_start().split(':').next());
    facts.maybe("interrupt", number.map(|number| shown(number.as_bytes())));
}

#[cfg(test)]
mod tests {
    use super::features;

    #[test]
    fn features_are_told_in_words_and_unknown_ones_kept() {
        assert_eq!(
            features(14),
            "14 (errors of rings, depth of watches, permissions for all domains)"
        );
        assert_eq!(features(33), "33 (reconnection of rings, unknown 0x20)");
    }
}
