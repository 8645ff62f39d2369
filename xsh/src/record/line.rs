//! A record as a line: for people, or as a JSON object.

use std::collections::HashMap;
use std::time::SystemTime;

use xenbus::path::is_name_byte;
use xenbus::tap::Direction;
use xenbus::value::escape;
use xenbus::wire::{Header, Op};

use super::{Event, Record};
use crate::clock::{time_of_day, timestamp};
use crate::output::{Format, Role, bytes_member, json_string, paint};

/// Makes records lines; knows the requests that are not answered yet.
pub(crate) struct Teller {
    format: Format,
    has_color: bool,
    asked: HashMap<(u32, u32), Asked>,
}

/// A request that is not answered yet.
struct Asked {
    time: SystemTime,
    /// The first string of it: mostly a path.
    subject: String,
}

/// Unanswered requests that are remembered; a client may never fetch its answers.
const ASKED_MAX: usize = 65_536;

/// Bytes of a value that are shown to people.
const SHOWN: usize = 200;

/// Which of three kinds a message is.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Request,
    Reply,
    Event,
}

impl Teller {
    pub(crate) fn new(format: Format, has_color: bool) -> Self {
        Self {
            format,
            has_color,
            asked: HashMap::new(),
        }
    }

    /// A record as a line, without its end.
    pub(crate) fn line(&mut self, record: &Record) -> String {
        if self.is_json() {
            self.json(record)
        } else {
            self.text(record)
        }
    }

    /// That records are missing.
    pub(crate) fn dropped(&self, count: u64) -> String {
        if self.is_json() {
            return format!("{{\"kind\":\"dropped\",\"count\":{count}}}");
        }
        let text =
            format!("{count} messages were dropped here: they came faster than they are written");
        self.paint(Role::Bad, &text)
    }

    fn is_json(&self) -> bool {
        matches!(self.format, Format::Json | Format::Jsonl)
    }

    fn paint(&self, role: Role, text: &str) -> String {
        paint(self.has_color, role, text)
    }

    fn text(&mut self, record: &Record) -> String {
        let time = time_of_day(record.time);
        let connection = format!("c{}", record.connection);
        let what = match &record.event {
            Event::Opened { pid, program } => {
                let pid = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
                self.paint(Role::Good, &format!("opened by {program}{pid}"))
            }
            Event::Closed => {
                self.forget(record.connection);
                self.paint(Role::Dim, "closed")
            }
            Event::Message {
                direction,
                header,
                payload,
            } => self.message(record, *direction, *header, payload),
        };
        format!("{} {connection:<4} {what}", self.paint(Role::Dim, &time))
    }

    fn message(
        &mut self,
        record: &Record,
        direction: Direction,
        header: Header,
        payload: &[u8],
    ) -> String {
        let kind = kind(direction, header.op);
        let asked = self.pair(kind, record, header, payload);
        let (arrow, role) = match (kind, header.op) {
            (Kind::Request, _) => ('>', Role::Name),
            (Kind::Reply, Op::ERROR) => ('<', Role::Bad),
            (Kind::Reply, _) => ('<', Role::Good),
            (Kind::Event, _) => ('!', Role::Warning),
        };
        let op = self.paint(role, &header.op.to_string());
        let mut line = format!("{arrow} {op} {}", words(kind, header, payload));
        if header.len as usize > payload.len() {
            line.push_str(&format!("... ({} bytes)", header.len));
        }
        let mut remarks = Vec::new();
        if header.tx_id.0 != 0 && kind != Kind::Event {
            remarks.push(format!("tx {}", header.tx_id));
        }
        if let Some(asked) = asked {
            let micros = elapsed(&asked, record).unwrap_or_default();
            #[expect(clippy::cast_precision_loss, reason = "for people")]
            remarks.push(format!("{:.2} ms", micros as f64 / 1000.0));
            if !asked.subject.is_empty() {
                remarks.push(asked.subject);
            }
        }
        if !remarks.is_empty() {
            line.push_str("  ");
            line.push_str(&self.paint(Role::Dim, &remarks.join(", ")));
        }
        line
    }

    fn json(&mut self, record: &Record) -> String {
        let mut members = vec![
            format!("\"time\":\"{}\"", timestamp(record.time)),
            format!("\"connection\":{}", record.connection),
        ];
        let mut member = |name: &str, value: String| members.push(format!("\"{name}\":{value}"));
        match &record.event {
            Event::Opened { pid, program } => {
                member("kind", json_string("opened"));
                if let Some(pid) = pid {
                    member("pid", pid.to_string());
                }
                member("program", json_string(program));
            }
            Event::Closed => {
                self.forget(record.connection);
                member("kind", json_string("closed"));
            }
            Event::Message {
                direction,
                header,
                payload,
            } => {
                let kind = kind(*direction, header.op);
                let asked = self.pair(kind, record, *header, payload);
                let word = match kind {
                    Kind::Request => "request",
                    Kind::Reply => "reply",
                    Kind::Event => "event",
                };
                member("kind", json_string(word));
                member("op", json_string(&header.op.to_string()));
                member("id", header.req_id.0.to_string());
                member("tx", header.tx_id.0.to_string());
                member("length", header.len.to_string());
                if let Some(asked) = asked {
                    member("path", json_string(&asked.subject));
                    if let Some(micros) = elapsed(&asked, record) {
                        member("micros", micros.to_string());
                    }
                }
                let (name, value) = bytes_member("payload", payload, json_string);
                member(&name, value);
                if header.len as usize > payload.len() {
                    member("truncated", "true".to_owned());
                }
            }
        }
        format!("{{{}}}", members.join(","))
    }

