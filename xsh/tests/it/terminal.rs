//! The shell on a terminal: a pseudo-terminal, and what a screen would show.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running shell.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    screen: Arc<(Mutex<Seen>, Condvar)>,
    home: tempfile::TempDir,
}

struct Seen {
    parser: vt100::Parser,
    ended: bool,
}

impl Terminal {
    /// Starts the shell on the store at a socket.
    pub(crate) fn start(socket: &Path, args: &[&str]) -> Self {
        Self::start_with(socket, args, &[], (24, 80))
    }

    /// The same with variables of the environment, on a screen of so many rows and columns.
    pub(crate) fn start_with(
        socket: &Path,
        args: &[&str],
        variables: &[(&str, &str)],
        (rows, cols): (u16, u16),
    ) -> Self {
        let home = tempfile::Builder::new().prefix("xsh-").tempdir().unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_xsh"));
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", home.path());
        command.env("TERM", "xterm");
        command.env("LC_ALL", "C");
        command.env("XENSTORED_PATH", socket);
        for (name, value) in variables {
            command.env(name, value);
        }
        command.args(args);
        command.cwd(home.path());
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new((
            Mutex::new(Seen {
                parser: vt100::Parser::new(size_of(rows), size_of(cols), 1000),
                ended: false,
            }),
            Condvar::new(),
        ));
        let mut output = pair.master.try_clone_reader().unwrap();
        let shared = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let count = output.read(&mut buffer).unwrap_or(0);
                let mut seen = shared.0.lock().unwrap();
                if count == 0 {
                    seen.ended = true;
                } else {
                    seen.parser.process(&buffer[..count]);
                }
                shared.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self {
            child,
            master: pair.master,
            keys,
            screen,
            home,
        }
    }

    /// The user's home.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Presses keys.
    pub(crate) fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Types a line and Enter.
    pub(crate) fn line(&mut self, line: &str) {
        self.keys(&format!("{line}\r"));
    }

    /// The text on the screen.
    pub(crate) fn text(&self) -> String {
        self.screen.0.lock().unwrap().parser.screen().contents()
    }

    /// Whether a piece of text on the screen is in a colour; `None` if it is not there.
    pub(crate) fn color_of(&self, text: &str) -> Option<vt100::Color> {
        let seen = self.screen.0.lock().unwrap();
        let screen = seen.parser.screen();
        let (rows, cols) = screen.size();
        let (rows, cols) = (rows.get(), cols.get());
        (0..rows).rev().find_map(|row| {
            let line = screen.rows(0, cols).nth(row.into())?;
            let at = u16::try_from(line.find(text)?).unwrap();
            Some(screen.cell(row, at)?.fgcolor())
        })
    }

    /// Waits until the screen is as it should be.
    pub(crate) fn wait(&self, what: &str, is: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.screen.0.lock().unwrap();
        while !is(seen.parser.screen()) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !seen.ended,
                "{what} did not come; the screen:\n{}",
                seen.parser.screen().contents()
            );
            seen = self.screen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Presses keys again and again until the screen is as it should be: what the shell has asked the store for shows
    /// with the next key.
    pub(crate) fn press_until(
        &mut self,
        keys: &str,
        what: &str,
        is: impl Fn(&vt100::Screen) -> bool,
    ) {
        const EACH: Duration = Duration::from_millis(300);
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.keys(keys);
            let next = Instant::now() + EACH;
            let mut seen = self.screen.0.lock().unwrap();
            loop {
                if is(seen.parser.screen()) {
                    return;
                }
                let now = Instant::now();
                assert!(
                    now < deadline,
                    "{what} did not come; the screen:\n{}",
                    seen.parser.screen().contents()
                );
                if now >= next {
                    break;
                }
                seen = self.screen.1.wait_timeout(seen, next - now).unwrap().0;
            }
        }
    }

    /// Waits until a text is on the screen.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    /// Waits until the line of the cursor is this, but for space at its end.
    pub(crate) fn wait_for_line(&self, text: &str) {
        self.wait(text, |screen| cursor_line(screen).trim_end() == text);
    }

    /// Changes the size of the terminal.
    pub(crate) fn resize(&self, rows: u16, cols: u16) {
        self.screen
            .0
            .lock()
            .unwrap()
            .parser
            .screen_mut()
            .set_size(size_of(rows), size_of(cols));
        self.master
            .resize(PtySize {
                rows,
                cols,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
    }

    /// Waits for the end, and says the exit code.
    pub(crate) fn end(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(
                Instant::now() < deadline,
                "it does not end; the screen:\n{}",
                self.text()
            );
            // Its end closes the terminal: waited for by the reader.
            let seen = self.screen.0.lock().unwrap();
            drop(self.screen.1.wait_timeout(seen, Duration::from_millis(20)));
        }
    }
}

fn size_of(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).unwrap()
}

fn cursor_line(screen: &vt100::Screen) -> String {
    let (row, _) = screen.cursor_position();
    let (_, cols) = screen.size();
    screen
        .rows(0, cols.get())
        .nth(row.into())
        .unwrap_or_default()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
