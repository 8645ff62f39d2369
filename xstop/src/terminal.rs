//! The terminal: taken once, given back whatever happens.

mod backend;
mod panic;

use std::io::{self, BufWriter, Stdout, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::style::ResetColor;
use crossterm::terminal::{
    DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::Frame;

pub use panic::restore_before_panics;

use backend::Quiet;

/// Bytes that are sent at once; a frame is seldom longer.
const FRAME: usize = 64 * 1024;

/// Whether the screen is ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Held while something is sent to the terminal.
static SENDING: Mutex<()> = Mutex::new(());

/// The screen. Dropping it gives the terminal back.
pub struct Screen {
    terminal: ratatui::Terminal<Quiet<BufWriter<Stdout>>>,
    has_mouse: bool,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// If standard output is no terminal, or it fails.
    pub fn take(has_mouse: bool) -> io::Result<Self> {
        let output = BufWriter::with_capacity(FRAME, io::stdout());
        let mut screen = Self {
            terminal: ratatui::Terminal::new(Quiet::new(output))?,
            has_mouse,
        };
        screen.enter()?;
        Ok(screen)
    }

    fn enter(&mut self) -> io::Result<()> {
        let _sending = sending();
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let mut output = io::stdout();
        queue!(
            output,
            EnterAlternateScreen,
            Hide,
            DisableLineWrap,
            EnableBracketedPaste
        )?;
        if self.has_mouse {
            queue!(output, EnableMouseCapture)?;
        }
        output.flush()
    }

    /// Shows what `draw` paints; only what differs from the last time is sent.
    ///
    /// # Errors
    /// If the terminal fails.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        let _sending = sending();
        // After a panic the terminal belongs to its message.
        if TAKEN.load(Ordering::SeqCst) {
            self.terminal.draw(draw)?;
        }
        Ok(())
    }

    /// Draws everything again next time.
    ///
    /// # Errors
    /// If the terminal fails.
    pub fn clear(&mut self) -> io::Result<()> {
        let _sending = sending();
        self.terminal.clear()
    }

    /// Sends a sequence that shows nothing, such as one for the clipboard.
    ///
    /// # Errors
    /// If the terminal fails.
    pub fn send(&mut self, sequence: &str) -> io::Result<()> {
        let _sending = sending();
        let mut output = io::stdout();
        output.write_all(sequence.as_bytes())?;
        output.flush()
    }

    /// Switches the mouse.
    ///
    /// # Errors
    /// If the terminal fails.
    pub fn set_mouse(&mut self, is_on: bool) -> io::Result<()> {
        let _sending = sending();
        self.has_mouse = is_on;
        if is_on {
            execute!(io::stdout(), EnableMouseCapture)
        } else {
            execute!(io::stdout(), DisableMouseCapture)
        }
    }

    /// Gives the terminal back, stops the process until it is continued, and takes the terminal again.
    ///
    /// # Errors
    /// If the terminal fails.
    pub fn suspend(&mut self) -> io::Result<()> {
        restore();
        // The whole process stops here, all its threads with it.
        signal_hook::low_level::raise(signal_hook::consts::SIGSTOP)?;
        self.enter()?;
        self.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn sending() -> MutexGuard<'static, ()> {
    SENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the terminal back if it is ours. Errors are nobody's concern: it may be gone.
fn restore() {
    let _sending = sending();
    restore_now();
}

fn restore_now() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    drop(execute!(
        io::stdout(),
        DisableMouseCapture,
        DisableBracketedPaste,
        ResetColor,
        EnableLineWrap,
        LeaveAlternateScreen,
        Show
    ));
    drop(disable_raw_mode());
}
