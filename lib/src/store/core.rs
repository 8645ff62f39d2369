//! The state machine: requests in, replies and events out. No I/O, no clock, no threads; the same input gives the
//! same output.

use std::collections::BTreeMap;

use super::StoreOptions;
use super::access::{Caller, PRIVILEGED};
use super::control;
use super::domain::Domains;
use super::node::{Acl, Node};
use super::output::Sink;
use super::oxen::Oxen;
use super::personality::{DOMID_ANY, Rules};
use super::request::Request;
use super::space::Space;
use super::transaction::Transaction;
use super::tree::Tree;
use super::watch::{OwnWatches, Watches};
use super::world::World;
use crate::id::{DomId, TxId};
use crate::perms::{Access, Perm};
use crate::wire::{Errno, Header, Op};

/// Number of a connection to a [`Core`]; never used again.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConnId(pub u64);

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Identity {
    /// A client of the socket: it may do everything, and no quota holds for it.
    Socket,
    /// A domain. Domain 0 may do everything; any other has the rights of its number, and quotas.
    Domain(DomId),
}

/// How the ring of a domain is served.
#[derive(Clone, Copy, Debug)]
pub(super) struct RingTerms {
    /// `server_features`.
    pub(super) features: u32,
    /// What is in the ring when the domain is introduced is forgotten.
    pub(super) starts_empty: bool,
    /// The error word is written.
    pub(super) error_word: bool,
}

/// The state machine of the store.
#[derive(Debug)]
pub struct Core {
    pub(super) world: World,
    pub(super) watches: Watches,
    /// What is kept instead of tree, watches and transactions by an oxenstored.
    pub(super) oxen: Oxen,
    pub(super) connections: BTreeMap<ConnId, Connection>,
    last_connection: u64,
    /// What is to be traced, as `log` sets it.
    pub(super) switches: [bool; control::SWITCHES.len()],
}

/// What the store keeps for a connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) identity: Identity,
    pub(super) watches: OwnWatches,
    pub(super) transactions: BTreeMap<u32, Transaction>,
    next_transaction: u32,
}

/// A request with what it works for.
pub(super) struct Call<'a> {
    pub(super) request: Request<'a>,
    pub(super) caller: Caller,
    /// The transaction that it belongs to; taken by the operation that ends it.
    pub(super) transaction: Option<Transaction>,
}

