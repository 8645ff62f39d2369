//! The pipelined walk.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::vec;

use super::Node;
use super::flight::{Flight, Missing};
use super::plan::{Plan, Want};
use crate::client::{NameList, Operations};
use crate::error::{Error, Result};
use crate::path::{PHANTOM_NODES, StorePath};

/// Decides by path whether a node and all below it are visited.
pub type Filter = Arc<dyn Fn(&StorePath) -> bool + Send + Sync>;

/// What a walk asks for, and in which order it tells.
#[derive(Clone)]
#[non_exhaustive]
pub struct WalkOptions {
    /// Whether to read values.
    pub values: bool,
    /// Whether to read permissions.
    pub perms: bool,
    /// How siblings are ordered. Every node comes before the nodes below it.
    pub order: Order,
    /// How many levels below the top to visit; `None`: all.
    pub depth: Option<usize>,
    /// Which nodes to visit; the top always is.
    pub filter: Option<Filter>,
    /// What to ask for about each node that is visited, from the root on; `None`: names, and values if `values` says
    /// so.
    pub wants: Option<Plan>,
    /// Most requests under way at once, at least one node's.
    pub window: usize,
}

impl Default for WalkOptions {
    fn default() -> Self {
        Self {
            values: true,
            perms: false,
            order: Order::Sorted,
            depth: None,
            filter: None,
            wants: None,
            window: 384,
        }
    }
}

impl WalkOptions {
    /// Values and permissions of everything.
    pub fn full() -> Self {
        Self {
            perms: true,
            ..Self::default()
        }
    }

    /// Names only.
    pub fn names() -> Self {
        Self {
            values: false,
            ..Self::default()
        }
    }
}

/// How siblings are ordered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Order {
    /// By name, byte by byte: the same on every store.
    #[default]
    Sorted,
    /// As the store lists them: C by age, oxenstored by name.
    Store,
}

/// A walk over the nodes at and below a path: an iterator of nodes, each before the nodes below it.
///
/// A node that is removed meanwhile is left out ([`Walk::vanished`] counts them). What the store denies is marked in
/// the node, and the walk goes on. Any other error is the last item. The two `@…` nodes that oxenstored shows in the
/// root are no nodes and are left out.
///
/// A walk over a [`crate::Transaction`] sees one state; on C xenstored only if the transaction then commits.
pub struct Walk<'a, O: Operations + ?Sized> {
    ops: &'a O,
    options: WalkOptions,
    /// Names still to be asked for, by the position of the first of them.
    waiting: BTreeMap<Position, Siblings>,
    flying: VecDeque<(Position, usize, Flight)>,
    /// Nodes under way (`None`) or read but not told yet.
    open: BTreeMap<Position, Option<Found>>,
    /// Nodes whose answers came.
    landed: usize,
    vanished: u64,
    unreachable: u64,
    over: bool,
}

/// Nodes under way before the first answer.
const FIRST_WINDOW: usize = 8;

/// Place in the order of telling: number among the siblings, on each level from the top. A node's is a prefix of those
/// below it, and therefore sorts before them.
type Position = Vec<u32>;

/// What became of a node that was asked for.
pub(crate) enum Found {
    /// It is there.
    Node(Node),
    /// A top that is not there; what the store said.
    Gone(Error),
}

/// Children of one node that were not asked for yet.
struct Siblings {
    above: StorePath,
    depth: usize,
    names: vec::IntoIter<String>,
}

impl<'a, O: Operations + ?Sized> Walk<'a, O> {
    /// Starts at `top`. If it is missing, that error is the only item.
    pub fn new(ops: &'a O, top: &StorePath, options: WalkOptions) -> Self {
        Self::over(ops, std::slice::from_ref(top), options)
    }

    /// Starts at several places, told in the order given.
    pub(crate) fn over(ops: &'a O, tops: &[StorePath], options: WalkOptions) -> Self {
        let mut walk = Self {
            ops,
            options,
            waiting: BTreeMap::new(),
            flying: VecDeque::new(),
            open: BTreeMap::new(),
            landed: 0,
            vanished: 0,
            unreachable: 0,
            over: false,
        };
        for (index, top) in (0..).zip(tops) {
            walk.ask(vec![index], 0, top.clone());
        }
        walk
    }

    /// How many nodes were listed by their parents but gone when they were asked for.
    pub fn vanished(&self) -> u64 {
        self.vanished
    }

    /// How many nodes were left out because their paths are longer than a request may name
    /// ([`crate::path::ABSOLUTE_MAX`]).
    pub fn unreachable(&self) -> u64 {
        self.unreachable
    }

