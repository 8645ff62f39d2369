//! The command line, in all the forms in which people, mount(8), fstab and systemd give it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, ValueHint};
use clap_complete::Shell;
use xenbus::address::Address;
use xenbus::cli::ConnectArgs;
use xenbus::value::escape;

use crate::error::{Error, Result};
use crate::options::{self, Options};
use crate::unit::{Unit, Wanted};

/// What to do.
#[derive(Debug)]
pub enum Task {
    /// Mount.
    Mount(Box<Plan>),
    /// Print a unit for systemd.
    PrintUnit(String),
    /// Print a shell's completion script.
    Completions(Shell),
}

/// A mount to make.
#[derive(Debug)]
pub struct Plan {
    /// How to reach the store.
    pub connect: ConnectArgs,
    /// What stands in the first column of /proc/mounts. fstab's own words, or `mount -a` would mount again.
    pub source: OsString,
    /// Where.
    pub point: MountPoint,
    /// How.
    pub options: Options,
    /// Whether to stay in the foreground.
    pub foreground: bool,
}

/// Where to mount.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MountPoint {
    /// On this directory.
    Path(PathBuf),
    /// `/dev/fd/N`: whoever started us has mounted already and left us the open `/dev/fuse` as file descriptor N
    /// (mount.fuse3 with `-o drop_privileges`, or a container runtime).
    Inherited(RawFd),
}

/// Where a unit mounts if nothing is said.
const USUAL_POINT: &str = "/xs";

impl fmt::Display for MountPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Inherited(fd) => write!(f, "/dev/fd/{fd}"),
        }
    }
}

const TEMPLATE: &str = "\
{about}

{usage-heading} {usage}

Arguments:
  [SOURCE]    The store's address, as for --connect; 'xenfs', 'none' or '' mean the default
  MOUNTPOINT  Directory to mount on

Options:
{options}{after-help}
";

#[derive(Debug, Parser)]
#[command(
    name = "xenfs",
    version,
    about = "Mounts XenStore as a file system",
    override_usage = "xenfs [OPTIONS] [SOURCE] MOUNTPOINT",
    arg_required_else_help = true,
    help_template = TEMPLATE,
    max_term_width = 100
)]
struct Args {
    // One argument for both: clap takes an optional operand before a needed one only if no option is in between.
    /// SOURCE, if there is one, and MOUNTPOINT
    #[arg(value_name = "MOUNTPOINT", required_unless_present = "print_unit", hide = true, value_hint = ValueHint::DirPath)]
    operands: Vec<OsString>,

    /// Mount options, separated by commas; see below
    #[arg(short, value_name = "OPTIONS", action = clap::ArgAction::Append)]
    options: Vec<OsString>,

    #[command(flatten)]
    connect: ConnectArgs,

    /// Stay in the foreground; Ctrl-C unmounts
    #[arg(short, long)]
    foreground: bool,

    /// Print a unit for systemd that mounts with these options (default: xenfs on /xs)
    #[arg(long, value_name = "KIND")]
    print_unit: Option<Unit>,

    /// Print a completion script
    #[arg(long, value_name = "SHELL", exclusive = true)]
    completions: Option<Shell>,
}

/// The command line's description, for help and completions.
pub fn command() -> clap::Command {
    Args::command().after_help(format!(
        "Mount options (-o):\n{}\n\n\
         Examples:\n  \
         xenfs --demo ~/xs                      try it: a simulated Xen host, no Xen needed\n  \
         xenfs /xs                              this machine's store\n  \
         xenfs -o ro,allow_other,umask=022 /xs  for everybody to look at\n  \
         xenfs -o 'subdir=~' /xs                in a guest: the guest's own part\n  \
         mount -t fuse xenfs /xs                the same as 'xenfs /xs'; also from /etc/fstab\n  \
         xenfs --print-unit mount /xs           a unit that mounts at boot\n\n\
         Unmount: fusermount3 -u MOUNTPOINT, or umount MOUNTPOINT as root.\n\
         Manual: man xenfs",
        options::help()
    ))
}

/// Reads the command line.
///
/// # Errors
/// clap's, which also carry `--help` and `--version`, or our own; both know how to print themselves.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Result<Task>, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    Ok(task(Args::from_arg_matches(&matches)?))
}

/// The completion script of a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "xenfs", &mut script);
    script
}

