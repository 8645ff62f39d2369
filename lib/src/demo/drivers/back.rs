//! Backends: what Linux's drivers and qemu do in the store, and the hotplug scripts of a driver domain.

use std::sync::Arc;

use super::State;
use super::link::Link;
use crate::demo::board::Board;
use crate::demo::handshake::{connects, offers, reported, script};
use crate::demo::scenario::Fault;
use crate::demo::scenario::part::{Detail, Part};
use crate::device::class::Handshake;
use crate::device::id::DeviceId;
use crate::error::Result;

/// A backend's driver.
pub(super) struct Back {
    pub(super) link: Link,
    id: DeviceId,
    part: Arc<Part>,
    board: Board,
    /// Whether the hotplug script is ours to run (`xl devd` in a driver domain; in domain 0 the toolstack does it).
    hotplug: bool,
}

impl Back {
    pub(super) fn new(
        link: Link,
        id: DeviceId,
        part: Arc<Part>,
        board: &Board,
        hotplug: bool,
    ) -> Self {
        Self {
            link,
            id,
            part,
            board: board.clone(),
            hotplug,
        }
    }

    /// Does what the two states ask for.
    pub(super) fn turn(&self) -> Result<()> {
        if self.has(Fault::NoBackendDriver) || self.has(Fault::Flapping) {
            return Ok(());
        }
        let link = &self.link;
        match (self.part.class.handshake, link.state(), link.other_state()) {
            (Handshake::BackendOnly, State::Initialising, _) => self.switch(State::Connected),
            (_, State::Initialising, _) => self.offer(),
            (_, State::Initialised, State::Initialising)
                if !self.has(Fault::BackendInitialised) =>
            {
                self.switch(State::InitWait)
            }
            (_, State::InitWait, State::Initialised | State::Connected) if self.is_plugged() => {
                self.connect()
            }
            (Handshake::BackendOnly, ..) | (_, State::Closed | State::Unknown, _) => Ok(()),
            (_, _, State::Closed | State::Unknown | State::Closing)
                if self.has(Fault::BackendIgnoresClose) =>
            {
                Ok(())
            }
            (_, _, State::Closed | State::Unknown) => self.close(),
            (_, State::InitWait | State::Initialised | State::Connected, State::Closing) => {
                self.switch(State::Closing)
            }
            _ => Ok(()),
        }
    }

    /// Says what the backend can do, and waits for the frontend.
    fn offer(&self) -> Result<()> {
        let state = if self.has(Fault::BackendInitialised) {
            State::Initialised
        } else {
            State::InitWait
        };
        self.board.note(&self.id, state.name());
        self.link.publish(&offers(&self.part), state)?;
        if !self.hotplug || self.has(Fault::HotplugHangs) {
            return Ok(());
        }
        self.link.add(&if self.has(Fault::HotplugFails) {
            reported(&self.part)
        } else {
            script(&self.part)
        })
    }

    fn connect(&self) -> Result<()> {
        let is_vif = matches!(self.part.detail, Detail::Vif(..));
        // netback waits for the frontend's last word.
        if self.has(Fault::BackendHangs) || is_vif && self.link.other_state() != State::Connected {
            return Ok(());
        }
        // First, so that whoever sees the state finds the device working.
        self.board.note(&self.id, State::Connected.name());
        if is_vif {
            self.board.connect(&self.id, true);
        }
        self.link.publish(&connects(&self.part), State::Connected)
    }

    /// Whether the hotplug script has done its part.
    fn is_plugged(&self) -> bool {
        match self.part.detail {
            Detail::Disk(_) if self.part.back_kind == "vbd" => {
                self.link.key("physical-device").is_some()
            }
            Detail::Vif(..) => self.link.key("hotplug-status").as_deref() == Some(b"connected"),
            _ => true,
        }
    }

    fn close(&self) -> Result<()> {
        self.board.connect(&self.id, false);
        self.switch(State::Closed)?;
        match self.part.detail {
            Detail::Vif(..) => self.link.remove("hotplug-status"),
            _ => Ok(()),
        }
    }

    fn switch(&self, state: State) -> Result<()> {
        self.board.note(&self.id, state.name());
        self.link.switch(state)
    }

    fn has(&self, fault: Fault) -> bool {
        self.board.has(&self.id, fault)
    }
}
