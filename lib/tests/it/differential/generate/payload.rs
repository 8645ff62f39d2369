//! Payloads: mostly good ones over few names, some at a border, some wrong.

use xenbus::wire::Op;
use xenbus_harness::Kind;

use crate::differential::rng::Rng;
use crate::differential::step::Conn;

/// What requests of a sequence are made of.
pub(super) struct Vocabulary {
    kind: Kind,
    /// What was watched, to be unwatched.
    watches: Vec<Vec<u8>>,
}

impl Vocabulary {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            watches: Vec::new(),
        }
    }

    /// A payload for an operation.
    pub(super) fn payload(&mut self, rng: &mut Rng, op: Op, conn: Conn) -> Vec<u8> {
        let mut payload = match op {
            Op::READ | Op::DIRECTORY | Op::GET_PERMS | Op::MKDIR | Op::RM => {
                Self::one_path(rng, op, conn)
            }
            Op::WRITE => {
                let mut payload = Self::path(rng, conn);
                payload.push(0);
                let value = value(rng, payload.len());
                payload.extend(value);
                payload
            }
            Op::SET_PERMS => {
                let mut payload = Self::path(rng, conn);
                let root = payload == b"/";
                payload.push(0);
                // With the owner of the root a daemon removes the root, and that is the end of it.
                if root {
                    payload.extend(b"r0\0");
                }
                payload.extend(permissions(rng, self.kind));
                payload
            }
            Op::DIRECTORY_PART => {
                let mut payload = Self::path(rng, conn);
                let offsets: &[&[u8]] = &[
                    b"0", b"0", b"0", b"2", b"5", b"100", b"-1", b"", b"x", b"4000",
                ];
                payload.push(0);
                payload.extend(rng.pick(offsets));
                payload.push(0);
                payload
            }
            Op::WATCH => {
                let payload = Self::watch(rng, conn);
                self.watches.push(payload.clone());
                payload
            }
            Op::UNWATCH if !self.watches.is_empty() && rng.chance(85) => {
                self.watches[rng.below(self.watches.len())].clone()
            }
            Op::UNWATCH => Self::watch(rng, conn),
            Op::TRANSACTION_END => {
                let ends: &[&[u8]] = &[
                    b"T\0", b"F\0", b"X\0", b"T", b"TT\0", b"t\0", b"T\0T\0", b"\0",
                ];
                rng.pick(ends).to_vec()
            }
            Op::CONTROL => {
                let commands: &[&[u8]] = &[
                    b"check\0",
                    b"print\0hello\0",
                    b"nonsense\0",
                    b"\0",
                    b"print\0",
                    b"log\0on\0",
                    b"quota\x000\0",
                    b"quota\x001\0",
                    b"quota\x002\0",
                    b"quota\x003\0",
                    b"quota\x0077\0",
                    b"quota\0",
                    b"quota-soft\0",
                    b"quota\0set\0nonsense\x001\0",
                    b"quota\0set\0nodes\0",
                ];
                rng.pick(commands).to_vec()
            }
            Op::SET_TARGET => {
                let ids: &[&[u8]] = &[b"0\0", b"1\0", b"2\0", b"3\0", b"77\0"];
                [rng.pick(ids), rng.pick(ids)].concat()
            }
            // With a domain that exists these are steps of their own.
            Op::INTRODUCE => {
                // (oxenstored would bind the event channel of domain 1 anew, and to nothing.)
                let wrong: &[&[u8]] = &[
                    b"77\x001\x005\0",
                    b"77\x001\0",
                    b"77\x001\x000\0",
                    b"\0",
                    b"77\x001\0-1\0",
                ];
                rng.pick(wrong).to_vec()
            }
            Op::RELEASE => {
                let wrong: &[&[u8]] = &[b"77\0", b"abc\0", b"77", b"77\0x\0"];
                rng.pick(wrong).to_vec()
            }
            Op::GET_DOMAIN_PATH | Op::IS_DOMAIN_INTRODUCED | Op::RESUME => domid(rng),
            _ => b"\0".to_vec(),
        };
        if rng.chance(2) {
            spoil(rng, &mut payload);
        }
        payload
    }

    fn one_path(rng: &mut Rng, op: Op, conn: Conn) -> Vec<u8> {
        let mut payload = Self::path(rng, conn);
        // On oxenstored it removes all there is: possible, but not often.
        if op == Op::RM && payload == b"/" && rng.chance(90) {
            payload = b"/a".to_vec();
        }
        payload.push(0);
        payload
    }

    fn watch(rng: &mut Rng, conn: Conn) -> Vec<u8> {
        let mut payload = Self::path(rng, conn);
        let tokens: &[&[u8]] = &[b"t", b"t", b"u", b"v", b"", b"\xff token"];
        payload.push(0);
        payload.extend(rng.pick(tokens));
        payload.push(0);
        if rng.chance(5) {
            let depths: &[&[u8]] = &[b"0\0", b"1\0", b"x\0", b"-1\0"];
            payload.extend(rng.pick(depths));
        }
        payload
    }

    /// A path, of a node or not.
    pub(super) fn path(rng: &mut Rng, conn: Conn) -> Vec<u8> {
        match rng.weighted(&[58, 14, 14, 4, 3, 3, 4]) {
            0 => {
                let tops: &[&[u8]] = &[b"/a", b"/a", b"/b", b"/dir"];
                let mut path = rng.pick(tops).to_vec();
                descend(rng, &mut path);
                path
            }
            1 => {
                let own = match conn {
                    Conn::Domain(domid) if rng.chance(70) => domid as usize,
                    _ => rng.below(4),
                };
                let mut path = format!("/local/domain/{own}").into_bytes();
                descend(rng, &mut path);
                path
            }
            2 => {
                let tops: &[&[u8]] = &[b"a", b"b", b"data"];
                let mut path = rng.pick(tops).to_vec();
                descend(rng, &mut path);
                path
            }
            3 => {
                let special: &[&[u8]] = &[
                    b"@introduceDomain",
                    b"@releaseDomain",
                    b"@nosuch",
                    b"@releaseDomain/1",
                    b"/@releaseDomain",
                    b"/@x",
                    b"@",
                ];
                rng.pick(special).to_vec()
            }
            4 => {
                let high: &[&[u8]] = &[
                    b"/",
                    b"/",
                    b"/local",
                    b"/local/domain",
                    b"/tool",
                    b"/tool/xenstored",
                ];
                rng.pick(high).to_vec()
            }
            5 => {
                let wrong: &[&[u8]] = &[
                    b"",
                    b"//",
                    b"/a/",
                    b"/a//b",
                    b"a/",
                    b"/a.b",
                    b"/a b",
                    b"/a\x7f",
                    b"/\xc3\xa9",
                    b"/a/..",
                    b"\xff",
                    b"/a\nb",
                    b"a//b",
                ];
                rng.pick(wrong).to_vec()
            }
            _ => long_path(rng),
        }
    }
}

