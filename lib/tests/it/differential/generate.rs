//! Random sequences: every operation, from several connections, with enough in common that they meet.

mod payload;

use xenbus::wire::Op;
use xenbus_harness::Kind;

use self::payload::Vocabulary;
use super::rng::Rng;
use super::step::{Conn, Life, Step, Tx};

/// Socket connections of a sequence.
pub(super) const SOCKETS: u8 = 2;

/// Domains that a sequence may have.
const DOMAINS: u32 = 3;

/// Makes the steps of one sequence.
pub(super) struct Generator {
    rng: Rng,
    words: Vocabulary,
    kind: Kind,
    steps: Vec<Step>,
    /// Transactions that may be open, by connection.
    open: Vec<(Conn, char)>,
    next_label: u8,
    domains: [Domain; DOMAINS as usize],
}

#[derive(Clone, Copy, Default)]
struct Domain {
    exists: bool,
    introduced: bool,
}

/// The sequence of a seed: about `count` steps.
pub(super) fn sequence(kind: Kind, seed: u64, count: usize) -> Vec<Step> {
    let mut generator = Generator {
        rng: Rng::new(seed),
        words: Vocabulary::new(kind),
        kind,
        steps: Vec::new(),
        open: Vec::new(),
        next_label: 0,
        domains: Default::default(),
    };
    generator.prepare();
    while generator.steps.len() < count {
        generator.step();
    }
    generator.steps
}

impl Generator {
    /// Domains 1 and 2 with their homes, and something that everybody may use.
    fn prepare(&mut self) {
        for domid in 1..=2 {
            self.make_domain(domid);
        }
        if self.rng.chance(70) {
            self.ask(Conn::Socket(0), Op::WRITE, b"/a\0top");
            let perms: &[&[u8]] = &[b"b0\0", b"n0\0b1\0r2\0", b"n1\0b2\0", b"r0\0w1\0"];
            let payload = [&b"/a\0"[..], self.rng.pick(perms)].concat();
            self.ask(Conn::Socket(0), Op::SET_PERMS, &payload);
        }
        if self.kind == Kind::C && self.rng.chance(25) {
            self.lower_quotas();
        }
        if self.rng.chance(30) {
            self.ask(Conn::Socket(0), Op::SET_PERMS, b"@releaseDomain\0r0\0");
            self.ask(
                Conn::Socket(0),
                Op::SET_PERMS,
                b"@introduceDomain\0n0\0r1\0",
            );
        }
    }

    /// Limits so low that they are reached. (oxenstored reads its own from a file, before it starts.)
    fn lower_quotas(&mut self) {
        let quotas = [
            ("nodes", 6),
            ("watches", 3),
            ("transactions", 2),
            ("transaction-nodes", 5),
            ("node-size", 60),
            ("permissions", 2),
            ("path-max", 30),
        ];
        for (name, least) in quotas {
            if self.rng.chance(40) {
                let value = least + self.rng.below(2 * least);
                let payload = format!("quota\0set\0{name}\0{value}\0");
                self.ask(Conn::Socket(0), Op::CONTROL, payload.as_bytes());
            }
        }
    }

    fn make_domain(&mut self, domid: u32) {
        let home = format!("/local/domain/{domid}\0");
        self.steps.push(Step::Life(domid, Life::Running));
        self.ask(Conn::Socket(0), Op::MKDIR, home.as_bytes());
        let perms = format!("{home}n{domid}\0");
        self.ask(Conn::Socket(0), Op::SET_PERMS, perms.as_bytes());
        self.steps.push(Step::Introduce(domid));
        self.domains[domid as usize - 1] = Domain {
            exists: true,
            introduced: true,
        };
    }

    fn ask(&mut self, conn: Conn, op: Op, payload: &[u8]) {
        self.steps.push(Step::Request {
            conn,
            tx: Tx::None,
            op,
            payload: payload.to_vec(),
        });
    }

    fn step(&mut self) {
        match self.rng.weighted(&[900, 12, 6, 10]) {
            0 => self.request(),
            1 => self.domain_step(),
            2 => {
                let number = u8::try_from(self.rng.below(SOCKETS.into())).unwrap();
                let conn = Conn::Socket(number);
                self.open.retain(|(owner, _)| *owner != conn);
                self.steps.push(Step::Reconnect(conn));
            }
            _ => self.burst(),
        }
    }

    fn conn(&mut self) -> Conn {
        let guests = (1..=DOMAINS)
            .filter(|domid| self.domains[*domid as usize - 1].introduced)
            .map(Conn::Domain);
        let guests: Vec<Conn> = guests.collect();
        if guests.is_empty() || self.rng.chance(55) {
            Conn::Socket(u8::try_from(self.rng.below(SOCKETS.into())).unwrap())
        } else {
            guests[self.rng.below(guests.len())]
        }
    }

