//! In what the two sides may differ, and why. Everything else must be the same to the byte.

use std::collections::BTreeMap;

use xenbus::wire::Op;
use xenbus_harness::Kind;

use super::side::{Frame, Seen};
use super::step::{Conn, Life, Step};

/// What led to an observation.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) kind: Kind,
    /// Connection, operation and payload of the request, if the step was one.
    pub(super) request: Option<(Conn, Op, &'a [u8])>,
}

/// One freedom: a rule that makes two different answers one.
struct Freedom {
    name: &'static str,
    #[expect(dead_code, reason = "it is for the reader")]
    reason: &'static str,
    allows: fn(&mut Memory, &Context<'_>, theirs: &[Frame], ours: &[Frame]) -> bool,
}

const FREEDOMS: &[Freedom] = &[
    Freedom {
        name: "stale errno",
        reason: "C 4.17 answers some wrong requests with whatever error it had last; 4.18 and we say which it is",
        allows: |_, context, theirs, ours| {
            let Some((_, op, payload)) = context.request else {
                return false;
            };
            context.kind == Kind::C
                && is_error(theirs, None)
                && (malformed(op, payload) && is_error(ours, Some("EINVAL"))
                    || op == Op::SET_PERMS && payload.starts_with(b"@") && is_error(ours, None))
        },
    },
    Freedom {
        name: "generation",
        reason: "the generation in an answer to DIRECTORY_PART is opaque: it must only change when the other one does; \
                 a part may end earlier when the number is longer",
        allows: |memory, context, theirs, ours| {
            let (Some((_, Op::DIRECTORY_PART, payload)), [theirs], [ours]) =
                (context.request, theirs, ours)
            else {
                return false;
            };
            let (Some(theirs), Some(ours)) = (generation(theirs), generation(ours)) else {
                return false;
            };
            let full = theirs.1.len().min(ours.1.len()) > 3000;
            let same = theirs.1 == ours.1
                || full && (theirs.1.starts_with(ours.1) || ours.1.starts_with(theirs.1));
            same && memory.changes_alike(payload, theirs.0, ours.0)
        },
    },
    Freedom {
        name: "transaction number",
        reason: "numbers of transactions are any; oxenstored uses one up when it carries a transaction out again",
        allows: |_, context, theirs, ours| {
            let number = |frames: &[Frame]| -> Option<u32> {
                let [frame] = frames else { return None };
                let text = str::from_utf8(frame.payload.strip_suffix(b"\0")?).ok()?;
                let number = text.parse().ok()?;
                (frame.op == Op::TRANSACTION_START && frame.echoed && number != 0).then_some(number)
            };
            context
                .request
                .is_some_and(|(_, op, _)| op == Op::TRANSACTION_START)
                && number(theirs).is_some()
                && number(ours).is_some()
        },
    },
    Freedom {
        name: "memory of transactions",
        reason: "C counts the copies that an open transaction makes of nodes, under keys as long as its generation, as \
                 memory of the domain; ours shares the nodes and counts none",
        allows: |_, context, theirs, ours| {
            let counts = |frames: &[Frame]| -> Option<String> {
                let [frame] = frames else { return None };
                let text = str::from_utf8(&frame.payload).ok()?;
                let (counts, memory) = text.split_once("memory  ")?;
                let number = memory.trim_start_matches([' ', ':']);
                let plain = number
                    .strip_suffix("\n\0")?
                    .bytes()
                    .all(|byte| byte.is_ascii_digit());
                (frame.op == Op::CONTROL && frame.echoed && plain).then(|| counts.to_owned())
            };
            context.kind == Kind::C && counts(theirs).is_some() && counts(theirs) == counts(ours)
        },
    },
    Freedom {
        name: "blame for a conflict",
        reason: "oxenstored looks for the domain that is to blame for a conflict, if one has written in the last 50 ms; \
                 then a request that cannot be carried out again (CONTROL, WATCH, …) makes EINVAL of EAGAIN",
        allows: |_, context, theirs, ours| {
            context.kind == Kind::OCaml
                && context
                    .request
                    .is_some_and(|(_, op, _)| op == Op::TRANSACTION_END)
                && is_error(theirs, Some("EINVAL"))
                && is_error(ours, Some("EAGAIN"))
        },
    },
    Freedom {
        name: "release before or after its answer",
        reason: "the C daemon holds the connection that it looks at next: a domain that is released just then goes, with \
                 its events, after the answer",
        allows: |_, context, theirs, ours| {
            let events = |frames: &[Frame]| -> Vec<Frame> {
                let events = frames.iter().filter(|frame| frame.op == Op::WATCH_EVENT);
                events.cloned().collect()
            };
            context.kind == Kind::C
                && context.request.is_some_and(|(_, op, _)| op == Op::RELEASE)
                && theirs.len() == ours.len()
                && theirs
                    .iter()
                    .any(|frame| frame.op == Op::RELEASE && frame.echoed)
                && ours.iter().any(|frame| frame.op == Op::RELEASE)
                && events(theirs) == events(ours)
        },
    },
];

/// What freedoms know of earlier answers in a sequence.
#[derive(Debug, Default)]
struct Memory {
    /// Domains that are the target of another.
    targets: Vec<u32>,
    generations: BTreeMap<Vec<u8>, [Vec<u8>; 2]>,
}

impl Memory {
    /// Whether both generations of a node have changed since the last time, or neither has. Only where the path says
    /// which node it is.
    fn changes_alike(&mut self, payload: &[u8], theirs: &[u8], ours: &[u8]) -> bool {
        let path = payload.split(|byte| *byte == 0).next().unwrap_or_default();
        if !path.starts_with(b"/") {
            return true;
        }
        let now = [theirs.to_vec(), ours.to_vec()];
        match self.generations.insert(path.to_vec(), now) {
            None => true,
            Some(before) => (before[0] == theirs) == (before[1] == ours),
        }
    }
}

/// Which freedoms were used, and how often.
#[derive(Debug, Default)]
pub(super) struct Freedoms {
    pub(super) used: BTreeMap<&'static str, usize>,
    memory: Memory,
}

impl Freedoms {
    /// A new sequence begins.
    pub(super) fn begin(&mut self) {
        self.memory = Memory::default();
    }

