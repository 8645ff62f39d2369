//! The thread that reads the terminal.

use std::sync::mpsc::Sender;

use crossterm::event::{self, MouseEventKind};

use super::Event;

/// Starts it. It ends with the program, or when nobody listens any more.
///
/// # Errors
/// If the system refuses a thread.
pub fn read_terminal(events: Sender<Event>) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("xstop input".into());
    thread.spawn(move || {
        loop {
            let event = match event::read() {
                Ok(event::Event::Key(key)) if key.is_release() => continue,
                Ok(event::Event::Key(key)) => Event::Key(key),
                // Where the pointer is without a button means nothing here, and is told often.
                Ok(event::Event::Mouse(mouse)) if mouse.kind == MouseEventKind::Moved => continue,
                Ok(event::Event::Mouse(mouse)) => Event::Mouse(mouse),
                Ok(event::Event::Paste(text)) => Event::Paste(text),
                Ok(event::Event::Resize(columns, rows)) => Event::Resized(columns, rows),
                Ok(event::Event::FocusGained | event::Event::FocusLost) => continue,
                Err(_) => Event::InputEnded,
            };
            let is_end = matches!(event, Event::InputEnded);
            if events.send(event).is_err() || is_end {
                return;
            }
        }
    })?;
    Ok(())
}
