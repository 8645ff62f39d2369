//! Reads subtrees, many requests at a time.

use std::ops::Range;
use std::sync::Arc;

use super::MirrorOptions;
use super::tree::Branch;
use super::view::Mirrored;
use crate::client::{Burst, Client, Operations};
use crate::error::{Error, ErrorKind, Result};
use crate::path::{PHANTOM_NODES, StorePath, is_name};
use crate::perms::Perms;
use crate::tree::{Field, Plan, Want};
use crate::value::escape;
use crate::wire::{Errno, Op};

/// Subtrees that are being read.
///
/// What was found first is looked into first, so that one part after the other is complete.
pub(super) struct Harvest<'a> {
    options: &'a MirrorOptions,
    items: Vec<Item>,
    /// Which of them are to be asked for, the next ones last.
    waiting: Vec<Range<usize>>,
    roots: usize,
    /// Those whose children do not fit into one answer.
    long: Vec<usize>,
    /// Nodes of what was put together.
    nodes: usize,
    /// Why what the store said makes no sense.
    broken: Option<Error>,
    scratch: String,
}

/// What was read.
pub(super) struct Crop {
    /// Of each root, `None` if it is not there.
    pub(super) branches: Vec<Option<Branch>>,
    /// How many nodes that is, if somebody has counted them.
    pub(super) nodes: Option<usize>,
    /// What is left of the reading: to take it apart takes its time, so it is dropped when nobody waits any more.
    pub(super) _husks: Vec<Item>,
}

pub(super) struct Item {
    state: State,
    /// The one of which it is a child; a root's is its own.
    above: u32,
    children: Range<u32>,
    /// Children of which something is still to come.
    unripe: u32,
    /// Answers that are still to come.
    missing: u8,
    is_gone: bool,
    /// Whether its names could be listed or a value was read: it is certainly there.
    is_seen: bool,
}

enum State {
    /// Something of it or of what lies below it is still to come.
    Open(Arc<Mirrored>, Plan),
    /// It is complete with all below it, unless that became part of something larger; nothing if it is gone. What is
    /// complete is put together at once: while the store works, and while it is in the processor's cache.
    Ripe(Option<Branch>),
}

/// Which item's, and what.
pub(super) type Tag = (u32, Part);

#[derive(Clone, Copy)]
pub(super) enum Part {
    Names,
    Value,
    Perms,
}

impl<'a> Harvest<'a> {
    pub(super) fn new(roots: &[StorePath], options: &'a MirrorOptions) -> Self {
        let everything = Plan::new(Want::Both, everything);
        let plan = options.wants.unwrap_or(everything);
        let mut harvest = Self {
            options,
            items: Vec::new(),
            waiting: Vec::new(),
            roots: roots.len(),
            long: Vec::new(),
            nodes: 0,
            broken: None,
            scratch: String::new(),
        };
        for (index, root) in roots.iter().enumerate() {
            let mut plan = plan.at(root);
            if plan.want == Want::Nothing {
                // A root is always read.
                plan = Plan::new(Want::Both, plan.below);
            }
            let item = Item::new(root.clone(), plan, place(index), options);
            harvest.items.push(item);
        }
        harvest.waiting.push(0..roots.len());
        harvest
    }

    /// How many nodes were found so far.
    pub(super) fn found(&self) -> usize {
        self.items.len()
    }

    /// Sends requests, waits for answers and looks at them; whether there is more to do.
    ///
    /// # Errors
    /// If the connection is lost, or what the store says makes no sense.
    pub(super) fn turn(&mut self, burst: &mut Burst<Tag>, client: &Client) -> Result<bool> {
        self.ask(burst);
        if !burst.is_idle() {
            burst.turn(|(index, part), answer| self.take(index as usize, part, answer))?;
        }
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        for index in std::mem::take(&mut self.long) {
            self.list_long(index, client)?;
        }
        Ok(!burst.is_idle() || !self.waiting.is_empty())
    }

