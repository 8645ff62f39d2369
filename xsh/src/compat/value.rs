//! `xenstore-read`, `xenstore-write` and `xenstore-exists`.

use std::io;

use xenbus::Operations;
use xenbus::wire::Op;

use super::escape::{escape, unescape};
use super::options::Options;
use super::store::{Store, ask};
use super::{Call, Result, flush, print};

/// Prints the values of nodes; of several as they are at one moment.
pub(super) fn read(call: &Call, store: &Store, options: &Options) -> Result<u8> {
    let mut output = Vec::new();
    let mut all = |ops: &dyn Operations| {
        output.clear();
        for path in &options.operands {
            let Ok(value) = ask(ops, Op::READ, path, b"") else {
                call.warn(&[b"couldn't read path ", &path[..]].concat());
                return Ok(1);
            };
            if options.prefix {
                output.extend_from_slice(&[path, &b": "[..]].concat());
            }
            if options.raw {
                output.extend_from_slice(&value);
            } else {
                escape(&mut output, &value);
                output.push(b'\n');
            }
        }
        Ok(0)
    };
    let status = if options.operands.len() > 1 {
        store.transaction(call, |transaction| all(transaction))?
    } else {
        all(&store.client)?
    };
    // What was read before an error is printed all the same.
    let mut stdout = io::stdout().lock();
    print(&mut stdout, &output)?;
    flush(&mut stdout)?;
    Ok(status)
}

/// Writes nodes; several at once or not at all.
pub(super) fn write(call: &Call, store: &Store, options: &Options) -> Result<u8> {
    let all = |ops: &dyn Operations| {
        for pair in options.operands.chunks_exact(2) {
            let (path, text) = (&pair[0], &pair[1]);
            let value = if options.raw {
                text.clone()
            } else {
                unescape(text)
            };
            if ask(ops, Op::WRITE, path, &value).is_err() {
                call.warn(&[b"could not write path ", &path[..]].concat());
                return Ok(1);
            }
        }
        Ok(0)
    };
    if options.operands.len() > 2 {
        store.transaction(call, |transaction| all(transaction))
    } else {
        all(&store.client)
    }
}

/// Says by its status whether all nodes are there and may be read.
pub(super) fn exists(call: &Call, store: &Store, options: &Options) -> Result<u8> {
    let all = |ops: &dyn Operations| {
        let mut paths = options.operands.iter();
        let there = paths.all(|path| ask(ops, Op::READ, path, b"").is_ok());
        Ok(u8::from(!there))
    };
    if options.operands.len() > 1 {
        store.transaction(call, |transaction| all(transaction))
    } else {
        all(&store.client)
    }
}
