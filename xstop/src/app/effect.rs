//! What the screen wants from the outside world.

use std::time::Duration;

use xenbus::StorePath;
use xenbus::device::DeviceId;
use xenbus::device::history::Moment;

/// Something to do that is not pure.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// End.
    Quit(Ending),
    /// Stop until the shell continues us.
    Suspend,
    /// Draw everything again.
    Repaint,
    /// Switch the mouse.
    Mouse(bool),
    /// Put text into the terminal's clipboard.
    Copy(String),
    /// Follow these parts of the store, and no other.
    Follow(Vec<StorePath>),
    /// Read counters this often.
    Interval(Duration),
    /// These devices are looked at.
    Visible(Vec<DeviceId>),
    /// Save what is shown.
    Save,
    /// In a recording: go there.
    Seek(Moment),
    /// In a recording: so many times as fast as it was.
    Speed(f64),
}

/// Why it ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ending {
    /// The user wants it.
    Asked,
    /// A signal.
    Signal(i32),
    /// Something is broken, and what.
    Failed(String),
}
