//! What values say.

use crate::device::XenbusState;
use crate::device::layout::Abi;
use crate::device::reading::{BadValue, decimal, decimal32, domid};
use crate::device::vbd::VbdNumber;

/// How a value is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Value {
    /// It speaks for itself.
    Plain,
    /// A state of the xenbus handshake.
    State,
    /// `0` or `1`.
    Flag,
    /// The number of a domain.
    Domain,
    /// The number of a block device.
    Vbd,
    /// Memory in KiB.
    Kib,
    /// A size in bytes.
    Bytes,
    /// Sectors of 512 bytes.
    Sectors,
    /// A grant reference.
    Grant,
    /// A frame number.
    Frame,
    /// A port of an event channel.
    Port,
    /// The logarithm of a number of pages.
    Order,
    /// Hexadecimal `major:minor`.
    MajorMinor,
    /// Bits of a disk: 1 CD-ROM, 2 removable, 4 read-only.
    DiskInfo,
    /// `r` or `w`.
    Mode,
    /// `bytes,microseconds`.
    Rate,
    /// What a hotplug script reports.
    Hotplug,
    /// The ABI of a frontend.
    Protocol,
    /// What a domain is asked to do.
    Shutdown,
}

impl Value {
    /// What a value says in words; none if it speaks for itself. Printable, whatever the value is.
    pub fn says(self, value: &[u8]) -> Option<String> {
        if self == Self::Plain || value.is_empty() {
            return None;
        }
        Some(match self.read(value) {
            Ok(text) => text,
            Err(why) => format!("unreadable, {}", BadValue::new(value, why)),
        })
    }

    fn read(self, value: &[u8]) -> Result<String, &'static str> {
        let number = || decimal(value, u64::MAX);
        Ok(match self {
            Self::Plain => String::new(),
            Self::State => {
                let state = XenbusState::parse(value)?;
                match state.meaning() {
                    Some(meaning) => format!("{state} ({meaning})"),
                    None => return Err("is no state that exists"),
                }
            }
            Self::Flag => match value {
                b"0" => "no".to_owned(),
                b"1" => "yes".to_owned(),
                _ => return Err("is neither 0 nor 1"),
            },
            Self::Domain => format!("domain {}", domid(value)?),
            Self::Vbd => VbdNumber(decimal32(value, u32::MAX)?).to_string(),
            Self::Kib => size(number()?, 1024),
            Self::Bytes => size(number()?, 1),
            Self::Sectors => size(number()?, 512),
            Self::Grant => format!("grant reference {}", decimal32(value, u32::MAX)?),
            Self::Frame => format!("frame {}", number()?),
            Self::Port => format!("event channel {}", decimal32(value, u32::MAX)?),
            Self::Order => match 1_u32 << decimal32(value, 20)? {
                1 => "1 page".to_owned(),
                pages => format!("{pages} pages"),
            },
            Self::MajorMinor => major_minor(value)?,
            Self::DiskInfo => disk_info(decimal32(value, u32::MAX)?),
            Self::Mode => match value {
                b"r" => "read only".to_owned(),
                b"w" => "read and write".to_owned(),
                _ => return Err("is neither r nor w"),
            },
            Self::Rate => rate(value)?,
            Self::Hotplug => match value {
                b"connected" => "the script has done its part".to_owned(),
                b"disconnected" => "the script has taken the device off".to_owned(),
                b"error" => "the script failed, see hotplug-error".to_owned(),
                _ => return Err("is none of connected, disconnected, error"),
            },
            Self::Protocol => match Abi::parse(value)? {
                Abi::X86_32 => "32-bit x86 structures".to_owned(),
                Abi::X86_64 => "64-bit x86 structures".to_owned(),
                Abi::Arm => "Arm structures".to_owned(),
                Abi::Native => "the backend's own structures".to_owned(),
            },
            Self::Shutdown => match value {
                b"poweroff" => "asked to power off",
                b"halt" => "asked to halt",
                b"reboot" => "asked to reboot",
                b"suspend" => "asked to suspend",
                b"crash" => "asked to crash",
                b"s3" => "asked to sleep in S3",
                _ => return Err("is no request that exists"),
            }
            .to_owned(),
        })
    }
}

/// A size with a unit, rounded to a tenth.
fn size(number: u64, unit: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let bytes = u128::from(number) * u128::from(unit);
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut scale = 1024_u128;
    let mut names = UNITS.iter();
    let mut name = names.next();
    while bytes >= scale * 1024 {
        match names.next() {
            Some(next) => name = Some(next),
            None => break,
        }
        scale *= 1024;
    }
    let tenths = (bytes * 10 + scale / 2) / scale;
    let (whole, tenth) = (tenths / 10, tenths % 10);
    let name = name.unwrap_or(&"");
    if tenth == 0 {
        format!("{whole} {name}")
    } else {
        format!("{whole}.{tenth} {name}")
    }
}

fn major_minor(value: &[u8]) -> Result<String, &'static str> {
    const WRONG: &str = "is not hexadecimal major:minor";
    let text = str::from_utf8(value).map_err(|_| WRONG)?;
    let (major, minor) = text.split_once(':').ok_or(WRONG)?;
    let hex = |text: &str| {
        let digits = Some(text).filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        number.ok_or(WRONG)
    };
    Ok(format!("device {}:{} in decimal", hex(major)?, hex(minor)?))
}

fn disk_info(bits: u32) -> String {
    let mut words = Vec::new();
    for (bit, word) in [(1, "CD-ROM"), (2, "removable"), (4, "read only")] {
        if bits & bit != 0 {
            words.push(word.to_owned());
        }
    }
    if bits > 7 {
        words.push(format!("unknown bits {:#x}", bits & !7));
    }
    if words.is_empty() {
        words.push("a disk to read and write".to_owned());
    }
    words.join(", ")
}

fn rate(value: &[u8]) -> Result<String, &'static str> {
    const WRONG: &str = "is not bytes,microseconds";
    let at = value.iter().position(|b| *b == b',').ok_or(WRONG)?;
    let bytes = decimal(&value[..at], u64::MAX).map_err(|_| WRONG)?;
    let micros = decimal(&value[at + 1..], u64::MAX).map_err(|_| WRONG)?;
    let per_second = (u128::from(bytes) * 1_000_000)
        .checked_div(u128::from(micros))
        .and_then(|rate| u64::try_from(rate).ok());
    Ok(match per_second {
        Some(rate) => format!("at most {}/s", size(rate, 1)),
        None => "no limit".to_owned(),
    })
}
