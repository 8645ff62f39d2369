//! The store as oxenstored (of Xen 4.17) has it.
//!
//! Its tree, its transactions, its watches and its reading of requests have so little in common with the C daemon's
//! that they are kept apart here; what the personalities share (connections, the hypervisor's domains, quotas) is in
//! [`Core`].

mod administration;
mod check;
mod numbers;
mod operations;
mod path;
mod perms;
mod transacting;
mod transaction;
mod tree;
mod watches;
mod watching;

use std::collections::BTreeMap;

use self::path::Path;
use self::perms::Who;
use self::transaction::{Change, ChangeKind, Transaction, Work};
use self::tree::Tree;
use self::watches::{Event, Watches, look};
use super::core::{ConnId, Core, Identity};
use super::output::Sink;
use super::quota::reached;
use super::request::Request;
use crate::id::{DomId, ReqId, TxId};
use crate::wire::{Errno, Header, Op, PAYLOAD_MAX};

/// Requests that an unprivileged domain may have in one transaction.
const REQUESTS_MAX: u32 = 1024;

/// What oxenstored keeps.
#[derive(Debug)]
pub(super) struct Oxen {
    tree: Tree,
    watches: Watches,
    transactions: BTreeMap<(ConnId, u32), Transaction>,
    /// Numbers for the next transactions.
    next: BTreeMap<ConnId, u32>,
    /// Bytes that the transactions' requests and answers take up, about.
    held: usize,
}

/// Watches, and open transactions, that a privileged connection may have: the daemon does not limit them, but memory has
/// an end.
const PRIVILEGED_MAX: usize = 100_000;

/// Bytes that a node with an ordinary value takes up, about.
const NODE: usize = 512;

/// Bytes that a request kept by a transaction takes up beyond its payload and answer, about.
const KEPT: usize = 128;

/// What a request is answered with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Response {
    Ack,
    Reply(Vec<u8>),
    Error(Errno),
}

impl Oxen {
    /// A store with what the daemon makes at its start.
    pub(super) fn new(initial: &[(&str, &str)], nodes_max: u32) -> Self {
        let mut tree = Tree::new(nodes_max);
        for (name, value) in initial {
            // The parents come first, and nothing is refused to domain 0.
            if let Ok(path) = Path::parse(name.as_bytes()) {
                drop(tree.write(Who::OPERATOR, &path, value.as_bytes()));
            }
        }
        Self {
            tree,
            watches: Watches::default(),
            transactions: BTreeMap::new(),
            next: BTreeMap::new(),
            held: 0,
        }
    }

    /// Drops a connection's watches and transactions.
    pub(super) fn reset(&mut self, connection: ConnId) {
        self.watches.remove_all(connection);
        let held = &mut self.held;
        self.transactions.retain(|(owner, _), transaction| {
            let stays = *owner != connection;
            *held -= if stays { 0 } else { transaction.held };
            stays
        });
    }

    /// The connection is gone, or starts anew.
    pub(super) fn start_anew(&mut self, connection: ConnId) {
        self.reset(connection);
        self.next.remove(&connection);
    }

    /// Whether something may be added, which is at most a message long.
    fn has_room(&self, memory_max: usize) -> bool {
        let nodes: i64 = self.tree.counts.values().sum();
        let nodes = usize::try_from(nodes).unwrap_or_default();
        self.held + nodes.saturating_mul(NODE) <= memory_max
    }

    fn open(&self, connection: ConnId) -> usize {
        let own = (connection, 0)..=(connection, u32::MAX);
        self.transactions.range(own).count()
    }
}

impl Core {
    /// Carries out one request.
    pub(super) fn oxen_dispatch(&mut self, request: &Request<'_>, sink: &mut dyn Sink) {
        let mut request = Request { ..*request };
        let op = request.header.op;
        if matches!(op, Op::WATCH | Op::UNWATCH) {
            // Their transaction is not looked at, nor echoed.
            request.header.tx_id = TxId::NONE;
        }
        let key = (request.from, request.header.tx_id.0);
        let transacted = request.header.tx_id != TxId::NONE;
        if transacted && !self.oxen.transactions.contains_key(&key) {
            self.respond(&request, Response::Error(Errno::EIO), sink);
            return;
        }
        let who = self.who(request.from);
        let over = transacted && !who.is_privileged() && self.is_over(key);
        let mut events = Vec::new();
        let adds = transacted || matches!(op, Op::WRITE | Op::MKDIR);
        let mut response = if over {
            Response::Error(Errno::EQUOTA)
        } else if adds && op != Op::TRANSACTION_END && !self.oxen.has_room(self.world.memory_max) {
            Response::Error(Errno::ENOMEM)
        } else if operations::is_simple(op) {
            self.simple(&request, who, &mut events)
        } else {
            let result = self.special(&request, who, &mut events, sink);
            result.unwrap_or_else(Response::Error)
        };
        let over = transacted && !who.is_privileged() && self.is_over(key);
        if over {
            response = Response::Error(Errno::EQUOTA);
        } else if let Some(transaction) = self.oxen.transactions.get_mut(&key) {
            let payload = request.payload.into();
            let answer = match &response {
                Response::Reply(text) => text.len(),
                Response::Ack | Response::Error(_) => 0,
            };
            let held = request.payload.len() + answer + KEPT;
            transaction.held += held;
            self.oxen.held += held;
            transaction.requests.push((op, payload, response.clone()));
        }
        self.respond(&request, response, sink);
        self.tell(events, sink);
    }