/// An operation: what it does, and for whom.
type Handler = fn(&mut Core, &mut Call<'_>, &mut dyn Sink) -> Result<(), Errno>;

impl Core {
    /// A store with nothing but what the daemon itself makes.
    pub fn new(options: &StoreOptions) -> Self {
        let rules = options.personality.rules();
        let mut release = vec![Perm::new(Access::None, DomId::DOM0).into()];
        if rules.features & DOMID_ANY != 0 {
            release.push(Perm::new(Access::Read, DomId::ANY).into());
        }
        let release = Acl::new(&release).unwrap_or_else(|| Acl::owned(Access::None, DomId::DOM0));
        let mut core = Self {
            world: World {
                tree: Tree::new(Node::new(Acl::owned(Access::None, DomId::DOM0), b"")),
                domains: Domains::new(release),
                quotas: options.quotas,
                rules,
                memory: 0,
                memory_max: options.memory_max,
            },
            watches: Watches::default(),
            oxen: Oxen::new(rules.initial, options.quotas.nodes),
            connections: BTreeMap::new(),
            last_connection: 0,
            switches: control::SWITCHES.map(|(_, on)| on),
        };
        core.make_initial_nodes();
        core
    }

    /// A new connection, as at accept() or INTRODUCE; `None` for a domain that is not introduced.
    pub fn connect(&mut self, identity: Identity) -> Option<ConnId> {
        if let Identity::Domain(domid) = identity
            && !self.world.domains.is_introduced(domid)
        {
            return None;
        }
        self.last_connection += 1;
        let id = ConnId(self.last_connection);
        let connection = Connection {
            identity,
            watches: OwnWatches::default(),
            transactions: BTreeMap::new(),
            next_transaction: 1,
        };
        self.connections.insert(id, connection);
        Some(id)
    }

    /// The connection is gone: its watches and transactions go too.
    pub fn disconnect(&mut self, connection: ConnId) {
        self.reset(connection);
        self.connections.remove(&connection);
    }

    /// Carries out one request. The caller has read the header and exactly as much payload as it says, at most
    /// [`crate::wire::PAYLOAD_MAX`]; a longer message must not get here but ends the connection.
    pub fn handle(&mut self, from: ConnId, header: Header, payload: &[u8], sink: &mut dyn Sink) {
        let request = Request {
            from,
            header,
            payload,
        };
        if self.world.rules.oxenstored {
            self.oxen_dispatch(&request, sink);
        } else if let Err(errno) = self.dispatch(&request, sink) {
            request.fail(sink, &errno);
        }
    }

    fn dispatch(&mut self, request: &Request<'_>, sink: &mut dyn Sink) -> Result<(), Errno> {
        let rules = self.world.rules;
        let connection = self.connections.get_mut(&request.from).ok_or(Errno::EIO)?;
        let identity = connection.identity;
        let header = request.header;
        let (handler, kind) = operation(header.op, rules).ok_or(Errno::ENOSYS)?;
        let wanted =
            (kind != Kind::Untransacted && header.tx_id != TxId::NONE).then_some(header.tx_id.0);
        let caller = caller(&self.world.domains, identity);
        if kind == Kind::Privileged && !caller.privileged {
            return Err(Errno::EACCES);
        }
        if rules.control.maxima {
            // Every request waits at least until its answer is sent.
            let domains = &mut self.world.domains;
            domains.note(caller.domid, |seen| seen.outstanding = 1);
        }
        let transaction = match wanted {
            None => None,
            Some(id) => {
                let found = connection.transactions.remove(&id);
                Some(found.ok_or(Errno::ENOENT)?)
            }
        };
        let mut call = Call {
            request: Request { ..*request },
            caller,
            transaction,
        };
        let result = handler(self, &mut call, sink);
        if let (Some(id), Some(transaction)) = (wanted, call.transaction)
            && let Some(connection) = self.connections.get_mut(&request.from)
        {
            connection.transactions.insert(id, transaction);
        }
        result
    }

    /// On whose behalf a connection acts.
    pub(super) fn caller_of(&self, connection: ConnId) -> Option<Caller> {
        let connection = self.connections.get(&connection)?;
        Some(caller(&self.world.domains, connection.identity))
    }

    /// What a request works on.
    pub(super) fn space<'a>(
        &'a mut self,
        transaction: Option<&'a mut Transaction>,
        caller: Caller,
    ) -> Space<'a> {
        Space {
            world: &mut self.world,
            transaction,
            caller,
        }
    }

    /// How the ring of a domain is served; `None` for a domain that is not introduced.
    pub(super) fn ring_terms(&self, domid: DomId) -> Option<RingTerms> {
        let domain = self.world.domains.get(domid).filter(|d| d.introduced)?;
        let rules = self.world.rules;
        Some(RingTerms {
            features: domain.features.unwrap_or(rules.features),
            starts_empty: rules.introduce_resets,
            error_word: rules.ring_errors,
        })
    }

    /// Drops a connection's watches and transactions.
    pub(super) fn reset(&mut self, id: ConnId) {
        self.oxen.start_anew(id);
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let transactions = std::mem::take(&mut connection.transactions);
        let open = transactions.len();
        for transaction in transactions.values() {
            self.world.release(transaction);
        }
        let (watches, memory) = (connection.watches.len(), connection.watches.memory());
        let held = memory + watches * super::watching::WATCH;
        self.world.memory = self.world.memory.saturating_sub(held);
        self.watches.remove_all(&mut connection.watches);
        if let Identity::Domain(domid) = connection.identity {
            self.world.domains.charge(domid, |usage| {
                usage.transactions = usage.transactions.saturating_sub(open);
                usage.watches = usage.watches.saturating_sub(watches);
                usage.memory = usage.memory.saturating_sub(memory);
            });
        }
    }

    /// A number for a new transaction of a connection.
    pub(super) fn begin(&mut self, id: ConnId) -> Option<u32> {
        let connection = self.connections.get_mut(&id)?;
        let mut number = connection.next_transaction;
        while number == 0 || connection.transactions.contains_key(&number) {
            number = number.wrapping_add(1);
        }
        connection.next_transaction = number.wrapping_add(1);
        connection
            .transactions
            .insert(number, Transaction::default());
        Some(number)
    }

    fn make_initial_nodes(&mut self) {
        self.world.charge("/");
        self.world.count_node(DomId::DOM0, 1);
        for (path, value) in self.world.rules.initial {
            let mut space = self.space(None, PRIVILEGED);
            // The parents come first in the table, and nothing is refused to a privileged caller.
            drop(space.create(path, value.as_bytes()));
        }
        // As if each had been written once, complete: the root first.
        let paths = self.world.rules.initial.iter().map(|(path, _)| *path);
        self.world.tree.restart(std::iter::once("/").chain(paths));
        if self.world.rules.special_perms_readable {
            // There the two special names are nodes, which were made then.
            self.world.tree.advance();
            self.world.tree.advance();
        }
    }
}

