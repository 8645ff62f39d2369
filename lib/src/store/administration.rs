//! Domains come and go: what the hypervisor tells, and the requests of a toolstack.

use std::sync::Arc;

use super::access::PRIVILEGED;
use super::core::{Call, ConnId, Core, Identity};
use super::domain::Life;
use super::lax;
use super::output::Sink;
use super::request::Request;
use crate::id::{DomId, ReqId, TxId};
use crate::wire::{Errno, Header, Op};

/// `DOMID_SELF` (`xen/include/public/xen.h`).
const DOMID_SELF: DomId = DomId(0x7FF0);

/// `@introduceDomain`, `@releaseDomain`.
const INTRODUCED: usize = 0;
const RELEASED: usize = 1;

impl Core {
    /// The hypervisor made a domain. Nothing is told before it is introduced.
    pub fn create_domain(&mut self, domid: DomId) {
        if self.world.domains.life(domid).is_none() {
            self.world.domains.set_life(domid, Some(Life::Running));
        }
    }

    /// The state of a domain in the hypervisor; `None`: there is none.
    pub fn life(&self, domid: DomId) -> Option<Life> {
        self.world.domains.life(domid)
    }

    /// A domain shut down or crashed: `@releaseDomain` is fired once.
    pub fn shutdown_domain(&mut self, domid: DomId, sink: &mut dyn Sink) {
        if self.world.domains.life(domid) == Some(Life::Running) {
            self.world.domains.set_life(domid, Some(Life::Shutdown));
        }
        self.check_domains(sink);
    }

    /// A domain is being destroyed and still exists. Until Xen 4.17 the store forgets it at once, later when it is dead.
    pub fn dying_domain(&mut self, domid: DomId, sink: &mut dyn Sink) {
        if domid != DomId::DOM0 && self.world.domains.life(domid).is_some() {
            self.world.domains.set_life(domid, Some(Life::Dying));
        }
        self.check_domains(sink);
    }

    /// A domain is gone: its connections end, its nodes are removed, `@releaseDomain` is fired.
    pub fn destroy_domain(&mut self, domid: DomId, sink: &mut dyn Sink) {
        if domid != DomId::DOM0 {
            self.world.domains.set_life(domid, None);
        }
        self.check_domains(sink);
    }

    /// A suspended domain runs again in the hypervisor.
    pub fn run_domain(&mut self, domid: DomId) {
        if self.world.domains.life(domid) == Some(Life::Shutdown) {
            self.world.domains.set_life(domid, Some(Life::Running));
        }
    }

    /// Looks what has become of the domains (the daemon does so at every VIRQ_DOM_EXC).
    pub fn check_domains(&mut self, sink: &mut dyn Sink) {
        if self.world.rules.oxenstored {
            self.oxen_check_domains(sink);
            return;
        }
        let changed = self.world.domains.take_changed();
        if self.world.rules.changes_are_told {
            for domid in changed {
                self.check_changed(domid, sink);
            }
            return;
        }
        // Of any number of domains that have shut down is told with one event, and of none if one is gone.
        let mut shut_down = None;
        for domid in self.world.domains.known() {
            let life = self.world.domains.life(domid);
            let Some(domain) = self.world.domains.get_mut(domid) else {
                continue;
            };
            match life {
                None | Some(Life::Dying) => {
                    let introduced = domain.introduced;
                    if introduced || life.is_none() {
                        self.forget_domain(domid, sink);
                        shut_down = shut_down.filter(|_| !introduced);
                    }
                }
                Some(Life::Shutdown) if domain.introduced && !domain.shutdown => {
                    domain.shutdown = true;
                    shut_down = Some(domid);
                }
                Some(_) => {}
            }
        }
        if let Some(domid) = shut_down {
            self.fire_special(RELEASED, domid, sink);
        }
    }

    /// Looks what has become of one domain.
    fn check_changed(&mut self, domid: DomId, sink: &mut dyn Sink) {
        let life = self.world.domains.life(domid);
        let Some(domain) = self.world.domains.get_mut(domid) else {
            return;
        };
        match life {
            None => self.forget_domain(domid, sink),
            Some(Life::Shutdown) if domain.introduced && !domain.shutdown => {
                domain.shutdown = true;
                self.fire_special(RELEASED, domid, sink);
            }
            Some(_) => {}
        }
    }

    /// Makes a domain known to the store, as INTRODUCE does. Again for a known domain: its connections start afresh.
    ///
    /// # Errors
    /// EINVAL if the hypervisor has no such domain.
    pub fn introduce(&mut self, domid: DomId, sink: &mut dyn Sink) -> Result<(), Errno> {
        let generation = self.world.tree.generation();
        if self.world.domains.life(domid).is_none() {
            return Err(Errno::EINVAL);
        }
        let domain = self.world.domains.existing(domid, generation);
        let domain = domain.ok_or(Errno::EINVAL)?;
        if domain.introduced {
            if self.world.rules.introduce_resets {
                for connection in self.connections_of(domid) {
                    self.reset(connection);
                }
            }
        } else {
            domain.introduced = true;
            domain.shutdown = false;
            self.fire_special(INTRODUCED, domid, sink);
        }
        sink.introduced(domid);
        Ok(())
    }

    /// Forgets a domain: connections, nodes, and, if it was introduced, tells.
    fn forget_domain(&mut self, domid: DomId, sink: &mut dyn Sink) {
        for connection in self.connections_of(domid) {
            self.disconnect(connection);
            sink.close(connection);
        }
        self.remove_nodes_of(domid, sink);
        let introduced = self.world.domains.is_introduced(domid);
        self.world.domains.forget(domid);
        self.world.domains.forget_target(domid);
        if introduced {
            self.fire_special(RELEASED, domid, sink);
        }
    }

