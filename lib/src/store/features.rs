//! Features and quotas as operations of their own (Xen 4.21 and 4.22).

use super::administration::Empty;
use super::core::{Call, Core};
use super::lax;
use super::output::Sink;
use super::quota;
use crate::wire::Errno;

impl Core {
    pub(super) fn get_feature(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let all = self.world.rules.features;
        let features = if call.request.payload.is_empty() {
            all
        } else {
            let domid = self.lax_domid(call.request.one_string()?, Empty::Wrong)?;
            if !call.caller.privileged && domid != call.caller.domid {
                return Err(Errno::EACCES);
            }
            let domain = self.world.domains.get(domid).ok_or(Errno::ENOENT)?;
            domain.features.unwrap_or(all)
        };
        call.request.reply(sink, format!("{features}\0").as_bytes());
        Ok(())
    }

    pub(super) fn set_feature(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let [domid, value] = call.request.first_strings()?;
        let domid = self.lax_domid(domid, Empty::Wrong)?;
        let value = lax::whole_number(value).ok_or(Errno::EINVAL)?;
        let (all, generation) = (self.world.rules.features, self.world.tree.generation());
        let domain = self.world.domains.existing(domid, generation);
        let domain = domain.ok_or(Errno::ENOENT)?;
        if domain.introduced {
            return Err(Errno::EBUSY);
        }
        if value & !all != 0 {
            return Err(Errno::EINVAL);
        }
        domain.features = Some(value);
        call.request.ack(sink);
        Ok(())
    }

    pub(super) fn get_quota(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let strings: Vec<&[u8]> = call.request.strings().collect();
        let answer = match strings[..] {
            [] => quota::NAMES
                .iter()
                .map(|row| row.name)
                .collect::<Vec<_>>()
                .join(" "),
            [name] => {
                let row = quota::named(name).ok_or(Errno::EINVAL)?;
                (row.value)(&mut self.world.quotas).to_string()
            }
            [domid, name] => {
                let domid = self.lax_domid(domid, Empty::Wrong)?;
                let domain = self.world.domains.get(domid).ok_or(Errno::ENOENT)?;
                let row = quota::named(name).ok_or(Errno::EINVAL)?;
                let own = domain.quotas.get(row.name).copied();
                let value = own.unwrap_or_else(|| *(row.value)(&mut self.world.quotas));
                value.to_string()
            }
            _ => return Err(Errno::EINVAL),
        };
        call.request.reply(sink, format!("{answer}\0").as_bytes());
        Ok(())
    }

    pub(super) fn set_quota(
        &mut self,
        call: &mut Call<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Errno> {
        let strings: Vec<&[u8]> = call.request.strings().collect();
        let (domid, name, value) = match strings[..] {
            [name, value] => (None, name, value),
            [domid, name, value] => (Some(self.lax_domid(domid, Empty::Wrong)?), name, value),
            _ => return Err(Errno::EINVAL),
        };
        let row = quota::named(name).ok_or(Errno::EINVAL)?;
        let value = lax::whole_number(value).ok_or(Errno::EINVAL)?;
        match domid {
            None => *(row.value)(&mut self.world.quotas) = value,
            Some(domid) => {
                let domain = self.world.domains.get_mut(domid).ok_or(Errno::ENOENT)?;
                domain.quotas.insert(row.name, value);
            }
        }
        call.request.ack(sink);
        Ok(())
    }
}
