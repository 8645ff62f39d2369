//! The whole tree of a side, by requests.

use xenbus::value::escape;
use xenbus::wire::Op;

use super::side::{Frame, Side};
use super::step::Conn;

/// Every node with its value and permissions, a line each, in the order of a walk with sorted names.
pub(super) fn walk(side: &mut impl Side) -> Vec<String> {
    let mut lines = Vec::new();
    let mut todo = vec![b"/".to_vec()];
    while let Some(path) = todo.pop() {
        let value = ask(side, Op::READ, &path);
        let perms = ask(side, Op::GET_PERMS, &path);
        let names = names(side, &path);
        lines.push(format!("{} {value:?} {perms:?}", escape(&path)));
        for name in names.into_iter().rev() {
            let top: &[u8] = if path == b"/" { b"" } else { &path };
            todo.push([top, b"/", &name].concat());
        }
    }
    lines
}

fn ask(side: &mut impl Side, op: Op, path: &[u8]) -> Option<Frame> {
    ask_with(side, op, &[path, b"\0"].concat())
}

fn ask_with(side: &mut impl Side, op: Op, payload: &[u8]) -> Option<Frame> {
    let conn = Conn::Socket(0);
    side.send(conn, 0, op, payload);
    let mut all = side.answer();
    side.settle(&mut all);
    let mut seen = all.remove(&conn)?;
    seen.frames.pop()
}

/// Names of the children, sorted; a long list is taken in parts.
fn names(side: &mut impl Side, path: &[u8]) -> Vec<Vec<u8>> {
    let Some(frame) = ask(side, Op::DIRECTORY, path) else {
        return Vec::new();
    };
    let list = if frame.op == Op::DIRECTORY {
        frame.payload
    } else {
        in_parts(side, path)
    };
    let mut names: Vec<Vec<u8>> = list
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    names.sort();
    names
}

fn in_parts(side: &mut impl Side, path: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    loop {
        let payload = [path, b"\0", list.len().to_string().as_bytes(), b"\0"].concat();
        let Some(frame) = ask_with(side, Op::DIRECTORY_PART, &payload) else {
            return list;
        };
        let Some(end) = frame.payload.iter().position(|byte| *byte == 0) else {
            return list;
        };
        let part = &frame.payload[end + 1..];
        let done = part.is_empty() || part == b"\0" || part.ends_with(b"\0\0");
        list.extend_from_slice(part);
        if done || frame.op == Op::ERROR {
            return list;
        }
    }
}
