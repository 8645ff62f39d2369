//! Rows of what is dirty.

use std::collections::BTreeMap;
use std::sync::Arc;

use xenbus::DomId;
use xenbus::device::Subject;

use super::Builder;
use crate::model::{Counts, DeviceRow, DomainRow, Flow, Role};

impl Builder {
    /// Puts the rows of everything that is dirty together again.
    pub(super) fn put_rows_together(&mut self) {
        let devices = std::mem::take(&mut self.dirty.device_rows);
        for id in devices {
            let Some(device) = self.host.devices.get(&id) else {
                if let Some(gone) = self.rows.remove(&id) {
                    self.metered.remove(&id);
                    self.dirty.domain_rows.insert(id.domain());
                    self.dirty.domain_rows.extend(gone.backend_domain());
                    self.dirty.lists = true;
                }
                continue;
            };
            let row = DeviceRow {
                device: Arc::clone(device),
                past: self.history.device(&id).cloned().unwrap_or_default(),
                traffic: self
                    .metered
                    .get(&id)
                    .and_then(|metered| metered.last.clone()),
                findings: self.findings.of(&Subject::Device(id.clone())).to_vec(),
            };
            self.dirty.domain_rows.insert(id.domain());
            let old = self.rows.get(&id);
            if old.map(|old| old.backend_domain()) != Some(row.backend_domain()) {
                self.dirty
                    .domain_rows
                    .extend(old.and_then(|old| old.backend_domain()));
                self.dirty.domain_rows.extend(row.backend_domain());
            }
            self.rows.insert(id, Arc::new(row));
            self.dirty.lists = true;
        }
        let domains = std::mem::take(&mut self.dirty.domain_rows);
        if domains.is_empty() {
            return;
        }
        self.dirty.lists = true;
        let mut backends: BTreeMap<DomId, usize> = BTreeMap::new();
        for row in self.rows.values() {
            if let Some(back) = row.device.back.known() {
                *backends.entry(back.domain).or_default() += 1;
            }
        }
        for id in domains {
            let Some(domain) = self.host.domains.get(&id) else {
                self.domains.remove(&id);
                continue;
            };
            let mut counts = Counts::default();
            let mut flow = Flow::default();
            for device in self.host.devices_of(id) {
                counts.add(device);
                let metered = self.metered.get(&device.id);
                let traffic = metered.and_then(|metered| metered.last.as_ref());
                flow = flow.plus(traffic.map_or_else(Flow::default, |traffic| traffic.flow));
            }
            let serves = backends.get(&id).copied().unwrap_or(0);
            let mut findings = 0;
            let mut worst = None;
            for row in self.findings.of_domain(id) {
                findings += 1;
                worst = worst.max(Some(row.finding.severity));
            }
            let roles = &self.host.roles;
            let row = DomainRow {
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
            };
            self.domains.insert(id, Arc::new(row));
        }
    }
}
