//! What the program says while it runs: to the terminal, to the journal, or to syslog when it is in the background.
//!
//! Texts may hold names and values that a guest has chosen; nothing is written that is not printable ASCII.

use std::fmt;
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;

use xenbus::value::escape;

/// Where the system's log takes messages, from any program.
const SYSLOG: &str = "/dev/log";

static TARGET: OnceLock<Target> = OnceLock::new();

/// Where messages go.
enum Target {
    /// A person reads standard error.
    Terminal,
    /// The journal reads standard error.
    Journal,
    /// Standard error is closed.
    Syslog(Option<UnixDatagram>),
}

/// How much a message matters (the numbers of syslog(3)).
#[derive(Clone, Copy, Eq, PartialEq)]
enum Level {
    Warning = 4,
    Notice = 5,
}

/// The process goes to the background: from now on messages go to the system's log.
pub fn to_background() {
    // Without a log there is nobody to tell.
    let socket = UnixDatagram::unbound().and_then(|socket| {
        socket.connect(SYSLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    });
    drop(TARGET.set(Target::Syslog(socket.ok())));
}

/// Something is worse than it should be.
pub fn warning(message: fmt::Arguments<'_>) {
    write(Level::Warning, message);
}

/// Something is as it should be, and worth knowing for who reads the log later. A terminal is not told.
pub fn notice(message: fmt::Arguments<'_>) {
    write(Level::Notice, message);
}

fn write(level: Level, message: fmt::Arguments<'_>) {
    let target = TARGET.get_or_init(|| match std::env::var_os("JOURNAL_STREAM") {
        Some(stream) if is_standard_error(&stream.to_string_lossy()) => Target::Journal,
        _ => Target::Terminal,
    });
    let line = line(target, level, &message.to_string());
    match (target, level) {
        (Target::Terminal, Level::Notice) | (Target::Syslog(None), _) => {}
        (Target::Terminal | Target::Journal, _) => {
            drop(std::io::stderr().lock().write_all(line.as_bytes()));
        }
        (Target::Syslog(Some(socket)), _) => drop(socket.send(line.as_bytes())),
    }
}

fn line(target: &Target, level: Level, message: &str) -> String {
    /// Facility "daemon".
    const DAEMON: u8 = 3;
    let message = escape(message.as_bytes());
    let level = level as u8;
    match target {
        Target::Terminal => format!("xenfs: {message}\n"),
        // sd-daemon(3): the journal takes the level from the start of the line.
        Target::Journal => format!("<{level}>{message}\n"),
        Target::Syslog(_) => {
            let priority = DAEMON << 3 | level;
            format!("<{priority}>xenfs[{}]: {message}", std::process::id())
        }
    }
}

/// Whether `JOURNAL_STREAM` (systemd.exec(5): device and inode number) names our standard error.
fn is_standard_error(stream: &str) -> bool {
    let stderr = rustix::fs::fstat(std::io::stderr());
    stderr.is_ok_and(|found| stream == format!("{}:{}", found.st_dev, found.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guest_has_chosen_reaches_no_log_unescaped() {
        let hostile = "a\n<0>b\x1b[2J";
        assert_eq!(
            line(&Target::Terminal, Level::Warning, hostile),
            "xenfs: a\\n<0>b\\x1b[2J\n"
        );
        assert_eq!(
            line(&Target::Journal, Level::Notice, hostile),
            "<5>a\\n<0>b\\x1b[2J\n"
        );
        let syslog = line(&Target::Syslog(None), Level::Warning, hostile);
        assert!(syslog.starts_with("<28>xenfs[") && syslog.ends_with("]: a\\n<0>b\\x1b[2J"));
    }
}
