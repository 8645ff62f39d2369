//! Who is who on a host: the only place that knows a domain by its number.
//!
//! Since Xen 4.21 control, hardware and store domain may be different ones; a driver domain is simply one with
//! backends.

use super::nodes::{Folder, Nodes, Notes};
use super::reading::{self, Reading};
use crate::id::DomId;
use crate::path::StorePath;

/// The special domains of a host.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Roles {
    /// The domain in which the store runs (`/tool/xenstored/domid`, absent when it is the first domain).
    pub store: Reading<DomId>,
    /// The domain that controls the others, if one of the known domains does. XenStore does not say it: it is the
    /// first domain where there is one, as every toolstack has it.
    pub control: Option<DomId>,
}

impl Roles {
    /// Finds the roles among these domains.
    pub(crate) fn read(nodes: &dyn Nodes, domains: impl IntoIterator<Item = DomId>) -> Self {
        let remarks = Notes::default();
        let store = match StorePath::parse("/tool/xenstored") {
            Ok(path) => Folder::new(nodes, &remarks, path).read("domid", reading::domid),
            Err(_) => Reading::Missing,
        };
        Self {
            store: match store {
                Reading::Missing => Reading::Known(DomId::DOM0),
                other => other,
            },
            ..Self::of(domains)
        }
    }

    /// What the domains themselves tell; where the store runs is not known then.
    pub(crate) fn of(domains: impl IntoIterator<Item = DomId>) -> Self {
        Self {
            store: Reading::Denied,
            control: domains.into_iter().find(|domain| *domain == DomId::DOM0),
        }
    }

    /// Whether a domain is part of the host rather than a guest on it.
    pub fn is_infrastructure(&self, domain: DomId) -> bool {
        self.control == Some(domain) || self.store.known() == Some(&domain)
    }
}
