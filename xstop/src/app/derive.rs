//! What follows from the state of the screen: rows, windows, what is to be followed.

use xenbus::StorePath;
use xenbus::device::DeviceId;

use super::{App, Effect, Key, Place, Purpose, Summary, Table, ViewId, rows, table};
use crate::view::device::Doc;

impl App {
    /// Makes everything that is derived anew: rows, windows.
    pub(super) fn refresh(&mut self) {
        let snapshot = self.past.shown().cloned();
        let view = self.view();
        self.tree.set_frozen(self.past.is_frozen());
        if let Some(snapshot) = &snapshot
            && self.summary.0 != self.past.version()
        {
            self.summary = (self.past.version(), Summary::of(snapshot));
        }
        if view == ViewId::Tree {
            let table = self.tables.get(&view).unwrap_or(&table::EMPTY);
            self.tree.refresh(&table.filter, &table.text);
        } else if let Some(snapshot) = &snapshot {
            let made_for = Some((self.past.version(), self.place.clone()));
            let place = self.place.clone();
            let table = self
                .tables
                .entry(view)
                .or_insert_with(|| Table::new(view, view.default_sort()));
            if !matches!(place, Place::Device(_)) && table.made_for != made_for {
                let rows = rows::of(snapshot, &place, table, &self.witness);
                table.list.set(rows);
                table.made_for = made_for;
            }
        }
        let body = crate::view::regions(self).body;
        let height = crate::view::list_height(self, body);
        match &self.place {
            Place::Device(_) => self.settle_doc(usize::from(body.width), usize::from(body.height)),
            Place::View(ViewId::Tree) => self.tree.list.settle(height),
            _ => self.table_mut().list.settle(height),
        }
    }

    fn settle_doc(&mut self, columns: usize, rows: usize) {
        let doc = self.describe(columns);
        self.doc.cursor = self.doc.cursor.min(doc.lines.len().saturating_sub(1));
        self.doc.offsets = doc.settle(self.doc.cursor, self.doc.offsets, rows);
    }

    /// The description of the device that is shown, in so many columns.
    pub fn describe(&self, columns: usize) -> Doc {
        let look = crate::view::look(self);
        match (self.snapshot(), self.device()) {
            (Some(snapshot), Some(row)) => {
                let part = |path: Option<&StorePath>| self.parts.get(path?);
                let subject = crate::view::device::Subject {
                    snapshot,
                    row,
                    front: part(row.device.front.known().map(|front| &front.path)),
                    back: part(row.device.back.known().map(|back| &back.path)),
                    is_hex: self.manner.is_hex,
                };
                Doc::new(&subject, &look, columns)
            }
            _ => Doc::default(),
        }
    }

    /// What is to be followed of the store now; told when it differs from before.
    pub(super) fn wants(&mut self) -> Vec<Effect> {
        let mut wanted = Vec::new();
        if let Some(row) = self.device() {
            let device = &row.device;
            wanted.extend(device.front.known().map(|front| front.path.clone()));
            wanted.extend(device.back.known().map(|back| back.path.clone()));
        }
        let is_path = self
            .prompt
            .as_ref()
            .is_some_and(|prompt| prompt.purpose == Purpose::Path);
        // Once it was wanted it stays: coming back should not begin anew, nor lose the mark. Completion needs it, too,
        // and the log the values of nodes that the model does not have.
        if is_path
            || matches!(self.place, Place::View(ViewId::Tree | ViewId::Events))
            || self.followed.contains(self.tree.top())
        {
            wanted.push(self.tree.top().clone());
        }
        let mut effects = Vec::new();
        if wanted != self.followed {
            self.parts.retain(|top, _| wanted.contains(top));
            self.followed.clone_from(&wanted);
            effects.push(Effect::Follow(wanted));
        }
        let visible = self.visible_devices();
        if visible != self.visible {
            self.visible.clone_from(&visible);
            effects.push(Effect::Visible(visible));
        }
        effects
    }

    /// The devices whose counters are seen.
    fn visible_devices(&self) -> Vec<DeviceId> {
        let body = crate::view::regions(self).body;
        let list = &self.table().list;
        let rows = list
            .rows()
            .iter()
            .skip(list.offset())
            .take(crate::view::list_height(self, body));
        match &self.place {
            Place::Device(id) => vec![id.clone()],
            Place::View(ViewId::Tree | ViewId::Events | ViewId::Findings) => Vec::new(),
            // Rows of domains show sums of their devices.
            Place::View(ViewId::Overview) => {
                let Some(snapshot) = self.snapshot() else {
                    return Vec::new();
                };
                let devices = rows.filter_map(|key| match key {
                    Key::Domain(id) => Some(snapshot.devices_of(*id)),
                    _ => None,
                });
                devices.flatten().map(|row| row.device.id.clone()).collect()
            }
            _ => {
                let mut devices: Vec<DeviceId> = rows
                    .filter_map(|key| match key {
                        Key::Device(id) | Key::Ring(id, _) => Some(id.clone()),
                        _ => None,
                    })
                    .collect();
                devices.dedup();
                devices
            }
        }
    }
}
