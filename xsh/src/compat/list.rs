//! `xenstore-list` and `xenstore-ls`.

use std::io::{self, BufWriter, IsTerminal as _, Write};

use xenbus::path::PHANTOM_NODES;
use xenbus::tree::{Field, Node, Order, Walk, WalkOptions};
use xenbus::wire::Op;
use xenbus::{Operations, Perms, StorePath};

use super::escape::escape;
use super::options::Options;
use super::store::{Store, ask, directory, number};
use super::{Call, Result, Stop, flush, print, with_reason};

/// Prints the names of nodes' children.
pub(super) fn list(call: &Call, store: &Store, options: &Options) -> Result<u8> {
    let mut output = Vec::new();
    let mut all = |ops: &dyn Operations| {
        output.clear();
        for path in &options.operands {
            let Ok(names) = directory(ops, path) else {
                call.warn(&[b"could not list path ", &path[..]].concat());
                return Ok(1);
            };
            let prefix = if path == b"/" { b"" } else { &path[..] };
            for name in names {
                if options.prefix {
                    output.extend_from_slice(&[prefix, b"/"].concat());
                }
                output.extend_from_slice(&name);
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
    let mut stdout = io::stdout().lock();
    print(&mut stdout, &output)?;
    flush(&mut stdout)?;
    Ok(status)
}

/// Prints everything below nodes.
pub(super) fn ls(call: &Call, store: &Store, options: &Options) -> Result<u8> {
    let ls = Ls {
        call,
        ops: &store.client,
        show_perms: options.prefix,
        form: Form::new(options.flat, options.prefix),
    };
    let stdout = io::stdout().lock();
    let is_terminal = stdout.is_terminal();
    let mut out = BufWriter::with_capacity(if is_terminal { 1024 } else { 64 << 10 }, stdout);
    let root = vec![b"/".to_vec()];
    let paths = if options.operands.is_empty() {
        &root
    } else {
        &options.operands
    };
    for path in paths {
        let done = ls.below(&mut out, path);
        // What was found before an error is printed all the same.
        flush(&mut out)?;
        done?;
    }
    Ok(0)
}

struct Ls<'a> {
    call: &'a Call,
    ops: &'a dyn Operations,
    show_perms: bool,
    form: Form,
}

impl Ls<'_> {
    fn below(&self, out: &mut impl Write, path: &[u8]) -> Result<()> {
        let denied = |errno| self.unlisted(path, errno);
        let names = directory(self.ops, path).map_err(denied)?;
        let top = StorePath::parse(path).map_err(|error| denied(number(&error.into())))?;
        // oxenstored takes two names of the root for nodes that are none for us.
        let is_phantom = |name: &[u8]| PHANTOM_NODES.iter().any(|known| known.as_bytes() == name);
        if top.is_root() {
            for name in names.iter().filter(|name| is_phantom(name)) {
                self.phantom(out, name)?;
            }
        }
        let mut options = WalkOptions::default();
        options.order = Order::Store;
        options.perms = self.show_perms;
        let depth = top.depth();
        for node in Walk::new(self.ops, &top, options).skip(1) {
            let node = node.map_err(|error| denied(number(&error)))?;
            self.node(out, &node, node.path.depth() - depth - 1)?;
        }
        Ok(())
    }

    fn phantom(&self, out: &mut impl Write, name: &[u8]) -> Result<()> {
        let path = [b"/", name].concat();
        let value = ask(self.ops, Op::READ, &path, b"").ok();
        let perms = match ask(self.ops, Op::GET_PERMS, &path, b"") {
            Ok(wire) => Perms::from_wire(&wire).ok(),
            Err(_) => None,
        };
        let line = self
            .form
            .line(&path, name, 0, value.as_deref(), perms.as_ref());
        print(out, &line)
    }

    fn node(&self, out: &mut impl Write, node: &Node, depth: usize) -> Result<()> {
        let name = node.path.name().unwrap_or_default().as_bytes();
        let value = node.value.known().map(Vec::as_slice);
        let path = node.path.as_bytes();
        let line = self.form.line(path, name, depth, value, node.perms.known());
        print(out, &line)?;
        let errno = rustix::io::Errno::ACCESS.raw_os_error();
        if node.perms == Field::Denied {
            let text = [b"\ncould not access permissions for ", name].concat();
            self.call.warn(&with_reason(errno, &text));
        }
        if node.children == Field::Denied {
            return Err(self.unlisted(path, errno));
        }
        Ok(())
    }

    fn unlisted(&self, path: &[u8], errno: i32) -> Stop {
        let text = [b"xs_directory (", path, b")"].concat();
        self.call.stop_with(errno, &text)
    }
}

/// How `xenstore-ls` lays out a line.
struct Form {
    flat: bool,
    show_perms: bool,
    /// Columns; what is longer is cut.
    max: i32,
    /// Column of the permissions.
    desired: i32,
}

/// Length of ` = "..."`.
const TAG: i32 = 8;

impl Form {
    fn new(flat: bool, show_perms: bool) -> Self {
        let (mut max, desired) = if flat { (i32::MAX / 2, 0) } else { (80, 60) };
        // Whole paths as well are cut on a terminal.
        if let Ok(size) = rustix::termios::tcgetwinsize(rustix::stdio::stdout()) {
            max = i32::from(size.ws_col) - 2;
        }
        Self {
            flat,
            show_perms,
            max,
            desired,
        }
    }

    fn line(
        &self,
        path: &[u8],
        name: &[u8],
        depth: usize,
        value: Option<&[u8]>,
        perms: Option<&Perms>,
    ) -> Vec<u8> {
        let mut line = Vec::with_capacity(128);
        if self.flat {
            line.extend_from_slice(path);
        } else {
            line.resize(depth, b' ');
            line.extend_from_slice(cut(name, self.max - TAG - columns(depth)));
        }
        // A path does not count.
        let width = if self.flat { 0 } else { columns(line.len()) };
        match value {
            None => line.extend_from_slice(b":\n"),
            Some(value) => self.value(&mut line, width, value),
        }
        if let Some(perms) = perms.filter(|_| self.show_perms) {
            let entries = perms.entries().map(|perm| {
                // Numbers as libxenstore has them, with a sign.
                format!("{}{}", perm.access.letter(), perm.domid.0.cast_signed())
            });
            let entries: Vec<_> = entries.collect();
            line.extend_from_slice(format!("  ({})", entries.join(",")).as_bytes());
        }
        line.push(b'\n');
        line
    }

    fn value(&self, line: &mut Vec<u8>, mut width: i32, value: &[u8]) {
        let mut text = Vec::with_capacity(value.len());
        escape(&mut text, value);
        line.extend_from_slice(b" = \"");
        // A terminal without columns has room for everything, because the original compares without signs.
        if self.max >= 0 && self.max < width + columns(value.len()) + TAG {
            line.extend_from_slice(cut(&text, self.max - TAG - width));
            line.extend_from_slice(b"\\...\"");
            return;
        }
        line.extend_from_slice(&text);
        line.push(b'"');
        if self.show_perms {
            line.push(b' ');
            width += columns(text.len()) + 6;
            while width < self.desired.min(self.max) {
                line.push(if width & 1 == 1 { b'.' } else { b' ' });
                width += 1;
            }
        }
    }
}

/// Some bytes from the start; all of them for a negative number, as `printf` has it.
fn cut(text: &[u8], columns: i32) -> &[u8] {
    let length = usize::try_from(columns).map_or(text.len(), |columns| columns.min(text.len()));
    &text[..length]
}

fn columns(bytes: usize) -> i32 {
    // No message is that long.
    i32::try_from(bytes).unwrap_or(i32::MAX / 4)
}