    /// Remembers a request, or gives the one that is answered.
    fn pair(
        &mut self,
        kind: Kind,
        record: &Record,
        header: Header,
        payload: &[u8],
    ) -> Option<Asked> {
        let key = (record.connection, header.req_id.0);
        match kind {
            Kind::Reply => self.asked.remove(&key),
            Kind::Event => None,
            Kind::Request => {
                if self.asked.len() < ASKED_MAX {
                    let first = payload.split(|b| *b == 0).next().unwrap_or_default();
                    let has_subject = !matches!(
                        header.op,
                        Op::TRANSACTION_START | Op::TRANSACTION_END | Op::RESET_WATCHES
                    );
                    let asked = Asked {
                        time: record.time,
                        subject: shown(if has_subject { first } else { b"" }),
                    };
                    self.asked.insert(key, asked);
                }
                None
            }
        }
    }

    fn forget(&mut self, connection: u32) {
        self.asked.retain(|(of, _), _| *of != connection);
    }
}

fn elapsed(asked: &Asked, record: &Record) -> Option<u128> {
    let elapsed = record.time.duration_since(asked.time).ok()?;
    Some(elapsed.as_micros())
}

fn kind(direction: Direction, op: Op) -> Kind {
    match direction {
        Direction::Sent => Kind::Request,
        Direction::Received if op == Op::WATCH_EVENT => Kind::Event,
        Direction::Received => Kind::Reply,
    }
}

/// A payload in words: paths and the like as they are, everything else in quotes, escaped.
fn words(kind: Kind, header: Header, payload: &[u8]) -> String {
    let is_value = kind == Kind::Reply && matches!(header.op, Op::READ | Op::CONTROL);
    if is_value {
        return quoted(payload);
    }
    if kind == Kind::Request && header.op == Op::WRITE {
        let mut parts = payload.splitn(2, |b| *b == 0);
        let path = word(parts.next().unwrap_or_default());
        return match parts.next() {
            Some(value) => format!("{path} {}", quoted(value)),
            None => path,
        };
    }
    let body = payload.strip_suffix(b"\0").unwrap_or(payload);
    if body.is_empty() {
        return "-".to_owned();
    }
    let separator = if header.op == Op::GET_PERMS && kind == Kind::Reply {
        ","
    } else {
        " "
    };
    let words: Vec<_> = body.split(|b| *b == 0).map(word).collect();
    words.join(separator)
}

fn word(bytes: &[u8]) -> String {
    let is_plain = |b: &u8| is_name_byte(*b) || *b == b'/';
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        shown(bytes)
    } else {
        quoted(bytes)
    }
}

fn quoted(bytes: &[u8]) -> String {
    if bytes.len() > SHOWN {
        format!("\"{}\"... ({} bytes)", escape(&bytes[..SHOWN]), bytes.len())
    } else {
        format!("\"{}\"", escape(bytes))
    }
}

fn shown(bytes: &[u8]) -> String {
    if bytes.len() > SHOWN {
        format!("{}...", escape(&bytes[..SHOWN]))
    } else {
        escape(bytes).to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use xenbus::{ReqId, TxId};

    use super::*;

    fn tell(format: Format, records: &[(u64, Event)]) -> String {
        let mut out = String::new();
        let mut teller = Teller::new(format, false);
        for (millis, event) in records {
            let time = UNIX_EPOCH + Duration::from_millis(*millis);
            let record = Record::new(time, 2, event.clone());
            out += &(teller.line(&record) + "\n");
        }
        out
    }

    fn message(direction: Direction, op: Op, tx: u32, payload: &[u8]) -> Event {
        Event::Message {
            direction,
            header: Header {
                op,
                req_id: ReqId(7),
                tx_id: TxId(tx),
                len: u32::try_from(payload.len()).unwrap(),
            },
            payload: payload.to_vec(),
        }
    }

    #[test]
    fn messages_are_lines_in_words_and_as_json_and_harmless() {
        use Direction::{Received, Sent};
        let opened = || Event::Opened {
            pid: Some(12),
            program: "xl".into(),
        };
        let records = [
            (0, opened()),
            (1, message(Sent, Op::WRITE, 3, b"/a\0\x1b[31mv")),
            (3, message(Received, Op::WRITE, 3, b"OK\0")),
            (4, message(Sent, Op::READ, 0, b"/no\0")),
            (5, message(Received, Op::ERROR, 0, b"ENOENT\0")),
            (6, message(Received, Op::WATCH_EVENT, 0, b"/a\0token 1\0")),
            (7, message(Sent, Op::GET_PERMS, 0, b"/a\0")),
            (8, message(Received, Op::GET_PERMS, 0, b"n0\0r1\0")),
            (9, Event::Closed),
        ];
        assert_eq!(
            tell(Format::Text, &records),
            r#"00:00:00.000 c2   opened by xl (process 12)
00:00:00.001 c2   > WRITE /a "\x1b[31mv"  tx 3
00:00:00.003 c2   < WRITE OK  tx 3, 2.00 ms, /a
00:00:00.004 c2   > READ /no
00:00:00.005 c2   < ERROR ENOENT  1.00 ms, /no
00:00:00.006 c2   ! WATCH_EVENT /a "token 1"
00:00:00.007 c2   > GET_PERMS /a
00:00:00.008 c2   < GET_PERMS n0,r1  1.00 ms, /a
00:00:00.009 c2   closed
"#
        );
        let json = tell(Format::Jsonl, &records);
        assert!(!json.contains('\x1b'));
        let lines: Vec<serde_json::Value> = json
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 9);
        assert_eq!(lines[1]["payload"], "/a\0\x1b[31mv");
        assert_eq!(lines[2]["micros"], 2000);
        assert_eq!(lines[4]["op"], "ERROR");
        assert_eq!(lines[4]["path"], "/no");
        assert_eq!(lines[5]["kind"], "event");
    }
}