    /// The next node, or a top that is not there.
    pub(crate) fn step(&mut self) -> Result<Option<Found>> {
        loop {
            self.fill();
            if let Some(found) = self.ready() {
                return Ok(Some(found));
            }
            let Some((position, depth, flight)) = self.flying.pop_front() else {
                return Ok(None);
            };
            self.landed = self.landed.saturating_add(1);
            match flight.land(self.ops)? {
                Ok((node, names)) => {
                    self.expect_children(&position, depth, &node.path, names);
                    self.open.insert(position, Some(Found::Node(node)));
                }
                Err(Missing(error)) if position.len() == 1 => {
                    self.open.insert(position, Some(Found::Gone(error)));
                }
                Err(_) => {
                    self.open.remove(&position);
                    self.vanished += 1;
                }
            }
        }
    }

    /// The first open node, once nothing can come before it any more.
    fn ready(&mut self) -> Option<Found> {
        let first = self.open.first_entry()?;
        let earlier = self.waiting.first_key_value();
        if first.get().is_none() || earlier.is_some_and(|(earlier, _)| earlier < first.key()) {
            return None;
        }
        first.remove()
    }

    /// Sends requests until the window is full, those first that will be told first.
    fn fill(&mut self) {
        let before = self.flying.len();
        self.submit();
        // The store is to work while we look at what came; the next wait may be far.
        if let Some((.., last)) = self.flying.back().filter(|_| self.flying.len() > before) {
            last.flush();
        }
    }

    fn submit(&mut self) {
        let each = 1 + usize::from(self.options.values) + usize::from(self.options.perms);
        let most = (self.options.window / each).max(1);
        // Opened by and by: what is told first lies deep, and would wait for a whole window of its parent's siblings.
        let window = most.min(FIRST_WINDOW.saturating_add(self.landed));
        // Nodes read ahead of their turn are bounded, too.
        let ahead = 4 * window;
        // Refilled in batches, so that many requests leave in one message to the system.
        if self.flying.len() > window - window / 4 {
            return;
        }
        while self.flying.len() < window {
            let Some(first) = self.waiting.first_entry() else {
                return;
            };
            let next_told = self.open.first_key_value().map(|(position, _)| position);
            if self.open.len() >= ahead && next_told < Some(first.key()) {
                return;
            }
            let (position, mut siblings) = first.remove_entry();
            let name = siblings.names.next();
            let path = name.map(|name| siblings.above.join(&name));
            let depth = siblings.depth;
            if siblings.names.len() > 0 {
                let mut next = position.clone();
                if let Some(last) = next.last_mut() {
                    *last += 1;
                }
                self.waiting.insert(next, siblings);
            }
            match path {
                Some(Ok(path)) if self.visits(&path) => self.ask(position, depth, path),
                Some(Err(_)) => self.unreachable += 1,
                _ => {}
            }
        }
    }

    fn visits(&self, path: &StorePath) -> bool {
        let filter = self.options.filter.as_ref();
        filter.is_none_or(|wanted| wanted(path)) && self.want(path) != Want::Nothing
    }

    fn want(&self, path: &StorePath) -> Want {
        match (&self.options.wants, self.options.values) {
            (Some(plan), _) => plan.at(path).want,
            (None, true) => Want::Both,
            (None, false) => Want::Names,
        }
    }

    fn ask(&mut self, position: Position, depth: usize, path: StorePath) {
        let want = match self.want(&path) {
            // A top is always visited.
            Want::Nothing => Want::Both,
            want => want,
        };
        let flight = Flight::start(self.ops, path, want, self.options.perms);
        self.open.insert(position.clone(), None);
        self.flying.push_back((position, depth, flight));
    }

    fn expect_children(
        &mut self,
        position: &Position,
        depth: usize,
        above: &StorePath,
        mut names: NameList,
    ) {
        if self.options.depth.is_some_and(|most| depth >= most) {
            return;
        }
        if above.is_root() {
            names.retain(|name| !PHANTOM_NODES.contains(&name.as_str()));
        }
        if names.is_empty() {
            return;
        }
        if self.options.order == Order::Sorted {
            names.sort_unstable();
        }
        let mut first = Position::with_capacity(position.len() + 1);
        first.extend_from_slice(position);
        first.push(0);
        let siblings = Siblings {
            above: above.clone(),
            depth: depth + 1,
            names: names.into_iter(),
        };
        self.waiting.insert(first, siblings);
    }
}

impl<O: Operations + ?Sized> Iterator for Walk<'_, O> {
    type Item = Result<Node>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let item = match self.step() {
            Ok(Some(Found::Node(node))) => return Some(Ok(node)),
            Ok(Some(Found::Gone(error))) | Err(error) => Some(Err(error)),
            Ok(None) => None,
        };
        self.over = true;
        item
    }
}
