//! One step of a sequence, and its text form: what a failing run prints is what a regression test contains.
//!
//! ```text
//! s0 WRITE /a\x00value          a request on socket connection 0
//! s0 START a                    a transaction, called `a` from now on
//! d1@a READ /a\x00              domain 1, over its ring, in its transaction `a`
//! d1@#99 READ /a\x00            … in transaction number 99
//! s0 #99 \x00                   operation number 99
//! s0 RECONNECT                  the connection is closed and opened again
//! life 1 shutdown               what the hypervisor says of domain 1: running, shutdown, dying, gone
//! introduce 1                   INTRODUCE on s0; the domain takes its ring
//! release 1                     RELEASE on s0
//! ```

use std::fmt;
use std::str::FromStr;

use xenbus::value::{escape, unescape};
use xenbus::wire::Op;

/// A connection.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Conn {
    /// To the socket, with full rights.
    Socket(u8),
    /// Over the ring of a domain.
    Domain(u32),
}

/// In which transaction a request is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tx {
    None,
    /// The connection's transaction of this name, open or not any more.
    Label(char),
    /// By number.
    Number(u32),
}

/// What the hypervisor says of a domain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Life {
    Running,
    Shutdown,
    Dying,
    Gone,
}

/// One step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Request {
        conn: Conn,
        tx: Tx,
        op: Op,
        payload: Vec<u8>,
    },
    Start(Conn, char),
    Reconnect(Conn),
    Life(u32, Life),
    Introduce(u32),
    Release(u32),
}

const LIVES: [(Life, &str); 4] = [
    (Life::Running, "running"),
    (Life::Shutdown, "shutdown"),
    (Life::Dying, "dying"),
    (Life::Gone, "gone"),
];

impl fmt::Display for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(number) => write!(f, "s{number}"),
            Self::Domain(domid) => write!(f, "d{domid}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request {
                conn,
                tx,
                op,
                payload,
            } => {
                write!(f, "{conn}")?;
                match tx {
                    Tx::None => {}
                    Tx::Label(label) => write!(f, "@{label}")?,
                    Tx::Number(number) => write!(f, "@#{number}")?,
                }
                match op.name() {
                    Some(name) => write!(f, " {name}")?,
                    None => write!(f, " #{}", op.0)?,
                }
                write!(f, " {}", escape(payload))
            }
            Self::Start(conn, label) => write!(f, "{conn} START {label}"),
            Self::Reconnect(conn) => write!(f, "{conn} RECONNECT"),
            Self::Life(domid, life) => {
                let name = LIVES.iter().find(|(l, _)| l == life).unwrap().1;
                write!(f, "life {domid} {name}")
            }
            Self::Introduce(domid) => write!(f, "introduce {domid}"),
            Self::Release(domid) => write!(f, "release {domid}"),
        }
    }
}

impl FromStr for Conn {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(number) = text.strip_prefix('s') {
            return number.parse().map(Self::Socket).map_err(drop);
        }
        let domid = text.strip_prefix('d').ok_or(())?;
        domid.parse().map(Self::Domain).map_err(drop)
    }
}

impl FromStr for Step {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (first, rest) = text.split_once(' ').ok_or(())?;
        let (second, third) = rest.split_once(' ').unwrap_or((rest, ""));
        match first {
            "life" => {
                let life = LIVES.iter().find(|(_, name)| *name == third).ok_or(())?.0;
                return Ok(Self::Life(second.parse().map_err(drop)?, life));
            }
            "introduce" => return rest.parse().map(Self::Introduce).map_err(drop),
            "release" => return rest.parse().map(Self::Release).map_err(drop),
            _ => {}
        }
        let (conn, tx) = match first.split_once('@') {
            None => (first, Tx::None),
            Some((conn, tx)) => match tx.strip_prefix('#') {
                Some(number) => (conn, Tx::Number(number.parse().map_err(drop)?)),
                None => (conn, Tx::Label(tx.chars().next().ok_or(())?)),
            },
        };
        let conn = conn.parse()?;
        let op = match second {
            "START" => return Ok(Self::Start(conn, third.chars().next().ok_or(())?)),
            "RECONNECT" => return Ok(Self::Reconnect(conn)),
            _ => match second.strip_prefix('#') {
                Some(number) => Op(number.parse().map_err(drop)?),
                None => *Op::ALL
                    .iter()
                    .find(|op| op.name() == Some(second))
                    .ok_or(())?,
            },
        };
        let payload = unescape(third.as_bytes()).map_err(drop)?;
        Ok(Self::Request {
            conn,
            tx,
            op,
            payload,
        })
    }
}

/// The steps of a text, one a line; empty lines do not count.
pub(super) fn parse(text: &str) -> Vec<Step> {
    text.lines()
        .map(str::trim_start)
        .filter(|line| !line.is_empty())
        .map(|line| line.parse().unwrap_or_else(|()| panic!("no step: {line}")))
        .collect()
}

#[test]
fn steps_are_read_back_as_they_are_shown() {
    let text = r"s0 WRITE /a\x00v w
        s0 START a
        d1@a READ /a\x00
        d2@#99 #99 \x00\xff
        s2 RECONNECT
        life 1 shutdown
        introduce 3
        release 2
        s0 RESET_WATCHES ";
    let steps = parse(text);
    assert_eq!(steps.len(), 9);
    for step in steps {
        assert_eq!(step.to_string().parse(), Ok(step));
    }
}
