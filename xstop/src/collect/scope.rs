//! What can be seen from here, and with which mirrors.

use std::collections::BTreeMap;

use xenbus::client::Operations;
use xenbus::device::id::BackendPlace;
use xenbus::device::{Host, Nodes, Several};
use xenbus::error::Result;
use xenbus::mirror::{Mirror, MirrorEvent, MirrorOptions, Mirrored, Subscription};
use xenbus::watch::Bell;
use xenbus::{Client, DomId, StorePath};

use super::wanted::WANTED;
use crate::model::Scope;

/// Most ends of devices that are followed one by one; a guest may have 128 watches.
const SINGLE_MAX: usize = 100;

/// Changes that may wait for the collector.
const QUEUE: usize = 1 << 18;

/// The mirrors that follow what can be seen.
pub(super) struct Mirrors {
    client: Client,
    bell: Bell,
    /// The one that has most: everything, or the own home.
    pub(super) main: Followed,
    /// Single ends of devices in other domains' homes.
    singles: BTreeMap<StorePath, Followed>,
    scope: Scope,
    extent: Extent,
}

/// What the mirrors hold, and when they show it.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    /// Whether that is every node and not only what the model needs.
    pub(super) is_full: bool,
    /// Whether what was read so far is shown before everything was read once.
    pub(super) has_progress: bool,
}

/// A mirror, and what it tells.
pub(super) struct Followed {
    pub(super) mirror: Mirror,
    /// None until everything was read once: what is there from the start is no news.
    events: Option<Subscription>,
}

impl Mirrors {
    /// Starts to follow what can be seen.
    pub(super) fn start(
        client: &Client,
        scope: Scope,
        extent: Extent,
        bell: &Bell,
    ) -> Result<Self> {
        let top = match scope {
            Scope::Host => StorePath::root(),
            Scope::Domain(own) => StorePath::home(own),
        };
        Ok(Self {
            main: Followed::start(client, &top, bell, true, extent)?,
            extent,
            client: client.clone(),
            bell: bell.clone(),
            singles: BTreeMap::new(),
            scope,
        })
    }

    /// Calls `look` with all nodes, while none of them changes.
    pub(super) fn look<T>(&self, look: impl FnOnce(&dyn Nodes) -> T) -> T {
        let mirrors: Vec<&Mirror> = std::iter::once(&self.main)
            .chain(self.singles.values())
            .map(|followed| &followed.mirror)
            .collect();
        let mut result = None;
        let mut look = Some(look);
        look_at_all(&mirrors, Vec::new(), &mut |nodes| {
            if let Some(look) = look.take() {
                result = Some(look(nodes));
            }
        });
        // The closure above was called exactly once.
        result.unwrap_or_else(|| unreachable!("the mirrors were not looked at"))
    }

    /// Everything that all mirrors have told since the last time.
    pub(super) fn events(&self) -> Vec<MirrorEvent> {
        let mut events = Vec::new();
        for followed in std::iter::once(&self.main).chain(self.singles.values()) {
            while let Some(event) = followed.events.as_ref().and_then(Subscription::try_next) {
                events.push(event);
            }
        }
        events
    }

    /// From now on changes are told. Whoever looks at the nodes after this misses none.
    pub(super) fn listen(&mut self) {
        self.main.listen(&self.bell);
    }

    /// All nodes, for a recording.
    pub(super) fn each(&self, mut tell: impl FnMut(&std::sync::Arc<Mirrored>)) {
        for followed in std::iter::once(&self.main).chain(self.singles.values()) {
            followed.mirror.look(|view| {
                view.subtree(followed.mirror.top()).for_each(&mut tell);
            });
        }
    }

    /// In a domain: follows the other ends of its devices, one by one, and stops to follow those that are gone.
    /// Whether that made a difference.
    pub(super) fn follow_other_ends(&mut self, host: &Host) -> bool {
        let Scope::Domain(own) = self.scope else {
            return false;
        };
        let mut ends: Vec<StorePath> = host
            .devices
            .values()
            .flat_map(|device| {
                let said = device.front.known().and_then(|front| front.backend.known());
                // Only a place that can be this device's: guests write what they like.
                let back = said.filter(|path| {
                    BackendPlace::parse(path).is_some_and(|place| {
                        place.frontend == device.id.domain() && place.domain != own
                    })
                });
                let front = device.id.frontend().filter(|_| device.id.domain() != own);
                [back.cloned(), front]
            })
            .flatten()
            .collect();
        ends.sort_unstable();
        ends.dedup();
        ends.truncate(SINGLE_MAX);
        let before: Vec<StorePath> = self.singles.keys().cloned().collect();
        if before == ends {
            return false;
        }
        self.singles.retain(|path, _| ends.contains(path));
        for path in ends {
            if !self.singles.contains_key(&path)
                && let Ok(followed) =
                    Followed::start(&self.client, &path, &self.bell, false, self.extent)
            {
                self.singles.insert(path, followed);
            }
        }
        before.len() != self.singles.len() || before.iter().ne(self.singles.keys())
    }

    /// The domain in which this runs, if it says so.
    pub(super) fn own(&self) -> Option<DomId> {
        match self.scope {
            Scope::Domain(own) => Some(own),
            Scope::Host => self.client.own_domid().ok(),
        }
    }
}

impl Followed {
    fn start(
        client: &Client,
        top: &StorePath,
        bell: &Bell,
        is_main: bool,
        extent: Extent,
    ) -> Result<Self> {
        let mut options = MirrorOptions::default();
        if !extent.is_full {
            options.wants = Some(WANTED);
        }
        options.tell_all = is_main;
        options.parts = is_main && extent.has_progress;
        options.first_bell = is_main.then(|| bell.clone());
        let mut followed = Self {
            mirror: Mirror::start(client, top, options)?,
            events: None,
        };
        if !is_main {
            followed.listen(bell);
        }
        Ok(followed)
    }

    fn listen(&mut self, bell: &Bell) {
        self.events = Some(self.mirror.subscribe(QUEUE, Some(bell.clone())));
    }
}

fn look_at_all<'a>(
    mirrors: &[&Mirror],
    mut seen: Vec<&'a dyn Nodes>,
    look: &mut dyn FnMut(&dyn Nodes),
) {
    match mirrors {
        [] => look(&Several(std::mem::take(&mut seen))),
        [last] if seen.is_empty() => last.look(|view| look(&view)),
        [first, rest @ ..] => first.look(|view| {
            let mut seen: Vec<&dyn Nodes> = seen.clone();
            seen.push(&view);
            look_at_all(rest, seen, look);
        }),
    }
}
