//! The program in a terminal: processor time, memory, bytes written.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

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
    fn start(host: &Host) -> Self {
        let size = PtySize {
            rows: 50,
            cols: 160,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let home = tempfile::tempdir().unwrap().keep();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_xstop"));
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
    row("most memory", terminal.memory(), "MiB", Some(150.0));
}

/// Nothing happens at all.
pub(crate) fn idle(host: &Host) {
    println!("idle on quiet, in a terminal of 160x50");
    let terminal = Terminal::start(host);
    // Ages are written anew each minute at first: an hour would be too long to wait.
    terminal.wait_calm(Duration::from_secs(5), Duration::from_secs(30));
    let (share, written) = terminal.measure();
    row("processor time", share * 100.0, "%", Some(0.1));
    #[expect(clippy::cast_precision_loss, reason = "a few bytes")]
    row("written to the terminal", written as f64, "bytes", None);
}
