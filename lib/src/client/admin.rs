//! Operations about the store, its domains and their limits; most need privilege.

use super::directory::{self, DirectoryPart};
use super::operations::{ok, text};
use super::{Client, Operations as _, Request, Route, Subject};
use crate::error::{Error, Result};
use crate::id::DomId;
use crate::path::StorePath;
use crate::transport::Watches;
use crate::value::escape;
use crate::wire::{Op, Payload};

impl Client {
    /// Any operation with any payload, outside transactions; the answer's payload as it is. Nothing is checked but
    /// what would do harm: RM of the root, RESET_WATCHES on a device, and WATCH, whose events would be lost.
    pub fn raw(&self, op: Op, payload: &[u8]) -> Result<Vec<u8>> {
        self.submit(Request::raw(op, payload)).wait()
    }

    /// CONTROL: a command of the daemon and its arguments; gives its answer, without a NUL at the end. Privileged.
    ///
    /// oxenstored answers `OK` to commands that it does not have.
    pub fn control(&self, command: &[&str]) -> Result<Vec<u8>> {
        let shown = escape(command.join(" ").as_bytes()).to_string();
        if command.is_empty() || command.iter().any(|word| word.contains('\0')) {
            return Err(Error::Refused {
                op: Op::CONTROL,
                path: shown,
                reason: "a command has one word at least, and no NUL in it",
            });
        }
        let payload = command.iter().fold(Payload::new(), Payload::string);
        let mut answer = self.ask(Op::CONTROL, payload, Subject::Text(shown))?;
        if answer.last() == Some(&0) {
            answer.pop();
        }
        Ok(answer)
    }

    /// INTRODUCE: makes a domain known to the store, with the frame number of its ring page (which C xenstored does
    /// not use) and its event channel. Privileged; the domain must exist.
    pub fn introduce(&self, domid: DomId, gfn: u64, event_channel: u32) -> Result<()> {
        let payload = domain(Op::INTRODUCE, domid)?
            .string(gfn.to_string())
            .string(event_channel.to_string());
        ok(&self.ask(Op::INTRODUCE, payload, Subject::Domain(domid))?)
    }

    /// RELEASE: makes the store forget a domain. Privileged.
    pub fn release(&self, domid: DomId) -> Result<()> {
        let payload = domain(Op::RELEASE, domid)?;
        ok(&self.ask(Op::RELEASE, payload, Subject::Domain(domid))?)
    }

    /// RESUME: re-arms `@releaseDomain` for a domain that was suspended. Privileged.
    pub fn resume(&self, domid: DomId) -> Result<()> {
        let payload = domain(Op::RESUME, domid)?;
        ok(&self.ask(Op::RESUME, payload, Subject::Domain(domid))?)
    }

    /// SET_TARGET: gives `domid` (a device model's domain) the rights of `target`. Privileged.
    pub fn set_target(&self, domid: DomId, target: DomId) -> Result<()> {
        domain(Op::SET_TARGET, target)?;
        let payload = domain(Op::SET_TARGET, domid)?.string(target.to_string());
        ok(&self.ask(Op::SET_TARGET, payload, Subject::Domain(domid))?)
    }

    /// IS_DOMAIN_INTRODUCED: whether the store knows a domain. Privileged.
    pub fn is_introduced(&self, domid: DomId) -> Result<bool> {
        let payload = Payload::new().string(domid.to_string());
        let subject = Subject::Domain(domid);
        match text(&self.ask(Op::IS_DOMAIN_INTRODUCED, payload, subject)?)? {
            "T" => Ok(true),
            "F" => Ok(false),
            other => Err(Error::Protocol {
                what: format!(
                    "the answer \"{}\" instead of T or F",
                    escape(other.as_bytes())
                ),
            }),
        }
    }

    /// RESET_WATCHES: the store drops the open transactions of this client, and its watches, which are set again
    /// (their owners see a Reset).
    ///
    /// # Errors
    /// [`Error::Refused`] on a kernel's device: it would take away the kernel's own watches, and with them device
    /// hot-plug until the next boot.
    pub fn reset_watches(&self) -> Result<()> {
        let payload = Payload::new().string("");
        ok(&self.ask(Op::RESET_WATCHES, payload, Subject::Nothing)?)?;
        self.hub().reset()
    }

    /// DIRECTORY_PART: the children of a node from `offset` bytes into their list. [`super::Operations::directory`]
    /// does this by itself where it is needed.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the store lacks it (oxenstored).
    pub fn directory_part(&self, path: &StorePath, offset: u32) -> Result<DirectoryPart> {
        directory::part(self.shared(), &Route::Any, path, offset)
    }

