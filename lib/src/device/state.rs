//! The states of the xenbus handshake.

use std::fmt;

/// State of one end of a device (`enum xenbus_state`, `xen/include/public/io/xenbus.h`): a decimal number in the key
/// `state` of the frontend's and of the backend's directory.
///
/// Numbers without a name survive: they are what somebody wrote.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct XenbusState(pub u32);

impl XenbusState {
    /// 0: no state, or an unreadable one.
    pub const UNKNOWN: Self = Self(0);
    /// 1: the toolstack created the directory, the driver has not started.
    pub const INITIALISING: Self = Self(1);
    /// 2: early initialisation is done; waits for the other end or for hotplug.
    pub const INIT_WAIT: Self = Self(2);
    /// 3: ring references and event channel are published; waits for the other end.
    pub const INITIALISED: Self = Self(3);
    /// 4: the ring is mapped, data flows.
    pub const CONNECTED: Self = Self(4);
    /// 5: tear-down is wanted, or an error happened; the other end should follow.
    pub const CLOSING: Self = Self(5);
    /// 6: finished.
    pub const CLOSED: Self = Self(6);
    /// 7: hot-plug inside a device (pci, vscsi).
    pub const RECONFIGURING: Self = Self(7);
    /// 8: hot-plug is done; the backend goes to Connected afterwards.
    pub const RECONFIGURED: Self = Self(8);

    /// All states that have a name.
    pub const ALL: [Self; 9] = [
        Self::UNKNOWN,
        Self::INITIALISING,
        Self::INIT_WAIT,
        Self::INITIALISED,
        Self::CONNECTED,
        Self::CLOSING,
        Self::CLOSED,
        Self::RECONFIGURING,
        Self::RECONFIGURED,
    ];

    /// Reads the value of a `state` key. Blanks around the number are tolerated, as drivers do.
    ///
    /// # Errors
    /// Anything but a decimal number of 32 bits.
    pub fn parse(value: &[u8]) -> Result<Self, &'static str> {
        super::reading::decimal32(value.trim_ascii(), u32::MAX)
            .map(Self)
            .map_err(|_| "is not a state")
    }

    /// Its name in the field; `None` if there is no such state.
    pub fn name(self) -> Option<&'static str> {
        Some(self.row()?.0)
    }

    /// What it says about the end that is in it, in a few words.
    pub fn meaning(self) -> Option<&'static str> {
        Some(self.row()?.1)
    }

    fn row(self) -> Option<(&'static str, &'static str)> {
        const ROWS: [(&str, &str); 9] = [
            ("Unknown", "no state"),
            ("Initialising", "created, no driver has started"),
            ("InitWait", "waits for the other end or for hotplug"),
            (
                "Initialised",
                "rings are published, waits for the other end",
            ),
            ("Connected", "rings are mapped, data flows"),
            ("Closing", "tear-down is wanted, or an error happened"),
            ("Closed", "finished"),
            ("Reconfiguring", "hot-plug inside the device"),
            ("Reconfigured", "hot-plug is done"),
        ];
        ROWS.get(usize::try_from(self.0).ok()?).copied()
    }
}

impl fmt::Display for XenbusState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&format!("{}?", self.0)),
        }
    }
}

impl fmt::Debug for XenbusState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "XenbusState({})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nine_states_have_the_names_of_the_header() {
        let names: Vec<_> = XenbusState::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            [
                "Unknown",
                "Initialising",
                "InitWait",
                "Initialised",
                "Connected",
                "Closing",
                "Closed",
                "Reconfiguring",
                "Reconfigured"
            ]
        );
        assert!((0..9).all(|n| XenbusState::ALL[n as usize] == XenbusState(n)));
    }

    #[test]
    fn unknown_numbers_survive_and_other_text_does_not() {
        assert_eq!(XenbusState::parse(b"9"), Ok(XenbusState(9)));
        assert_eq!(XenbusState(9).to_string(), "9?");
        assert_eq!(XenbusState::parse(b" 4\n"), Ok(XenbusState::CONNECTED));
        for bad in [
            &b""[..],
            b"Connected",
            b"-1",
            b"4\0",
            b"99999999999",
            &[0xff; 4096],
        ] {
            assert!(XenbusState::parse(bad).is_err());
        }
    }
}
