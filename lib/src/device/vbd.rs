//! Numbers of virtual block devices and the names that people use for them.
//!
//! The number is a Linux device number (`docs/man/xen-vbd-interface.7`): `major << 8 | minor`, or the extended form
//! `1 << 28 | disk << 8 | partition` for `xvd` disks that do not fit into it.

use std::fmt;

/// Number of a virtual block device: the key `virtual-device` and the name of the device's directory.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VbdNumber(pub u32);

/// Majors of two IDE disks each, and of sixteen SCSI disks each (Linux `devices.txt`).
const IDE: [u32; 10] = [3, 22, 33, 34, 56, 57, 88, 89, 90, 91];
const SCSI: [u32; 16] = [
    8, 65, 66, 67, 68, 69, 70, 71, 128, 129, 130, 131, 132, 133, 134, 135,
];
const XVD_MAJOR: u32 = 202;
const EXTENDED: u32 = 1 << 28;
/// Disks and partitions of the extended form: 20 and 8 bits.
const EXTENDED_DISKS: u32 = 1 << 20;

impl VbdNumber {
    /// The number of `xvda`, `xvda1`, `hdc`, `sdb3`, `xvdaa`…; `None` if there is no such name.
    pub fn from_name(name: &str) -> Option<Self> {
        let kind = name.get(..3).filter(|k| *k == "xvd").or(name.get(..2))?;
        let rest = &name[kind.len()..];
        let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let (letters, digits) = rest.split_at(letters);
        let disk = disk_of(letters)?;
        let partition = match digits {
            "" => 0,
            _ if digits.starts_with('0') || digits.len() > 3 => return None,
            _ => digits.parse::<u32>().ok()?,
        };
        match kind {
            "xvd" if disk < 16 && partition < 16 => {
                Some(Self(XVD_MAJOR << 8 | disk << 4 | partition))
            }
            "xvd" if disk < EXTENDED_DISKS && partition < 256 => {
                Some(Self(EXTENDED | disk << 8 | partition))
            }
            "hd" if partition < 64 => {
                let major = IDE.get(usize::try_from(disk / 2).ok()?)?;
                Some(Self(major << 8 | (disk % 2) << 6 | partition))
            }
            "sd" if partition < 16 => {
                let major = SCSI.get(usize::try_from(disk / 16).ok()?)?;
                Some(Self(major << 8 | (disk % 16) << 4 | partition))
            }
            _ => None,
        }
    }

    /// The name that belongs to the number; `None` if it is of no known form.
    pub fn name(self) -> Option<String> {
        let number = self.0;
        let (kind, disk, partition) = if number >= EXTENDED {
            if number >> 28 != 1 {
                return None;
            }
            ("xvd", (number & (EXTENDED - 1)) >> 8, number & 0xFF)
        } else {
            let (major, minor) = (number >> 8, number & 0xFF);
            if major == XVD_MAJOR {
                ("xvd", minor >> 4, minor & 0xF)
            } else if let Some(at) = place(&IDE, major) {
                ("hd", at * 2 + (minor >> 6), minor & 0x3F)
            } else if let Some(at) = place(&SCSI, major) {
                ("sd", at * 16 + (minor >> 4), minor & 0xF)
            } else {
                return None;
            }
        };
        if kind == "hd" && (number & 0xFF) >> 6 > 1 {
            return None;
        }
        let letters = letters_of(disk);
        Some(if partition == 0 {
            format!("{kind}{letters}")
        } else {
            format!("{kind}{letters}{partition}")
        })
    }
}

impl fmt::Display for VbdNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(&name),
            None => f.pad(&self.0.to_string()),
        }
    }
}

fn place(majors: &[u32], major: u32) -> Option<u32> {
    let at = majors.iter().position(|m| *m == major)?;
    u32::try_from(at).ok()
}

/// `a` is 0, `z` 25, `aa` 26.
fn disk_of(letters: &str) -> Option<u32> {
    if letters.is_empty() || letters.len() > 5 {
        return None;
    }
    let number = letters
        .bytes()
        .fold(0_u32, |disk, b| disk * 26 + u32::from(b - b'a') + 1);
    Some(number - 1)
}

fn letters_of(disk: u32) -> String {
    let mut rest = disk + 1;
    let mut letters = Vec::new();
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'a' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_and_names_are_those_of_the_interface_document() {
        for (number, name) in [
            (51712, "xvda"),
            (51713, "xvda1"),
            (51728, "xvdb"),
            (51952, "xvdp"),
            (268_439_552, "xvdq"),
            (268_441_856, "xvdz"),
            (268_442_112, "xvdaa"),
            (268_435_471 + 1, "xvda16"),
            (768, "hda"),
            (832, "hdb"),
            (5632, "hdc"),
            (2048, "sda"),
            (2051, "sda3"),
            (2064, "sdb"),
            (16640, "sdq"),
        ] {
            assert_eq!(VbdNumber(number).name().as_deref(), Some(name));
            assert_eq!(VbdNumber::from_name(name), Some(VbdNumber(number)));
        }
    }

    #[test]
    fn what_has_no_name_stays_a_number() {
        for number in [0, 1, 255, 9 << 8, 3 << 8 | 0x80, 2 << 28, u32::MAX] {
            assert_eq!(VbdNumber(number).name(), None, "{number}");
            assert_eq!(VbdNumber(number).to_string(), number.to_string());
        }
        for name in [
            "",
            "x",
            "xvd",
            "xv",
            "hd",
            "xvda0",
            "xvda01",
            "xvd1",
            "hdz1",
            "sda16",
            "xvdA",
            "xvdé",
            "é",
            "xvdzzzzzz",
        ] {
            assert_eq!(VbdNumber::from_name(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_leads_back_to_a_number_with_that_name(number: u32) {
            if let Some(name) = VbdNumber(number).name() {
                let again = VbdNumber::from_name(&name).unwrap();
                prop_assert_eq!(again.name(), Some(name));
            }
        }

        #[test]
        fn any_text_is_no_panic(text: String) {
            let _ = VbdNumber::from_name(&text);
        }
    }
}
