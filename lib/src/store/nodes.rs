//! The operations on nodes.

use super::core::{Call, Core};
use super::lax;
use super::names;
use super::node::{Acl, Entry, variable_size};
use super::output::Sink;
use super::quota::Quotas;
use super::transaction::Reach;
use super::tree::parent_of;
use crate::id::DomId;
use crate::path::PHANTOM_NODES;
use crate::perms::Access;
use crate::wire::{Errno, PAYLOAD_MAX};

impl Core {
    /// The absolute path that a request names.
    fn path<'a>(
        &mut self,
        name: &'a [u8],
        call: &Call<'_>,
    ) -> Result<std::borrow::Cow<'a, str>, Errno> {
        let path = names::node_path(name, call.caller, &self.limits(call), self.world.rules)?;
        self.note_path(call, &path);
        Ok(path)
    }

    /// Remembers how long the paths are that a guest names.
    pub(super) fn note_path(&mut self, call: &Call<'_>, path: &str) {
        if !call.caller.privileged && self.world.rules.control.maxima {
            let (domid, counted) = (call.caller.domid, names::counted(path));
            self.world.domains.note(domid, |seen| seen.path = counted);
        }
    }

    /// The limits that hold for the caller.
    pub(super) fn limits(&self, call: &Call<'_>) -> Quotas {
        if call.caller.privileged {
            return self.world.quotas;
        }
        self.world.limits(call.caller.domid)
    }

    pub(super) fn read(&mut self, call: &mut Call<'_>, sink: &mut dyn Sink) -> Result<(), Errno> {
        let path = self.path(call.request.one_string()?, call)?;
        let mut space = self.space(call.transaction.as_mut(), call.caller);
        let node = space.find(&path, Access::Read)?;
        call.request.bounded_reply(sink, &node.value)
    }

    pub(super) fn directory(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let path = self.path(call.request.one_string()?, call)?;
        let mut space = self.space(call.transaction.as_mut(), call.caller);
        let children = &space.find(&path, Access::Read)?.children;
        if children.bytes() > PAYLOAD_MAX {
            return Err(Errno::E2BIG);
        }
        let mut payload = Vec::with_capacity(children.bytes());
        for child in children.iter() {
            payload.extend_from_slice(child.name());
            payload.push(0);
        }
        call.request.reply(sink, &payload);
        Ok(())
    }

    pub(super) fn directory_part(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        if call.request.strings().count() != 2 {
            return Err(Errno::EINVAL);
        }
        let [name, offset] = call.request.first_strings()?;
        let path = self.path(name, call)?;
        let mut space = self.space(call.transaction.as_mut(), call.caller);
        let node = space.find(&path, Access::Read)?;
        let mut payload = format!("{}\0", node.generation).into_bytes();
        let offset = lax::atoi(offset) as usize;
        let all = node.children.bytes();
        if offset >= all {
            payload.push(0);
            call.request.reply(sink, &payload);
            return Ok(());
        }
        // Room for the names with their NULs and, after the last one, one NUL more.
        let room = PAYLOAD_MAX - payload.len() - 1;
        let start = payload.len();
        let (children, within) = node.children.iter_from(offset);
        let mut skipped = within;
        for child in children {
            let rest = &child.name()[skipped..];
            if payload.len() - start + rest.len() >= room {
                break;
            }
            payload.extend_from_slice(rest);
            payload.push(0);
            skipped = 0;
        }
        if offset + (payload.len() - start) == all {
            payload.push(0);
        }
        call.request.reply(sink, &payload);
        Ok(())
    }

    pub(super) fn get_perms(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let name = call.request.one_string()?;
        if name.first() == Some(&b'@') && self.world.rules.special_perms_readable {
            let acl = self.special_acl(name).ok_or(Errno::EINVAL)?;
            if !call
                .caller
                .access_by(acl, u64::MAX, &self.world.domains)
                .can_read()
            {
                return Err(Errno::EACCES);
            }
            return call.request.bounded_reply(sink, &acl.to_wire());
        }
        let path = self.path(name, call)?;
        let mut space = self.space(call.transaction.as_mut(), call.caller);
        let node = space.find(&path, Access::Read)?;
        call.request.bounded_reply(sink, &node.acl.to_wire())
    }

    pub(super) fn write(&mut self, call: &mut Call<'_>, sink: &mut dyn Sink) -> Result<(), Errno> {
        let (name, value) = call.request.string_and_rest()?;
        let path = self.path(name, call)?;
        let mut space = self.space(call.transaction.as_mut(), call.caller);
        match space.find(&path, Access::Write) {
            Ok(node) => {
                let size = variable_size(node.acl.len(), value.len(), node.children.bytes());
                space.change(&path, size, |node| node.value = value.into())?;
            }
            Err(errno) if errno == Errno::ENOENT => space.create(&path, value)?,
            Err(errno) => return Err(errno),
        }
        self.changed(call, &path, None, sink);
        Ok(())
    }

    pub(super) fn mkdir(&mut self, call: &mut Call<'_>, sink: &mut dyn Sink) -> Result<(), Errno> {
        let path = self.path(call.request.one_string()?, call)?;
        let mut space = self.space(call.transaction.as_mut(), call.caller);
        match space.find(&path, Access::Write) {
            Ok(_) => call.request.ack(sink),
            Err(errno) if errno == Errno::ENOENT => {
                space.create(&path, b"")?;
                self.changed(call, &path, None, sink);
            }
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    pub(super) fn rm(&mut self, call: &mut Call<'_>, sink: &mut dyn Sink) -> Result<(), Errno> {
        let path = self.path(call.request.one_string()?, call)?;
        let mut space = self.space(call.transaction.as_mut(), call.caller);
        match space.find(&path, Access::Write) {
            Ok(_) => {}
            Err(errno) if errno == Errno::ENOENT => {
                if !space.look(parent_of(&path))? {
                    return Err(Errno::ENOENT);
                }
                call.request.ack(sink);
                return Ok(());
            }
            Err(errno) => return Err(errno),
        }
        if path == "/" {
            return Err(Errno::EINVAL);
        }
        self.remove_tree(call, &path, sink)?;
        call.request.ack(sink);
        Ok(())
    }

    /// Removes a node other than the root with all below, with its events.
    pub(super) fn remove_tree(
        &mut self,
        call: &mut Call<'_>,
        top: &str,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let parent = parent_of(top);
        let mut space = self.space(call.transaction.as_mut(), call.caller);
        if !space.look(parent)? {
            return Err(Errno::EINVAL);
        }
        if space.transaction.is_some() {
            return space.remove_noted(top);
        }
        // While the nodes' permissions can still be seen. Mostly nobody watches anything below.
        if self.watches.watched_below(top).next().is_some() {
            let doomed = self.space(None, call.caller).doomed(top).0;
            for path in doomed.iter().filter(|path| &***path != top) {
                self.fire(path, Reach::Exact, None, sink);
            }
        }
        self.fire(top, Reach::Above, None, sink);
        let mut space = self.space(None, call.caller);
        space.remove_subtree(top);
        space.change_unchecked(parent, |_| {});
        Ok(())
    }

    pub(super) fn set_perms(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let mut strings = call.request.strings();
        let name = strings.next().ok_or(Errno::EINVAL)?;
        let entries: Vec<&[u8]> = strings.collect();
        if entries.is_empty() {
            return Err(Errno::EINVAL);
        }
        let limit = self.world.limits(call.caller.domid).node_permissions;
        let ends = usize::from(self.world.rules.limits_are_ends);
        if !call.caller.privileged {
            if super::quota::exceeded(entries.len() + ends, limit) {
                return Err(Errno::ENOSPC);
            }
            let domains = &mut self.world.domains;
            domains.note(call.caller.domid, |seen| {
                seen.node_permissions = entries.len();
            });
        }
        let entries = entries.into_iter().map(|entry| self.entry(entry));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        if entries[0].ignored {
            return Err(Errno::ENOENT);
        }
        let acl = Acl::new(&entries).ok_or(Errno::EINVAL)?;
        if name.first() == Some(&b'@') {
            let old = self.special_acl(name).ok_or(Errno::EINVAL)?;
            if !call.caller.owns(old) {
                return Err(Errno::EACCES);
            }
            self.set_special_acl(name, acl);
            call.request.ack(sink);
            return Ok(());
        }
        let path = self.path(name, call)?;
        let mut space = self.space(call.transaction.as_mut(), call.caller);
        let node = space.find(&path, Access::Write)?;
        let old = node.acl.clone();
        let settled = super::access::settled(
            space.node(&path).ok_or(Errno::ENOENT)?,
            &space.world.domains,
        );
        if !call.caller.owns(&old) {
            return Err(space.refusal(&path)?);
        }
        if !call.caller.privileged && acl.owner() != old.owner() {
            return Err(Errno::EPERM);
        }
        space.set_acl(&path, acl)?;
        self.changed(call, &path, Some(&settled), sink);
        Ok(())
    }

    /// One entry of SET_PERMS; marked if its domain does not exist.
    fn entry(&mut self, text: &[u8]) -> Result<Entry, Errno> {
        let (letter, number) = text.split_first().ok_or(Errno::EINVAL)?;
        let access = Access::from_letter(*letter).ok_or(Errno::EINVAL)?;
        let domid = DomId(lax::whole_number(number).ok_or(Errno::EINVAL)?);
        let any =
            domid == DomId::ANY && self.world.rules.features & super::personality::DOMID_ANY != 0;
        let generation = self.world.tree.generation();
        let exists = any || self.world.domains.existing(domid, generation).is_some();
        Ok(Entry {
            access,
            domid,
            ignored: !exists,
        })
    }

    /// Events and acknowledgement of a change.
    fn changed(&mut self, call: &mut Call<'_>, path: &str, old: Option<&Acl>, sink: &mut dyn Sink) {
        if let Some(transaction) = &mut call.transaction {
            transaction.note_event(path, Reach::Above);
            call.request.ack(sink);
        } else {
            self.fire(path, Reach::Above, old, sink);
            call.request.ack(sink);
        }
    }

    /// Permissions of `@introduceDomain` or `@releaseDomain`.
    pub(super) fn special_acl(&self, name: &[u8]) -> Option<&Acl> {
        let domains = &self.world.domains;
        match PHANTOM_NODES.iter().position(|n| n.as_bytes() == name)? {
            0 => Some(&domains.introduce_acl),
            _ => Some(&domains.release_acl),
        }
    }

    fn set_special_acl(&mut self, name: &[u8], acl: Acl) {
        let domains = &mut self.world.domains;
        if name == PHANTOM_NODES[0].as_bytes() {
            domains.introduce_acl = acl;
        } else {
            domains.release_acl = acl;
        }
    }
}
