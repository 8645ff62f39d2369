//! The store as libxenstore shows it: any bytes as paths, errors by their numbers, no end to waiting.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno as Number;
use xenbus::address::Address;
use xenbus::client::Request;
use xenbus::wire::{Errno, Op, strings};
use xenbus::{Client, ClientOptions, Error, Operations, StorePath, Transaction};

use super::{Call, Result};

/// A connection.
pub(super) struct Store {
    pub(super) client: Client,
}

/// The original waits for ever.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

impl Store {
    /// Connects as libxenstore would, or says the number of the error.
    pub(super) fn open() -> std::result::Result<Self, i32> {
        let mut options = ClientOptions::default();
        // Connecting is the one thing that the original does not wait for.
        options.timeout = FOR_EVER;
        options.transaction_timeout = FOR_EVER;
        let client = Client::connect(&Address::Default, options);
        client
            .map(|client| Self { client })
            .map_err(|_| why_unreachable())
    }

    /// Runs `body` in a transaction as often as the store reports a conflict. What it gives is its exit status; if
    /// that is not 0, nothing is committed.
    pub(super) fn transaction(
        &self,
        call: &Call,
        mut body: impl FnMut(&Transaction) -> Result<u8>,
    ) -> Result<u8> {
        loop {
            let begun = self.client.begin();
            let transaction = begun.map_err(|_| call.stop(b"couldn't start transaction"))?;
            let status = body(&transaction)?;
            let ended = if status == 0 {
                transaction.commit()
            } else {
                transaction.abort()
            };
            match ended {
                Ok(()) => return Ok(status),
                Err(error) if status == 0 && number(&error) == Number::AGAIN.raw_os_error() => {}
                Err(_) => return Err(call.stop(b"couldn't end transaction")),
            }
        }
    }
}

/// A request about a path, whatever bytes that is.
pub(super) fn ask(
    ops: &dyn Operations,
    op: Op,
    path: &[u8],
    rest: &[u8],
) -> std::result::Result<Vec<u8>, i32> {
    if op == Op::RM && path == b"/" {
        // C's answer; oxenstored would empty the whole store.
        return Err(Number::INVAL.raw_os_error());
    }
    let payload = [path, b"\0", rest].concat();
    let answer = ops.submit(Request::raw(op, &payload)).wait();
    answer.map_err(|error| number(&error))
}

/// The names of a node's children, in the store's order, with all that a store takes for one.
pub(super) fn directory(
    ops: &dyn Operations,
    path: &[u8],
) -> std::result::Result<Vec<Vec<u8>>, i32> {
    match ask(ops, Op::DIRECTORY, path, b"") {
        Ok(names) => Ok(split(&names)),
        // A list that is too long for one message is asked for in parts.
        Err(error) if error == Number::TOOBIG.raw_os_error() => {
            let path = StorePath::parse(path).map_err(|_| error)?;
            let names = ops.directory(&path).map_err(|error| number(&error))?;
            Ok(names.into_iter().map(String::into_bytes).collect())
        }
        Err(error) => Err(error),
    }
}

fn split(names: &[u8]) -> Vec<Vec<u8>> {
    let names = strings(names).into_iter().flatten();
    names
        .filter(|name| !name.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

/// The number that libxenstore gives an error.
pub(super) fn number(error: &Error) -> i32 {
    let number = match error {
        Error::Store { errno, .. } => by_name(errno),
        Error::TooLong { .. } => Number::TOOBIG,
        Error::Refused { .. } | Error::Path(_) | Error::Invalid { .. } => Number::INVAL,
        Error::Unsupported { .. } => Number::NOSYS,
        // libxenstore closes its descriptor then.
        Error::Disconnected { .. } | Error::TransactionLost | Error::Connect { .. } => Number::BADF,
        _ => Number::IO,
    };
    number.raw_os_error()
}

fn by_name(errno: &Errno) -> Number {
    match errno.name() {
        "EACCES" => Number::ACCESS,
        "EEXIST" => Number::EXIST,
        "EISDIR" => Number::ISDIR,
        "ENOENT" => Number::NOENT,
        "ENOMEM" => Number::NOMEM,
        "ENOSPC" => Number::NOSPC,
        "EIO" => Number::IO,
        "ENOTEMPTY" => Number::NOTEMPTY,
        "ENOSYS" => Number::NOSYS,
        "EROFS" => Number::ROFS,
        "EBUSY" => Number::BUSY,
        "EAGAIN" => Number::AGAIN,
        "EISCONN" => Number::ISCONN,
        "E2BIG" => Number::TOOBIG,
        "EPERM" => Number::PERM,
        // Among them oxenstored's EQUOTA.
        _ => Number::INVAL,
    }
}

/// What the system calls an error: as `strerror` without a language.
pub(super) fn error_text(errno: i32) -> String {
    let text = io::Error::from_raw_os_error(errno).to_string();
    let end = text.rfind(" (os error").unwrap_or(text.len());
    text[..end].to_owned()
}

/// The error that libxenstore reports when it cannot connect: that of the last that it tries, which is what
/// `XENSTORED_PATH` names, or else the system's device.
fn why_unreachable() -> i32 {
    const DEVICES: [&str; 2] = ["/dev/xen/xenbus", "/proc/xen/xenbus"];
    let named = std::env::var_os("XENSTORED_PATH").map(PathBuf::from);
    let path = named.unwrap_or_else(|| {
        let there = DEVICES.into_iter().find(|path| Path::new(path).exists());
        there.unwrap_or(DEVICES[1]).into()
    });
    let tried = path.metadata().and_then(|metadata| {
        if metadata.file_type().is_socket() {
            UnixStream::connect(&path).map(drop)
        } else {
            File::options().read(true).write(true).open(&path).map(drop)
        }
    });
    let error = tried.err().and_then(|error| error.raw_os_error());
    error.unwrap_or(Number::NXIO.raw_os_error())
}