/// On whose behalf something is done.
fn caller(domains: &Domains, identity: Identity) -> Caller {
    match identity {
        Identity::Socket | Identity::Domain(DomId::DOM0) => PRIVILEGED,
        Identity::Domain(domid) => Caller {
            domid,
            privileged: false,
            target: domains.get(domid).and_then(|d| d.target),
        },
    }
}

/// For whom an operation is.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Anybody,
    /// For anybody; the transaction's number is not looked at.
    Untransacted,
    Privileged,
}

/// The operation with this code, if the store has it.
fn operation(op: Op, rules: &Rules) -> Option<(Handler, Kind)> {
    let found: (Handler, Kind) = match op {
        Op::CONTROL => (Core::control, Kind::Privileged),
        Op::DIRECTORY => (Core::directory, Kind::Anybody),
        Op::READ => (Core::read, Kind::Anybody),
        Op::GET_PERMS => (Core::get_perms, Kind::Anybody),
        Op::WATCH => (Core::watch, Kind::Untransacted),
        Op::UNWATCH => (Core::unwatch, Kind::Untransacted),
        Op::TRANSACTION_START => (Core::transaction_start, Kind::Anybody),
        Op::TRANSACTION_END => (Core::transaction_end, Kind::Anybody),
        Op::INTRODUCE => (Core::introduce_request, Kind::Privileged),
        Op::RELEASE => (Core::release, Kind::Privileged),
        Op::GET_DOMAIN_PATH => (Core::get_domain_path, Kind::Anybody),
        Op::WRITE => (Core::write, Kind::Anybody),
        Op::MKDIR => (Core::mkdir, Kind::Anybody),
        Op::RM => (Core::rm, Kind::Anybody),
        Op::SET_PERMS => (Core::set_perms, Kind::Anybody),
        Op::IS_DOMAIN_INTRODUCED => (Core::is_domain_introduced, Kind::Privileged),
        Op::RESUME => (Core::resume, Kind::Privileged),
        Op::SET_TARGET => (Core::set_target, Kind::Privileged),
        Op::RESET_WATCHES => (Core::reset_watches, Kind::Anybody),
        Op::DIRECTORY_PART => (Core::directory_part, Kind::Anybody),
        Op::GET_FEATURE if rules.feature_operations => (Core::get_feature, Kind::Anybody),
        Op::SET_FEATURE if rules.feature_operations => (Core::set_feature, Kind::Privileged),
        Op::GET_QUOTA if rules.feature_operations => (Core::get_quota, Kind::Privileged),
        Op::SET_QUOTA if rules.feature_operations => (Core::set_quota, Kind::Privileged),
        _ => return None,
    };
    Some(found)
}