    /// Whether the store has GET_FEATURE, that is, whether it is of Xen 4.21 or later and not oxenstored. Asked once
    /// per connection.
    pub fn has_features(&self) -> Result<bool> {
        let domid = self.own_domid().unwrap_or(DomId::DOM0);
        self.shared().has_features(domid)
    }

    /// GET_FEATURE: the feature bits of the store, or of a domain (another than the own one needs privilege). The bits
    /// are those of [`crate::transport::ring::Features`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Xen 4.21.
    pub fn feature(&self, domid: Option<DomId>) -> Result<u32> {
        if !self.has_features()? {
            return Err(Error::Unsupported {
                op: Op::GET_FEATURE,
            });
        }
        let payload = match domid {
            Some(domid) => domain(Op::GET_FEATURE, domid)?,
            None => Payload::new(),
        };
        number(&self.ask_optional(Op::GET_FEATURE, payload, of(domid))?)
    }

    /// SET_FEATURE: sets the feature bits of a domain that is not introduced yet. Privileged.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Xen 4.21.
    pub fn set_feature(&self, domid: DomId, bits: u32) -> Result<()> {
        let payload = domain(Op::SET_FEATURE, domid)?.string(bits.to_string());
        ok(&self.ask_optional(Op::SET_FEATURE, payload, Subject::Domain(domid))?)
    }

    /// GET_QUOTA without arguments: the names of the quotas. Privileged.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Xen 4.22.
    pub fn quota_names(&self) -> Result<Vec<String>> {
        if !self.has_features()? {
            return Err(Error::Unsupported { op: Op::GET_QUOTA });
        }
        let answer = self.ask_optional(Op::GET_QUOTA, Payload::new(), Subject::Nothing)?;
        let names = text(&answer)?.split_ascii_whitespace();
        Ok(names.map(str::to_owned).collect())
    }

    /// GET_QUOTA: a quota's value, for all domains that have none of their own, or for one. Privileged.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Xen 4.22.
    pub fn quota(&self, domid: Option<DomId>, name: &str) -> Result<u32> {
        let payload = quota(Op::GET_QUOTA, domid, name)?;
        number(&self.ask_optional(Op::GET_QUOTA, payload, Subject::Text(name.into()))?)
    }

    /// SET_QUOTA: sets a quota, for all domains that have none of their own, or for one; 0 is no limit. Privileged.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Xen 4.22.
    pub fn set_quota(&self, domid: Option<DomId>, name: &str, value: u32) -> Result<()> {
        let payload = quota(Op::SET_QUOTA, domid, name)?.string(value.to_string());
        ok(&self.ask_optional(Op::SET_QUOTA, payload, Subject::Text(name.into()))?)
    }

    /// Whether somebody does watches: a NetBSD device does none, and watches there look again at intervals.
    pub fn watches(&self) -> Result<Watches> {
        Ok(self.shared().connection()?.traits.watches)
    }

    fn ask(&self, op: Op, payload: Payload, subject: Subject) -> Result<Vec<u8>> {
        self.submit(Request {
            op,
            payload,
            subject,
        })
        .wait()
    }

    fn ask_optional(&self, op: Op, payload: Payload, subject: Subject) -> Result<Vec<u8>> {
        let request = Request {
            op,
            payload,
            subject,
        };
        self.shared().optional(request, &Route::Any)
    }
}

/// A domain's number as the first argument; reserved numbers are refused, because the daemons read them loosely.
fn domain(op: Op, domid: DomId) -> Result<Payload> {
    if domid.is_domain() {
        return Ok(Payload::new().string(domid.to_string()));
    }
    Err(Error::Refused {
        op,
        path: format!("domain {domid}"),
        reason: "the number is reserved (a domain's is below 32752)",
    })
}

fn quota(op: Op, domid: Option<DomId>, name: &str) -> Result<Payload> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(Error::Refused {
            op,
            path: escape(name.as_bytes()).to_string(),
            reason: "that is no name of a quota",
        });
    }
    let payload = match domid {
        Some(domid) => domain(op, domid)?,
        None => Payload::new(),
    };
    Ok(payload.string(name))
}

fn of(domid: Option<DomId>) -> Subject {
    domid.map_or(Subject::Nothing, Subject::Domain)
}

fn number(payload: &[u8]) -> Result<u32> {
    let text = text(payload)?;
    text.parse().map_err(|_| Error::Protocol {
        what: format!(
            "the answer \"{}\" instead of a number",
            escape(text.as_bytes())
        ),
    })
}
