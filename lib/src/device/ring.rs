//! Rings as the store announces them: pages, grant references, event channels, per queue.
//!
//! XenStore holds the geometry of a ring, never its indices: how full a ring is comes from [`crate::counters`].

use std::borrow::Cow;
use std::fmt;

use super::class::{Class, Reference, RingKeys, Scope};
use super::layout::{Abi, Capacity, Layout};
use super::nodes::Folder;
use super::reading::{self, BadValue, Reading};

/// Most queues of one device that we look at. Drivers use one per virtual CPU.
pub const MAX_QUEUES: u32 = 256;

/// Most pages of one ring. Linux' block devices use at most 16.
pub const MAX_PAGES: u32 = 256;

/// Most streams (sound, display) and numbered rings of one device that we look at.
const MAX_STREAMS: usize = 256;

/// A ring that a frontend has announced.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ring {
    /// What it is for ("tx", "requests"; the key in classes that we do not know).
    pub role: Cow<'static, str>,
    /// Which of several it is.
    pub place: Place,
    /// What its pages look like.
    pub layout: Layout,
    /// Number of pages.
    pub pages: Reading<u32>,
    /// The pages that are announced, in order. Fewer than `pages` if the frontend left some out.
    pub references: Vec<PageReference>,
    /// The port of its event channel on the frontend's side.
    pub channel: Reading<u32>,
    /// How much it holds.
    pub capacity: Capacity,
}

impl Ring {
    /// Whether its requests are empty buffers that wait for data, as in the ring towards a guest's network interface:
    /// such a ring should be full.
    pub fn holds_buffers(&self) -> bool {
        self.layout == Layout::NETIF_RX
    }

    /// Whether every page is announced.
    pub fn is_complete(&self) -> bool {
        self.pages
            .known()
            .is_some_and(|pages| usize::try_from(*pages) == Ok(self.references.len()))
    }
}

/// Which of several rings of a role one is.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// The only one.
    Device,
    /// Of this queue.
    Queue(u32),
    /// Of this number (9pfs).
    Number(u32),
    /// Of the stream in this directory (sound: `PCM/STREAM`, display: `CONNECTOR`).
    Stream(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device => Ok(()),
            Self::Queue(number) | Self::Number(number) => write!(f, "{number}"),
            Self::Stream(stream) => f.write_str(stream),
        }
    }
}

/// How a page is named.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PageReference {
    /// An entry in the frontend domain's grant table (`grant_ref_t`).
    Grant(u32),
    /// A frame number of the frontend domain.
    Frame(u64),
}

/// All rings of a device.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rings {
    /// How many queues the frontend uses (`multi-queue-num-queues`; missing means one).
    pub queues: Reading<u32>,
    /// The frontend's ABI.
    pub abi: Abi,
    /// Every announced ring.
    pub list: Vec<Ring>,
}

impl Rings {
    /// Reads what the frontend announces in its directory.
    pub(crate) fn read(class: &Class, front: &Folder<'_>) -> Self {
        let abi = front
            .read("protocol", |value| match value {
                // The toolstack writes the terminal type of a console under the same key.
                b"vt100" => Ok(Abi::Native),
                _ => Abi::parse(value),
            })
            .unwrap_or(Abi::Native);
        let queues = front.read("multi-queue-num-queues", queue_count);
        let mut list = Vec::new();
        if class.is_generic() {
            read_unknown(front, &mut list);
        }
        for keys in class.rings {
            for (place, folder, suffix) in folders(keys, front, &queues) {
                list.extend(read_ring(keys, place, front, &folder, &suffix, abi));
            }
        }
        Self { queues, abi, list }
    }
}

fn queue_count(value: &[u8]) -> Result<u32, &'static str> {
    match reading::decimal32(value, MAX_QUEUES)? {
        0 => Err("is out of range"),
        count => Ok(count),
    }
}

