//! Frontends: what the drivers of a guest's Linux do in the store.

use super::State;
use super::link::Link;
use crate::demo::board::Board;
use crate::demo::handshake::{Grants, announce};
use crate::demo::scenario::Fault;
use crate::demo::scenario::part::{Detail, Part};
use crate::device::class::Handshake;
use crate::device::id::DeviceId;
use crate::error::Result;
use std::sync::Arc;

/// A frontend's driver.
pub(super) struct Front {
    pub(super) link: Link,
    id: DeviceId,
    part: Arc<Part>,
    board: Board,
}

impl Front {
    pub(super) fn new(link: Link, id: DeviceId, part: Arc<Part>, board: &Board) -> Self {
        Self {
            link,
            id,
            part,
            board: board.clone(),
        }
    }

    /// Does what the two states ask for.
    pub(super) fn turn(&self, grants: &mut Grants) -> Result<()> {
        if self.part.class.handshake != Handshake::Usual
            || self.has(Fault::NoFrontendDriver)
            || self.has(Fault::Flapping)
        {
            return Ok(());
        }
        let link = &self.link;
        match (link.state(), link.other_state()) {
            (State::Initialising, State::InitWait) => self.publish(grants),
            (State::Initialised, State::Connected) if !self.has(Fault::FrontendHangs) => {
                // First, so that whoever sees the state finds the device working.
                self.board.connect(&self.id, true);
                link.switch(State::Connected)
            }
            (State::Closed | State::Unknown, _) => Ok(()),
            // Asked to close, or the backend died.
            (_, State::Closing | State::Closed) if self.has(Fault::UnplugIgnored) => Ok(()),
            (_, State::Closing) if self.has(Fault::FrontendHangsClosing) => {
                link.switch(State::Closing)
            }
            (_, State::Closing | State::Closed)
            | (State::Connected | State::Closing, State::Unknown) => {
                self.board.connect(&self.id, false);
                link.switch(State::Closed)
            }
            _ => Ok(()),
        }
    }

    /// Closes although nobody has asked.
    pub(super) fn close(&self) -> Result<()> {
        self.board.connect(&self.id, false);
        self.link.switch(State::Closing)?;
        if self.has(Fault::BackendIgnoresClose) {
            return self.link.switch(State::Closed);
        }
        Ok(())
    }

    /// The kernel began anew and knows nothing of the device.
    pub(super) fn forget(&self) -> Result<()> {
        self.board.connect(&self.id, false);
        self.link.switch(State::Initialising)
    }

    /// The driver restarts: down first, up the next time.
    pub(super) fn flip(&self) -> Result<()> {
        self.link.switch(match self.link.state() {
            State::Closing => State::Initialising,
            _ => State::Closing,
        })
    }

    fn publish(&self, grants: &mut Grants) -> Result<()> {
        let offered = self.link.key_of_other("multi-queue-max-queues");
        let offered = offered
            .ok()
            .and_then(|n| str::from_utf8(&n).ok()?.parse().ok());
        let announced = announce(&self.part, grants, offered.unwrap_or(1));
        self.board.announce(&self.id, announced.rings);
        let state = match self.part.detail {
            // netfront is ready at once.
            Detail::Vif(..) => State::Connected,
            _ => State::Initialised,
        };
        self.link.publish(&announced.keys, state)
    }

    fn has(&self, fault: Fault) -> bool {
        self.board.has(&self.id, fault)
    }
}
