//! What `help` and `--help` print.

use std::io::Write as _;

use super::COMMANDS;
use super::spec::{Command, Group, Opt};
use crate::exit::{Exit, Failure};
use crate::output::{Role, screen};
use crate::shell::Shell;

/// All commands with their summaries.
pub(super) fn overview(shell: &mut Shell) -> Result<(), Failure> {
    let names = COMMANDS.iter().map(|command| command.name.len());
    let width = names.max().unwrap_or_default();
    for group in Group::ALL {
        let mut commands = COMMANDS
            .iter()
            .filter(|command| command.group == group)
            .peekable();
        if commands.peek().is_none() {
            continue;
        }
        let title = shell.out.paint(Role::Name, group.title());
        writeln!(shell.out, "{title}")?;
        for command in commands {
            writeln!(shell.out, "  {:<width$}  {}", command.name, command.summary)?;
        }
    }
    writeln!(
        shell.out,
        "\n'help COMMAND' explains one; 'help syntax' the language; 'help exit-codes' the codes."
    )?;
    Ok(())
}

/// One command.
pub(crate) fn show(shell: &mut Shell, command: &Command) -> Result<(), Failure> {
    let width = screen().0.clamp(40, 100);
    let title = |shell: &Shell, text: &str| shell.out.paint(Role::Name, text);
    let name = title(shell, "NAME");
    writeln!(
        shell.out,
        "{name}\n    {} - {}",
        command.name, command.summary
    )?;
    let synopsis = title(shell, "SYNOPSIS");
    writeln!(shell.out, "{synopsis}\n    {}", command.synopsis())?;
    for (alias, options) in command.aliases {
        let meaning = std::iter::once(&command.name)
            .chain(*options)
            .copied()
            .collect::<Vec<_>>()
            .join(" ");
        writeln!(shell.out, "    {alias}  is  {meaning}")?;
    }
    if !command.text.is_empty() {
        let heading = title(shell, "DESCRIPTION");
        writeln!(shell.out, "{heading}")?;
        for (at, paragraph) in command.text.split("\n\n").enumerate() {
            if at > 0 {
                writeln!(shell.out)?;
            }
            for line in wrapped(paragraph, width - 4) {
                writeln!(shell.out, "    {line}")?;
            }
        }
    }
    let heading = title(shell, "OPTIONS");
    writeln!(shell.out, "{heading}")?;
    for option in command.all_options() {
        let name = option_shown(option);
        let mut lines = wrapped(option.help, width.saturating_sub(28).max(20)).into_iter();
        writeln!(
            shell.out,
            "    {name:<22}  {}",
            lines.next().unwrap_or_default()
        )?;
        for line in lines {
            writeln!(shell.out, "    {:<22}  {line}", "")?;
        }
    }
    let heading = title(shell, "EXAMPLES");
    writeln!(shell.out, "{heading}")?;
    for (line, what) in command.examples {
        let what = shell.out.paint(Role::Dim, &format!("# {what}"));
        writeln!(shell.out, "    {line}  {what}")?;
    }
    Ok(())
}

/// `-L, --depth N`.
pub(crate) fn option_shown(option: &Opt) -> String {
    let short = option
        .short
        .map_or_else(|| "    ".to_owned(), |short| format!("-{short}, "));
    let value = option
        .value
        .map_or_else(String::new, |(value, _)| format!(" {value}"));
    format!("{short}--{}{value}", option.long)
}

/// The topics beside commands.
pub(super) fn topic(shell: &mut Shell, name: &str) -> Result<bool, Failure> {
    match name {
        "syntax" => writeln!(shell.out, "{SYNTAX}")?,
        "exit-codes" => {
            for (exit, meaning) in Exit::ALL {
                writeln!(shell.out, "{:>4}  {meaning}", exit.0)?;
            }
        }
        "compat" => {
            writeln!(
                shell.out,
                "Called xenstore-read and so on, or as 'xsh compat read', it does as xenstore-utils of Xen 4.17 do,\n\
                 except for this:"
            )?;
            for (tool, what, why) in crate::compat::DEVIATIONS {
                writeln!(shell.out, "  {tool}")?;
                for line in wrapped(&format!("{what}: {why}"), 74) {
                    writeln!(shell.out, "      {line}")?;
                }
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The language.
pub(crate) const SYNTAX: &str = "\
COMMAND [OPTIONS] ARG...  ; and newline separate; && and || heed the status
'...' \"...\" \\             literal; with \\n \\t \\r \\\\ \\\" \\$ \\xHH; next character
COMMAND | PROGRAM         the rest is a pipeline of /bin/sh
> FILE  >> FILE  < FILE   files of the system, for output and for values
!PROGRAM                  a line for /bin/sh
tx { COMMANDS }           all in one transaction, again if others interfere
$?  $_                    the last status; the last path
*  ?  [abc]  **           match nodes; ** any number of levels; quoted not
.  ..  ~                  here, above, the home of the own domain
@3  %web                  the homes of domain 3 and of the domain named web
@releaseDomain            a special watch (./@x is a node)
# ...                     a comment";

/// Text in lines of a width.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_ascii_whitespace() {
        if !line.is_empty() && line.len() + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Names that `help` takes.
pub(crate) const TOPICS: &[&str] = &["syntax", "exit-codes", "compat"];