/// The directories in which a ring of this kind is announced, and what is appended to its keys there.
fn folders<'a>(
    keys: &RingKeys,
    front: &Folder<'a>,
    queues: &Reading<u32>,
) -> Vec<(Place, Folder<'a>, String)> {
    let here = |place| vec![(place, front.clone(), String::new())];
    match keys.scope {
        Scope::Device => here(Place::Device),
        Scope::Queue => {
            let numbers: Vec<u32> = match queues {
                Reading::Known(count) if *count > 1 => (0..*count).collect(),
                Reading::Unreadable(_) => existing_queues(front),
                // A frontend with one queue may write it either way.
                _ if is_announced(keys, front) => return here(Place::Queue(0)),
                _ => vec![0],
            };
            numbers
                .into_iter()
                .filter_map(|number| {
                    let folder = front.inside(&format!("queue-{number}"))?;
                    Some((Place::Queue(number), folder, String::new()))
                })
                .collect()
        }
        Scope::Numbered(count) => {
            let most = u32::try_from(MAX_STREAMS).unwrap_or(u32::MAX);
            (0..front.number(count, most).unwrap_or(0))
                .map(|number| (Place::Number(number), front.clone(), number.to_string()))
                .collect()
        }
        Scope::Streams(depth) => streams(front, depth)
            .into_iter()
            .filter_map(|stream| {
                let folder = front.inside(&stream)?;
                Some((Place::Stream(stream), folder, String::new()))
            })
            .collect(),
    }
}

