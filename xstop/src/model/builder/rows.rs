//! Rows of what is dirty.

use std::sync::Arc;

use xenbus::DomId;
use xenbus::device::parallel::map_all;
use xenbus::device::{DeviceId, Subject};

use super::Builder;
use crate::model::{Counts, DeviceRow, DomainRow, Flow, Role};

impl Builder {
    /// Puts the rows of everything that is dirty together again.
    pub(super) fn put_rows_together(&mut self) {
        let ids: Vec<DeviceId> = std::mem::take(&mut self.dirty.device_rows)
            .into_iter()
            .collect();
        let rows = map_all(&ids, |id| self.device_row(id));
        for (id, row) in ids.into_iter().zip(rows) {
            let domain = id.domain();
            let old = if let Some(row) = &row {
                self.rows.insert(id, Arc::clone(row))
            } else {
                self.metered.remove(&id);
                self.rows.remove(&id)
            };
            if old.is_none() && row.is_none() {
                continue;
            }
            self.dirty.lists = true;
            self.dirty.domain_rows.insert(domain);
            let (old, row) = (old.as_deref(), row.as_deref());
            let was = old.and_then(DeviceRow::backend_domain);
            let is = row.and_then(DeviceRow::backend_domain);
            if was != is {
                self.dirty.domain_rows.extend(was.into_iter().chain(is));
            }
            self.totals.replace(old, row);
        }
        let ids: Vec<DomId> = std::mem::take(&mut self.dirty.domain_rows)
            .into_iter()
            .collect();
        if ids.is_empty() {
            return;
        }
        self.dirty.lists = true;
        let rows = map_all(&ids, |id| self.domain_row(*id));
        for (id, row) in ids.into_iter().zip(rows) {
            match row {
                Some(row) => drop(self.domains.insert(id, row)),
                None => drop(self.domains.remove(&id)),
            }
        }
    }

    fn device_row(&self, id: &DeviceId) -> Option<Arc<DeviceRow>> {
        let device = self.host.devices.get(id)?;
        Some(Arc::new(DeviceRow {
            device: Arc::clone(device),
            past: self.history.device(id).cloned().unwrap_or_default(),
            traffic: self
                .metered
                .get(id)
                .and_then(|metered| metered.last.clone()),
            findings: self.findings.of(&Subject::Device(id.clone())).to_vec(),
        }))
    }

    fn domain_row(&self, id: DomId) -> Option<Arc<DomainRow>> {
        let domain = self.host.domains.get(&id)?;
        let mut counts = Counts::default();
        let mut flow = Flow::default();
        for device in self.host.devices_of(id) {
            counts.add(device);
            let metered = self.metered.get(&device.id);
            let traffic = metered.and_then(|metered| metered.last.as_ref());
            flow = flow.plus(traffic.map_or_else(Flow::default, |traffic| traffic.flow));
        }
        let serves = self.totals.served_by(id);
        let mut findings = 0;
        let mut worst = None;
        for row in self.findings.of_domain(id) {
            findings += 1;
            worst = worst.max(Some(row.finding.severity));
        }
        let roles = &self.host.roles;
        Some(Arc::new(DomainRow {
            domain: Arc::clone(domain),
            since: self.history.domain(id).copied(),
            role: if roles.control == Some(id) {
                Role::Control
            } else if roles.store.known() == Some(&id) {
                Role::Store
            } else if serves > 0 {
                Role::Driver
            } else {
                Role::Guest
            },
            devices: counts,
            serves,
            findings,
            worst,
            flow,
        }))
    }
}
