//! WATCH and UNWATCH.

use super::path::{self, Path};
use super::perms::Who;
use super::watches::{Event, Place, Watch};
use super::{PRIVILEGED_MAX, Response};
use crate::store::core::Core;
use crate::store::quota::exceeded;
use crate::store::request::Request;
use crate::wire::Errno;

impl Core {
    pub(super) fn oxen_watch(
        &mut self,
        request: &Request<'_>,
        who: Who,
        events: &mut Vec<Event>,
    ) -> Result<Response, Errno> {
        let (name, token) = two_strings(request.payload)?;
        let from = request.from;
        let home = self.home(from);
        let place = place(name, &home)?;
        let watches = self.oxen.watches.count(from);
        let full = if who.is_privileged() {
            watches >= PRIVILEGED_MAX
        } else {
            exceeded(watches, self.world.quotas.watches)
        };
        if full {
            return Err(Errno::EQUOTA);
        }
        let relative = !matches!(name.first(), Some(b'/' | b'@'));
        let watch = Watch {
            connection: from,
            token: token.into(),
            name: name.into(),
            hidden: if relative { home.len() + 1 } else { 0 },
        };
        events.push(watch.event());
        self.oxen
            .watches
            .add(place, watch)
            .inspect_err(|_| events.clear())?;
        Ok(Response::Ack)
    }

    pub(super) fn oxen_unwatch(&mut self, request: &Request<'_>) -> Result<Response, Errno> {
        let (name, token) = two_strings(request.payload)?;
        let home = self.home(request.from);
        // What cannot be watched is not watched, but a path must be something.
        path::absolute(name, &home)?;
        let place = place(name, &home).map_err(|_| Errno::ENOENT)?;
        self.oxen.watches.remove(&place, request.from, token)?;
        Ok(Response::Ack)
    }
}

/// Where a watch is.
fn place(name: &[u8], home: &str) -> Result<Place, Errno> {
    let text = path::absolute(name, home)?;
    if text.first() == Some(&b'@') {
        return Ok(Place::Special(text.into()));
    }
    Path::parse(&text).map(Place::Node)
}

/// Exactly two strings.
fn two_strings(payload: &[u8]) -> Result<(&[u8], &[u8]), Errno> {
    let strings: Vec<&[u8]> = payload.splitn(4, |byte| *byte == 0).collect();
    match strings[..] {
        [first, second, []] => Ok((first, second)),
        _ => Err(Errno::EINVAL),
    }
}