fn existing_queues(front: &Folder<'_>) -> Vec<u32> {
    let mut numbers: Vec<u32> = match front.names() {
        Reading::Known(names) => names
            .iter()
            .filter_map(|name| name.strip_prefix("queue-"))
            .filter_map(|number| reading::decimal32(number.as_bytes(), MAX_QUEUES - 1).ok())
            .collect(),
        _ => Vec::new(),
    };
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn streams(front: &Folder<'_>, depth: u8) -> Vec<String> {
    let mut level = vec![String::new()];
    for _ in 0..depth {
        let mut next = Vec::new();
        for above in &level {
            let folder = if above.is_empty() {
                Some(front.clone())
            } else {
                front.inside(above)
            };
            let Some(Reading::Known(names)) = folder.map(|folder| folder.names()) else {
                continue;
            };
            for name in names {
                if next.len() < MAX_STREAMS && name.bytes().all(|b| b.is_ascii_digit()) {
                    next.push(if above.is_empty() {
                        name
                    } else {
                        format!("{above}/{name}")
                    });
                }
            }
        }
        level = next;
    }
    level
}

/// The key of the first page, and the key that older guests use instead.
fn first_keys(keys: &RingKeys, suffix: &str) -> (String, Option<String>) {
    match keys.reference {
        Reference::Grant(key) | Reference::Frame(key) => (format!("{key}{suffix}"), None),
        Reference::Grants(key) => (key.to_owned(), Some(format!("{key}0"))),
        Reference::GrantOrFrame(grant, frame) => (grant.to_owned(), Some(frame.to_owned())),
    }
}

fn is_announced(keys: &RingKeys, folder: &Folder<'_>) -> bool {
    let (first, second) = first_keys(keys, "");
    !folder.bytes(&first).is_missing() || second.is_some_and(|key| !folder.bytes(&key).is_missing())
}

fn read_ring(
    keys: &RingKeys,
    place: Place,
    front: &Folder<'_>,
    folder: &Folder<'_>,
    suffix: &str,
    abi: Abi,
) -> Option<Ring> {
    let (pages, references) = match keys.reference {
        Reference::Grants(key) => read_pages(key, front, folder)?,
        Reference::Grant(key) => one(&grant(folder, &format!("{key}{suffix}")))?,
        Reference::Frame(key) => one(&frame(folder, &format!("{key}{suffix}")))?,
        Reference::GrantOrFrame(grant_key, frame_key) => {
            one(&grant(folder, grant_key).or(|| frame(folder, frame_key)))?
        }
    };
    let channel = keys
        .channels
        .iter()
        .map(|key| folder.number(&format!("{key}{suffix}"), u32::MAX))
        .find(|port| !port.is_missing())
        .unwrap_or_default();
    let capacity = match &pages {
        Reading::Known(pages) => keys.layout.capacity(*pages, abi),
        _ => Capacity::Unknown,
    };
    Some(Ring {
        role: keys.role.into(),
        place,
        layout: keys.layout,
        pages,
        references,
        channel,
        capacity,
    })
}

fn grant(folder: &Folder<'_>, key: &str) -> Reading<PageReference> {
    folder.number(key, u32::MAX).map(PageReference::Grant)
}

fn frame(folder: &Folder<'_>, key: &str) -> Reading<PageReference> {
    folder
        .read(key, |value| reading::decimal(value, u64::MAX))
        .map(PageReference::Frame)
}

/// A ring of one page; none if its key is missing.
fn one(reference: &Reading<PageReference>) -> Option<(Reading<u32>, Vec<PageReference>)> {
    match reference {
        Reading::Missing => None,
        Reading::Known(page) => Some((Reading::Known(1), vec![*page])),
        Reading::Denied | Reading::Unreadable(_) => Some((Reading::Known(1), Vec::new())),
    }
}

/// A ring of several pages (`io/blkif.h`): `ring-page-order` n means 2^n pages, `num-ring-pages` the number itself.
/// With several queues Linux' frontend writes the order once, beside their directories.
fn read_pages(
    key: &str,
    front: &Folder<'_>,
    folder: &Folder<'_>,
) -> Option<(Reading<u32>, Vec<PageReference>)> {
    let order = |value: &[u8]| reading::decimal32(value, MAX_PAGES.ilog2()).map(|order| 1 << order);
    let number = |value: &[u8]| match reading::decimal32(value, MAX_PAGES)? {
        0 => Err("is out of range"),
        pages => Ok(pages),
    };
    let is_queue = folder.path() != front.path();
    let mut pages = folder.read("ring-page-order", order);
    if pages.is_missing() {
        pages = folder.read("num-ring-pages", number);
    }
    if pages.is_missing() && is_queue {
        pages = front.read("ring-page-order", order);
    }
    if pages.is_missing() && is_queue {
        pages = front.read("num-ring-pages", number);
    }
    let pages = match pages {
        Reading::Missing => Reading::Known(1),
        other => other,
    };
    let single = grant(folder, key);
    let mut references = Vec::new();
    let mut announced = !single.is_missing();
    if let Reading::Known(page) = single {
        references.push(page);
    } else {
        for number in 0..pages.unwrap_or(1) {
            match grant(folder, &format!("{key}{number}")) {
                Reading::Known(page) => references.push(page),
                Reading::Missing => break,
                Reading::Denied | Reading::Unreadable(_) => {
                    announced = true;
                    break;
                }
            }
        }
    }
    announced |= !references.is_empty();
    announced.then_some((pages, references))
}

/// Rings of a class that is not in the table: every key that is named as such keys are.
fn read_unknown(front: &Folder<'_>, list: &mut Vec<Ring>) {
    let mut places = vec![(Place::Device, front.clone())];
    for number in existing_queues(front) {
        if let Some(folder) = front.inside(&format!("queue-{number}")) {
            places.push((Place::Queue(number), folder));
        }
    }
    for (place, folder) in places {
        let Reading::Known(names) = folder.names() else {
            continue;
        };
        for key in names {
            let stem = key.trim_end_matches(|c: char| c.is_ascii_digit());
            let is_grant = stem.ends_with("ring-ref") || stem.ends_with("-gref");
            if !is_grant && stem != "page-ref" {
                continue;
            }
            if list.len() >= MAX_STREAMS {
                if let Ok(path) = front.path().child(&key) {
                    let why = "is one ring too many";
                    front.notes().add(path, BadValue::new(b"", why));
                }
                return;
            }
            let reference = if is_grant {
                grant(&folder, &key)
            } else {
                frame(&folder, &key)
            };
            if let Some((pages, references)) = one(&reference) {
                let channel = folder
                    .number("event-channel", u32::MAX)
                    .or(|| folder.number("port", u32::MAX));
                list.push(Ring {
                    role: key.into(),
                    place: place.clone(),
                    layout: Layout::Unknown,
                    pages,
                    references,
                    channel,
                    capacity: Capacity::Unknown,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