    pub(super) fn connections_of(&self, domid: DomId) -> Vec<ConnId> {
        let of = |identity| identity == Identity::Domain(domid);
        let found = self.connections.iter().filter(|(_, c)| of(c.identity));
        found.map(|(id, _)| *id).collect()
    }

    /// Removes every node that a domain owns, with what is below; and what the others' permissions say about it, if the
    /// personality does.
    fn remove_nodes_of(&mut self, domid: DomId, sink: &mut dyn Sink) {
        let all = self.world.rules.entries_die;
        let mut stack: Vec<Arc<str>> = vec!["/".into()];
        while (all || self.world.domains.usage(domid).nodes > 0)
            && let Some(path) = stack.pop()
        {
            let Some(node) = self.world.tree.get(&path) else {
                continue;
            };
            let owned = node.acl.owner() == domid;
            if owned && &*path == "/" {
                // The root stays, as domain 0's.
                let acl = node.acl.with_owner(DomId::DOM0);
                let mut space = self.space(None, PRIVILEGED);
                // Nothing is refused to a privileged caller.
                drop(space.set_acl("/", acl));
                stack.push(path);
                continue;
            }
            if !owned {
                let start = stack.len();
                stack.extend(node.children.iter().map(|child| child.path_below(&path)));
                stack[start..].reverse();
                if all && let Some(acl) = node.acl.without(domid) {
                    self.world.set_acl(&path, acl);
                }
                continue;
            }
            let mut call = nobody();
            // Without a transaction and with all rights nothing is refused.
            drop(self.remove_tree(&mut call, &path, sink));
        }
    }

    pub(super) fn introduce_request(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        // The frame is not looked at: as in C it is what the domain granted. oxenstored wants it to stay the same.
        let [domid, frame, port] = call.request.first_strings()?;
        let (domid, frame) = (DomId(lax::atoi(domid)), lax::atoi(frame));
        let port = lax::atoi(port).cast_signed();
        let keeps = !self.world.rules.introduce_resets;
        let known = self.world.domains.get(domid).and_then(|d| d.frame);
        if port <= 0 || keeps && known.is_some_and(|known| known != frame) {
            return Err(Errno::EINVAL);
        }
        self.introduce(domid, sink)?;
        if let Some(domain) = self.world.domains.get_mut(domid) {
            domain.frame = Some(frame);
        }
        call.request.ack(sink);
        Ok(())
    }

    pub(super) fn release(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let domid = self.introduced_argument(call)?;
        self.forget_domain(domid, sink);
        call.request.ack(sink);
        Ok(())
    }

    pub(super) fn resume(&mut self, call: &mut Call<'_>, sink: &mut dyn Sink) -> Result<(), Errno> {
        let domid = self.introduced_argument(call)?;
        if let Some(domain) = self.world.domains.get_mut(domid) {
            domain.shutdown = false;
        }
        call.request.ack(sink);
        Ok(())
    }

    pub(super) fn set_target(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let [domid, target] = call.request.first_strings()?;
        let (domid, target) = (DomId(lax::atoi(domid)), DomId(lax::atoi(target)));
        if !self.world.domains.is_introduced(domid) || !self.world.domains.is_introduced(target) {
            return Err(Errno::ENOENT);
        }
        if let Some(domain) = self.world.domains.get_mut(domid) {
            domain.target = Some(target);
        }
        call.request.ack(sink);
        Ok(())
    }

    pub(super) fn get_domain_path(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let text = call.request.one_string()?;
        let domid = self.lax_domid(text, Empty::Zero)?;
        let path = format!("/local/domain/{domid}\0");
        call.request.reply(sink, path.as_bytes());
        Ok(())
    }

    pub(super) fn is_domain_introduced(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let text = call.request.one_string()?;
        let domid = self.lax_domid(text, Empty::Zero)?;
        let known = domid == DOMID_SELF || self.world.domains.is_introduced(domid);
        let answer: &[u8] = if known { b"T\0" } else { b"F\0" };
        call.request.reply(sink, answer);
        Ok(())
    }

    /// The one domain, introduced and not 0, that a request names.
    fn introduced_argument(&self, call: &Call<'_>) -> Result<DomId, Errno> {
        let domid = DomId(lax::atoi(call.request.one_string()?));
        if domid == DomId::DOM0 {
            return Err(Errno::EINVAL);
        }
        if !self.world.domains.is_introduced(domid) {
            return Err(Errno::ENOENT);
        }
        Ok(domid)
    }

    /// A domain's number as the personality reads it.
    pub(super) fn lax_domid(&self, text: &[u8], empty: Empty) -> Result<DomId, Errno> {
        let domid = DomId(lax::atoi(text));
        if !self.world.rules.strict_domids {
            return Ok(domid);
        }
        let digits = text.iter().all(u8::is_ascii_digit);
        let allowed = digits && (!text.is_empty() || empty == Empty::Zero);
        if allowed && domid < DomId::ANY {
            Ok(domid)
        } else {
            Err(Errno::EINVAL)
        }
    }
}

/// What an empty text means where a domain's number is expected.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Empty {
    Zero,
    Wrong,
}

/// A call by the store itself.
fn nobody() -> Call<'static> {
    Call {
        request: Request {
            from: ConnId(0),
            header: Header {
                op: Op::RM,
                req_id: ReqId(0),
                tx_id: TxId::NONE,
                len: 0,
            },
            payload: &[],
        },
        caller: PRIVILEGED,
        transaction: None,
    }
}
