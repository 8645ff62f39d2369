//! `perm`.

use std::io::Write as _;

use xenbus::tree::{Walk, WalkOptions};
use xenbus::{Access, DomId, Operations as _, Perm, Perms, StorePath};

use super::stat::in_words;
use super::{Args, Changes, Command, Group, Kind, Operand, switch};
use crate::exit::{Exit, Outcome, shown};
use crate::output::{Cell, Column, Format, Role, column};
use crate::shell::{Change, Shell};

pub(super) const PERM: Command = Command {
    name: "perm",
    aliases: &[("chmod", &[])],
    group: Group::Change,
    summary: "show or set permissions",
    options: &[
        switch('R', "recursive", "Of all nodes below, too"),
        switch('f', "force", "Do not ask"),
    ],
    operands: &[
        Operand::one("PATH", Kind::Path),
        Operand::any("PERMISSION", Kind::Perms),
    ],
    text: "Without PERMISSION it shows them: as the store writes them, and in words.\n\n\
           Permissions are set in the form of the store, 'n0,r5': a letter (n none, r read, w write, b both) and a \
           domain; the first entry is the owner, and its letter what everybody gets who is not named. Or in words: \
           'owner=0 others=none 5=read 7=both'; what is not said stays as it is. '+r5' adds an entry or replaces the \
           one of domain 5, '-5' takes it away.\n\n\
           -R asks first on a terminal; where nobody can be asked it needs -f, too. All nodes change in one \
           transaction.",
    examples: &[
        ("perm @1/data", "show them"),
        ("perm @1/data n1,r0", "set them in the store's form"),
        ("perm @1/data others=read 2=both", "in words"),
        (
            "perm -Rn @1/data +r2",
            "let domain 2 read all of it; only show what would change",
        ),
    ],
    changes: Changes::Nodes,
    run: perm,
};

const COLUMNS: &[Column] = &[
    column("path").role(Role::Name),
    column("perms").role(Role::Perms),
    column("words"),
];

fn perm(shell: &mut Shell, args: &Args) -> Outcome {
    let paths = if args.operands[0].is_pattern {
        shell.glob(&args.operands[0].bytes)?
    } else {
        vec![args.path(shell, 0)?]
    };
    let mut edits = Vec::new();
    for at in 1..args.operands.len() {
        let text = args.word(at)?.unwrap_or_default();
        for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
            edits.push(Edit::parse(word).map_err(|why| args.wrong(&why))?);
        }
    }
    if edits.is_empty() {
        return show(shell, args, &paths);
    }
    let whole = whole(&edits).map_err(|why| args.wrong(&why))?;
    let recursive = args.has("recursive");
    if recursive {
        let which = match &paths[..] {
            [path] => format!("{path} and all below it"),
            several => format!("{} nodes and all below them", several.len()),
        };
        shell.confirm(
            &format!("Set the permissions of {which}?"),
            args.has("force"),
        )?;
    }
    let what = format!("perm {}", paths[0]);
    shell.atomically(recursive || whole.is_none(), |shell| {
        let ops = shell.ops()?;
        let mut changes = Vec::new();
        for path in &paths {
            if let (Some(perms), false) = (&whole, recursive) {
                changes.push(Change::SetPerms(path.clone(), perms.clone()));
                continue;
            }
            let mut options = WalkOptions::names();
            options.perms = true;
            options.depth = (!recursive).then_some(0);
            for node in Walk::new(&ops, path, options) {
                shell.interrupt.check()?;
                let node = node?;
                let new = match (&whole, node.perms.known()) {
                    (Some(perms), _) => perms.clone(),
                    (None, Some(old)) => edited(old, &edits),
                    // Says why.
                    (None, None) => edited(&ops.perms(&node.path)?, &edits),
                };
                if node.perms.known() != Some(&new) {
                    changes.push(Change::SetPerms(node.path, new));
                }
            }
        }
        shell.change(&what, &changes)
    })?;
    Ok(Exit::SUCCESS)
}

fn show(shell: &mut Shell, args: &Args, paths: &[StorePath]) -> Outcome {
    let mut options = WalkOptions::names();
    options.perms = true;
    options.depth = (!args.has("recursive")).then_some(0);
    let ops = shell.ops()?;
    let single = paths.len() == 1 && !args.has("recursive");
    if single && matches!(shell.out.style.format, Format::Text | Format::Raw) {
        let perms = ops.perms(&paths[0])?;
        let text = shell.out.paint(Role::Perms, &perms.to_string());
        write!(shell.out, "{text}")?;
        if shell.out.style.format == Format::Text {
            write!(shell.out, "\t{}", in_words(&perms))?;
        }
        let end = shell.out.end();
        shell.out.write_all(end)?;
        return Ok(Exit::SUCCESS);
    }
    let interrupt = shell.interrupt.clone();
    let mut sheet = shell.out.sheet(COLUMNS);
    for path in paths {
        for node in Walk::new(&ops, path, options.clone()) {
            interrupt.check()?;
            let node = node?;
            let perms = node.perms.known();
            sheet.row(&[
                Cell::Path(&node.path),
                perms.map_or(Cell::Denied, Cell::Perms),
                perms.map_or(Cell::Denied, |perms| Cell::Text(in_words(perms))),
            ])?;
        }
    }
    sheet.finish()?;
    Ok(Exit::SUCCESS)
}

