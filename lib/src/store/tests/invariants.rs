//! Whatever is done, the store stays in order: parents exist, quotas add up, nothing of a dead connection is left.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Ask(usize, Op, String),
    Begin(usize),
    InLast(usize, Op, String),
    End(usize, bool),
    Reconnect(usize),
    Create(u32),
    Introduce(u32),
    Shutdown(u32),
    Destroy(u32),
}

fn path() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "/a",
        "/a/b",
        "/a/b/c",
        "/a/d",
        "/e",
        "x",
        "x/y",
        "x/z",
        "/local/domain/1",
        "/local/domain/1/x",
        "/local",
        "/",
    ])
    .prop_map(str::to_owned)
}

fn operation() -> impl Strategy<Value = (Op, String)> {
    prop_oneof![
        6 => (path(), 0..40usize).prop_map(|(p, n)| (Op::WRITE, format!("{p}\\0{}", "v".repeat(n)))),
        2 => path().prop_map(|p| (Op::MKDIR, format!("{p}\\0"))),
        3 => path().prop_map(|p| (Op::RM, format!("{p}\\0"))),
        2 => path().prop_map(|p| (Op::READ, format!("{p}\\0"))),
        1 => path().prop_map(|p| (Op::DIRECTORY, format!("{p}\\0"))),
        3 => (path(), prop::sample::select(vec!["n0", "n1", "b1", "r2", "n2\\0r1"]))
            .prop_map(|(p, a)| (Op::SET_PERMS, format!("{p}\\0{a}\\0"))),
        2 => path().prop_map(|p| (Op::WATCH, format!("{p}\\0t\\0"))),
        1 => path().prop_map(|p| (Op::UNWATCH, format!("{p}\\0t\\0"))),
        1 => Just((Op::RESET_WATCHES, "\\0".to_owned())),
        1 => (1..3u32).prop_map(|d| (Op::RELEASE, format!("{d}\\0"))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..4usize;
    let domid = 1..3u32;
    prop_oneof![
        12 => (who.clone(), operation()).prop_map(|(w, (o, p))| Step::Ask(w, o, p)),
        3 => who.clone().prop_map(Step::Begin),
        12 => (who.clone(), operation()).prop_map(|(w, (o, p))| Step::InLast(w, o, p)),
        3 => (who.clone(), any::<bool>()).prop_map(|(w, c)| Step::End(w, c)),
        1 => who.prop_map(Step::Reconnect),
        1 => domid.clone().prop_map(Step::Create),
        2 => domid.clone().prop_map(Step::Introduce),
        1 => domid.clone().prop_map(Step::Shutdown),
        1 => domid.prop_map(Step::Destroy),
    ]
}

const IDENTITIES: [Identity; 4] = [
    Identity::Socket,
    Identity::Domain(DomId(1)),
    Identity::Domain(DomId(2)),
    Identity::Socket,
];

/// Clients that come back when they are thrown out.
struct Clients {
    desk: Desk,
    ids: [Option<ConnId>; 4],
    last: [Option<u32>; 4],
}

impl Clients {
    /// The connection of a client, if it can have one.
    fn id(&mut self, who: usize) -> Option<ConnId> {
        for (to, seen) in self.desk.inbox.messages.drain(..) {
            if seen == Seen::Closed {
                for id in &mut self.ids {
                    id.take_if(|id| *id == to);
                }
            }
        }
        if self.ids[who].is_none() {
            self.ids[who] = self.desk.core.connect(IDENTITIES[who]);
            self.last[who] = None;
        }
        self.ids[who]
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Ask(who, op, payload) => {
                if let Some(id) = self.id(*who) {
                    self.desk.ask_as(id, *op, payload);
                }
            }
            Step::Begin(who) => {
                if let Some(id) = self.id(*who) {
                    let answer = self.desk.ask_as(id, Op::TRANSACTION_START, "\\0");
                    self.last[*who] = answer.strip_suffix("\\x00").and_then(|n| n.parse().ok());
                }
            }
            Step::InLast(who, op, payload) => {
                if let (Some(id), Some(tx)) = (self.id(*who), self.last[*who]) {
                    self.desk.ask_in(id, tx, *op, payload);
                }
            }
            Step::End(who, commit) => {
                if let (Some(id), Some(tx)) = (self.id(*who), self.last[*who].take()) {
                    let how = if *commit { "T\\0" } else { "F\\0" };
                    self.desk.ask_in(id, tx, Op::TRANSACTION_END, how);
                }
            }
            Step::Reconnect(who) => {
                if let Some(id) = self.id(*who) {
                    self.desk.core.disconnect(id);
                    self.ids[*who] = None;
                }
            }
            Step::Create(domid) => self.desk.core.create_domain(DomId(*domid)),
            Step::Introduce(domid) => {
                drop(
                    self.desk
                        .core
                        .introduce(DomId(*domid), &mut self.desk.inbox),
                );
            }
            Step::Shutdown(domid) => self
                .desk
                .core
                .shutdown_domain(DomId(*domid), &mut self.desk.inbox),
            Step::Destroy(domid) => self
                .desk
                .core
                .destroy_domain(DomId(*domid), &mut self.desk.inbox),
        }
    }
}

proptest! {
    #[test]
    fn the_store_is_in_order_after_every_step(
        personality in prop::sample::select(vec![
            Personality::C, Personality::C4_22, Personality::Oxenstored,
        ]),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut clients = Clients {
            desk: Desk::like(personality),
            ids: [None; 4],
            last: [None; 4],
        };
        for step in &steps {
            clients.step(step);
            prop_assert_eq!(clients.desk.core.check_store(), Vec::<String>::new(), "after {:?}", step);
        }
        for who in 0..4 {
            if let Some(id) = clients.id(who) {
                clients.desk.core.disconnect(id);
            }
        }
        prop_assert_eq!(clients.desk.core.check_store(), Vec::<String>::new());
        let report = clients.desk.another();
        let usage = clients.desk.ask_as(report, Op::CONTROL, "quota\\01\\0");
        if usage != "ENOENT" && personality != Personality::Oxenstored {
            let row = usage.split("\\n").find(|row| row.starts_with("watches "));
            let none = row.is_some_and(|row| row.replace(' ', "").starts_with("watches:0"));
            prop_assert!(none, "{}", usage);
        }
    }
}
