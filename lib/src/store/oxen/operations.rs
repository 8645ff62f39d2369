//! The operations on nodes, in a transaction or not.

use super::path::Path;
use super::perms::{Perms, Who};
use super::transaction::{ChangeKind, Work};
use super::{Response, numbers};
use crate::store::quota::Quotas;
use crate::wire::{Errno, Op};

/// Whether an operation is one of these: only they can be carried out again.
pub(super) fn is_simple(op: Op) -> bool {
    !matches!(
        op,
        Op::CONTROL
            | Op::WATCH
            | Op::UNWATCH
            | Op::TRANSACTION_START
            | Op::TRANSACTION_END
            | Op::INTRODUCE
            | Op::RELEASE
            | Op::IS_DOMAIN_INTRODUCED
            | Op::RESUME
            | Op::SET_TARGET
            | Op::RESET_WATCHES
            | Op(20)
    ) && op.0 < Op::DIRECTORY_PART.0
}

/// Carries out one. `home`: what relative paths are below.
pub(super) fn carry_out(
    work: &mut Work,
    op: Op,
    payload: &[u8],
    who: Who,
    home: &str,
    quotas: &Quotas,
) -> Response {
    let request = Request {
        payload,
        who,
        home,
        path_max: quotas.path_max,
    };
    let result = match op {
        Op::DIRECTORY => request.directory(work),
        Op::READ => request.read(work),
        Op::GET_PERMS => request.get_perms(work),
        Op::GET_DOMAIN_PATH => request.get_domain_path(),
        Op::WRITE => request.write(work),
        Op::MKDIR => request.mkdir(work),
        Op::RM => request.rm(work),
        Op::SET_PERMS => request.set_perms(work),
        _ => Err(Errno::ENOSYS),
    };
    result.unwrap_or_else(Response::Error)
}

struct Request<'a> {
    payload: &'a [u8],
    who: Who,
    home: &'a str,
    path_max: u32,
}

impl Request<'_> {
    fn path(&self, name: &[u8]) -> Result<Path, Errno> {
        Path::of_request(name, self.home, self.path_max)
    }

    /// The one path that a request has.
    fn one_path(&self) -> Result<Path, Errno> {
        let (name, rest) = self.name_and_rest()?;
        if rest.is_empty() {
            self.path(name)
        } else {
            Err(Errno::EINVAL)
        }
    }

    fn name_and_rest(&self) -> Result<(&[u8], &[u8]), Errno> {
        let end = self.payload.iter().position(|byte| *byte == 0);
        let end = end.ok_or(Errno::EINVAL)?;
        Ok((&self.payload[..end], &self.payload[end + 1..]))
    }

    fn directory(&self, work: &mut Work) -> Result<Response, Errno> {
        let path = self.one_path()?;
        let node = work.tree.readable(self.who, &path)?;
        let names = node.children.keys().map(|name| [name, &b"\0"[..]].concat());
        let list = names.collect::<Vec<_>>().concat();
        work.note_read(&path);
        Ok(Response::Reply(list))
    }

    fn read(&self, work: &mut Work) -> Result<Response, Errno> {
        let path = self.one_path()?;
        let value = work.tree.readable(self.who, &path)?.value.to_vec();
        work.note_read(&path);
        Ok(Response::Reply(value))
    }

    fn get_perms(&self, work: &mut Work) -> Result<Response, Errno> {
        let path = self.one_path()?;
        let perms = work.tree.readable(self.who, &path)?.perms.to_wire();
        work.note_read(&path);
        Ok(Response::Reply(perms))
    }

    fn get_domain_path(&self) -> Result<Response, Errno> {
        let (domid, rest) = self.name_and_rest()?;
        if !rest.is_empty() {
            return Err(Errno::EINVAL);
        }
        let domid = numbers::shown(numbers::lax(domid));
        Ok(Response::Reply(
            format!("/local/domain/{domid}\0").into_bytes(),
        ))
    }

    fn write(&self, work: &mut Work) -> Result<Response, Errno> {
        let (name, value) = self.name_and_rest()?;
        let path = self.path(name)?;
        self.make_parents(work, &path)?;
        let existed = work.tree.get(&path).is_some();
        work.tree.write(self.who, &path, value)?;
        if existed {
            work.note_write(&path);
        } else {
            work.note_write(&path.parent());
        }
        work.note_change(path, ChangeKind::Set);
        Ok(Response::Ack)
    }

    fn mkdir(&self, work: &mut Work) -> Result<Response, Errno> {
        let path = self.one_path()?;
        self.make_parents(work, &path)?;
        if work.tree.mkdir(self.who, &path)? || path.names().is_empty() {
            work.note_write(&path.parent());
            work.note_change(path, ChangeKind::Set);
        }
        Ok(Response::Ack)
    }

    /// Makes what is missing above, one after the other: what was made stays when the rest is refused.
    fn make_parents(&self, work: &mut Work, path: &Path) -> Result<(), Errno> {
        for count in 1..path.names().len() {
            let above = path.up_to(count);
            if work.tree.get(&above).is_none() {
                work.tree.mkdir(self.who, &above)?;
                work.note_write(&above.parent());
            }
        }
        Ok(())
    }

    fn rm(&self, work: &mut Work) -> Result<Response, Errno> {
        let path = self.one_path()?;
        let parent = path.parent();
        let above = work.tree.get(&parent).ok_or(Errno::ENOENT)?;
        let perms = (!path.names().is_empty()).then(|| above.perms.clone());
        if work.tree.get(&path).is_none() {
            return Ok(Response::Ack);
        }
        let removed = work.tree.remove(self.who, &path)?;
        work.note_write(&parent);
        work.note_change(path, ChangeKind::Removed(perms, removed));
        Ok(Response::Ack)
    }

    fn set_perms(&self, work: &mut Work) -> Result<Response, Errno> {
        let (name, perms) = self.name_and_rest()?;
        let path = self.path(name)?;
        let perms = Perms::parse(perms)?;
        let before = ChangeKind::perms(&work.tree, &path);
        work.tree.set_perms(self.who, &path, perms)?;
        work.note_write(&path);
        work.note_change(path, before);
        Ok(Response::Ack)
    }
}