/// A word about permissions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Edit {
    /// `r5`: an entry of the store's form.
    Entry(Perm),
    /// `owner=5`.
    Owner(DomId),
    /// `others=read`.
    Others(Access),
    /// `5=read`, `+r5`.
    Set(Perm),
    /// `-5`.
    Remove(DomId),
}

impl Edit {
    fn parse(word: &str) -> Result<Self, String> {
        let domain = |text: &str| {
            let digits = text.trim_start_matches('@');
            DomId::parse(digits).map_err(|error| error.to_string())
        };
        if let Some((who, what)) = word.split_once('=') {
            return Ok(match who {
                "owner" => Self::Owner(domain(what)?),
                "others" => Self::Others(access(what)?),
                who => Self::Set(Perm::new(access(what)?, domain(who)?)),
            });
        }
        let perm = |text: &str| Perm::parse(text).map_err(|error| error.to_string());
        match word.as_bytes().first() {
            Some(b'+') => Ok(Self::Set(perm(&word[1..])?)),
            Some(b'-') => Ok(Self::Remove(domain(&word[1..])?)),
            _ => Ok(Self::Entry(perm(word)?)),
        }
    }
}

fn access(word: &str) -> Result<Access, String> {
    Ok(match word {
        "none" | "nothing" | "n" => Access::None,
        "read" | "r" => Access::Read,
        "write" | "w" => Access::Write,
        "both" | "rw" | "b" => Access::Both,
        other => {
            return Err(format!(
                "'{}' is none of none, read, write, both",
                shown(other.as_bytes())
            ));
        }
    })
}

/// The permissions, if they are given as a whole in the store's form.
fn whole(edits: &[Edit]) -> Result<Option<Perms>, String> {
    let entries = edits.iter().filter_map(|edit| match edit {
        Edit::Entry(perm) => Some(*perm),
        _ => None,
    });
    match entries.clone().count() {
        0 => Ok(None),
        count if count == edits.len() => Ok(Perms::from_entries(entries)),
        _ => Err("the form 'n0,r5' gives all entries; '+r5' adds one".to_owned()),
    }
}

/// Permissions after changes to single entries.
fn edited(old: &Perms, edits: &[Edit]) -> Perms {
    let mut entries: Vec<Perm> = old.entries().collect();
    for edit in edits {
        match *edit {
            Edit::Entry(perm) | Edit::Set(perm) => {
                match entries
                    .iter_mut()
                    .skip(1)
                    .find(|entry| entry.domid == perm.domid)
                {
                    Some(entry) => *entry = perm,
                    None => entries.push(perm),
                }
            }
            Edit::Owner(domid) => entries[0].domid = domid,
            Edit::Others(access) => entries[0].access = access,
            Edit::Remove(domid) => {
                let mut at = 0;
                entries.retain(|entry| {
                    at += 1;
                    at == 1 || entry.domid != domid
                });
            }
        }
    }
    Perms::from_entries(entries).unwrap_or_else(|| old.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(old: &str, words: &str) -> String {
        let edits: Vec<_> = words
            .split(' ')
            .map(|word| Edit::parse(word).unwrap())
            .collect();
        edited(&Perms::parse(old).unwrap(), &edits).to_string()
    }

    #[test]
    fn single_entries_are_added_replaced_and_taken_away() {
        assert_eq!(change("n0", "+r5"), "n0,r5");
        assert_eq!(change("n0,r5,w7", "5=both -7"), "n0,b5");
        assert_eq!(change("n0,r5", "owner=5 others=read"), "r5,r5");
        assert_eq!(change("b3", "-3"), "b3");
    }

    #[test]
    fn wrong_words_are_refused() {
        for word in [
            "x5", "5=all", "owner=me", "+5", "-x", "others=", "r05", "r99999",
        ] {
            assert!(Edit::parse(word).is_err(), "{word}");
        }
        let edits = [Edit::parse("r5").unwrap(), Edit::parse("+r6").unwrap()];
        assert!(whole(&edits).is_err());
    }
}
