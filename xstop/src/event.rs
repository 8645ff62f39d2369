//! What happens to the screen, and the threads that tell of it.

mod input;
mod signal;

use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};

use crate::browse::Browsed;
use crate::model::Snapshot;

pub use input::read_terminal;
pub use signal::watch_signals;

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has this size now: columns and rows.
    Resized(u16, u16),
    /// The host is like this now.
    Snapshot(Arc<Snapshot>),
    /// News of a part of the store.
    Browsed(Browsed),
    /// A signal came.
    Signal(i32),
    /// A thread is gone, and why: nothing works as it should any more.
    Died(String),
    /// There is no input any more.
    InputEnded,
}