    /// SET_TARGET was answered with OK.
    pub(super) fn target_set(&mut self, payload: &[u8]) {
        let target = payload.split(|byte| *byte == 0).nth(1);
        let target: Option<u32> = target.and_then(|text| str::from_utf8(text).ok()?.parse().ok());
        self.memory.targets.extend(target);
    }

    /// Whether a sequence cannot be compared from this step on.
    pub(super) fn end_before(&mut self, kind: Kind, step: &Step) -> bool {
        let (Step::Release(domid) | Step::Life(domid, Life::Dying | Life::Gone)) = step else {
            return false;
        };
        // C 4.17 counts references: a domain stays, half alive, as long as another has it as its target.
        let ends = kind == Kind::C && self.memory.targets.contains(domid);
        if ends {
            *self.used.entry("a target that goes").or_default() += 1;
        }
        ends
    }

    /// Whether a freedom explains the difference.
    pub(super) fn explain(
        &mut self,
        context: &Context<'_>,
        conn: Conn,
        theirs: &Seen,
        ours: &Seen,
    ) -> bool {
        let asked = context.request.is_some_and(|(asked, ..)| asked == conn);
        if theirs.closed != ours.closed || theirs.silent || !asked {
            return false;
        }
        let found = FREEDOMS.iter().find(|freedom| {
            (freedom.allows)(&mut self.memory, context, &theirs.frames, &ours.frames)
        });
        if let Some(freedom) = found {
            *self.used.entry(freedom.name).or_default() += 1;
        }
        found.is_some()
    }

    /// Whether the daemon was allowed to die of this request.
    pub(super) fn explains_death(&mut self, context: &Context<'_>) -> Result<(), String> {
        // With no stale error to answer with C 4.17 fails an assertion and ends.
        if let (Kind::C, Some((_, op, payload))) = (context.kind, context.request)
            && (malformed(op, payload) || op == Op::SET_PERMS && payload.starts_with(b"@"))
        {
            *self.used.entry("death by a stale errno of 0").or_default() += 1;
            return Ok(());
        }
        Err("the daemon has died".into())
    }
}

/// Generation and names of an answer to DIRECTORY_PART.
fn generation(frame: &Frame) -> Option<(&[u8], &[u8])> {
    let end = frame.payload.iter().position(|byte| *byte == 0)?;
    let (generation, names) = frame.payload.split_at(end);
    (frame.op == Op::DIRECTORY_PART && frame.echoed).then_some((generation, names))
}

/// Whether an operation that takes one string has something else.
fn malformed(op: Op, payload: &[u8]) -> bool {
    let one = [Op::READ, Op::DIRECTORY, Op::GET_PERMS, Op::MKDIR, Op::RM].contains(&op);
    let well = payload
        .split_last()
        .is_some_and(|(last, text)| *last == 0 && !text.contains(&0));
    one && !well
}

/// Whether the answer is just an error, of this name.
fn is_error(frames: &[Frame], name: Option<&str>) -> bool {
    let [frame] = frames else { return false };
    let named = name.is_none_or(|name| frame.payload.strip_suffix(b"\0") == Some(name.as_bytes()));
    frame.op == Op::ERROR && frame.echoed && named
}
