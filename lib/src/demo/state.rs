//! The state that each end of a device publishes.

/// xenbus state (`xen/include/public/io/xenbus.h`), as it stands in a `state` node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    /// Missing or unreadable.
    Unknown = 0,
    /// The toolstack made the directory; no driver yet.
    Initialising = 1,
    /// Ready, waits for the other end or for hotplug.
    InitWait = 2,
    /// Rings are published; waits for the other end.
    Initialised = 3,
    /// Data flows.
    Connected = 4,
    /// Is to be closed.
    Closing = 5,
    /// Closed.
    Closed = 6,
}

impl State {
    /// Reads a `state` node; anything unexpected is [`State::Unknown`].
    pub(super) fn parse(value: &[u8]) -> Self {
        match value {
            b"1" => Self::Initialising,
            b"2" => Self::InitWait,
            b"3" => Self::Initialised,
            b"4" => Self::Connected,
            b"5" => Self::Closing,
            b"6" => Self::Closed,
            _ => Self::Unknown,
        }
    }

    /// As the kernel shows it (`xenbus_strstate`).
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Initialising => "Initialising",
            Self::InitWait => "InitWait",
            Self::Initialised => "Initialised",
            Self::Connected => "Connected",
            Self::Closing => "Closing",
            Self::Closed => "Closed",
        }
    }

    /// As it is written.
    pub(super) fn text(self) -> String {
        (self as u8).to_string()
    }
}
