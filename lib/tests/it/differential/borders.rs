//! Sequences to the borders that chance does not reach: the real quotas of a domain, large directories.

use xenbus::wire::Op;
use xenbus_harness::{Kind, available};

use super::run::Comparison;
use super::step::{Conn, Life, Step, Tx};

const OPERATOR: Conn = Conn::Socket(0);
const GUEST: Conn = Conn::Domain(1);

#[test]
fn a_domain_comes_to_its_limits_where_the_daemon_has_them() {
    let mut script = Script::with_guest();
    for number in 0..1010 {
        script.ask(GUEST, Op::WRITE, format!("n{}/{number}\0v", number % 7));
    }
    script.ask(GUEST, Op::RM, "n3\0");
    for number in 0..20 {
        script.ask(GUEST, Op::MKDIR, format!("again/{number}\0"));
    }
    script.ask(GUEST, Op::RM, "n1\0");
    for number in 0..135 {
        script.ask(GUEST, Op::WATCH, format!("w\0t{number}\0"));
    }
    script.ask(GUEST, Op::UNWATCH, "w\0t5\0");
    script.ask(GUEST, Op::WATCH, "w\0again\0");
    for label in 'a'..'n' {
        script.0.push(Step::Start(GUEST, label));
    }
    for number in 0..1030 {
        script.ask_in('a', Op::READ, format!("m{number}\0"));
    }
    for (label, end) in [('a', "T\0"), ('b', "F\0"), ('c', "T\0")] {
        script.ask_in(label, Op::TRANSACTION_END, end);
    }
    script.0.push(Step::Start(GUEST, 'z'));
    for length in [1990, 2005, 2010, 2015, 2020, 2028, 2047, 2048, 2049] {
        script.ask(GUEST, Op::WRITE, format!("v\0{}", "x".repeat(length)));
    }
    for count in 4..8 {
        script.ask(
            GUEST,
            Op::SET_PERMS,
            format!("v\0n1\0{}", "r2\0".repeat(count)),
        );
    }
    script.ask(OPERATOR, Op::CONTROL, "quota\x001\0");
    script.ask(GUEST, Op::RESET_WATCHES, "\0");
    script.0.push(Step::Start(GUEST, 'y'));
    script.ask(OPERATOR, Op::CONTROL, "quota\x001\0");
    script.agree();
}

#[test]
fn a_guests_own_directory_fills_up_where_the_daemon_says() {
    let mut script = Script::with_guest();
    for number in 0..140 {
        script.ask(GUEST, Op::WRITE, format!("d/name-of-15-{number:03}\0"));
    }
    script.ask(GUEST, Op::DIRECTORY, "d\0");
    script.ask(GUEST, Op::RM, "d/name-of-15-007\0");
    script.ask(GUEST, Op::WRITE, "d/one-more\0");
    script.agree();
}

#[test]
fn a_large_directory_is_listed_in_the_same_parts() {
    let mut script = Script(Vec::new());
    for number in 0..450 {
        script.ask(
            OPERATOR,
            Op::WRITE,
            format!("/big/n{:0width$}\0", number, width = 3 + number % 40),
        );
    }
    let parts = |script: &mut Script| {
        script.ask(OPERATOR, Op::DIRECTORY, "/big\0");
        for offset in [
            0, 1, 10, 4000, 4050, 4060, 4070, 4078, 4090, 8000, 11000, 20_000,
        ] {
            script.ask(OPERATOR, Op::DIRECTORY_PART, format!("/big\0{offset}\0"));
        }
    };
    parts(&mut script);
    for number in (0..450).step_by(3) {
        script.ask(
            OPERATOR,
            Op::RM,
            format!("/big/n{:0width$}\0", number, width = 3 + number % 40),
        );
    }
    parts(&mut script);
    script.ask(OPERATOR, Op::WRITE, "/big/n000\0again");
    parts(&mut script);
    for count in [1, 5, 60, 1000] {
        script.ask(
            OPERATOR,
            Op::SET_PERMS,
            format!("/big\0{}", "r3\0".repeat(count)),
        );
        script.ask(OPERATOR, Op::GET_PERMS, "/big\0");
    }
    script.ask(OPERATOR, Op::RM, "/big\0");
    script.agree();
}

#[test]
fn paths_end_where_the_daemon_says() {
    let mut script = Script::with_guest();
    for start in [
        "/",
        "/local/domain/1/",
        "/local/domain/123456/",
        "",
        "/a/b/",
    ] {
        for length in [
            1023, 1024, 1025, 1040, 2047, 2048, 2049, 2064, 3071, 3072, 3073,
        ] {
            let path = format!("{start}{}", "p".repeat(length));
            for conn in [OPERATOR, GUEST] {
                script.ask(conn, Op::MKDIR, format!("{path}\0"));
                script.ask(conn, Op::READ, format!("{path}\0"));
                script.ask(conn, Op::WATCH, format!("{path}\0t\0"));
                script.ask(conn, Op::UNWATCH, format!("{path}\0t\0"));
            }
        }
    }
    script.agree();
}

/// A sequence being written.
struct Script(Vec<Step>);

impl Script {
    /// Domain 1 with its home.
    fn with_guest() -> Self {
        let mut script = Self(vec![Step::Life(1, Life::Running)]);
        script.ask(OPERATOR, Op::MKDIR, "/local/domain/1\0");
        script.ask(OPERATOR, Op::SET_PERMS, "/local/domain/1\0n1\0");
        script.0.push(Step::Introduce(1));
        script
    }

    fn ask(&mut self, conn: Conn, op: Op, payload: impl AsRef<[u8]>) {
        self.push(conn, Tx::None, op, payload.as_ref());
    }

    /// A request of the guest in a transaction.
    fn ask_in(&mut self, label: char, op: Op, payload: impl AsRef<[u8]>) {
        self.push(GUEST, Tx::Label(label), op, payload.as_ref());
    }

    fn push(&mut self, conn: Conn, tx: Tx, op: Op, payload: &[u8]) {
        self.0.push(Step::Request {
            conn,
            tx,
            op,
            payload: payload.to_vec(),
        });
    }

    /// Runs it beside every daemon.
    fn agree(&self) {
        for kind in available() {
            // Of what oxenstored would do with more than a message the rest of the connection is out of step.
            let fits = |step: &&Step| match step {
                Step::Request { payload, .. } => kind == Kind::C || payload.len() <= 4096,
                _ => true,
            };
            let steps: Vec<Step> = self.0.iter().filter(fits).cloned().collect();
            if let Err(difference) = Comparison::start(kind).run(&steps) {
                let step = steps.get(difference.at).map(Step::to_string);
                panic!(
                    "{}, step {}: {step:?}\n{}",
                    kind.program(),
                    difference.at,
                    difference.text
                );
            }
        }
    }
}
