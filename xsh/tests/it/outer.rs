//! Completion in live outer shells.

use std::io::{Read as _, Write as _};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use xenbus_harness::requires_tool;

use crate::process::Serve;

/// An outer shell on a terminal.
struct Outer {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    keys: Box<dyn std::io::Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Outer {
    fn start(
        program: &std::path::Path,
        arguments: &[&str],
        serve: &Serve,
        home: &std::path::Path,
    ) -> Self {
        let size = PtySize {
            rows: 24,
            cols: 100,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pty = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        let directory = std::path::Path::new(env!("CARGO_BIN_EXE_xsh"))
            .parent()
            .unwrap();
        command.env("PATH", format!("{}:/usr/bin:/bin", directory.display()));
        command.env("XENSTORED_PATH", serve.socket());
        command.env("HOME", home);
        command.env("TERM", "xterm");
        command.cwd(home);
        let child = pty.slave.spawn_command(command).unwrap();
        let mut reader = pty.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            keys: pty.master.take_writer().unwrap(),
            output,
            screen: vt100::Parser::new(size_of(24), size_of(100), 0),
            _master: pty.master,
        }
    }

    fn types(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn sees(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.screen.screen().contents().contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let seen = self.output.recv_timeout(left);
            match seen.ok() {
                Some(bytes) => {
                    // Some shells ask the terminal what it is, and wait for the answer.
                    if bytes.windows(3).any(|ask| ask == b"\x1b[c") || bytes.ends_with(b"\x1b[0c") {
                        self.types("\x1b[?1;2c");
                    }
                    self.screen.process(&bytes);
                }
                None => panic!(
                    "'{text}' does not come:\n{}",
                    self.screen.screen().contents()
                ),
            }
        }
    }
}

fn size_of(cells: u16) -> std::num::NonZeroU16 {
    std::num::NonZeroU16::new(cells).unwrap()
}

impl Drop for Outer {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn bash_zsh_and_fish_complete_commands_options_and_live_paths() {
    for (name, arguments, setup) in [
        (
            "bash",
            &["--norc", "--noprofile", "-i"][..],
            "eval \"$(xsh completions bash)\"",
        ),
        (
            "zsh",
            &["-f", "-i"],
            "autoload -Uz compinit; compinit -u; eval \"$(xsh completions zsh)\"",
        ),
        (
            "fish",
            &["--no-config", "-i"],
            "xsh completions fish | source",
        ),
    ] {
        let Some(program) = requires_tool(name) else {
            continue;
        };
        let serve = Serve::start(&["--demo=quiet"]);
        let home = tempfile::tempdir().unwrap();
        let mut outer = Outer::start(&program, arguments, &serve, home.path());
        outer.types(&format!("{setup}; echo rea''dy\r"));
        outer.sees("ready");
        outer.types("xsh expo\t");
        outer.sees("xsh export ");
        outer.types("--snap\t");
        outer.sees("export --snapshot ");
        outer.types("/local/do\t");
        outer.sees("--snapshot /local/domain/");
        outer.types("0/nam\t");
        outer.sees("/local/domain/0/name");
        outer.types("\r");
        outer.sees("root: /local/domain/0/name");
        outer.types("xsh compat ex\t");
        outer.sees("xsh compat exists ");
        outer.types("@0/nam\t");
        outer.sees("exists @0/name");
    }
}
