//! Documents: `export`, `import`, `diff`.

use std::io::Write as _;

use xenbus::document::{self, ApplyOptions, Change, Document, Entry, Mode, Plan, Writer};
use xenbus::tree::{Snapshot, Walk, WalkOptions};
use xenbus::value::escape;
use xenbus::{StorePath, Transaction};

use super::{Args, Argument, Changes, Command, Group, Kind, Operand, switch, valued};
use crate::exit::{Exit, Failure, Outcome, say, shown};
use crate::output::{Cell, Column, Format, Role, column};
use crate::shell::{self, Shell};

pub(super) const EXPORT: Command = Command {
    name: "export",
    aliases: &[("dump", &[])],
    group: Group::Documents,
    summary: "write nodes as a document that 'import' takes back exactly",
    options: &[switch(
        's',
        "snapshot",
        "As they are at one moment, in a transaction; on a busy store that may fail",
    )],
    operands: &[Operand::maybe("PATH", Kind::Path)],
    text: "Writes PATH (by default the current node) and all below it as YAML, or with -o json as JSON: a map from paths to \
           values and permissions, a line for each node, sorted, so that documents compare well line by line. Every byte \
           comes back: a value that is no plain text is written as base64. What the store does not let be read is \
           marked; that is said, and the status is 3.",
    examples: &[
        ("export @1 > domain-1.yaml", "keep a domain's nodes"),
        (
            "export -s -o json @1/device",
            "one moment of its devices, as JSON",
        ),
    ],
    changes: Changes::Nothing,
    run: export,
};

fn export(shell: &mut Shell, args: &Args) -> Outcome {
    let root = match args.operands.len() {
        0 => shell.cwd.clone(),
        _ => args.path(shell, 0)?,
    };
    let format = format(shell)?;
    let options = WalkOptions::full();
    let mut denied = 0;
    let (vanished, unreachable);
    if args.has("snapshot") {
        let snapshot = match shell.transaction() {
            Some(_) => Snapshot::take(&shell.ops()?, &root, options)?,
            None => Snapshot::take_at_once(&shell.client()?, &root, &options)?,
        };
        let mut writer = Writer::new(&mut shell.out, format, &root)?;
        for node in snapshot.nodes() {
            denied += u64::from(node.is_denied());
            writer.node(node)?;
        }
        writer.finish()?;
        (vanished, unreachable) = (snapshot.vanished(), snapshot.unreachable());
    } else {
        let ops = shell.ops()?;
        let interrupt = shell.interrupt.clone();
        let mut walk = Walk::new(&ops, &root, options);
        // The first node before the document's head: if it is missing, nothing is written.
        let first = walk.next().transpose()?;
        let mut writer = Writer::new(&mut shell.out, format, &root)?;
        for node in first.into_iter().map(Ok).chain(walk.by_ref()) {
            interrupt.check()?;
            let node = node?;
            denied += u64::from(node.is_denied());
            writer.node(&node)?;
        }
        writer.finish()?;
        (vanished, unreachable) = (walk.vanished(), walk.unreachable());
    }
    for (count, what) in [
        (denied, "could not be read whole, which the document says"),
        (vanished, "went while the document was written"),
        (unreachable, "have paths that are too long to be asked for"),
    ] {
        if count > 0 {
            say(&format!("{}: {count} nodes {what}", shell.place));
        }
    }
    Ok(if denied > 0 {
        Exit::DENIED
    } else {
        Exit::SUCCESS
    })
}

/// The form of a document that the session's form of output means.
fn format(shell: &Shell) -> Result<document::Format, Failure> {
    match shell.out.style.format {
        Format::Text | Format::Yaml => Ok(document::Format::Yaml),
        Format::Json | Format::Jsonl => Ok(document::Format::Json),
        other => Err(
            Failure::usage(format!("a document cannot be written as {}", other.word()))
                .hint("-o yaml or -o json"),
        ),
    }
}

pub(super) const IMPORT: Command = Command {
    name: "import",
    aliases: &[("restore", &[])],
    group: Group::Documents,
    summary: "make nodes as a document says",
    options: &[
        switch(
            'm',
            "merge",
            "Leave nodes that the document does not have (this is the default)",
        ),
        switch(
            'r',
            "replace",
            "Remove nodes below its root that the document does not have",
        ),
        valued(
            't',
            "to",
            ("PATH", Kind::Path),
            "Put it at PATH instead of where it was",
        ),
        switch('f', "force", "Replace without asking"),
    ],
    operands: &[Operand::maybe("FILE", Kind::File)],
    text: "Reads a document as 'export' writes it, YAML or JSON, from FILE or standard input, and changes what differs: in \
           one transaction if that is not too large for the store, else in several, which is said. --dry-run shows the \
           changes. A node whose value the document does not have keeps the one it has.",
    examples: &[
        ("import -n domain-1.yaml", "show what would change"),
        ("import --replace -f domain-1.yaml", "put everything back"),
        (
            "import -t @2/data domain-1.yaml",
            "the same nodes elsewhere",
        ),
    ],
    changes: Changes::Nodes,
    run: import,
};

