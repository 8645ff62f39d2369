//! The mount options (`-o`): one table that the parser, `--help`, the manual page's test and the error messages read.

mod parse;
mod table;

use std::path::Path;

use rustix::mount::MountFlags;

pub use table::{MountOption, TABLE};

use crate::settings::Settings;

const HELP_WIDTH: usize = 78;

/// What `-o` asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// How the mount behaves.
    pub settings: Settings,
    /// Flags for the kernel, always with `nosuid` and `nodev`: no node is ever a device or a privileged program.
    pub flags: MountFlags,
    /// Whether `timeout=` was among them.
    pub timeout_given: bool,
    /// Whether `default_permissions` was among them. Our own mounts always have it; one that others have made has it
    /// only if they were told so.
    pub default_permissions: bool,
    /// Options of the kernel's security module (`context=` and its family), in the kernel's own words.
    pub security: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            flags: MountFlags::NOSUID | MountFlags::NODEV,
            timeout_given: false,
            default_permissions: false,
            security: Vec::new(),
        }
    }
}

impl Options {
    /// Reads the arguments of all `-o`, in order; of an option given twice the last one counts.
    ///
    /// # Errors
    /// One line that names the option, what is wrong with it and what is allowed.
    pub fn parse<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut options = Self::default();
        for text in arguments {
            for one in parse::words(text) {
                table::apply(&mut options, &one)?;
            }
        }
        parse::check_together(&options)?;
        Ok(options)
    }

    /// Options for the kernel in its own words. Without SELinux it knows none of them; mount(8) drops them then, too.
    pub fn of_kernel(&self) -> impl Iterator<Item = &str> {
        let known = Path::new("/sys/fs/selinux/enforce").exists();
        let given = self.security.iter().map(String::as_str);
        given.filter(move |_| known)
    }

    /// The flags as fusermount3's options (those that it lets an ordinary user give).
    pub fn flag_names(&self) -> impl Iterator<Item = &'static str> {
        const NAMES: [(MountFlags, &str); 8] = [
            (MountFlags::NOSUID, "nosuid"),
            (MountFlags::NODEV, "nodev"),
            (MountFlags::RDONLY, "ro"),
            (MountFlags::NOEXEC, "noexec"),
            (MountFlags::SYNCHRONOUS, "sync"),
            (MountFlags::DIRSYNC, "dirsync"),
            (MountFlags::NOATIME, "noatime"),
            (MountFlags::NODIRATIME, "nodiratime"),
        ];
        let flags = self.flags;
        NAMES
            .into_iter()
            .filter(move |(flag, _)| flags.contains(*flag))
            .map(|(_, name)| name)
    }
}

/// The table as text for `--help`.
pub fn help() -> String {
    let mut lines: Vec<String> = TABLE
        .iter()
        .filter(|option| !option.is_passive())
        .map(|option| format!("  {:<20} {}", option.to_string(), option.help))
        .collect();
    lines.push("  Taken from mount(8) and fstab, without effect:".into());
    let mut line = String::from("   ");
    for option in TABLE.iter().filter(|option| option.is_passive()) {
        if line.len() + 1 + option.name.len() > HELP_WIDTH {
            lines.push(std::mem::replace(&mut line, "   ".into()));
        }
        line.push(' ');
        line.push_str(option.name);
    }
    lines.push(line);
    lines.join("\n")
}

#[cfg(test)]
mod tests;