fn task(args: Args) -> Result<Task> {
    if let Some(shell) = args.completions {
        return Ok(Task::Completions(shell));
    }
    let mut connect = args.connect;
    let default = [OsString::from(USUAL_POINT)];
    let operands = match args.operands.as_slice() {
        [] if args.print_unit.is_some() => &default[..],
        given => given,
    };
    let (source, point) = match operands {
        [point] => (from_options(&connect), point),
        [source, point] => (from_source(source, &mut connect)?, point),
        [_, _, third, ..] => {
            return Err(Error::Usage(format!(
                "'{}' is too much: SOURCE and MOUNTPOINT are given already",
                escape(third.as_bytes())
            )));
        }
        [] => return Err(Error::Usage("MOUNTPOINT is missing".into())),
    };
    let texts = args
        .options
        .iter()
        .map(|text| utf8(text, "-o"))
        .collect::<Result<Vec<_>>>()?;
    let mut options = Options::parse(texts.iter().copied()).map_err(Error::Usage)?;
    match (connect.timeout, options.timeout_given) {
        (Some(_), true) => {
            return Err(Error::Usage(
                "--timeout and -o timeout= are the same; give one of them".into(),
            ));
        }
        (Some(timeout), false) => options.settings.timeout = timeout,
        (None, _) => connect.timeout = Some(options.settings.timeout),
    }
    let point = mount_point(point)?;
    if let Some(unit) = args.print_unit {
        return print_unit(unit, &source, &point, &texts.join(",")).map(Task::PrintUnit);
    }
    Ok(Task::Mount(Box::new(Plan {
        connect,
        source,
        point,
        options,
        foreground: args.foreground,
    })))
}

fn print_unit(unit: Unit, source: &OsStr, point: &MountPoint, options: &str) -> Result<String> {
    let MountPoint::Path(point) = point else {
        return Err(Error::Usage("a unit mounts on a directory".into()));
    };
    let failed = |error| Error::mount("find the own program and directory", error);
    let program = std::env::current_exe().map_err(failed)?;
    Ok(unit.text(&Wanted {
        source,
        point: &std::path::absolute(point).map_err(failed)?,
        options,
        program: &program,
    }))
}

/// Takes SOURCE as the address, unless it is one of the names for "the default".
fn from_source(source: &OsStr, connect: &mut ConnectArgs) -> Result<OsString> {
    let address = match source.as_bytes() {
        b"" | b"xenfs" | b"none" => None,
        _ => Some(utf8(source, "SOURCE")?.to_owned()),
    };
    let Some(address) = address else {
        return Ok(match from_options(connect) {
            shown if shown != "xenfs" => shown,
            _ if source.is_empty() => "xenfs".into(),
            _ => source.into(),
        });
    };
    if connect.connect.is_some() || connect.demo.is_some() {
        let option = if connect.demo.is_some() {
            "--demo"
        } else {
            "--connect"
        };
        return Err(Error::Usage(format!(
            "'{}' (SOURCE) and {option} both say where the store is; give one of them",
            escape(source.as_bytes())
        )));
    }
    connect.connect = Some(Address::parse(&address)?);
    Ok(source.into())
}

fn from_options(connect: &ConnectArgs) -> OsString {
    match (&connect.connect, &connect.demo) {
        (Some(address), _) => address.to_string().into(),
        (None, Some(_)) => "demo".into(),
        (None, None) => "xenfs".into(),
    }
}

fn mount_point(text: &OsStr) -> Result<MountPoint> {
    if text.is_empty() {
        return Err(Error::Usage("MOUNTPOINT is empty".into()));
    }
    let Some(number) = text.as_bytes().strip_prefix(b"/dev/fd/") else {
        return Ok(MountPoint::Path(text.into()));
    };
    std::str::from_utf8(number)
        .ok()
        .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|number| number.parse().ok())
        .map(MountPoint::Inherited)
        .ok_or_else(|| {
            Error::Usage(format!(
                "'{}' is not /dev/fd/N with the number of an open /dev/fuse",
                escape(text.as_bytes())
            ))
        })
}

fn utf8<'a>(text: &'a OsStr, what: &str) -> Result<&'a str> {
    text.to_str()
        .ok_or_else(|| Error::Usage(format!("{what} '{}' is not UTF-8", escape(text.as_bytes()))))
}
