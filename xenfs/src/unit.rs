//! Units for systemd: what `--print-unit` prints.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use clap::ValueEnum;
use clap::builder::PossibleValue;

/// Which unit to print.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// A mount unit: mount(8) starts the program, which goes to the background.
    Mount,
    /// A template of services: systemd starts the program and starts it again when it fails.
    Service,
}

impl ValueEnum for Unit {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Mount, Self::Service]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Mount => "mount",
            Self::Service => "service",
        }))
    }
}

/// What the unit is to mount.
pub struct Wanted<'a> {
    /// The store, as the first column of /proc/mounts shows it.
    pub source: &'a OsStr,
    /// Where.
    pub point: &'a Path,
    /// Mount options, one text.
    pub options: &'a str,
    /// The program.
    pub program: &'a Path,
}

const HEAD: &str = "Documentation=man:xenfs(8)
# Nothing happens where there is no such unit, as in a guest.
Wants=xenstored.service
After=xenstored.service
";

impl Unit {
    /// The text of the unit.
    pub fn text(self, wanted: &Wanted<'_>) -> String {
        match self {
            Self::Mount => mount(wanted),
            Self::Service => service(wanted),
        }
    }
}

fn mount(wanted: &Wanted<'_>) -> String {
    let name = escape_path(wanted.point);
    let mut text = format!(
        "# /etc/systemd/system/{name}.mount\n\
         # systemctl daemon-reload; systemctl enable --now '{name}.mount'\n\
         [Unit]\n\
         Description=XenStore on {point}\n\
         {HEAD}\
         # Otherwise it would be a local file system, which daemons such as xenstored wait for.\n\
         DefaultDependencies=no\n\
         Conflicts=umount.target\n\
         Before=umount.target\n\
         \n\
         [Mount]\n\
         What={what}\n\
         Where={point}\n\
         Type=fuse.xenfs\n",
        what = plain(wanted.source.as_bytes()),
        point = plain(wanted.point.as_os_str().as_bytes()),
    );
    if !wanted.options.is_empty() {
        writeln!(text, "Options={}", plain(wanted.options.as_bytes())).ok();
    }
    text.push_str("\n[Install]\nWantedBy=multi-user.target\n");
    text
}

fn service(wanted: &Wanted<'_>) -> String {
    let name = escape_path(wanted.point);
    let program = word(wanted.program.as_os_str().as_bytes());
    let mut command = format!("{program} -f");
    if !wanted.options.is_empty() {
        write!(command, " -o {}", word(wanted.options.as_bytes())).ok();
    }
    write!(command, " {} %f", word(wanted.source.as_bytes())).ok();
    format!(
        "# /etc/systemd/system/xenfs@.service; the instance is the mount point, as systemd-escape --path writes it.\n\
         # systemctl daemon-reload; systemctl enable --now 'xenfs@{name}.service'\n\
         [Unit]\n\
         Description=XenStore on %f\n\
         {HEAD}\n\
         [Service]\n\
         Type=notify\n\
         ExecStartPre=mkdir -p %f\n\
         ExecStart={command}\n\
         # It ends its helpers itself.\n\
         KillMode=mixed\n\
         # Only if the program was killed: otherwise it has unmounted.\n\
         ExecStopPost=-umount -l %f\n\
         Restart=on-failure\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n\
         DefaultInstance=xs\n"
    )
}

/// A path as a unit's name (systemd.unit(5), "String escaping").
fn escape_path(path: &Path) -> String {
    let path = path.as_os_str().as_bytes();
    let mut parts = path
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty())
        .peekable();
    if parts.peek().is_none() {
        return "-".into();
    }
    let mut name = String::new();
    for part in parts {
        if !name.is_empty() {
            name.push('-');
        }
        for byte in part {
            match byte {
                b'.' if name.is_empty() => name.push_str("\\x2e"),
                b'.' | b':' | b'_' => name.push(char::from(*byte)),
                byte if byte.is_ascii_alphanumeric() => name.push(char::from(*byte)),
                byte => {
                    write!(name, "\\x{byte:02x}").ok();
                }
            }
        }
    }
    name
}

/// A setting's value: `%` begins a specifier.
fn plain(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.replace('%', "%%").replace(['\n', '\r'], " ")
}

/// A word of a command line (systemd.service(5), "Command lines").
fn word(value: &[u8]) -> String {
    let text = plain(value).replace('$', "$$");
    let simple = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%:=~$".contains(c);
    if !text.is_empty() && text.chars().all(simple) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_as_systemd_does_it() {
        for (path, name) in [
            ("/xs", "xs"),
            ("/", "-"),
            ("/srv//xs/", "srv-xs"),
            ("/a-b/c d", "a\\x2db-c\\x20d"),
            ("/.hidden/.x", "\\x2ehidden-.x"),
            ("/ä:_", "\\xc3\\xa4:_"),
        ] {
            assert_eq!(escape_path(Path::new(path)), name, "{path}");
        }
    }

    #[test]
    fn words_survive_systemds_reading() {
        for (text, shown) in [
            ("ro,allow_other", "ro,allow_other"),
            ("50%", "50%%"),
            ("$HOME", "$$HOME"),
            ("", "\"\""),
            ("context=\"a:b\"", "\"context=\\\"a:b\\\"\""),
        ] {
            assert_eq!(word(text.as_bytes()), shown);
        }
    }
}
