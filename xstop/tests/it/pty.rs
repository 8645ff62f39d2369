//! The program in a terminal: keys, sizes, signals, and what it leaves behind.

use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::AsFd as _;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};
use xenbus::StorePath;
use xenbus::client::Operations as _;
use xenbus::demo::{Host, Scenario};
use xenbus_harness::for_each_daemon;

use crate::daemons::{client, fill};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program in a terminal of its own.
struct Session {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    /// Everything that it has sent.
    sent: Vec<u8>,
    parser: vt100::Parser,
}

impl Session {
    fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[])
    }

    fn start_with(args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::run(env!("CARGO_BIN_EXE_xstop"), args, env)
    }

    fn run(program: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(size(24, 80)).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env_clear();
        command.cwd("/");
        command.env("TERM", "xterm-256color");
        command.env("COLORFGBG", "15;0");
        command.env("LANG", "C.UTF-8");
        command.env("HOME", "/nonexistent");
        for (name, value) in env {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count) = reader.read(&mut buffer) {
                if count == 0 || sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            writer: pair.master.take_writer().unwrap(),
            master: pair.master,
            output,
            sent: Vec::new(),
            parser: vt100::Parser::new(cells(24), cells(80), 0),
        }
    }

    /// Takes in what was sent until `done`, or until nothing can come any more.
    fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            match self
                .output
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => {
                    self.parser.process(&bytes);
                    self.sent.extend(bytes);
                }
                Err(error) => {
                    panic!(
                        "{what} did not happen ({error}); the screen:\n{}",
                        self.screen()
                    )
                }
            }
        }
    }

    fn shows(&mut self, text: &str) {
        self.until(text, |session| session.screen().contains(text));
    }

    fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    fn keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    fn pid(&self) -> Pid {
        let pid = self
            .child
            .process_id()
            .and_then(|pid| i32::try_from(pid).ok());
        Pid::from_raw(pid.unwrap()).unwrap()
    }

    /// The state of the process, as the kernel calls it.
    fn state(&self) -> String {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid().as_raw_nonzero()));
        let stat = stat.unwrap_or_default();
        stat.rsplit(") ")
            .next()
            .unwrap_or_default()
            .chars()
            .take(1)
            .collect()
    }

    fn is_raw(&self) -> bool {
        let name = self.master.tty_name().unwrap();
        let file = std::fs::File::open(name).unwrap();
        let modes = tcgetattr(file.as_fd()).unwrap();
        !modes.local_modes.contains(LocalModes::ICANON)
    }

    /// Waits for its end; how it ended.
    fn end(&mut self) -> portable_pty::ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(200)) {
                    self.parser.process(&bytes);
                    self.sent.extend(bytes);
                }
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "it does not end:\n{}",
                self.screen()
            );
            if let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(20)) {
                self.parser.process(&bytes);
                self.sent.extend(bytes);
            }
        }
    }

    /// Everything that was switched on is off again.
    fn is_restored(&self) {
        let sent = String::from_utf8_lossy(&self.sent);
        for (on, off) in [
            ("\x1b[?1049h", "\x1b[?1049l"),
            ("\x1b[?2004h", "\x1b[?2004l"),
            ("\x1b[?25l", "\x1b[?25h"),
            ("\x1b[?1000h", "\x1b[?1000l"),
            ("\x1b[?7l", "\x1b[?7h"),
        ] {
            let (on, off) = (sent.rfind(on), sent.rfind(off));
            assert!(on.is_none() || off > on, "{off:?} after {on:?}");
        }
        assert!(!self.is_raw(), "the terminal is still raw");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn cells(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

#[test]
fn keys_go_through_the_views_and_q_leaves_the_terminal_as_it_was() {
    let mut session = Session::start(&["--demo"]);
    session.shows("Domain-0");
    assert!(session.is_raw());
    session.keys("2");
    session.shows("vbd xvda");
    session.keys("j\r");
    session.shows("Handshake");
    session.keys("6");
    session.shows("libxl");
    session.keys("?");
    session.shows("Esc closes");
    session.keys("\x1b");
    session.until("closing the help", |session| {
        !session.screen().contains("Esc closes")
    });
    session.keys("m");
    session.shows("mouse on");
    session.keys("q");
    assert!(session.end().success());
    session.is_restored();
}

#[test]
fn another_size_is_another_layout_at_once() {
    let mut session = Session::start(&["--demo"]);
    session.shows("Domain-0");
    session.master.resize(size(40, 140)).unwrap();
    session.parser.screen_mut().set_size(cells(40), cells(140));
    session.shows("Changes in the store");
    session.master.resize(size(1, 20)).unwrap();
    session.parser.screen_mut().set_size(cells(1), cells(20));
    session.until("a single line", |session| {
        let screen = session.screen();
        screen.contains("● ") && !screen.contains("Domain")
    });
    session.keys("\x03");
    assert!(session.end().success());
}

#[test]
fn signals_end_it_with_the_terminal_restored() {
    for (signal, number) in [
        (Signal::TERM, "Terminated"),
        (Signal::HUP, "Hangup"),
        (Signal::INT, "Interrupt"),
    ] {
        let mut session = Session::start(&["--demo", "--mouse"]);
        session.shows("Domain-0");
        session.signal(signal);
        let status = session.end();
        assert_eq!(status.signal(), Some(number));
        session.is_restored();
    }
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_takes_it_again() {
    let mut session = Session::start(&["--demo"]);
    session.shows("Domain-0");
    session.keys("\x1a");
    session.until("giving the terminal back", |session| {
        session.sent.ends_with(b"\x1b[?25h")
    });
    let deadline = Instant::now() + PATIENCE;
    while session.state() != "T" {
        assert!(Instant::now() < deadline, "it does not stop");
        std::thread::yield_now();
    }
    session.is_restored();
    session.signal(Signal::CONT);
    session.until("taking the terminal again", |session| {
        session.sent.ends_with(b"\x1b[?2026l") && session.is_raw()
    });
    session.keys("2");
    session.shows("vbd xvda");
    session.keys("q");
    assert!(session.end().success());
    session.is_restored();
}

#[test]
fn a_store_that_restarts_is_waited_for_and_said() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let serve = || {
        let host = Host::start(&Scenario::find("quiet").unwrap()).unwrap();
        host.server().listen(&socket).unwrap();
        host
    };
    let host = serve();
    let address = format!("unix:{}", socket.display());
    let mut session = Session::start(&["--connect", &address]);
    session.until("reading everything", |session| {
        let screen = session.screen();
        screen.contains("Domain-0") && !screen.contains("reading")
    });
    drop(host);
    session.shows("STALE");
    assert!(
        session.screen().contains("Domain-0"),
        "what was known stays"
    );
    let host = serve();
    session.until("being fresh again", |session| {
        !session.screen().contains("STALE")
    });
    session.keys("q");
    assert!(session.end().success());
    session.is_restored();
    drop(host);
}

#[test]
fn every_daemon_is_shown_as_it_lives_and_as_it_restarts() {
    for_each_daemon(|daemon| {
        fill(daemon);
        let address = format!("unix:{}", daemon.socket().display());
        let mut session = Session::start(&["--connect", &address]);
        session.shows(daemon.kind().program());
        session.keys("2");
        session.shows("vbd xvda");
        let state = StorePath::parse("/local/domain/1/device/vbd/51712/state").unwrap();
        client(daemon).write(&state, b"5").unwrap();
        session.shows("Closing");
        // Values of nodes that the model has no use for come from the whole store.
        session.keys("6");
        session.shows("libxl");
        let note = StorePath::parse("/local/domain/1/data/note").unwrap();
        client(daemon).write(&note, b"hello").unwrap();
        session.keys("c");
        session.shows("/local/domain/1/data/note");
        session.shows("hello");
        daemon.kill();
        session.shows("STALE");
        daemon.restart();
        fill(daemon);
        session.until("being fresh again", |session| {
            !session.screen().contains("STALE")
        });
        session.keys("2");
        session.shows("vbd xvda");
        session.keys("q");
        assert!(session.end().success());
        session.is_restored();
    });
}

/// Set in the program that panics.
const PANICS: &str = "XSTOP_TEST_PANICS";

/// Not a test by itself: the program of the next one, in its terminal.
#[test]
fn takes_the_terminal_and_panics_in_a_thread() {
    let Ok(thread) = std::env::var(PANICS) else {
        return;
    };
    let (sender, told) = channel();
    xstop::terminal::restore_before_panics(move |thread| drop(sender.send(thread)));
    let mut screen = xstop::terminal::Screen::take(true).unwrap();
    screen
        .draw(|frame| frame.render_widget("all is well", frame.area()))
        .unwrap();
    if thread == "own" {
        screen.draw(|_| panic!("at the disco")).unwrap();
    }
    let worker = std::thread::Builder::new().name("worker".into());
    let worker = worker.spawn(|| panic!("at the disco")).unwrap();
    assert_eq!(told.recv().unwrap(), "worker");
    assert!(worker.join().is_err());
    screen
        .draw(|frame| frame.render_widget("drawn too late", frame.area()))
        .unwrap();
    std::process::exit(7);
}

#[test]
fn a_panic_in_any_thread_restores_the_terminal_before_its_message() {
    let program = std::env::current_exe().unwrap();
    let test = "pty::takes_the_terminal_and_panics_in_a_thread";
    for thread in ["own", "worker"] {
        let args = ["--exact", test, "--nocapture"];
        let mut session = Session::run(program.to_str().unwrap(), &args, &[(PANICS, thread)]);
        assert!(!session.end().success());
        session.is_restored();
        let sent = String::from_utf8_lossy(&session.sent).into_owned();
        let (off, message) = (
            sent.find("\x1b[?1049l").unwrap(),
            sent.find("at the disco").unwrap(),
        );
        assert!(off < message && sent.contains("well"), "{sent}");
        assert!(!sent.contains("drawn too late"), "{sent}");
    }
}

#[test]
fn wrong_command_lines_and_configurations_leave_the_terminal_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    std::fs::write(&file, "theme: dark\nmuose: true\n").unwrap();
    let file = file.to_str().unwrap();
    for (args, word) in [
        (&["--demo=nowhere"][..], "nowhere"),
        (&["--replay", "/nonexistent/y"], "/nonexistent/y"),
        (&["--frobnicate"], "frobnicate"),
        (&["--demo", "--config", file], "line 2"),
        (&["--demo", "--config", "/nonexistent/x"], "/nonexistent/x"),
    ] {
        let mut session = Session::start(args);
        let status = session.end();
        assert_eq!(status.exit_code(), 2, "{args:?}");
        assert!(
            session.screen().contains(word),
            "{args:?}: {}",
            session.screen()
        );
        assert!(
            !String::from_utf8_lossy(&session.sent).contains("\x1b[?1049h"),
            "{args:?}"
        );
    }
}

#[test]
fn without_colours_no_colour_is_sent_and_the_selection_is_seen() {
    let mut session = Session::start_with(&["--demo"], &[("NO_COLOR", "1")]);
    session.shows("Domain-0");
    session.keys("2");
    session.shows("vbd xvda");
    let screen = session.parser.screen();
    let mut has_inverse = false;
    for row in 0..24 {
        for column in 0..80 {
            if let Some(cell) = screen.cell(row, column) {
                assert_eq!(cell.fgcolor(), vt100::Color::Default);
                has_inverse |= cell.inverse() && row > 2 && row < 23;
            }
        }
    }
    assert!(has_inverse);
}
