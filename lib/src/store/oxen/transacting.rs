//! TRANSACTION_START and TRANSACTION_END.

use super::path::Path;
use super::perms::Who;
use super::transaction::{Change, ChangeKind, Transaction};
use super::watches::look;
use super::{PRIVILEGED_MAX, Response};
use crate::id::TxId;
use crate::store::core::Core;
use crate::store::output::Sink;
use crate::store::quota::exceeded;
use crate::store::request::Request;
use crate::wire::Errno;

impl Core {
    pub(super) fn oxen_start(
        &mut self,
        request: &Request<'_>,
        who: Who,
    ) -> Result<Response, Errno> {
        if request.header.tx_id != TxId::NONE {
            return Err(Errno::EBUSY);
        }
        let from = request.from;
        let open = self.oxen.open(from);
        let full = if who.is_privileged() {
            open >= PRIVILEGED_MAX
        } else {
            exceeded(open, self.world.quotas.transactions)
        };
        if full {
            return Err(Errno::EQUOTA);
        }
        let next = self.oxen.next.entry(from).or_insert(1);
        while *next == 0
            || *next >= 0x3fff_ffff
            || self.oxen.transactions.contains_key(&(from, *next))
        {
            *next = if *next >= 0x3fff_ffff { 1 } else { *next + 1 };
        }
        let number = *next;
        *next += 1;
        let transaction = Transaction::start(&self.oxen.tree);
        self.oxen.transactions.insert((from, number), transaction);
        Ok(Response::Reply(format!("{number}\0").into_bytes()))
    }

    /// TRANSACTION_END. Its events come before its answer.
    pub(super) fn oxen_end(
        &mut self,
        request: &Request<'_>,
        who: Who,
        sink: &mut dyn Sink,
    ) -> Result<Response, Errno> {
        let commit = match request.payload.split(|byte| *byte == 0).next() {
            Some(b"T") => true,
            Some(b"F") => false,
            _ => return Err(Errno::EINVAL),
        };
        let key = (request.from, request.header.tx_id.0);
        let transaction = self.oxen.transactions.remove(&key).ok_or(Errno::ENOENT)?;
        self.oxen.held -= transaction.held;
        if commit && !transaction.work.changes.is_empty() {
            let home = self.home(request.from);
            transaction.commit(&mut self.oxen.tree, who, &home, &self.world.quotas)?;
            let mut events = Vec::new();
            for Change { path, kind } in &transaction.work.changes {
                let start = &transaction.start.root;
                let end = &transaction.work.tree.root;
                let seen = |path: &Path| match kind {
                    ChangeKind::Set => look(end, path),
                    ChangeKind::Perms(_) => [look(start, path), look(end, path)].concat(),
                    ChangeKind::Removed(..) => look(start, path),
                };
                let below = kind.reaches_below();
                events.extend(
                    self.oxen
                        .watches
                        .events(path, below, &seen, &|id| self.who(id)),
                );
            }
            self.tell(events, sink);
        }
        Ok(Response::Ack)
    }
}
