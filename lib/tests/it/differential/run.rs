//! Runs a sequence on both sides, step by step.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use xenbus::store::Personality;
use xenbus::wire::Op;
use xenbus_harness::Kind;

use super::embedded::Embedded;
use super::freedom::{Context, Freedoms};
use super::generate::SOCKETS;
use super::real::Real;
use super::side::{Observation, Seen, Side};
use super::step::{Conn, Step, Tx};
use super::walk::walk;

/// A difference that no freedom explains.
#[derive(Debug)]
pub(super) struct Difference {
    /// Index of the step, or the number of steps for what was found at the end.
    pub(super) at: usize,
    pub(super) text: String,
}

/// A daemon and how the embedded store stands beside it.
pub(super) struct Comparison {
    kind: Kind,
    real: Real,
    used: bool,
    pub(super) freedoms: Freedoms,
    /// Steps compared so far.
    pub(super) steps: usize,
}

/// Transactions by name: their numbers on the daemon's and on our side.
type Labels = BTreeMap<(Conn, char), [u32; 2]>;

impl Comparison {
    pub(super) fn start(kind: Kind) -> Self {
        Self {
            kind,
            real: Real::start(kind, SOCKETS),
            used: false,
            freedoms: Freedoms::default(),
            steps: 0,
        }
    }

    /// Runs a sequence on fresh stores.
    pub(super) fn run(&mut self, steps: &[Step]) -> Result<(), Difference> {
        if std::mem::replace(&mut self.used, true) {
            self.real.restart();
        }
        self.freedoms.begin();
        let personality = match self.kind {
            Kind::C => Personality::C,
            Kind::OCaml => Personality::Oxenstored,
        };
        let mut own = Embedded::new(personality, SOCKETS);
        let mut labels = Labels::new();
        for (at, step) in steps.iter().enumerate() {
            if self.freedoms.end_before(self.kind, step) {
                return Ok(());
            }
            self.steps += 1;
            let found = self.step(&mut own, &mut labels, step);
            match found {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(text) => return Err(Difference { at, text }),
            }
        }
        let at = steps.len();
        let (theirs, ours) = (walk(&mut self.real), walk(&mut own));
        for (theirs, ours) in theirs.iter().zip(&ours) {
            if theirs != ours {
                let text = format!("the trees differ:\n  daemon   {theirs}\n  embedded {ours}");
                return Err(Difference { at, text });
            }
        }
        if theirs.len() != ours.len() {
            let text = format!("{} nodes and {}", theirs.len(), ours.len());
            return Err(Difference { at, text });
        }
        Ok(())
    }

    /// One step; false: the rest of the sequence cannot be compared any more.
    fn step(
        &mut self,
        own: &mut Embedded,
        labels: &mut Labels,
        step: &Step,
    ) -> Result<bool, String> {
        let real = &mut self.real;
        let request = match step {
            Step::Request {
                conn,
                tx,
                op,
                payload,
            } => Some((*conn, *tx, *op, payload.clone())),
            Step::Start(conn, _) => Some((*conn, Tx::None, Op::TRANSACTION_START, b"\0".to_vec())),
            Step::Introduce(domid) => {
                let payload = format!("{domid}\x001\x005\0").into_bytes();
                Some((Conn::Socket(0), Tx::None, Op::INTRODUCE, payload))
            }
            Step::Release(domid) => {
                let payload = format!("{domid}\0").into_bytes();
                Some((Conn::Socket(0), Tx::None, Op::RELEASE, payload))
            }
            Step::Reconnect(conn) => {
                real.reconnect(*conn);
                own.reconnect(*conn);
                None
            }
            Step::Life(domid, life) => {
                real.life(*domid, *life);
                own.life(*domid, *life);
                None
            }
        };
        if let Some((conn, tx, op, payload)) = &request {
            if real.has(*conn) != own.has(*conn) {
                return Err(format!(
                    "{conn}: there is one with the daemon: {}, embedded: {}",
                    real.has(*conn),
                    own.has(*conn)
                ));
            }
            if !real.has(*conn) {
                return Ok(true);
            }
            let [theirs, ours] = match tx {
                Tx::None => [0, 0],
                Tx::Number(number) => [*number; 2],
                Tx::Label(label) => *labels.get(&(*conn, *label)).unwrap_or(&[99, 99]),
            };
            real.send(*conn, theirs, *op, payload);
            own.send(*conn, ours, *op, payload);
        }
        let (mut theirs, mut ours) = (real.answer(), own.answer());
        if let Step::Introduce(domid) | Step::Release(domid) = step
            && reply(&theirs, Conn::Socket(0)).is_some()
        {
            let introduced = matches!(step, Step::Introduce(_));
            real.attach(*domid, introduced);
            own.attach(*domid, introduced);
        }
        real.settle(&mut theirs);
        own.settle(&mut ours);
        let context = Context {
            kind: self.kind,
            request: request
                .as_ref()
                .map(|(conn, _, op, payload)| (*conn, *op, &payload[..])),
        };
        let closed = theirs.values().filter(|seen| seen.closed).count();
        if closed > 0 && real.is_dead(closed > 1) {
            return self.freedoms.explains_death(&context).map(|()| false);
        }
        self.compare(&context, &theirs, &ours)?;
        match step {
            Step::Request {
                conn,
                op: Op::SET_TARGET,
                payload,
                ..
            } if reply(&theirs, *conn).is_some() => {
                self.freedoms.target_set(payload);
            }
            Step::Start(conn, label) => {
                let number = |all| -> Option<u32> {
                    let text = reply(all, *conn)?;
                    str::from_utf8(text.strip_suffix(b"\0")?).ok()?.parse().ok()
                };
                if let (Some(theirs), Some(ours)) = (number(&theirs), number(&ours)) {
                    labels.insert((*conn, *label), [theirs, ours]);
                }
            }
            // The other side may have closed as well; both start anew.
            Step::Request { conn, .. } if theirs.get(conn).is_some_and(|seen| seen.closed) => {
                self.real.reconnect(*conn);
                own.reconnect(*conn);
            }
            _ => {}
        }
        match &own.faults()[..] {
            [] => Ok(true),
            faults => Err(format!("the embedded store is out of order: {faults:?}")),
        }
    }

    fn compare(
        &mut self,
        context: &Context<'_>,
        theirs: &Observation,
        ours: &Observation,
    ) -> Result<(), String> {
        let mut text = String::new();
        let conns: std::collections::BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
        for conn in conns {
            let nothing = Seen::default();
            let theirs = theirs.get(conn).unwrap_or(&nothing);
            let ours = ours.get(conn).unwrap_or(&nothing);
            if theirs == ours || self.freedoms.explain(context, *conn, theirs, ours) {
                continue;
            }
            let show = |seen: &Seen| {
                let closed = if seen.closed { ", closed" } else { "" };
                let silent = if seen.silent { ", then silence" } else { "" };
                format!("{:?}{closed}{silent}", seen.frames)
            };
            writeln!(
                text,
                "on {conn}:\n  daemon   {}\n  embedded {}",
                show(theirs),
                show(ours)
            )
            .unwrap();
        }
        if text.is_empty() { Ok(()) } else { Err(text) }
    }
}

/// Payload of the answer on a connection, if it is not an error.
fn reply(all: &Observation, conn: Conn) -> Option<&[u8]> {
    let mut frames = all.get(&conn)?.frames.iter();
    let frame = frames.find(|frame| frame.op != Op::WATCH_EVENT && frame.op != Op::ERROR)?;
    Some(&frame.payload)
}
