//! Devices by what their ends show.

use xenbus::device::{Device, Seen, XenbusState};

/// How many devices are in which condition.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// All.
    pub total: usize,
    /// Both ends Connected, or of a class whose ends tell no more.
    pub connected: usize,
    /// Somewhere in a handshake.
    pub connecting: usize,
    /// At least one end is Closing or Closed.
    pub closing: usize,
    /// An end is missing, or shows what is no state.
    pub broken: usize,
    /// An end may not be seen by us.
    pub hidden: usize,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, device: &Device) {
        self.total += 1;
        *self.place(device) += 1;
    }

    /// Counts one less, as it was when it was counted.
    pub fn remove(&mut self, device: &Device) {
        self.total -= 1;
        *self.place(device) -= 1;
    }

    /// The condition of a device.
    fn place(&mut self, device: &Device) -> &mut usize {
        let ends = [device.front_seen(), device.back_seen()];
        let any =
            |test: fn(XenbusState) -> bool| ends.iter().any(|end| end.state().is_some_and(test));
        if device.is_settled() {
            &mut self.connected
        } else if ends.contains(&Seen::Hidden) {
            &mut self.hidden
        } else if ends.contains(&Seen::Absent) || ends.contains(&Seen::Garbled) {
            &mut self.broken
        } else if any(|state| state == XenbusState::CLOSING || state == XenbusState::CLOSED) {
            &mut self.closing
        } else if any(|state| state.name().is_none()) {
            &mut self.broken
        } else {
            &mut self.connecting
        }
    }
}