fn import(shell: &mut Shell, args: &Args) -> Outcome {
    let mode = match (args.has("merge"), args.has("replace")) {
        (true, true) => return Err(args.wrong("--merge and --replace exclude each other")),
        (_, true) => Mode::Replace,
        _ => Mode::Merge,
    };
    let mut wanted = match args.operands.first() {
        Some(name) => read(shell, &name.bytes)?,
        None => Document::parse(&shell.read_input("import")?)?,
    };
    if let Some(to) = args.value("to") {
        let to = shell.resolve(to)?;
        wanted = wanted.moved(&to)?;
    }
    let open = shell.transaction().is_some();
    if shell.settings.dry_run || open || mode == Mode::Replace {
        let plan = Plan::make(&shell.ops()?, &wanted, mode)?;
        if shell.settings.dry_run {
            show(shell, plan.changes(), None)?;
            return Ok(Exit::SUCCESS);
        }
        let going = plan
            .changes()
            .iter()
            .filter(|change| change.new.is_none())
            .count();
        if going > 0 {
            let question = format!("Remove {going} nodes below {}?", wanted.root());
            shell.confirm(&question, args.has("force"))?;
        }
        if open {
            let undo = shell.undo_of(plan.changes())?;
            plan.submit(&shell.ops()?)?;
            shell.made("import", plan.changes().len(), undo);
            return Ok(Exit::SUCCESS);
        }
    }
    let mut options = ApplyOptions::default();
    options.mode = mode;
    let client = shell.client()?;
    let keeps = shell.journal.is_kept();
    let undo = if keeps {
        // Worked out before: afterwards nobody knows which nodes were missing.
        let plan = Plan::make(&client, &wanted, mode)?;
        shell.undo_of(plan.changes())?
    } else {
        Vec::new()
    };
    let result = document::apply(&client, &wanted, &options);
    let done = match &result {
        Ok(done) => done,
        Err(failed) => &failed.done,
    };
    shell.made("import", done.made.len(), undo);
    if done.unseen > 0 {
        say(&format!(
            "{}: below {} nodes nothing could be seen, so nothing was removed there",
            shell.place, done.unseen
        ));
    }
    let done = result.map_err(|failed| {
        let failure = Failure::new(Exit::of(&failed.error), failed.to_string());
        match xenbus::cli::hint(&failed.error) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    if done.transactions > 1 {
        say(&format!(
            "{}: {} changes in {} transactions, not at one moment",
            shell.place,
            done.made.len(),
            done.transactions
        ));
    }
    Ok(Exit::SUCCESS)
}

/// The document in a file outside; `-` is standard input.
fn read(shell: &mut Shell, name: &[u8]) -> Result<Document, Failure> {
    let bytes = if name == b"-" {
        shell.read_input("the document")?
    } else {
        shell::read_file(name)?
    };
    Document::parse(&bytes).map_err(|error| {
        let failure = Failure::from(error.clone());
        match failure {
            Failure::Said { exit, message, .. } => {
                Failure::new(exit, format!("{}: {message}", shown(name)))
            }
            other => other,
        }
    })
}

pub(super) const DIFF: Command = Command {
    name: "diff",
    aliases: &[],
    group: Group::Documents,
    summary: "show what differs between nodes, documents, or both",
    options: &[switch('q', "quiet", "Only the status")],
    operands: &[
        Operand::one("OLD", Kind::Path),
        Operand::maybe("NEW", Kind::Path),
    ],
    text: "OLD and NEW are nodes with all below them, or documents: a name with a dot in it, which no node has, or with \
           'file:' in front. Without NEW, a document is compared with what the store has in its place. Lines with - are \
           of OLD, those with + of NEW. The status is 1 if something differs.",
    examples: &[
        ("diff @1/device/vif/0 @2/device/vif/0", "two devices"),
        ("diff domain-1.yaml", "what changed since the export"),
        ("diff before.yaml after.json", "two documents"),
    ],
    changes: Changes::Nothing,
    run: diff,
};

fn diff(shell: &mut Shell, args: &Args) -> Outcome {
    let old = side(shell, args, 0)?;
    let new = if args.operands.len() > 1 {
        side(shell, args, 1)?
    } else if is_file(&args.operands[0]).is_some() {
        snapshot(shell, old.root())?
    } else {
        return Err(args.wrong("NEW is missing; only a document has a place to be compared with"));
    };
    let places = (old.root() != new.root()).then(|| old.root().clone());
    let plan = Plan::between(&old, &new.moved(old.root())?, Mode::Replace);
    if !args.has("quiet") {
        show(shell, plan.changes(), places.as_ref())?;
    }
    Ok(Exit::when(plan.is_empty()))
}

fn side(shell: &mut Shell, args: &Args, at: usize) -> Result<Document, Failure> {
    if let Some(name) = is_file(&args.operands[at]) {
        let name = name.to_vec();
        return read(shell, &name);
    }
    let path = args.path(shell, at)?;
    snapshot(shell, &path)
}

fn snapshot(shell: &mut Shell, path: &StorePath) -> Result<Document, Failure> {
    let snapshot = Snapshot::take(&shell.ops()?, path, WalkOptions::full())?;
    Ok(Document::from(&snapshot))
}

/// The name of a file, if an operand is one: no node has a dot in its name.
fn is_file(operand: &Argument) -> Option<&[u8]> {
    let bytes = operand.bytes.as_slice();
    if let Some(name) = bytes.strip_prefix(b"file:") {
        return Some(name);
    }
    let has_dot = |element: &[u8]| element.contains(&b'.') && element != b"." && element != b"..";
    let mut elements = bytes.split(|b| *b == b'/');
    (bytes == b"-" || elements.any(has_dot)).then_some(bytes)
}

const COLUMNS: &[Column] = &[
    column("change"),
    column("path").role(Role::Name),
    column("old"),
    column("new"),
    column("old-perms").role(Role::Perms),
    column("new-perms").role(Role::Perms),
];

/// Prints changes; below a path, if the two sides are at different places.
pub(super) fn show(
    shell: &mut Shell,
    changes: &[Change],
    below: Option<&StorePath>,
) -> Result<(), Failure> {
    let interrupt = shell.interrupt.clone();
    let name = |change: &Change| match below.and_then(|root| change.path.below(root)) {
        Some("") => ".".to_owned(),
        Some(name) => name.to_owned(),
        None => change.path.to_string(),
    };
    if shell.out.style.format == Format::Text {
        for change in changes {
            interrupt.check()?;
            let name = name(change);
            for (role, sign, entry) in [
                (Role::Bad, '-', &change.old),
                (Role::Good, '+', &change.new),
            ] {
                if let Some(entry) = entry {
                    let line = shell
                        .out
                        .paint(role, &format!("{sign} {name}{}", said(entry)));
                    writeln!(shell.out, "{line}")?;
                }
            }
        }
        return Ok(());
    }
    let mut sheet = shell.out.sheet(COLUMNS);
    for change in changes {
        interrupt.check()?;
        let word = match (&change.old, &change.new) {
            (None, _) => "add",
            (_, None) => "remove",
            _ => "change",
        };
        let value = |entry: &'_ Option<Entry>| entry.as_ref().and_then(|e| e.value.clone());
        let perms = |entry: &'_ Option<Entry>| entry.as_ref().and_then(|e| e.perms.clone());
        let (old, new) = (value(&change.old), value(&change.new));
        let (old_perms, new_perms) = (perms(&change.old), perms(&change.new));
        sheet.row(&[
            Cell::Text(word.to_owned()),
            Cell::Text(name(change)),
            old.as_deref().map_or(Cell::Missing, Cell::Bytes),
            new.as_deref().map_or(Cell::Missing, Cell::Bytes),
            old_perms.as_ref().map_or(Cell::Missing, Cell::Perms),
            new_perms.as_ref().map_or(Cell::Missing, Cell::Perms),
        ])?;
    }
    sheet.finish()?;
    Ok(())
}

/// What is known of a node, after its name.
fn said(entry: &Entry) -> String {
    let mut text = String::new();
    if let Some(value) = &entry.value {
        text.push_str(&format!(" = \"{}\"", escape(value)));
    } else if entry.denied.value {
        text.push_str(" (value denied)");
    }
    if let Some(perms) = &entry.perms {
        text.push_str(&format!(" ({perms})"));
    } else if entry.denied.perms {
        text.push_str(" (permissions denied)");
    }
    text
}

/// Makes the changes of a plan in one transaction, if the nodes are still as they were; notes them for `undo`.
pub(super) fn commit(shell: &mut Shell, what: &str, plan: &Plan) -> Result<(), Failure> {
    let changed = || {
        Failure::new(
            Exit::CONFLICT,
            "somebody changed the same nodes meanwhile; nothing was done",
        )
    };
    let undo = shell.undo_of(plan.changes())?;
    let held = match shell.transaction() {
        Some(_) => plan.submit_if_unchanged(&shell.ops()?)?,
        None => shell
            .client()?
            .transaction(|transaction: &Transaction| plan.submit_if_unchanged(transaction))?,
    };
    if !held {
        return Err(changed());
    }
    shell.made(what, plan.changes().len(), undo);
    Ok(())
}
