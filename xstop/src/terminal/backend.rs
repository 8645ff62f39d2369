//! A terminal that is sent nothing while nothing changes.

use std::io::{self, Write};

use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

/// Passes on what changes the screen, a frame at once, and nothing else: the cursor is hidden for good, and a frame
/// without a difference costs no byte.
pub(super) struct Quiet<W: Write> {
    inner: CrosstermBackend<W>,
    has_output: bool,
    has_cursor: bool,
}

impl<W: Write> Quiet<W> {
    pub(super) fn new(output: W) -> Self {
        Self {
            inner: CrosstermBackend::new(output),
            has_output: false,
            has_cursor: false,
        }
    }
}

impl<W: Write> Backend for Quiet<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.has_output = true;
        // Terminals that know it show the frame at once; the others ignore it.
        queue!(self.inner, BeginSynchronizedUpdate)?;
        self.inner.draw(content)?;
        queue!(self.inner, EndSynchronizedUpdate)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if !self.has_cursor {
            return Ok(());
        }
        self.has_cursor = false;
        self.has_output = true;
        self.inner.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.has_cursor {
            return Ok(());
        }
        self.has_cursor = true;
        self.has_output = true;
        self.inner.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        // Nobody needs it, and asking the terminal would compete with the thread that reads keys.
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.has_output = true;
        self.inner.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.has_output = true;
        self.inner.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.has_output = true;
        self.inner.clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.has_output {
            return Ok(());
        }
        self.has_output = false;
        Backend::flush(&mut self.inner)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use ratatui::Terminal;
    use ratatui::layout::Rect;
    use ratatui::{TerminalOptions, Viewport};

    use super::*;

    /// Counts what is sent.
    #[derive(Clone, Default)]
    struct Sent(Rc<std::cell::Cell<usize>>);

    impl Write for Sent {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.set(self.0.get() + bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_frame_that_shows_the_same_sends_nothing() {
        let viewport = Viewport::Fixed(Rect::new(0, 0, 20, 3));
        let sent = Sent::default();
        let mut lengths = Vec::new();
        let mut terminal =
            Terminal::with_options(Quiet::new(sent.clone()), TerminalOptions { viewport }).unwrap();
        for text in ["one", "one", "two"] {
            terminal
                .draw(|frame| frame.render_widget(text, frame.area()))
                .unwrap();
            lengths.push(sent.0.get());
        }
        assert!(lengths[0] > 0);
        assert_eq!(lengths[0], lengths[1]);
        assert!(lengths[2] > lengths[1]);
    }
}