    fn ask(&mut self, burst: &mut Burst<Tag>) {
        const MOST: usize = 3;
        let mut room = burst.room();
        while room >= MOST {
            let Some(next) = self.waiting.last_mut() else {
                return;
            };
            let Some(index) = next.next() else {
                self.waiting.pop();
                continue;
            };
            let item = &self.items[index];
            let State::Open(node, plan) = &item.state else {
                continue;
            };
            let path = node.path.as_bytes();
            let tag = |part| (place(index), part);
            if plan.want != Want::Value {
                burst.ask(Op::DIRECTORY, path, tag(Part::Names));
            }
            if plan.want != Want::Names {
                burst.ask(Op::READ, path, tag(Part::Value));
            }
            if self.options.perms {
                burst.ask(Op::GET_PERMS, path, tag(Part::Perms));
            }
            room -= usize::from(item.missing);
        }
    }

    fn take(&mut self, index: usize, part: Part, answer: std::result::Result<&[u8], Errno>) {
        let item = &mut self.items[index];
        let State::Open(node, _) = &mut item.state else {
            return;
        };
        // Nobody else has it before it is complete.
        let Some(node) = Arc::get_mut(node) else {
            return;
        };
        match (part, answer) {
            (Part::Value, Ok(value)) => {
                node.value = Field::Known(value.to_vec());
                item.is_seen = true;
            }
            (Part::Perms, Ok(perms)) => match Perms::from_wire(perms) {
                Ok(perms) => node.perms = Field::Known(perms),
                Err(error) => self.broken = Some(error.into()),
            },
            (Part::Names, Ok(names)) => {
                item.is_seen = true;
                if !names.is_empty() {
                    self.expect(index, names);
                }
            }
            (part, Err(errno)) => {
                let error = Error::Store {
                    op: part.op(),
                    path: node.path.to_string(),
                    errno,
                };
                match (error.kind(), part) {
                    (ErrorKind::NotFound, _) => item.is_gone = true,
                    (ErrorKind::Denied, Part::Value) => node.value = Field::Denied,
                    (ErrorKind::Denied, Part::Perms) => node.perms = Field::Denied,
                    (ErrorKind::Denied, Part::Names) => node.listed = false,
                    // A list too long for one message: asked for in parts.
                    (ErrorKind::TooLong, Part::Names) => {
                        self.long.push(index);
                        return;
                    }
                    _ => self.broken = Some(error),
                }
            }
        }
        self.items[index].missing -= 1;
        self.ripen(index);
    }

    /// Puts it together if it is complete, and what becomes complete by that.
    fn ripen(&mut self, mut index: usize) {
        loop {
            let item = &mut self.items[index];
            if item.missing > 0 || item.unripe > 0 {
                return;
            }
            let State::Open(node, _) = std::mem::replace(&mut item.state, State::Ripe(None)) else {
                return;
            };
            let above = item.above as usize;
            let is_gone = item.is_gone;
            let children = item.children.start as usize..item.children.end as usize;
            let below = self.items[children].iter_mut().filter_map(Item::pick);
            let below: Vec<Branch> = below.collect();
            if is_gone {
                self.nodes -= below.iter().map(Branch::len).sum::<usize>();
            } else {
                self.nodes += 1;
                self.items[index].state = State::Ripe(Some(Branch::new(node, below)));
            }
            if above == index {
                return;
            }
            self.items[above].unripe -= 1;
            index = above;
        }
    }

    /// Takes the names of children, each with a NUL behind it.
    fn expect(&mut self, index: usize, names: &[u8]) {
        let State::Open(above, plan) = &self.items[index].state else {
            return;
        };
        let (above, plan) = (Arc::clone(above), *plan);
        let Some(list) = names
            .strip_suffix(b"\0")
            .and_then(|list| str::from_utf8(list).ok())
        else {
            self.broken = Some(strange(&above.path, names));
            return;
        };
        let is_root = above.path.is_root();
        let mut sorted: Vec<(&str, Plan)> = Vec::new();
        let mut is_more = false;
        for name in list.split('\0') {
            if !is_name(name.as_bytes()) {
                self.broken = Some(strange(&above.path, name.as_bytes()));
                return;
            }
            if is_root && PHANTOM_NODES.contains(&name) {
                continue;
            }
            let plan = (plan.below)(name);
            if plan.want == Want::Nothing {
                is_more = true;
            } else {
                sorted.push((name, plan));
            }
        }
        if !sorted.is_sorted_by(|(a, _), (b, _)| a < b) {
            sorted.sort_unstable_by_key(|(name, _)| *name);
            sorted.dedup_by_key(|(name, _)| *name);
        }
        let first = self.items.len();
        for (name, plan) in sorted {
            // A path that is too long for a request cannot be read.
            let filter = self.options.filter.as_ref();
            match above.path.with_name(name, &mut self.scratch) {
                Some(path) if filter.is_none_or(|wanted| wanted(&path)) => {
                    let item = Item::new(path, plan, place(index), self.options);
                    self.items.push(item);
                }
                _ => is_more = true,
            }
        }
        let end = self.items.len();
        drop(above);
        let item = &mut self.items[index];
        if let State::Open(node, _) = &mut item.state
            && let Some(node) = Arc::get_mut(node)
        {
            node.more = is_more;
        }
        item.children = place(first)..place(end);
        item.unripe = place(end - first);
        if first < end {
            self.waiting.push(first..end);
        }
    }

