//! The program in a terminal: processor time, memory, bytes written.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser as _;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use xenbus::device::history::Moment;
use xstop::cli::Cli;
use xstop::collect::Clock;

use super::host::{Helper, Host};
use super::row;

/// How long each state is measured.
const WHILE: Duration = Duration::from_secs(20);

/// The dashboard in a terminal of its own.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    /// Bytes that it has written to the terminal.
    written: Arc<AtomicUsize>,
    home: PathBuf,
}

impl Terminal {
    /// The program itself.
    fn start(host: &Host) -> Self {
        Self::run(host, CommandBuilder::new(env!("CARGO_BIN_EXE_xstop")))
    }

    /// The same with a clock that is put on when `sign` is there.
    fn start_aged(host: &Host, sign: &Path) -> Self {
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.arg("aged");
        command.arg(sign);
        Self::run(host, command)
    }

    fn run(host: &Host, mut command: CommandBuilder) -> Self {
        let size = PtySize {
            rows: 50,
            cols: 160,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let home = tempfile::tempdir().unwrap().keep();
        command.args(["--theme", "dark", "--connect"]);
        command.arg(format!("unix:{}", host.socket.display()));
        command.arg("--sysroot");
        command.arg(&host.root);
        command.env("HOME", &home);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let written = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&written);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(length) = reader.read(&mut buffer)
                && length > 0
            {
                counted.fetch_add(length, Ordering::Relaxed);
            }
        });
        Self {
            child,
            _master: pair.master,
            written,
            home,
        }
    }

    fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Seconds of processor time so far.
    fn cpu(&self) -> f64 {
        let mut nanos = 0_u64;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap() {
            let path = task.unwrap().path().join("schedstat");
            let text = std::fs::read_to_string(path).unwrap_or_default();
            nanos += text
                .split_whitespace()
                .next()
                .and_then(|first| first.parse::<u64>().ok())
                .unwrap_or(0);
        }
        Duration::from_nanos(nanos).as_secs_f64()
    }

    /// Most memory that it had, MiB.
    fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024.0
    }

    /// How often its threads have slept so far.
    fn wakings(&self) -> u64 {
        let mut sum = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap() {
            let path = task.unwrap().path().join("status");
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let mut lines = text.lines();
            let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            sum += count.map_or(0, |count| count.trim().parse::<u64>().unwrap());
        }
        sum
    }

    /// Waits until nothing was written for a while; the screen is complete then.
    fn wait_calm(&self, calm: Duration, patience: Duration) {
        let deadline = Instant::now() + patience;
        let (mut last, mut since) = (0, Instant::now());
        while since.elapsed() < calm && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.written.load(Ordering::Relaxed);
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
    }

    /// Processor time (share of one core) and bytes written while nothing is done.
    fn measure(&self) -> (f64, usize) {
        let (cpu, written) = (self.cpu(), self.written.load(Ordering::Relaxed));
        let begin = Instant::now();
        std::thread::sleep(WHILE);
        let share = (self.cpu() - cpu) / begin.elapsed().as_secs_f64();
        (share, self.written.load(Ordering::Relaxed) - written)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.home));
    }
}

/// A thousand guests, and 2,000 changes a second besides the counters.
pub(crate) fn steady(host: &Host) {
    println!("steady state on datacenter, in a terminal of 160x50");
    let terminal = Terminal::start(host);
    terminal.wait_calm(Duration::from_secs(2), Duration::from_secs(10));
    let (quiet, _) = terminal.measure();
    row(
        "processor time with the scenario's own life",
        quiet * 100.0,
        "%",
        None,
    );
    let socket = host.socket.to_str().unwrap();
    let churn = Helper::start(&["churn", socket, "2000"]);
    std::thread::sleep(Duration::from_secs(1));
    let (busy, written) = terminal.measure();
    drop(churn);
    row(
        "processor time with 2,000 changes of states/s",
        busy * 100.0,
        "%",
        Some(15.0),
    );
    #[expect(clippy::cast_precision_loss, reason = "a few kilobytes")]
    let rate = written as f64 / WHILE.as_secs_f64() / 1024.0;
    row("written to the terminal meanwhile", rate, "KiB/s", None);
}

/// Minutes at the full rate of changes, with everything that is remembered of them.
pub(crate) fn memory(host: &Host) {
    const TIME: Duration = Duration::from_mins(3);
    println!("memory on datacenter, the host in another process");
    let terminal = Terminal::start(host);
    terminal.wait_calm(Duration::from_secs(2), Duration::from_secs(15));
    row(
        "most, up to the whole model",
        terminal.memory(),
        "MiB",
        None,
    );
    let socket = host.socket.to_str().unwrap();
    let churn = Helper::start(&["churn", socket, "2000"]);
    std::thread::sleep(TIME);
    drop(churn);
    row(
        "most, after three minutes of 2,000 changes/s",
        terminal.memory(),
        "MiB",
        Some(150.0),
    );
}

/// How far the clock is put on.
const LATER: Duration = Duration::from_hours(2);

/// The process that shows the screen with a clock that is put on once `sign` is there: to wait until all ages are
/// above an hour would take as long.
pub(crate) fn aged(sign: &Path, arguments: &[String]) {
    let clock = Clock::start();
    let (own, sign) = (clock.clone(), sign.to_owned());
    std::thread::spawn(move || {
        while !sign.exists() {
            std::thread::sleep(Duration::from_millis(50));
        }
        own.set(Moment(own.now().0 + LATER), 1.0);
    });
    let program = std::iter::once("xstop".to_owned());
    let mut cli = Cli::parse_from(program.chain(arguments.iter().cloned()));
    cli.source.clock = Some(clock);
    xstop::obey(&cli);
}

/// Nothing happens at all, and everything is older than an hour.
pub(crate) fn idle(host: &Host) {
    println!("idle on quiet, in a terminal of 160x50, all ages above an hour");
    let directory = tempfile::tempdir().unwrap();
    let sign = directory.path().join("later");
    let terminal = Terminal::start_aged(host, &sign);
    let calm = Duration::from_secs(3);
    terminal.wait_calm(calm, Duration::from_secs(15));
    std::fs::write(&sign, b"").unwrap();
    // What was new is no longer, and every age has another unit.
    std::thread::sleep(calm);
    terminal.wait_calm(Duration::from_secs(12), Duration::from_mins(1));
    let wakings = terminal.wakings();
    let (share, written) = terminal.measure();
    let wakings = terminal.wakings() - wakings;
    row("processor time", share * 100.0, "%", Some(0.1));
    #[expect(clippy::cast_precision_loss, reason = "a few bytes and wakings")]
    let (written, wakings) = (written as f64, wakings as f64);
    row("written to the terminal", written, "bytes", Some(0.0));
    row("wakings", wakings / WHILE.as_secs_f64(), "/s", None);
}
