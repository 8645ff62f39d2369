//! `doctor`: what is wrong, and why.

use std::io::Write as _;

use xenbus::device::{Finding, Severity, Subject, diagnose};

use super::host::{circumstances, wanted_domain};
use super::{Args, Changes, Command, Group, Kind, Operand};
use crate::exit::{Exit, Failure, Outcome};
use crate::hosting::HostNodes;
use crate::output::{Cell, Column, Format, Role, column};
use crate::shell::Shell;

pub(super) const DOCTOR: Command = Command {
    name: "doctor",
    aliases: &[],
    group: Group::Host,
    summary: "say what is wrong with domains and devices, and what proves it",
    options: &[],
    operands: &[Operand::maybe("DOMAIN", Kind::Domain)],
    text: "Looks at everything once, or at DOMAIN: handshakes that stand still, ends that miss each other, hotplug scripts \
           that failed, remains of dead domains. A state that is normal for a moment is a warning here, because nothing \
           is known of how long it has lasted; xstop(1) sees that. The status is 1 if there is a warning.",
    examples: &[("doctor", "everything"), ("doctor 2", "one domain")],
    changes: Changes::Nothing,
    run: doctor,
};

const COLUMNS: &[Column] = &[
    column("severity"),
    column("finding").role(Role::Name),
    column("subject"),
    column("explanation"),
    column("next"),
    column("evidence"),
];

fn doctor(shell: &mut Shell, args: &Args) -> Outcome {
    let domain = wanted_domain(shell, args)?;
    let ops = shell.ops()?;
    let nodes = HostNodes::read(shell, &ops)?;
    let host = nodes.host();
    if let Some(domain) = domain
        && !host.domains.contains_key(&domain)
    {
        return Err(
            Failure::new(Exit::FAILURE, format!("there is no domain {domain}"))
                .hint("'domains' lists them"),
        );
    }
    let mut findings = diagnose(&host, None, &circumstances());
    findings.retain(|finding| domain.is_none_or(|domain| finding.subject.domain() == domain));
    let bad = findings
        .iter()
        .any(|finding| finding.severity > Severity::Info);
    if shell.out.style.format == Format::Text {
        for finding in &findings {
            say_finding(shell, finding)?;
        }
        if findings.is_empty() {
            let devices = host
                .devices
                .keys()
                .filter(|id| domain.is_none_or(|domain| id.domain() == domain))
                .count();
            let good = shell.out.paint(Role::Good, "nothing is wrong");
            writeln!(
                shell.out,
                "{good} as far as the store shows ({devices} devices)"
            )?;
        }
    } else {
        let mut sheet = shell.out.sheet(COLUMNS);
        for finding in &findings {
            let evidence = finding.evidence.iter();
            sheet.row(&[
                Cell::Text(word(finding.severity).to_owned()),
                Cell::Text(finding.id.to_owned()),
                Cell::Text(subject(finding)),
                Cell::Text(finding.explanation.to_string()),
                Cell::Text(finding.next.to_owned()),
                Cell::List(
                    evidence
                        .map(|e| format!("{} = {}", e.path, e.shows))
                        .collect(),
                ),
            ])?;
        }
        sheet.finish()?;
    }
    Ok(Exit::when(!bad))
}

/// A finding for people.
pub(super) fn say_finding(shell: &mut Shell, finding: &Finding) -> Result<(), Failure> {
    let role = match finding.severity {
        Severity::Critical => Role::Bad,
        Severity::Warning => Role::Warning,
        Severity::Info => Role::Dim,
    };
    let word = shell.out.paint(role, word(finding.severity));
    let id = shell.out.paint(Role::Name, finding.id);
    writeln!(
        shell.out,
        "{word}: {}: {} [{id}]",
        subject(finding),
        finding.explanation
    )?;
    for evidence in &finding.evidence {
        writeln!(shell.out, "    {} = {}", evidence.path, evidence.shows)?;
    }
    let next = shell.out.paint(Role::Dim, "next:");
    writeln!(shell.out, "    {next} {}", finding.next)?;
    Ok(())
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

fn subject(finding: &Finding) -> String {
    match &finding.subject {
        Subject::Domain(id) => format!("domain {id}"),
        Subject::Device(id) => id.to_string(),
    }
}