    fn list_long(&mut self, index: usize, client: &Client) -> Result<()> {
        let State::Open(node, _) = &self.items[index].state else {
            return Ok(());
        };
        let path = node.path.clone();
        match client.directory(&path) {
            Ok(names) => {
                let mut list = names.join("\0");
                list.push('\0');
                self.items[index].is_seen = true;
                if !names.is_empty() {
                    self.expect(index, list.as_bytes());
                }
            }
            Err(error) if error.is_not_found() => self.items[index].is_gone = true,
            Err(error) if error.kind() == ErrorKind::Denied => {
                if let State::Open(node, _) = &mut self.items[index].state
                    && let Some(node) = Arc::get_mut(node)
                {
                    node.listed = false;
                }
            }
            Err(error) => return Err(error),
        }
        self.items[index].missing -= 1;
        self.ripen(index);
        Ok(())
    }

    /// Whether the store says that a root is there, or only that we may not know.
    pub(super) fn is_certain(&self, root: usize) -> bool {
        self.items[root].is_gone || self.items[root].is_seen
    }

    /// What was read.
    pub(super) fn into_crop(mut self) -> Crop {
        let roots = self.items[..self.roots].iter_mut();
        Crop {
            branches: roots.map(Item::pick).collect(),
            nodes: Some(self.nodes),
            _husks: self.items,
        }
    }

    /// The first root with what is known so far. Of nodes that were not read yet nothing is known but that they are
    /// there.
    pub(super) fn so_far(&self) -> Option<Branch> {
        self.part(0)
    }

    fn part(&self, index: usize) -> Option<Branch> {
        let item = self.items.get(index)?;
        let node = match &item.state {
            State::Ripe(branch) => return branch.clone(),
            State::Open(..) if item.is_gone => return None,
            State::Open(node, _) => node,
        };
        if item.missing > 0 {
            let node = Mirrored {
                path: node.path.clone(),
                value: Field::Denied,
                perms: Field::Unasked,
                listed: false,
                more: false,
            };
            return Some(Branch::new(Arc::new(node), Vec::new()));
        }
        let below = (item.children.start..item.children.end)
            .filter_map(|child| self.part(child as usize))
            .collect();
        Some(Branch::new(Arc::clone(node), below))
    }
}

impl Item {
    fn new(path: StorePath, plan: Plan, above: u32, options: &MirrorOptions) -> Self {
        let parts = if plan.want == Want::Both { 2 } else { 1 };
        let node = Mirrored {
            path,
            value: Field::Unasked,
            perms: Field::Unasked,
            listed: true,
            more: false,
        };
        Self {
            state: State::Open(Arc::new(node), plan),
            above,
            children: 0..0,
            unripe: 0,
            missing: parts + u8::from(options.perms),
            is_gone: false,
            is_seen: false,
        }
    }

    /// Takes what it was put together to.
    fn pick(&mut self) -> Option<Branch> {
        match &mut self.state {
            State::Ripe(branch) => branch.take(),
            State::Open(..) => None,
        }
    }
}

/// A place in the list; nodes are bounded, see the mirror's options.
fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

impl Part {
    fn op(self) -> Op {
        match self {
            Self::Names => Op::DIRECTORY,
            Self::Value => Op::READ,
            Self::Perms => Op::GET_PERMS,
        }
    }
}

fn everything(_: &str) -> Plan {
    Plan::new(Want::Both, everything)
}

fn strange(path: &StorePath, name: &[u8]) -> Error {
    Error::Protocol {
        what: format!(
            "the name \"{}\" among the children of {path}",
            escape(&name[..name.len().min(80)])
        ),
    }
}