    fn request(&mut self) {
        let conn = self.conn();
        let tx = self.transaction(conn);
        let operations = [
            (Op::WRITE, 200),
            (Op::READ, 110),
            (Op::RM, 60),
            (Op::MKDIR, 60),
            (Op::DIRECTORY, 60),
            (Op::SET_PERMS, 60),
            (Op::GET_PERMS, 60),
            (Op::WATCH, 50),
            (Op::UNWATCH, 20),
            (Op::DIRECTORY_PART, 25),
            (Op::TRANSACTION_START, 4),
            (Op::TRANSACTION_END, 6),
            (Op::RESET_WATCHES, 3),
            (Op::GET_DOMAIN_PATH, 8),
            (Op::IS_DOMAIN_INTRODUCED, 8),
            (Op::SET_TARGET, 4),
            (Op::RESUME, 4),
            (Op::RELEASE, 3),
            (Op::INTRODUCE, 4),
            (Op::CONTROL, 6),
        ];
        if self.rng.chance(12) {
            self.end_or_start(conn);
            return;
        }
        let op = if self.rng.chance(1) {
            let odd = [15, 16, 20, 23, 24, 25, 26, 27, 99, 128, 0xffff, u32::MAX];
            Op(odd[self.rng.below(odd.len())])
        } else {
            operations[self.rng.weighted(&operations.map(|(_, weight)| weight))].0
        };
        let payload = self.words.payload(&mut self.rng, op, conn);
        // What would hang or kill a daemon is left out, by name.
        if self.kind == Kind::OCaml && (payload.is_empty() || payload.len() > 4096) {
            return;
        }
        if payload.len() > 4096 && matches!(conn, Conn::Domain(_)) {
            return;
        }
        self.steps.push(Step::Request {
            conn,
            tx,
            op,
            payload,
        });
    }

    /// In which transaction the next request is.
    fn transaction(&mut self, conn: Conn) -> Tx {
        let own: Vec<char> = self
            .open
            .iter()
            .filter(|(owner, _)| *owner == conn)
            .map(|(_, label)| *label)
            .collect();
        if self.rng.chance(1) {
            return Tx::Number([99, u32::MAX, 1][self.rng.below(3)]);
        }
        if own.is_empty() || self.rng.chance(35) {
            return Tx::None;
        }
        Tx::Label(own[self.rng.below(own.len())])
    }

    fn end_or_start(&mut self, conn: Conn) {
        let own: Vec<usize> = (0..self.open.len())
            .filter(|index| self.open[*index].0 == conn)
            .collect();
        if own.is_empty() || self.rng.chance(25) {
            let label = char::from(b'a' + self.next_label);
            self.next_label = (self.next_label + 1) % 26;
            self.open.retain(|(_, other)| *other != label);
            self.open.push((conn, label));
            self.steps.push(Step::Start(conn, label));
            return;
        }
        let (conn, label) = self.open[own[self.rng.below(own.len())]];
        let payload: &[u8] = if self.rng.chance(80) { b"T\0" } else { b"F\0" };
        // Sometimes it is forgotten that it has ended.
        if self.rng.chance(95) {
            self.open.retain(|(_, other)| *other != label);
        }
        self.steps.push(Step::Request {
            conn,
            tx: Tx::Label(label),
            op: Op::TRANSACTION_END,
            payload: payload.to_vec(),
        });
    }

    fn domain_step(&mut self) {
        let domid = 1 + u32::try_from(self.rng.below(DOMAINS as usize)).unwrap();
        let domain = self.domains[domid as usize - 1];
        if !domain.exists {
            if self.rng.chance(50) {
                self.make_domain(domid);
            } else {
                self.steps.push(Step::Life(domid, Life::Running));
                self.domains[domid as usize - 1].exists = true;
            }
            return;
        }
        match self.rng.weighted(&[30, 10, 20, 15, 10]) {
            0 => {
                self.forget_transactions(domid);
                self.steps.push(Step::Introduce(domid));
                self.domains[domid as usize - 1].introduced = true;
            }
            1 => {
                self.forget_transactions(domid);
                self.steps.push(Step::Release(domid));
                self.domains[domid as usize - 1].introduced = false;
            }
            2 => {
                self.steps.push(Step::Life(domid, Life::Shutdown));
                if self.rng.chance(60) {
                    self.steps.push(Step::Life(domid, Life::Running));
                    let payload = format!("{domid}\0");
                    self.ask(Conn::Socket(0), Op::RESUME, payload.as_bytes());
                }
            }
            3 => {
                if self.rng.chance(30) {
                    self.steps.push(Step::Life(domid, Life::Dying));
                }
                self.forget_transactions(domid);
                self.steps.push(Step::Life(domid, Life::Gone));
                self.domains[domid as usize - 1] = Domain::default();
            }
            _ => {
                let payload = format!("{domid}\0{}\0", self.rng.below(4));
                self.ask(Conn::Socket(0), Op::SET_TARGET, payload.as_bytes());
            }
        }
    }

    fn forget_transactions(&mut self, domid: u32) {
        self.open.retain(|(conn, _)| *conn != Conn::Domain(domid));
    }

    /// Many requests of one kind, up to a limit or beyond.
    fn burst(&mut self) {
        let conn = self.conn();
        match self.rng.below(3) {
            0 => {
                for index in 0..6 + self.rng.below(4) {
                    let payload = format!("/dir/n{index:02}\0");
                    self.ask(Conn::Socket(0), Op::WRITE, payload.as_bytes());
                }
            }
            1 => {
                for index in 0..4 + self.rng.below(9) {
                    let label = char::from(b'A' + u8::try_from(index).unwrap());
                    self.steps.push(Step::Start(conn, label));
                    self.open.push((conn, label));
                }
            }
            _ => {
                let path = Vocabulary::path(&mut self.rng, conn);
                for index in 0..4 + self.rng.below(4) {
                    let payload = [&path[..], b"\0t", index.to_string().as_bytes(), b"\0"].concat();
                    self.ask(conn, Op::WATCH, &payload);
                }
            }
        }
    }
}