/// Goes down some levels.
fn descend(rng: &mut Rng, path: &mut Vec<u8>) {
    let names: &[&[u8]] = &[b"a", b"b", b"c", b"x", b"n01", b"state"];
    for _ in 0..[0, 0, 1, 1, 1, 2, 2, 3][rng.below(8)] {
        path.push(b'/');
        path.extend(rng.pick(names));
    }
}

/// A path around a limit.
fn long_path(rng: &mut Rng) -> Vec<u8> {
    let starts: &[&[u8]] = &[
        b"/",
        b"/local/domain/1/",
        b"/local/domain/0/",
        b"",
        b"/a/",
        b"/local/domain/123456/",
    ];
    let start = rng.pick(starts).to_vec();
    let lengths = [
        255, 1022, 1023, 1024, 1025, 2047, 2048, 2049, 3071, 3072, 3073,
    ];
    let counted = lengths[rng.below(lengths.len())];
    let length = if rng.chance(50) {
        counted
    } else {
        counted + start.len()
    };
    let mut path = start;
    while path.len() < length {
        let slash =
            path.len() % 101 == 100 && path.len() + 1 < length && path.last() != Some(&b'/');
        path.push(if slash { b'/' } else { b'p' });
    }
    path
}

/// A value; `before` bytes of the payload are used.
fn value(rng: &mut Rng, before: usize) -> Vec<u8> {
    match rng.weighted(&[60, 10, 10, 8, 6, 2]) {
        0 => {
            let values: &[&[u8]] = &[b"0", b"1", b"2", b"value"];
            rng.pick(values).to_vec()
        }
        1 => Vec::new(),
        2 => {
            let values: &[&[u8]] = &[b"\0", b"a\0b\0", b"\xff\xfe\n", b"line\n"];
            rng.pick(values).to_vec()
        }
        3 => {
            let lengths = [
                1024, 1900, 1990, 2000, 2010, 2016, 2020, 2024, 2028, 2047, 2048, 2049, 3000,
            ];
            let length = lengths[rng.below(lengths.len())] - rng.below(3);
            vec![b'v'; length.min(4096usize.saturating_sub(before))]
        }
        4 => vec![b'v'; 4096usize.saturating_sub(before)],
        _ => vec![b'v'; 4096usize.saturating_sub(before) + 1 + rng.below(3)],
    }
}

/// Permission entries as strings.
fn permissions(rng: &mut Rng, kind: Kind) -> Vec<u8> {
    let mut text = Vec::new();
    if rng.chance(12) {
        let odd: &[&[u8]] = &[
            b"",
            b"\0",
            b"n\0",
            b"x0\0",
            b"N0\0",
            b"0\0",
            b"n0",
            b"n0\0r3",
            b"n03\0",
            b"n0x1\0",
            b"n 1\0",
            b"n-1\0",
            b"n99999\0",
            b"n0 r3\0",
            b"rw0\0",
            b"n0\0r77\0",
            b"n0\0r-1\0",
            b"b77\0",
            b"n0\0\0",
            b"n+1\0",
            b"n0b1\0",
            b"n1_0\0",
            b"n08\0",
            b"n0u1\0",
            b"n4294967297\0",
            b"n0\0r4294967297\0",
        ];
        return rng.pick(odd).to_vec();
    }
    let most = if kind == Kind::C || rng.chance(90) {
        6
    } else {
        60
    };
    let letters = b"nrwb";
    for _ in 0..=rng.below(most) {
        text.push(letters[rng.below(4)]);
        let ids: &[&[u8]] = &[b"0", b"1", b"1", b"2", b"2", b"3", b"77", b"32757"];
        text.extend(rng.pick(ids));
        text.push(0);
        if rng.chance(45) {
            break;
        }
    }
    text
}

fn domid(rng: &mut Rng) -> Vec<u8> {
    let texts: &[&[u8]] = &[
        b"0\0",
        b"1\0",
        b"2\0",
        b"3\0",
        b"77\0",
        b"032\0",
        b"-1\0",
        b"99999\0",
        b"abc\0",
        b"\0",
        b"32752\0",
        b" 1\0",
        b"1x\0",
        b"4294967297\0",
        b"0x1\0",
    ];
    rng.pick(texts).to_vec()
}

/// Makes a payload wrong.
fn spoil(rng: &mut Rng, payload: &mut Vec<u8>) {
    match rng.below(5) {
        0 => drop(payload.pop()),
        1 => payload.push(b'x'),
        2 => payload.extend(b"more\0"),
        3 => payload.clear(),
        _ => payload.insert(0, 0),
    }
}
