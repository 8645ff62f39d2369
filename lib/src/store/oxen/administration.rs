//! Domains, and CONTROL, as oxenstored has them.

use super::perms::{Perms, Who};
use super::watches::look;
use super::{Path, Response, numbers};
use crate::id::DomId;
use crate::path::PHANTOM_NODES;
use crate::store::core::Core;
use crate::store::domain::Life;
use crate::store::output::Sink;
use crate::store::request::Request;
use crate::wire::{Errno, Op};

/// `DOMID_SELF` (`xen/include/public/xen.h`).
const DOMID_SELF: i64 = 0x7FF0;

impl Core {
    /// CONTROL: whatever it is, it is answered, and mostly with OK.
    pub(super) fn oxen_control(
        &self,
        request: &Request<'_>,
        who: Who,
        sink: &mut dyn Sink,
    ) -> Response {
        if !who.is_privileged() {
            return Response::Ack;
        }
        let strings: Vec<&[u8]> = request.payload.splitn(8, |byte| *byte == 0).collect();
        match strings[..] {
            [b"print", text, ..] => {
                sink.log(&format!("control: {}", crate::value::escape(text)));
                Response::Ack
            }
            [b"quota", domid, ..] => match numbers::strict(domid) {
                None => Response::Ack,
                Some(domid) => {
                    let key = (request.from, request.header.tx_id.0);
                    let tree = match self.oxen.transactions.get(&key) {
                        Some(transaction) => &transaction.work.tree,
                        None => &self.oxen.tree,
                    };
                    let text = match tree.counts.get(&domid) {
                        Some(count) => format!("dom{domid} quota: {count}/{}\0", tree.nodes_max),
                        None => format!("dom{domid} quota: not set\0"),
                    };
                    Response::Reply(text.into_bytes())
                }
            },
            _ => Response::Ack,
        }
    }

    /// The requests of a toolstack.
    pub(super) fn oxen_administer(
        &mut self,
        request: &Request<'_>,
        who: Who,
        sink: &mut dyn Sink,
    ) -> Result<Response, Errno> {
        let op = request.header.op;
        let known = [
            Op::INTRODUCE,
            Op::RELEASE,
            Op::IS_DOMAIN_INTRODUCED,
            Op::RESUME,
            Op::SET_TARGET,
        ];
        if !known.contains(&op) {
            return Err(Errno::ENOSYS);
        }
        if !who.is_privileged() {
            return Err(Errno::EACCES);
        }
        let strings: Vec<&[u8]> = request.payload.splitn(8, |byte| *byte == 0).collect();
        match (op, &strings[..]) {
            (Op::INTRODUCE, [domid, frame, port, ..]) => {
                // The frame is not kept: whoever makes a domain here gives it its memory.
                let port = numbers::strict(port).ok_or(Errno::EINVAL)?;
                numbers::strict(frame).ok_or(Errno::EIO)?;
                let domid = number(domid)?;
                if port <= 0 {
                    return Err(Errno::EINVAL);
                }
                self.introduce(domid, sink)?;
                Ok(Response::Ack)
            }
            (Op::RELEASE, [domid, b""]) => {
                let domid = number(domid)?;
                let known = self.world.domains.is_introduced(domid);
                self.oxen_end_connections(domid, sink);
                // In a transaction its nodes go in there, and only if it is committed.
                let key = (request.from, request.header.tx_id.0);
                match self.oxen.transactions.get_mut(&key) {
                    Some(transaction) => transaction.work.tree.forget(domid.0.into()),
                    None => self.oxen.tree.forget(domid.0.into()),
                }
                if !known {
                    return Err(Errno::EINVAL);
                }
                self.oxen_tell_special(PHANTOM_NODES[1], sink);
                Ok(Response::Ack)
            }
            (Op::IS_DOMAIN_INTRODUCED, [domid, ..]) => {
                let domid = numbers::strict(domid).ok_or(Errno::EINVAL)?;
                let known = domid == DOMID_SELF || self.knows(domid);
                Ok(Response::Reply(
                    if known { b"T\0" } else { b"F\0" }.to_vec(),
                ))
            }
            (Op::RESUME, [domid, ..]) => {
                let domid = numbers::strict(domid).ok_or(Errno::EINVAL)?;
                if self.knows(domid) {
                    Ok(Response::Ack)
                } else {
                    Err(Errno::EINVAL)
                }
            }
            (Op::SET_TARGET, [domid, target, b""]) => {
                let (domid, target) = (numbers::lax(domid), numbers::lax(target));
                let known = u32::try_from(domid).map(DomId).ok();
                let known = known.filter(|domid| self.world.domains.is_introduced(*domid));
                let domain = known.and_then(|domid| self.world.domains.get_mut(domid));
                let domain = domain.ok_or(Errno::ENOENT)?;
                domain.target = u32::try_from(target).map(DomId).ok();
                Ok(Response::Ack)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn knows(&self, domid: i64) -> bool {
        u32::try_from(domid).is_ok_and(|domid| self.world.domains.is_introduced(DomId(domid)))
    }

    /// Looks what has become of the domains: one event for all that have gone or are shut down, each time.
    pub(in crate::store) fn oxen_check_domains(&mut self, sink: &mut dyn Sink) {
        let mut tell = false;
        for domid in self.world.domains.known() {
            if domid == DomId::DOM0 {
                continue;
            }
            let introduced = self.world.domains.is_introduced(domid);
            match self.world.domains.life(domid) {
                Some(Life::Shutdown) => tell |= introduced,
                None | Some(Life::Dying) if introduced => {
                    tell = true;
                    self.oxen.tree.forget(domid.0.into());
                    self.oxen_end_connections(domid, sink);
                }
                None => self.world.domains.forget(domid),
                Some(Life::Running | Life::Dying) => {}
            }
        }
        if tell {
            self.oxen_tell_special(PHANTOM_NODES[1], sink);
        }
    }

    /// Forgets a domain and its connections.
    fn oxen_end_connections(&mut self, domid: DomId, sink: &mut dyn Sink) {
        for connection in self.connections_of(domid) {
            self.disconnect(connection);
            sink.close(connection);
        }
        self.world.domains.forget(domid);
    }

    /// The events of `@introduceDomain` or `@releaseDomain`: for whoever may read its node.
    pub(in crate::store) fn oxen_tell_special(&self, name: &str, sink: &mut dyn Sink) {
        let perms: Vec<Perms> = Path::parse(name.as_bytes())
            .map(|path| look(&self.oxen.tree.root, &path))
            .unwrap_or_default();
        let watches = &self.oxen.watches;
        let events = watches.special(name.as_bytes(), &perms, &|id| self.who(id));
        self.tell(events, sink);
    }
}

fn number(text: &[u8]) -> Result<DomId, Errno> {
    let number = numbers::strict(text).ok_or(Errno::EINVAL)?;
    u32::try_from(number).map(DomId).map_err(|_| Errno::EINVAL)
}
