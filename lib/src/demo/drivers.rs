//! The guests' and backends' drivers: every one an ordinary client of the store, acting as its own domain, and all of
//! them in one thread.

mod actor;
mod back;
mod front;
mod link;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};

use actor::Actor;
pub(super) use actor::Machine;

use super::state::State;
use crate::client::Client;
use crate::id::DomId;
use crate::path::StorePath;
use crate::watch::Bell;

/// What the toolstack tells the drivers.
pub(super) enum Order {
    /// A domain starts to run.
    Boot(Client, Machine),
    /// A domain does something that no other end has asked for.
    Impulse(DomId, Impulse),
    /// A domain looks again at one of its backends.
    Look(DomId, StorePath),
    /// A domain is gone.
    Gone(DomId),
    /// The host is switched off.
    Off,
}

/// What a domain does without being asked by another end. Paths are of frontends.
pub(super) enum Impulse {
    /// The guest's agent has something to report.
    Report(Vec<(String, String)>),
    /// Its kernel starts anew, without drivers.
    CrashKernel,
    /// A frontend closes.
    Close(StorePath),
    /// A frontend's driver restarts.
    Flip(StorePath),
    /// A frontend looks again at what its backend did.
    Look(StorePath),
}

/// What a domain tells the toolstack by stopping.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stopped {
    /// It switched itself off.
    Poweroff,
    /// It wants to be started again.
    Reboot,
}

/// How the drivers tell the toolstack.
pub(super) struct Notices {
    pub(super) sender: Sender<(DomId, Stopped)>,
    /// Rung after each notice.
    pub(super) bell: Bell,
}

/// Runs the drivers until [`Order::Off`]. Whoever gives an order rings the bell.
pub(super) fn run(orders: &Receiver<Order>, bell: &Bell, notices: &Notices) {
    let mut actors = BTreeMap::new();
    loop {
        loop {
            match orders.try_recv() {
                Ok(Order::Boot(client, machine)) => {
                    let domid = machine.domid;
                    // A domain whose connection fails at once has no drivers; its devices stay where they are.
                    if let Ok(actor) = Actor::boot(client, machine, bell) {
                        actors.insert(domid, actor);
                    }
                }
                Ok(Order::Impulse(domid, impulse)) => {
                    if let Some(actor) = actors.get_mut(&domid) {
                        Actor::impulse(actor, &impulse);
                    }
                }
                Ok(Order::Look(domid, backend)) => {
                    if let Some(actor) = actors.get_mut(&domid) {
                        Actor::look_at_backend(actor, &backend);
                    }
                }
                Ok(Order::Gone(domid)) => drop(actors.remove(&domid)),
                Ok(Order::Off) | Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => break,
            }
        }
        let mut stopped = Vec::new();
        for (domid, actor) in &mut actors {
            if let Some(how) = actor.turn() {
                stopped.push((*domid, how));
            }
        }
        for (domid, how) in stopped {
            drop(actors.remove(&domid));
            // Where the toolstack is gone already, the host is being switched off.
            if notices.sender.send((domid, how)).is_ok() {
                notices.bell.ring();
            }
        }
        bell.wait_until(None);
    }
}