    /// Whether a transaction has reached the limit of requests; then it stays so.
    fn is_over(&mut self, key: (ConnId, u32)) -> bool {
        let transaction = self.oxen.transactions.get_mut(&key);
        transaction.is_some_and(|transaction| {
            transaction.over |= reached(transaction.requests.len(), REQUESTS_MAX);
            transaction.over
        })
    }

    /// An operation on nodes.
    fn simple(&mut self, request: &Request<'_>, who: Who, events: &mut Vec<Event>) -> Response {
        let Request {
            from,
            header,
            payload,
        } = *request;
        let home = self.home(from);
        let quotas = self.world.quotas;
        let key = (from, header.tx_id.0);
        if let Some(transaction) = self.oxen.transactions.get_mut(&key) {
            return operations::carry_out(
                &mut transaction.work,
                header.op,
                payload,
                who,
                &home,
                &quotas,
            );
        }
        let mut work = Work::on(self.oxen.tree.take());
        let response = operations::carry_out(&mut work, header.op, payload, who, &home, &quotas);
        self.oxen.tree = work.tree;
        for change in &work.changes {
            events.extend(self.events_of(change));
        }
        response
    }

    /// An operation that is not on nodes.
    fn special(
        &mut self,
        request: &Request<'_>,
        who: Who,
        events: &mut Vec<Event>,
        sink: &mut dyn Sink,
    ) -> Result<Response, Errno> {
        let from = request.from;
        match request.header.op {
            Op::CONTROL => Ok(self.oxen_control(request, who, sink)),
            Op::WATCH => self.oxen_watch(request, who, events),
            Op::UNWATCH => self.oxen_unwatch(request),
            Op::TRANSACTION_START => self.oxen_start(request, who),
            Op::TRANSACTION_END => self.oxen_end(request, who, sink),
            Op::RESET_WATCHES => {
                self.oxen.reset(from);
                Ok(Response::Ack)
            }
            _ => self.oxen_administer(request, who, sink),
        }
    }

    /// The events of a change outside of transactions.
    fn events_of(&self, Change { path, kind }: &Change) -> Vec<Event> {
        let root = &self.oxen.tree.root;
        let top = path;
        let seen = |path: &Path| match kind {
            ChangeKind::Set => look(root, path),
            ChangeKind::Perms(before) => [&before[..], &look(root, path)].concat(),
            ChangeKind::Removed(Some(parent), node) if path == top => {
                vec![parent.clone(), node.perms.clone()]
            }
            ChangeKind::Removed(_, node) => {
                let below = path.below(top);
                look(node, &below)
            }
        };
        let watches = &self.oxen.watches;
        watches.events(path, kind.reaches_below(), &seen, &|id| self.who(id))
    }

    /// Sends events.
    fn tell(&self, events: Vec<Event>, sink: &mut dyn Sink) {
        for Event { to, path, token } in events {
            if path.len() + token.len() + 2 > PAYLOAD_MAX && self.is_on_ring(to) {
                let errno = Errno::E2BIG.to_wire();
                let header = Header {
                    op: Op::ERROR,
                    req_id: ReqId(0),
                    tx_id: TxId::NONE,
                    len: u32::try_from(errno.len()).unwrap_or_default(),
                };
                sink.reply(to, header, &errno);
            } else {
                sink.event(to, &path, &token, false);
            }
        }
    }

    fn respond(&self, request: &Request<'_>, response: Response, sink: &mut dyn Sink) {
        match response {
            Response::Ack => request.ack(sink),
            Response::Reply(payload)
                if payload.len() > PAYLOAD_MAX && self.is_on_ring(request.from) =>
            {
                request.fail(sink, &Errno::E2BIG);
            }
            Response::Reply(payload) => request.reply(sink, &payload),
            Response::Error(errno) => request.fail(sink, &errno),
        }
    }

    /// Whether a connection cannot take messages of any length.
    fn is_on_ring(&self, connection: ConnId) -> bool {
        let identity = self.connections.get(&connection).map(|c| c.identity);
        matches!(identity, Some(Identity::Domain(_)))
    }

    /// On whose behalf a connection acts.
    fn who(&self, connection: ConnId) -> Who {
        let identity = self.connections.get(&connection).map(|c| c.identity);
        let Some(Identity::Domain(domid)) = identity else {
            return Who::OPERATOR;
        };
        let domain = self.world.domains.get(domid);
        Who {
            main: domid.0.into(),
            target: domain
                .and_then(|domain| domain.target)
                .map(|target| target.0.into()),
        }
    }

    /// What a connection's relative paths are below.
    fn home(&self, connection: ConnId) -> String {
        let identity = self.connections.get(&connection).map(|c| c.identity);
        let domid = match identity {
            Some(Identity::Domain(domid)) => domid,
            _ => DomId::DOM0,
        };
        format!("/local/domain/{domid}")
    }
}
